//! An account's own logins, as its owner sees them.

use proto::types::AccountId;
use store::{Event, EventKind, Snapshot, StoreError};
use web_setup::RecentLogin;

/// The last `limit`, newest first.
pub(super) fn recent(
    snapshot: &Snapshot,
    of: AccountId,
    limit: usize,
) -> Result<Vec<RecentLogin>, StoreError> {
    let events = snapshot.events(None, limit, |event| shown(event, of).is_some())?;
    Ok(events.iter().filter_map(|(_, event)| shown(event, of)).collect())
}

fn shown(event: &Event, of: AccountId) -> Option<RecentLogin> {
    match &event.kind {
        EventKind::LoginOk {
            protocol,
            ip,
            account,
            ..
        } if *account == of => Some(RecentLogin {
            at: event.at,
            ip: *ip,
            protocol: *protocol,
            failed: None,
            count: 1,
        }),
        EventKind::LoginFailed {
            protocol,
            ip,
            account: Some(account),
            reason,
            count,
            last,
            ..
        } if *account == of => Some(RecentLogin {
            at: last.unwrap_or(event.at),
            ip: *ip,
            protocol: *protocol,
            failed: Some(reason.clone()),
            count: u64::from(*count),
        }),
        _ => None,
    }
}
