use crate::desk_state::Desk;
use proto::types::Timestamp;
use web_setup::{ClockSeen, Fault};

impl web_setup::ClockRoom for Desk {
    fn clock(&self) -> ClockSeen {
        let at = self.lock().clock;
        ClockSeen {
            now: at.unwrap_or(Timestamp(1_764_000_000)),
            known: at.is_some(),
        }
    }

    async fn set_clock(&self, at: Timestamp) -> Result<(), Fault> {
        if at.0 < 1_764_000_000 {
            return Err(Fault::Refused("It cannot be the time.".to_owned()));
        }
        self.change("clock").clock = Some(at);
        Ok(())
    }
}
