//! The guard as the pages show it.

use super::{Appliance, LAST_ADMIN, fault};
use crate::blocking::blocking;
use crate::guard;
use crate::guard::report::{history, report};
use crate::guard::rules::{Allowed, COUNTERS, Chosen, label, name};
use crate::guard::{notice, words};
use crate::house::House;
use proto::types::AccountId;
use proto::types::Address;
use store::FreezeOutcome;
use store::{Counter, GuardAction, StoreError, Trip};
use web_setup::Fault;
use web_setup::{Choice, Count, Finding, Left, Watch};

/// What the guard knows of an account.
pub(super) fn of(house: &House, id: AccountId) -> Result<Watch, StoreError> {
    let snapshot = house.store.snapshot()?;
    let account = snapshot.account(id)?.ok_or(StoreError::NotFound)?;
    let now = house.clock.now();
    let report = report(&house.guard, &account, &snapshot.held()?, now)?;
    let history = history(&snapshot, &account, now)?;
    let (counts, allowed) = house.guard.counts(id)?;
    let rules = house.guard.rules()?;
    let chosen = rules.accounts.get(&id).cloned().unwrap_or_default();
    let left = |left: crate::guard::report::Left| Left {
        at: left.at,
        to: left.to,
        host: left.host,
    };
    Ok(Watch {
        held: report.held,
        seen: report.seen,
        limited: report.until.zip(report.reason),
        watched_until: report.watched_until,
        finding: history.trip.as_ref().map(finding),
        left: history.left.into_iter().map(left).collect(),
        more_left: history.more,
        choice: choice(&allowed, &chosen, &counts),
        outside: notice::outside(&snapshot, id)?,
    })
}

/// What the office's accounts may send.
pub(super) fn office(house: &House) -> Result<Choice, StoreError> {
    let rules = house.guard.rules()?;
    // Nobody has this number, so nothing was set for it alone.
    Ok(choice(&rules.of(AccountId(0)), &rules.office, &[]))
}

fn choice(allowed: &Allowed, chosen: &Chosen, counts: &[(Counter, u32)]) -> Choice {
    let count = |counter| Count {
        name: name(counter),
        words: label(counter),
        count: counts
            .iter()
            .find(|(one, _)| *one == counter)
            .map_or(0, |(_, count)| *count),
        limit: allowed.limit(counter),
        set: chosen.limits.get(&counter).copied(),
    };
    Choice {
        counts: COUNTERS.into_iter().map(count).collect(),
        action: chosen.action.map(|action| match action {
            GuardAction::Freeze => "freeze",
            GuardAction::Limit => "limit",
        }),
        exempt: chosen.exempt,
    }
}

fn finding(trip: &Trip) -> Finding {
    Finding {
        words: words::numbers(trip.counter, trip.count, trip.limit),
        networks: trip.networks.clone(),
        recipients: trip.recipients.iter().map(ToString::to_string).collect(),
    }
}

impl web_setup::GuardRoom for Appliance {
    async fn watch(&self, id: AccountId) -> Result<Watch, Fault> {
        self.house().ledger.flush().await;
        blocking(|| of(self.house(), id)).map_err(fault)
    }

    async fn limits(&self) -> Result<Choice, Fault> {
        office(self.house()).map_err(fault)
    }

    async fn set_limits(&self, id: Option<AccountId>, changes: Vec<(String, String)>) -> Result<(), Fault> {
        let set = self.house().guard.set_rules(id, &changes).await;
        set.map_err(Fault::Refused)
    }

    async fn release_held(&self, id: AccountId) -> Result<u64, Fault> {
        let released = self.house().guard.release(id, self.by()?).await;
        released.map_err(fault)
    }

    async fn discard_held(&self, id: AccountId) -> Result<u64, Fault> {
        let discarded = self.house().guard.discard(id, self.by()?).await;
        discarded.map_err(fault)
    }

    async fn set_outside(&self, id: AccountId, address: Option<Address>) -> Result<(), Fault> {
        let house = self.house();
        let account = house.store.snapshot().and_then(|snapshot| snapshot.account(id));
        let account = account.map_err(fault)?.ok_or(Fault::Gone)?;
        let set = guard::notice::set_outside(house, &account, address).await;
        set.map_err(|error| Fault::Refused(format!("{error:#}.")))
    }

    async fn acknowledge(&self, id: AccountId) -> Result<(), Fault> {
        let seen = self.house().guard.acknowledge(id, self.by()?).await;
        seen.map(drop).map_err(fault)
    }

    async fn freeze(&self, id: AccountId, reason: String) -> Result<(), Fault> {
        let outcome = self.house().guard.freeze(id, reason).await.map_err(fault)?;
        match outcome {
            FreezeOutcome::Limited { .. } => Err(Fault::Refused(LAST_ADMIN.to_owned())),
            FreezeOutcome::Frozen { .. } | FreezeOutcome::Already => Ok(()),
        }
    }

    async fn unfreeze(&self, id: AccountId) -> Result<(), Fault> {
        let unfrozen = self.house().guard.unfreeze(id, self.by()?).await;
        unfrozen.map(drop).map_err(fault)
    }
}
