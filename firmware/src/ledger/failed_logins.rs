//! Failed logins as rows: the same from the same place is one row of a page.

use crate::clock::DAY;
use crate::guard::{Network, NetworkError};
use proto::types::Protocol;
use std::ops::RangeInclusive;
use store::{Event, EventKind, Snapshot, StoreError};
use web_setup::{FailedLogin, FailedLogins, LoginFilter};

/// Events read at a time.
const PORTION: usize = 256;
/// Most events folded into one page; a page of a busy night may hold fewer rows.
const MOST: usize = 4096;

/// Which failed logins are wanted.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    network: Option<Network>,
    days: Option<RangeInclusive<i64>>,
    wanted: LoginFilter,
}

impl Filter {
    /// From what a page or a command line says.
    ///
    /// # Errors
    /// `from` is no network.
    pub fn new(wanted: LoginFilter) -> Result<Self, NetworkError> {
        let from = wanted.from.trim();
        let network = (!from.is_empty()).then(|| from.parse()).transpose()?;
        Ok(Self {
            network,
            days: wanted.day.map(|day| day..=day),
            wanted,
        })
    }

    /// All of these days, counted from 1970.
    #[must_use]
    pub fn of_days(days: RangeInclusive<i64>) -> Self {
        Self {
            days: Some(days),
            ..Self::default()
        }
    }

    fn takes(&self, row: &FailedLogin) -> bool {
        let wanted = &self.wanted;
        let name = wanted.name.trim().to_lowercase();
        wanted.protocol.is_none_or(|protocol| protocol == row.protocol)
            && self.network.is_none_or(|network| network.contains(row.ip))
            && wanted.known.is_none_or(|known| known == row.known)
            && self.days.as_ref().is_none_or(|days| is_of(row, days))
            && (name.is_empty() || row.login.to_lowercase().contains(&name))
    }
}

// Folded ones may have begun on the day before.
fn is_of(row: &FailedLogin, days: &RangeInclusive<i64>) -> bool {
    row.first.0.div_euclid(DAY) <= *days.end() && *days.start() <= row.at.0.div_euclid(DAY)
}

/// At most `limit` rows older than event `before`.
///
/// # Errors
/// The store failed.
pub fn page(
    snapshot: &Snapshot,
    filter: &Filter,
    mut before: Option<u64>,
    limit: usize,
) -> Result<FailedLogins, StoreError> {
    let mut rows: Vec<FailedLogin> = Vec::new();
    for _ in 0..MOST.div_ceil(PORTION) {
        let wanted = |event: &Event| row(event).is_some_and(|row| filter.takes(&row));
        let events = snapshot.events(before, PORTION, wanted)?;
        let last = events.len() < PORTION;
        for (number, event) in events {
            let Some(row) = row(&event) else { continue };
            let full = rows.len() >= limit;
            match rows.iter_mut().find(|above| same(above, &row)) {
                Some(above) => {
                    above.count += row.count;
                    above.first = above.first.min(row.first);
                    above.at = above.at.max(row.at);
                }
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

/// The row of one event, if it is a failed login.
#[must_use]
pub fn row(event: &Event) -> Option<FailedLogin> {
    let EventKind::LoginFailed {
        protocol,
        ip,
        login,
        account,
        mechanism,
        tls,
        reason,
        client,
        count,
        last,
    } = &event.kind
    else {
        return None;
    };
    // The login of these pages is no mail account.
    let known = account.is_some() || *protocol == Protocol::Web && login.eq_ignore_ascii_case("admin");
    Some(FailedLogin {
        first: event.at,
        at: last.unwrap_or(event.at),
        ip: *ip,
        protocol: *protocol,
        login: login.clone(),
        known,
        mechanism: *mechanism,
        tls: *tls,
        reason: reason.clone(),
        client: client.clone(),
        count: u64::from(*count),
    })
}

/// Whether two rows differ in nothing but their time.
#[must_use]
pub fn same(a: &FailedLogin, b: &FailedLogin) -> bool {
    let key = |row: &FailedLogin| (row.ip, row.protocol, row.known, row.mechanism, row.tls);
    key(a) == key(b) && (&a.login, &a.reason) == (&b.login, &b.reason)
}
