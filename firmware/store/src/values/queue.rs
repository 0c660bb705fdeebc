//! Mail that waits to leave: one row for each recipient.

use super::Place;
use proto::types::{AccountId, Address, BlobId, QueueId, RecipientWishes, ReversePath, Timestamp, Wishes};

/// A row of the queue.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub struct QueueItem {
    pub id: QueueId,
    pub blob: BlobId,
    pub owner: Option<AccountId>,
    pub from: ReversePath,
    pub to: Address,
    pub created: Timestamp,
    pub next_attempt: Timestamp,
    /// Tries that did not end the matter.
    pub attempts: u32,
    /// What the other side, or we, said last.
    pub last_words: Option<String>,
    /// Waits for the admin because its owner is frozen or disabled; never due.
    pub held: bool,
    /// What the sender asked for the message.
    pub wishes: Wishes,
    /// What the sender asked for this recipient.
    pub asked: RecipientWishes,
    /// When the sender was last told that it is late.
    pub told: Option<Timestamp>,
}

impl QueueItem {
    /// Since when it may leave: since it was taken, or since the sender let it go (RFC 4865).
    #[must_use]
    pub fn since(&self) -> Timestamp {
        let hold = self.wishes.hold;
        hold.map_or(self.created, |hold| hold.ends(self.created))
    }
}

/// How a try ended. `words` is cut at 1,000 octets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Settlement {
    /// The other side has it; the row goes.
    Delivered {
        /// Its reply.
        words: String,
    },
    /// It is for people here: each place gets a copy, and the row goes.
    Placed {
        /// Where.
        into: Vec<Place>,
        /// INTERNALDATE.
        date: Timestamp,
    },
    /// Try again later.
    Retry {
        /// When.
        at: Timestamp,
        /// Why not now.
        words: String,
        /// When the notice beside it was made, which tells the sender so.
        told: Option<Timestamp>,
    },
    /// It will not work; the row goes.
    Failed {
        /// Why.
        words: String,
    },
}
