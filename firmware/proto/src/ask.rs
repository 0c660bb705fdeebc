//! What a session may ask the world, and what the world answers: one answer to each question.
//!
//! Reads between two waits for the client see one snapshot of the store, so a FETCH never mixes
//! two states; the world drops the snapshot whenever the driver waits for the client, and after
//! every change that the session itself asked for, so that it reads what it wrote.

use crate::refusal::Refusal;
use crate::sasl::scram::{Proof, Salt, Signature};
use crate::types::{
    AccountId, Address, BlobId, Flags, MailboxId, Mechanism, ModSeq, RecipientWishes, ReversePath, Secret,
    Span, Structure, SystemFlag, Timestamp, Uid, UidValidity, Wishes,
};
use std::collections::BTreeMap;

/// A question to the world. Closed: a new one is a new thing that a stranger's bytes can cause.
#[derive(Debug)]
pub enum Question {
    /// Is this person who he says he is, and may he come in? -> `Authenticated` or `Refused`.
    Authenticate {
        /// How the password came.
        mechanism: Mechanism,
        /// The name as typed: an address, or a local part of the first domain.
        login: String,
        /// The password.
        password: Secret,
    },
    /// With which salt does this person prove his password (SCRAM)? -> `Salt`, whether or not there
    /// is such a person, or `Refused`.
    Salt {
        /// The name as typed.
        login: String,
    },
    /// Does this proof show that its client knows the password? -> `Proven` or `Refused`.
    Prove(Box<Proof>),
    /// May this session send as `from`, and is there room for so much? -> `Done`, `Submits` or
    /// `Refused`.
    Sender {
        /// MAIL FROM.
        from: ReversePath,
        /// Octets of the message, where the client says so (RFC 1870).
        size: Option<u64>,
    },
    /// May whoever calls from there, without a login where one is needed, send as `from`? A printer
    /// may -> `Submits` or `Refused`.
    Printer {
        /// MAIL FROM.
        from: ReversePath,
        /// As in `Sender`.
        size: Option<u64>,
    },
    /// Will we take mail for this recipient (and, after a login, pass it on)? -> `Done` or `Refused`.
    Recipient {
        /// RCPT TO.
        address: Address,
    },
    /// Take the spooled message: it is ours once this is answered with `Accepted`.
    Accept(Envelope),

    /// Every mailbox of the account -> `Mailboxes`.
    Mailboxes,
    /// One mailbox by name -> `Status` or `Refused`.
    Status {
        /// Mailbox name, decoded to UTF-8; INBOX in any case.
        name: String,
    },
    /// Open for reading -> `Opened` or `Refused`.
    Open {
        /// Mailbox name.
        name: String,
    },
    /// Make a mailbox, parents included -> `Done` or `Refused`.
    Create {
        /// Mailbox name.
        name: String,
    },
    /// Delete a mailbox and what is in it -> `Done` or `Refused`.
    Delete {
        /// Mailbox name.
        name: String,
    },
    /// Rename a mailbox and its children; INBOX moves its messages (RFC 9051 6.3.6)
    /// -> `Done` or `Refused`.
    Rename {
        /// Its name now.
        from: String,
        /// Its name then.
        to: String,
    },
    /// Subscribe or unsubscribe -> `Done` or `Refused`.
    Subscribe {
        /// Mailbox name.
        name: String,
        /// Whether to subscribe.
        on: bool,
    },
    /// Rows of these messages, in this order; those that are gone are left out -> `Rows`.
    /// Sessions ask for at most [`ROWS_AT_ONCE`] at a time.
    Rows {
        /// Where.
        mailbox: MailboxId,
        /// Which.
        uids: Vec<Uid>,
        /// What the row has to carry beside flags, size and date.
        want: Want,
    },
    /// A small span of a body, in memory; at most [`OCTETS_AT_ONCE`] are returned -> `Octets`.
    Octets {
        /// Which body.
        blob: BlobId,
        /// Which octets.
        span: Span,
    },
    /// Change flags -> `Stored`.
    StoreFlags {
        /// Where.
        mailbox: MailboxId,
        /// Which.
        uids: Vec<Uid>,
        /// How.
        change: FlagChange,
        /// The flags.
        flags: Flags,
        /// CONDSTORE's UNCHANGEDSINCE: leave messages changed after this alone.
        unchanged_since: Option<ModSeq>,
    },
    /// Find messages -> `Found`, ascending.
    Search {
        /// Where.
        mailbox: MailboxId,
        /// What for; sequence numbers are already turned into UIDs.
        criteria: Criteria,
    },
    /// Put the spooled message into a mailbox -> `Appended` or `Refused`.
    Append {
        /// Mailbox name.
        name: String,
        /// Its flags.
        flags: Flags,
        /// Its internal date; now, where absent.
        date: Option<Timestamp>,
    },
    /// Copy messages, or move them (RFC 6851) -> `Copied` or `Refused`.
    Copy {
        /// From where.
        mailbox: MailboxId,
        /// Which.
        uids: Vec<Uid>,
        /// To which mailbox, by name.
        to: String,
        /// Whether they leave the first mailbox.
        remove: bool,
    },
    /// Remove messages that have `\Deleted` -> `Done`.
    Expunge {
        /// Where.
        mailbox: MailboxId,
        /// Only these (UID EXPUNGE), or all.
        uids: Option<Vec<Uid>>,
    },
    /// What changed in a mailbox after `since` -> `Changes`.
    Sync {
        /// Where.
        mailbox: MailboxId,
        /// The last state the session told its client.
        since: ModSeq,
    },

    /// Lock the inbox as a POP3 maildrop -> `Maildrop` or `Refused`. Unlocked when the session ends.
    OpenMaildrop,
    /// Remove these and unlock (POP3 UPDATE state) -> `Done` or `Refused`.
    CloseMaildrop {
        /// What the client deleted.
        deleted: Vec<Uid>,
    },
}

/// Most rows asked for at once, so that memory stays flat however large the mailbox.
pub const ROWS_AT_ONCE: usize = 256;

/// Most octets returned for one [`Question::Octets`].
pub const OCTETS_AT_ONCE: u64 = 256 * 1024;

/// What the world says.
#[derive(Debug)]
#[allow(missing_docs)] // each belongs to the question of the same name, whose doc says it
pub enum Answer {
    Done,
    /// To [`Question::Sender`] and [`Question::Printer`] instead of `Done`: one of our own, logged in or a
    /// printer, so that the message is a submission.
    Submits,
    Refused(Refusal),
    Authenticated(Identity),
    Salt(Salt),
    /// `signature`: our own proof.
    Proven {
        identity: Identity,
        signature: Signature,
    },
    /// The message is committed. `id` names it in the reply, the log and the Received header.
    Accepted {
        id: String,
    },
    Mailboxes(Vec<Mailbox>),
    Status(Mailbox),
    Opened(Opened),
    Rows(Vec<Row>),
    Octets(Vec<u8>),
    /// `conflicted`: those that UNCHANGEDSINCE kept from being changed.
    Stored {
        conflicted: Vec<Uid>,
    },
    Found(Vec<Uid>),
    Appended {
        validity: UidValidity,
        uid: Uid,
    },
    /// `pairs`: source and target UID, ascending.
    Copied {
        validity: UidValidity,
        pairs: Vec<(Uid, Uid)>,
    },
    Changes(Changes),
    Maildrop(Vec<DropMessage>),
}

/// Who came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The account.
    pub account: AccountId,
    /// Its main address.
    pub address: Address,
}

/// An SMTP transaction, ready to be taken over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Envelope {
    /// What the client called itself in EHLO or HELO, as sent.
    pub helo: String,
    /// Whether it said EHLO.
    pub esmtp: bool,
    /// MAIL FROM.
    pub from: ReversePath,
    /// RCPT TO, at least one, each accepted before.
    pub to: Vec<Address>,
    /// What was asked for with MAIL.
    pub wishes: Wishes,
    /// What was asked for with RCPT, where anything was.
    pub asked: BTreeMap<Address, RecipientWishes>,
}

impl Envelope {
    /// What was asked for this recipient.
    #[must_use]
    pub fn asked_for(&self, recipient: &Address) -> RecipientWishes {
        self.asked.get(recipient).cloned().unwrap_or_default()
    }
}

/// What rows have to carry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Want {
    /// The structure (ENVELOPE, BODYSTRUCTURE, sections).
    pub structure: bool,
    /// The message header's octets.
    pub header: bool,
}

/// One message as FETCH sees it.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Row {
    pub uid: Uid,
    pub blob: BlobId,
    pub modseq: ModSeq,
    pub flags: Flags,
    /// RFC822.SIZE in octets.
    pub size: u64,
    /// INTERNALDATE.
    pub date: Timestamp,
    pub structure: Option<Box<Structure>>,
    pub header: Option<Vec<u8>>,
}

/// A mailbox as LIST and STATUS see it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Mailbox {
    pub id: MailboxId,
    /// UTF-8, hierarchy separator `/`, the inbox is `INBOX`.
    pub name: String,
    pub subscribed: bool,
    pub special_use: Option<SpecialUse>,
    pub messages: u32,
    pub unseen: u32,
    pub deleted: u32,
    /// Octets of all messages.
    pub size: u64,
    pub uid_next: Uid,
    pub uid_validity: UidValidity,
    pub highest_modseq: ModSeq,
}

/// RFC 6154 attributes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[allow(missing_docs)]
pub enum SpecialUse {
    Drafts,
    Sent,
    Junk,
    Trash,
    Archive,
}

/// A mailbox, opened.
#[derive(Debug, Clone)]
#[allow(missing_docs)]
pub struct Opened {
    pub mailbox: Mailbox,
    /// Every UID, ascending: the session's sequence numbers.
    pub uids: Vec<Uid>,
    pub first_unseen: Option<Uid>,
    /// Keywords in use.
    pub keywords: Vec<String>,
}

/// What happened in a mailbox since a state.
#[derive(Debug, Clone, Default)]
pub struct Changes {
    /// The state these lead to; `None`: nothing changed.
    pub highest: Option<ModSeq>,
    /// Expunged, ascending.
    pub vanished: Vec<Uid>,
    /// New or changed messages, by ascending UID.
    pub touched: Vec<(Uid, ModSeq, Flags)>,
    /// The mailbox itself was deleted.
    pub gone: bool,
}

/// How STORE combines flags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum FlagChange {
    Replace,
    Add,
    Remove,
}

/// One message of a POP3 maildrop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct DropMessage {
    pub uid: Uid,
    pub blob: BlobId,
    /// Octets as stored (always with CRLF line ends).
    pub size: u64,
    /// End of the header, the empty line included (for TOP).
    pub header_end: u64,
}

/// SEARCH keys (RFC 9051 6.4.4). Days are counted from 1970-01-01.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Criteria {
    All,
    And(Vec<Criteria>),
    Or(Box<Criteria>, Box<Criteria>),
    Not(Box<Criteria>),
    /// Inclusive UID ranges, ascending and apart.
    Uids(Vec<(Uid, Uid)>),
    Flag(SystemFlag),
    Keyword(String),
    Larger(u64),
    Smaller(u64),
    /// INTERNALDATE's day, in UTC.
    Before(i64),
    On(i64),
    Since(i64),
    /// The Date field's day.
    SentBefore(i64),
    SentOn(i64),
    SentSince(i64),
    /// The field contains the text, decoded, whatever its case; an empty text: the field exists.
    Header {
        name: String,
        text: String,
    },
    Body(String),
    Text(String),
    /// MODSEQ: the last change is this one or a later one (RFC 7162 3.1.5).
    ChangedSince(ModSeq),
}
