//! Every "no" the box can say, in one place: what the peer hears in each protocol.

use crate::types::Timestamp;

/// Why something was refused. Whose fault it is decides the kind of code.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Wrong name or password; never says which.
    BadCredentials,
    /// A password without TLS.
    TlsRequired,
    /// The account is frozen: it cannot send or read, but still receives.
    Frozen,
    /// The account was switched off by the admin.
    Disabled,
    /// Over a sending limit until the given time.
    Limited {
        /// When it may send again.
        until: Timestamp,
    },
    /// Too many attempts or connections from there.
    Throttled,
    /// No such recipient here.
    UnknownRecipient,
    /// Relaying needs a login.
    RelayDenied,
    /// The login does not own that sender address.
    NotYourSender,
    /// Over the size limit, in octets.
    TooBig {
        /// The most that is accepted.
        limit: u64,
    },
    /// Not a message we can take: the text says what is wrong, in words for a person.
    BadMessage(&'static str),
    /// The message went in circles: too many Received fields (RFC 5321 6.3; 554 5.4.6).
    Loop,
    /// The mailbox does not exist.
    NoSuchMailbox,
    /// The mailbox exists already.
    MailboxExists,
    /// The mailbox has children or is INBOX or otherwise cannot be changed so.
    CannotChange(&'static str),
    /// Another session holds the maildrop (POP3).
    InUse,
    /// No room, on the card or in the account.
    NoSpace,
    /// Our fault, for now: try again later.
    Temporary,
    /// The box is going down.
    Shutdown,
}
