//! What the guard decides, and what it remembers.

use proto::types::{AccountId, Address, Protocol, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// How well an account is known at the place that it sends from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SourceClass {
    /// The office's own network.
    Lan,
    /// A network that the account was seen in a day ago or earlier.
    Known,
    /// Any other.
    New,
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Counter {
    /// Messages from the LAN.
    LanMessages,
    /// Messages from known networks.
    KnownMessages,
    /// Messages from new networks.
    NewMessages,
    /// Recipients of all messages.
    Recipients,
    /// Recipients elsewhere that the account never wrote to before.
    FirstTimeRecipients,
    /// Recipients that the other side will never take.
    HardBounces,
    /// New networks that the account sent from.
    NewNetworks,
    /// Addresses in From, those that were refused too.
    Senders,
}

/// What is done with an account that is over a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum GuardAction {
    /// It sends nothing until the window has passed.
    Limit,
    /// It is frozen until an admin gives it back.
    #[default]
    Freeze,
}

/// The guard's finding: why an account was stopped, with the numbers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trip {
    /// Names the event: 12 letters and digits, never given twice.
    pub id: String,
    /// Whose account.
    pub account: AccountId,
    /// What was counted.
    pub counter: Counter,
    /// How many it would have been.
    pub count: u32,
    /// How many were allowed.
    pub limit: u32,
    /// The window, in seconds.
    pub window: i64,
    /// What was done: frozen, or limited (so the last admin always is).
    pub action: GuardAction,
    /// With `Limit`: when the account may send again.
    pub until: Option<Timestamp>,
    /// It would have been frozen, but is the last admin that works.
    pub last_admin: bool,
    /// The address that tripped it; `None` for bounces, which come back from elsewhere.
    pub ip: Option<IpAddr>,
    /// Networks that the account sent from within the window, this one first; cut.
    pub networks: Vec<String>,
    /// At which door; `None` for bounces.
    pub protocol: Option<Protocol>,
    /// Recipients of the message that was refused; cut.
    pub recipients: Vec<Address>,
    /// Messages that were taken over within the window before.
    pub taken: u32,
    /// Queue rows of the account that are held now.
    pub held: u64,
    /// The account was under the tighter watch that follows an unfreeze.
    pub watched: bool,
}

/// An account to be stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freeze {
    /// Whose.
    pub account: AccountId,
    /// When.
    pub at: Timestamp,
    /// Why, for a person.
    pub reason: String,
    /// The guard's finding; `None`: an admin wants it. Its `action` says what is to be done.
    pub trip: Option<Trip>,
    /// Until when it is limited, if it is not frozen.
    pub until: Timestamp,
}

/// What became of an account that was to be stopped.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FreezeOutcome {
    /// Frozen.
    Frozen {
        /// Queue rows that are held.
        held: u64,
    },
    /// Limited until then: as wished, or because it is the last admin that works.
    Limited {
        /// When it may send again.
        until: Timestamp,
        /// It is the last admin that works.
        last_admin: bool,
    },
    /// It was frozen or disabled before: nothing was changed.
    Already,
}

/// Whom or what an account has met before.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Acquaintance {
    /// A network that it was seen in, as `192.0.2.0/24`.
    Network(String),
    /// An address elsewhere that it wrote to.
    Recipient(Address),
}

impl Acquaintance {
    /// Networks are `n...`, recipients `r...`.
    pub(crate) fn key(&self) -> String {
        match self {
            Self::Network(network) => format!("n{network}"),
            Self::Recipient(address) => format!("r{}", address.key()),
        }
    }
}
