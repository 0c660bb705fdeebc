//! The door: opening a data folder and its named operations.

use crate::database::{self, Shared};
use crate::names::MailboxName;
use crate::write::{Prepared, Write};
use crate::writer::{Job, Operation, WAITING, Writer};
use crate::{
    AccountState, Acquaintance, Alias, Change, CheckReport, Delivered, Delivery, Event, FileHash, Freeze,
    FreezeOutcome, GreyAnswer, Lesson, Link, LinkChange, LinkId, LocalDomain, NewAccount, NewLink,
    NewPrinter, OpenError, QueueChange, QueueChanged, SenderEntry, Settlement, Snapshot, StoreError,
    Submission, Terms,
};
use proto::ask::{FlagChange, SpecialUse};
use proto::types::{
    AccountId, Address, Domain, Flags, MailboxId, ModSeq, QueueId, Timestamp, Uid, UidValidity,
};
use redb::ReadableDatabase;
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;
use tokio::sync::{broadcast, mpsc};

/// How to open.
#[derive(Debug, Clone)]
pub struct Options {
    /// Memory for cached pages, in octets.
    pub cache_bytes: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cache_bytes: 8 * 1024 * 1024,
        }
    }
}

/// An open data folder. Clones share it; the file is closed when the last one is dropped.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    database: Arc<Shared>,
    /// Taken when the last `Store` goes: the writer then finishes and ends.
    jobs: Option<mpsc::Sender<Box<dyn Job>>>,
    writer: Option<JoinHandle<()>>,
    changes: broadcast::Sender<Change>,
}

impl Drop for Inner {
    /// Waits for the writer, so that the file is closed when the last `Store` is gone (a snapshot
    /// still alive fails from then on).
    fn drop(&mut self) {
        drop(self.jobs.take());
        if let Some(writer) = self.writer.take()
            && writer.join().is_err()
        {
            tracing::error!("the store's writer died");
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Store(..)")
    }
}

/// Changes that a slow subscriber may be behind before it lags.
const NEWS: usize = 1024;

impl Store {
    /// Opens the folder's `pillarbox.redb` (mode 0600), made with the folder (0700) where missing.
    ///
    /// # Errors
    /// See [`OpenError`]; the folder is then untouched.
    pub fn open(dir: &Path, options: &Options) -> Result<Self, OpenError> {
        Self::start(Shared::open(dir, options)?)
    }

    /// Opens a store in another place than a folder, for tests that break the place on purpose.
    ///
    /// # Errors
    /// See [`OpenError`].
    #[doc(hidden)]
    pub fn open_with_backend(
        backend: impl redb::StorageBackend,
        options: &Options,
    ) -> Result<Self, OpenError> {
        Self::start(Shared::open_backend(backend, options)?)
    }

    /// Checks a folder that nobody has open: what [`Store::check`] does, and every checksum in
    /// the file. Changes nothing.
    ///
    /// # Errors
    /// See [`OpenError`]; faults that leave the file readable are in the report.
    pub fn check_folder(dir: &Path, options: &Options) -> Result<CheckReport, OpenError> {
        let (database, sound) = database::verify(dir, options)?;
        let checked = database.begin_read().map_err(StoreError::from);
        let checked = checked.and_then(|transaction| crate::check::check(&Snapshot { transaction }));
        let mut report = checked.unwrap_or_else(|error| {
            let mut report = CheckReport::default();
            report.fault(|| error.to_string());
            report
        });
        if !sound {
            report.fault(|| "the file's checksums or page allocation are wrong".to_owned());
        }
        Ok(report)
    }

    fn start(database: Shared) -> Result<Self, OpenError> {
        let database = Arc::new(database);
        let (changes, _) = broadcast::channel(NEWS);
        let (jobs, waiting) = mpsc::channel(WAITING);
        let writer = Writer::new(database.clone(), waiting, changes.clone());
        let writer = std::thread::Builder::new()
            .name("store".to_owned())
            .spawn(|| writer.run());
        let writer = writer.map_err(|source| OpenError::Io {
            path: "the writer thread".into(),
            source,
        })?;
        Ok(Self(Arc::new(Inner {
            database,
            jobs: Some(jobs),
            writer: Some(writer),
            changes,
        })))
    }

    /// Has the writer do `work`, in a commit that it may share with others.
    async fn ask<T: Send + 'static>(
        &self,
        octets: u64,
        work: impl FnMut(&mut Write<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let ended = || StoreError::Internal("the store's writer has ended".to_owned());
        let (operation, answer) = Operation::new(octets, work);
        let jobs = self.0.jobs.as_ref().ok_or_else(ended)?;
        jobs.send(Box::new(operation)).await.map_err(|_| ended())?;
        answer.await.map_err(|_| ended())?
    }

    /// The state of this moment. Cheap; blocks nobody. Do not keep it while waiting for a peer:
    /// pages that it sees cannot be reused.
    ///
    /// # Errors
    /// The file failed.
    pub fn snapshot(&self) -> Result<Snapshot, StoreError> {
        Ok(Snapshot {
            transaction: self.0.database.read()?,
        })
    }

    /// News of commits from now on.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Change> {
        self.0.changes.subscribe()
    }

    /// Proves the invariants over one snapshot. Reads every row, so run it off the async threads.
    ///
    /// # Errors
    /// The file failed; faults are in the report.
    pub fn check(&self) -> Result<CheckReport, StoreError> {
        crate::check::check(&self.snapshot()?)
    }

    /// Takes messages over, all in one commit. An empty copy and recipient list stores nothing.
    ///
    /// # Errors
    /// `NotFound`: an account or mailbox; `NoSpace`.
    pub async fn deliver(&self, deliveries: Vec<Delivery>) -> Result<Vec<Delivered>, StoreError> {
        let deliveries = deliveries
            .into_iter()
            .map(Prepared::new)
            .collect::<Result<Vec<_>, _>>()?;
        let octets = deliveries.iter().map(Prepared::octets).sum();
        self.ask(octets, move |write| write.deliver(&deliveries)).await
    }

    /// Takes messages over whose large parts became links, with these, in one commit. Files of links
    /// have to be on the card before.
    ///
    /// # Errors
    /// As [`Store::deliver`]; `CannotChange`: too many links.
    pub async fn deliver_linked(
        &self,
        deliveries: Vec<Delivery>,
        links: Vec<NewLink>,
        events: Vec<Event>,
    ) -> Result<Vec<Delivered>, StoreError> {
        let deliveries = deliveries
            .into_iter()
            .map(Prepared::new)
            .collect::<Result<Vec<_>, _>>()?;
        let octets = deliveries.iter().map(Prepared::octets).sum();
        self.ask(octets, move |write| {
            write.deliver_linked(&deliveries, &links, &events)
        })
        .await
    }

    /// Takes notices over and remembers under `key` that they went out, with events, in one commit.
    ///
    /// # Errors
    /// As [`Store::deliver`]; `CannotChange`: the value is too long.
    pub async fn notify(
        &self,
        notices: Vec<Delivery>,
        key: &str,
        value: serde_json::Value,
        events: Vec<Event>,
    ) -> Result<(), StoreError> {
        let notices = notices
            .into_iter()
            .map(Prepared::new)
            .collect::<Result<Vec<_>, _>>()?;
        let octets = notices.iter().map(Prepared::octets).sum();
        let key = key.to_owned();
        self.ask(octets, move |write| write.notify(&notices, &key, &value, &events))
            .await
    }

    /// Ends a try to send one message to some of its recipients. With `bounce`, that is delivered
    /// in the same commit, and the events are recorded in it. Rows that are gone (the admin discarded
    /// them) are left out.
    ///
    /// # Errors
    /// `NotFound`: none of the rows is there any more, or a place is not.
    pub async fn settle(
        &self,
        outcomes: Vec<(QueueId, Settlement)>,
        bounce: Option<Delivery>,
        events: Vec<Event>,
    ) -> Result<(), StoreError> {
        let bounce = bounce.map(Prepared::new).transpose()?;
        let octets = bounce.as_ref().map_or(0, Prepared::octets);
        self.ask(octets, move |write| {
            write.settle(&outcomes, bounce.as_ref(), &events)
        })
        .await
    }

    /// Removes queue rows unsent (the admin discards held mail); those that are gone are left out.
    /// Returns how many were there.
    ///
    /// # Errors
    /// The file failed.
    pub async fn discard_queued(&self, ids: Vec<QueueId>) -> Result<usize, StoreError> {
        self.ask(0, move |write| write.discard_queued(&ids)).await
    }

    /// Carries out an admin's order about rows of the queue, with its event, in one commit. Rows that
    /// are being sent are the caller's to keep out of it.
    ///
    /// # Errors
    /// As [`Store::deliver`]; `NotFound`: with notices, a row; `CannotChange`: mail is held for too many
    /// domains.
    pub async fn change_queue(&self, mut change: QueueChange) -> Result<QueueChanged, StoreError> {
        let notices = std::mem::take(&mut change.notices)
            .into_iter()
            .map(Prepared::new)
            .collect::<Result<Vec<_>, _>>()?;
        let octets = notices.iter().map(Prepared::octets).sum();
        self.ask(octets, move |write| write.change_queue(&change, &notices))
            .await
    }

    /// Changes flags; messages that are gone are left out. Returns those that `unchanged_since`
    /// protected.
    ///
    /// # Errors
    /// `NotFound`: the mailbox.
    pub async fn set_flags(
        &self,
        mailbox: MailboxId,
        uids: Vec<Uid>,
        change: FlagChange,
        flags: Flags,
        unchanged_since: Option<ModSeq>,
    ) -> Result<Vec<Uid>, StoreError> {
        self.ask(0, move |write| {
            write.set_flags(mailbox, &uids, change, &flags, unchanged_since)
        })
        .await
    }

    /// Removes messages: `uids` or all, of these only those with `\Deleted` if `only_deleted`.
    /// Returns the removed, ascending.
    ///
    /// # Errors
    /// `NotFound`: the mailbox.
    pub async fn expunge(
        &self,
        mailbox: MailboxId,
        uids: Option<Vec<Uid>>,
        only_deleted: bool,
    ) -> Result<Vec<Uid>, StoreError> {
        self.ask(0, move |write| {
            write.expunge(mailbox, uids.as_deref(), only_deleted)
        })
        .await
    }

    /// Copies messages with flags and dates; with `remove` they leave `from` (RFC 6851). Those
    /// that are gone are left out. Returns the target's UIDVALIDITY and (source, target) UIDs.
    ///
    /// # Errors
    /// `NotFound`: a mailbox.
    pub async fn copy_messages(
        &self,
        from: MailboxId,
        uids: Vec<Uid>,
        to: MailboxId,
        remove: bool,
    ) -> Result<(UidValidity, Vec<(Uid, Uid)>), StoreError> {
        self.ask(0, move |write| write.copy_messages(from, &uids, to, remove))
            .await
    }

    /// Makes a mailbox and its missing parents; they are subscribed from the start.
    ///
    /// # Errors
    /// `Exists`; `NotFound`: the account; `CannotChange`: a bad name or too many mailboxes.
    pub async fn create_mailbox(
        &self,
        account: AccountId,
        name: &str,
        special: Option<SpecialUse>,
    ) -> Result<MailboxId, StoreError> {
        let name = MailboxName::parse(name)?;
        self.ask(0, move |write| write.create_mailbox(account, &name, special))
            .await
    }

    /// Deletes a mailbox and its messages.
    ///
    /// # Errors
    /// `NotFound`; `CannotChange`: INBOX; `HasChildren`.
    pub async fn delete_mailbox(&self, account: AccountId, name: &str) -> Result<(), StoreError> {
        let name = MailboxName::parse(name).map_err(|_| StoreError::NotFound)?;
        self.ask(0, move |write| write.delete_mailbox(account, &name))
            .await
    }

    /// Renames a mailbox and its children. Renaming INBOX moves its messages to a new mailbox
    /// (RFC 9051 6.3.6).
    ///
    /// # Errors
    /// `NotFound`; `Exists`; `CannotChange`.
    pub async fn rename_mailbox(&self, account: AccountId, from: &str, to: &str) -> Result<(), StoreError> {
        let from = MailboxName::parse(from).map_err(|_| StoreError::NotFound)?;
        let to = MailboxName::parse(to)?;
        self.ask(0, move |write| write.rename_mailbox(account, &from, &to))
            .await
    }

    /// Subscribes or unsubscribes.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn subscribe_mailbox(
        &self,
        account: AccountId,
        name: &str,
        on: bool,
    ) -> Result<(), StoreError> {
        let name = MailboxName::parse(name).map_err(|_| StoreError::NotFound)?;
        self.ask(0, move |write| write.subscribe_mailbox(account, &name, on))
            .await
    }

    /// Makes an account with INBOX, Drafts, Sent, Junk, Trash and Archive.
    ///
    /// # Errors
    /// `Exists`: the address, as an account's or an alias; `CannotChange`: its domain is not the
    /// office's.
    pub async fn create_account(&self, account: NewAccount) -> Result<AccountId, StoreError> {
        self.ask(0, move |write| write.create_account(&account)).await
    }

    /// Allows a printer or scanner: an account that nobody logs in to and that has no mailboxes.
    ///
    /// # Errors
    /// `Exists`: one with this address and sender.
    pub async fn create_printer(&self, printer: NewPrinter) -> Result<AccountId, StoreError> {
        self.ask(0, move |write| write.create_printer(&printer)).await
    }

    /// Sets what a printer may do.
    ///
    /// # Errors
    /// `NotFound`: no such printer.
    pub async fn set_printer(&self, id: AccountId, terms: Terms) -> Result<(), StoreError> {
        self.ask(0, move |write| write.set_printer(id, &terms)).await
    }

    /// Forgets a printer. Its mail that waits goes on as the box's own.
    ///
    /// # Errors
    /// `NotFound`: no such printer. `CannotChange`: its mail is held.
    pub async fn remove_printer(&self, id: AccountId) -> Result<(), StoreError> {
        self.ask(0, move |write| write.remove_printer(id)).await
    }

    /// Adds a domain to the office, or sets the rules of one that it has. `by`: who did it.
    ///
    /// # Errors
    /// `CannotChange`: too many domains, the account for the rest is not there, or the main domain
    /// is to follow itself.
    pub async fn put_domain(&self, domain: LocalDomain, at: Timestamp, by: String) -> Result<(), StoreError> {
        self.ask(0, move |write| write.put_domain(&domain, at, &by)).await
    }

    /// Takes a domain away from the office.
    ///
    /// # Errors
    /// `NotFound`; `CannotChange`: it is the main one, or has accounts or aliases.
    pub async fn remove_domain(&self, domain: Domain, at: Timestamp, by: String) -> Result<(), StoreError> {
        self.ask(0, move |write| write.remove_domain(&domain, at, &by))
            .await
    }

    /// Makes an alias, or changes the one with this address.
    ///
    /// # Errors
    /// `Exists`: an account has the address; `CannotChange`: its domain is not the office's, a target
    /// is neither account nor alias, it would lead back to itself, there are too many.
    pub async fn put_alias(&self, alias: Alias, at: Timestamp, by: String) -> Result<(), StoreError> {
        self.ask(0, move |write| write.put_alias(&alias, at, &by)).await
    }

    /// Removes an alias.
    ///
    /// # Errors
    /// `NotFound`; `CannotChange`: another alias leads to it.
    pub async fn remove_alias(&self, address: Address, at: Timestamp, by: String) -> Result<(), StoreError> {
        self.ask(0, move |write| write.remove_alias(&address, at, &by))
            .await
    }

    /// Sets the state; queued mail of the account is held or released with it.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn set_account_state(&self, id: AccountId, state: AccountState) -> Result<(), StoreError> {
        self.ask(0, move |write| write.set_account_state(id, &state))
            .await
    }

    /// Takes over what an account sends, with its events, its links and whom it met by it, in one
    /// commit. Mail of an account that is frozen by then is held. Files of links have to be on the
    /// card before.
    ///
    /// # Errors
    /// As [`Store::deliver`]; `CannotChange`: too many links.
    pub async fn submit(&self, mut submission: Submission) -> Result<Vec<Delivered>, StoreError> {
        let prepared = std::mem::take(&mut submission.deliveries)
            .into_iter()
            .map(Prepared::new)
            .collect::<Result<Vec<_>, _>>()?;
        let octets = prepared.iter().map(Prepared::octets).sum();
        self.ask(octets, move |write| write.submit(&prepared, &submission))
            .await
    }

    /// Changes a link, of this account if one is named, and records it.
    ///
    /// # Errors
    /// `NotFound`; `CannotChange`: its file is gone.
    pub async fn change_link(
        &self,
        id: LinkId,
        of: Option<AccountId>,
        change: LinkChange,
        event: Event,
    ) -> Result<Link, StoreError> {
        self.ask(0, move |write| write.change_link(id, of, &change, &event))
            .await
    }

    /// Counts a download of a link at the event's time, and records it.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn count_download(&self, id: LinkId, event: Event) -> Result<(), StoreError> {
        self.ask(0, move |write| write.count_download(id, &event)).await
    }

    /// Takes the files from links, which work no more. Returns the files that no other link needs:
    /// they may be removed from the card now, not before.
    ///
    /// # Errors
    /// The file failed.
    pub async fn let_files_go(
        &self,
        links: Vec<LinkId>,
        at: Timestamp,
        event: Event,
    ) -> Result<Vec<FileHash>, StoreError> {
        self.ask(0, move |write| write.let_files_go(&links, at, &event))
            .await
    }

    /// Forgets links whose files went before then. Returns how many.
    ///
    /// # Errors
    /// The file failed.
    pub async fn forget_links(&self, before: Timestamp) -> Result<usize, StoreError> {
        self.ask(0, move |write| write.forget_links(before)).await
    }

    /// Remembers whom or what an account met.
    ///
    /// # Errors
    /// The file failed.
    pub async fn meet(
        &self,
        account: AccountId,
        met: Vec<Acquaintance>,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        self.ask(0, move |write| write.meet(account, &met, at)).await
    }

    /// Forgets them again.
    ///
    /// # Errors
    /// The file failed.
    pub async fn forget(&self, account: AccountId, those: Vec<Acquaintance>) -> Result<(), StoreError> {
        self.ask(0, move |write| write.forget(account, &those)).await
    }

    /// Forgets what nobody has met since `at`.
    ///
    /// # Errors
    /// The file failed.
    pub async fn forget_before(&self, at: Timestamp) -> Result<(), StoreError> {
        self.ask(0, move |write| write.forget_before(at)).await
    }

    /// Freezes (or limits) an account, holds its queued mail and records both events, in one commit.
    /// The last admin that works is limited, never frozen.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn freeze(&self, freeze: Freeze) -> Result<FreezeOutcome, StoreError> {
        self.ask(0, move |write| write.freeze(&freeze)).await
    }

    /// Makes an account active again, whatever it was; mail that is held stays so. `false`: it was
    /// active.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn unfreeze(&self, id: AccountId, at: Timestamp, by: String) -> Result<bool, StoreError> {
        self.ask(0, move |write| write.unfreeze(id, at, &by)).await
    }

    /// An admin has seen that the account is frozen. `false`: it is not, or was seen before.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn freeze_seen(&self, id: AccountId, at: Timestamp, by: String) -> Result<bool, StoreError> {
        self.ask(0, move |write| write.freeze_seen(id, at, &by)).await
    }

    /// Lets the account's held mail go at once, frozen or not. Returns how many rows.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn release_held(&self, id: AccountId, at: Timestamp, by: String) -> Result<u64, StoreError> {
        self.ask(0, move |write| write.release_held(id, at, &by)).await
    }

    /// Drops the account's held mail, and ends the links in it. Returns how many rows.
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn discard_held(
        &self,
        id: AccountId,
        links: Vec<LinkId>,
        at: Timestamp,
        by: String,
    ) -> Result<u64, StoreError> {
        self.ask(0, move |write| write.discard_held(id, &links, at, &by))
            .await
    }

    /// Sets the password's hash (PHC string).
    ///
    /// # Errors
    /// `NotFound`.
    pub async fn set_password(&self, id: AccountId, hash: String) -> Result<(), StoreError> {
        self.ask(0, move |write| write.set_password(id, &hash)).await
    }

    /// Puts a setting: key up to 100, JSON up to 256 KiB.
    ///
    /// # Errors
    /// `CannotChange`: too long.
    pub async fn put_setting(&self, key: &str, value: serde_json::Value) -> Result<(), StoreError> {
        let key = key.to_owned();
        self.ask(0, move |write| write.put_setting(&key, &value)).await
    }

    /// Puts a setting where it is still as it was read: `before`, or not there. `false`: somebody else
    /// changed it in between, and nothing was done. Limits as for [`Store::put_setting`].
    ///
    /// # Errors
    /// `CannotChange`: too long.
    pub async fn replace_setting(
        &self,
        key: &str,
        before: Option<serde_json::Value>,
        after: serde_json::Value,
    ) -> Result<bool, StoreError> {
        let key = key.to_owned();
        self.ask(0, move |write| {
            write.replace_setting(&key, before.as_ref(), &after)
        })
        .await
    }

    /// Removes a setting, if it is there.
    ///
    /// # Errors
    /// The file failed.
    pub async fn remove_setting(&self, key: &str) -> Result<(), StoreError> {
        let key = key.to_owned();
        self.ask(0, move |write| write.remove_setting(&key)).await
    }

    /// Records events. The ledger keeps the newest 100,000.
    ///
    /// # Errors
    /// The file failed.
    pub async fn record(&self, events: Vec<Event>) -> Result<(), StoreError> {
        self.ask(0, move |write| write.record(&events)).await
    }

    /// Learns messages as spam or as no spam, once each: one that was learnt as the other is
    /// unlearnt first. Returns how many it learnt.
    ///
    /// # Errors
    /// The file failed.
    pub async fn learn(&self, lessons: Vec<Lesson>) -> Result<u64, StoreError> {
        self.ask(0, move |write| write.learn(&lessons)).await
    }

    /// Forgets everything that was learnt.
    ///
    /// # Errors
    /// The file failed.
    pub async fn unlearn_everything(&self) -> Result<(), StoreError> {
        self.ask(0, |write| write.unlearn_everything()).await
    }

    /// Whether the one who stands behind `key` came before, at least `delay` seconds ago; that he
    /// came is remembered. He is told to come again at most [`crate::GreyAnswer::RETRY`] later, and
    /// once let in stays known for [`crate::GreyAnswer::KNOWN`] after his last visit.
    ///
    /// # Errors
    /// The file failed.
    pub async fn greylist(&self, key: String, at: Timestamp, delay: i64) -> Result<GreyAnswer, StoreError> {
        self.ask(0, move |write| write.greylist(&key, at, delay)).await
    }

    /// Remembers those who never have to come again.
    ///
    /// # Errors
    /// The file failed.
    pub async fn never_greylist(&self, keys: Vec<String>, at: Timestamp) -> Result<(), StoreError> {
        self.ask(0, move |write| write.never_greylist(&keys, at)).await
    }

    /// Puts a sender on a list, instead of what stood there about him.
    ///
    /// # Errors
    /// `CannotChange`: the lists are full, or a text is too long.
    pub async fn put_sender(&self, entry: SenderEntry) -> Result<(), StoreError> {
        self.ask(0, move |write| write.put_sender(&entry)).await
    }

    /// Takes a sender off. `false`: he was on none.
    ///
    /// # Errors
    /// The file failed.
    pub async fn remove_sender(&self, who: String) -> Result<bool, StoreError> {
        self.ask(0, move |write| write.remove_sender(&who)).await
    }

    /// Drops what expired on the greylist and on the lists of senders.
    ///
    /// # Errors
    /// The file failed.
    pub async fn tidy_senders(&self, at: Timestamp) -> Result<(), StoreError> {
        self.ask(0, move |write| {
            write.tidy_greylist(at)?;
            write.tidy_senders(at)
        })
        .await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BodyReader;

    #[test]
    fn handles_may_go_to_other_threads() {
        const fn send<T: Send>() {}
        const fn share<T: Send + Sync>() {}
        send::<Snapshot>();
        send::<BodyReader>();
        share::<Store>();
    }
}
