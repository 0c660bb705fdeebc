//! The queue and the ledger.

use super::Snapshot;
use crate::rows::{QueueRow, Row, from_json, get};
use crate::schema::{EVENTS, QUEUE, QUEUE_DUE};
use crate::{Event, QueueItem, StoreError};
use proto::types::{QueueId, Timestamp};
use redb::{ReadableTable, ReadableTableMetadata};

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
