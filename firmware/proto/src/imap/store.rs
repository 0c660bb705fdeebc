//! STORE, COPY and MOVE (RFC 9051 6.4.6 to 6.4.8, RFC 7162 3.1.3).

use std::collections::BTreeSet;

use super::reply::Reply;
use super::script::Script;
use super::select::read_only;
use super::selected::{Known, Told};
use super::syntax::sequence::{self, SequenceSet};
use super::syntax::store::Store;
use crate::ask::{Answer, Question, ROWS_AT_ONCE, Want};
use crate::types::{ModSeq, Uid};

impl Script {
    pub(super) async fn store(&mut self, store: Store) -> Reply {
        let Some(selected) = &self.selected else {
            return Reply::ok("Nothing to do.");
        };
        if selected.read_only {
            return read_only();
        }
        let mailbox = selected.mailbox;
        let uids = match selected.resolve(&store.set, store.uid) {
            Ok(uids) => uids,
            Err(reply) => return reply,
        };
        self.enabled.condstore |= store.unchanged_since.is_some();
        if store.silent {
            // What others did before must not drown in the silence.
            self.sync(false, &Told::new()).await;
        }
        if uids.is_empty() {
            return self.after(store.uid, Reply::ok("No such messages.")).await;
        }
        let question = Question::StoreFlags {
            mailbox,
            uids: uids.clone(),
            change: store.change,
            flags: store.flags,
            unchanged_since: store.unchanged_since.map(ModSeq),
        };
        let conflicted = match self.wire.ask(question).await {
            Answer::Stored { conflicted } => conflicted,
            answer => return Reply::failed(&answer),
        };
        let mut told = Told::new();
        if store.silent {
            let loud: BTreeSet<Uid> = conflicted.iter().copied().collect();
            let quiet = uids.iter().filter(|uid| !loud.contains(uid));
            told.extend(quiet.map(|&uid| (uid, Known::Hushed)));
        } else if let Err(reply) = self.tell_flags(&uids, &mut told).await {
            return reply;
        }
        self.sync(store.uid, &told).await;
        if conflicted.is_empty() {
            return Reply::ok("Stored.");
        }
        let modified = self.print_set(&conflicted, store.uid);
        Reply::ok(format!(
            "[MODIFIED {modified}] Some were changed by someone else before."
        ))
    }

    /// RFC 9051 6.4.6: the flags of every message named, changed or not.
    async fn tell_flags(&mut self, uids: &[Uid], told: &mut Told) -> Result<(), Reply> {
        for piece in uids.chunks(ROWS_AT_ONCE) {
            for row in self.rows(piece.to_vec(), Want::default()).await? {
                let Some(number) = self.selected.as_ref().and_then(|s| s.number(row.uid)) else {
                    continue;
                };
                let modseq = match self.enabled.condstore {
                    true => format!(" {}", super::print::modseq(row.modseq)),
                    false => String::new(),
                };
                let flags = super::print::flags(&row.flags);
                self.tell_new_keywords(&row.flags);
                self.wire.line(&format!(
                    "* {number} FETCH (UID {} FLAGS {flags}{modseq})",
                    row.uid
                ));
                told.insert(row.uid, Known::State(row.modseq));
            }
        }
        Ok(())
    }

    /// As UIDs, or as sequence numbers.
    fn print_set(&self, uids: &[Uid], uid: bool) -> String {
        if uid {
            return sequence::print(uids.iter().map(|uid| uid.0));
        }
        let numbers = uids.iter().filter_map(|&uid| self.selected.as_ref()?.number(uid));
        sequence::print(numbers.filter_map(|number| u32::try_from(number).ok()))
    }

    pub(super) async fn copy(&mut self, set: &SequenceSet, uid: bool, to: String, remove: bool) -> Reply {
        let Some(selected) = &self.selected else {
            return Reply::ok("Nothing to do.");
        };
        if remove && selected.read_only {
            return read_only();
        }
        let mailbox = selected.mailbox;
        let uids = match selected.resolve(set, uid) {
            Ok(uids) => uids,
            Err(reply) => return reply,
        };
        if uids.is_empty() {
            return self.synced(Reply::ok("No such messages.")).await;
        }
        let (validity, pairs) = match self
            .wire
            .ask(Question::Copy {
                mailbox,
                uids,
                to,
                remove,
            })
            .await
        {
            Answer::Copied { validity, pairs } => (validity, pairs),
            answer => return Reply::failed_into_mailbox(&answer),
        };
        if pairs.is_empty() {
            return self.synced(Reply::ok("Those messages are gone.")).await;
        }
        // RFC 4315 3; both lists ascend, so the n-th of one is the n-th of the other.
        let from = sequence::print(pairs.iter().map(|(from, _)| from.0));
        let to = sequence::print(pairs.iter().map(|(_, to)| to.0));
        let code = format!("[COPYUID {validity} {from} {to}]");
        if remove {
            // RFC 6851 4.3: before the EXPUNGEs, so that the client knows where they went.
            self.wire.line(&format!("* OK {code} Moved."));
            return self.synced(Reply::ok("Done.")).await;
        }
        self.synced(Reply::ok(format!("{code} Copied."))).await
    }

    /// Tells what changed; EXPUNGE only after the UID form (RFC 9051 7.5.1).
    pub(super) async fn after(&mut self, uid: bool, reply: Reply) -> Reply {
        self.sync(uid, &Told::new()).await;
        reply
    }
}
