//! Rows as octets: a version, then postcard. A later version may append fields; an older reader
//! then leaves them out of account. Any other change of a row is a new version that
//! [`Row::decode`] tells apart.

use crate::StoreError;
use proto::ask::SpecialUse;
use proto::types::{
    AccountId, Address, BlobId, Flags, MailboxId, ModSeq, QueueId, ReversePath, Structure, SystemFlag,
    Timestamp, Uid, UidValidity,
};
use redb::ReadableTable;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

/// A stored row.
pub(crate) trait Row: Serialize + DeserializeOwned {
    /// Written in front.
    const VERSION: u8 = 1;

    fn encode(&self) -> Result<Vec<u8>, StoreError> {
        postcard::to_extend(self, vec![Self::VERSION])
            .map_err(|e| StoreError::Internal(format!("encoding: {e}")))
    }

    fn decode(bytes: &[u8]) -> Result<Self, StoreError> {
        let damaged = |why: String| StoreError::Internal(format!("a row cannot be read: {why}"));
        match bytes.split_first() {
            Some((0, _)) | None => Err(damaged("no version".to_owned())),
            Some((_, row)) => postcard::take_from_bytes(row)
                .map(|(row, _)| row)
                .map_err(|e| damaged(e.to_string())),
        }
    }
}

/// The row under a number, if there is one.
pub(crate) fn get<R: Row>(
    table: &impl ReadableTable<u64, &'static [u8]>,
    key: u64,
) -> Result<Option<R>, StoreError> {
    table.get(key)?.map(|bytes| R::decode(bytes.value())).transpose()
}

/// A mailbox with the counters that LIST-STATUS shows; `check` proves them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MailboxRow {
    pub account: AccountId,
    pub name: String,
    pub subscribed: bool,
    pub special: Option<SpecialUse>,
    pub messages: u32,
    pub unseen: u32,
    pub deleted: u32,
    pub size: u64,
    pub uid_next: Uid,
    pub uid_validity: UidValidity,
    pub modseq: ModSeq,
}

impl Row for MailboxRow {}

impl MailboxRow {
    /// Counts a message in.
    pub(crate) fn add(&mut self, message: &MessageRow) {
        self.messages = self.messages.saturating_add(1);
        self.unseen = self
            .unseen
            .saturating_add(u32::from(!message.flags.has(SystemFlag::Seen)));
        self.deleted = self
            .deleted
            .saturating_add(u32::from(message.flags.has(SystemFlag::Deleted)));
        self.size = self.size.saturating_add(message.size);
    }

    /// Counts a message out.
    pub(crate) fn take(&mut self, message: &MessageRow) {
        self.messages = self.messages.saturating_sub(1);
        self.unseen = self
            .unseen
            .saturating_sub(u32::from(!message.flags.has(SystemFlag::Seen)));
        self.deleted = self
            .deleted
            .saturating_sub(u32::from(message.flags.has(SystemFlag::Deleted)));
        self.size = self.size.saturating_sub(message.size);
    }

    /// The mod-sequence of a change that is being made.
    pub(crate) fn next_modseq(&mut self) -> ModSeq {
        self.modseq = ModSeq(self.modseq.0.saturating_add(1));
        self.modseq
    }

    /// As LIST and STATUS see it.
    pub(crate) fn show(self, id: MailboxId) -> proto::ask::Mailbox {
        proto::ask::Mailbox {
            id,
            name: self.name,
            subscribed: self.subscribed,
            special_use: self.special,
            messages: self.messages,
            unseen: self.unseen,
            deleted: self.deleted,
            size: self.size,
            uid_next: self.uid_next,
            uid_validity: self.uid_validity,
            highest_modseq: self.modseq,
        }
    }
}

/// A message in a mailbox. `size` is the blob's, which never changes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct MessageRow {
    pub blob: BlobId,
    pub modseq: ModSeq,
    pub flags: Flags,
    pub size: u64,
    pub date: Timestamp,
}

impl Row for MessageRow {}

/// The structure beside a blob. Its parts nest, so appending a field to a part is a new version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StructureRow(pub Structure);

impl Row for StructureRow {}

/// See [`crate::QueueItem`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct QueueRow {
    pub blob: BlobId,
    pub owner: Option<AccountId>,
    pub from: ReversePath,
    pub to: Address,
    pub created: Timestamp,
    pub next_attempt: Timestamp,
    pub attempts: u32,
    pub last_words: Option<String>,
    pub held: bool,
}

impl Row for QueueRow {}

impl QueueRow {
    /// As the queue's callers see it.
    pub(crate) fn show(self, id: QueueId) -> crate::QueueItem {
        crate::QueueItem {
            id,
            blob: self.blob,
            owner: self.owner,
            from: self.from,
            to: self.to,
            created: self.created,
            next_attempt: self.next_attempt,
            attempts: self.attempts,
            last_words: self.last_words,
            held: self.held,
        }
    }
}

/// An account, as JSON: accounts are few, and their states will grow.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct AccountRow {
    pub address: Address,
    #[serde(flatten)]
    pub state: crate::AccountState,
    pub admin: bool,
    pub password_hash: String,
    pub created: Timestamp,
}

impl AccountRow {
    /// As callers see it.
    pub(crate) fn show(self, id: AccountId) -> crate::Account {
        crate::Account {
            id,
            address: self.address,
            state: self.state,
            admin: self.admin,
            password_hash: self.password_hash,
            created: self.created,
        }
    }
}

/// A value as JSON.
pub(crate) fn to_json(value: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    serde_json::to_vec(value).map_err(|e| StoreError::Internal(format!("encoding: {e}")))
}

/// A value from JSON.
pub(crate) fn from_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, StoreError> {
    serde_json::from_slice(bytes).map_err(|e| StoreError::Internal(format!("a row cannot be read: {e}")))
}
