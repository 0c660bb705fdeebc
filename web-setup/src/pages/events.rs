//! The ledger in words.

use super::failed_logins::cell;
use crate::Site;
use crate::appliance::Appliance;
use crate::events::{EventFilter, KINDS};
use crate::page::{Frame, Moment, Page, Tab, show};
use askama::Template;
use axum::extract::Query;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::IntoResponse;
use serde::Deserialize;

/// Rows of one page.
const ROWS: usize = 100;
/// Most rows of the table for a spreadsheet.
const EXPORTED: usize = 10_000;

struct Row {
    at: Moment,
    kind: String,
    account: Option<String>,
    words: String,
}

#[derive(Template)]
#[template(path = "events.html")]
struct EventsPage {
    frame: Frame,
    rows: Vec<Row>,
    newest: bool,
    older: Option<u64>,
    filter: Place,
    kinds: Vec<(&'static str, bool)>,
}

/// What is looked at, as it is typed.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Place {
    before: String,
    account: String,
    kind: String,
}

impl Place {
    fn filter(&self) -> EventFilter {
        EventFilter {
            account: self.account.clone(),
            kind: self.kind.clone(),
        }
    }

    fn is_empty(&self) -> bool {
        self.account.trim().is_empty() && self.kind.is_empty()
    }
}

pub(crate) async fn list<A: Appliance>(site: Site<A>, Query(place): Query<Place>) -> Page {
    let before = place.before.parse().ok();
    let found = site.appliance.events(place.filter(), before, ROWS).await?;
    let rows = found.rows.into_iter().map(|row| Row {
        at: row.at.into(),
        kind: row.kind.replace('_', " "),
        account: row.account,
        words: row.words,
    });
    show(&EventsPage {
        frame: Frame::admin("Events", Tab::Events),
        rows: rows.collect(),
        newest: before.is_none(),
        older: found.older,
        kinds: KINDS.iter().map(|kind| (*kind, *kind == place.kind)).collect(),
        filter: place,
    })
}

/// The same as a table for a spreadsheet.
pub(crate) async fn export<A: Appliance>(site: Site<A>, Query(place): Query<Place>) -> Page {
    let found = site.appliance.events(place.filter(), None, EXPORTED).await?;
    let mut csv = String::from("at,kind,account,words\r\n");
    for row in found.rows {
        let line = [
            Moment::from(row.at).machine,
            cell(&row.kind),
            cell(row.account.as_deref().unwrap_or_default()),
            cell(&row.words),
        ];
        csv.push_str(&line.join(","));
        csv.push_str("\r\n");
    }
    let headers = [
        (CONTENT_TYPE, "text/csv; charset=utf-8"),
        (CONTENT_DISPOSITION, "attachment; filename=\"events.csv\""),
    ];
    Ok((headers, csv).into_response())
}
