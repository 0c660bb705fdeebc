//! What the panel shows, made from the store and the ledger.

use crate::board_link::Board;
use crate::dkim::rotation;
use crate::dns::Signed;
use crate::house::House;
use crate::links::FolderState;
use board::screen::{Screen, Status};
use proto::types::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use store::{AccountState, Snapshot, StoreError};
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
/// Most characters of the name of a place for attachments: two pages of the small glass.
const PLACE: usize = 36;
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
    let people = people(&snapshot, house.clock.now())?;
    let mut troubles = people.troubles;
    troubles.extend(general_troubles(house, board));
    Ok(Screen::Running(Status {
        domain: office.domain.to_string(),
        address: board.address(),
        received_today: numbers.received_today,
        sent_today: numbers.sent_today,
        queued: snapshot.queue_len()?,
        failed_last_hour: numbers.failed_last_hour,
        failed_today: numbers.failed_today,
        worst_source: numbers.worst_source.map(|ip| ip.to_string()),
        blocked: house.screen.count(),
        frozen: people.frozen,
        frozen_seen: people.frozen_seen,
        held: snapshot.held_len()?,
        clock_known: house.clock.is_known(),
        troubles,
    }))
}

// The accounts that are stopped.
#[derive(Default)]
struct People {
    frozen: Vec<String>,
    frozen_seen: Vec<String>,
    troubles: Vec<String>,
}

fn people(snapshot: &Snapshot, now: Timestamp) -> Result<People, StoreError> {
    let mut people = People::default();
    let counts = snapshot.account_counts()?;
    if counts.frozen == 0 && counts.limited == 0 {
        return Ok(people);
    }
    let accounts = snapshot.people_and_printers()?;
    let admins = accounts
        .iter()
        .filter(|account| account.admin && !account.state.holds_mail());
    let last_admin = admins.count() == 1;
    for account in &accounts {
        let name = account.address.to_string();
        match &account.state {
            AccountState::Frozen { .. } if account.freeze_seen => people.frozen_seen.push(name),
            AccountState::Frozen { .. } => people.frozen.push(name),
            state if state.limited_until(now).is_none() => {}
            _ if account.admin && last_admin => {
                people
                    .troubles
                    .push(format!("last admin limited, not frozen: {name}"));
            }
            _ => people.troubles.push(format!("may not send now: {name}")),
        }
    }
    for names in [&mut people.frozen, &mut people.frozen_seen, &mut people.troubles] {
        names.truncate(NAMED);
    }
    Ok(people)
}

// Worst first, a few words each.
fn general_troubles(house: &House, board: &Board) -> Vec<String> {
    let mut troubles = Vec::new();
    if let Some((free, total)) = board.storage()
        && free < total / DISK_LOW
    {
        troubles.push(format!("card almost full: {} MB free", free / 1_000_000));
    }
    let disk = match house.links.folder_state() {
        FolderState::Fine => None,
        FolderState::Missing => Some("missing"),
        FolderState::Failing(_) => Some("takes no files"),
    };
    if let Some(how) = disk {
        let name = end_of(&house.links.folder_name());
        troubles.push(format!("{name} {how}: attachments stay in the mail"));
    }
    if house.links.room().is_ok_and(|room| room.is_scarce()) {
        troubles.push("room for linked attachments almost used up".to_owned());
    }
    for domain in rotation::overdue(house).unwrap_or_default() {
        troubles.push(format!("DNS records of new signing keys missing: {domain}"));
    }
    if !board.link_up() {
        troubles.push("no network".to_owned());
    }
    if !house.clock.is_known() {
        troubles.push("the time is not known".to_owned());
    }
    if house.checking.seen() == Signed::Lost {
        troubles.push("DNSSEC signatures are missing: mail waits".to_owned());
    }
    if let Some(words) = board.last_words() {
        troubles.push(format!("mail restarted: {words}"));
    }
    troubles
}

// The end of a long name, such as a folder's path, tells more than its beginning.
fn end_of(name: &str) -> String {
    match name.char_indices().rev().nth(PLACE - 1) {
        Some((at, _)) if at > 0 => format!("..{}", name.get(at..).unwrap_or_default()),
        _ => name.to_owned(),
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_keeps_its_end() {
        let long = format!("/{}/Anhänge", "x".repeat(40));
        let cut = end_of(&long);
        assert_eq!(cut, format!("..{}/Anhänge", "x".repeat(28)));
        for short in [String::new(), "USB stick PLANS".to_owned(), "ä".repeat(36)] {
            assert_eq!(end_of(&short), short);
        }
    }
}
