//! The passwords of phones and PCs, as the command line asks for them.

use super::accounts::find;
use crate::guard::{Device, DeviceId};
use crate::house::House;
use anyhow::{Context, Result};
use clap::ValueEnum;
use proto::types::Address;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What may be asked.
#[derive(Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum DeviceRequest {
    /// All of an account.
    List {
        /// Whose.
        address: Address,
    },
    /// A new one; the answer is the only place where its password stands.
    Add {
        /// Whose.
        address: Address,
        /// What its owner calls the device.
        name: String,
    },
    /// Its password ends, and the sessions with it.
    Revoke {
        /// Whose.
        address: Address,
        /// Which.
        id: DeviceId,
    },
    /// What the main password of the accounts opens that nobody decided for, after this is set.
    Office {
        /// The web only, or mail programs too until the first device password.
        web_only: Option<bool>,
    },
    /// What the main password opens, after this is set.
    Main {
        /// Whose.
        address: Address,
        /// Nothing is set without it.
        set: Option<Opens>,
    },
}

/// What a main password opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Opens {
    /// The web pages only
    Web,
    /// Mail programs too
    Everywhere,
    /// What the office says, as for every account at first
    Office,
}

impl Opens {
    const fn decided(self) -> Option<bool> {
        match self {
            Self::Web => Some(true),
            Self::Everywhere => Some(false),
            Self::Office => None,
        }
    }
}

pub(super) async fn carry_out(house: &House, ask: &DeviceRequest) -> Result<Value> {
    match ask {
        DeviceRequest::List { address } => {
            let devices = house.devices.of(find(house, address)?.id)?;
            Ok(devices.list.iter().map(shown).collect())
        }
        DeviceRequest::Add { address, name } => {
            let (device, password) = house.devices.add(find(house, address)?.id, name).await?;
            let password = String::from_utf8_lossy(password.expose());
            Ok(json!({ "id": device.id, "name": device.name, "password": password }))
        }
        DeviceRequest::Revoke { address, id } => {
            let revoked = house.devices.revoke(find(house, address)?.id, *id).await;
            Ok(shown(&revoked.with_context(|| format!("device {id}"))?))
        }
        DeviceRequest::Office { web_only } => {
            if let Some(web_only) = web_only {
                house.devices.set_office(*web_only).await?;
                house.ledger.record(store::EventKind::SettingChanged {
                    key: crate::settings::PASSWORDS.to_owned(),
                });
            }
            Ok(json!({ "main_passwords": opens(house.devices.office()?) }))
        }
        DeviceRequest::Main { address, set } => {
            let account = find(house, address)?.id;
            if let Some(set) = set {
                house.devices.set_web_only(account, set.decided()).await?;
            }
            let devices = house.devices.of(account)?;
            let by = devices.decided().map_or("office", |_| "account");
            Ok(json!({ "address": address, "main_password": opens(devices.web_only()), "decided_by": by }))
        }
    }
}

pub(super) fn opens(web_only: bool) -> &'static str {
    if web_only { "web" } else { "everywhere" }
}

fn shown(device: &Device) -> Value {
    json!({
        "id": device.id,
        "name": device.name,
        "created": device.created,
        "used": device.used.as_ref().map(|(at, _)| at),
        "network": device.used.as_ref().map(|(_, network)| network),
    })
}
