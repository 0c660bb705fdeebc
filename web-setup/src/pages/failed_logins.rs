//! Who tried to get in and could not.

use crate::Site;
use crate::appliance::Appliance;
use crate::page::{Frame, Moment, Page, Tab, show};
use askama::Template;
use axum::extract::{Query, State};
use serde::Deserialize;

/// Rows on a page.
const ROWS: usize = 50;

#[derive(Template)]
#[template(path = "failed_logins.html")]
struct FailedLoginsPage {
    frame: Frame,
    rows: Vec<Row>,
    newest: bool,
    older: Option<u64>,
}

struct Row {
    at: Moment,
    ip: String,
    protocol: &'static str,
    login: String,
    known: bool,
    reason: String,
    count: u64,
}

#[derive(Deserialize)]
pub(crate) struct Place {
    before: Option<String>,
}

pub(crate) async fn list<A: Appliance>(State(site): State<Site<A>>, Query(place): Query<Place>) -> Page {
    let before = place.before.and_then(|b| b.parse().ok());
    let found = site.appliance.failed_logins(before, ROWS).await?;
    let rows = found.rows.into_iter().map(|row| Row {
        at: row.at.into(),
        ip: row.ip.to_string(),
        protocol: row.protocol.as_str(),
        login: if row.login.is_empty() {
            "(none)".to_owned()
        } else {
            row.login
        },
        known: row.known,
        reason: row.reason,
        count: row.count,
    });
    show(&FailedLoginsPage {
        frame: Frame::admin("Failed logins", Tab::FailedLogins),
        rows: rows.collect(),
        newest: before.is_none(),
        older: found.older,
    })
}
