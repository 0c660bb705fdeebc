//! What the panel shows, made from the store and the ledger.

use crate::board_link::Board;
use crate::house::House;
use board::screen::{Screen, Status};
use std::sync::Arc;
use std::time::Duration;
use store::{AccountState, StoreError};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::error;

/// The panel is drawn anew at most this often.
const PACE: Duration = Duration::from_secs(1);
/// And at least this often: hours and days pass, disks fill.
const AT_LEAST: Duration = Duration::from_secs(20);
/// Frozen accounts that are named.
const NAMED: usize = 20;
/// Below this share of the card free, the admin should know.
const DISK_LOW: u64 = 10;

/// The panel's content now.
///
/// # Errors
/// The store failed.
pub fn screen(house: &House, board: &Board) -> Result<Screen, StoreError> {
    let Some(office) = house.office()? else {
        return Ok(Screen::Claim {
            address: board.wizard_address(),
            code: house.claim_code.clone(),
            fingerprint: house.tls.short_fingerprint(),
        });
    };
    let snapshot = house.store.snapshot()?;
    let numbers = house.ledger.numbers();
    let counts = snapshot.account_counts()?;
    let frozen = if counts.frozen == 0 {
        Vec::new()
    } else {
        snapshot
            .accounts()?
            .into_iter()
            .filter(|account| matches!(account.state, AccountState::Frozen { .. }))
            .take(NAMED)
            .map(|account| account.address.to_string())
            .collect()
    };
    Ok(Screen::Running(Status {
        domain: office.domain.to_string(),
        address: board.address(),
        received_today: numbers.received_today,
        sent_today: numbers.sent_today,
        queued: snapshot.queue_len()?,
        failed_last_hour: numbers.failed_last_hour,
        failed_today: numbers.failed_today,
        worst_source: numbers.worst_source.map(|ip| ip.to_string()),
        frozen,
        clock_known: house.clock.is_known(),
        troubles: troubles(house, board),
    }))
}

// Worst first, a few words each.
fn troubles(house: &House, board: &Board) -> Vec<String> {
    let mut troubles = Vec::new();
    if let Some((free, total)) = board.storage()
        && free < total / DISK_LOW
    {
        troubles.push(format!("card almost full: {} MB free", free / 1_000_000));
    }
    if !board.link_up() {
        troubles.push("no network".to_owned());
    }
    if !house.clock.is_known() {
        troubles.push("the time is not known".to_owned());
    }
    if let Some(words) = board.last_words() {
        troubles.push(format!("mail restarted: {words}"));
    }
    troubles
}

/// Keeps the panel's content up to date, as long as somebody looks at it.
pub async fn keep(house: Arc<House>, board: Board, shown: watch::Sender<Screen>) {
    let mut changes = house.store.subscribe();
    let mut at_least = interval(AT_LEAST);
    at_least.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        match screen(&house, &board) {
            Ok(screen) => {
                shown.send_if_modified(|now| {
                    let differs = *now != screen;
                    *now = screen;
                    differs
                });
            }
            Err(error) => error!(%error, "the panel cannot be drawn"),
        }
        sleep(PACE).await;
        tokio::select! {
            () = house.ledger.touched() => {}
            () = board.changed() => {}
            _ = at_least.tick() => {}
            change = changes.recv() => if matches!(change, Err(RecvError::Closed)) { return },
            () = shown.closed() => return,
        }
        // What piled up meanwhile is in the next drawing.
        while changes.try_recv().is_ok() {}
    }
}
