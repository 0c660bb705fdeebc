//! One recipient's waiting mail, and what an admin may have done with it.

use crate::appliance::Fault;
use crate::sending::Waiting;
use proto::types::{Domain, Timestamp};
use std::future::Future;

/// Mail that waits, with what goes with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Queued {
    /// The recipient that was asked for.
    pub row: Waiting,
    /// The message's octets.
    pub size: u64,
    /// All recipients of the message who wait, this one too.
    pub message: Vec<Waiting>,
    /// How many wait at the recipient's domain.
    pub at_domain: u64,
    /// How many wait in all.
    pub total: u64,
}

/// How far an order reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueScope {
    /// This recipient.
    Row,
    /// Every recipient of the message.
    Message,
    /// Everything for the recipient's domain.
    Domain,
    /// Everything that waits.
    All,
}

/// What may be done with waiting mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QueueDeed {
    /// Keep it here until it is released.
    Hold,
    /// Let go what an admin held.
    Release,
    /// Try it at once.
    Retry,
    /// Drop it unsent; the senders hear of it or not.
    Delete {
        /// Whether they do.
        tell: bool,
    },
}

/// What came of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueDone {
    /// Recipients that it concerned.
    pub rows: u64,
    /// Recipients whose mail was being sent right now.
    pub sending: u64,
}

/// A place that mail goes to, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueuePlace {
    /// The domain, or the server that passes mail on.
    pub name: String,
    /// Messages that are being sent there.
    pub sending: usize,
    /// How many are sent there at once.
    pub at_once: usize,
    /// Until when it is left alone because nobody answered, and what was met. A stranger's words.
    pub rest: Option<(Timestamp, String)>,
}

/// A domain that all mail is held for, what comes later too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldDomain {
    /// Which.
    pub domain: Domain,
    /// Since when.
    pub since: Timestamp,
    /// By whom.
    pub by: String,
    /// Recipients whose mail waits because of it.
    pub rows: u64,
}

/// What the pages ask of this room. See [`crate::Appliance`] for what holds for every method.
pub trait QueueRoom: Send + Sync {
    /// One recipient's waiting mail. [`Fault::Gone`]: it left, or never was.
    fn queued(&self, id: u64) -> impl Future<Output = Result<Queued, Fault>> + Send;

    /// Places that are spoken to or left alone just now.
    fn places(&self) -> impl Future<Output = Result<Vec<QueuePlace>, Fault>> + Send;

    /// Carries an order out.
    fn order(
        &self,
        id: u64,
        scope: QueueScope,
        deed: QueueDeed,
    ) -> impl Future<Output = Result<QueueDone, Fault>> + Send;

    /// The domains that all mail is held for.
    fn held_domains(&self) -> impl Future<Output = Result<Vec<HeldDomain>, Fault>> + Send;

    /// Holds all mail for the domain, what comes later too, or releases it. [`Fault::Gone`]: it is not held,
    /// and nothing waits there.
    fn hold_domain(
        &self,
        domain: Domain,
        hold: bool,
    ) -> impl Future<Output = Result<QueueDone, Fault>> + Send;
}
