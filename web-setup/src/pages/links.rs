//! Links to attachments: an account's own, and what the office set.

use super::accounts::find;
use super::devices::Owner;
use crate::Site;
use crate::accounts::AccountState;
use crate::appliance::{Appliance, Fault};
use crate::links::{LinkCheck, LinkDesk, LinkDirection, LinkRow, LinkRules, LinkState, LinkWish};
use crate::page::{Failure, Frame, Moment, Page, Posted, Said, Tab, secret, show, show_again};
use askama::Template;
use axum::extract::{Path, Query};
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
    check: Option<CheckView>,
    held_back: Option<&'static str>,
    /// The door for links, to be named to the router.
    port: u16,
    files: u64,
    used: String,
    budget: String,
    free: String,
    scarce: bool,
    /// The places with attachments that are not there.
    missing: String,
    accounts: Vec<(String, String, bool)>,
}

struct CheckView {
    reached: Option<bool>,
    words: String,
    at: Moment,
}

impl From<LinkCheck> for CheckView {
    fn from(check: LinkCheck) -> Self {
        Self {
            reached: check.reached,
            words: check.words,
            at: check.at.into(),
        }
    }
}

/// Where an account's list goes on.
#[derive(Deserialize)]
pub(crate) struct Older {
    before: Option<u64>,
}

fn words(said: &Said) -> Option<&'static str> {
    match said.word()? {
        "set" => Some("It is set, and counts for the next message."),
        "extend" => Some("The link works again for that long, counted from now."),
        "revoke" => Some("The link works no more."),
        "password" => Some("The link asks for the new password."),
        "checked" => Some("The box has just called itself; what it found stands below."),
        "open" => Some("The link asks for no password."),
        _ => None,
    }
}

async fn desk<A: Appliance>(site: &Site<A>) -> Result<DeskPage, Fault> {
    let LinkDesk {
        rules,
        check,
        held_back,
        files,
        used,
        budget,
        free,
        accounts,
    } = site.appliance.links().await?;
    let missing = site.appliance.attachment_folder().await?.missing().join(", ");
    let accounts = accounts
        .into_iter()
        .map(|(id, address, on)| (id.to_string(), address.to_string(), on));
    Ok(DeskPage {
        frame: Frame::admin("Large attachments", Tab::Outgoing),
        said: None,
        fault: None,
        rules,
        check: check.map(CheckView::from),
        held_back,
        port: site.appliance.facts().ports.links,
        files,
        used: size_words(used),
        budget: size_words(budget),
        free: size_words(free),
        scarce: used / 4 > budget / 5,
        missing,
        accounts: accounts.collect(),
    })
}

pub(crate) async fn office<A: Appliance>(site: Site<A>, Query(said): Query<Said>) -> Page {
    show(&DeskPage {
        said: words(&said),
        ..desk(&site).await?
    })
}

#[derive(Deserialize)]
pub(crate) struct RulesForm {
    on: Option<String>,
    trusted: Option<String>,
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

pub(crate) async fn set<A: Appliance>(site: Site<A>, Posted(form): Posted<RulesForm>) -> Page {
    let rules = LinkRules {
        on: form.on.is_some(),
        trusted: form.trusted.is_some(),
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

/// Has the box look whether the world reaches it.
pub(crate) async fn check<A: Appliance>(site: Site<A>) -> Page {
    match site.appliance.check_links().await {
        Ok(()) => Ok(Redirect::to("/links?said=checked").into_response()),
        Err(Fault::Refused(words)) => show_again(&DeskPage {
            fault: Some(words),
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
    /// What its end is called.
    until: &'static str,
    gone: bool,
    works: bool,
    locked: bool,
    downloads: u64,
    last: Option<Moment>,
}

impl From<LinkRow> for RowView {
    fn from(row: LinkRow) -> Self {
        let (state, chip, until) = match row.state {
            LinkState::Works => ("works", "active", "Works until"),
            LinkState::Expired => ("expired", "none", "Worked until"),
            LinkState::Withdrawn => ("withdrawn", "frozen", "Was to work until"),
            LinkState::Gone => ("file gone", "none", ""),
            LinkState::Damaged => ("file damaged", "frozen", "Works until"),
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
            until,
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
    /// Where its forms go.
    base: String,
    /// The page above, and its name.
    back: (String, String),
    address: String,
    /// Whether the one who looks decides for this account.
    decides: bool,
    on: bool,
    /// The places with attachments that are not there.
    missing: String,
    incoming: bool,
    said: Option<&'static str>,
    fault: Option<String>,
    held_back: Option<&'static str>,
    /// Why its links give no file, whatever they are worth.
    stopped: Option<String>,
    rows: Vec<RowView>,
    older: Option<u64>,
}

fn base(owner: &Owner) -> String {
    match owner.own {
        Some(_) => "/me/links".to_owned(),
        None => format!("/accounts/{}/links", owner.id),
    }
}

async fn page<A: Appliance>(
    site: &Site<A>,
    owner: &Owner,
    before: Option<u64>,
) -> Result<AccountPage, Fault> {
    let links = site.appliance.account_links(owner.id, before).await?;
    let (frame, back) = match owner.own {
        Some(admin) => (
            Frame::own("Attachments as links", Tab::MyLinks, admin),
            ("/me".to_owned(), "Your account".to_owned()),
        ),
        None => (
            Frame::admin("Attachments as links", Tab::Accounts),
            (format!("/accounts/{}", owner.id), owner.address.clone()),
        ),
    };
    Ok(AccountPage {
        frame,
        base: base(owner),
        back,
        decides: owner.own.is_none(),
        address: links.address.to_string(),
        on: links.on,
        missing: site.appliance.attachment_folder().await?.missing().join(", "),
        incoming: links.incoming,
        said: None,
        fault: None,
        held_back: links.held_back,
        stopped: stopped(site, owner).await?,
        rows: links.rows.into_iter().map(RowView::from).collect(),
        older: links.older,
    })
}

async fn stopped<A: Appliance>(site: &Site<A>, owner: &Owner) -> Result<Option<String>, Fault> {
    let accounts = site.appliance.accounts().await?;
    let account = accounts.into_iter().find(|account| account.id == owner.id);
    Ok(match account.ok_or(Fault::Gone)?.state {
        AccountState::Active | AccountState::Limited => None,
        AccountState::Frozen { reason, .. } => Some(format!("is frozen: {reason}")),
        AccountState::Disabled => Some("is switched off".to_owned()),
    })
}

pub(crate) async fn account<A: Appliance>(
    site: Site<A>,
    Path(id): Path<String>,
    Query(said): Query<Said>,
    Query(older): Query<Older>,
) -> Page {
    let account = find(&site, &id).await?;
    list_of(&site, &Owner::from(&account), &said, &older).await
}

/// The links of one account.
pub(crate) async fn list_of<A: Appliance>(site: &Site<A>, owner: &Owner, said: &Said, older: &Older) -> Page {
    show(&AccountPage {
        said: words(said),
        ..page(site, owner, older.before).await?
    })
}

#[derive(Deserialize)]
pub(crate) struct SwitchForm {
    linked: Option<String>,
    incoming: Option<String>,
}

pub(crate) async fn switch<A: Appliance>(
    site: Site<A>,
    Path(id): Path<String>,
    Posted(form): Posted<SwitchForm>,
) -> Page {
    let account = find(&site, &id).await?;
    for (direction, answer) in [
        (LinkDirection::Outgoing, form.linked),
        (LinkDirection::Incoming, form.incoming),
    ] {
        if let Some(answer) = answer {
            site.appliance
                .switch_links(account.id, direction, answer == "yes")
                .await?;
        }
    }
    Ok(Redirect::to(&format!("/accounts/{}/links?said=set", account.id)).into_response())
}

/// What is wished with a link.
#[derive(Deserialize)]
pub(crate) struct WishForm {
    link: String,
    #[serde(default)]
    days: String,
    #[serde(default, deserialize_with = "maybe_secret")]
    password: Option<Secret>,
}

fn maybe_secret<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Secret>, D::Error> {
    secret(deserializer).map(Some)
}

/// `extend`, `revoke` or `password`; an empty password takes the old one away.
pub(crate) async fn change<A: Appliance>(
    site: Site<A>,
    Path((id, deed)): Path<(String, String)>,
    Posted(form): Posted<WishForm>,
) -> Page {
    let account = find(&site, &id).await?;
    change_of(&site, &Owner::from(&account), &deed, form).await
}

/// The same for one account.
pub(crate) async fn change_of<A: Appliance>(
    site: &Site<A>,
    owner: &Owner,
    deed: &str,
    form: WishForm,
) -> Page {
    let link = form.link.parse().map_err(|_| Failure::not_found())?;
    let password = form.password.filter(|password| !password.expose().is_empty());
    let (wish, said) = match deed {
        // What is no number is out of bounds, too.
        "extend" => (LinkWish::Extend(form.days.trim().parse().unwrap_or(0)), "extend"),
        "revoke" => (LinkWish::Revoke, "revoke"),
        "password" if password.is_none() => (LinkWish::Password(None), "open"),
        "password" => (LinkWish::Password(password), "password"),
        _ => return Err(Failure::not_found()),
    };
    match site.appliance.change_link(owner.id, link, wish).await {
        Ok(()) => Ok(Redirect::to(&format!("{}?said={said}", base(owner))).into_response()),
        Err(Fault::Refused(words)) => show_again(&AccountPage {
            fault: Some(words),
            ..page(site, owner, None).await?
        }),
        Err(fault) => Err(fault.into()),
    }
}
