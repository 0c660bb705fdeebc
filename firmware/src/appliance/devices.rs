//! Device passwords, as the pages ask for them.

use super::{Appliance, fault};
use crate::guard;
use crate::house::House;
use crate::settings;
use proto::types::{AccountId, Secret};
use store::EventKind;
use web_setup::Fault;

pub(super) fn shown(devices: guard::Devices) -> web_setup::Devices {
    let seen = |device: guard::Device| web_setup::Device {
        id: device.id,
        name: device.name,
        created: device.created,
        used: device.used.map(|(at, network)| (at, network.to_string())),
    };
    web_setup::Devices {
        web_only: devices.web_only(),
        decided: devices.decided(),
        list: devices.list.into_iter().map(seen).collect(),
    }
}

impl web_setup::DevicesRoom for Appliance {
    async fn devices(&self, id: AccountId) -> Result<web_setup::Devices, Fault> {
        self.house().devices.of(id).map(shown).map_err(fault)
    }

    async fn add_device(&self, id: AccountId, name: String) -> Result<Secret, Fault> {
        let made = self.house().devices.add(id, &name).await.map_err(fault)?;
        Ok(made.1)
    }

    async fn revoke_device(&self, id: AccountId, device: u32) -> Result<(), Fault> {
        let revoked = self.house().devices.revoke(id, device).await;
        revoked.map(drop).map_err(fault)
    }

    async fn office_web_only(&self) -> Result<bool, Fault> {
        self.house().devices.office().map_err(fault)
    }

    async fn set_office_web_only(&self, web_only: bool) -> Result<(), Fault> {
        let House { devices, ledger, .. } = self.house();
        devices.set_office(web_only).await.map_err(fault)?;
        ledger.record(EventKind::SettingChanged {
            key: settings::PASSWORDS.to_owned(),
        });
        Ok(())
    }

    async fn set_web_only(&self, id: AccountId, decided: Option<bool>) -> Result<(), Fault> {
        let set = self.house().devices.set_web_only(id, decided).await;
        set.map_err(fault)
    }
}
