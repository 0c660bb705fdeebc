//! The clock as its page sees it.

use super::Appliance;
use crate::house::House;
use board::wire::ToBoard;
use proto::types::Timestamp;
use std::time::Duration;
use store::EventKind;
use tokio::time::{Instant, sleep};
use web_setup::{ClockSeen, Fault};

/// How long the board may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// Between two looks whether it is done.
const LOOK: Duration = Duration::from_millis(100);
/// Seconds that the clock may be off from what was said, once it is set.
const NEAR: i64 = 10;

/// Sets the board's clock, for a network without a time server.
///
/// # Errors
/// There is no board, or it does not take this time, in words.
pub async fn set_clock(house: &House, at: Timestamp, by: &str) -> Result<(), String> {
    if house.board.is_simulated() {
        return Err("The computer that Pillarbox runs on has the clock: set it there.".to_owned());
    }
    let before = house.clock.now();
    house.board.ask(ToBoard::SetClock { at: at.0 }).await;
    let asked = Instant::now();
    let done = || house.clock.is_known() && (house.clock.now().0 - at.0).abs() <= NEAR;
    while !done() {
        if asked.elapsed() > PATIENCE {
            return Err("The box does not take this: it cannot be the time.".to_owned());
        }
        sleep(LOOK).await;
    }
    let by = by.to_owned();
    house.ledger.record(EventKind::ClockSet { before, by });
    Ok(())
}

impl web_setup::ClockRoom for Appliance {
    fn clock(&self) -> ClockSeen {
        let house = self.house();
        ClockSeen {
            now: house.clock.now(),
            known: house.clock.is_known(),
        }
    }

    async fn set_clock(&self, at: Timestamp) -> Result<(), Fault> {
        let set = set_clock(self.house(), at, &self.by()?).await;
        set.map_err(Fault::Refused)
    }
}
