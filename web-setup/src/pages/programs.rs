//! How to set up Thunderbird, Outlook and phones.

use crate::Site;
use crate::appliance::{Appliance, Fault, Ports};
use crate::page::{Frame, Page, Tab, short_fingerprint, show};
use askama::Template;
use axum::extract::{Query, State};
use serde::Deserialize;

#[derive(Template)]
#[template(path = "programs.html")]
struct ProgramsPage {
    frame: Frame,
    /// The wizard has just ended.
    finished: bool,
    hostname: String,
    address: String,
    local_address: Option<String>,
    ports: Ports,
    short: String,
}

#[derive(Deserialize)]
pub(crate) struct Said {
    said: Option<String>,
}

pub(crate) async fn programs<A: Appliance>(State(site): State<Site<A>>, Query(said): Query<Said>) -> Page {
    let office = site.appliance.progress().await?.office.ok_or(Fault::Internal)?;
    let accounts = site.appliance.accounts().await?;
    let address = accounts
        .first()
        .map_or_else(|| format!("name@{}", office.domain), |a| a.address.to_string());
    let facts = site.appliance.facts();
    show(&ProgramsPage {
        frame: Frame::admin("Mail programs", Tab::Programs),
        finished: said.said.as_deref() == Some("finished"),
        hostname: office.hostname.to_string(),
        address,
        local_address: site.appliance.addresses().first().map(ToString::to_string),
        ports: facts.ports,
        short: short_fingerprint(&facts.fingerprint),
    })
}
