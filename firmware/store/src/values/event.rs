//! What happened, for the pages, the log, the panel and the admin's mail alike.

use super::guard::{SourceClass, Trip};
use super::queue::QueueOrder;
use super::verdict::Verdict;
use proto::types::{AccountId, Address, Domain, Mechanism, Protocol, QueueId, ReversePath, Timestamp};
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When.
    pub at: Timestamp,
    /// What.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// What an admin did with a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[allow(missing_docs)] // the names say it
pub enum NameChange {
    Added,
    Changed,
    Removed,
}

/// What became of a domain's signing keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyStep {
    /// They were made, and wait for their DNS records.
    Made,
    /// It is their turn, but their DNS records are not seen.
    Waits,
    /// They sign.
    Begun,
}

/// What happened. Stored as JSON: add kinds and (defaulted) fields, never change the meaning of one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[allow(missing_docs)] // the names say it
pub enum EventKind {
    /// Equal ones are folded: `count` of them, the first at the event's time.
    LoginFailed {
        protocol: Protocol,
        ip: IpAddr,
        /// As typed, cut by the recorder.
        login: String,
        /// The account named, where there is one.
        account: Option<AccountId>,
        mechanism: Mechanism,
        tls: bool,
        reason: String,
        /// What the program called itself, if it said.
        #[serde(default)]
        client: String,
        count: u32,
        /// When the last of them happened, if there is more than one.
        #[serde(default)]
        last: Option<Timestamp>,
    },
    LoginOk {
        protocol: Protocol,
        ip: IpAddr,
        account: AccountId,
        mechanism: Mechanism,
        tls: bool,
    },
    /// The login called admin, at the pages.
    AdminCameIn {
        ip: IpAddr,
        /// What proved it.
        mechanism: Mechanism,
    },
    /// From elsewhere, on port 25.
    Received {
        id: String,
        ip: IpAddr,
        from: ReversePath,
        to: Vec<Address>,
        size: u64,
    },
    /// From elsewhere, on port 25: what was made of it, whether it was taken or not.
    Judged {
        id: String,
        ip: IpAddr,
        helo: String,
        from: ReversePath,
        to: Vec<Address>,
        /// The one address in From.
        author: Option<Address>,
        verdict: Box<Verdict>,
    },
    /// Submitted by one of ours.
    Sent {
        id: String,
        ip: IpAddr,
        account: AccountId,
        from: ReversePath,
        to: Vec<Address>,
        size: u64,
        /// Where from, as the guard judged it then.
        #[serde(default)]
        source: Option<SourceClass>,
        /// The address in From.
        #[serde(default)]
        author: Option<Address>,
        /// Recipients elsewhere that the account had never written to.
        #[serde(default)]
        first_time: u32,
    },
    /// Attachments of a message stayed here; its recipients elsewhere got links.
    AttachmentsLinked {
        id: String,
        account: AccountId,
        to: Vec<Address>,
        files: u32,
        /// Octets of the files.
        size: u64,
    },
    /// Somebody fetched an attachment.
    LinkDownloaded {
        link: u64,
        account: AccountId,
        recipient: Address,
        ip: IpAddr,
    },
    /// A link was extended, withdrawn, or got another password.
    LinkChanged {
        link: u64,
        account: AccountId,
        what: String,
        by: String,
    },
    /// The file of a link turned out to be damaged.
    LinkDamaged {
        link: u64,
        account: AccountId,
        name: String,
        why: String,
    },
    /// Whether the world reaches the links turned out otherwise than before.
    LinksChecked {
        address: String,
        /// `yes`, `no` or `unknown`.
        reach: String,
        words: String,
    },
    /// Attachments were removed from the card.
    AttachmentsRemoved {
        links: u64,
        why: String,
    },
    /// Where attachments are kept was changed, or its disk went or came back.
    AttachmentFolder {
        folder: String,
        /// Such as `is missing`.
        what: String,
    },
    /// The other side took it.
    Relayed {
        queue: QueueId,
        /// Who sent it; `None`: the box itself.
        #[serde(default)]
        account: Option<AccountId>,
        to: Address,
        host: String,
        words: String,
        /// What protected the connection; `None`: it needed none, or is from before this was kept.
        #[serde(default)]
        protection: Option<String>,
    },
    /// Not now; we try again at `next`.
    Deferred {
        queue: QueueId,
        to: Address,
        words: String,
        next: Timestamp,
    },
    /// We gave up, and told the sender where there is one.
    Bounced {
        queue: QueueId,
        /// Who sent it; `None`: the box itself.
        #[serde(default)]
        account: Option<AccountId>,
        /// The other side will never take it; `false`: we lost patience.
        #[serde(default)]
        hard: bool,
        from: ReversePath,
        to: Address,
        words: String,
    },
    /// The guard noticed that an account is being misused, and stopped it.
    Tripped(Box<Trip>),
    Frozen {
        account: AccountId,
        reason: String,
        /// [`Trip::id`] of what tripped; `None`: an admin froze it.
        #[serde(default)]
        trip: Option<String>,
        /// Queue rows of the account that are held.
        #[serde(default)]
        held: u64,
    },
    Unfrozen {
        account: AccountId,
        by: String,
    },
    /// The second factor of a login at the pages was switched, or a recovery code was used.
    SecondFactor {
        /// `None`: of the login called admin.
        account: Option<AccountId>,
        what: String,
        by: String,
    },
    /// An admin has seen that the account is frozen.
    FreezeSeen {
        account: AccountId,
        by: String,
    },
    /// Held mail goes on its way.
    HeldReleased {
        account: AccountId,
        by: String,
        count: u64,
    },
    /// Held mail was dropped.
    HeldDiscarded {
        account: AccountId,
        by: String,
        count: u64,
    },
    /// An admin held, released, retried or deleted mail that waits to leave.
    QueueChanged {
        order: QueueOrder,
        /// Which rows, in words.
        which: String,
        /// Whose they are, if all are of one account.
        #[serde(default)]
        account: Option<AccountId>,
        /// The first of their recipients.
        to: Vec<Address>,
        rows: u64,
        /// Notices to their senders.
        told: u64,
        by: String,
    },
    /// Which way mail leaves was changed.
    WayChanged {
        /// Which mail, in words.
        mail: String,
        /// The server that passes it on, with its port, and the login there; `None`: none any more.
        through: Option<String>,
        by: String,
    },
    /// The admins were told that an account was stopped.
    Notified {
        account: AccountId,
        /// [`Trip::id`].
        trip: String,
        to: Vec<Address>,
    },
    /// Somebody answered a notice.
    Reply {
        /// Who was stopped, where the token is one of ours.
        account: Option<AccountId>,
        /// The proven sender.
        by: Option<Address>,
        ip: IpAddr,
        /// What was done; `None`: nothing.
        verb: Option<String>,
        /// What was done, or why nothing was.
        words: String,
    },
    /// A message or command that was turned away.
    Refused {
        protocol: Protocol,
        ip: IpAddr,
        from: ReversePath,
        to: Option<Address>,
        words: String,
    },
    /// Somebody in the office's network wanted mail passed on without a login. Equal ones are
    /// folded as those of `LoginFailed` are, and so are all of an address that names ever new senders.
    RelayDenied {
        protocol: Protocol,
        ip: IpAddr,
        /// MAIL FROM; one of many, if there are others.
        from: ReversePath,
        /// The address named so many senders that these are no longer told apart.
        #[serde(default)]
        others: bool,
        /// The first recipient, where one was named.
        to: Option<Address>,
        count: u32,
        #[serde(default)]
        last: Option<Timestamp>,
    },
    /// What a printer or scanner may do was changed.
    PrinterChanged {
        account: AccountId,
        ip: IpAddr,
        from: Address,
        by: String,
        /// `allowed`, `changed`, `paused`, `resumed` or `removed`.
        what: String,
    },
    /// A person's account wanted to write as somebody else; once for each address in an hour.
    SenderRefused {
        account: AccountId,
        ip: IpAddr,
        author: Address,
    },
    /// A device password was made or revoked, or what the main one opens was changed.
    DevicePassword {
        account: AccountId,
        /// What its owner calls the device; empty: the main password is meant.
        name: String,
        /// `made`, `revoked`, `web_only`, `everywhere` or `as_the_office`.
        what: String,
    },
    /// An admin wanted to freeze the last admin that works: he may not send for a while instead.
    LastAdminLimited {
        account: AccountId,
        reason: String,
        until: Timestamp,
    },
    /// An address, a network or an account was shut out.
    Blocked {
        who: String,
        why: String,
        until: Timestamp,
    },
    /// Somebody let it in again before the time.
    Released {
        who: String,
        by: String,
    },
    Started {
        version: String,
    },
    SettingChanged {
        key: String,
    },
    /// What was to be set makes no sense; nothing was changed.
    SettingRefused {
        key: String,
        why: String,
    },
    /// Signing keys of a domain take turns.
    SigningKeys {
        domain: Domain,
        /// The names of the keys' records.
        selectors: String,
        step: KeyStep,
        by: String,
    },
    /// An admin changed a domain or an alias.
    NameChanged {
        /// The domain or the address.
        name: String,
        done: NameChange,
        by: String,
    },
    /// Somebody told the box the time.
    ClockSet {
        /// What the clock said before.
        before: Timestamp,
        by: String,
    },
    /// Written by a later version.
    #[serde(other)]
    Unknown,
}
