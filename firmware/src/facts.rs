//! What is known about a connection, for the doors it knocks at: delivery, guard, ledger.

use proto::ask::Identity;
use proto::types::{Protocol, Secret};
use std::net::{IpAddr, SocketAddr};

/// A connection, as far as it has come.
#[derive(Debug, Clone)]
pub struct ConnectionFacts {
    /// Counts connections since the start; the same number in every log line of a connection.
    pub number: u64,
    /// Who called. An IPv4 address that came through an IPv6 socket is written as IPv4.
    pub peer: SocketAddr,
    /// Where he called.
    pub local: SocketAddr,
    /// Which door.
    pub protocol: Protocol,
    /// The TLS of the connection, once it is up.
    pub tls: Option<TlsFacts>,
    /// What the client calls itself; empty where it does not say.
    pub client: String,
    /// Who logged in.
    pub identity: Option<Identity>,
}

/// A TLS connection that is up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsFacts {
    /// `TLS1.2` or `TLS1.3`.
    pub version: &'static str,
    /// The cipher suite, such as `TLS13_AES_128_GCM_SHA256`.
    pub cipher: String,
    /// What a login can be bound to: both ends of this connection know it and nobody else (RFC 9266).
    /// `None` before TLS 1.3, where it would need the extended master secret.
    pub exporter: Option<Secret>,
}

impl ConnectionFacts {
    /// The facts of a connection that was just accepted.
    #[must_use]
    pub const fn new(number: u64, peer: SocketAddr, local: SocketAddr, protocol: Protocol) -> Self {
        Self {
            number,
            peer: plain(peer),
            local: plain(local),
            protocol,
            tls: None,
            client: String::new(),
            identity: None,
        }
    }

    /// Version and cipher suite in the words of a Received field, when there is TLS.
    #[must_use]
    pub fn tls_words(&self) -> Option<String> {
        let tls = self.tls.as_ref()?;
        Some(format!("{} {}", tls.version, tls.cipher))
    }

    /// Whether a login can be bound to the connection's TLS.
    #[must_use]
    pub fn binding(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.exporter.is_some())
    }

    /// The caller's address.
    #[must_use]
    pub const fn ip(&self) -> IpAddr {
        self.peer.ip()
    }
}

// Bans, limits and logs know a caller by one address, whichever socket took the call.
const fn plain(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}
