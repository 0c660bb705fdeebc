//! The questions of IMAP about mailboxes and what is in them.

use super::{World, refused};
use crate::blocking::blocking;
use crate::judge::bayes::trainer::{self, Wish};
use proto::ask::{Answer, Changes, FlagChange, Mailbox, OCTETS_AT_ONCE, Question, Want};
use proto::refusal::Refusal;
use proto::types::{BlobId, Flags, MailboxId, ModSeq, Span, Uid};
use store::{Store, StoreError};
use tracing::error;

/// Messages expunged in one commit: a few hundredths of a second on a computer, ten times that on a Pi.
const EXPUNGED_AT_ONCE: u32 = 2000;
/// Rows with more than flags and sizes that are read without moving other work off the thread.
const FEW: usize = 16;

impl World {
    pub(super) async fn about_mailboxes(&mut self, question: Question) -> Result<Answer, Refusal> {
        match question {
            Question::Mailboxes => self.list(),
            Question::Status { name } => Ok(Answer::Status(self.mailbox(&name)?)),
            Question::Open { name } => self.open(&name),
            Question::Rows { mailbox, uids, want } => self.rows(mailbox, &uids, want),
            Question::Octets { blob, span } => self.small_span(blob, span),
            Question::Sync { mailbox, since } => self.sync(mailbox, since),
            Question::StoreFlags {
                mailbox,
                uids,
                change,
                flags,
                unchanged_since,
            } => {
                self.store_flags(mailbox, uids, change, flags, unchanged_since)
                    .await
            }
            Question::Copy {
                mailbox,
                uids,
                to,
                remove,
            } => self.copy(mailbox, uids, &to, remove).await,
            question => self.change_mailboxes(question).await,
        }
    }

    async fn change_mailboxes(&mut self, question: Question) -> Result<Answer, Refusal> {
        let account = self.account()?;
        let store = &self.house.store;
        let done = match question {
            Question::Create { name } => store.create_mailbox(account, &name, None).await.map(drop),
            Question::Delete { name } => store.delete_mailbox(account, &name).await,
            Question::Rename { from, to } => store.rename_mailbox(account, &from, &to).await,
            Question::Subscribe { name, on } => store.subscribe_mailbox(account, &name, on).await,
            Question::Expunge { mailbox, uids } => expunge(store, mailbox, uids).await,
            question => {
                error!(?question, "a question that nobody answers");
                return Err(Refusal::Temporary);
            }
        };
        self.rest();
        done.map_err(refused)?;
        Ok(Answer::Done)
    }

    fn list(&mut self) -> Result<Answer, Refusal> {
        let account = self.account()?;
        let mailboxes = self.snapshot().and_then(|snapshot| snapshot.mailboxes(account));
        Ok(Answer::Mailboxes(mailboxes.map_err(refused)?))
    }

    pub(super) fn mailbox(&mut self, name: &str) -> Result<Mailbox, Refusal> {
        let account = self.account()?;
        let snapshot = self.snapshot().map_err(refused)?;
        let mailbox = snapshot.mailbox(account, name).map_err(refused)?;
        mailbox.ok_or(Refusal::NoSuchMailbox)
    }

    fn open(&mut self, name: &str) -> Result<Answer, Refusal> {
        let id = self.mailbox(name)?.id;
        // First listening, then looking: nothing that happens in between is missed.
        self.ticket.watches(Some(id));
        self.rest();
        let opened = blocking(|| self.snapshot().and_then(|snapshot| snapshot.open(id)));
        Ok(Answer::Opened(opened.map_err(refused)?))
    }

    fn rows(&mut self, mailbox: MailboxId, uids: &[Uid], want: Want) -> Result<Answer, Refusal> {
        let snapshot = self.snapshot().map_err(refused)?;
        let rows = if uids.len() > FEW && (want.structure || want.header) {
            blocking(|| snapshot.rows(mailbox, uids, want))
        } else {
            snapshot.rows(mailbox, uids, want)
        };
        match rows {
            Ok(rows) => Ok(Answer::Rows(rows)),
            Err(StoreError::NotFound) => Ok(Answer::Rows(Vec::new())), // the mailbox is gone, and they with it
            Err(error) => Err(refused(error)),
        }
    }

    fn small_span(&mut self, blob: BlobId, span: Span) -> Result<Answer, Refusal> {
        let end = span.end.min(span.start.saturating_add(OCTETS_AT_ONCE));
        let span = Span {
            start: span.start,
            end,
        };
        match self.octets(blob, span) {
            Ok(octets) => Ok(Answer::Octets(octets)),
            Err(error) => {
                error!(%error, %blob, "cannot read a body");
                Err(Refusal::Temporary)
            }
        }
    }

    fn sync(&mut self, mailbox: MailboxId, since: ModSeq) -> Result<Answer, Refusal> {
        match self
            .snapshot()
            .and_then(|snapshot| snapshot.changes(mailbox, since))
        {
            Ok(changes) => Ok(Answer::Changes(changes)),
            Err(StoreError::NotFound) => Ok(Answer::Changes(Changes {
                gone: true,
                ..Changes::default()
            })),
            Err(error) => Err(refused(error)),
        }
    }

    async fn store_flags(
        &mut self,
        mailbox: MailboxId,
        uids: Vec<Uid>,
        change: FlagChange,
        flags: Flags,
        unchanged_since: Option<ModSeq>,
    ) -> Result<Answer, Refusal> {
        let said = trainer::said_by_flags(change, &flags);
        let shown = said.map(|spam| (spam, uids.clone()));
        let store = &self.house.store;
        let conflicted = store
            .set_flags(mailbox, uids, change, flags, unchanged_since)
            .await;
        self.rest();
        let conflicted = conflicted.map_err(refused)?;
        if let Some((spam, mut uids)) = shown {
            uids.retain(|uid| !conflicted.contains(uid));
            self.house.trainer.teach(Wish { mailbox, uids, spam });
        }
        Ok(Answer::Stored { conflicted })
    }

    async fn copy(
        &mut self,
        mailbox: MailboxId,
        uids: Vec<Uid>,
        to: &str,
        remove: bool,
    ) -> Result<Answer, Refusal> {
        let target = self.mailbox(to)?;
        let source = self
            .snapshot()
            .and_then(|snapshot| snapshot.mailbox_by_id(mailbox));
        let said = trainer::said_by_move(source.map_err(refused)?.as_ref(), &target);
        let to = target.id;
        let copied = self.house.store.copy_messages(mailbox, uids, to, remove).await;
        self.rest();
        let (validity, pairs) = copied.map_err(refused)?;
        if let Some(spam) = said {
            let uids = pairs.iter().map(|(_, uid)| *uid).collect();
            self.house.trainer.teach(Wish {
                mailbox: to,
                uids,
                spam,
            });
        }
        Ok(Answer::Copied { validity, pairs })
    }
}

// Large ones in pieces: everybody's mail waits for the one writer. It need not be all or nothing, unlike a
// copy (RFC 9051 6.4.3, 6.4.7).
async fn expunge(store: &Store, mailbox: MailboxId, uids: Option<Vec<Uid>>) -> Result<(), StoreError> {
    let all = || -> Result<Option<Vec<Uid>>, StoreError> {
        let snapshot = store.snapshot()?;
        let about = snapshot.mailbox_by_id(mailbox)?.ok_or(StoreError::NotFound)?;
        let large = about.messages > EXPUNGED_AT_ONCE;
        large.then(|| Ok(snapshot.open(mailbox)?.uids)).transpose()
    };
    let uids = match uids {
        None => blocking(all)?,
        given => given,
    };
    let Some(uids) = uids else {
        return store.expunge(mailbox, None, true).await.map(drop);
    };
    for piece in uids.chunks(EXPUNGED_AT_ONCE as usize) {
        store.expunge(mailbox, Some(piece.to_vec()), true).await?;
    }
    Ok(())
}
