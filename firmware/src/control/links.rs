//! Links to attachments, as the command line asks for them.

use super::accounts::find;
use super::carry_out::BY;
use super::folder::{self, FolderRequest};
use crate::house::House;
use crate::links::{Checked, Rules, Wish, in_megabytes, megabytes};
use anyhow::{Context, Result, anyhow, bail};
use proto::types::{AccountId, Address, Secret};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Link, LinkId};
use web_setup::LinkState;
use zeroize::Zeroize;

/// What may be asked.
#[derive(Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum LinksRequest {
    /// Links, newest first.
    List {
        /// Of this account only.
        address: Option<Address>,
        /// Older than this one.
        before: Option<u64>,
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
    /// Whether the world reaches the links, asked now.
    Check,
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
    #[arg(long, value_parser = Address::parse, requires = "decision")]
    pub account: Option<Address>,
    /// Whether that account's attachments become links
    #[arg(long, requires = "account", group = "decision")]
    pub linked: Option<bool>,
    /// Whether large attachments of mail to that account from the world become links for it
    #[arg(long, requires = "account", group = "decision")]
    pub incoming: Option<bool>,
    /// Whether links are made even where the check of the address says that nobody reaches them
    #[arg(long)]
    pub trusted: Option<bool>,
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
        LinksRequest::List { address, before } => {
            let account = address.as_ref().map(|address| find(house, address)).transpose()?;
            let of = account.map(|account| account.id);
            let (links, _) = house.links.list(of, before.map(LinkId))?;
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
        LinksRequest::Check => {
            let Some(checked) = house.links.check(&house.dns).await? else {
                bail!("say first at which address the world reaches this box: links settings --address");
            };
            Ok(check_shown(house, &checked)?)
        }
        LinksRequest::Settings(changes) => {
            let edit = Edit::read(house, changes)?;
            if house.links.change_rules(|rules| edit.apply(rules)).await? {
                house.links.check(&house.dns).await?;
            }
            settings_shown(house)
        }
    }
}

// The changes, with what is typed read.
struct Edit<'a> {
    changes: &'a Changes,
    part: Option<u64>,
    message: Option<u64>,
    budget: Option<u64>,
    account: Option<AccountId>,
}

impl<'a> Edit<'a> {
    fn read(house: &House, changes: &'a Changes) -> Result<Self> {
        let octets = |typed: &Option<String>| {
            let read = typed.as_deref().map(megabytes).transpose();
            read.map_err(|words| anyhow!(words))
        };
        let account = changes.account.as_ref();
        Ok(Self {
            changes,
            part: octets(&changes.part)?,
            message: octets(&changes.message)?,
            budget: octets(&changes.budget)?,
            account: account
                .map(|address| find(house, address))
                .transpose()?
                .map(|account| account.id),
        })
    }

    fn apply(&self, rules: &mut Rules) {
        let changes = self.changes;
        rules.on = changes.on.unwrap_or(rules.on);
        rules.days = changes.days.unwrap_or(rules.days);
        rules.part = self.part.unwrap_or(rules.part);
        rules.message = self.message.unwrap_or(rules.message);
        rules.budget = self.budget.unwrap_or(rules.budget);
        rules.trusted = changes.trusted.unwrap_or(rules.trusted);
        if let Some(address) = &changes.address {
            rules.address = Some(address.clone());
        }
        if let Some(exempt) = &changes.exempt {
            rules.exempt = exempt.split(',').map(str::to_owned).collect();
        }
        let Some(account) = self.account else { return };
        if let Some(linked) = changes.linked {
            rules.accounts.insert(account, linked);
        }
        match changes.incoming {
            Some(true) => drop(rules.incoming.insert(account)),
            Some(false) => drop(rules.incoming.remove(&account)),
            None => {}
        }
    }
}

fn check_shown(house: &House, checked: &Checked) -> Result<Value> {
    let snapshot = house.store.snapshot()?;
    let rules = Rules::read(&snapshot)?;
    Ok(json!({
        "address": checked.address,
        "reached": checked.reach.as_str(),
        "why": checked.words,
        "at": checked.at,
        "links_are_made": rules.on && rules.may_be_reached(&snapshot),
    }))
}

fn settings_shown(house: &House) -> Result<Value> {
    let (rules, room) = (house.links.rules()?, house.links.room()?);
    let accounts = house.store.snapshot()?.accounts()?;
    let those = |chosen: &dyn Fn(AccountId) -> bool| -> Vec<String> {
        let chosen = accounts.iter().filter(|account| chosen(account.id));
        chosen.map(|account| account.address.to_string()).collect()
    };
    let checked = house.links.checked()?;
    let checked = checked.map(|checked| check_shown(house, &checked)).transpose()?;
    Ok(json!({
        "on": rules.on,
        "address": rules.address,
        "part_mb": in_megabytes(rules.part),
        "message_mb": in_megabytes(rules.message),
        "days": rules.days,
        "budget_mb": in_megabytes(rules.budget),
        "exempt": rules.exempt,
        "trusted": rules.trusted,
        "check": checked,
        "without_links": those(&|id| !rules.is_for(id)),
        "incoming_too": those(&|id| rules.incoming.contains(&id)),
        "files": room.files,
        "octets": room.used,
    }))
}

fn shown(house: &House, link: &Link) -> Value {
    let state = match house.links.state_of(link) {
        LinkState::Works => "works",
        LinkState::Expired => "expired",
        LinkState::Withdrawn => "revoked",
        LinkState::Gone => "gone",
        LinkState::Damaged => "damaged",
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
