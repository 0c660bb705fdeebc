//! The queue's rows and their indexes: by domain and time, and of each domain the first.

use super::Write;
use super::deliver::Prepared;
use crate::rows::{MessageRow, QueueRow, Row, get};
use crate::{Change, Event, Place, Settlement, StoreError};
use proto::types::{AccountId, BlobId, Flags, QueueId, Timestamp};
use redb::ReadableTable;

/// Most octets kept of what the other side said.
const WORDS: usize = 1000;

impl Write<'_> {
    /// See [`crate::Store::settle`].
    pub(crate) fn settle(
        &mut self,
        outcomes: &[(QueueId, Settlement)],
        bounce: Option<&Prepared>,
        events: &[Event],
    ) -> Result<(), StoreError> {
        let mut found = false;
        for (id, outcome) in outcomes {
            found |= self.read().queue.get(id.0)?.is_some();
            if let Settlement::Placed { into, .. } = outcome {
                into.iter().try_for_each(|place| self.resolve(*place).map(drop))?;
            }
        }
        if !found {
            return Err(StoreError::NotFound);
        }
        if let Some(bounce) = bounce {
            self.deliver(std::slice::from_ref(bounce))?;
        }
        for (id, outcome) in outcomes {
            self.settle_one(*id, outcome)?;
        }
        self.record(events)?;
        self.tell(Change::Queue);
        Ok(())
    }

    fn settle_one(&mut self, id: QueueId, outcome: &Settlement) -> Result<(), StoreError> {
        let Some(row) = get::<QueueRow>(&self.read().queue, id.0)? else {
            return Ok(());
        };
        match outcome {
            Settlement::Delivered { .. } | Settlement::Failed { .. } => self.remove_queue_row(id, &row),
            Settlement::Placed { into, date } => {
                for place in into {
                    self.place(row.blob, *place, *date)?;
                }
                self.remove_queue_row(id, &row)
            }
            Settlement::Retry { at, words, told } => {
                let mut next = row.clone();
                next.next_attempt = *at;
                next.attempts = row.attempts.saturating_add(1);
                next.told = told.or(row.told);
                next.last_words = Some(words.chars().scan(0, within).collect());
                self.change_queue_row(id, &row, &next)
            }
        }
    }

    // One more copy of a body that is here.
    fn place(&mut self, blob: BlobId, place: Place, date: Timestamp) -> Result<(), StoreError> {
        let size = self.read().blobs.get(blob.0)?.map(|value| value.value().1);
        let size = size.ok_or(StoreError::NotFound)?;
        self.add_references(blob, 1)?;
        let mailbox = self.resolve(place)?;
        let mut row = self.mailbox(mailbox)?;
        let modseq = row.next_modseq();
        let message = MessageRow {
            blob,
            modseq,
            flags: Flags::new(),
            size,
            date,
        };
        self.append(mailbox, &mut row, modseq, message)?;
        self.put_mailbox(mailbox, &row)
    }

    /// See [`crate::Store::discard_queued`].
    pub(crate) fn discard_queued(&mut self, ids: &[QueueId]) -> Result<usize, StoreError> {
        let mut count = 0;
        for id in ids {
            let Some(row) = get::<QueueRow>(&self.read().queue, id.0)? else {
                continue;
            };
            self.remove_queue_row(*id, &row)?;
            count += 1;
        }
        if count > 0 {
            self.tell(Change::Queue);
        }
        Ok(count)
    }

    /// Holds or releases everything that the account sent.
    pub(super) fn hold_queue_of(&mut self, owner: AccountId, held: bool) -> Result<(), StoreError> {
        let mut rows = Vec::new();
        for entry in self.read().queue.iter()? {
            let (id, bytes) = entry?;
            let row = QueueRow::decode(bytes.value())?;
            if row.owner == Some(owner) && row.held != held {
                rows.push((QueueId(id.value()), row));
            }
        }
        for (id, row) in rows {
            let next = QueueRow { held, ..row.clone() };
            self.change_queue_row(id, &row, &next)?;
            self.tell(Change::Queue);
        }
        Ok(())
    }

    /// The account's rows that are held because of what it is.
    pub(super) fn held_of(&self, owner: AccountId) -> Result<Vec<(QueueId, QueueRow)>, StoreError> {
        let mut rows = Vec::new();
        for entry in self.read().queue.iter()? {
            let (id, bytes) = entry?;
            let row = QueueRow::decode(bytes.value())?;
            if row.owner == Some(owner) && row.held {
                rows.push((QueueId(id.value()), row));
            }
        }
        Ok(rows)
    }

    /// Puts a new row.
    pub(super) fn add_queue_row(&mut self, id: QueueId, row: &QueueRow) -> Result<(), StoreError> {
        self.put_queue_row(id, None, Some(row))
    }

    /// Puts a row in the place of what it was.
    pub(super) fn change_queue_row(
        &mut self,
        id: QueueId,
        old: &QueueRow,
        new: &QueueRow,
    ) -> Result<(), StoreError> {
        self.put_queue_row(id, Some(old), Some(new))
    }

    /// Drops a row, and its part of the body.
    pub(super) fn remove_queue_row(&mut self, id: QueueId, row: &QueueRow) -> Result<(), StoreError> {
        self.put_queue_row(id, Some(row), None)?;
        self.drop_reference(row.blob)
    }

    // The row and both indexes; a row that is held is in neither. Its recipient never changes.
    fn put_queue_row(
        &mut self,
        id: QueueId,
        old: Option<&QueueRow>,
        new: Option<&QueueRow>,
    ) -> Result<(), StoreError> {
        let Some(domain) = new.or(old).map(|row| row.to.domain().as_str()) else {
            return Ok(());
        };
        let waiting = |row: &&QueueRow| !row.is_held();
        let before = self.first_due(domain)?;
        let tables = self.edit();
        if let Some(row) = old.filter(waiting) {
            tables.queue_places.remove((domain, row.next_attempt.0, id.0))?;
        }
        if let Some(row) = new.filter(waiting) {
            tables
                .queue_places
                .insert((domain, row.next_attempt.0, id.0), ())?;
        }
        match new {
            Some(row) => drop(tables.queue.insert(id.0, row.encode()?.as_slice())?),
            None => drop(tables.queue.remove(id.0)?),
        }
        let after = self.first_due(domain)?;
        if before != after {
            let due = &mut self.edit().places_due;
            if let Some(at) = before {
                due.remove((at, domain))?;
            }
            if let Some(at) = after {
                due.insert((at, domain), ())?;
            }
        }
        Ok(())
    }

    fn first_due(&self, domain: &str) -> Result<Option<i64>, StoreError> {
        let range = (domain, i64::MIN, 0)..=(domain, i64::MAX, u64::MAX);
        let first = self.read().queue_places.range(range)?.next().transpose()?;
        Ok(first.map(|(key, _)| key.value().1))
    }
}

/// Lets characters through until `WORDS` octets are full.
fn within(octets: &mut usize, c: char) -> Option<char> {
    *octets += c.len_utf8();
    (*octets <= WORDS).then_some(c)
}
