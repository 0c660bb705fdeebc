//! The windows as the ledger remembers them.

use crate::clock::DAY;
use crate::guard::Network;
use crate::guard::windows::{Message, Windows};
use proto::types::{AccountId, Timestamp};
use std::collections::HashMap;
use store::{Event, EventKind, Snapshot, SourceClass, StoreError};

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
                    network: Network::household(ip),
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
    let mut kept = Vec::new();
    snapshot.events_since(now.plus(1 - DAY), usize::MAX, |event| {
        let counts = matches!(
            event.kind,
            EventKind::Sent { .. }
                | EventKind::Bounced { .. }
                | EventKind::SenderRefused { .. }
                | EventKind::Unfrozen { .. }
        );
        if counts {
            kept.push(event);
        }
    })?;
    Ok(kept)
}
