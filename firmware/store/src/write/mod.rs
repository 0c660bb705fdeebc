//! The named operations, each in the transaction of its group.

mod accounts;
mod bayes;
mod blobs;
mod deliver;
mod greylist;
mod guard;
mod ledger;
mod links;
mod mailboxes;
mod messages;
mod names;
mod orders;
mod printers;
mod queue;
mod recent;
mod senders;
mod settings;

pub(crate) use bayes::{LEARNT as MOST_LEARNT, TOKENS as MOST_TOKENS};
pub(crate) use blobs::{chunks, footprint};
pub(crate) use deliver::Prepared;
pub(crate) use greylist::{GREYLIST as MOST_GREY, holds as grey_holds};
pub(crate) use ledger::EVENTS;
pub(crate) use names::leads_to;
pub(crate) use orders::HELD_DOMAINS as MOST_HELD_DOMAINS;
pub(crate) use recent::Recent;
pub(crate) use senders::SENDERS as MOST_SENDERS;

use crate::rows::{MailboxRow, Row};
use crate::schema::Tables;
use crate::{Change, StoreError};
use proto::types::MailboxId;
use redb::{ReadableTable, WriteTransaction};

/// A transaction being written. Tables are reached through [`Write::read`] and [`Write::edit`],
/// so that it is known whether an operation changed anything.
pub(crate) struct Write<'t> {
    tables: Tables<'t>,
    recent: &'t mut Recent,
    /// This operation changed something.
    changed: bool,
    /// An earlier one of the group did.
    changed_before: bool,
    news: Vec<Change>,
}

/// Numbers that are given out once.
#[derive(Clone, Copy)]
pub(crate) enum Counter {
    Account,
    Mailbox,
    Blob,
    Queue,
    Event,
    UidValidity,
    Link,
}

impl Counter {
    /// Under which the last one stands among the `META`.
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Account => "last_account",
            Self::Mailbox => "last_mailbox",
            Self::Blob => "last_blob",
            Self::Queue => "last_queue",
            Self::Event => "last_event",
            Self::UidValidity => "last_uid_validity",
            Self::Link => "last_link",
        }
    }
}

impl<'t> Write<'t> {
    /// Opens the tables.
    pub(crate) fn new(transaction: &'t WriteTransaction, recent: &'t mut Recent) -> Result<Self, StoreError> {
        let tables = Tables::open(transaction)?;
        Ok(Self {
            tables,
            recent,
            changed: false,
            changed_before: false,
            news: Vec::new(),
        })
    }

    /// The next operation starts.
    pub(crate) const fn begin(&mut self) {
        self.changed_before |= self.changed;
        self.changed = false;
    }

    /// Whether the running operation changed anything.
    pub(crate) const fn is_changed(&self) -> bool {
        self.changed
    }

    /// Closes the tables: whether there is anything to commit, and the news of it.
    pub(crate) fn end(self) -> (bool, Vec<Change>) {
        (self.changed || self.changed_before, self.news)
    }

    const fn read(&self) -> &Tables<'t> {
        &self.tables
    }

    const fn edit(&mut self) -> &mut Tables<'t> {
        self.changed = true;
        &mut self.tables
    }

    /// Adds to the news of the commit; of one mailbox only the last state is told.
    fn tell(&mut self, change: Change) {
        let same = |old: &Change| match (old, &change) {
            (Change::Mailbox { mailbox: a, .. }, Change::Mailbox { mailbox: b, .. }) => a == b,
            (old, new) => old == new,
        };
        match self.news.iter_mut().find(|old| same(old)) {
            Some(old) => *old = change,
            None => self.news.push(change),
        }
    }

    fn next(&mut self, counter: Counter) -> Result<u64, StoreError> {
        let last = self.read().meta.get(counter.key())?.map_or(0, |n| n.value());
        let next = last
            .checked_add(1)
            .ok_or_else(|| StoreError::Internal("a counter ran out".to_owned()))?;
        self.edit().meta.insert(counter.key(), next)?;
        Ok(next)
    }

    /// The mailbox's row, or `NotFound`.
    fn mailbox(&self, id: MailboxId) -> Result<MailboxRow, StoreError> {
        crate::rows::get(&self.read().mailboxes, id.0)?.ok_or(StoreError::NotFound)
    }

    /// Puts the row back and tells the news of it.
    fn put_mailbox(&mut self, id: MailboxId, row: &MailboxRow) -> Result<(), StoreError> {
        self.edit().mailboxes.insert(id.0, row.encode()?.as_slice())?;
        self.tell(Change::Mailbox {
            account: row.account,
            mailbox: id,
            modseq: row.modseq,
        });
        Ok(())
    }
}
