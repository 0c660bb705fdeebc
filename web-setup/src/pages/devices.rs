//! An account's device passwords: one for each phone or PC.

use super::accounts::find;
use crate::Site;
use crate::accounts::Account;
use crate::appliance::{Appliance, Fault, Ports};
use crate::devices::Device;
use crate::page::{Failure, Frame, Moment, Page, Posted, Said, Tab, show, show_again};
use askama::Template;
use axum::extract::{Path, Query};
use axum::response::{IntoResponse, Redirect};
use proto::types::AccountId;
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

/// Where an account has no device password yet: the form that makes the first one.
pub(crate) struct FirstDevice {
    /// Where it goes.
    pub(super) base: String,
    pub(super) address: String,
    /// Without one no mail program comes in.
    pub(super) web_only: bool,
    /// Somebody looks at his own.
    pub(super) own: bool,
}

impl FirstDevice {
    pub(crate) async fn of<A: Appliance>(site: &Site<A>, owner: &Owner) -> Result<Option<Self>, Fault> {
        let devices = site.appliance.devices(owner.id).await?;
        Ok(devices.list.is_empty().then(|| Self {
            base: owner.base(),
            address: owner.address.clone(),
            web_only: devices.web_only,
            own: owner.own.is_some(),
        }))
    }
}

#[derive(Template)]
#[template(path = "devices.html")]
pub(crate) struct DevicesPage {
    frame: Frame,
    /// Where its forms go.
    base: String,
    /// The page above, and its name.
    back: (String, String),
    address: String,
    /// Whether the one who looks decides what the main password opens.
    decides: bool,
    web_only: bool,
    /// An admin decided so for this account.
    decided: bool,
    devices: Vec<DeviceView>,
    /// What else the mail program asks for.
    hostname: String,
    ports: Ports,
    said: Option<&'static str>,
    /// A device's name and its password, this once.
    made: Option<(String, String)>,
    name: String,
    fault: Option<String>,
}

fn words(said: &Said) -> Option<&'static str> {
    match said.word()? {
        "revoked" => Some("That password opens nothing any more. The device's sessions were cut."),
        "web" => Some("The main password opens the web pages only. Mail programs that use it are cut off."),
        "everywhere" => Some("The main password opens mail programs too."),
        "office" => Some("The main password opens what those of the whole office do."),
        _ => None,
    }
}

/// Who looks at whose devices.
#[derive(Clone)]
pub(crate) struct Owner {
    pub(super) id: AccountId,
    pub(super) address: String,
    /// Somebody looks at his own; `true`: and is an admin. `None`: an admin at somebody's.
    pub(super) own: Option<bool>,
}

impl Owner {
    /// Somebody's own.
    pub(crate) fn own(account: &Account, admin: bool) -> Self {
        Self {
            own: Some(admin),
            ..Self::from(account)
        }
    }

    fn base(&self) -> String {
        match self.own {
            Some(_) => "/me/devices".to_owned(),
            None => format!("/accounts/{}/devices", self.id),
        }
    }
}

impl From<&Account> for Owner {
    fn from(account: &Account) -> Self {
        Self {
            id: account.id,
            address: account.address.to_string(),
            own: None,
        }
    }
}

async fn page<A: Appliance>(site: &Site<A>, owner: &Owner) -> Result<DevicesPage, Fault> {
    let devices = site.appliance.devices(owner.id).await?;
    let office = site.appliance.progress().await?.office.ok_or(Fault::Internal)?;
    let title = "Device passwords";
    let (frame, back) = match owner.own {
        Some(admin) => (
            Frame::own(title, Tab::MyDevices, admin),
            ("/me".to_owned(), "Your account".to_owned()),
        ),
        None => (
            Frame::admin(title, Tab::Accounts),
            (format!("/accounts/{}", owner.id), owner.address.clone()),
        ),
    };
    Ok(DevicesPage {
        frame,
        base: owner.base(),
        back,
        address: owner.address.clone(),
        decides: owner.own.is_none(),
        web_only: devices.web_only,
        decided: devices.decided.is_some(),
        hostname: office.hostname.to_string(),
        ports: site.appliance.facts().ports,
        devices: devices.list.into_iter().map(DeviceView::from).collect(),
        said: None,
        made: None,
        name: String::new(),
        fault: None,
    })
}

pub(crate) async fn list<A: Appliance>(
    site: Site<A>,
    Path(id): Path<String>,
    Query(said): Query<Said>,
) -> Page {
    let account = find(&site, &id).await?;
    list_of(&site, &Owner::from(&account), &said).await
}

pub(crate) async fn list_of<A: Appliance>(site: &Site<A>, owner: &Owner, said: &Said) -> Page {
    show(&DevicesPage {
        said: words(said),
        ..page(site, owner).await?
    })
}

#[derive(Deserialize)]
pub(crate) struct AddForm {
    name: String,
}

pub(crate) async fn add<A: Appliance>(
    site: Site<A>,
    Path(id): Path<String>,
    Posted(form): Posted<AddForm>,
) -> Page {
    let account = find(&site, &id).await?;
    add_for(&site, &Owner::from(&account), form).await
}

// The answer carries the password, so it is no redirect: nothing keeps it for a second look.
pub(crate) async fn add_for<A: Appliance>(site: &Site<A>, owner: &Owner, form: AddForm) -> Page {
    match site.appliance.add_device(owner.id, form.name.clone()).await {
        Ok(password) => {
            let password = String::from_utf8_lossy(password.expose()).into_owned();
            show(&DevicesPage {
                made: Some((form.name, password)),
                ..page(site, owner).await?
            })
        }
        Err(Fault::Refused(words)) => show_again(&DevicesPage {
            name: form.name,
            fault: Some(words),
            ..page(site, owner).await?
        }),
        Err(fault) => Err(fault.into()),
    }
}

fn back(owner: &Owner, said: &str) -> Page {
    let to = format!("{}?said={said}", owner.base());
    Ok(Redirect::to(&to).into_response())
}

#[derive(Deserialize)]
pub(crate) struct RevokeForm {
    device: String,
}

pub(crate) async fn revoke<A: Appliance>(
    site: Site<A>,
    Path(id): Path<String>,
    Posted(form): Posted<RevokeForm>,
) -> Page {
    let account = find(&site, &id).await?;
    revoke_for(&site, &Owner::from(&account), &form).await
}

pub(crate) async fn revoke_for<A: Appliance>(site: &Site<A>, owner: &Owner, form: &RevokeForm) -> Page {
    let device = form.device.parse().map_err(|_| Failure::not_found())?;
    site.appliance.revoke_device(owner.id, device).await?;
    back(owner, "revoked")
}

#[derive(Deserialize)]
pub(crate) struct MainForm {
    opens: String,
}

pub(crate) async fn main_password<A: Appliance>(
    site: Site<A>,
    Path(id): Path<String>,
    Posted(form): Posted<MainForm>,
) -> Page {
    let account = find(&site, &id).await?;
    let decided = match form.opens.as_str() {
        "web" => Some(true),
        "everywhere" => Some(false),
        "office" => None,
        _ => return Err(Fault::Refused("Please choose what the main password opens.".to_owned()).into()),
    };
    site.appliance.set_web_only(account.id, decided).await?;
    back(&Owner::from(&account), &form.opens)
}

/// What the main passwords of the whole office open.
pub(crate) async fn office<A: Appliance>(site: Site<A>, Posted(form): Posted<MainForm>) -> Page {
    let web_only = match form.opens.as_str() {
        "web" => true,
        "everywhere" => false,
        _ => return Err(Fault::Refused("Please choose what main passwords open.".to_owned()).into()),
    };
    site.appliance.set_office_web_only(web_only).await?;
    Ok(Redirect::to("/accounts").into_response())
}
