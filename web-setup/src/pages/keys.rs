//! The keys that sign mail, and their turns.

use crate::Site;
use crate::appliance::{Appliance, Fault};
use crate::dns_plan::{self, Record};
use crate::keys::{KeyRow, Rotated};
use crate::page::{Frame, Moment, Page, Posted, Said, Tab, show, show_again};
use askama::Template;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;

#[derive(Template)]
#[template(path = "keys.html")]
struct KeysPage {
    frame: Frame,
    said: Option<&'static str>,
    fault: Option<String>,
    rows: Vec<Row>,
    days: String,
}

struct Row {
    domain: String,
    signs: Option<String>,
    since: Option<Moment>,
    due: Option<Moment>,
    next: Option<Next>,
    retired: Vec<(String, Moment)>,
}

struct Next {
    selectors: String,
    soon: bool,
    seen: Option<Moment>,
    records: Vec<Record>,
}

impl From<KeyRow> for Row {
    fn from(row: KeyRow) -> Self {
        let domain = row.domain.to_string();
        let next = row.next.map(|next| Next {
            selectors: next.selectors,
            soon: next.soon,
            seen: next.seen.map(Moment::from),
            records: dns_plan::keys(&domain, &next.records),
        });
        let retired = row.retired.into_iter();
        Self {
            signs: row.signs,
            since: row.since.map(Moment::from),
            due: row.due.map(Moment::from),
            next,
            retired: retired.map(|old| (old.selectors, old.removable.into())).collect(),
            domain,
        }
    }
}

#[derive(Deserialize)]
pub(crate) struct DomainForm {
    domain: String,
}

#[derive(Deserialize)]
pub(crate) struct LifeForm {
    days: String,
}

async fn page<A: Appliance>(site: &Site<A>) -> Result<KeysPage, Fault> {
    let keys = site.appliance.keys().await?;
    Ok(KeysPage {
        frame: Frame::admin("Signing keys", Tab::Dns),
        said: None,
        fault: None,
        rows: keys.rows.into_iter().map(Row::from).collect(),
        days: keys.days.to_string(),
    })
}

pub(crate) async fn table<A: Appliance>(site: Site<A>, Query(said): Query<Said>) -> Page {
    let said = match said.word() {
        Some("made") => Some("The next keys are made. They sign as soon as the box sees their records."),
        Some("waits") => {
            Some("The records of the next keys are not seen yet. The box looks every hour; or ask it again.")
        }
        Some("unsure") => Some("The name servers do not answer. The box asks again within the hour."),
        Some("done") => Some("The next keys sign now."),
        Some("life") => Some("The time is set."),
        _ => None,
    };
    show(&KeysPage {
        said,
        ..page(&site).await?
    })
}

pub(crate) async fn rotate<A: Appliance>(site: Site<A>, Posted(form): Posted<DomainForm>) -> Page {
    let said = match site.appliance.rotate_keys(form.domain).await {
        Ok(Rotated::Made) => "made",
        Ok(Rotated::Waits) => "waits",
        Ok(Rotated::Unsure) => "unsure",
        Ok(Rotated::Done) => "done",
        Err(Fault::Refused(words)) => return again(&site, words, None).await,
        Err(fault) => return Err(fault.into()),
    };
    Ok(Redirect::to(&format!("/keys?said={said}")).into_response())
}

pub(crate) async fn set_life<A: Appliance>(site: Site<A>, Posted(form): Posted<LifeForm>) -> Page {
    let Ok(days) = form.days.trim().parse() else {
        let words = "Please type a number of days, or 0.".to_owned();
        return again(&site, words, Some(form.days)).await;
    };
    match site.appliance.set_key_life(days).await {
        Ok(()) => Ok(Redirect::to("/keys?said=life").into_response()),
        Err(Fault::Refused(words)) => again(&site, words, Some(form.days)).await,
        Err(fault) => Err(fault.into()),
    }
}

// The page with the reason, and with what was typed.
async fn again<A: Appliance>(site: &Site<A>, words: String, days: Option<String>) -> Page {
    let mut page = page(site).await?;
    page.fault = Some(words);
    page.days = days.unwrap_or(page.days);
    show_again(&page)
}
