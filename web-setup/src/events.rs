//! What the pages show of the ledger.

use crate::appliance::Fault;
use proto::types::Timestamp;
use std::future::Future;

/// Which events are wanted; what is left empty takes all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventFilter {
    /// Of the account with this address.
    pub account: String,
    /// Of this kind.
    pub kind: String,
}

/// A page of events, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Events {
    /// The rows.
    pub rows: Vec<EventRow>,
    /// Ask for what is before this to see older ones; `None` at the end.
    pub older: Option<u64>,
}

/// One event in words; parts of them are strangers'.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub struct EventRow {
    pub at: Timestamp,
    pub kind: String,
    /// Whose account it is about.
    pub account: Option<String>,
    pub words: String,
}

/// Kinds that the page offers; the ledger's own names.
pub const KINDS: &[&str] = &[
    "tripped",
    "frozen",
    "unfrozen",
    "freeze_seen",
    "held_released",
    "held_discarded",
    "notified",
    "reply",
    "sender_refused",
    "refused",
    "relay_denied",
    "printer_changed",
    "device_password",
    "login_failed",
    "login_ok",
    "blocked",
    "released",
    "sent",
    "received",
    "relayed",
    "deferred",
    "bounced",
    "attachment_folder",
    "attachments_removed",
    "setting_changed",
    "started",
];

/// What the pages ask of this room. See [`crate::Appliance`] for what holds for every method.
pub trait EventsRoom: Send + Sync {
    /// At most `limit` events older than `before` (all, when `None`), newest first, in words.
    fn events(
        &self,
        filter: EventFilter,
        before: Option<u64>,
        limit: usize,
    ) -> impl Future<Output = Result<Events, Fault>> + Send;
}
