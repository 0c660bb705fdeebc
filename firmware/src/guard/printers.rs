//! Printers and scanners: they send without a login, each from one address of the office's network
//! and as one sender, and only so many messages in an hour. No network is trusted whole.

use super::allowance::Guard;
use crate::deliver::people;
use crate::facts::ConnectionFacts;
use crate::house::House;
use crate::settings::Office;
use proto::types::{AccountId, Address, ReversePath, Timestamp};
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::IpAddr;
use store::{Account, AccountState, EventKind, NewPrinter, Snapshot, StoreError, Terms};
use tracing::{error, info};

/// Messages in an hour where nothing else is said.
pub const LIMIT: u32 = 30;
/// Most messages in an hour that can be set.
pub const MOST: u32 = 1000;
/// Most printers.
const PRINTERS: usize = 100;
/// Longest name, in characters.
const NAME: usize = 60;
/// Refusals looked at for the list of those that tried.
const LOOKED_AT: usize = 2000;
/// Rows of that list.
const TRIED: usize = 100;

/// Somebody in the office's network who wanted mail passed on without a login.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Tried {
    /// From where.
    pub ip: IpAddr,
    /// As whom; `None`: as nobody (MAIL FROM:<>).
    pub from: ReversePath,
    /// And as so many others that they are not told apart.
    pub others: bool,
    /// To whom, the last time that somebody was named.
    pub to: Option<Address>,
    /// How often.
    pub count: u64,
    /// When first, as far as the ledger goes back.
    pub first: Timestamp,
    /// When last.
    pub last: Timestamp,
}

impl Guard {
    /// The printer that calls from `ip` and sends as `from`. None but in the office's network.
    ///
    /// # Errors
    /// The store failed.
    pub fn printer_at(
        &self,
        snapshot: &Snapshot,
        ip: IpAddr,
        from: &Address,
    ) -> Result<Option<Account>, StoreError> {
        if !self.in_office(snapshot, ip)? {
            return Ok(None);
        }
        let key = from.key();
        let is_it = |account: &Account| {
            let printer = account.printer.as_ref();
            account.address.key() == key && printer.is_some_and(|printer| printer.ip == ip)
        };
        Ok(snapshot.printers()?.into_iter().find(is_it))
    }
}

/// Records that somebody was refused for want of a login, if he is in the office's network: it may
/// be a printer that is to be allowed.
pub fn denied(house: &House, facts: &ConnectionFacts, from: &ReversePath, to: Option<&Address>) {
    let near = house.store.snapshot();
    match near.and_then(|snapshot| house.guard.in_office(&snapshot, facts.ip())) {
        Ok(true) => {}
        Ok(false) => return,
        Err(error) => return error!(%error, "a refusal could not be recorded"),
    }
    let ip = facts.ip();
    let shown = from.as_ref().map_or_else(String::new, ToString::to_string);
    info!(connection = facts.number, %ip, from = shown, "refused: no login was given");
    house.ledger.record(EventKind::RelayDenied {
        protocol: facts.protocol,
        ip,
        from: from.clone(),
        others: false,
        to: to.cloned(),
        count: 1,
        last: None,
    });
}

/// Who tried, the latest first; those that were allowed since are left out.
///
/// # Errors
/// The store failed.
pub fn tried(snapshot: &Snapshot) -> Result<Vec<Tried>, StoreError> {
    let allowed = snapshot.printers()?;
    let is_allowed = |ip: IpAddr, from: &str| {
        allowed.iter().any(|account| {
            let there = account.printer.as_ref().is_some_and(|printer| printer.ip == ip);
            there && account.address.key() == from
        })
    };
    let denied = |event: &store::Event| matches!(event.kind, EventKind::RelayDenied { .. });
    // By address and sender; what is not told apart is one row of its address.
    let mut rows: BTreeMap<(IpAddr, Option<String>), Tried> = BTreeMap::new();
    for (_, event) in snapshot.events(None, LOOKED_AT, denied)? {
        let EventKind::RelayDenied {
            ip,
            from,
            others,
            to,
            count,
            last,
            ..
        } = event.kind
        else {
            continue;
        };
        let sender = from.as_ref().map(Address::key).unwrap_or_default();
        if !others && is_allowed(ip, &sender) {
            continue;
        }
        let key = (ip, (!others).then_some(sender));
        let row = rows.entry(key).or_insert_with(|| Tried {
            ip,
            from,
            others,
            to: None,
            count: 0,
            first: event.at,
            last: event.at,
        });
        row.count += u64::from(count);
        row.first = row.first.min(event.at);
        row.last = row.last.max(last.unwrap_or(event.at));
        row.to = row.to.take().or(to);
    }
    let mut rows: Vec<Tried> = rows.into_values().collect();
    rows.sort_by_key(|row| std::cmp::Reverse(row.last));
    rows.truncate(TRIED);
    Ok(rows)
}

/// Allows a printer.
///
/// # Errors
/// Why not, in words; nothing is changed then.
pub async fn allow(
    house: &House,
    ip: IpAddr,
    address: Address,
    terms: Terms,
    by: &str,
) -> Result<AccountId, StoreError> {
    let ip = ip.to_canonical();
    let office = house.office()?.ok_or(StoreError::NotFound)?;
    let snapshot = house.store.snapshot()?;
    fits(house, &snapshot, &office, ip, &address)?;
    let new = NewPrinter {
        ip,
        address: address.clone(),
        terms: checked(terms, ip)?,
        created: house.clock.now(),
    };
    let id = match house.store.create_printer(new).await {
        Err(StoreError::Exists) => {
            return Err(StoreError::CannotChange(
                "This device is allowed already, from that address and as that sender.",
            ));
        }
        made => made?,
    };
    record(house, id, ip, address, by, "allowed");
    Ok(id)
}

fn fits(
    house: &House,
    snapshot: &Snapshot,
    office: &Office,
    ip: IpAddr,
    address: &Address,
) -> Result<(), StoreError> {
    let no = |words| Err(StoreError::CannotChange(words));
    if !people::is_ours(snapshot, office, address.domain())? {
        return no(
            "Its sender has to be an address of one of the office's own domains. Set one on the device first, such as scanner@ and the domain.",
        );
    }
    if !house.guard.in_office(snapshot, ip)? {
        return no(
            "That address is not in the office's network. A device without a login is trusted there only.",
        );
    }
    if snapshot.printers()?.len() >= PRINTERS {
        return no("There are as many devices as may be. Remove one first.");
    }
    Ok(())
}

// A device without a name is called by its address.
fn checked(mut terms: Terms, ip: IpAddr) -> Result<Terms, StoreError> {
    let name = terms.name.trim();
    if name.chars().count() > NAME || name.chars().any(char::is_control) {
        return Err(StoreError::CannotChange(
            "Please name the device in one short line.",
        ));
    }
    if !(1..=MOST).contains(&terms.limit) {
        return Err(StoreError::CannotChange(
            "A device may send from 1 to 1000 messages in an hour.",
        ));
    }
    terms.name = if name.is_empty() {
        ip.to_string()
    } else {
        name.to_owned()
    };
    Ok(terms)
}

/// Sets what a printer may do.
///
/// # Errors
/// `NotFound`: no such printer. `CannotChange`: why not, in words.
pub async fn set(house: &House, id: AccountId, terms: Terms, by: &str) -> Result<(), StoreError> {
    let (account, ip) = find(&house.store.snapshot()?, id)?;
    house.store.set_printer(id, checked(terms, ip)?).await?;
    record(house, id, ip, account.address, by, "changed");
    Ok(())
}

/// Lets a printer send nothing, until it is resumed; its mail that waits is held.
///
/// # Errors
/// `NotFound`: no such printer.
pub async fn pause(house: &House, id: AccountId, by: &str) -> Result<(), StoreError> {
    let (account, ip) = find(&house.store.snapshot()?, id)?;
    if account.state == AccountState::Disabled {
        return Ok(());
    }
    house.store.set_account_state(id, AccountState::Disabled).await?;
    record(house, id, ip, account.address, by, "paused");
    Ok(())
}

/// Lets a printer send again, whether it was paused, limited or frozen. What a pause held goes on
/// its way; what a freeze held waits for [`Guard::release`] or [`Guard::discard`].
///
/// # Errors
/// `NotFound`: no such printer.
pub async fn resume(house: &House, id: AccountId, by: &str) -> Result<(), StoreError> {
    let (account, ip) = find(&house.store.snapshot()?, id)?;
    if account.state == AccountState::Disabled {
        house.store.set_account_state(id, AccountState::Active).await?;
    } else if !house.guard.unfreeze(id, by.to_owned()).await? {
        return Ok(());
    }
    record(house, id, ip, account.address, by, "resumed");
    Ok(())
}

/// Forgets a printer.
///
/// # Errors
/// `NotFound`: no such printer. `CannotChange`: its mail is held.
pub async fn remove(house: &House, id: AccountId, by: &str) -> Result<(), StoreError> {
    let (account, ip) = find(&house.store.snapshot()?, id)?;
    house.store.remove_printer(id).await?;
    record(house, id, ip, account.address, by, "removed");
    Ok(())
}

/// The printer and where it stands.
///
/// # Errors
/// `NotFound`: no such printer.
pub fn find(snapshot: &Snapshot, id: AccountId) -> Result<(Account, IpAddr), StoreError> {
    let account = snapshot.account(id)?.ok_or(StoreError::NotFound)?;
    let ip = account.printer.as_ref().map(|printer| printer.ip);
    Ok((account, ip.ok_or(StoreError::NotFound)?))
}

fn record(house: &House, account: AccountId, ip: IpAddr, from: Address, by: &str, what: &str) {
    info!(%account, %ip, %from, by, "printer {what}");
    house.ledger.record(EventKind::PrinterChanged {
        account,
        ip,
        from,
        by: by.to_owned(),
        what: what.to_owned(),
    });
}

/// What a printer is doing, in a word.
#[must_use]
pub fn state(account: &Account, now: Timestamp) -> &'static str {
    match &account.state {
        AccountState::Disabled => "paused",
        AccountState::Frozen { .. } => "frozen",
        state if state.limited_until(now).is_some() => "limited",
        _ => "active",
    }
}
