//! Links to attachments, as the command line asks for them.

use super::carry_out::{BY, find};
use super::folder::{self, FolderRequest};
use crate::house::House;
use crate::links::{Rules, Wish, in_megabytes, megabytes};
use anyhow::{Context, Result, anyhow};
use proto::types::{Address, Secret};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Link, LinkId};
use zeroize::Zeroize;

/// What may be asked.
#[derive(Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum LinksRequest {
    /// Links, newest first.
    List {
        /// Of this account only.
        address: Option<Address>,
    },
    /// It works no more.
    Revoke {
        /// Which.
        link: u64,
    },
    /// It works for so many days from now.
    Extend {
        /// Which.
        link: u64,
        /// How long.
        days: u32,
    },
    /// It asks for a password, or no longer.
    Password {
        /// Which.
        link: u64,
        /// The password.
        password: Option<String>,
    },
    /// The rules, after these changes.
    Settings(Changes),
    /// Where attachments are kept.
    Folder(FolderRequest),
}

/// Changes of the rules; what is `None` stays.
#[derive(Debug, Clone, Default, Serialize, Deserialize, clap::Args)]
pub struct Changes {
    /// Whether attachments become links
    #[arg(long)]
    pub on: Option<bool>,
    /// Where the world reaches this box, such as https://mail.example.com
    #[arg(long)]
    pub address: Option<String>,
    /// A part over so many MB leaves
    #[arg(long, value_name = "MB")]
    pub part: Option<String>,
    /// Over so many MB of the message its largest parts leave
    #[arg(long, value_name = "MB")]
    pub message: Option<String>,
    /// How many days a link works
    #[arg(long)]
    pub days: Option<u32>,
    /// How many MB of the card attachments may take
    #[arg(long, value_name = "MB")]
    pub budget: Option<String>,
    /// Types that stay in the mail, such as image/* or .dwg, with commas between
    #[arg(long)]
    pub exempt: Option<String>,
    /// Decide for this account only
    #[arg(long, value_parser = Address::parse, requires = "linked")]
    pub account: Option<Address>,
    /// Whether that account's attachments become links
    #[arg(long, requires = "account")]
    pub linked: Option<bool>,
}

impl Drop for LinksRequest {
    fn drop(&mut self) {
        if let Self::Password {
            password: Some(password),
            ..
        } = self
        {
            password.zeroize();
        }
    }
}

pub(super) async fn carry_out(house: &House, ask: &LinksRequest) -> Result<Value> {
    let change = async |link: u64, wish: Wish| {
        let changed = house.links.change(LinkId(link), None, wish, BY).await;
        anyhow::Ok(shown(house, &changed.with_context(|| format!("link {link}"))?))
    };
    match ask {
        LinksRequest::List { address } => {
            let account = address.as_ref().map(|address| find(house, address)).transpose()?;
            let links = house.links.list(account.map(|account| account.id))?;
            Ok(links.iter().map(|link| shown(house, link)).collect())
        }
        LinksRequest::Revoke { link } => change(*link, Wish::Revoke).await,
        LinksRequest::Extend { link, days } => change(*link, Wish::Extend(*days)).await,
        LinksRequest::Password { link, password } => {
            let secret = password
                .as_ref()
                .map(|text| Secret::new(text.clone().into_bytes()));
            change(*link, Wish::Password(secret)).await
        }
        LinksRequest::Folder(ask) => folder::carry_out(house, ask).await,
        LinksRequest::Settings(changes) => {
            let before = house.links.rules()?;
            let rules = changed(house, before.clone(), changes)?;
            if rules != before {
                house.links.set_rules(rules).await?;
            }
            settings_shown(house)
        }
    }
}

fn changed(house: &House, mut rules: Rules, changes: &Changes) -> Result<Rules> {
    let octets = |typed: &Option<String>, before: u64| match typed {
        Some(typed) => megabytes(typed).map_err(|words| anyhow!(words)),
        None => Ok(before),
    };
    rules.on = changes.on.unwrap_or(rules.on);
    rules.days = changes.days.unwrap_or(rules.days);
    rules.part = octets(&changes.part, rules.part)?;
    rules.message = octets(&changes.message, rules.message)?;
    rules.budget = octets(&changes.budget, rules.budget)?;
    if let Some(address) = &changes.address {
        rules.address = Some(address.clone());
    }
    if let Some(exempt) = &changes.exempt {
        rules.exempt = exempt.split(',').map(str::to_owned).collect();
    }
    if let (Some(address), Some(linked)) = (&changes.account, changes.linked) {
        rules.accounts.insert(find(house, address)?.id, linked);
    }
    Ok(rules)
}

fn settings_shown(house: &House) -> Result<Value> {
    let (rules, room) = (house.links.rules()?, house.links.room()?);
    let accounts = house.store.snapshot()?.accounts()?;
    let unlinked: Vec<_> = accounts
        .iter()
        .filter(|account| rules.accounts.get(&account.id) == Some(&false))
        .map(|account| account.address.to_string())
        .collect();
    Ok(json!({
        "on": rules.on,
        "address": rules.address,
        "part_mb": in_megabytes(rules.part),
        "message_mb": in_megabytes(rules.message),
        "days": rules.days,
        "budget_mb": in_megabytes(rules.budget),
        "exempt": rules.exempt,
        "without_links": unlinked,
        "files": room.files,
        "used": room.used,
    }))
}

fn shown(house: &House, link: &Link) -> Value {
    let now = house.clock.now();
    let state = match (link.gone, link.revoked) {
        (Some(_), _) => "gone",
        (None, Some(_)) => "revoked",
        (None, None) if link.works(now) => "works",
        (None, None) => "expired",
    };
    json!({
        "id": link.id.0,
        "name": link.name,
        "size": link.size,
        "recipient": link.recipient,
        "state": state,
        "message": link.message,
        "created": link.created,
        "expires": link.expires,
        "password": link.password_hash.is_some(),
        "downloads": link.downloads,
        "last_download": link.last_download,
    })
}
