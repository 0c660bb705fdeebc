//! What the command line can ask of the guard.

use super::accounts::{find, outcome_shown};
use super::carry_out::BY;
use super::shield::{self, ShieldRequest};
use crate::guard::report::{history, report};
use crate::guard::rules::{COUNTERS, Chosen, name};
use crate::guard::{Lan, notice};
use crate::house::House;
use anyhow::{Result, anyhow};
use proto::types::Address;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "guard", rename_all = "kebab-case")]
pub enum GuardRequest {
    /// The accounts, or one with what left and what tripped.
    Status {
        /// Whose.
        address: Option<Address>,
    },
    /// What is allowed in the office, or to one account.
    Limits {
        /// Whose.
        address: Option<Address>,
    },
    /// Change what is allowed: all of it or nothing.
    Set {
        /// To whom; `None`: the office.
        address: Option<Address>,
        /// Names and values.
        changes: Vec<(String, String)>,
    },
    /// Stop an account.
    Freeze {
        /// Whom.
        address: Address,
        /// Why, for a person.
        reason: String,
    },
    /// Give an account back; held mail stays.
    Unfreeze {
        /// Whom.
        address: Address,
    },
    /// Let held mail go.
    Release {
        /// Whose.
        address: Address,
    },
    /// Drop held mail.
    Discard {
        /// Whose.
        address: Address,
    },
    /// The admin has seen that the account is frozen.
    Acknowledge {
        /// Whose.
        address: Address,
    },
    /// From where mail may claim a domain.
    Shield {
        /// What about it.
        wish: ShieldRequest,
    },
    /// Where else an admin gets notices.
    Outside {
        /// Which admin.
        admin: Address,
        /// An address outside of the box; `None`: nowhere else.
        address: Option<Address>,
    },
}

pub(super) async fn carry_out(house: &House, request: &GuardRequest) -> Result<Value> {
    let guard = &house.guard;
    let by = || BY.to_owned();
    match request {
        GuardRequest::Status { address: None } => all(house),
        GuardRequest::Status {
            address: Some(address),
        } => one(house, address).await,
        GuardRequest::Limits { address } => limits(house, address.as_ref()),
        GuardRequest::Set { address, changes } => {
            let account = address.as_ref().map(|address| find(house, address)).transpose()?;
            let account = account.map(|account| account.id);
            guard
                .set_rules(account, changes)
                .await
                .map_err(|words| anyhow!(words))?;
            limits(house, address.as_ref())
        }
        GuardRequest::Freeze { address, reason } => {
            let account = find(house, address)?;
            let outcome = guard.freeze(account.id, reason.clone()).await?;
            Ok(outcome_shown(address, &outcome))
        }
        GuardRequest::Unfreeze { address } => {
            let account = find(house, address)?;
            let done = guard.unfreeze(account.id, by()).await?;
            let held = house.store.snapshot()?.held()?.remove(&account.id);
            let held = held.unwrap_or_default();
            Ok(json!({ "address": address, "unfrozen": done, "held": held }))
        }
        GuardRequest::Release { address } => {
            let count = guard.release(find(house, address)?.id, by()).await?;
            Ok(json!({ "address": address, "released": count }))
        }
        GuardRequest::Discard { address } => {
            let count = guard.discard(find(house, address)?.id, by()).await?;
            Ok(json!({ "address": address, "discarded": count }))
        }
        GuardRequest::Acknowledge { address } => {
            let done = guard.acknowledge(find(house, address)?.id, by()).await?;
            Ok(json!({ "address": address, "acknowledged": done }))
        }
        GuardRequest::Shield { wish } => shield::carry_out(house, wish).await,
        GuardRequest::Outside { admin, address } => {
            let account = find(house, admin)?;
            notice::set_outside(house, &account, address.clone()).await?;
            Ok(json!({ "admin": admin, "outside": address }))
        }
    }
}

// One line an account; what is not counted is left out.
fn all(house: &House) -> Result<Value> {
    let snapshot = house.store.snapshot()?;
    let (held, now) = (snapshot.held()?, house.clock.now());
    let mut rows = Vec::new();
    for account in snapshot.people_and_printers()? {
        let mut report = report(&house.guard, &account, &held, now)?;
        report.counts.retain(|_, count| *count > 0);
        report.limits.clear();
        rows.push(serde_json::to_value(report)?);
    }
    Ok(Value::Array(rows))
}

async fn one(house: &House, address: &Address) -> Result<Value> {
    house.ledger.flush().await;
    let account = find(house, address)?;
    let snapshot = house.store.snapshot()?;
    let now = house.clock.now();
    let mut shown = serde_json::to_value(report(&house.guard, &account, &snapshot.held()?, now)?)?;
    let history = serde_json::to_value(history(&snapshot, &account, now)?)?;
    if let (Value::Object(shown), Value::Object(history)) = (&mut shown, history) {
        shown.extend(history);
    }
    Ok(shown)
}

fn limits(house: &House, address: Option<&Address>) -> Result<Value> {
    let rules = house.guard.rules()?;
    let account = address.map(|address| find(house, address)).transpose()?;
    // An account that has nothing of its own has what the office has.
    let office = proto::types::AccountId(0);
    let id = account.map_or(office, |account| account.id);
    let allowed = rules.of(id);
    let chosen = rules.accounts.get(&id).unwrap_or(&rules.office);
    let mut shown = json!({ "address": address, "action": allowed.action, "exempt": allowed.exempt });
    if let Value::Object(shown) = &mut shown {
        for counter in COUNTERS {
            shown.insert(name(counter).to_owned(), allowed.limit(counter).into());
        }
        shown.insert("set".to_owned(), names(chosen).into());
        if address.is_none() {
            let lan = Lan::read(&house.store.snapshot()?)?;
            shown.insert("lan".to_owned(), serde_json::to_value(lan.networks)?);
        }
    }
    Ok(shown)
}

fn names(chosen: &Chosen) -> Vec<&'static str> {
    chosen.limits.keys().map(|counter| name(*counter)).collect()
}
