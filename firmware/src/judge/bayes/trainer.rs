//! Learning from what people do with their mail, off their path: what they did is put into a
//! bounded queue, read and learnt in batches, a few seconds later. A crash forgets what still waits.
//!
//! | what a person does | learnt as |
//! |---|---|
//! | moves or copies a message into Junk, appends one there, sets `$Junk` | spam |
//! | moves or copies one out of Junk, but not into Trash; sets `$NotJunk` | no spam |
//! | files one in Archive, or answers it (`\Answered`) | no spam |
//!
//! The last row is there because an office that never finds good mail in Junk would else teach the
//! filter one side only. What a person moves from Junk to Trash, or deletes, says nothing.

use super::tokens;
use crate::clock::Clock;
use crate::limits::filter::{AT_ONCE, GATHERED, MOVED, TEXT, WAITING};
use proto::ask::{FlagChange, Mailbox, SpecialUse, Want};
use proto::types::{Flags, MailboxId, SystemFlag, Uid};
use std::sync::{Arc, Mutex, PoisonError};
use store::{Lesson, Snapshot, Store, StoreError};
use tokio::sync::mpsc;
use tracing::{debug, error, warn};

/// Messages to learn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Where they are now.
    pub mailbox: MailboxId,
    /// Which.
    pub uids: Vec<Uid>,
    /// As what.
    pub spam: bool,
}

/// Takes wishes; clones share the queue.
#[derive(Debug, Clone)]
pub struct Trainer {
    wishes: mpsc::Sender<Wish>,
    waiting: Arc<Mutex<Option<mpsc::Receiver<Wish>>>>,
}

impl Default for Trainer {
    fn default() -> Self {
        let (wishes, waiting) = mpsc::channel(WAITING);
        Self {
            wishes,
            waiting: Arc::new(Mutex::new(Some(waiting))),
        }
    }
}

impl Trainer {
    /// Puts a wish into the queue. Never waits: where the queue is full, it is forgotten.
    pub fn teach(&self, mut wish: Wish) {
        if wish.uids.len() > MOVED {
            warn!(
                messages = wish.uids.len(),
                "too many messages at once: only the newest are learnt"
            );
            wish.uids.drain(..wish.uids.len() - MOVED);
        }
        if !wish.uids.is_empty() && self.wishes.try_send(wish).is_err() {
            warn!("too much to learn: a message is passed over");
        }
    }

    /// Learns what people show. Runs as long as the box does; a second call returns at once.
    pub async fn run(self, store: Store, clock: Clock) {
        let waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(mut waiting) = waiting else { return };
        drop(self);
        while let Some(first) = waiting.recv().await {
            tokio::time::sleep(GATHERED).await;
            let mut wishes = vec![first];
            while let Ok(wish) = waiting.try_recv() {
                wishes.push(wish);
            }
            for wish in wishes {
                match learn(&store, &clock, wish).await {
                    Ok(learnt) => debug!(learnt, "learnt"),
                    Err(error) => error!(%error, "messages could not be learnt"),
                }
            }
        }
    }
}

/// Learns these messages now. Returns how many were new; those that are gone are passed over.
///
/// # Errors
/// The store failed.
pub async fn learn(store: &Store, clock: &Clock, wish: Wish) -> Result<u64, StoreError> {
    let wish = Arc::new(wish);
    let mut learnt = 0;
    let mut from = 0;
    while from < wish.uids.len() {
        let (reader, wish, now) = (store.clone(), Arc::clone(&wish), clock.now());
        let read = tokio::task::spawn_blocking(move || {
            let some: Vec<Uid> = wish.uids.iter().skip(from).take(AT_ONCE).copied().collect();
            lessons(&reader.snapshot()?, wish.mailbox, &some, wish.spam, now)
        });
        let lessons = read
            .await
            .map_err(|error| StoreError::Internal(error.to_string()))??;
        if !lessons.is_empty() {
            learnt += store.learn(lessons).await?;
        }
        from += AT_ONCE;
    }
    Ok(learnt)
}

fn lessons(
    snapshot: &Snapshot,
    mailbox: MailboxId,
    uids: &[Uid],
    spam: bool,
    at: proto::types::Timestamp,
) -> Result<Vec<Lesson>, StoreError> {
    let want = Want {
        structure: true,
        header: false,
    };
    let mut lessons = Vec::new();
    for row in snapshot.rows(mailbox, uids, want)? {
        let (Some(structure), Some(message)) = (row.structure, snapshot.body_hash(row.blob)?) else {
            continue;
        };
        if snapshot.learnt(&message)? == Some(spam) {
            continue;
        }
        let Some(mut body) = snapshot.body(row.blob)? else {
            continue;
        };
        let found = tokens::of(&structure, |mut span| {
            span.end = span.end.min(span.start.saturating_add(TEXT));
            let mut octets = Vec::new();
            body.read_span(span, &mut octets)?;
            Ok::<_, StoreError>(octets.into())
        })?;
        lessons.push(Lesson {
            message,
            spam,
            tokens: found.iter().map(|(hash, _)| hash).collect(),
            at,
        });
    }
    Ok(lessons)
}

/// What a move or copy from one mailbox to another says about a message, if anything.
#[must_use]
pub fn said_by_move(from: Option<&Mailbox>, to: &Mailbox) -> Option<bool> {
    let from = from.and_then(|from| from.special_use);
    match (from, to.special_use) {
        (Some(SpecialUse::Junk), Some(SpecialUse::Junk | SpecialUse::Trash)) => None,
        (_, Some(SpecialUse::Junk)) => Some(true),
        (Some(SpecialUse::Junk), _) | (None, Some(SpecialUse::Archive)) => Some(false),
        _ => None,
    }
}

/// What a change of flags says about a message, if anything. Keywords: IANA's IMAP keywords.
#[must_use]
pub fn said_by_flags(change: FlagChange, flags: &Flags) -> Option<bool> {
    let junk = flags.has_keyword("$Junk");
    let good = flags.has_keyword("$NotJunk");
    match change {
        FlagChange::Remove => None,
        // Both at once say nothing.
        _ if junk != good => Some(junk),
        FlagChange::Add if !junk && flags.has(SystemFlag::Answered) => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::types::{ModSeq, UidValidity};

    fn mailbox(special_use: Option<SpecialUse>) -> Mailbox {
        Mailbox {
            id: MailboxId(1),
            name: "x".to_owned(),
            subscribed: true,
            special_use,
            messages: 0,
            unseen: 0,
            deleted: 0,
            size: 0,
            uid_next: Uid(1),
            uid_validity: UidValidity(1),
            highest_modseq: ModSeq(1),
        }
    }

    #[test]
    fn moves_say_what_the_table_says() {
        use SpecialUse::{Archive, Junk, Sent, Trash};
        for (from, to, expected) in [
            (None, Some(Junk), Some(true)),
            (Some(Archive), Some(Junk), Some(true)),
            (Some(Junk), None, Some(false)),
            (Some(Junk), Some(Archive), Some(false)),
            (None, Some(Archive), Some(false)),
            (Some(Junk), Some(Junk), None),
            (Some(Junk), Some(Trash), None),
            (None, Some(Trash), None),
            (None, None, None),
            (Some(Sent), Some(Archive), None),
        ] {
            let (from, to) = (mailbox(from), mailbox(to));
            assert_eq!(said_by_move(Some(&from), &to), expected, "{from:?} {to:?}");
        }
        assert_eq!(said_by_move(None, &mailbox(Some(Junk))), Some(true));
    }

    #[test]
    fn flags_say_what_the_table_says() {
        let flags = |names: &[&str]| {
            let mut flags = Flags::new();
            for name in names {
                match *name {
                    "\\Answered" => flags.set(SystemFlag::Answered, true),
                    name => flags.add_keyword(name),
                }
            }
            flags
        };
        use FlagChange::{Add, Remove, Replace};
        for (change, names, expected) in [
            (Add, &["$Junk"][..], Some(true)),
            (Replace, &["$junk"], Some(true)),
            (Remove, &["$Junk"], None),
            (Add, &["$NotJunk"], Some(false)),
            (Add, &["$Junk", "$NotJunk"], None),
            (Add, &["\\Answered"], Some(false)),
            (Replace, &["\\Answered"], None), // it may have been answered before
            (Add, &["$Label1"], None),
        ] {
            assert_eq!(
                said_by_flags(change, &flags(names)),
                expected,
                "{change:?} {names:?}"
            );
        }
    }
}
