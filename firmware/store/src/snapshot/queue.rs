//! The queue and the ledger.

use super::Snapshot;
use crate::rows::{QueueRow, Row, from_json, get};
use crate::schema::{ACQUAINTANCES, EVENTS, QUEUE, QUEUE_DUE};
use crate::{Acquaintance, Event, QueueItem, StoreError};
use proto::types::{AccountId, QueueId, Timestamp};
use redb::{ReadableTable, ReadableTableMetadata};
use std::collections::BTreeMap;

#[allow(clippy::missing_errors_doc)] // said at `Snapshot`
impl Snapshot {
    /// Queue rows that are due at `now`, the longest due first.
    pub fn queue_due(&self, now: Timestamp, limit: usize) -> Result<Vec<QueueItem>, StoreError> {
        let due = self.transaction.open_table(QUEUE_DUE)?;
        let queue = self.transaction.open_table(QUEUE)?;
        let mut items = Vec::new();
        for entry in due.range(..=(now.0, u64::MAX))?.take(limit) {
            let (_, id) = entry?.0.value();
            items.extend(get::<QueueRow>(&queue, id)?.map(|row| row.show(QueueId(id))));
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
        let due = self.transaction.open_table(QUEUE_DUE)?;
        Ok(due.first()?.map(|(key, _)| Timestamp(key.value().0)))
    }

    /// How many rows the queue has, held ones included.
    pub fn queue_len(&self) -> Result<u64, StoreError> {
        Ok(self.transaction.open_table(QUEUE)?.len()?)
    }

    /// How many rows are held.
    pub fn held_len(&self) -> Result<u64, StoreError> {
        let due = self.transaction.open_table(QUEUE_DUE)?.len()?;
        Ok(self.queue_len()?.saturating_sub(due))
    }

    /// How many rows of each account are held.
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

    /// Events with their sequence numbers, newest first, older than `before`, that `filter` takes.
    pub fn events(
        &self,
        before: Option<u64>,
        limit: usize,
        mut filter: impl FnMut(&Event) -> bool,
    ) -> Result<Vec<(u64, Event)>, StoreError> {
        let ledger = self.transaction.open_table(EVENTS)?;
        let mut events = Vec::new();
        for entry in ledger.range(..before.unwrap_or(u64::MAX))?.rev() {
            if events.len() >= limit {
                break;
            }
            let (number, json) = entry?;
            let event: Event = from_json(json.value())?;
            if filter(&event) {
                events.push((number.value(), event));
            }
        }
        Ok(events)
    }
}
