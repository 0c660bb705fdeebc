//! What can go wrong, by what the caller has to do about it.

use std::path::PathBuf;

/// Why an operation or a read was not done. Nothing of it was done.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No such account, mailbox, queue row.
    #[error("not found")]
    NotFound,
    /// The name or address is taken.
    #[error("exists already")]
    Exists,
    /// It cannot be done to this thing; the text says why, for a person.
    #[error("{0}")]
    CannotChange(&'static str),
    /// A mailbox with others inside cannot be deleted (RFC 9051 6.3.5).
    #[error("the mailbox has others inside")]
    HasChildren,
    /// No room on the card.
    #[error("no space left on the data partition")]
    NoSpace,
    /// The card or the file system failed.
    #[error("the data file cannot be read or written: {0}")]
    Io(std::io::Error),
    /// A bug or damage; the text is for the log.
    #[error("the store failed: {0}")]
    Internal(String),
}

/// Why a data folder was not opened. It was left exactly as it was.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file is not what we wrote.
    #[error(
        "{path} is damaged ({why}); nothing was changed. Restore the data folder from a backup, \
         or move the file away to start with an empty box"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found, for the log.
        why: String,
    },
    /// Written by a later Pillarbox.
    #[error(
        "{path} was written by a newer Pillarbox (data version {found}, this one knows {known}); \
         nothing was changed. Start the newer version again, or restore a backup made with this one"
    )]
    NewerVersion {
        /// The file.
        path: PathBuf,
        /// Its data version.
        found: u64,
        /// The newest that we know.
        known: u64,
    },
    /// Another process has it open.
    #[error("{path} is in use by another Pillarbox; stop that one first")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The folder or file cannot be used.
    #[error("{path} cannot be opened: {source}; check that the folder exists and may be written to")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
}

impl StoreError {
    /// Whether the file or the code failed, as opposed to a question that had "no" for an answer.
    pub(crate) const fn is_failure(&self) -> bool {
        matches!(self, Self::NoSpace | Self::Io(_) | Self::Internal(_))
    }

    /// The same for another caller.
    pub(crate) fn repeat(&self) -> Self {
        match self {
            Self::NotFound => Self::NotFound,
            Self::Exists => Self::Exists,
            Self::CannotChange(why) => Self::CannotChange(why),
            Self::HasChildren => Self::HasChildren,
            Self::NoSpace => Self::NoSpace,
            Self::Io(error) => Self::Io(std::io::Error::new(error.kind(), error.to_string())),
            Self::Internal(why) => Self::Internal(why.clone()),
        }
    }
}

impl From<redb::StorageError> for StoreError {
    fn from(error: redb::StorageError) -> Self {
        match error {
            redb::StorageError::Io(e) if e.kind() == std::io::ErrorKind::StorageFull => Self::NoSpace,
            redb::StorageError::Io(e) => Self::Io(e),
            // After a failed write redb refuses everything until it is opened again.
            redb::StorageError::PreviousIo | redb::StorageError::DatabaseClosed => {
                Self::Io(std::io::Error::other("an earlier write failed"))
            }
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<redb::TableError> for StoreError {
    fn from(error: redb::TableError) -> Self {
        match error {
            redb::TableError::Storage(e) => e.into(),
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<redb::TransactionError> for StoreError {
    fn from(error: redb::TransactionError) -> Self {
        match error {
            redb::TransactionError::Storage(e) => e.into(),
            other => Self::Internal(other.to_string()),
        }
    }
}

impl From<redb::CommitError> for StoreError {
    fn from(error: redb::CommitError) -> Self {
        match error {
            redb::CommitError::Storage(e) => e.into(),
            other => Self::Internal(other.to_string()),
        }
    }
}
