use crate::desk_state::Desk;
use proto::types::Secret;
use web_setup::{Fault, Outgoing, Smarthost};

impl web_setup::SendingRoom for Desk {
    async fn outgoing(&self, limit: usize) -> Result<Outgoing, Fault> {
        let rows = self.lock().outgoing.clone();
        Ok(Outgoing {
            total: rows.len() as u64,
            rows: rows.into_iter().take(limit).collect(),
        })
    }

    async fn smarthost(&self) -> Result<Option<Smarthost>, Fault> {
        Ok(self
            .lock()
            .smarthost
            .as_ref()
            .map(|(smarthost, _)| smarthost.clone()))
    }

    async fn smarthosts(&self) -> Result<Vec<(String, Smarthost)>, Fault> {
        Ok(self.lock().smarthosts.clone())
    }

    async fn send_through(
        &self,
        domains: String,
        smarthost: Smarthost,
        password: Option<Secret>,
    ) -> Result<(), Fault> {
        assert!(self.by.is_some_and(|by| by.admin));
        if smarthost.user.is_some() && password.is_none() {
            return Err(Fault::Refused("Please type the password.".to_owned()));
        }
        if !domains.is_empty() {
            self.change("smarthost").smarthosts.push((domains, smarthost));
            return Ok(());
        }
        self.change("smarthost").smarthost = Some((smarthost, password));
        Ok(())
    }

    async fn send_directly(&self, domains: String) -> Result<(), Fault> {
        assert!(self.by.is_some_and(|by| by.admin));
        if !domains.is_empty() {
            self.change("no smarthost")
                .smarthosts
                .retain(|(name, _)| *name != domains);
            return Ok(());
        }
        self.change("no smarthost").smarthost = None;
        Ok(())
    }
}
