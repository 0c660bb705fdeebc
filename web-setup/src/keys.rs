//! Signing keys, as their page sees them.

use crate::appliance::{DkimRecord, Fault};
use proto::types::{Domain, Timestamp};
use std::future::Future;

/// The keys of every domain.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys {
    /// The main domain first.
    pub rows: Vec<KeyRow>,
    /// How long a pair signs, in days; 0: until somebody rotates by hand.
    pub days: u32,
}

/// The keys of one domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyRow {
    /// Whose.
    pub domain: Domain,
    /// What signs, as in `r1 and e1`; `None` while it is being made.
    pub signs: Option<String>,
    /// Since when.
    pub since: Option<Timestamp>,
    /// Until when, by the calendar.
    pub due: Option<Timestamp>,
    /// What signs after it.
    pub next: Option<NextPair>,
    /// What signed before it, newest first.
    pub retired: Vec<Retired>,
}

/// Keys that wait for their turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NextPair {
    /// The names of their records.
    pub selectors: String,
    /// Their turn comes as soon as their records are seen.
    pub soon: bool,
    /// Since when their records are seen; `None`: they are not.
    pub seen: Option<Timestamp>,
    /// The records.
    pub records: Vec<DkimRecord>,
}

/// Keys that signed once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retired {
    /// The names of their records.
    pub selectors: String,
    /// From when on the records may be removed.
    pub removable: Timestamp,
}

/// What became of a wish to rotate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotated {
    /// The next pair was made, and waits for its records.
    Made,
    /// Its records are not seen yet.
    Waits,
    /// The name servers do not answer.
    Unsure,
    /// It signs.
    Done,
}

/// What the pages ask of this room. See [`crate::Appliance`] for what holds for every method.
pub trait KeysRoom: Send + Sync {
    /// The keys of every domain.
    fn keys(&self) -> impl Future<Output = Result<Keys, Fault>> + Send;

    /// Makes a domain's next keys; or has them sign, once their records are seen.
    fn rotate_keys(&self, domain: String) -> impl Future<Output = Result<Rotated, Fault>> + Send;

    /// Sets how long a pair signs, in days; 0: until somebody rotates by hand.
    fn set_key_life(&self, days: u32) -> impl Future<Output = Result<(), Fault>> + Send;
}
