//! How mail to other domains is protected on its way.

use crate::Site;
use crate::appliance::Appliance;
use crate::page::{Frame, Moment, Page, Posted, Said, Tab, show};
use askama::Template;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;

#[derive(Template)]
#[template(path = "transport.html")]
struct TransportPage {
    frame: Frame,
    said: Option<&'static str>,
    checked: bool,
    words: &'static str,
    rows: Vec<Row>,
}

struct Row {
    domain: String,
    mode: &'static str,
    hosts: String,
    until: Moment,
}

/// The switch as it is sent.
#[derive(Deserialize)]
pub(crate) struct Switch {
    check: String,
}

pub(crate) async fn overview<A: Appliance>(site: Site<A>, Query(said): Query<Said>) -> Page {
    let transport = site.appliance.transport().await?;
    let rows = transport.policies.into_iter().map(|row| Row {
        domain: row.domain,
        mode: row.mode,
        hosts: row.hosts.join(", "),
        until: row.until.into(),
    });
    show(&TransportPage {
        frame: Frame::admin("Transport security", Tab::Outgoing),
        said: match said.word() {
            Some("on") => Some("From now on signatures are checked where the name servers pass them on."),
            Some("off") => Some("From now on signatures are not looked at."),
            _ => None,
        },
        checked: transport.checked,
        words: transport.words,
        rows: rows.collect(),
    })
}

pub(crate) async fn set<A: Appliance>(site: Site<A>, Posted(form): Posted<Switch>) -> Page {
    let check = form.check == "on";
    site.appliance.check_signatures(check).await?;
    let said = if check {
        "/transport?said=on"
    } else {
        "/transport?said=off"
    };
    Ok(Redirect::to(said).into_response())
}
