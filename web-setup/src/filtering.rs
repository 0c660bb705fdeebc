//! What the page of junk mail shows and sets.

use crate::appliance::Fault;
use proto::types::Timestamp;
use std::future::Future;

/// The filter, the greylist and the lists of senders.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JunkMail {
    /// What is set.
    pub set: FilterWish,
    /// Messages learnt as spam.
    pub spam: u64,
    /// Messages learnt as no spam.
    pub ham: u64,
    /// So many of each have to be learnt before it counts.
    pub minimum: u64,
    /// Senders that never have to come again.
    pub known: u64,
    /// Senders that were asked to come again and have not.
    pub waiting: u64,
    /// The newest of these.
    pub rows: Vec<GreyRow>,
    /// Both lists.
    pub senders: Vec<SenderRow>,
}

/// What may be set, as typed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilterWish {
    /// What was learnt counts.
    pub bayes: bool,
    /// Messages of each kind that have to be learnt first.
    pub minimum: String,
    /// `off`, `suspicious` or `strangers`.
    pub greylisting: String,
    /// Minutes after which they may come again.
    pub minutes: String,
}

/// Somebody who was asked to come again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GreyRow {
    /// Who: a network with sender and recipient's domain, or `@` and a proven domain.
    pub who: String,
    /// Since when.
    pub since: Timestamp,
}

/// A sender on a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderRow {
    /// Always taken, where he is proven; `false`: never.
    pub allow: bool,
    /// Whom.
    pub who: String,
    /// Why.
    pub note: String,
    /// Until when; `None` for ever.
    pub until: Option<Timestamp>,
}

/// A sender to be put on a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SenderWish {
    /// Always taken, where he is proven; `false`: never.
    pub allow: bool,
    /// As typed.
    pub who: String,
    /// Why.
    pub note: String,
    /// For how many days; `None` for ever.
    pub days: Option<u32>,
}

/// What the pages ask of this room. See [`crate::Appliance`] for what holds for every method.
pub trait FilterRoom: Send + Sync {
    /// The filter, the greylist and the lists of senders.
    fn junk_mail(&self) -> impl Future<Output = Result<JunkMail, Fault>> + Send;

    /// Sets how the filter and the greylist work.
    fn set_filtering(&self, wish: FilterWish) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Forgets what the filter learnt.
    fn forget_learnt(&self) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Puts a sender on a list.
    fn put_sender(&self, wish: SenderWish) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Takes a sender off its list.
    fn remove_sender(&self, who: String) -> impl Future<Output = Result<(), Fault>> + Send;
}
