//! Failed logins as rows: the same from the same place, one after the other, is one row.

use proto::types::Protocol;
use store::{Event, EventKind, Snapshot, StoreError};
use web_setup::{FailedLogin, FailedLogins};

/// Events read at a time.
const PORTION: usize = 256;
/// Most events folded into one page; a page of a busy night may hold fewer rows.
const MOST: usize = 4096;

/// At most `limit` rows older than event `before`.
pub(super) fn page(
    snapshot: &Snapshot,
    mut before: Option<u64>,
    limit: usize,
) -> Result<FailedLogins, StoreError> {
    let mut rows: Vec<FailedLogin> = Vec::new();
    for _ in 0..MOST.div_ceil(PORTION) {
        let events = snapshot.events(before, PORTION, is_failure)?;
        let last = events.len() < PORTION;
        for (number, event) in events {
            let Some(row) = row(event) else { continue };
            let full = rows.len() >= limit;
            match rows.last_mut().filter(|above| same(above, &row)) {
                Some(above) => above.count += row.count,
                None if full => return Ok(FailedLogins { rows, older: before }),
                None => rows.push(row),
            }
            before = Some(number);
        }
        if last {
            return Ok(FailedLogins { rows, older: None });
        }
    }
    Ok(FailedLogins { rows, older: before })
}

fn is_failure(event: &Event) -> bool {
    matches!(event.kind, EventKind::LoginFailed { .. })
}

fn row(event: Event) -> Option<FailedLogin> {
    let EventKind::LoginFailed {
        protocol,
        ip,
        login,
        account,
        reason,
        count,
        ..
    } = event.kind
    else {
        return None;
    };
    // The login of these pages is no mail account.
    let known = account.is_some() || protocol == Protocol::Web && login.eq_ignore_ascii_case("admin");
    Some(FailedLogin {
        at: event.at,
        ip,
        protocol,
        login,
        known,
        reason,
        count: u64::from(count),
    })
}

fn same(a: &FailedLogin, b: &FailedLogin) -> bool {
    (a.ip, a.protocol, a.known, &a.login, &a.reason) == (b.ip, b.protocol, b.known, &b.login, &b.reason)
}
