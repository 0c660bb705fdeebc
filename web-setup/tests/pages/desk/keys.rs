use crate::desk_state::Desk;
use web_setup::{Fault, Keys, Rotated};

impl web_setup::KeysRoom for Desk {
    async fn keys(&self) -> Result<Keys, Fault> {
        Ok(self.lock().keys.clone())
    }

    async fn rotate_keys(&self, domain: String) -> Result<Rotated, Fault> {
        let inner = self.change("keys");
        let known = inner.keys.rows.iter().any(|row| row.domain.as_str() == domain);
        match inner.rotated {
            Some(_) if !known => Err(Fault::Refused(format!("There are no keys of {domain}."))),
            rotated => Ok(rotated.unwrap_or(Rotated::Made)),
        }
    }

    async fn set_key_life(&self, days: u32) -> Result<(), Fault> {
        if days == 1 {
            return Err(Fault::Refused("Keys sign for 30 to 3650 days.".to_owned()));
        }
        self.change("key life").keys.days = days;
        Ok(())
    }
}
