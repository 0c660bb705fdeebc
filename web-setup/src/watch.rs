//! What the pages show of the guard.

use crate::appliance::Fault;
use proto::types::{AccountId, Address, Timestamp};
use std::future::Future;

/// Something that is counted, and how much of it is allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Count {
    /// Its name in forms.
    pub name: &'static str,
    /// In words, with its window.
    pub words: &'static str,
    /// How many there are now; 0 for the office.
    pub count: u32,
    /// How many are allowed.
    pub limit: u32,
    /// What was set here; `None`: it falls back to the office's or the default.
    pub set: Option<u32>,
}

/// What was chosen for the office or one account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Choice {
    /// Every counter.
    pub counts: Vec<Count>,
    /// `freeze` or `limit`, where it was set.
    pub action: Option<&'static str>,
    /// Counted, but never stopped.
    pub exempt: bool,
}

/// Mail of an account that left.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Left {
    /// When the other side took it.
    pub at: Timestamp,
    /// Who got it.
    pub to: Address,
    /// The server that took it.
    pub host: String,
}

/// The guard's last finding.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Finding {
    /// What was counted, with the numbers.
    pub words: String,
    /// From where, the last first.
    pub networks: Vec<String>,
    /// Recipients of the last message: the one that was refused, or that came back.
    pub recipients: Vec<String>,
}

/// An account as the guard sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Watch {
    /// Recipients whose mail is held.
    pub held: u64,
    /// An admin has seen that it is frozen.
    pub seen: bool,
    /// Why and until when it may not send, where that is so.
    pub limited: Option<(Timestamp, String)>,
    /// Until when it is watched twice as closely.
    pub watched_until: Option<Timestamp>,
    /// What tripped last.
    pub finding: Option<Finding>,
    /// What left before it was stopped, newest first; cut.
    pub left: Vec<Left>,
    /// More left than that.
    pub more_left: bool,
    /// What it sends and may send.
    pub choice: Choice,
    /// An admin's address outside of the box that notices go to.
    pub outside: Option<Address>,
}

/// What the pages ask of this room. See [`crate::Appliance`] for what holds for every method.
pub trait GuardRoom: Send + Sync {
    /// What the guard knows of an account.
    fn watch(&self, id: AccountId) -> impl Future<Output = Result<Watch, Fault>> + Send;

    /// What the office's accounts may send.
    fn limits(&self) -> impl Future<Output = Result<Choice, Fault>> + Send;

    /// Changes limits, of the office or of one account: all of it or, with the reason, nothing.
    fn set_limits(
        &self,
        id: Option<AccountId>,
        changes: Vec<(String, String)>,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Lets an account's held mail go.
    fn release_held(&self, id: AccountId) -> impl Future<Output = Result<u64, Fault>> + Send;

    /// Drops an account's held mail.
    fn discard_held(&self, id: AccountId) -> impl Future<Output = Result<u64, Fault>> + Send;

    /// Sends an admin's notices to this address outside of the box too; `None`: no longer. Refused
    /// with the reason.
    fn set_outside(
        &self,
        id: AccountId,
        address: Option<Address>,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// The admin has seen that the account is frozen.
    fn acknowledge(&self, id: AccountId) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Freezes an account: no login anywhere, sessions cut, mail to it still accepted.
    fn freeze(&self, id: AccountId, reason: String) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Gives a frozen account back.
    fn unfreeze(&self, id: AccountId) -> impl Future<Output = Result<(), Fault>> + Send;
}
