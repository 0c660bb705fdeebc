use crate::desk_state::Desk;
use web_setup::{Fault, Transport};

impl web_setup::TransportRoom for Desk {
    async fn transport(&self) -> Result<Transport, Fault> {
        Ok(self.lock().transport.clone())
    }

    async fn check_signatures(&self, check: bool) -> Result<(), Fault> {
        let name = if check { "signatures" } else { "no signatures" };
        self.change(name).transport.checked = check;
        Ok(())
    }
}
