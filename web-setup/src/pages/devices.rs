//! An account's device passwords: one for each phone or PC.

use super::accounts::find;
use crate::Site;
use crate::appliance::{Account, Appliance, Fault};
use crate::devices::Device;
use crate::page::{Failure, Frame, Moment, Page, Posted, Tab, show, show_again};
use askama::Template;
use axum::extract::{Path, Query, State};
use axum::response::{IntoResponse, Redirect};
use serde::Deserialize;

struct DeviceView {
    id: u32,
    name: String,
    created: Moment,
    used: Option<(Moment, String)>,
}

impl From<Device> for DeviceView {
    fn from(device: Device) -> Self {
        Self {
            id: device.id,
            name: device.name,
            created: device.created.into(),
            used: device.used.map(|(at, network)| (at.into(), network)),
        }
    }
}

#[derive(Template)]
#[template(path = "devices.html")]
struct DevicesPage {
    frame: Frame,
    id: String,
    address: String,
    web_only: bool,
    devices: Vec<DeviceView>,
    said: Option<&'static str>,
    /// A device's name and its password, this once.
    made: Option<(String, String)>,
    name: String,
    fault: Option<String>,
}

/// What was just done, told on the page that follows.
#[derive(Deserialize)]
pub(crate) struct Said {
    said: Option<String>,
}

impl Said {
    fn words(&self) -> Option<&'static str> {
        match self.said.as_deref()? {
            "revoked" => Some("That password opens nothing any more. The device's sessions were cut."),
            "web" => {
                Some("The main password opens the web pages only. Mail programs that use it are cut off.")
            }
            "everywhere" => Some("The main password opens mail programs too."),
            _ => None,
        }
    }
}

async fn page<A: Appliance>(site: &Site<A>, account: &Account) -> Result<DevicesPage, Fault> {
    let devices = site.appliance.devices(account.id).await?;
    Ok(DevicesPage {
        frame: Frame::admin("Device passwords", Tab::Accounts),
        id: account.id.to_string(),
        address: account.address.to_string(),
        web_only: devices.web_only,
        devices: devices.list.into_iter().map(DeviceView::from).collect(),
        said: None,
        made: None,
        name: String::new(),
        fault: None,
    })
}

pub(crate) async fn list<A: Appliance>(
    State(site): State<Site<A>>,
    Path(id): Path<String>,
    Query(said): Query<Said>,
) -> Page {
    let account = find(&site, &id).await?;
    show(&DevicesPage {
        said: said.words(),
        ..page(&site, &account).await?
    })
}

#[derive(Deserialize)]
pub(crate) struct AddForm {
    name: String,
}

// The answer carries the password, so it is no redirect: nothing keeps it for a second look.
pub(crate) async fn add<A: Appliance>(
    State(site): State<Site<A>>,
    Path(id): Path<String>,
    Posted(form): Posted<AddForm>,
) -> Page {
    let account = find(&site, &id).await?;
    match site.appliance.add_device(account.id, form.name.clone()).await {
        Ok(password) => {
            let password = String::from_utf8_lossy(password.expose()).into_owned();
            show(&DevicesPage {
                made: Some((form.name, password)),
                ..page(&site, &account).await?
            })
        }
        Err(Fault::Refused(words)) => show_again(&DevicesPage {
            name: form.name,
            fault: Some(words),
            ..page(&site, &account).await?
        }),
        Err(fault) => Err(fault.into()),
    }
}

fn back(account: &Account, said: &str) -> Page {
    let to = format!("/accounts/{}/devices?said={said}", account.id);
    Ok(Redirect::to(&to).into_response())
}

#[derive(Deserialize)]
pub(crate) struct RevokeForm {
    device: String,
}

pub(crate) async fn revoke<A: Appliance>(
    State(site): State<Site<A>>,
    Path(id): Path<String>,
    Posted(form): Posted<RevokeForm>,
) -> Page {
    let account = find(&site, &id).await?;
    let device = form.device.parse().map_err(|_| Failure::not_found())?;
    site.appliance.revoke_device(account.id, device).await?;
    back(&account, "revoked")
}

#[derive(Deserialize)]
pub(crate) struct MainForm {
    opens: String,
}

pub(crate) async fn main_password<A: Appliance>(
    State(site): State<Site<A>>,
    Path(id): Path<String>,
    Posted(form): Posted<MainForm>,
) -> Page {
    let account = find(&site, &id).await?;
    let web_only = match form.opens.as_str() {
        "web" => true,
        "everywhere" => false,
        _ => return Err(Fault::Refused("Please choose what the main password opens.".to_owned()).into()),
    };
    site.appliance.set_web_only(account.id, web_only).await?;
    back(&account, if web_only { "web" } else { "everywhere" })
}
