//! The open mailbox as the client knows it: sequence numbers, and what it has to be told
//! (RFC 9051 5.2, 7.5.1, RFC 7162 3).

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::print;
use super::reply::Reply;
use super::script::{Enabled, Script};
use super::syntax::sequence::{self, Ranges, SequenceSet};
#[cfg(doc)]
use crate::ask::ROWS_AT_ONCE;
use crate::ask::{Answer, Changes, Opened, Question, Row, Want};
use crate::limits::imap as limits;
use crate::types::{Flags, MailboxId, ModSeq, SystemFlag, Uid, UidValidity};

/// An open mailbox.
#[derive(Debug)]
pub(super) struct Selected {
    pub mailbox: MailboxId,
    pub validity: UidValidity,
    pub name: String,
    pub read_only: bool,
    /// Ascending; a message's sequence number is its place here, counted from 1.
    pub uids: Vec<Uid>,
    /// The state that the client was told last.
    pub known: ModSeq,
    pub keywords: BTreeSet<String>,
    /// Expunged by others, but the client must not be told yet.
    pub untold: BTreeSet<Uid>,
    /// `$`, the result of SEARCH RETURN (SAVE).
    pub saved: Vec<Uid>,
}

/// What the client knows already of changes that the store will report.
pub(super) type Told = BTreeMap<Uid, Known>;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    /// It has just seen these flags.
    Flags(Flags),
    /// It has just seen the flags of this state.
    State(ModSeq),
    /// It asked for silence (STORE .SILENT).
    Hushed,
}

impl Selected {
    pub fn new(opened: Opened, name: String, read_only: bool) -> Self {
        Self {
            mailbox: opened.mailbox.id,
            validity: opened.mailbox.uid_validity,
            name,
            read_only,
            uids: opened.uids,
            known: opened.mailbox.highest_modseq,
            keywords: opened.keywords.into_iter().collect(),
            untold: BTreeSet::new(),
            saved: Vec::new(),
        }
    }

    /// How many messages the client knows of.
    pub fn count(&self) -> u32 {
        u32::try_from(self.uids.len()).unwrap_or(u32::MAX)
    }

    /// The sequence number of a message.
    pub fn number(&self, uid: Uid) -> Option<usize> {
        self.uids.binary_search(&uid).ok()?.checked_add(1)
    }

    /// The messages that a set names, ascending.
    pub fn resolve(&self, set: &SequenceSet, uid: bool) -> Result<Vec<Uid>, Reply> {
        if *set == SequenceSet::Saved {
            return Ok(self.saved.clone());
        }
        let ranges = self.uid_ranges(set, uid)?;
        let mut found = Vec::new();
        for (first, last) in ranges {
            let start = self.uids.partition_point(|uid| uid.0 < first);
            let known = self.uids.get(start..).unwrap_or_default();
            found.extend(known.iter().take_while(|uid| uid.0 <= last));
        }
        Ok(found)
    }

    /// The same as ranges of UIDs, which stay short for `1:*`.
    pub fn uid_ranges(&self, set: &SequenceSet, uid: bool) -> Result<Ranges, Reply> {
        if *set == SequenceSet::Saved {
            return Ok(self.saved.iter().map(|uid| (uid.0, uid.0)).collect());
        }
        if uid {
            let highest = self.uids.last().map_or(0, |uid| uid.0);
            return Ok(set.in_uids(highest));
        }
        let numbers = set
            .in_mailbox(self.count())
            .map_err(|_| Reply::bad("There are not that many messages in the mailbox."))?;
        let uid_of = |number: u32| {
            let index = usize::try_from(number).ok()?.checked_sub(1)?;
            self.uids.get(index).map(|uid| uid.0)
        };
        Ok(numbers
            .into_iter()
            .filter_map(|(first, last)| Some((uid_of(first)?, uid_of(last)?)))
            .collect())
    }

    /// Takes the changes in and writes what the client has to hear. EXPUNGE only where `expunges`
    /// says that sequence numbers may shift (RFC 9051 7.5.1).
    pub fn apply(&mut self, changes: Changes, expunges: bool, told: &Told, enabled: Enabled) -> String {
        let condstore = enabled.condstore;
        let mut text = String::new();
        self.untold.extend(
            changes
                .vanished
                .iter()
                .filter(|uid| self.uids.binary_search(uid).is_ok()),
        );
        if expunges {
            self.tell_expunged(enabled.qresync, &mut text);
        }
        let highest = self.uids.last().copied();
        let (old, new): (Vec<_>, Vec<_>) = changes
            .touched
            .into_iter()
            .partition(|&(uid, ..)| highest.is_some_and(|highest| uid <= highest));
        self.tell_new(&new, &mut text);
        self.tell_keywords(old.iter().map(|(_, _, flags)| flags), &mut text);
        for (uid, modseq, flags) in old {
            let Some(number) = self.number(uid) else { continue };
            let shown = match told.get(&uid) {
                Some(Known::Flags(known)) if *known == flags && !condstore => continue,
                Some(Known::State(seen)) if *seen >= modseq => continue,
                Some(Known::Hushed) if !condstore => continue,
                Some(Known::Hushed) => String::new(),
                _ => format!(" FLAGS {}", print::flags(&flags)),
            };
            let modseq = if condstore {
                format!(" {}", print::modseq(modseq))
            } else {
                String::new()
            };
            // Writing to a String cannot fail.
            let _ = write!(text, "* {number} FETCH (UID {uid}{shown}{modseq})\r\n");
        }
        if let Some(highest) = changes.highest {
            self.known = highest;
        }
        text
    }

    // From the last to the first, so that no number shifts before it is said.
    fn tell_expunged(&mut self, qresync: bool, text: &mut String) {
        if self.untold.is_empty() {
            return;
        }
        if qresync {
            let uids = sequence::print(self.untold.iter().map(|uid| uid.0));
            let _ = write!(text, "* VANISHED {uids}\r\n");
        }
        for uid in self.untold.iter().rev().filter(|_| !qresync) {
            if let Some(number) = self.number(*uid) {
                let _ = write!(text, "* {number} EXPUNGE\r\n");
            }
        }
        let gone = std::mem::take(&mut self.untold);
        self.uids.retain(|uid| !gone.contains(uid));
        self.saved.retain(|uid| !gone.contains(uid));
    }

    fn tell_new(&mut self, new: &[(Uid, ModSeq, Flags)], text: &mut String) {
        if !new.is_empty() {
            self.uids.extend(new.iter().map(|&(uid, ..)| uid));
            let _ = write!(text, "* {} EXISTS\r\n", self.uids.len());
        }
    }

    /// A keyword is listed in FLAGS before a message shows it (RFC 9051 7.3.5).
    pub fn tell_keywords<'a>(&mut self, shown: impl Iterator<Item = &'a Flags>, text: &mut String) {
        let before = self.keywords.len();
        for keyword in shown.flat_map(Flags::keywords) {
            if !self.keywords.contains(keyword) {
                self.keywords.insert(keyword.to_owned());
            }
        }
        if self.keywords.len() > before {
            self.write_flags(text);
        }
    }

    /// FLAGS and PERMANENTFLAGS.
    pub fn write_flags(&self, text: &mut String) {
        let mut flags: Vec<&str> = SystemFlag::ALL.into_iter().map(|flag| flag.as_str()).collect();
        flags.extend(
            self.keywords
                .iter()
                .map(String::as_str)
                .take(limits::KEYWORDS_LISTED),
        );
        let flags = flags.join(" ");
        let permanent = if self.read_only {
            String::new()
        } else {
            format!("{flags} \\*")
        };
        let _ = write!(
            text,
            "* FLAGS ({flags})\r\n* OK [PERMANENTFLAGS ({permanent})] These are kept.\r\n"
        );
    }
}

impl Script {
    /// Asks what changed in the open mailbox and tells the client.
    pub(super) async fn sync(&mut self, expunges: bool, told: &Told) {
        let Some(selected) = &self.selected else { return };
        let question = Question::Sync {
            mailbox: selected.mailbox,
            since: selected.known,
        };
        let Answer::Changes(changes) = self.wire.ask(question).await else {
            return;
        };
        if changes.gone {
            self.selected = None;
            self.say_bye("The mailbox you had open was deleted.");
            return;
        }
        let enabled = self.enabled;
        if let Some(selected) = &mut self.selected {
            let text = selected.apply(changes, expunges, told, enabled);
            self.wire.send(text.as_bytes());
        }
    }

    /// Tells of keywords that the client has not heard of, before it sees them.
    pub(super) fn tell_new_keywords(&mut self, flags: &Flags) {
        let mut text = String::new();
        if let Some(selected) = &mut self.selected {
            selected.tell_keywords(std::iter::once(flags), &mut text);
        }
        self.wire.send(text.as_bytes());
    }

    /// Rows of messages in the open mailbox; at most [`ROWS_AT_ONCE`].
    pub(super) async fn rows(&self, uids: Vec<Uid>, want: Want) -> Result<Vec<Row>, Reply> {
        let Some(selected) = &self.selected else {
            return Ok(Vec::new());
        };
        match self
            .wire
            .ask(Question::Rows {
                mailbox: selected.mailbox,
                uids,
                want,
            })
            .await
        {
            Answer::Rows(rows) => Ok(rows),
            answer => Err(Reply::failed(&answer)),
        }
    }
}
