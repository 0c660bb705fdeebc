//! The only crate that names redb: typed operations with one writer, snapshots for reading.

mod change;
mod error;
mod snapshot;
mod store;
mod values;

pub use change::Change;
pub use error::{OpenError, StoreError};
pub use snapshot::{BodyReader, Snapshot};
pub use store::{CheckReport, Options, Store};
pub use values::{
    Account, AccountCounts, AccountState, Body, Delivered, Delivery, Event, EventKind, MailCopy, NewAccount,
    Outgoing, Place, QueueItem, Settlement,
};
