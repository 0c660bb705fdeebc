//! Printers and scanners: accounts without a password, a name to log in with, or a mailbox.

use proto::types::{Address, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// What makes an account a printer's or a scanner's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Printer {
    /// The one address of the office's network that it sends from.
    pub ip: IpAddr,
    /// What may be set.
    #[serde(flatten)]
    pub terms: Terms,
    /// Messages taken over from it so far.
    #[serde(default)]
    pub sent: u64,
    /// When the last of them was.
    #[serde(default)]
    pub used: Option<Timestamp>,
}

/// What a printer may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    /// What people call it.
    pub name: String,
    /// Messages in an hour.
    pub limit: u32,
    /// It writes to people of the office only.
    pub here_only: bool,
}

/// A printer to be allowed.
#[derive(Debug, Clone)]
pub struct NewPrinter {
    /// Where it sends from.
    pub ip: IpAddr,
    /// The only sender that it may name; may be a person's address too.
    pub address: Address,
    /// What it may do.
    pub terms: Terms,
    /// When it was allowed.
    pub created: Timestamp,
}
