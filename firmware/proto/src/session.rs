//! The contract between a protocol session and whatever drives it.
//!
//! The driver owns the socket, the clock, TLS, the spool and the limits in time; the session owns
//! the protocol. The driver's loop: ask [`Session::expects`], obtain that, give it to
//! [`Session::handle`], carry out the outputs in order, repeat.

use crate::ask::{Answer, Question};
use crate::refusal::Refusal;
use crate::types::{BlobId, Span};

/// What the session can take next. The driver frames its input by this and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// A line ended by CRLF of at most `limit` octets (CRLF included), within `seconds`.
    /// With `watch`, the driver also listens for news from the world and reports [`Input::News`].
    Line {
        /// Longest line in octets; a longer one is read to its end and reported as too long.
        limit: usize,
        /// How long the peer may be silent.
        seconds: u32,
        /// Whether news may interrupt the wait (IMAP IDLE). What happened since the last answer
        /// counts, so that nothing is missed between an answer and the wait.
        watch: bool,
    },
    /// Dot-stuffed data up to CRLF.CRLF, unstuffed into the spool (RFC 5321 4.5.2).
    Dotted {
        /// Most octets kept; the rest is read and thrown away, and `Spooled::too_big` is set.
        limit: u64,
        /// What becomes of a bare LF in it.
        bare_lf: BareLf,
    },
    /// Exactly `count` octets into the spool (IMAP APPEND).
    Spool {
        /// How many octets follow.
        count: u64,
        /// Most octets kept, as for `Dotted`.
        limit: u64,
    },
    /// Exactly `count` octets, added to what is in the spool (SMTP BDAT).
    Chunk {
        /// How many octets follow.
        count: u64,
        /// Most octets kept of them, as for `Dotted`.
        limit: u64,
        /// The spool is to be empty before.
        first: bool,
        /// They are lines, so that a bare CR or a NUL is `Spooled::malformed`; and what becomes of a bare
        /// LF.
        lines: Option<BareLf>,
        /// The octet before them was a CR, so that a LF has to come first.
        after_cr: bool,
    },
    /// Exactly `count` octets, handed over in memory (IMAP literals in arguments; the session
    /// bounds `count`).
    Octets {
        /// How many octets follow.
        count: usize,
    },
    /// The answer to the question just asked.
    Answer,
    /// The TLS handshake just requested.
    Tls,
    /// Nothing more: the connection ends.
    Closed,
}

/// What becomes of a LF without its CR in a message's lines. It ends a line of the message at most, never
/// the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BareLf {
    /// The body is `Spooled::malformed`: whoever passes mail on has to pass on what it was given, and
    /// servers that read it differently would see different messages (RFC 5321 2.3.8).
    #[default]
    Refused,
    /// It gets its CR before anybody sees it: a submission is mended where that is sure to be meant
    /// (RFC 6409 8).
    Mended,
}

/// What happened.
#[derive(Debug)]
pub enum Input<'a> {
    /// The connection is open (the driver's first input; the session greets).
    Open,
    /// A line without its CRLF.
    Line(&'a [u8]),
    /// A line over the limit; it has been read to its end and thrown away.
    LineTooLong,
    /// A line with a bare CR, a bare LF or a NUL; it has been thrown away. SMTP refuses it
    /// (smuggling); IMAP and POP3 answer with their protocol error.
    LineMalformed,
    /// The octets asked for.
    Octets(&'a [u8]),
    /// The spool is complete. It stays with the driver and goes with the next question that
    /// needs a body.
    Spooled(Spooled),
    /// The answer to the last question.
    Answer(Answer),
    /// The handshake is done; everything read before it has been thrown away.
    TlsUp {
        /// Whether a login can be bound to this connection (RFC 9266).
        binding: bool,
    },
    /// The peer was silent too long.
    Timeout,
    /// Something changed in the world (only while `watch` was set).
    News,
    /// The world wants this session gone: frozen account, shutdown. The session says why and closes.
    Cut(Refusal),
}

/// How the spooling of a body went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spooled {
    /// Octets as they are kept: dot-stuffing removed, line ends mended.
    pub size: u64,
    /// More than the limit came; the body is not complete and must not be used.
    pub too_big: bool,
    /// A bare CR or a NUL stood in dotted data or in lines, or a bare LF that is not mended; the body must
    /// be refused (RFC 5321 2.3.8, RFC 2045 2.8).
    pub malformed: bool,
    /// A chunk's last octet is a CR, of which nobody can say yet whether it is bare.
    pub ends_with_cr: bool,
    /// The spool could not be written (disk full): refuse for now.
    pub failed: bool,
}

/// What the driver has to do, in order.
#[derive(Debug)]
pub enum Output {
    /// Send these octets.
    Send(Vec<u8>),
    /// Send this span of a stored body, streamed from the store.
    SendBody {
        /// Which body.
        blob: BlobId,
        /// Which octets of it.
        span: Span,
        /// Whether to dot-stuff it and end it with `CRLF.CRLF` (POP3). A body that does not end
        /// in CRLF gets one.
        dotted: bool,
    },
    /// What the client calls itself: in EHLO, in IMAP's ID. A stranger's words, cut.
    Client(String),
    /// Ask the world. The session expects [`Expect::Answer`] until it comes.
    Ask(Question),
    /// Flush, throw away what was read, do the TLS handshake.
    StartTls,
    /// Forget the spool.
    DropSpool,
    /// Flush and close.
    Close,
}

/// TLS on a connection, as a session's configuration says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// There is no certificate.
    Off,
    /// The protocol's own command for it is offered.
    Offered,
    /// The connection is encrypted.
    Active,
}

/// A protocol as a state machine.
pub trait Session {
    /// What the session can take now.
    fn expects(&self) -> Expect;

    /// Takes one input and appends what has to be done. Never panics, whatever the peer sent.
    fn handle(&mut self, input: Input<'_>, out: &mut Vec<Output>);
}

/// What a client calls itself, in one line of at most [`crate::limits::CLIENT_NAME`] octets.
pub(crate) fn client_name(text: &str) -> String {
    let mut name = String::new();
    for c in text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }) {
        if name.len() + c.len_utf8() > crate::limits::CLIENT_NAME {
            break;
        }
        name.push(c);
    }
    name
}
