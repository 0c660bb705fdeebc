//! What the panel shows, as a plain value. `serve` makes it, PID 1 draws it; on a laptop the web
//! page shows the same drawing.

use serde::{Deserialize, Serialize};

/// The panel's content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Screen {
    /// Before mail runs: what is being done, in a few words.
    Starting {
        /// Such as `checking the card`.
        step: String,
    },
    /// Nobody has claimed the box yet.
    Claim {
        /// Address of the wizard, such as `192.168.1.20`, or `no network`.
        address: String,
        /// The 8-character claim code.
        code: String,
        /// The first 16 hex digits of the certificate's SHA-256 fingerprint, in groups of four.
        fingerprint: String,
    },
    /// The box is a mail server.
    Running(Status),
    /// The mail server is not running.
    Stopped {
        /// Why, in words.
        reason: String,
    },
    /// Power may be cut.
    Off,
}

/// What one glance should tell.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Status {
    /// The office's mail domain.
    pub domain: String,
    /// The box's own address, or empty.
    pub address: String,
    /// Messages received since midnight UTC.
    pub received_today: u64,
    /// Messages sent since midnight UTC.
    pub sent_today: u64,
    /// Messages waiting to leave.
    pub queued: u64,
    /// Failed logins in the last 60 minutes.
    pub failed_last_hour: u64,
    /// Failed logins since midnight UTC.
    pub failed_today: u64,
    /// The address with most failed logins today.
    pub worst_source: Option<String>,
    /// Addresses, networks and accounts that are shut out now.
    #[serde(default)]
    pub blocked: u64,
    /// Frozen accounts that no admin has acknowledged, by address.
    pub frozen: Vec<String>,
    /// Those that an admin has.
    #[serde(default)]
    pub frozen_seen: Vec<String>,
    /// Recipients whose mail is held.
    #[serde(default)]
    pub held: u64,
    /// Whether the clock can be trusted.
    pub clock_known: bool,
    /// Troubles, worst first, each a few words; an unknown time and a missing network are among them.
    pub troubles: Vec<String>,
}
