//! Who is shut out, and by which rules.

use crate::Site;
use crate::appliance::{Appliance, Fault};
use crate::page::{Frame, Moment, Page, Posted, Said, Tab, show, show_again};
use crate::screening::{BlockedRow, ListEntry, ListWish, Rule};
use askama::Template;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;
use std::collections::BTreeMap;

#[derive(Template)]
#[template(path = "blocked.html")]
struct BlockedPage {
    frame: Frame,
    said: Option<&'static str>,
    rows: Vec<Row>,
    entries: Vec<Entry>,
    rules: Vec<Rule>,
    network: String,
    note: String,
    list_fault: Option<String>,
    rules_fault: Option<String>,
}

struct Row {
    who: String,
    why: String,
    since: Moment,
    until: Moment,
}

impl From<BlockedRow> for Row {
    fn from(row: BlockedRow) -> Self {
        Self {
            who: row.who,
            why: row.why,
            since: row.since.into(),
            until: row.until.into(),
        }
    }
}

struct Entry {
    list: &'static str,
    network: String,
    until: Option<Moment>,
    note: String,
}

impl From<ListEntry> for Entry {
    fn from(entry: ListEntry) -> Self {
        Self {
            list: if entry.allow { "allow" } else { "block" },
            network: entry.network,
            until: entry.until.map(Moment::from),
            note: entry.note,
        }
    }
}

async fn page<A: Appliance>(site: &Site<A>) -> Result<BlockedPage, Fault> {
    let screening = site.appliance.screening().await?;
    Ok(BlockedPage {
        frame: Frame::admin("Blocked", Tab::Blocked),
        said: None,
        rows: screening.blocked.into_iter().map(Row::from).collect(),
        entries: screening.entries.into_iter().map(Entry::from).collect(),
        rules: screening.rules,
        network: String::new(),
        note: String::new(),
        list_fault: None,
        rules_fault: None,
    })
}

pub(crate) async fn list<A: Appliance>(site: Site<A>, Query(said): Query<Said>) -> Page {
    let said = match said.word() {
        Some("released") => Some("Let in again."),
        Some("listed") => Some("It is on the list."),
        Some("removed") => Some("It is off the list."),
        Some("rules") => Some("The new rules count from now on."),
        _ => None,
    };
    show(&BlockedPage {
        said,
        ..page(&site).await?
    })
}

#[derive(Deserialize)]
pub(crate) struct ReleaseForm {
    who: String,
}

pub(crate) async fn release<A: Appliance>(site: Site<A>, Posted(form): Posted<ReleaseForm>) -> Page {
    match site.appliance.release(form.who).await {
        // Over meanwhile: what was wanted is so.
        Ok(()) | Err(Fault::Gone) => Ok(Redirect::to("/blocked?said=released").into_response()),
        Err(fault) => Err(fault.into()),
    }
}

#[derive(Deserialize)]
pub(crate) struct EntryForm {
    list: String,
    network: String,
    #[serde(default)]
    hours: String,
    #[serde(default)]
    note: String,
}

pub(crate) async fn put<A: Appliance>(site: Site<A>, Posted(form): Posted<EntryForm>) -> Page {
    let wish = ListWish {
        allow: form.list == "allow",
        network: form.network.clone(),
        hours: form.hours.parse().ok(),
        note: form.note.clone(),
    };
    match site.appliance.put_on_list(wish).await {
        Ok(()) => Ok(Redirect::to("/blocked?said=listed").into_response()),
        Err(Fault::Refused(words)) => show_again(&BlockedPage {
            network: form.network,
            note: form.note,
            list_fault: Some(words),
            ..page(&site).await?
        }),
        Err(fault) => Err(fault.into()),
    }
}

pub(crate) async fn remove<A: Appliance>(site: Site<A>, Posted(form): Posted<EntryForm>) -> Page {
    match site
        .appliance
        .take_off_list(form.list == "allow", form.network)
        .await
    {
        Ok(()) | Err(Fault::Gone) => Ok(Redirect::to("/blocked?said=removed").into_response()),
        Err(fault) => Err(fault.into()),
    }
}

pub(crate) async fn set<A: Appliance>(
    site: Site<A>,
    Posted(values): Posted<BTreeMap<String, String>>,
) -> Page {
    match site.appliance.set_screening(values).await {
        Ok(()) => Ok(Redirect::to("/blocked?said=rules").into_response()),
        Err(Fault::Refused(words)) => show_again(&BlockedPage {
            rules_fault: Some(words),
            ..page(&site).await?
        }),
        Err(fault) => Err(fault.into()),
    }
}
