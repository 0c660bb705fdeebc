//! Opening and closing a mailbox: SELECT, EXAMINE, CLOSE, UNSELECT, EXPUNGE
//! (RFC 9051 6.3.2, 6.3.3, 6.4.1 to 6.4.3).

use std::fmt::Write as _;

use super::print;
use super::reply::Reply;
use super::script::Script;
use super::selected::Selected;
use super::syntax::sequence::{self, Ranges, SequenceSet};
use super::syntax::{Resync, Select};
use crate::ask::{Answer, Opened, Question};
use crate::types::{ModSeq, Uid};

impl Script {
    pub(super) async fn select(&mut self, select: Select) -> Reply {
        let Select {
            name,
            read_only,
            condstore,
            resync,
        } = select;
        if resync.is_some() && !self.enabled.qresync {
            return Reply::bad("Enable QRESYNC first."); // RFC 7162 3.2.5
        }
        self.enabled.condstore |= condstore;
        if self.selected.take().is_some() {
            // RFC 9051 7.1: what follows is about the new mailbox.
            self.wire.line("* OK [CLOSED] The mailbox before is closed.");
        }
        let opened = match self.wire.ask(Question::Open { name }).await {
            Answer::Opened(opened) => opened,
            answer => return Reply::failed(&answer),
        };
        let text = self.open(opened, read_only);
        self.wire.send(text.as_bytes());
        if let Some(resync) = resync {
            self.resync(&resync).await;
        }
        let access = if read_only { "READ-ONLY" } else { "READ-WRITE" };
        Reply::ok(format!("[{access}] The mailbox is open."))
    }

    fn open(&mut self, opened: Opened, read_only: bool) -> String {
        let mailbox = &opened.mailbox;
        let mut state = String::new();
        // Writing to a String cannot fail.
        let _ = write!(
            state,
            "* OK [UIDVALIDITY {}] Of these UIDs.\r\n* OK [UIDNEXT {}] Of the next message.\r\n\
             * OK [HIGHESTMODSEQ {}] Of the last change.\r\n",
            mailbox.uid_validity,
            mailbox.uid_next,
            mailbox.highest_modseq.0.max(1)
        );
        let name = mailbox.name.clone();
        let first_unseen = opened.first_unseen;
        let selected = Selected::new(opened, name, read_only);
        let mut text = format!("* {} EXISTS\r\n", selected.count());
        if self.enabled.rev2 {
            let name = self.mailbox_name(&selected.name);
            let _ = write!(text, "* LIST () \"/\" {name}\r\n");
        } else {
            // RFC 3501 7.3.2: no session is ever the first to see a message here.
            text.push_str("* 0 RECENT\r\n");
            if let Some(number) = first_unseen.and_then(|uid| selected.number(uid)) {
                let _ = write!(text, "* OK [UNSEEN {number}] Is the first unseen.\r\n");
            }
        }
        selected.write_flags(&mut text);
        text.push_str(&state);
        self.selected = Some(selected);
        text
    }

    /// Tells a returning client what changed since it left (RFC 7162 3.2.5).
    async fn resync(&mut self, resync: &Resync) {
        let Some(selected) = self
            .selected
            .as_ref()
            .filter(|open| open.validity.0 == resync.validity)
        else {
            return;
        };
        let question = Question::Sync {
            mailbox: selected.mailbox,
            since: ModSeq(resync.since),
        };
        let Answer::Changes(changes) = self.wire.ask(question).await else {
            return;
        };
        let known = resync.known.as_ref().map(|set| set.in_uids(u32::MAX));
        let mut text = vanished_earlier(&changes.vanished, known.as_ref());
        if let Some(selected) = &mut self.selected {
            selected.tell_keywords(changes.touched.iter().map(|(_, _, flags)| flags), &mut text);
            for (uid, modseq, flags) in &changes.touched {
                if let Some(number) = selected.number(*uid)
                    && known.as_ref().is_none_or(|known| contains(known, *uid))
                {
                    let (flags, modseq) = (print::flags(flags), print::modseq(*modseq));
                    let _ = write!(text, "* {number} FETCH (UID {uid} FLAGS {flags} {modseq})\r\n");
                }
            }
        }
        self.wire.send(text.as_bytes());
    }

    pub(super) async fn close(&mut self, expunge: bool) -> Reply {
        if let Some(selected) = self.selected.take()
            && expunge
            && !selected.read_only
        {
            let question = Question::Expunge {
                mailbox: selected.mailbox,
                uids: None,
            };
            match self.wire.ask(question).await {
                Answer::Done => {}
                answer => return Reply::failed(&answer),
            }
        }
        Reply::ok("Closed.")
    }

    pub(super) async fn expunge(&mut self, uids: Option<SequenceSet>) -> Reply {
        let Some(selected) = &self.selected else {
            return Reply::ok("Nothing to do.");
        };
        if selected.read_only {
            return read_only();
        }
        let mailbox = selected.mailbox;
        let uids = match uids.map(|set| selected.resolve(&set, true)).transpose() {
            Ok(uids) => uids,
            Err(reply) => return reply,
        };
        match self.wire.ask(Question::Expunge { mailbox, uids }).await {
            Answer::Done => {}
            answer => return Reply::failed(&answer),
        }
        let reply = self.synced(Reply::ok("Expunged.")).await;
        match &self.selected {
            // RFC 7162 3.1: so that the client can go on from there.
            Some(selected) if self.enabled.condstore => {
                Reply::ok(format!("[HIGHESTMODSEQ {}] Expunged.", selected.known.0.max(1)))
            }
            _ => reply,
        }
    }
}

/// expunged-resp = "VANISHED" [SP "(EARLIER)"] SP known-uids, of those the client may know.
pub(super) fn vanished_earlier(vanished: &[Uid], known: Option<&Ranges>) -> String {
    let known = vanished
        .iter()
        .filter(|uid| known.is_none_or(|known| contains(known, **uid)));
    match sequence::print(known.map(|uid| uid.0)) {
        none if none.is_empty() => none,
        uids => format!("* VANISHED (EARLIER) {uids}\r\n"),
    }
}

fn contains(ranges: &Ranges, uid: Uid) -> bool {
    let after = ranges.partition_point(|&(first, _)| first <= uid.0);
    let range = after.checked_sub(1).and_then(|index| ranges.get(index));
    range.is_some_and(|&(_, last)| uid.0 <= last)
}

pub(super) fn read_only() -> Reply {
    Reply::no("[CANNOT] The mailbox is open for reading only.")
}
