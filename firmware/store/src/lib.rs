//! The only crate that names redb: typed operations with one writer, snapshots for reading.
//!
//! A write goes [`Store`] -> `writer` (one thread, group commit) -> `write` (the operations) ->
//! redb, and its news come back as a [`Change`] after the commit. A read is a [`Snapshot`].
//! `schema` says what is in the file, `rows` how a row is written, `migrate` how older files
//! become new ones, `check` what must always be true.

mod change;
mod check;
mod database;
mod error;
mod migrate;
mod names;
mod rows;
mod schema;
mod snapshot;
mod store;
mod trial;
mod values;
mod write;
mod writer;

pub use change::Change;
pub use check::CheckReport;
pub use error::{OpenError, StoreError};
pub use snapshot::{BodyReader, Snapshot};
pub use store::{Options, Store};
/// The setting with the office's main domain, as its field `domain`. The store reads it to know which
/// addresses may be given out.
pub const OFFICE: &str = "office";

pub use values::{
    Account, AccountCounts, AccountState, Acquaintance, Alias, BayesState, Body, Counter, Delivered,
    Delivery, DomainHold, DomainRules, Event, EventKind, FileHash, Freeze, FreezeOutcome, GreyAnswer,
    GreyRow, GreyState, GuardAction, HeldDomain, KeyStep, Lesson, Link, LinkChange, LinkId, LocalDomain,
    MailCopy, NameChange, NewAccount, NewLink, NewPrinter, Outgoing, Place, Placement, Points, Printer,
    QueueChange, QueueChanged, QueueItem, QueueOrder, QueueReach, Reason, SenderEntry, SenderList,
    Settlement, SourceClass, Submission, Terms, TokenCount, Trip, Verdict,
};
