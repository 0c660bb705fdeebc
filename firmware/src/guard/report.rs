//! What the guard knows of an account: the same numbers for the page, the command line and the
//! admins' mail.

use super::allowance::{WATCHED_FOR, is_watched};
use super::{Guard, rules};
use crate::deliver::people;
use crate::settings::{self, Office};
use proto::types::{AccountId, Address, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use store::{Account, AccountState, EventKind, GuardAction, Snapshot, StoreError, Trip};

/// Events read at a time, and most of them read for one report.
const MOST: usize = 20_000;
/// How far back `left` and `trip` look, in seconds.
const LOOK_BACK: i64 = 7 * crate::clock::DAY;
/// How long before a freeze mail is listed that left, in seconds.
const BEFORE_FREEZE: i64 = crate::clock::DAY;
/// Recipients listed that mail left for.
const LEFT: usize = 200;

/// An account as the guard sees it.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// Whose.
    pub address: Address,
    /// `active`, `limited`, `frozen` or `disabled`.
    pub state: &'static str,
    /// Why it is not active.
    pub reason: Option<String>,
    /// Since when it is frozen.
    pub since: Option<Timestamp>,
    /// Until when it is limited.
    pub until: Option<Timestamp>,
    /// An admin has seen that it is frozen.
    pub seen: bool,
    /// Until when it is watched twice as closely.
    pub watched_until: Option<Timestamp>,
    /// Recipients whose mail is held.
    pub held: u64,
    /// What was counted within the windows.
    pub counts: BTreeMap<&'static str, u32>,
    /// What is allowed.
    pub limits: BTreeMap<&'static str, u32>,
    /// What happens over a limit.
    pub action: GuardAction,
    /// Counted, but never stopped.
    pub exempt: bool,
}

/// A recipient that mail of the account left for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Left {
    /// When the other side took it.
    pub at: Timestamp,
    /// Who got it.
    pub to: Address,
    /// The server that took it; ours for whoever is here.
    pub host: String,
}

/// What happened around the last freeze.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct History {
    /// The guard's last finding, if it is not too long ago.
    pub trip: Option<Trip>,
    /// What left from a day before the freeze on, newest first; cut. Of an account that is not
    /// frozen: within the last day.
    pub left: Vec<Left>,
    /// More left than is listed.
    pub more: bool,
}

impl History {
    fn push(&mut self, at: Timestamp, to: Address, host: &str) {
        if self.left.len() == LEFT {
            self.more = true;
            return;
        }
        let host = host.to_owned();
        self.left.push(Left { at, to, host });
    }
}

/// The account as it is now. `held`: see [`Snapshot::held`].
///
/// # Errors
/// The store failed.
pub fn report(
    guard: &Guard,
    account: &Account,
    held: &BTreeMap<AccountId, u64>,
    now: Timestamp,
) -> Result<Report, StoreError> {
    let (counts, allowed) = guard.counts(account.id)?;
    let until = account.state.limited_until(now);
    let (state, reason, since) = match &account.state {
        AccountState::Limited { reason, .. } if until.is_some() => ("limited", Some(reason), None),
        AccountState::Active | AccountState::Limited { .. } => ("active", None, None),
        AccountState::Frozen { since, reason } => ("frozen", Some(reason), Some(*since)),
        AccountState::Disabled => ("disabled", None, None),
    };
    let watched = is_watched(account, now).then_some(account.unfrozen_at).flatten();
    Ok(Report {
        address: account.address.clone(),
        state,
        reason: reason.cloned(),
        since,
        until,
        seen: account.freeze_seen,
        watched_until: watched.map(|since| since.plus(WATCHED_FOR)),
        held: held.get(&account.id).copied().unwrap_or_default(),
        counts: counts
            .into_iter()
            .map(|(counter, count)| (rules::name(counter), count))
            .collect(),
        limits: rules::COUNTERS
            .into_iter()
            .map(|counter| (rules::name(counter), allowed.limit(counter)))
            .collect(),
        action: allowed.action,
        exempt: allowed.exempt,
    })
}

/// What happened around the account's last freeze. Reads at most the last 20,000 events.
///
/// # Errors
/// The store failed.
pub fn history(snapshot: &Snapshot, account: &Account, now: Timestamp) -> Result<History, StoreError> {
    let frozen = match account.state {
        AccountState::Frozen { since, .. } => since,
        _ => now,
    };
    let left_since = frozen.plus(-BEFORE_FREEZE);
    let office: Option<Office> = settings::read(snapshot, settings::OFFICE)?;
    let mut history = History::default();
    let mut failed = None;
    snapshot.events_since(left_since.min(now.plus(-LOOK_BACK)), MOST, |event| {
        match event.kind {
            EventKind::Relayed {
                account: Some(owner),
                to,
                host,
                ..
            } if owner == account.id && event.at >= left_since => {
                history.push(event.at, to, &host);
            }
            // People here have it as soon as it is taken.
            EventKind::Sent {
                account: owner, to, ..
            } if owner == account.id && event.at >= left_since => {
                let Some(office) = &office else { return };
                for to in to {
                    match people::is_ours(snapshot, office, to.domain()) {
                        Ok(true) => history.push(event.at, to, office.hostname.as_str()),
                        Ok(false) => {}
                        Err(error) => failed = Some(error),
                    }
                }
            }
            EventKind::Tripped(trip) if trip.account == account.id && history.trip.is_none() => {
                history.trip = Some(*trip);
            }
            _ => {}
        }
    })?;
    failed.map_or(Ok(history), Err)
}

/// Findings with their numbers in the ledger, the newest first: those after event `after`. A listener
/// asks when the store tells [`store::Change::Ledger`].
///
/// # Errors
/// The store failed.
pub fn trips(snapshot: &Snapshot, after: Option<u64>) -> Result<Vec<(u64, Timestamp, Trip)>, StoreError> {
    let mut trips = Vec::new();
    snapshot.events_after(after, MOST, |number, event| {
        if let EventKind::Tripped(trip) = event.kind {
            trips.push((number, event.at, *trip));
        }
    })?;
    Ok(trips)
}
