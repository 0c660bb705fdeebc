//! The queue's rows and their index by time.

use super::Write;
use super::deliver::Prepared;
use crate::rows::{MessageRow, QueueRow, Row, get};
use crate::{Change, Place, Settlement, StoreError};
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
        self.tell(Change::Queue);
        Ok(())
    }

    fn settle_one(&mut self, id: QueueId, outcome: &Settlement) -> Result<(), StoreError> {
        let Some(mut row) = get::<QueueRow>(&self.read().queue, id.0)? else {
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
                self.edit().queue_due.remove((row.next_attempt.0, id.0))?;
                row.next_attempt = *at;
                row.attempts = row.attempts.saturating_add(1);
                row.told = told.or(row.told);
                row.last_words = Some(words.chars().scan(0, within).collect());
                self.put_queue_row(id, &row)
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
        for (id, mut row) in rows {
            row.held = held;
            if held {
                self.edit().queue_due.remove((row.next_attempt.0, id.0))?;
            }
            self.put_queue_row(id, &row)?;
            self.tell(Change::Queue);
        }
        Ok(())
    }

    /// The account's held rows.
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

    /// Puts a row and, unless it is held, its place in the index by time.
    pub(super) fn put_queue_row(&mut self, id: QueueId, row: &QueueRow) -> Result<(), StoreError> {
        let tables = self.edit();
        tables.queue.insert(id.0, row.encode()?.as_slice())?;
        if !row.held {
            tables.queue_due.insert((row.next_attempt.0, id.0), ())?;
        }
        Ok(())
    }

    fn remove_queue_row(&mut self, id: QueueId, row: &QueueRow) -> Result<(), StoreError> {
        let tables = self.edit();
        tables.queue.remove(id.0)?;
        tables.queue_due.remove((row.next_attempt.0, id.0))?;
        self.drop_reference(row.blob)
    }
}

/// Lets characters through until `WORDS` octets are full.
fn within(octets: &mut usize, c: char) -> Option<char> {
    *octets += c.len_utf8();
    (*octets <= WORDS).then_some(c)
}
