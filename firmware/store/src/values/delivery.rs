//! One message and everywhere it goes, committed together.

use super::{Acquaintance, Body, Event, NewLink};
use proto::ask::SpecialUse;
use proto::types::{
    AccountId, Address, BlobId, Flags, MailboxId, QueueId, RecipientWishes, ReversePath, Structure,
    Timestamp, Uid, UidValidity, Wishes,
};

/// A message with its copies for people here and its recipients elsewhere.
#[derive(Debug)]
pub struct Delivery {
    /// The raw message.
    pub body: Body,
    /// What the scanner found in it.
    pub structure: Structure,
    /// Into which mailboxes.
    pub copies: Vec<MailCopy>,
    /// To which recipients elsewhere, one queue row each.
    pub outgoing: Vec<Outgoing>,
    /// When it was taken; `created` of the queue rows.
    pub received_at: Timestamp,
}

/// What an account sends, committed together with what has to be remembered of it.
#[derive(Debug)]
pub struct Submission {
    /// Who sends.
    pub account: AccountId,
    /// When.
    pub at: Timestamp,
    /// The message; more than one where recipients get links of their own in it.
    pub deliveries: Vec<Delivery>,
    /// What the ledger says of it.
    pub events: Vec<Event>,
    /// Whom the account met by it.
    pub met: Vec<Acquaintance>,
    /// The links in it.
    pub links: Vec<NewLink>,
}

/// A copy in a mailbox.
#[derive(Debug, Clone)]
pub struct MailCopy {
    /// Where.
    pub into: Place,
    /// With which flags.
    pub flags: Flags,
    /// INTERNALDATE.
    pub date: Timestamp,
}

/// Where a copy goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// The account's inbox.
    Inbox(AccountId),
    /// The account's mailbox for that use, or its inbox where it has none.
    Special(AccountId, SpecialUse),
    /// This mailbox.
    Mailbox(MailboxId),
}

/// A recipient elsewhere.
#[derive(Debug, Clone)]
pub struct Outgoing {
    /// Who sends it; its mail is held while the account is frozen. `None`: the box itself.
    pub owner: Option<AccountId>,
    /// MAIL FROM.
    pub from: ReversePath,
    /// RCPT TO.
    pub to: Address,
    /// When to try first.
    pub next_attempt: Timestamp,
    /// What the sender asked for the message.
    pub wishes: Wishes,
    /// What the sender asked for this recipient.
    pub asked: RecipientWishes,
}

/// What became of a delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// Where the body is; `None` when it had nowhere to go.
    pub blob: Option<BlobId>,
    /// Each copy, in the order of `copies`.
    pub placed: Vec<(MailboxId, UidValidity, Uid)>,
    /// Each queue row, in the order of `outgoing`.
    pub queued: Vec<QueueId>,
}
