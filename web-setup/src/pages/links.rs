//! Links to attachments: an account's own, and what the office set.

use super::accounts::find;
use crate::Site;
use crate::appliance::{Account, Appliance, Fault};
use crate::links::{LinkDesk, LinkRow, LinkRules, LinkState, LinkWish};
use crate::page::{Failure, Frame, Moment, Page, Posted, Tab, secret, show, show_again};
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect};
use proto::message::linking::size_words;
use proto::types::Secret;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "links.html")]
struct DeskPage {
    frame: Frame,
    said: Option<&'static str>,
    fault: Option<String>,
    rules: LinkRules,
    files: u64,
    used: String,
    budget: String,
    free: String,
    scarce: bool,
    accounts: Vec<(String, String, bool)>,
}

/// What was just done, told on the page that follows.
#[derive(Deserialize)]
pub(crate) struct Said {
    said: Option<String>,
}

impl Said {
    fn words(&self) -> Option<&'static str> {
        match self.said.as_deref()? {
            "set" => Some("It is set, and counts for the next message."),
            "extend" => Some("The link works again for that long, counted from now."),
            "revoke" => Some("The link works no more."),
            "password" => Some("The link asks for the new password."),
            "open" => Some("The link asks for no password."),
            _ => None,
        }
    }
}

async fn desk<A: Appliance>(site: &Site<A>) -> Result<DeskPage, Fault> {
    let LinkDesk {
        rules,
        files,
        used,
        budget,
        free,
        accounts,
    } = site.appliance.links().await?;
    let accounts = accounts
        .into_iter()
        .map(|(id, address, on)| (id.to_string(), address.to_string(), on));
    Ok(DeskPage {
        frame: Frame::admin("Links", Tab::Outgoing),
        said: None,
        fault: None,
        rules,
        files,
        used: size_words(used),
        budget: size_words(budget),
        free: size_words(free),
        scarce: used / 4 > budget / 5,
        accounts: accounts.collect(),
    })
}

pub(crate) async fn office<A: Appliance>(State(site): State<Site<A>>, Query(said): Query<Said>) -> Page {
    show(&DeskPage {
        said: said.words(),
        ..desk(&site).await?
    })
}

#[derive(Deserialize)]
pub(crate) struct RulesForm {
    on: Option<String>,
    #[serde(default)]
    address: String,
    #[serde(default)]
    part: String,
    #[serde(default)]
    message: String,
    #[serde(default)]
    days: String,
    #[serde(default)]
    budget: String,
    #[serde(default)]
    exempt: String,
}

pub(crate) async fn set<A: Appliance>(State(site): State<Site<A>>, Posted(form): Posted<RulesForm>) -> Page {
    let rules = LinkRules {
        on: form.on.is_some(),
        address: form.address,
        part_mb: form.part,
        message_mb: form.message,
        days: form.days,
        budget_mb: form.budget,
        exempt: form.exempt,
    };
    match site.appliance.set_link_rules(rules.clone()).await {
        Ok(()) => Ok(Redirect::to("/links?said=set").into_response()),
        Err(Fault::Refused(words)) => show_again(&DeskPage {
            fault: Some(words),
            rules,
            ..desk(&site).await?
        }),
        Err(fault) => Err(fault.into()),
    }
}

struct RowView {
    id: u64,
    name: String,
    size: String,
    recipient: String,
    created: Moment,
    expires: Moment,
    state: &'static str,
    chip: &'static str,
    gone: bool,
    works: bool,
    locked: bool,
    downloads: u64,
    last: Option<Moment>,
}

impl From<LinkRow> for RowView {
    fn from(row: LinkRow) -> Self {
        let (state, chip) = match row.state {
            LinkState::Works => ("works", "active"),
            LinkState::Expired => ("expired", "none"),
            LinkState::Withdrawn => ("withdrawn", "frozen"),
            LinkState::Gone => ("file gone", "none"),
        };
        Self {
            id: row.id,
            name: row.name,
            size: size_words(row.size),
            recipient: row.recipient.to_string(),
            created: row.created.into(),
            expires: row.expires.into(),
            state,
            chip,
            gone: row.state == LinkState::Gone,
            works: row.state == LinkState::Works,
            locked: row.locked,
            downloads: row.downloads,
            last: row.last_download.map(Moment::from),
        }
    }
}

#[derive(Template)]
#[template(path = "account_links.html")]
struct AccountPage {
    frame: Frame,
    id: String,
    address: String,
    on: bool,
    said: Option<&'static str>,
    fault: Option<String>,
    rows: Vec<RowView>,
}

async fn page<A: Appliance>(site: &Site<A>, account: &Account) -> Result<AccountPage, Fault> {
    let links = site.appliance.account_links(account.id).await?;
    Ok(AccountPage {
        frame: Frame::admin("Links", Tab::Accounts),
        id: account.id.to_string(),
        address: links.address.to_string(),
        on: links.on,
        said: None,
        fault: None,
        rows: links.rows.into_iter().map(RowView::from).collect(),
    })
}

pub(crate) async fn account<A: Appliance>(
    State(site): State<Site<A>>,
    Path(id): Path<String>,
    Query(said): Query<Said>,
) -> Page {
    let account = find(&site, &id).await?;
    show(&AccountPage {
        said: said.words(),
        ..page(&site, &account).await?
    })
}

#[derive(Deserialize)]
pub(crate) struct SwitchForm {
    linked: String,
}

pub(crate) async fn switch<A: Appliance>(
    State(site): State<Site<A>>,
    Path(id): Path<String>,
    Posted(form): Posted<SwitchForm>,
) -> Page {
    let account = find(&site, &id).await?;
    site.appliance
        .switch_links(account.id, form.linked == "yes")
        .await?;
    Ok(Redirect::to(&format!("/accounts/{}/links?said=set", account.id)).into_response())
}

#[derive(Deserialize)]
pub(crate) struct ExtendForm {
    link: String,
    days: String,
}

pub(crate) async fn extend<A: Appliance>(
    State(site): State<Site<A>>,
    Path(id): Path<String>,
    Posted(form): Posted<ExtendForm>,
) -> Page {
    // What is no number is out of bounds, too.
    let days = form.days.trim().parse().unwrap_or(0);
    change(&site, &id, &form.link, LinkWish::Extend(days), "extend").await
}

#[derive(Deserialize)]
pub(crate) struct LinkForm {
    link: String,
}

pub(crate) async fn revoke<A: Appliance>(
    State(site): State<Site<A>>,
    Path(id): Path<String>,
    Posted(form): Posted<LinkForm>,
) -> Page {
    change(&site, &id, &form.link, LinkWish::Revoke, "revoke").await
}

#[derive(Deserialize)]
pub(crate) struct PasswordForm {
    link: String,
    #[serde(deserialize_with = "secret")]
    password: Secret,
}

/// An empty password takes the old one away.
pub(crate) async fn password<A: Appliance>(
    State(site): State<Site<A>>,
    Path(id): Path<String>,
    Posted(form): Posted<PasswordForm>,
) -> Page {
    let password = Some(form.password).filter(|password| !password.expose().is_empty());
    let said = if password.is_some() { "password" } else { "open" };
    change(&site, &id, &form.link, LinkWish::Password(password), said).await
}

async fn change<A: Appliance>(site: &Site<A>, id: &str, link: &str, wish: LinkWish, said: &str) -> Page {
    let account = find(site, id).await?;
    let link = link.parse().map_err(|_| Failure::not_found())?;
    match site.appliance.change_link(account.id, link, wish).await {
        Ok(()) => {
            let to = format!("/accounts/{}/links?said={said}", account.id);
            Ok(Redirect::to(&to).into_response())
        }
        Err(Fault::Refused(words)) => show_again(&AccountPage {
            fault: Some(words),
            ..page(site, &account).await?
        }),
        Err(fault) => Err(fault.into()),
    }
}
