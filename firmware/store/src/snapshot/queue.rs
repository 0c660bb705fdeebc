//! The queue, and whom accounts know.

use super::Snapshot;
use crate::rows::{QueueRow, Row, from_json, get};
use crate::schema::{ACQUAINTANCES, HELD_DOMAINS, PLACES_DUE, QUEUE, QUEUE_PLACES};
use crate::{Acquaintance, HeldDomain, QueueItem, StoreError};
use proto::types::{AccountId, Domain, QueueId, Timestamp};
use redb::{ReadableTable, ReadableTableMetadata};
use std::collections::BTreeMap;
use std::ops::Bound;

#[allow(clippy::missing_errors_doc)] // said at `Snapshot`
impl Snapshot {
    /// Domains that mail is due for at `now`, by when the first of it became due: at most `limit`
    /// after `after`.
    pub fn places_due(
        &self,
        now: Timestamp,
        after: Option<&(Timestamp, String)>,
        limit: usize,
    ) -> Result<Vec<(Timestamp, String)>, StoreError> {
        let due = self.transaction.open_table(PLACES_DUE)?;
        let first = after.map_or(Bound::Unbounded, |(at, domain)| {
            Bound::Excluded((at.0, domain.as_str()))
        });
        let end = Bound::Excluded((now.0.saturating_add(1), ""));
        // The clock went back since the round began.
        if after.is_some_and(|(at, _)| *at > now) {
            return Ok(Vec::new());
        }
        let places = due.range::<(i64, &str)>((first, end))?.take(limit);
        places
            .map(|entry| {
                let (key, _) = entry?;
                let (at, domain) = key.value();
                Ok((Timestamp(at), domain.to_owned()))
            })
            .collect()
    }

    /// The first message that is due for the domain at `now`: at most `limit` rows of it, of those
    /// that `skip` leaves.
    pub fn message_due(
        &self,
        domain: &str,
        now: Timestamp,
        limit: usize,
        skip: impl Fn(&QueueItem) -> bool,
    ) -> Result<Vec<QueueItem>, StoreError> {
        let places = self.transaction.open_table(QUEUE_PLACES)?;
        let queue = self.transaction.open_table(QUEUE)?;
        let mut items: Vec<QueueItem> = Vec::new();
        for entry in places.range((domain, i64::MIN, 0)..=(domain, now.0, u64::MAX))? {
            let (_, _, id) = entry?.0.value();
            if items.len() >= limit {
                break;
            }
            let Some(row) = get::<QueueRow>(&queue, id)? else {
                continue;
            };
            let item = row.show(QueueId(id));
            if skip(&item) {
                continue;
            }
            // Rows of one message came together and are put off together: they are neighbours.
            if items.first().is_some_and(|first| !first.is_with(&item)) {
                break;
            }
            items.push(item);
        }
        Ok(items)
    }

    /// Rows of the message that `of` is one of, whatever their domains and states, by id: at most
    /// `limit` on either side of it. They were numbered in one commit, so they are neighbours.
    pub fn message_queued(&self, of: &QueueItem, limit: usize) -> Result<Vec<QueueItem>, StoreError> {
        let queue = self.transaction.open_table(QUEUE)?;
        let mut items = Vec::new();
        for entry in queue.range(..=of.id.0)?.rev().take(limit) {
            let (id, bytes) = entry?;
            let item = QueueRow::decode(bytes.value())?.show(QueueId(id.value()));
            if !item.is_with(of) {
                break;
            }
            items.push(item);
        }
        items.reverse();
        for entry in queue.range(of.id.0.saturating_add(1)..)?.take(limit) {
            let (id, bytes) = entry?;
            let item = QueueRow::decode(bytes.value())?.show(QueueId(id.value()));
            if !item.is_with(of) {
                break;
            }
            items.push(item);
        }
        Ok(items)
    }

    /// Queue rows by id, held ones included: the first `limit` after `after`.
    pub fn queue(&self, after: Option<QueueId>, limit: usize) -> Result<Vec<QueueItem>, StoreError> {
        let queue = self.transaction.open_table(QUEUE)?;
        let first = after.map_or(0, |id| id.0.saturating_add(1));
        let rows = queue.range(first..)?.take(limit).map(|entry| {
            let (id, bytes) = entry?;
            Ok(QueueRow::decode(bytes.value())?.show(QueueId(id.value())))
        });
        rows.collect()
    }

    /// One queue row.
    pub fn queue_item(&self, id: QueueId) -> Result<Option<QueueItem>, StoreError> {
        let row = get::<QueueRow>(&self.transaction.open_table(QUEUE)?, id.0)?;
        Ok(row.map(|row| row.show(id)))
    }

    /// When the next row is due; held rows never are.
    pub fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        let due = self.transaction.open_table(PLACES_DUE)?;
        Ok(due.first()?.map(|(key, _)| Timestamp(key.value().0)))
    }

    /// The domains that an admin holds all mail for, by name.
    pub fn held_domains(&self) -> Result<Vec<HeldDomain>, StoreError> {
        let table = self.transaction.open_table(HELD_DOMAINS)?;
        let held = table.iter()?.map(|entry| {
            let (domain, hold) = entry?;
            let domain = Domain::parse(domain.value());
            Ok(HeldDomain {
                domain: domain.map_err(|error| StoreError::Internal(format!("a held domain: {error}")))?,
                held: from_json(hold.value())?,
            })
        });
        held.collect()
    }

    /// How many rows the queue has, held ones included.
    pub fn queue_len(&self) -> Result<u64, StoreError> {
        Ok(self.transaction.open_table(QUEUE)?.len()?)
    }

    /// How many rows are held.
    pub fn held_len(&self) -> Result<u64, StoreError> {
        let due = self.transaction.open_table(QUEUE_PLACES)?.len()?;
        Ok(self.queue_len()?.saturating_sub(due))
    }

    /// How many rows of each account are held because it is frozen or was.
    pub fn held(&self) -> Result<BTreeMap<AccountId, u64>, StoreError> {
        let mut held = BTreeMap::new();
        if self.held_len()? == 0 {
            return Ok(held);
        }
        for entry in self.transaction.open_table(QUEUE)?.iter()? {
            let row = QueueRow::decode(entry?.1.value())?;
            if let Some(owner) = row.owner.filter(|_| row.held) {
                *held.entry(owner).or_default() += 1;
            }
        }
        Ok(held)
    }

    /// When the account met it first and last.
    pub fn met(
        &self,
        account: AccountId,
        whom: &Acquaintance,
    ) -> Result<Option<(Timestamp, Timestamp)>, StoreError> {
        let met = self.transaction.open_table(ACQUAINTANCES)?;
        let times = met.get((account.0, whom.key().as_str()))?;
        Ok(times.map(|times| {
            let (first, last) = times.value();
            (Timestamp(first), Timestamp(last))
        }))
    }
}
