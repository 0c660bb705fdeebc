//! How to set up Thunderbird, Outlook and phones.

use super::devices::{FirstDevice, Owner};
use crate::Site;
use crate::accounts::Account;
use crate::appliance::{Appliance, Fault, Ports};
use crate::page::{Failure, Frame, Page, Posted, Said, Tab, short_fingerprint, show};
use askama::Template;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;

#[derive(Template)]
#[template(path = "programs.html")]
struct ProgramsPage {
    frame: Frame,
    /// The wizard has just ended.
    finished: bool,
    /// A test message was just sent.
    tested: bool,
    /// Whom a test message may go to.
    accounts: Vec<Account>,
    /// Somebody looks at his own help.
    own: bool,
    /// The account that serves as the example has no device password yet.
    first_device: Option<FirstDevice>,
    /// A main password opens no mail program.
    web_only: bool,
    hostname: String,
    address: String,
    local_address: Option<String>,
    ports: Ports,
    short: String,
}

pub(crate) async fn programs<A: Appliance>(site: Site<A>, Query(said): Query<Said>) -> Page {
    let accounts = site.appliance.accounts().await?;
    let address = accounts.first().map(|account| account.address.to_string());
    let first_device = match accounts.first() {
        Some(account) => FirstDevice::of(&site, &Owner::from(account)).await?,
        None => None,
    };
    show(&ProgramsPage {
        first_device,
        web_only: site.appliance.office_web_only().await?,
        finished: said.word() == Some("finished"),
        tested: said.word() == Some("tested"),
        accounts,
        own: false,
        ..page(&site, Frame::admin("Mail programs", Tab::Programs), address).await?
    })
}

/// The same help for the one whose account it is.
pub(crate) async fn own<A: Appliance>(site: &Site<A>, account: &Account, admin: bool) -> Page {
    let frame = Frame::own("Mail programs", Tab::MyPrograms, admin);
    let owner = Owner::own(account, admin);
    show(&ProgramsPage {
        first_device: FirstDevice::of(site, &owner).await?,
        web_only: site.appliance.devices(account.id).await?.web_only,
        ..page(site, frame, Some(account.address.to_string())).await?
    })
}

async fn page<A: Appliance>(
    site: &Site<A>,
    frame: Frame,
    address: Option<String>,
) -> Result<ProgramsPage, Fault> {
    let office = site.appliance.progress().await?.office.ok_or(Fault::Internal)?;
    let facts = site.appliance.facts();
    Ok(ProgramsPage {
        frame,
        finished: false,
        tested: false,
        accounts: Vec::new(),
        own: true,
        first_device: None,
        web_only: true,
        hostname: office.hostname.to_string(),
        address: address.unwrap_or_else(|| format!("name@{}", office.domain)),
        local_address: site.appliance.addresses().first().map(ToString::to_string),
        ports: facts.ports,
        short: short_fingerprint(&facts.fingerprint),
    })
}

#[derive(Deserialize)]
pub(crate) struct TestForm {
    account: u64,
}

pub(crate) async fn test<A: Appliance>(site: Site<A>, Posted(form): Posted<TestForm>) -> Page {
    let accounts = site.appliance.accounts().await?;
    let to = accounts
        .iter()
        .find(|a| a.id.0 == form.account)
        .ok_or_else(Failure::not_found)?;
    site.appliance.send_test(to.id).await?;
    Ok(Redirect::to("/mail-programs?said=tested#test").into_response())
}
