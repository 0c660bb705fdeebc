//! Opening and closing a mailbox: SELECT, EXAMINE, CLOSE, UNSELECT, EXPUNGE
//! (RFC 9051 6.3.2, 6.3.3, 6.4.1 to 6.4.3).

use std::fmt::Write as _;

use super::reply::Reply;
use super::script::Script;
use super::selected::Selected;
use super::syntax::sequence::SequenceSet;
use crate::ask::{Answer, Opened, Question};

impl Script {
    pub(super) async fn select(&mut self, name: String, read_only: bool, condstore: bool) -> Reply {
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

pub(super) fn read_only() -> Reply {
    Reply::no("[CANNOT] The mailbox is open for reading only.")
}
