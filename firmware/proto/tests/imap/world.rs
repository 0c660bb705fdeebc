//! A mail store in memory that answers what an IMAP session asks.

use proto::ask::{
    Answer, Changes, Criteria, FlagChange, Identity, Mailbox, Opened, Question, ROWS_AT_ONCE, Row,
    SpecialUse, Want,
};
use proto::imap::search::Candidate;
use proto::message::{header, scan};
use proto::refusal::Refusal;
use proto::types::{
    AccountId, Address, BlobId, Flags, MailboxId, ModSeq, Span, Structure, SystemFlag, Timestamp, Uid,
    UidValidity,
};
use std::ops::ControlFlow;

/// 17-Jul-1996 09:44:25 +0000
pub const NOW: Timestamp = Timestamp(837_596_665);

pub struct Message {
    uid: Uid,
    modseq: ModSeq,
    flags: Flags,
    date: Timestamp,
    blob: usize,
}

pub struct Folder {
    id: MailboxId,
    name: String,
    subscribed: bool,
    special_use: Option<SpecialUse>,
    validity: UidValidity,
    next: u32,
    modseq: ModSeq,
    messages: Vec<Message>,
    expunged: Vec<(Uid, ModSeq)>,
}

pub struct World {
    folders: Vec<Folder>,
    blobs: Vec<(Vec<u8>, Structure)>,
    made: u32,
    /// The most rows a session asked for at once.
    pub most_rows: usize,
}

impl World {
    pub fn new() -> Self {
        let mut world = Self {
            folders: Vec::new(),
            blobs: Vec::new(),
            made: 0,
            most_rows: 0,
        };
        world.make("INBOX", None);
        for (name, special) in [
            ("Drafts", SpecialUse::Drafts),
            ("Sent", SpecialUse::Sent),
            ("Trash", SpecialUse::Trash),
        ] {
            world.make(name, Some(special));
        }
        for folder in &mut world.folders {
            folder.subscribed = true;
        }
        world
    }

    fn make(&mut self, name: &str, special_use: Option<SpecialUse>) {
        self.made += 1;
        self.folders.push(Folder {
            id: MailboxId(self.made.into()),
            name: name.to_owned(),
            subscribed: false,
            special_use,
            validity: UidValidity(1000 + self.made),
            next: 1,
            modseq: ModSeq(1),
            messages: Vec::new(),
            expunged: Vec::new(),
        });
    }

    /// Puts a message into a mailbox.
    pub fn deliver(&mut self, name: &str, raw: &[u8], flags: Flags) -> (UidValidity, Uid) {
        self.put(name, raw, flags, NOW).unwrap()
    }

    fn put(&mut self, name: &str, raw: &[u8], flags: Flags, date: Timestamp) -> Option<(UidValidity, Uid)> {
        let blob = self.blobs.len();
        let folder = self.folders.iter_mut().find(|f| f.name == name)?;
        self.blobs.push((raw.to_vec(), scan::structure(raw)));
        Some((folder.validity, folder.add(blob, flags, date)))
    }

    /// Someone else flags the message.
    pub fn flag(&mut self, name: &str, uid: u32, flag: SystemFlag) {
        let folder = self.folders.iter_mut().find(|f| f.name == name).unwrap();
        folder.modseq.0 += 1;
        let modseq = folder.modseq;
        let message = folder.messages.iter_mut().find(|m| m.uid.0 == uid).unwrap();
        message.flags.set(flag, true);
        message.modseq = modseq;
    }

    /// Someone else removes the message.
    pub fn expunge(&mut self, name: &str, uid: u32) {
        let folder = self.folders.iter_mut().find(|f| f.name == name).unwrap();
        folder.remove(&[Uid(uid)]);
    }

    /// Someone else deletes the mailbox.
    pub fn delete(&mut self, name: &str) {
        self.folders.retain(|f| f.name != name);
    }

    pub fn blob(&self, blob: BlobId, span: Span) -> &[u8] {
        let raw = &self.blobs[usize::try_from(blob.0).unwrap()].0;
        &raw[usize::try_from(span.start).unwrap()..usize::try_from(span.end).unwrap()]
    }

    fn find(&self, name: &str) -> Option<&Folder> {
        self.folders.iter().find(|f| f.name == name)
    }

    fn by_id(&mut self, id: MailboxId) -> Option<&mut Folder> {
        self.folders.iter_mut().find(|f| f.id == id)
    }

    pub fn answer(&mut self, question: Question, spool: &mut Option<Vec<u8>>) -> Answer {
        match question {
            Question::Authenticate { login, password, .. } => {
                if login == "anna" && password.expose() == b"secret" {
                    let address = Address::parse("anna@example.org").unwrap();
                    return Answer::Authenticated(Identity {
                        account: AccountId(1),
                        address,
                    });
                }
                Answer::Refused(Refusal::BadCredentials)
            }
            Question::Mailboxes => Answer::Mailboxes(self.folders.iter().map(Folder::mailbox).collect()),
            Question::Status { name } => match self.find(&name) {
                Some(folder) => Answer::Status(folder.mailbox()),
                None => Answer::Refused(Refusal::NoSuchMailbox),
            },
            Question::Open { name } => match self.find(&name) {
                Some(folder) => Answer::Opened(folder.open()),
                None => Answer::Refused(Refusal::NoSuchMailbox),
            },
            Question::Append { name, flags, date } => {
                match self.put(&name, &spool.take().unwrap(), flags, date.unwrap_or(NOW)) {
                    Some((validity, uid)) => Answer::Appended { validity, uid },
                    None => Answer::Refused(Refusal::NoSuchMailbox),
                }
            }
            Question::Rows { mailbox, uids, want } => self.rows(mailbox, &uids, want),
            Question::Octets { blob, span } => Answer::Octets(self.blob(blob, span).to_vec()),
            Question::StoreFlags {
                mailbox,
                uids,
                change,
                flags,
                unchanged_since,
            } => {
                let folder = self.by_id(mailbox).unwrap();
                folder.store(&uids, change, &flags, unchanged_since)
            }
            Question::Search { mailbox, criteria } => self.search(mailbox, &criteria),
            Question::Copy {
                mailbox,
                uids,
                to,
                remove,
            } => self.copy(mailbox, &uids, &to, remove),
            Question::Expunge { mailbox, uids } => {
                let folder = self.by_id(mailbox).unwrap();
                let doomed: Vec<Uid> = folder
                    .messages
                    .iter()
                    .filter(|m| m.flags.has(SystemFlag::Deleted))
                    .map(|m| m.uid)
                    .filter(|uid| uids.as_ref().is_none_or(|only| only.contains(uid)))
                    .collect();
                folder.remove(&doomed);
                Answer::Done
            }
            Question::Sync { mailbox, since } => match self.by_id(mailbox) {
                Some(folder) => Answer::Changes(folder.changes(since)),
                None => Answer::Changes(Changes {
                    gone: true,
                    ..Changes::default()
                }),
            },
            question => self.change_mailboxes(question),
        }
    }

    fn change_mailboxes(&mut self, question: Question) -> Answer {
        match question {
            Question::Create { name } => {
                if self.find(&name).is_some() {
                    return Answer::Refused(Refusal::MailboxExists);
                }
                self.make(&name, None);
            }
            Question::Delete { name } => {
                if name == "INBOX" {
                    return Answer::Refused(Refusal::CannotChange("INBOX cannot be deleted."));
                }
                if self.find(&name).is_none() {
                    return Answer::Refused(Refusal::NoSuchMailbox);
                }
                let inside = format!("{name}/");
                if self.folders.iter().any(|folder| folder.name.starts_with(&inside)) {
                    return Answer::Refused(Refusal::HasChildren);
                }
                self.delete(&name);
            }
            Question::Rename { from, to } => {
                let below = format!("{from}/");
                let Some(folder) = self.folders.iter_mut().find(|f| f.name == from) else {
                    return Answer::Refused(Refusal::NoSuchMailbox);
                };
                folder.name.clone_from(&to);
                for folder in &mut self.folders {
                    if let Some(rest) = folder.name.strip_prefix(&below) {
                        folder.name = format!("{to}/{rest}");
                    }
                }
            }
            Question::Subscribe { name, on } => match self.folders.iter_mut().find(|f| f.name == name) {
                Some(folder) => folder.subscribed = on,
                None => return Answer::Refused(Refusal::NoSuchMailbox),
            },
            other => panic!("IMAP asks {other:?}"),
        }
        Answer::Done
    }

    fn rows(&mut self, mailbox: MailboxId, uids: &[Uid], want: Want) -> Answer {
        assert!(uids.len() <= ROWS_AT_ONCE);
        self.most_rows = self.most_rows.max(uids.len());
        let folder = self.folders.iter().find(|f| f.id == mailbox).unwrap();
        let found = uids
            .iter()
            .filter_map(|uid| folder.messages.iter().find(|m| m.uid == *uid));
        Answer::Rows(
            found
                .map(|m| {
                    let (raw, structure) = &self.blobs[m.blob];
                    Row {
                        uid: m.uid,
                        blob: BlobId(m.blob as u64),
                        modseq: m.modseq,
                        flags: m.flags.clone(),
                        size: raw.len() as u64,
                        date: m.date,
                        structure: want.structure.then(|| Box::new(structure.clone())),
                        header: want.header.then(|| raw[..header::len(raw)].to_vec()),
                    }
                })
                .collect(),
        )
    }

    fn search(&self, mailbox: MailboxId, criteria: &Criteria) -> Answer {
        let folder = self.folders.iter().find(|f| f.id == mailbox).unwrap();
        let matches = |m: &&Message| {
            let (raw, structure) = &self.blobs[m.blob];
            criteria.matches(&Held {
                message: m,
                raw,
                structure,
            })
        };
        Answer::Found(folder.messages.iter().filter(matches).map(|m| m.uid).collect())
    }

    fn copy(&mut self, mailbox: MailboxId, uids: &[Uid], to: &str, remove: bool) -> Answer {
        let from = self.by_id(mailbox).unwrap();
        let copied: Vec<(Uid, usize, Flags, Timestamp)> = from
            .messages
            .iter()
            .filter(|m| uids.contains(&m.uid))
            .map(|m| (m.uid, m.blob, m.flags.clone(), m.date))
            .collect();
        let Some(target) = self.folders.iter_mut().find(|f| f.name == to) else {
            return Answer::Refused(Refusal::NoSuchMailbox);
        };
        let validity = target.validity;
        let pairs: Vec<(Uid, Uid)> = copied
            .into_iter()
            .map(|(uid, blob, flags, date)| (uid, target.add(blob, flags, date)))
            .collect();
        if remove {
            let gone: Vec<Uid> = pairs.iter().map(|(uid, _)| *uid).collect();
            self.by_id(mailbox).unwrap().remove(&gone);
        }
        Answer::Copied { validity, pairs }
    }
}

impl Folder {
    fn add(&mut self, blob: usize, flags: Flags, date: Timestamp) -> Uid {
        let uid = Uid(self.next);
        self.next += 1;
        self.modseq.0 += 1;
        self.messages.push(Message {
            uid,
            modseq: self.modseq,
            flags,
            date,
            blob,
        });
        uid
    }

    fn remove(&mut self, uids: &[Uid]) {
        self.modseq.0 += 1;
        let modseq = self.modseq;
        let known: Vec<Uid> = self
            .messages
            .iter()
            .map(|m| m.uid)
            .filter(|uid| uids.contains(uid))
            .collect();
        self.messages.retain(|m| !known.contains(&m.uid));
        self.expunged.extend(known.into_iter().map(|uid| (uid, modseq)));
    }

    fn store(
        &mut self,
        uids: &[Uid],
        change: FlagChange,
        flags: &Flags,
        unchanged: Option<ModSeq>,
    ) -> Answer {
        self.modseq.0 += 1;
        let modseq = self.modseq;
        let mut conflicted = Vec::new();
        for message in self.messages.iter_mut().filter(|m| uids.contains(&m.uid)) {
            if unchanged.is_some_and(|since| message.modseq > since) {
                conflicted.push(message.uid);
                continue;
            }
            let before = message.flags.clone();
            match change {
                FlagChange::Replace => message.flags = flags.clone(),
                FlagChange::Add => message.flags.add(flags),
                FlagChange::Remove => message.flags.remove(flags),
            }
            if message.flags != before {
                message.modseq = modseq;
            }
        }
        Answer::Stored { conflicted }
    }

    fn mailbox(&self) -> Mailbox {
        let count = |fits: &dyn Fn(&Message) -> bool| {
            u32::try_from(self.messages.iter().filter(|m| fits(m)).count()).unwrap()
        };
        Mailbox {
            id: self.id,
            name: self.name.clone(),
            subscribed: self.subscribed,
            special_use: self.special_use,
            messages: count(&|_| true),
            unseen: count(&|m| !m.flags.has(SystemFlag::Seen)),
            deleted: count(&|m| m.flags.has(SystemFlag::Deleted)),
            size: 1234,
            uid_next: Uid(self.next),
            uid_validity: self.validity,
            highest_modseq: self.modseq,
        }
    }

    fn open(&self) -> Opened {
        Opened {
            mailbox: self.mailbox(),
            uids: self.messages.iter().map(|m| m.uid).collect(),
            first_unseen: self
                .messages
                .iter()
                .find(|m| !m.flags.has(SystemFlag::Seen))
                .map(|m| m.uid),
            keywords: Vec::new(),
        }
    }

    fn changes(&self, since: ModSeq) -> Changes {
        let touched = self.messages.iter().filter(|m| m.modseq > since);
        let mut vanished: Vec<Uid> = self
            .expunged
            .iter()
            .filter(|(_, modseq)| *modseq > since)
            .map(|(uid, _)| *uid)
            .collect();
        vanished.sort_unstable();
        Changes {
            highest: (self.modseq > since).then_some(self.modseq),
            vanished,
            touched: touched.map(|m| (m.uid, m.modseq, m.flags.clone())).collect(),
            gone: false,
        }
    }
}

struct Held<'a> {
    message: &'a Message,
    raw: &'a [u8],
    structure: &'a Structure,
}

impl Candidate for Held<'_> {
    fn uid(&self) -> Uid {
        self.message.uid
    }
    fn flags(&self) -> &Flags {
        &self.message.flags
    }
    fn size(&self) -> u64 {
        self.raw.len() as u64
    }
    fn date(&self) -> Timestamp {
        self.message.date
    }
    fn modseq(&self) -> ModSeq {
        self.message.modseq
    }
    fn header(&self) -> &[u8] {
        &self.raw[..header::len(self.raw)]
    }
    fn structure(&self) -> Option<&Structure> {
        Some(self.structure)
    }
    fn read(&self, span: Span, piece: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
        let span = usize::try_from(span.start).unwrap()..usize::try_from(span.end).unwrap();
        for octets in self.raw[span].chunks(7) {
            if piece(octets).is_break() {
                return;
            }
        }
    }
}
