//! Mail that waits to leave: one row for each recipient.

use super::{Delivery, LinkId, Place};
use proto::types::{
    AccountId, Address, BlobId, Domain, QueueId, RecipientWishes, ReversePath, Timestamp, Wishes,
};
use serde::{Deserialize, Serialize};

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
    /// Waits because an admin holds this very row; never due.
    pub held_by_admin: bool,
}

impl QueueItem {
    /// Since when it may leave: since it was taken, or since the sender let it go (RFC 4865).
    #[must_use]
    pub fn since(&self) -> Timestamp {
        let hold = self.wishes.hold;
        hold.map_or(self.created, |hold| hold.ends(self.created))
    }

    /// Whether somebody's decision keeps it here.
    #[must_use]
    pub const fn is_held(&self) -> bool {
        self.held || self.held_by_admin
    }

    /// Whether both are rows of one message.
    #[must_use]
    pub fn is_with(&self, other: &Self) -> bool {
        self.blob == other.blob
            && self.created == other.created
            && self.from == other.from
            && self.wishes == other.wishes
    }
}

/// What an admin has done with rows of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QueueOrder {
    /// Kept here until an admin releases them.
    Hold,
    /// Held no more by an admin, and due at once unless their sender is frozen.
    Release,
    /// Due at once; not what is held, nor what its sender keeps back (RFC 4865).
    Retry,
    /// Dropped.
    Delete,
}

/// How far an order reaches.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum QueueReach {
    /// To these rows; those that are gone are left out.
    Rows(Vec<QueueId>),
    /// To all for this domain. A hold counts for what comes later too, until it is released.
    Domain(Domain),
    /// To all there is. A release ends the holds of domains.
    All,
}

/// A domain that all mail is held for, what comes later too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldDomain {
    /// Which.
    pub domain: Domain,
    /// Since when, and by whom.
    pub held: DomainHold,
}

/// Since when mail for a domain is held, and by whom.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs)] // the names say it
pub struct DomainHold {
    pub since: Timestamp,
    pub by: String,
}

/// What an order changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueChanged {
    /// Rows.
    pub rows: u64,
    /// Domains whose hold began or ended.
    pub domains: u64,
}

/// An order about rows of the queue, to be carried out in one commit.
pub struct QueueChange {
    /// What.
    pub order: QueueOrder,
    /// With which rows; those that need no change are left out.
    pub reach: QueueReach,
    /// What senders are told of it. With notices, every row has to be there.
    pub notices: Vec<Delivery>,
    /// The links in messages that are deleted: they end with them.
    pub links: Vec<LinkId>,
    /// Which rows these are, in words.
    pub which: String,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
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
