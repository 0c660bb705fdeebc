//! Reading: one state of everything.

use crate::{Account, AccountCounts, Event, QueueItem, StoreError};
use proto::ask::{Changes, Mailbox, Opened, Row, Want};
use proto::types::{AccountId, Address, BlobId, MailboxId, ModSeq, QueueId, Span, Timestamp, Uid};
use std::ops::ControlFlow;

/// One state of the store. All of it is blocking reads of cached pages or the card.
pub struct Snapshot {}

fn not_yet<T>() -> Result<T, StoreError> {
    Err(StoreError::Internal("not built yet".to_owned()))
}

/// Every method fails only if the file does, unless it says more.
#[allow(clippy::missing_errors_doc)]
impl Snapshot {
    /// An account.
    pub fn account(&self, _id: AccountId) -> Result<Option<Account>, StoreError> {
        not_yet()
    }

    /// The account with this address, whatever the case.
    pub fn account_by_address(&self, _address: &Address) -> Result<Option<Account>, StoreError> {
        not_yet()
    }

    /// All accounts, oldest first.
    pub fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        not_yet()
    }

    /// How many are in which state.
    pub fn account_counts(&self) -> Result<AccountCounts, StoreError> {
        not_yet()
    }

    /// A setting.
    pub fn setting(&self, _key: &str) -> Result<Option<serde_json::Value>, StoreError> {
        not_yet()
    }

    /// Every mailbox of the account, by name.
    pub fn mailboxes(&self, _account: AccountId) -> Result<Vec<Mailbox>, StoreError> {
        not_yet()
    }

    /// A mailbox by name; INBOX in any case.
    pub fn mailbox(&self, _account: AccountId, _name: &str) -> Result<Option<Mailbox>, StoreError> {
        not_yet()
    }

    /// A mailbox with its UIDs. `NotFound` if it is gone.
    pub fn open(&self, _mailbox: MailboxId) -> Result<Opened, StoreError> {
        not_yet()
    }

    /// The rows of these messages in this order; those that are gone are left out. A header is cut
    /// at 1 MiB.
    pub fn rows(&self, _mailbox: MailboxId, _uids: &[Uid], _want: Want) -> Result<Vec<Row>, StoreError> {
        not_yet()
    }

    /// Every row by ascending UID until told to stop; memory stays flat.
    pub fn each_row(
        &self,
        _mailbox: MailboxId,
        _want: Want,
        _visit: impl FnMut(Row) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        not_yet()
    }

    /// What happened in a mailbox after `since`.
    pub fn changes(&self, _mailbox: MailboxId, _since: ModSeq) -> Result<Changes, StoreError> {
        not_yet()
    }

    /// A body to read from.
    pub fn body(&self, _blob: BlobId) -> Result<Option<BodyReader>, StoreError> {
        not_yet()
    }

    /// Queue rows that are due at `now`, the longest due first.
    pub fn queue_due(&self, _now: Timestamp, _limit: usize) -> Result<Vec<QueueItem>, StoreError> {
        not_yet()
    }

    /// Queue rows by id, the first `limit` after `after`.
    pub fn queue(&self, _after: Option<QueueId>, _limit: usize) -> Result<Vec<QueueItem>, StoreError> {
        not_yet()
    }

    /// One queue row.
    pub fn queue_item(&self, _id: QueueId) -> Result<Option<QueueItem>, StoreError> {
        not_yet()
    }

    /// When the next row is due.
    pub fn next_due(&self) -> Result<Option<Timestamp>, StoreError> {
        not_yet()
    }

    /// How many rows the queue has, held ones included.
    pub fn queue_len(&self) -> Result<u64, StoreError> {
        not_yet()
    }

    /// Events with their sequence numbers, newest first, older than `before`, that `filter` likes.
    pub fn events(
        &self,
        _before: Option<u64>,
        _limit: usize,
        _filter: impl FnMut(&Event) -> bool,
    ) -> Result<Vec<(u64, Event)>, StoreError> {
        not_yet()
    }
}

/// Streams a body; keeps its snapshot alive.
pub struct BodyReader {
    size: u64,
}

impl BodyReader {
    /// Octets of the whole body.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends these octets (clipped to the body); reads only the chunks they touch.
    ///
    /// # Errors
    /// The file failed.
    pub fn read_span(&mut self, _span: Span, _into: &mut Vec<u8>) -> Result<(), StoreError> {
        not_yet()
    }
}

impl std::io::Read for BodyReader {
    fn read(&mut self, _buffer: &mut [u8]) -> std::io::Result<usize> {
        Ok(0)
    }
}
