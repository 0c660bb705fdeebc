//! POP3: one session at a time has the inbox as its maildrop (RFC 1939 8).

use super::{World, refused};
use crate::blocking::blocking;
use proto::ask::{Answer, DropMessage, Row, Want};
use proto::refusal::Refusal;
use proto::types::{AccountId, MailboxId, Uid};
use std::collections::HashSet;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The accounts whose maildrop is locked. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Maildrops(Arc<Mutex<HashSet<AccountId>>>);

/// A locked maildrop; unlocked by dropping it.
#[derive(Debug)]
pub struct Lock {
    drops: Maildrops,
    account: AccountId,
    inbox: MailboxId,
}

impl Maildrops {
    fn lock(&self, account: AccountId, inbox: MailboxId) -> Option<Lock> {
        self.locked().insert(account).then(|| Lock {
            drops: self.clone(),
            account,
            inbox,
        })
    }

    fn locked(&self) -> MutexGuard<'_, HashSet<AccountId>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        self.drops.locked().remove(&self.account);
    }
}

impl World {
    pub(super) fn open_maildrop(&mut self) -> Result<Answer, Refusal> {
        let account = self.account()?;
        let inbox = self.mailbox("INBOX")?.id;
        let lock = self.house.maildrops.lock(account, inbox).ok_or(Refusal::InUse)?;
        let snapshot = self.snapshot().map_err(refused)?;
        let mut messages = Vec::new();
        let want = Want {
            structure: true,
            header: false,
        };
        let visit = |row: Row| {
            messages.push(DropMessage {
                uid: row.uid,
                blob: row.blob,
                size: row.size,
                header_end: row
                    .structure
                    .map_or(row.size, |structure| structure.root.header.end),
            });
            ControlFlow::Continue(())
        };
        blocking(|| snapshot.each_row(inbox, want, visit)).map_err(refused)?;
        self.maildrop = Some(lock);
        Ok(Answer::Maildrop(messages))
    }

    pub(super) async fn close_maildrop(&mut self, deleted: Vec<Uid>) -> Result<Answer, Refusal> {
        let lock = self.maildrop.take().ok_or(Refusal::Temporary)?;
        if !deleted.is_empty() {
            let removed = self.house.store.expunge(lock.inbox, Some(deleted), false).await;
            removed.map_err(refused)?;
        }
        self.rest();
        Ok(Answer::Done)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_maildrop_is_locked_by_one_session_and_unlocked_with_its_end() {
        let drops = Maildrops::default();
        let first = drops.lock(AccountId(1), MailboxId(1));
        assert!(first.is_some());
        assert!(drops.lock(AccountId(1), MailboxId(1)).is_none());
        assert!(drops.lock(AccountId(2), MailboxId(2)).is_some());
        drop(first);
        assert!(drops.lock(AccountId(1), MailboxId(1)).is_some());
    }
}
