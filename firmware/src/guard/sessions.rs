//! Every open session, so that it can be told that something happened, or thrown out.

use super::device::DeviceId;
use proto::refusal::Refusal;
use proto::types::{AccountId, MailboxId};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use tokio::sync::Notify;

/// All open sessions. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Sessions(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    next: AtomicU64,
    open: Mutex<HashMap<u64, Entry>>,
    // Why nobody may stay, once that is so.
    closed: OnceLock<Refusal>,
}

#[derive(Debug)]
struct Entry {
    bell: Arc<Bell>,
    account: Option<AccountId>,
    device: Option<DeviceId>,
    mailbox: Option<MailboxId>,
}

/// How a session is told things. One listener: its driver.
#[derive(Debug, Default)]
pub struct Bell {
    news: AtomicBool,
    cut: OnceLock<Refusal>,
    ringing: Notify,
}

/// A session's place among the others; leaving happens by dropping it.
#[derive(Debug)]
pub struct Ticket {
    sessions: Sessions,
    number: u64,
    bell: Arc<Bell>,
}

impl Bell {
    /// Why the session has to end, if it has to.
    #[must_use]
    pub fn cut(&self) -> Option<Refusal> {
        self.cut.get().cloned()
    }

    /// Waits until the session is cut or, with `news`, until something changed since the last time.
    pub async fn rung(&self, news: bool) {
        while self.cut.get().is_none() && !(news && self.news.swap(false, Ordering::Relaxed)) {
            self.ringing.notified().await;
        }
    }

    fn ring(&self) {
        self.news.store(true, Ordering::Relaxed);
        self.ringing.notify_one();
    }

    fn end(&self, why: Refusal) {
        let _ = self.cut.set(why); // the first reason stands
        self.ringing.notify_one();
    }
}

impl Sessions {
    /// A new session's ticket.
    #[must_use]
    pub fn enter(&self) -> Ticket {
        let number = self.0.next.fetch_add(1, Ordering::Relaxed) + 1;
        let bell = Arc::new(Bell::default());
        let entry = Entry {
            bell: Arc::clone(&bell),
            account: None,
            device: None,
            mailbox: None,
        };
        self.open().insert(number, entry);
        if let Some(why) = self.0.closed.get() {
            bell.end(why.clone());
        }
        Ticket {
            sessions: self.clone(),
            number,
            bell,
        }
    }

    /// How many are open.
    #[must_use]
    pub fn count(&self) -> usize {
        self.open().len()
    }

    /// Something happened in a mailbox: tells the sessions that have it open.
    pub fn ring(&self, mailbox: MailboxId) {
        for entry in self.open().values() {
            if entry.mailbox == Some(mailbox) {
                entry.bell.ring();
            }
        }
    }

    /// Anything may have happened.
    pub fn ring_all(&self) {
        for entry in self.open().values() {
            entry.bell.ring();
        }
    }

    /// Ends all sessions of an account.
    pub fn cut(&self, account: AccountId, why: &Refusal) {
        for entry in self.open().values() {
            if entry.account == Some(account) {
                entry.bell.end(why.clone());
            }
        }
    }

    /// Ends an account's sessions that came in with this device's password, or with the main one.
    pub fn cut_device(&self, account: AccountId, device: Option<DeviceId>, why: &Refusal) {
        for entry in self.open().values() {
            if entry.account == Some(account) && entry.device == device {
                entry.bell.end(why.clone());
            }
        }
    }

    /// Ends all sessions, and those that still come.
    pub fn cut_all(&self, why: &Refusal) {
        let _ = self.0.closed.set(why.clone()); // the first reason stands
        for entry in self.open().values() {
            entry.bell.end(why.clone());
        }
    }

    /// The accounts that have a session now.
    #[must_use]
    pub fn accounts(&self) -> Vec<AccountId> {
        let mut accounts: Vec<AccountId> = self.open().values().filter_map(|entry| entry.account).collect();
        accounts.sort_unstable();
        accounts.dedup();
        accounts
    }

    fn open(&self) -> MutexGuard<'_, HashMap<u64, Entry>> {
        self.0.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ticket {
    /// Counts sessions since the start.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// What the session listens to.
    #[must_use]
    pub fn bell(&self) -> &Bell {
        &self.bell
    }

    /// Ends the session, before or after it began.
    pub fn turn_away(&self, why: Refusal) {
        self.bell.end(why);
    }

    /// The session belongs to this account from now on, and came in with this device's password:
    /// freezing the one or revoking the other ends it.
    pub fn belongs_to(&self, account: Option<AccountId>, device: Option<DeviceId>) {
        if let Some(entry) = self.sessions.open().get_mut(&self.number) {
            entry.account = account;
            entry.device = device;
        }
    }

    /// The session has this mailbox open and hears of what happens in it.
    pub fn watches(&self, mailbox: Option<MailboxId>) {
        if let Some(entry) = self.sessions.open().get_mut(&self.number) {
            entry.mailbox = mailbox;
        }
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.sessions.open().remove(&self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn cutting_an_account_ends_its_sessions_and_no_others() {
        let sessions = Sessions::default();
        let (anna, berta) = (sessions.enter(), sessions.enter());
        anna.belongs_to(Some(AccountId(1)), None);
        berta.belongs_to(Some(AccountId(2)), None);
        let frozen = Refusal::Frozen {
            reason: "spam".to_owned(),
        };
        sessions.cut(AccountId(1), &frozen);
        anna.bell().rung(false).await;
        assert_eq!(anna.bell().cut(), Some(frozen.clone()));
        assert_eq!(berta.bell().cut(), None);
        sessions.cut_all(&Refusal::Shutdown);
        assert_eq!(anna.bell().cut(), Some(frozen));
        assert_eq!(berta.bell().cut(), Some(Refusal::Shutdown));
        let late = sessions.enter();
        assert_eq!(late.bell().cut(), Some(Refusal::Shutdown));
        drop((anna, berta, late));
        assert_eq!(sessions.count(), 0);
    }

    #[tokio::test]
    async fn news_that_came_before_the_wait_are_not_lost() {
        let sessions = Sessions::default();
        let session = sessions.enter();
        session.watches(Some(MailboxId(7)));
        sessions.ring(MailboxId(7));
        session.bell().rung(true).await;
        sessions.ring(MailboxId(8));
        let again = session.bell().rung(true);
        assert!(
            tokio::time::timeout(std::time::Duration::from_millis(20), again)
                .await
                .is_err()
        );
    }
}
