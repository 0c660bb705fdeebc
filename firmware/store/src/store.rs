//! The door: opening a data folder and its named operations.

use crate::{
    AccountState, Change, Delivered, Delivery, Event, NewAccount, OpenError, Settlement, Snapshot, StoreError,
};
use proto::ask::{FlagChange, SpecialUse};
use proto::types::{AccountId, Flags, MailboxId, ModSeq, QueueId, Uid, UidValidity};
use std::path::{Path, PathBuf};
use tokio::sync::broadcast;

/// How to open.
#[derive(Debug, Clone)]
pub struct Options {
    /// Memory for cached pages, in octets.
    pub cache_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: 8 * 1024 * 1024,
        }
    }
}

/// What [`Store::check`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct CheckReport {
    pub accounts: u64,
    pub mailboxes: u64,
    pub messages: u64,
    pub blobs: u64,
    pub queued: u64,
    /// What is wrong, in words; at most 100 are kept.
    pub faults: Vec<String>,
}

impl CheckReport {
    /// Whether nothing is wrong.
    #[must_use]
    pub const fn is_clean(&self) -> bool {
        self.faults.is_empty()
    }
}

/// An open data folder. Clones share it; the file is closed when the last one is dropped.
#[derive(Clone)]
pub struct Store {
    changes: broadcast::Sender<Change>,
}

fn not_yet<T>() -> Result<T, StoreError> {
    Err(StoreError::Internal("not built yet".to_owned()))
}

#[allow(clippy::unused_async)]
impl Store {
    /// Opens the folder's `pillarbox.redb` (mode 0600), made with the folder (0700) where missing.
    ///
    /// # Errors
    /// See [`OpenError`]; the folder is then untouched.
    pub fn open(dir: &Path, _options: &Options) -> Result<Self, OpenError> {
        Err(OpenError::Damaged {
            path: PathBuf::from(dir),
            why: "not built yet".to_owned(),
        })
    }

    /// The state of this moment. Cheap; blocks nobody. Do not keep it while waiting for a peer:
    /// pages that it sees cannot be reused.
    ///
    /// # Errors
    /// The file failed.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        not_yet()
    }

    /// News of commits from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.changes.subscribe()
    }

    /// Proves the invariants over one snapshot. Reads every row, so run it off the async threads.
    ///
    /// # Errors
    /// The file failed; faults are in the report.
    pub fn check(&self) -> Result<CheckReport, StoreError> {
        not_yet()
    }

    /// Takes messages over, all in one commit. An empty copy and recipient list stores nothing.
    ///
    /// # Errors
    /// `NotFound`: an account or mailbox; `NoSpace`.
    pub async fn deliver(&self, _deliveries: Vec<Delivery>) -> Result<Vec<Delivered>, StoreError> {
        not_yet()
    }

    /// Ends a try to send one message to some of its recipients. With `bounce`, that is delivered
    /// in the same commit. Rows that are gone (the admin discarded them) are left out.
    ///
    /// # Errors
    /// `NotFound`: none of the rows is there any more, or the bounce's place is not.
    pub async fn settle(
        &self,
        _outcomes: Vec<(QueueId, Settlement)>,
        _bounce: Option<Delivery>,
    ) -> Result<(), StoreError> {
        not_yet()
    }

    /// Removes queue rows unsent (the admin discards held mail); those that are gone are left out.
    /// Returns how many were there.
    ///
    /// # Errors
    /// The file failed.
    pub async fn discard_queued(&self, _ids: Vec<QueueId>) -> Result<usize, StoreError> {
        not_yet()
    }

    /// Changes flags; messages that are gone are left out. Returns those that `unchanged_since`
    /// protected.
    ///
    /// # Errors
    /// `NotFound`: the mailbox.
    pub async fn set_flags(
        &self,
        _mailbox: MailboxId,
        _uids: Vec<Uid>,
        _change: FlagChange,
        _flags: Flags,
        _unchanged_since: Option<ModSeq>,
    ) -> Result<Vec<Uid>, StoreError> {
        not_yet()
    }

    /// Removes messages: `uids` or all, of these only those with `\Deleted` if `only_deleted`.
    /// Returns the removed, ascending.
    ///
    /// # Errors
    /// `NotFound`: the mailbox.
    pub async fn expunge(
        &self,
        _mailbox: MailboxId,
        _uids: Option<Vec<Uid>>,
        _only_deleted: bool,
    ) -> Result<Vec<Uid>, StoreError> {
        not_yet()
    }

    /// Copies messages with flags and dates; with `remove` they leave `from` (RFC 6851). Those
    /// that are gone are left out. Returns the target's UIDVALIDITY and (source, target) UIDs.
    ///
    /// # Errors
    /// `NotFound`: a mailbox.
    pub async fn copy_messages(
        &self,
        _from: MailboxId,
        _uids: Vec<Uid>,
        _to: MailboxId,
        _remove: bool,
    ) -> Result<(UidValidity, Vec<(Uid, Uid)>), StoreError> {
        not_yet()
    }

    /// Makes a mailbox and its missing parents.
    ///
    /// # Errors
    /// `Exists`; `NotFound`: the account; `CannotChange`: a bad name or too many mailboxes.
    pub async fn create_mailbox(
        &self,
        _account: AccountId,
        _name: &str,
        _special: Option<SpecialUse>,
    ) -> Result<MailboxId, StoreError> {
        not_yet()
    }

    /// Deletes a mailbox and its messages.
    ///
    /// # Errors
    /// `NotFound`; `CannotChange`: INBOX, or it has children (RFC 9051 6.3.5).
    pub async fn delete_mailbox(&self, _account: AccountId, _name: &str) -> Result<(), StoreError> {
        not_yet()
    }

    /// Renames a mailbox and its children. Renaming INBOX moves its messages to a new mailbox
    /// (RFC 9051 6.3.6).
    ///
    /// # Errors
    /// `NotFound`; `Exists`; `CannotChange`.
    pub async fn rename_mailbox(
        &self,
        _account: AccountId,
        _from: &str,
        _to: &str,
    ) -> Result<(), StoreError> {
        not_yet()
    }

    /// Subscribes or unsubscribes.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn subscribe_mailbox(
        &self,
        _account: AccountId,
        _name: &str,
        _on: bool,
    ) -> Result<(), StoreError> {
        not_yet()
    }

    /// Makes an account with INBOX, Drafts, Sent, Junk, Trash and Archive.
    ///
    /// # Errors
    /// `Exists`: the address.
    pub async fn create_account(&self, _account: NewAccount) -> Result<AccountId, StoreError> {
        not_yet()
    }

    /// Sets the state; queued mail of the account is held or released with it.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn set_account_state(&self, _id: AccountId, _state: AccountState) -> Result<(), StoreError> {
        not_yet()
    }

    /// Sets the password's hash (PHC string).
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn set_password(&self, _id: AccountId, _hash: String) -> Result<(), StoreError> {
        not_yet()
    }

    /// Puts a setting: key up to 100, JSON up to 256 KiB.
    ///
    /// # Errors
    /// `CannotChange`: too long.
    pub async fn put_setting(&self, _key: &str, _value: serde_json::Value) -> Result<(), StoreError> {
        not_yet()
    }

    /// Removes a setting, if it is there.
    ///
    /// # Errors
    /// The file failed.
    pub async fn remove_setting(&self, _key: &str) -> Result<(), StoreError> {
        not_yet()
    }

    /// Records events. The ledger keeps the newest 100,000.
    ///
    /// # Errors
    /// The file failed.
    pub async fn record(&self, _events: Vec<Event>) -> Result<(), StoreError> {
        not_yet()
    }
}
