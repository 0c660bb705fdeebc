//! The windows as the ledger remembers them.

use super::household;
use crate::clock::DAY;
use crate::guard::windows::{Message, Windows};
use proto::types::{AccountId, Timestamp};
use std::collections::HashMap;
use store::{Event, EventKind, Snapshot, SourceClass, StoreError};

/// Events read at a time.
const PORTION: usize = 1000;

/// Every account's windows at `now`. What an account sent before it was given back counts no more.
pub(super) fn windows(
    snapshot: &Snapshot,
    now: Timestamp,
) -> Result<HashMap<AccountId, Windows>, StoreError> {
    let mut all: HashMap<AccountId, Windows> = HashMap::new();
    for event in last_day(snapshot, now)?.into_iter().rev() {
        let at = event.at;
        match event.kind {
            EventKind::Sent {
                account,
                ip,
                to,
                source,
                author,
                first_time,
                ..
            } => {
                let message = Message {
                    source: source.unwrap_or(SourceClass::Lan),
                    network: household(ip),
                    recipients: u32::try_from(to.len()).unwrap_or(u32::MAX),
                    first_time,
                    author,
                };
                all.entry(account).or_default().put(at, message);
            }
            EventKind::Bounced {
                account: Some(account),
                hard: true,
                ..
            } => {
                all.entry(account).or_default().put_bounce(at);
            }
            EventKind::SenderRefused { account, author, .. } => {
                all.entry(account).or_default().put_strange(at, author);
            }
            EventKind::Unfrozen { account, .. } => drop(all.remove(&account)),
            _ => {}
        }
    }
    Ok(all)
}

// What counts of the last day, newest first.
fn last_day(snapshot: &Snapshot, now: Timestamp) -> Result<Vec<Event>, StoreError> {
    let since = now.plus(-DAY);
    let mut kept = Vec::new();
    let mut before = None;
    loop {
        let events = snapshot.events(before, PORTION, |_| true)?;
        let full = events.len() == PORTION;
        let oldest = events.last().map(|(number, event)| (*number, event.at));
        kept.extend(events.into_iter().map(|(_, event)| event).filter(|event| {
            let counts = matches!(
                event.kind,
                EventKind::Sent { .. }
                    | EventKind::Bounced { .. }
                    | EventKind::SenderRefused { .. }
                    | EventKind::Unfrozen { .. }
            );
            counts && event.at > since
        }));
        match oldest {
            Some((number, at)) if full && at > since => before = Some(number),
            _ => return Ok(kept),
        }
    }
}
