//! Mailboxes and messages.

use super::Snapshot;
use super::body::{Beside, Bodies};
use crate::StoreError;
use crate::names::MailboxName;
use crate::rows::{MailboxRow, MessageRow, Row as _, get};
use crate::schema::{CHANGES, MAILBOX_NAMES, MAILBOXES, MESSAGES};
use proto::ask::{Changes, Mailbox, Opened, Row, Want};
use proto::types::{AccountId, MailboxId, ModSeq, SystemFlag, Uid};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

#[allow(clippy::missing_errors_doc)] // said at `Snapshot`
impl Snapshot {
    /// Every mailbox of the account, by name.
    pub fn mailboxes(&self, account: AccountId) -> Result<Vec<Mailbox>, StoreError> {
        let names = self.transaction.open_table(MAILBOX_NAMES)?;
        let rows = self.transaction.open_table(MAILBOXES)?;
        let mut mailboxes = Vec::new();
        for entry in names.range((account.0, "")..(account.0.saturating_add(1), ""))? {
            let id = entry?.1.value();
            if let Some(row) = get::<MailboxRow>(&rows, id)? {
                mailboxes.push(row.show(MailboxId(id)));
            }
        }
        Ok(mailboxes)
    }

    /// A mailbox by name; INBOX in any case.
    pub fn mailbox(&self, account: AccountId, name: &str) -> Result<Option<Mailbox>, StoreError> {
        // A name that no mailbox may have is the name of none.
        let Ok(name) = MailboxName::parse(name) else {
            return Ok(None);
        };
        let id = self
            .transaction
            .open_table(MAILBOX_NAMES)?
            .get((account.0, name.as_str()))?;
        id.map_or(Ok(None), |id| self.mailbox_by_id(MailboxId(id.value())))
    }

    /// A mailbox by id.
    pub fn mailbox_by_id(&self, id: MailboxId) -> Result<Option<Mailbox>, StoreError> {
        let row = get::<MailboxRow>(&self.transaction.open_table(MAILBOXES)?, id.0)?;
        Ok(row.map(|row| row.show(id)))
    }

    /// A mailbox with its UIDs. `NotFound` if it is gone.
    pub fn open(&self, mailbox: MailboxId) -> Result<Opened, StoreError> {
        let shown = self.mailbox_by_id(mailbox)?.ok_or(StoreError::NotFound)?;
        let mut uids = Vec::with_capacity(usize::try_from(shown.messages).unwrap_or_default());
        let mut first_unseen = None;
        let mut keywords = BTreeSet::new();
        self.each_message(mailbox, |uid, message| {
            if first_unseen.is_none() && !message.flags.has(SystemFlag::Seen) {
                first_unseen = Some(uid);
            }
            for keyword in message
                .flags
                .keywords()
                .filter(|k| !keywords.contains(*k))
                .collect::<Vec<_>>()
            {
                keywords.insert(keyword.to_owned());
            }
            uids.push(uid);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(Opened {
            mailbox: shown,
            uids,
            first_unseen,
            keywords: keywords.into_iter().collect(),
        })
    }

    /// The rows of these messages in this order; those that are gone are left out. A header longer
    /// than 1 MiB is cut.
    pub fn rows(&self, mailbox: MailboxId, uids: &[Uid], want: Want) -> Result<Vec<Row>, StoreError> {
        let messages = self.transaction.open_table(MESSAGES)?;
        let bodies = Bodies::open(self)?;
        let mut rows = Vec::with_capacity(uids.len());
        for uid in uids {
            if let Some(bytes) = messages.get((mailbox.0, uid.0))? {
                rows.push(row(&bodies, *uid, MessageRow::decode(bytes.value())?, want)?);
            }
        }
        Ok(rows)
    }

    /// Every row by ascending UID until told to stop; memory stays flat.
    pub fn each_row(
        &self,
        mailbox: MailboxId,
        want: Want,
        mut visit: impl FnMut(Row) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let bodies = Bodies::open(self)?;
        self.each_message(mailbox, |uid, message| {
            Ok(visit(row(&bodies, uid, message, want)?))
        })
    }

    /// What happened in a mailbox after `since`.
    pub fn changes(&self, mailbox: MailboxId, since: ModSeq) -> Result<Changes, StoreError> {
        let Some(shown) = self.mailbox_by_id(mailbox)? else {
            return Ok(Changes {
                gone: true,
                ..Changes::default()
            });
        };
        if shown.highest_modseq <= since {
            return Ok(Changes::default());
        }
        let mut changes = Changes {
            highest: Some(shown.highest_modseq),
            ..Changes::default()
        };
        let index = self.transaction.open_table(CHANGES)?;
        let messages = self.transaction.open_table(MESSAGES)?;
        let first = (mailbox.0, since.0.saturating_add(1), 0);
        for entry in index.range(first..=(mailbox.0, u64::MAX, u32::MAX))? {
            let (key, vanished) = entry?;
            let (_, modseq, uid) = key.value();
            if vanished.value() {
                changes.vanished.push(Uid(uid));
            } else if let Some(bytes) = messages.get((mailbox.0, uid))? {
                let flags = MessageRow::decode(bytes.value())?.flags;
                changes.touched.push((Uid(uid), ModSeq(modseq), flags));
            }
        }
        changes.vanished.sort_unstable();
        changes.touched.sort_unstable_by_key(|(uid, ..)| *uid);
        Ok(changes)
    }

    fn each_message(
        &self,
        mailbox: MailboxId,
        mut visit: impl FnMut(Uid, MessageRow) -> Result<ControlFlow<()>, StoreError>,
    ) -> Result<(), StoreError> {
        let messages = self.transaction.open_table(MESSAGES)?;
        for entry in messages.range((mailbox.0, 0)..=(mailbox.0, u32::MAX))? {
            let (key, bytes) = entry?;
            if visit(Uid(key.value().1), MessageRow::decode(bytes.value())?)?.is_break() {
                break;
            }
        }
        Ok(())
    }
}

fn row(bodies: &Bodies, uid: Uid, message: MessageRow, want: Want) -> Result<Row, StoreError> {
    let MessageRow {
        blob,
        modseq,
        flags,
        size,
        date,
    } = message;
    let Beside { structure, header } = bodies.beside(blob, want)?;
    Ok(Row {
        uid,
        blob,
        modseq,
        flags,
        size,
        date,
        structure,
        header,
    })
}
