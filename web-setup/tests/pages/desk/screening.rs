use crate::desk_state::Desk;
use std::collections::BTreeMap;
use web_setup::{Fault, ListWish, Screening, ShieldRow};

impl web_setup::ScreenRoom for Desk {
    async fn screening(&self) -> Result<Screening, Fault> {
        Ok(self.lock().screening.clone())
    }

    async fn release(&self, who: String) -> Result<(), Fault> {
        self.change("release")
            .screening
            .blocked
            .retain(|row| row.who != who);
        Ok(())
    }

    async fn put_on_list(&self, wish: ListWish) -> Result<(), Fault> {
        if wish.network == "nonsense" {
            return Err(Fault::Refused("That is no network.".to_owned()));
        }
        drop(self.change("list"));
        Ok(())
    }

    async fn take_off_list(&self, _: bool, _: String) -> Result<(), Fault> {
        drop(self.change("unlist"));
        Ok(())
    }

    async fn show_pages_everywhere(&self) -> Result<(), Fault> {
        drop(self.change("pages everywhere"));
        Ok(())
    }

    async fn shield(&self) -> Result<Vec<ShieldRow>, Fault> {
        Ok(self.lock().shield.clone())
    }

    async fn set_shield(&self, domain: String, networks: String) -> Result<(), Fault> {
        if networks == "nonsense" {
            return Err(Fault::Refused("write a network such as 192.0.2.0/24".to_owned()));
        }
        self.change("shield").shield.push(ShieldRow {
            domain,
            networks: networks.split(',').map(|n| n.trim().to_owned()).collect(),
            default: false,
        });
        Ok(())
    }

    async fn remove_shield(&self, domain: String) -> Result<(), Fault> {
        self.change("unshield").shield.retain(|row| row.domain != domain);
        Ok(())
    }

    async fn set_screening(&self, values: BTreeMap<String, String>) -> Result<(), Fault> {
        if values.get("errors").is_some_and(|value| value == "0") {
            return Err(Fault::Refused("Refused commands: 0 is too few.".to_owned()));
        }
        drop(self.change("rules"));
        Ok(())
    }
}
