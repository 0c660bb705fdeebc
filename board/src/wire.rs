//! The pipe between PID 1 and `serve`: one JSON value a line, over a Unix stream socket whose file
//! descriptor number is in the environment variable [`SOCKET_ENV`]. Listening sockets are handed
//! over as systemd does it (`LISTEN_FDS`, `LISTEN_FDNAMES`, first descriptor 3).

use crate::screen::Screen;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Names the descriptor of the socket to PID 1. Absent: no board, a simulated one.
pub const SOCKET_ENV: &str = "PILLARBOX_BOARD_FD";

/// The names in `LISTEN_FDNAMES`, with their ports.
pub const LISTENERS: [(&str, u16); 10] = [
    ("smtp", 25),
    ("submission", 587),
    ("submissions", 465),
    ("imap", 143),
    ("imaps", 993),
    ("pop3", 110),
    ("pop3s", 995),
    ("http", 80),
    ("https", 443),
    // Attachments for the world, and nothing else: what a router passes on.
    ("links", 8443),
];

/// From `serve` to PID 1.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[allow(clippy::large_enum_variant)] // a few a second at most, and most are screens
pub enum ToBoard {
    /// Show this.
    Screen(Screen),
    /// Mail and web answer: feed the watchdog. Sent at least every 10 seconds.
    Alive,
    /// The admin asked for it.
    PowerOff,
    /// The admin asked for it.
    Reboot,
    /// Set the clock to what the admin says: no server could be asked.
    SetClock {
        /// Seconds since 1970, UTC.
        at: i64,
    },
    /// Mount the USB sticks with these ids, now and whenever they are plugged in.
    UseSticks {
        /// See [`Stick::id`].
        ids: Vec<String>,
    },
}

/// A USB stick, or rather a file system on one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stick {
    /// By which it is known again: its file system's kind and id, such as `exfat-1234abcd`. Letters,
    /// digits and hyphens only.
    pub id: String,
    /// What its owner calls it; may be empty.
    pub label: String,
    /// Such as `exfat`.
    pub system: String,
    /// Octets in all.
    pub size: u64,
    /// What it is good for.
    pub state: StickState,
}

/// What a stick is good for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum StickState {
    /// Only looked at.
    Seen,
    /// Mounted; [`crate::layout::stick_dir`] is the mail server's.
    Mounted,
    /// It cannot be used; why, in words.
    Failed(String),
}

/// From PID 1 to `serve`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BoardEvent {
    /// The board's addresses changed.
    Link {
        /// Whether a cable is in and an address is there.
        up: bool,
        /// The addresses, without loopback and link-local ones.
        addresses: Vec<IpAddr>,
    },
    /// The clock was set, or is known to be wrong.
    Clock {
        /// Whether it can be trusted.
        known: bool,
    },
    /// The front button.
    Button {
        /// Held for at least a second.
        long: bool,
    },
    /// The data partition is filling up or failing.
    Storage {
        /// Octets free.
        free: u64,
        /// Octets in all.
        total: u64,
    },
    /// The USB sticks that are plugged in now.
    Sticks {
        /// All of them.
        sticks: Vec<Stick>,
    },
    /// Why the last `serve` ended, in words.
    LastWords {
        /// Exit status or signal, and its last log line.
        text: String,
    },
}
