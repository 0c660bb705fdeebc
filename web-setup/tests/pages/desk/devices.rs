use crate::desk_state::Desk;
use proto::types::{AccountId, Secret, Timestamp};
use web_setup::{Device, Devices, Fault};

impl web_setup::DevicesRoom for Desk {
    async fn devices(&self, _: AccountId) -> Result<Devices, Fault> {
        Ok(self.lock().devices.clone())
    }

    async fn add_device(&self, _: AccountId, name: String) -> Result<Secret, Fault> {
        if name.is_empty() {
            return Err(Fault::Refused("no name".to_owned()));
        }
        let mut inner = self.change("add device");
        let device = Device {
            id: inner.devices.list.len() as u32 + 1,
            name,
            created: Timestamp(1_764_000_000),
            used: Some((Timestamp(1_764_003_600), "192.0.2.0/24".to_owned())),
        };
        inner.devices.list.push(device);
        inner.devices.web_only = true;
        Ok(Secret::new(b"made-for-it".to_vec()))
    }

    async fn revoke_device(&self, _: AccountId, device: u32) -> Result<(), Fault> {
        let mut inner = self.change("revoke device");
        inner.devices.list.retain(|known| known.id != device);
        Ok(())
    }

    async fn office_web_only(&self) -> Result<bool, Fault> {
        Ok(self.lock().office_web_only)
    }

    async fn set_office_web_only(&self, web_only: bool) -> Result<(), Fault> {
        self.change("office web only").office_web_only = web_only;
        Ok(())
    }

    async fn set_web_only(&self, _: AccountId, decided: Option<bool>) -> Result<(), Fault> {
        let mut inner = self.change("web only");
        inner.devices.web_only = decided.unwrap_or(inner.office_web_only);
        inner.devices.decided = decided;
        Ok(())
    }
}
