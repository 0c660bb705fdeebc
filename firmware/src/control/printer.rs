//! What the command line can have done about printers and scanners.

use super::carry_out::BY;
use crate::guard::printers::{self, LIMIT};
use crate::house::House;
use anyhow::{Context, Result};
use proto::types::{AccountId, Address, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::net::IpAddr;
use store::{Account, Terms};

/// A wish about them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "printer", rename_all = "kebab-case")]
pub enum PrinterRequest {
    /// All of them.
    List,
    /// Who was refused for want of a login.
    Refused,
    /// Allow one.
    Allow {
        /// Its address in the office's network.
        ip: IpAddr,
        /// The sender that it may name.
        from: Address,
        /// What it may do; what is missing is the default.
        wish: PrinterWish,
    },
    /// Change what one may do; what is missing stays.
    Set {
        /// Which.
        id: AccountId,
        /// What.
        wish: PrinterWish,
    },
    /// It sends nothing for a while.
    Pause {
        /// Which.
        id: AccountId,
    },
    /// It may send again.
    Resume {
        /// Which.
        id: AccountId,
    },
    /// Its held mail goes on its way.
    Release {
        /// Which.
        id: AccountId,
    },
    /// Its held mail is dropped.
    Discard {
        /// Which.
        id: AccountId,
    },
    /// Forget it.
    Remove {
        /// Which.
        id: AccountId,
    },
}

/// What a printer may do, as far as somebody said.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[allow(missing_docs)] // see `Terms`
pub struct PrinterWish {
    pub name: Option<String>,
    pub limit: Option<u32>,
    pub here_only: Option<bool>,
}

impl PrinterWish {
    fn over(self, terms: Terms) -> Terms {
        Terms {
            name: self.name.unwrap_or(terms.name),
            limit: self.limit.unwrap_or(terms.limit),
            here_only: self.here_only.unwrap_or(terms.here_only),
        }
    }
}

pub(super) async fn carry_out(house: &House, wish: &PrinterRequest) -> Result<Value> {
    let known = |id: AccountId| {
        let found = printers::find(&house.store.snapshot()?, id);
        found.with_context(|| format!("there is no printer {id}"))
    };
    let id = match wish {
        PrinterRequest::List => return list(house),
        PrinterRequest::Refused => {
            house.ledger.flush().await;
            let tried = printers::tried(&house.store.snapshot()?)?;
            return Ok(serde_json::to_value(tried)?);
        }
        PrinterRequest::Allow { ip, from, wish } => {
            let terms = wish.clone().over(Terms {
                name: String::new(),
                limit: LIMIT,
                here_only: false,
            });
            printers::allow(house, *ip, from.clone(), terms, BY).await?
        }
        PrinterRequest::Set { id, wish } => {
            let (account, _) = known(*id)?;
            let terms = account.printer.context("it is no printer")?.terms;
            printers::set(house, *id, wish.clone().over(terms), BY).await?;
            *id
        }
        PrinterRequest::Pause { id } => {
            known(*id)?;
            printers::pause(house, *id, BY).await?;
            *id
        }
        PrinterRequest::Resume { id } => {
            known(*id)?;
            printers::resume(house, *id, BY).await?;
            *id
        }
        PrinterRequest::Release { id } => {
            known(*id)?;
            let count = house.guard.release(*id, BY.to_owned()).await?;
            return Ok(json!({ "id": id, "released": count }));
        }
        PrinterRequest::Discard { id } => {
            known(*id)?;
            let count = house.guard.discard(*id, BY.to_owned()).await?;
            return Ok(json!({ "id": id, "discarded": count }));
        }
        PrinterRequest::Remove { id } => {
            known(*id)?;
            printers::remove(house, *id, BY).await?;
            return Ok(json!({ "id": id, "removed": true }));
        }
    };
    let (account, _) = known(id)?;
    let held = house.store.snapshot()?.held()?.remove(&id).unwrap_or_default();
    Ok(shown(&account, held, house.clock.now()))
}

fn list(house: &House) -> Result<Value> {
    let snapshot = house.store.snapshot()?;
    let (mut held, now) = (snapshot.held()?, house.clock.now());
    let printers = snapshot.printers()?;
    let row = |account: &Account| shown(account, held.remove(&account.id).unwrap_or_default(), now);
    Ok(printers.iter().map(row).collect())
}

fn shown(account: &Account, held: u64, now: Timestamp) -> Value {
    let printer = account.printer.as_ref();
    json!({
        "id": account.id,
        "name": printer.map(|printer| &printer.terms.name),
        "ip": printer.map(|printer| printer.ip),
        "from": account.address,
        "limit": printer.map(|printer| printer.terms.limit),
        "here_only": printer.map(|printer| printer.terms.here_only),
        "state": printers::state(account, now),
        "until": account.state.limited_until(now),
        "sent": printer.map(|printer| printer.sent),
        "used": printer.and_then(|printer| printer.used),
        "held": held,
    })
}
