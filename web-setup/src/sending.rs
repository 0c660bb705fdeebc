//! Mail that waits to leave, and which way it takes.

use crate::appliance::Fault;
use proto::types::{Address, Secret, Timestamp};
use std::future::Future;

/// Mail that waits to leave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// The oldest, one for each recipient.
    pub rows: Vec<Waiting>,
    /// How many there are in all.
    pub total: u64,
}

/// A recipient who has not got a message yet. The words come from strangers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Its number.
    pub id: u64,
    /// Who sent it; `None`: the box itself.
    pub from: Option<Address>,
    /// Whom it is for.
    pub to: Address,
    /// When it was sent.
    pub since: Timestamp,
    /// Where it stands.
    pub state: WaitState,
    /// How often it was tried.
    pub tries: u32,
    /// What the other side said last.
    pub words: Option<String>,
}

/// Where mail that waits stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WaitState {
    /// It is being sent right now.
    Sending,
    /// Somebody decided that it stays.
    Held {
        /// An admin holds this very mail.
        by_admin: bool,
        /// Its sender is, or was, frozen.
        frozen: bool,
    },
    /// Its sender keeps it back until then.
    KeptBack(Timestamp),
    /// It is tried then.
    Waits(Timestamp),
}

/// A server that takes all outgoing mail. Its password is written, never read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smarthost {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How the connection is protected.
    pub protection: Protection,
    /// The login there, if it wants one.
    pub user: Option<String>,
    /// Whether the certificate may be anything.
    pub trust_any_certificate: bool,
}

/// How a connection to a smarthost is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// TLS from the first octet.
    Implicit,
    /// STARTTLS.
    Starttls,
    /// Not at all; never with a password.
    None,
}

/// What the pages ask of this room. See [`crate::Appliance`] for what holds for every method.
pub trait SendingRoom: Send + Sync {
    /// The oldest `limit` rows of mail that waits to leave.
    fn outgoing(&self, limit: usize) -> impl Future<Output = Result<Outgoing, Fault>> + Send;

    /// The server that takes outgoing mail; `None`: mail goes straight to the recipients' servers.
    fn smarthost(&self) -> impl Future<Output = Result<Option<Smarthost>, Fault>> + Send;

    /// The servers for some domains, by the names of these: a domain, or with a dot in front everything
    /// under it too.
    fn smarthosts(&self) -> impl Future<Output = Result<Vec<(String, Smarthost)>, Fault>> + Send;

    /// Sends mail for these domains, or all where that is empty, through that server. Without a password
    /// the one stored for the same server and user stays.
    fn send_through(
        &self,
        domains: String,
        smarthost: Smarthost,
        password: Option<Secret>,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Takes the server for these domains, or the one for everything, away. [`Fault::Refused`]: there is none.
    fn send_directly(&self, domains: String) -> impl Future<Output = Result<(), Fault>> + Send;
}
