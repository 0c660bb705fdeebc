//! Mailboxes: their names and the tree these make.

use super::{Counter, Write};
use crate::names::{MailboxName, PER_ACCOUNT, SEPARATOR};
use crate::rows::{MailboxRow, MessageRow, Row};
use crate::{Change, StoreError};
use proto::ask::SpecialUse;
use proto::types::{AccountId, MailboxId, ModSeq, Uid, UidValidity};
use redb::ReadableTable;

impl Write<'_> {
    /// See [`crate::Store::create_mailbox`].
    pub(crate) fn create_mailbox(
        &mut self,
        account: AccountId,
        name: &MailboxName,
        special: Option<SpecialUse>,
    ) -> Result<MailboxId, StoreError> {
        self.account(account)?;
        if self.find_mailbox(account, name.as_str())?.is_some() {
            return Err(StoreError::Exists);
        }
        self.check_room(account, name.depth())?;
        self.make_parents(account, name)?;
        self.make_mailbox(account, name.as_str(), special)
    }

    /// See [`crate::Store::delete_mailbox`].
    pub(crate) fn delete_mailbox(
        &mut self,
        account: AccountId,
        name: &MailboxName,
    ) -> Result<(), StoreError> {
        let id = self.mailbox_named(account, name.as_str())?;
        if name.is_inbox() {
            return Err(StoreError::CannotChange("the inbox cannot be deleted"));
        }
        if !self.children(account, name.as_str())?.is_empty() {
            return Err(StoreError::HasChildren);
        }
        let mut row = self.mailbox(id)?;
        self.edit().mailbox_names.remove((account.0, name.as_str()))?;
        for uid in self.uids(id)? {
            let removed = self.edit().messages.remove((id.0, uid.0))?;
            let message = removed
                .map(|bytes| MessageRow::decode(bytes.value()))
                .transpose()?;
            if let Some(message) = message {
                self.drop_reference(message.blob)?;
            }
        }
        self.edit()
            .changes
            .retain_in((id.0, 0, 0)..=(id.0, u64::MAX, u32::MAX), |_, _| false)?;
        self.edit().mailboxes.remove(id.0)?;
        self.tell(Change::Mailbox {
            account,
            mailbox: id,
            modseq: row.next_modseq(),
        });
        Ok(())
    }

    /// See [`crate::Store::rename_mailbox`].
    pub(crate) fn rename_mailbox(
        &mut self,
        account: AccountId,
        from: &MailboxName,
        to: &MailboxName,
    ) -> Result<(), StoreError> {
        let id = self.mailbox_named(account, from.as_str())?;
        if self.find_mailbox(account, to.as_str())?.is_some() {
            return Err(StoreError::Exists);
        }
        if from.is_inbox() {
            return self.rename_inbox(account, id, to);
        }
        if to.is_inside(from) {
            return Err(StoreError::CannotChange("a mailbox cannot be moved into itself"));
        }
        let mut moved = vec![(id, from.as_str().to_owned(), to.clone())];
        for (name, id) in self.children(account, from.as_str())? {
            let inside = name.strip_prefix(from.as_str()).unwrap_or_default();
            let renamed = MailboxName::parse(&format!("{}{inside}", to.as_str()))?;
            moved.push((id, name, renamed));
        }
        self.check_room(account, to.depth())?;
        self.make_parents(account, to)?;
        for (id, old, new) in moved {
            let mut row = self.mailbox(id)?;
            new.as_str().clone_into(&mut row.name);
            let tables = self.edit();
            tables.mailbox_names.remove((account.0, old.as_str()))?;
            tables.mailbox_names.insert((account.0, new.as_str()), id.0)?;
            self.put_mailbox(id, &row)?;
        }
        Ok(())
    }

    /// RFC 9051 6.3.6: the inbox stays, empty; what was in it moves. Its children stay.
    fn rename_inbox(
        &mut self,
        account: AccountId,
        inbox: MailboxId,
        to: &MailboxName,
    ) -> Result<(), StoreError> {
        self.check_room(account, to.depth())?;
        self.make_parents(account, to)?;
        let target = self.make_mailbox(account, to.as_str(), None)?;
        let uids = self.uids(inbox)?;
        self.copy_messages(inbox, &uids, target, true).map(drop)
    }

    /// See [`crate::Store::subscribe_mailbox`].
    pub(crate) fn subscribe_mailbox(
        &mut self,
        account: AccountId,
        name: &MailboxName,
        on: bool,
    ) -> Result<(), StoreError> {
        let id = self.mailbox_named(account, name.as_str())?;
        let mut row = self.mailbox(id)?;
        if row.subscribed != on {
            row.subscribed = on;
            self.put_mailbox(id, &row)?;
        }
        Ok(())
    }

    /// Makes a mailbox whose name is free.
    pub(super) fn make_mailbox(
        &mut self,
        account: AccountId,
        name: &str,
        special: Option<SpecialUse>,
    ) -> Result<MailboxId, StoreError> {
        let id = MailboxId(self.next(Counter::Mailbox)?);
        let validity = u32::try_from(self.next(Counter::UidValidity)?);
        let row = MailboxRow {
            account,
            name: name.to_owned(),
            subscribed: true,
            special,
            messages: 0,
            unseen: 0,
            deleted: 0,
            size: 0,
            uid_next: Uid(1),
            uid_validity: UidValidity(
                validity.map_err(|_| StoreError::Internal("UIDVALIDITY ran out".to_owned()))?,
            ),
            modseq: ModSeq(1),
        };
        self.edit().mailbox_names.insert((account.0, name), id.0)?;
        self.put_mailbox(id, &row)?;
        Ok(id)
    }

    fn make_parents(&mut self, account: AccountId, name: &MailboxName) -> Result<(), StoreError> {
        for parent in name.parents() {
            if self.find_mailbox(account, parent)?.is_none() {
                self.make_mailbox(account, parent, None)?;
            }
        }
        Ok(())
    }

    /// Whether a mailbox and as many levels as `levels` of parents still fit.
    fn check_room(&self, account: AccountId, levels: usize) -> Result<(), StoreError> {
        if self.mailbox_names(account)?.len() + levels > PER_ACCOUNT {
            return Err(StoreError::CannotChange("the account has too many mailboxes"));
        }
        Ok(())
    }

    /// The mailbox with this name, or `NotFound`.
    pub(super) fn mailbox_named(&self, account: AccountId, name: &str) -> Result<MailboxId, StoreError> {
        self.find_mailbox(account, name)?.ok_or(StoreError::NotFound)
    }

    fn find_mailbox(&self, account: AccountId, name: &str) -> Result<Option<MailboxId>, StoreError> {
        Ok(self
            .read()
            .mailbox_names
            .get((account.0, name))?
            .map(|id| MailboxId(id.value())))
    }

    /// Every name of the account, in order.
    pub(super) fn mailbox_names(&self, account: AccountId) -> Result<Vec<(String, MailboxId)>, StoreError> {
        let end = (account.0.saturating_add(1), "");
        let names = self.read().mailbox_names.range((account.0, "")..end)?;
        let entry = |entry: Result<(redb::AccessGuard<'_, _>, redb::AccessGuard<'_, u64>), _>| {
            let (key, id): (redb::AccessGuard<'_, (u64, &'static str)>, _) = entry?;
            Ok((key.value().1.to_owned(), MailboxId(id.value())))
        };
        names.map(entry).collect()
    }

    fn children(&self, account: AccountId, name: &str) -> Result<Vec<(String, MailboxId)>, StoreError> {
        let inside = format!("{name}{SEPARATOR}");
        let mut names = self.mailbox_names(account)?;
        names.retain(|(name, _)| name.starts_with(&inside));
        Ok(names)
    }
}
