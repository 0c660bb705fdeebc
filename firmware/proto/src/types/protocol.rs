//! Ways into the box.

use serde::{Deserialize, Serialize};

/// The protocol a connection or an event belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// Port 25: mail from other servers.
    Smtp,
    /// Ports 465 and 587: mail from our own people (RFC 6409, RFC 8314).
    Submission,
    /// Ports 143 and 993.
    Imap,
    /// Ports 110 and 995.
    Pop3,
    /// The wizard, the admin's pages and self service.
    Web,
}

impl Protocol {
    /// The name in logs, pages and on the panel.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Smtp => "smtp",
            Self::Submission => "submission",
            Self::Imap => "imap",
            Self::Pop3 => "pop3",
            Self::Web => "web",
        }
    }
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How a client proves who it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mechanism {
    /// SASL PLAIN (RFC 4616).
    Plain,
    /// SASL LOGIN, obsolete but what Outlook sends.
    Login,
    /// SCRAM-SHA-256 (RFC 7677).
    #[serde(rename = "scram-sha-256")]
    ScramSha256,
    /// The same, bound to the TLS connection.
    #[serde(rename = "scram-sha-256-plus")]
    ScramSha256Plus,
    /// IMAP LOGIN, POP3 USER/PASS: the protocol's own command.
    Command,
    /// The web form.
    Form,
    /// The second factor, after the web form.
    Code,
}

impl Mechanism {
    /// The name in logs and pages.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Login => "login",
            Self::ScramSha256 => "scram-sha-256",
            Self::ScramSha256Plus => "scram-sha-256-plus",
            Self::Command => "command",
            Self::Form => "form",
            Self::Code => "code",
        }
    }
}
