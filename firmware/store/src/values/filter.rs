//! What the judges of inbound mail remember.

use proto::types::Timestamp;
use serde::{Deserialize, Serialize};

/// A message to learn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lesson {
    /// BLAKE3 of the whole message: the same one is learnt once.
    pub message: [u8; 32],
    /// Whether it is spam.
    pub spam: bool,
    /// Hashes of its tokens, each once.
    pub tokens: Vec<u64>,
    /// When it was learnt.
    pub at: Timestamp,
}

/// How often a token was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenCount {
    /// Spam messages with it.
    pub spam: u32,
    /// Other messages with it.
    pub ham: u32,
}

/// How much was learnt.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct BayesState {
    /// Messages learnt as spam.
    pub spam: u64,
    /// Messages learnt as no spam.
    pub ham: u64,
    /// Different tokens that are remembered.
    pub tokens: u64,
    /// Greater after every change to any of it.
    pub version: u64,
}

/// What the greylist says to somebody who wants to bring mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GreyAnswer {
    /// Come again at that time, or later.
    Wait {
        /// The earliest time.
        until: Timestamp,
    },
    /// He waited, now or some time ago.
    Pass,
}

impl GreyAnswer {
    /// How long it is remembered that somebody was told to come again, in seconds: servers try for days.
    pub const RETRY: i64 = 2 * 86_400;
    /// How long somebody who was let in stays known after his last visit, in seconds: newsletters
    /// come once a month.
    pub const KNOWN: i64 = 36 * 86_400;
}

/// Somebody on the greylist.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GreyRow {
    /// Who.
    pub key: String,
    /// When he came first.
    pub first: Timestamp,
    /// When he came last, to a day.
    pub last: Timestamp,
}

/// The greylist at a moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct GreyState {
    /// How many have been let in.
    pub known: u64,
    /// How many were told to come again and have not.
    pub waiting: u64,
    /// The newest of those that wait, at most as many as were asked for.
    pub newest: Vec<GreyRow>,
}

/// Which list a sender is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SenderList {
    /// Taken, where the sender is proven.
    Allow,
    /// Refused.
    Block,
}

/// A sender on a list.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SenderEntry {
    /// Who, as its reader spells it: the key.
    pub who: String,
    /// On which list.
    pub list: SenderList,
    /// Why, for those who read it later.
    pub note: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when; `None` for ever.
    pub until: Option<Timestamp>,
}

impl SenderEntry {
    /// Whether it counts at `now`.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}
