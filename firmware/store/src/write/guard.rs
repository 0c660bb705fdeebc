//! What the guard decides, each in one commit with what it says in the ledger.

use super::Write;
use super::deliver::Prepared;
use crate::rows::{AccountRow, QueueRow, from_json};
use crate::{
    AccountState, Acquaintance, Change, Delivered, Event, EventKind, Freeze, FreezeOutcome, GuardAction,
    LinkId, StoreError, Submission,
};
use proto::types::{AccountId, Timestamp};
use redb::ReadableTable;
use std::collections::BTreeMap;

/// Most networks and recipients that an account knows, once the day is tidied up.
const ACQUAINTANCES: usize = 10_000;
/// Meeting somebody again within so many seconds is not worth a write.
const MET_AGAIN: i64 = 86_400;

impl Write<'_> {
    /// See [`crate::Store::submit`].
    pub(crate) fn submit(
        &mut self,
        prepared: &[Prepared],
        submission: &Submission,
    ) -> Result<Vec<Delivered>, StoreError> {
        let delivered = self.deliver(prepared)?;
        self.make_links(&submission.links)?;
        self.meet(submission.account, &submission.met, submission.at)?;
        self.printer_sent(submission.account, submission.at)?;
        self.record(&submission.events)?;
        Ok(delivered)
    }

    /// See [`crate::Store::meet`].
    pub(crate) fn meet(
        &mut self,
        account: AccountId,
        met: &[Acquaintance],
        at: Timestamp,
    ) -> Result<(), StoreError> {
        for one in met {
            let key = one.key();
            let key = (account.0, key.as_str());
            let before = self.read().acquaintances.get(key)?.map(|times| times.value());
            // A time in the future was written before the clock was set: it begins anew.
            let before = before.filter(|(first, last)| first.max(last) <= &at.0);
            match before {
                Some((_, last)) if at.0 - last < MET_AGAIN => {}
                Some((first, _)) => drop(self.edit().acquaintances.insert(key, (first, at.0))?),
                None => drop(self.edit().acquaintances.insert(key, (at.0, at.0))?),
            }
        }
        Ok(())
    }

    /// See [`crate::Store::forget`].
    pub(crate) fn forget(&mut self, account: AccountId, those: &[Acquaintance]) -> Result<(), StoreError> {
        for one in those {
            self.edit()
                .acquaintances
                .remove((account.0, one.key().as_str()))?;
        }
        Ok(())
    }

    /// See [`crate::Store::forget_before`].
    pub(crate) fn forget_before(&mut self, at: Timestamp) -> Result<(), StoreError> {
        let old = |last: i64| last < at.0;
        let mut any = false;
        for entry in self.read().acquaintances.iter()? {
            any |= old(entry?.1.value().1);
        }
        if any {
            self.edit().acquaintances.retain(|_, (_, last)| !old(last))?;
        }
        self.forget_the_oldest()
    }

    // An account knows at most so many; those that it met longest ago go.
    fn forget_the_oldest(&mut self) -> Result<(), StoreError> {
        let mut met: BTreeMap<u64, Vec<i64>> = BTreeMap::new();
        for entry in self.read().acquaintances.iter()? {
            let (key, times) = entry?;
            met.entry(key.value().0).or_default().push(times.value().1);
        }
        for (account, mut times) in met {
            let Some(surplus) = times.len().checked_sub(ACQUAINTANCES).filter(|n| *n > 0) else {
                continue;
            };
            times.sort_unstable();
            let newest = times.get(surplus - 1).copied().unwrap_or_default();
            let mut left = surplus;
            let range = (account, "")..(account.saturating_add(1), "");
            self.edit().acquaintances.retain_in(range, |_, (_, last)| {
                let goes = last <= newest && left > 0;
                left -= usize::from(goes);
                !goes
            })?;
        }
        Ok(())
    }

    /// See [`crate::Store::freeze`].
    pub(crate) fn freeze(&mut self, freeze: &Freeze) -> Result<FreezeOutcome, StoreError> {
        let id = freeze.account;
        let mut row = self.account(id)?;
        if row.state.holds_mail() {
            return Ok(FreezeOutcome::Already);
        }
        let wished = freeze
            .trip
            .as_ref()
            .map_or(GuardAction::Freeze, |trip| trip.action);
        let last_admin = wished == GuardAction::Freeze && row.admin && self.is_last_admin(id)?;
        let reason = freeze.reason.clone();
        if wished == GuardAction::Limit || last_admin {
            row.state = AccountState::Limited {
                until: freeze.until,
                reason,
            };
            self.put_account(id, &row)?;
            self.record_trip(freeze, GuardAction::Limit, last_admin, 0)?;
            return Ok(FreezeOutcome::Limited {
                until: freeze.until,
                last_admin,
            });
        }
        row.state = AccountState::Frozen {
            since: freeze.at,
            reason: reason.clone(),
        };
        row.freeze_seen = false;
        self.put_account(id, &row)?;
        self.hold_queue_of(id, true)?;
        let held = self.held_of(id)?.len() as u64;
        self.record_trip(freeze, GuardAction::Freeze, false, held)?;
        let trip = freeze.trip.as_ref().map(|trip| trip.id.clone());
        self.say(
            freeze.at,
            EventKind::Frozen {
                account: id,
                reason,
                trip,
                held,
            },
        )?;
        Ok(FreezeOutcome::Frozen { held })
    }

    fn record_trip(
        &mut self,
        freeze: &Freeze,
        action: GuardAction,
        last_admin: bool,
        held: u64,
    ) -> Result<(), StoreError> {
        let Some(trip) = &freeze.trip else {
            // By hand nobody is limited but the last admin; being frozen has an event of its own.
            return match last_admin {
                true => self.say(
                    freeze.at,
                    EventKind::LastAdminLimited {
                        account: freeze.account,
                        reason: freeze.reason.clone(),
                        until: freeze.until,
                    },
                ),
                false => Ok(()),
            };
        };
        let mut trip = Box::new(trip.clone());
        trip.action = action;
        trip.until = (action == GuardAction::Limit).then_some(freeze.until);
        trip.last_admin = last_admin;
        trip.held = held;
        self.say(freeze.at, EventKind::Tripped(trip))
    }

    // Somebody has to be able to let the others out.
    fn is_last_admin(&self, id: AccountId) -> Result<bool, StoreError> {
        for entry in self.read().accounts.iter()? {
            let (other, bytes) = entry?;
            let row: AccountRow = from_json(bytes.value())?;
            if other.value() != id.0 && row.admin && !row.state.holds_mail() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// See [`crate::Store::unfreeze`].
    pub(crate) fn unfreeze(&mut self, id: AccountId, at: Timestamp, by: &str) -> Result<bool, StoreError> {
        let mut row = self.account(id)?;
        if row.state == AccountState::Active {
            return Ok(false);
        }
        row.state = AccountState::Active;
        row.unfrozen_at = Some(at);
        row.freeze_seen = false;
        self.put_account(id, &row)?;
        self.say(
            at,
            EventKind::Unfrozen {
                account: id,
                by: by.to_owned(),
            },
        )?;
        Ok(true)
    }

    /// See [`crate::Store::freeze_seen`].
    pub(crate) fn freeze_seen(&mut self, id: AccountId, at: Timestamp, by: &str) -> Result<bool, StoreError> {
        let mut row = self.account(id)?;
        if row.freeze_seen || !matches!(row.state, AccountState::Frozen { .. }) {
            return Ok(false);
        }
        row.freeze_seen = true;
        self.put_account(id, &row)?;
        self.say(
            at,
            EventKind::FreezeSeen {
                account: id,
                by: by.to_owned(),
            },
        )?;
        Ok(true)
    }

    /// See [`crate::Store::release_held`].
    pub(crate) fn release_held(
        &mut self,
        account: AccountId,
        at: Timestamp,
        by: &str,
    ) -> Result<u64, StoreError> {
        self.account(account)?;
        let rows = self.held_of(account)?;
        let count = rows.len() as u64;
        for (id, row) in rows {
            let next = QueueRow {
                held: false,
                next_attempt: at,
                attempts: 0, // the time that it was held does not give it up
                ..row.clone()
            };
            self.change_queue_row(id, &row, &next)?;
        }
        if count > 0 {
            self.tell(Change::Queue);
            self.say(
                at,
                EventKind::HeldReleased {
                    account,
                    by: by.to_owned(),
                    count,
                },
            )?;
        }
        Ok(count)
    }

    /// See [`crate::Store::discard_held`].
    pub(crate) fn discard_held(
        &mut self,
        account: AccountId,
        links: &[LinkId],
        at: Timestamp,
        by: &str,
    ) -> Result<u64, StoreError> {
        self.account(account)?;
        let rows = self.held_of(account)?;
        let ids: Vec<_> = rows.into_iter().map(|(id, _)| id).collect();
        let count = self.discard_queued(&ids)? as u64;
        self.end_links(links, at, by)?;
        if count > 0 {
            self.say(
                at,
                EventKind::HeldDiscarded {
                    account,
                    by: by.to_owned(),
                    count,
                },
            )?;
        }
        Ok(count)
    }

    pub(super) fn say(&mut self, at: Timestamp, kind: EventKind) -> Result<(), StoreError> {
        self.record(&[Event { at, kind }])
    }
}
