//! What an admin has done with mail that waits to leave, on the page and on the command line alike.
//!
//! | order | a row that is being sent right now |
//! |---|---|
//! | hold | leaves, or stays held if it does not |
//! | release, retry | nothing changes for it |
//! | delete | is left alone, and the admin is told so |
//!
//! A hold of a domain counts for what comes later too, until that domain, or everything, is released. A hold of
//! everything is one of what waits now.

use super::notice::{self, About, Content, Fate};
use super::{Traffic, people, ways};
use crate::blocking::blocking;
use crate::house::House;
use crate::limits::queue::{PORTION, TOLD_AT_ONCE};
use crate::links::links_of_queued;
use crate::settings::{self, Office};
use proto::message::dsn::Action;
use proto::types::{Domain, QueueId, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use store::{Delivery, HeldDomain, QueueChange, QueueItem, QueueOrder, QueueReach, Snapshot, StoreError};

/// What its sender reads of mail that an admin deleted (RFC 3463: X.7.1, a decision of a person).
const DELETED: &str = "5.7.1 an administrator deleted the message before it was sent";
/// Most recipients of one message on either side of one.
const MESSAGE: usize = crate::limits::RECIPIENTS;

/// Which rows of the queue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// One recipient of one message.
    Row(u64),
    /// Every recipient of the message that this row is of.
    Message(u64),
    /// Everything for this domain.
    Domain(Domain),
    /// Everything.
    All,
}

impl std::fmt::Display for Which {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Row(id) => write!(f, "row {id}"),
            Self::Message(id) => write!(f, "the message of row {id}"),
            Self::Domain(domain) => write!(f, "all for {domain}"),
            Self::All => f.write_str("everything"),
        }
    }
}

/// What came of an order.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Done {
    /// Rows that were changed.
    pub rows: u64,
    /// Rows that were being sent right now.
    pub sending: u64,
    /// Notices to senders.
    pub told: u64,
    /// Domains whose hold for all mail, what comes later too, began or ended.
    pub domains: u64,
}

/// Where a row stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// A try has it.
    Sending,
    /// An admin, or the guard because its sender is frozen, holds it.
    Held,
    /// Its sender keeps it back until then (RFC 4865).
    KeptBack(Timestamp),
    /// It is due, or will be then.
    Waits(Timestamp),
}

impl State {
    /// Of this row.
    #[must_use]
    pub fn of(item: &QueueItem, traffic: &Traffic, now: Timestamp) -> Self {
        if traffic.is_busy(item.id) {
            return Self::Sending;
        }
        if item.is_held() {
            return Self::Held;
        }
        match item.wishes.hold.map(|hold| hold.ends(item.created)) {
            Some(until) if until > now => Self::KeptBack(until),
            _ => Self::Waits(item.next_attempt),
        }
    }
}

/// Goes through the queue, a portion at a time.
///
/// # Errors
/// The store failed.
pub fn each(snapshot: &Snapshot, mut see: impl FnMut(QueueItem)) -> Result<(), StoreError> {
    let mut after = None;
    loop {
        let portion = snapshot.queue(after, PORTION)?;
        let Some(last) = portion.last() else {
            return Ok(());
        };
        after = Some(last.id);
        portion.into_iter().for_each(&mut see);
    }
}

/// The rows of the message that one is of, by number.
///
/// # Errors
/// The store failed.
pub fn message(snapshot: &Snapshot, row: u64) -> Result<Vec<QueueItem>, StoreError> {
    match snapshot.queue_item(QueueId(row))? {
        Some(item) => snapshot.message_queued(&item, MESSAGE),
        None => Ok(Vec::new()),
    }
}

/// The domains that all mail is held for, with how many rows of each an admin holds.
///
/// # Errors
/// The store failed.
pub fn held_domains(snapshot: &Snapshot) -> Result<Vec<(HeldDomain, u64)>, StoreError> {
    let held = snapshot.held_domains()?;
    let mut counts: BTreeMap<Domain, u64> = held.iter().map(|held| (held.domain.clone(), 0)).collect();
    if !counts.is_empty() {
        each(snapshot, |item| {
            if let Some(count) = counts.get_mut(item.to.domain()).filter(|_| item.held_by_admin) {
                *count += 1;
            }
        })?;
    }
    let counted = held.into_iter().map(|held| {
        let count = counts.get(&held.domain).copied().unwrap_or_default();
        (held, count)
    });
    Ok(counted.collect())
}

/// Carries an order out: all rows in one commit with its event, or, where senders are told, a few
/// messages at a time with theirs. `tell` counts for deleting only.
///
/// # Errors
/// `NotFound`: there are no such rows, and no hold of such domains to begin or to end. `CannotChange`:
/// mail is held for too many domains, or is to be for one of ours. The store failed.
pub async fn carry_out(
    house: &House,
    which: &Which,
    order: QueueOrder,
    tell: bool,
    by: &str,
) -> Result<Done, StoreError> {
    let _one_at_a_time = house.traffic.order().await;
    if let (Which::Domain(domain), QueueOrder::Hold) = (which, order)
        && blocking(|| is_own(house, domain))?
    {
        return Err(StoreError::CannotChange(
            "Mail for that domain does not leave this box.",
        ));
    }
    let (rows, domains) = blocking(|| chosen(house, which))?;
    if order == QueueOrder::Delete {
        return delete(house, which, rows, tell, by).await;
    }
    let traffic = &house.traffic;
    if order == QueueOrder::Retry {
        let all = which == &Which::All;
        blocking(|| forget_rests(house, if all { None } else { Some(&domains) }))?;
    }
    let change = change(house, which, order, reach(which, &rows), by);
    let changed = house.store.change_queue(change).await?;
    traffic.wake();
    let stands = matches!(which, Which::Domain(_)) && order == QueueOrder::Hold;
    if rows.is_empty() && changed.rows == 0 && changed.domains == 0 && !stands {
        return Err(StoreError::NotFound);
    }
    // What a try took before the commit is in its hands now.
    let sending = rows.iter().filter(|id| traffic.is_busy(**id)).count() as u64;
    Ok(Done {
        rows: changed.rows,
        sending,
        told: 0,
        domains: changed.domains,
    })
}

fn is_own(house: &House, domain: &Domain) -> Result<bool, StoreError> {
    let snapshot = house.store.snapshot()?;
    let office = settings::read::<Office>(&snapshot, settings::OFFICE)?;
    office.map_or(Ok(false), |office| people::is_ours(&snapshot, &office, domain))
}

fn reach(which: &Which, rows: &[QueueId]) -> QueueReach {
    match which {
        Which::Row(_) | Which::Message(_) => QueueReach::Rows(rows.to_vec()),
        Which::Domain(domain) => QueueReach::Domain(domain.clone()),
        Which::All => QueueReach::All,
    }
}

fn change(house: &House, which: &Which, order: QueueOrder, reach: QueueReach, by: &str) -> QueueChange {
    let which = match (which, order) {
        (Which::Domain(domain), QueueOrder::Hold) => format!("all for {domain}, what comes later too"),
        _ => which.to_string(),
    };
    QueueChange {
        order,
        reach,
        notices: Vec::new(),
        links: Vec::new(),
        which,
        at: house.clock.now(),
        by: by.to_owned(),
    }
}

async fn delete(
    house: &House,
    which: &Which,
    rows: Vec<QueueId>,
    tell: bool,
    by: &str,
) -> Result<Done, StoreError> {
    if rows.is_empty() {
        return Err(StoreError::NotFound);
    }
    let hands = house.traffic.take_for_order(rows.iter().copied());
    let count = rows.len();
    let free: Vec<QueueId> = rows.into_iter().filter(|id| hands.has(*id)).collect();
    let mut done = Done {
        sending: (count - free.len()) as u64,
        ..Done::default()
    };
    let links = blocking(|| links_of_queued(&house.store.snapshot()?, &free))?;
    let change = |rows: Vec<QueueId>| {
        let links = rows.iter().filter_map(|id| links.get(id)).flatten().copied();
        QueueChange {
            links: links.collect(),
            ..change(house, which, QueueOrder::Delete, QueueReach::Rows(rows), by)
        }
    };
    if !tell {
        done.rows = house.store.change_queue(change(free)).await?.rows;
        return Ok(done);
    }
    let mut left = free.as_slice();
    while let Some((batch, notices)) = blocking(|| next_batch(house, &mut left))? {
        let told = notices.len() as u64;
        let change = QueueChange {
            notices,
            ..change(batch)
        };
        match house.store.change_queue(change).await {
            Ok(changed) => {
                done.rows += changed.rows;
                done.told += told;
            }
            // Somebody discarded a frozen sender's mail in this moment: what is left is left.
            Err(StoreError::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

// The rows, and the domains that they go to.
fn chosen(house: &House, which: &Which) -> Result<(Vec<QueueId>, BTreeSet<Domain>), StoreError> {
    let snapshot = house.store.snapshot()?;
    let (mut rows, mut domains) = (Vec::new(), BTreeSet::new());
    let mut take = |item: QueueItem| {
        rows.push(item.id);
        domains.insert(item.to.domain().clone());
    };
    match which {
        Which::Row(id) => snapshot.queue_item(QueueId(*id))?.into_iter().for_each(take),
        Which::Message(id) => message(&snapshot, *id)?.into_iter().for_each(take),
        Which::Domain(domain) => each(&snapshot, |item| {
            if item.to.domain() == domain {
                take(item);
            }
        })?,
        Which::All => each(&snapshot, take)?,
    }
    Ok((rows, domains))
}

fn forget_rests(house: &House, domains: Option<&BTreeSet<Domain>>) -> Result<(), StoreError> {
    let Some(domains) = domains else {
        house.traffic.forget_rest(None);
        return Ok(());
    };
    let snapshot = house.store.snapshot()?;
    for domain in domains {
        let way = ways::way(&snapshot, domain)?;
        house.traffic.forget_rest(Some(way.place()));
    }
    Ok(())
}

type Batch = (Vec<QueueId>, Vec<Delivery>);

// The next few messages of those left, with a notice for each that has somebody to tell.
fn next_batch(house: &House, left: &mut &[QueueId]) -> Result<Option<Batch>, StoreError> {
    let snapshot = house.store.snapshot()?;
    let office = settings::read::<Office>(&snapshot, settings::OFFICE)?;
    let mut messages: Vec<Vec<QueueItem>> = Vec::new();
    while let Some((id, rest)) = left.split_first() {
        if let Some(item) = snapshot.queue_item(*id)? {
            let full = messages.len() >= TOLD_AT_ONCE;
            match messages.last_mut() {
                Some(rows) if rows.last().is_some_and(|row| row.is_with(&item)) => rows.push(item),
                _ if full => break,
                _ => messages.push(vec![item]),
            }
        }
        *left = rest;
    }
    if messages.is_empty() {
        return Ok(None);
    }
    let now = house.clock.now();
    let mut notices = Vec::new();
    for rows in &messages {
        if let (Some(office), Some(first)) = (&office, rows.first()) {
            let about = About {
                from: &first.from,
                wishes: &first.wishes,
                arrival: first.created,
                content: Content::Stored(first.blob),
            };
            let fates = rows.iter().map(|row| Fate {
                to: &row.to,
                asked: &row.asked,
                action: Action::Failed,
                host: None,
                words: DELETED,
            });
            notices.extend(notice::notice(&snapshot, office, &about, fates.collect(), now)?);
        }
    }
    let rows = messages.iter().flatten().map(|row| row.id).collect();
    Ok(Some((rows, notices)))
}
