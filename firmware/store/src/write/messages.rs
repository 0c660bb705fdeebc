//! Messages in mailboxes: adding, flags, removing, copying.

use super::Write;
use crate::StoreError;
use crate::rows::{MailboxRow, MessageRow, Row};
use proto::ask::FlagChange;
use proto::types::{Flags, MailboxId, ModSeq, SystemFlag, Uid, UidValidity};
use redb::ReadableTable;
use std::collections::BTreeSet;

impl Write<'_> {
    /// Adds a message (its modseq is set here) and counts it; the caller puts the mailbox back.
    pub(super) fn append(
        &mut self,
        mailbox: MailboxId,
        row: &mut MailboxRow,
        modseq: ModSeq,
        mut message: MessageRow,
    ) -> Result<Uid, StoreError> {
        let uid = row.uid_next;
        let next = uid.0.checked_add(1);
        row.uid_next = Uid(next.ok_or(StoreError::CannotChange("the mailbox has used up its numbers"))?);
        message.modseq = modseq;
        row.add(&message);
        let tables = self.edit();
        tables
            .messages
            .insert((mailbox.0, uid.0), message.encode()?.as_slice())?;
        tables.changes.insert((mailbox.0, modseq.0, uid.0), false)?;
        Ok(uid)
    }

    /// See [`crate::Store::set_flags`].
    pub(crate) fn set_flags(
        &mut self,
        mailbox: MailboxId,
        uids: &[Uid],
        change: FlagChange,
        flags: &Flags,
        unchanged_since: Option<ModSeq>,
    ) -> Result<Vec<Uid>, StoreError> {
        let mut row = self.mailbox(mailbox)?;
        let mut conflicted = Vec::new();
        let mut changed = Vec::new();
        for uid in ascending(uids) {
            let Some(message) = self.message(mailbox, uid)? else {
                continue;
            };
            if unchanged_since.is_some_and(|since| message.modseq > since) {
                conflicted.push(uid);
                continue;
            }
            let mut wanted = message.flags.clone();
            match change {
                FlagChange::Replace => wanted = flags.clone(),
                FlagChange::Add => wanted.add(flags),
                FlagChange::Remove => wanted.remove(flags),
            }
            if wanted != message.flags {
                changed.push((uid, message, wanted));
            }
        }
        if changed.is_empty() {
            return Ok(conflicted);
        }
        // RFC 7162 3.1: the messages of one change may share its mod-sequence.
        let modseq = row.next_modseq();
        for (uid, old, flags) in changed {
            let new = MessageRow {
                modseq,
                flags,
                ..old.clone()
            };
            row.take(&old);
            row.add(&new);
            let tables = self.edit();
            tables
                .messages
                .insert((mailbox.0, uid.0), new.encode()?.as_slice())?;
            tables.changes.remove((mailbox.0, old.modseq.0, uid.0))?;
            tables.changes.insert((mailbox.0, modseq.0, uid.0), false)?;
        }
        self.put_mailbox(mailbox, &row)?;
        Ok(conflicted)
    }

    /// See [`crate::Store::expunge`].
    pub(crate) fn expunge(
        &mut self,
        mailbox: MailboxId,
        uids: Option<&[Uid]>,
        only_deleted: bool,
    ) -> Result<Vec<Uid>, StoreError> {
        let mut row = self.mailbox(mailbox)?;
        if only_deleted && row.deleted == 0 {
            return Ok(Vec::new());
        }
        let chosen: Vec<Uid> = match uids {
            Some(uids) => ascending(uids).collect(),
            None => self.uids(mailbox)?,
        };
        let mut gone = Vec::new();
        for uid in chosen {
            if let Some(message) = self.message(mailbox, uid)?
                && (!only_deleted || message.flags.has(SystemFlag::Deleted))
            {
                gone.push((uid, message));
            }
        }
        if gone.is_empty() {
            return Ok(Vec::new());
        }
        let modseq = row.next_modseq();
        for (uid, message) in &gone {
            self.remove(mailbox, &mut row, modseq, *uid, message)?;
            self.drop_reference(message.blob)?;
        }
        self.put_mailbox(mailbox, &row)?;
        Ok(gone.into_iter().map(|(uid, _)| uid).collect())
    }

    /// See [`crate::Store::copy_messages`].
    pub(crate) fn copy_messages(
        &mut self,
        from: MailboxId,
        uids: &[Uid],
        to: MailboxId,
        remove: bool,
    ) -> Result<(UidValidity, Vec<(Uid, Uid)>), StoreError> {
        let mut source = self.mailbox(from)?;
        let mut target = self.mailbox(to)?;
        let mut messages = Vec::new();
        for uid in ascending(uids) {
            messages.extend(self.message(from, uid)?.map(|message| (uid, message)));
        }
        let validity = target.uid_validity;
        if messages.is_empty() {
            return Ok((validity, Vec::new()));
        }
        let mut pairs = Vec::with_capacity(messages.len());
        let modseq = target.next_modseq();
        for (uid, message) in &messages {
            pairs.push((*uid, self.append(to, &mut target, modseq, message.clone())?));
            if !remove {
                self.add_references(message.blob, 1)?;
            }
        }
        self.put_mailbox(to, &target)?;
        if remove {
            if from == to {
                source = target;
            }
            let modseq = source.next_modseq();
            for (uid, message) in &messages {
                self.remove(from, &mut source, modseq, *uid, message)?;
            }
            self.put_mailbox(from, &source)?;
        }
        Ok((validity, pairs))
    }

    /// Takes a message out, leaving a tombstone, and counts it; its reference stays with the caller.
    fn remove(
        &mut self,
        mailbox: MailboxId,
        row: &mut MailboxRow,
        modseq: ModSeq,
        uid: Uid,
        message: &MessageRow,
    ) -> Result<(), StoreError> {
        row.take(message);
        let tables = self.edit();
        tables.messages.remove((mailbox.0, uid.0))?;
        tables.changes.remove((mailbox.0, message.modseq.0, uid.0))?;
        tables.changes.insert((mailbox.0, modseq.0, uid.0), true)?;
        Ok(())
    }

    /// Every UID of a mailbox, ascending.
    pub(super) fn uids(&self, mailbox: MailboxId) -> Result<Vec<Uid>, StoreError> {
        let rows = self
            .read()
            .messages
            .range((mailbox.0, 0)..=(mailbox.0, u32::MAX))?;
        rows.map(|row| Ok(Uid(row?.0.value().1))).collect()
    }

    fn message(&self, mailbox: MailboxId, uid: Uid) -> Result<Option<MessageRow>, StoreError> {
        let bytes = self.read().messages.get((mailbox.0, uid.0))?;
        bytes.map(|bytes| MessageRow::decode(bytes.value())).transpose()
    }
}

/// Each once, in order, whatever the caller gave.
fn ascending(uids: &[Uid]) -> impl Iterator<Item = Uid> {
    uids.iter().copied().collect::<BTreeSet<_>>().into_iter()
}
