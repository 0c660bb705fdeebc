//! FETCH (RFC 9051 6.4.5): rows in pieces, bodies streamed, memory flat.

use std::borrow::Cow;
use std::io::Write as _;

use super::content;
use super::fields;
use super::message;
use super::print;
use super::reply::Reply;
use super::script::Script;
use super::select::vanished_earlier;
use super::selected::{Known, Told};
use super::syntax::fetch::{Content, Fetch, Item, Label, Section, SectionText};
use super::syntax::sequence::Ranges;
use crate::ask::{Answer, FlagChange, OCTETS_AT_ONCE, Question, ROWS_AT_ONCE, Row, Want};
use crate::limits::imap as limits;
use crate::message::date;
use crate::types::{Flags, ModSeq, Span, Structure, SystemFlag, Uid};

/// What a FETCH does to each message.
struct Plan {
    items: Vec<Item>,
    want: Want,
    /// Whether it sets `\Seen`.
    marks_seen: bool,
    changed_since: Option<ModSeq>,
}

impl Plan {
    fn new(fetch: Fetch, read_only: bool) -> Self {
        let mut items = fetch.items;
        // RFC 9051 6.4.9: UID FETCH tells the UID, RFC 7162 3.1.4.1: CHANGEDSINCE the MODSEQ.
        if fetch.uid && !items.contains(&Item::Uid) {
            items.insert(0, Item::Uid);
        }
        if fetch.changed_since.is_some() && !items.contains(&Item::ModSeq) {
            items.push(Item::ModSeq);
        }
        let mut want = Want::default();
        let mut marks_seen = false;
        for item in &items {
            match item {
                Item::Envelope | Item::Structure { .. } | Item::BinarySize(_) => want.structure = true,
                Item::Content(content) => {
                    marks_seen |= !content.peek && !read_only;
                    match &content.section {
                        Section {
                            path,
                            text: SectionText::Whole,
                        } if path.is_empty() => {}
                        Section {
                            path,
                            text: SectionText::Fields { .. },
                        } if path.is_empty() => {
                            want.header = true;
                        }
                        _ => want.structure = true,
                    }
                }
                _ => {}
            }
        }
        Self {
            items,
            want,
            marks_seen,
            changed_since: fetch.changed_since.map(ModSeq),
        }
    }

    const fn rows_at_once(&self) -> usize {
        if self.want.structure || self.want.header {
            limits::LARGE_ROWS
        } else {
            ROWS_AT_ONCE
        }
    }
}

impl Script {
    pub(super) async fn fetch(&mut self, fetch: Fetch) -> Reply {
        let Some(selected) = &self.selected else {
            return Reply::ok("Nothing to do.");
        };
        let mut uids = match selected.resolve(&fetch.set, fetch.uid) {
            Ok(uids) => uids,
            Err(reply) => return reply,
        };
        let by_uid = fetch.uid;
        if fetch.vanished && !self.enabled.qresync {
            return Reply::bad("Enable QRESYNC first."); // RFC 7162 3.2.6
        }
        // All that the set may mean, messages that are gone included.
        let vanished = fetch.vanished.then(|| fetch.set.in_uids(u32::MAX));
        let plan = Plan::new(fetch, selected.read_only);
        self.enabled.condstore |= plan.items.contains(&Item::ModSeq);
        if let Err(reply) = self.only_changed(&mut uids, plan.changed_since, vanished).await {
            return reply;
        }
        let mut told = Told::new();
        let mut gone = false;
        for piece in uids.chunks(plan.rows_at_once()) {
            let mut rows = match self.rows(piece.to_vec(), plan.want).await {
                Ok(rows) => rows,
                Err(reply) => return reply,
            };
            gone |= rows.len() < piece.len();
            rows.retain(|row| plan.changed_since.is_none_or(|since| row.modseq > since));
            let marked = self.mark_seen(&plan, &mut rows, &mut told).await;
            for row in &rows {
                if let Err(reply) = self.fetch_row(&plan, row, marked.contains(&row.uid)).await {
                    return reply;
                }
            }
            if !told.is_empty() {
                // Here and not at the end, so that what is told does not pile up.
                self.sync(false, &told).await;
                told.clear();
            }
        }
        self.sync(by_uid, &Told::new()).await;
        if gone && !by_uid {
            // RFC 5530 3: the client holds sequence numbers of messages that are no more.
            return Reply::no("[EXPUNGEISSUED] Some of these messages are gone.");
        }
        Reply::ok("Fetched.")
    }

    // RFC 7162 3.1.4.1: asks for the changes instead of reading every row.
    async fn only_changed(
        &mut self,
        uids: &mut Vec<Uid>,
        since: Option<ModSeq>,
        vanished: Option<Ranges>,
    ) -> Result<(), Reply> {
        let (Some(since), Some(selected)) = (since, &self.selected) else {
            return Ok(());
        };
        match self
            .wire
            .ask(Question::Sync {
                mailbox: selected.mailbox,
                since,
            })
            .await
        {
            Answer::Changes(changes) => {
                if let Some(asked) = vanished {
                    // What the client still counts is told as news, with the numbers shifting.
                    let earlier = changes
                        .vanished
                        .iter()
                        .filter(|uid| selected.number(**uid).is_none());
                    let earlier: Vec<Uid> = earlier.copied().collect();
                    self.wire
                        .send(vanished_earlier(&earlier, Some(&asked)).as_bytes());
                }
                let changed = changes.touched;
                uids.retain(|uid| {
                    changed
                        .binary_search_by_key(uid, |(touched, ..)| *touched)
                        .is_ok()
                });
                Ok(())
            }
            answer => Err(Reply::failed(&answer)),
        }
    }

    /// Sets `\Seen` before the octets are sent; gives those that had it not.
    async fn mark_seen(&mut self, plan: &Plan, rows: &mut [Row], told: &mut Told) -> Vec<Uid> {
        let unseen: Vec<Uid> = rows
            .iter()
            .filter(|row| !row.flags.has(SystemFlag::Seen))
            .map(|row| row.uid)
            .collect();
        let Some(selected) = &self.selected else {
            return Vec::new();
        };
        if !plan.marks_seen || unseen.is_empty() {
            return Vec::new();
        }
        let question = Question::StoreFlags {
            mailbox: selected.mailbox,
            uids: unseen.clone(),
            change: FlagChange::Add,
            flags: Flags::new().with(SystemFlag::Seen),
            unchanged_since: None,
        };
        // A full card must not keep anyone from reading mail: then it stays unseen.
        let Answer::Stored { .. } = self.wire.ask(question).await else {
            return Vec::new();
        };
        for row in rows.iter_mut().filter(|row| unseen.contains(&row.uid)) {
            row.flags.set(SystemFlag::Seen, true);
            told.insert(row.uid, Known::Flags(row.flags.clone()));
        }
        unseen
    }

    async fn fetch_row(&mut self, plan: &Plan, row: &Row, marked: bool) -> Result<(), Reply> {
        let Some(number) = self
            .selected
            .as_ref()
            .and_then(|selected| selected.number(row.uid))
        else {
            return Ok(());
        };
        let shows_flags = plan.items.contains(&Item::Flags);
        if shows_flags || marked {
            self.tell_new_keywords(&row.flags);
        }
        let mut out = format!("* {number} FETCH (").into_bytes();
        for (index, item) in plan.items.iter().enumerate() {
            if index > 0 {
                out.push(b' ');
            }
            if let Err(reply) = self.fetch_item(&mut out, row, item).await {
                // A response that has begun cannot be taken back, nor ended.
                self.over |= !out.starts_with(b"* ");
                return Err(reply);
            }
        }
        if marked && !shows_flags {
            out.extend_from_slice(format!(" FLAGS {}", print::flags(&row.flags)).as_bytes());
        }
        out.extend_from_slice(b")\r\n");
        self.wire.send(&out);
        Ok(())
    }

    async fn fetch_item(&mut self, out: &mut Vec<u8>, row: &Row, item: &Item) -> Result<(), Reply> {
        match item {
            Item::Content(content) if content.label == Label::Binary => self.binary(out, row, content).await,
            Item::Content(content) => self.content(out, row, content).await,
            Item::BinarySize(path) => self.binary_size(out, row, path).await,
            item => {
                plain(out, row, item, self.enabled.utf8());
                Ok(())
            }
        }
    }

    /// BODY[...] and its old forms.
    async fn content(&mut self, out: &mut Vec<u8>, row: &Row, content: &Content) -> Result<(), Reply> {
        label(out, content, self.enabled.utf8());
        let section = &content.section;
        let span = span(row, section);
        if let SectionText::Fields { names, not } = &section.text {
            let header = match (&row.header, span) {
                (Some(header), _) if section.path.is_empty() => Cow::Borrowed(header.as_slice()),
                (_, Some(span)) => Cow::Owned(self.octets(row, span).await?),
                (_, None) => return nil(out),
            };
            let chosen = fields::choose(&header, names, *not);
            let chosen = content::clip_octets(&chosen, content.partial);
            out.extend_from_slice(format!("{{{}}}\r\n", chosen.len()).as_bytes());
            out.extend_from_slice(chosen);
            return Ok(());
        }
        let Some(span) = span else { return nil(out) };
        let span = content::clip(span, content.partial);
        out.extend_from_slice(format!("{{{}}}\r\n", span.len()).as_bytes());
        self.wire.send(out);
        out.clear();
        if !span.is_empty() {
            self.wire.send_body(row.blob, span);
        }
        Ok(())
    }

    /// At most [`OCTETS_AT_ONCE`] of a body.
    pub(super) async fn octets(&self, row: &Row, span: Span) -> Result<Vec<u8>, Reply> {
        let span = content::clip(span, Some((0, OCTETS_AT_ONCE)));
        match self.wire.ask(Question::Octets { blob: row.blob, span }).await {
            Answer::Octets(octets) => Ok(octets),
            answer => Err(Reply::failed(&answer)),
        }
    }
}

/// Items that the row holds.
fn plain(out: &mut Vec<u8>, row: &Row, item: &Item, utf8: bool) {
    let nothing = Structure::default();
    let structure = row.structure.as_deref().unwrap_or(&nothing);
    // Writing to a Vec cannot fail.
    let _ = match item {
        Item::Flags => write!(out, "FLAGS {}", print::flags(&row.flags)),
        Item::Uid => write!(out, "UID {}", row.uid),
        Item::InternalDate => write!(out, "INTERNALDATE \"{}\"", date::format_internal(row.date)),
        Item::Size => write!(out, "RFC822.SIZE {}", row.size),
        Item::ModSeq => write!(out, "{}", print::modseq(row.modseq)),
        Item::Envelope => {
            out.extend_from_slice(b"ENVELOPE ");
            message::envelope(out, &structure.envelope, utf8);
            Ok(())
        }
        Item::Structure { extended } => {
            out.extend_from_slice(if *extended { b"BODYSTRUCTURE " } else { b"BODY " });
            message::body(out, &structure.root, *extended, utf8);
            Ok(())
        }
        Item::Content(_) | Item::BinarySize(_) => Ok(()),
    };
}

/// Where a section stands; `None`: there is no such part.
fn span(row: &Row, section: &Section) -> Option<Span> {
    if section.path.is_empty() && section.text == SectionText::Whole {
        return Some(Span {
            start: 0,
            end: row.size,
        });
    }
    content::span(row.structure.as_deref()?, section)
}

fn nil(out: &mut Vec<u8>) -> Result<(), Reply> {
    out.extend_from_slice(b"NIL");
    Ok(())
}

/// "BODY" section ["<" number ">"] SP
pub(super) fn label(out: &mut Vec<u8>, content: &Content, utf8: bool) {
    match content.label {
        Label::Rfc822 => return out.extend_from_slice(b"RFC822 "),
        Label::Rfc822Header => return out.extend_from_slice(b"RFC822.HEADER "),
        Label::Rfc822Text => return out.extend_from_slice(b"RFC822.TEXT "),
        Label::Body => out.extend_from_slice(b"BODY["),
        Label::Binary => out.extend_from_slice(b"BINARY["),
    }
    out.extend_from_slice(part_number(&content.section.path).as_bytes());
    let text = match &content.section.text {
        SectionText::Whole => "",
        SectionText::Header => "HEADER",
        SectionText::Fields { not: false, .. } => "HEADER.FIELDS",
        SectionText::Fields { not: true, .. } => "HEADER.FIELDS.NOT",
        SectionText::Text => "TEXT",
        SectionText::Mime => "MIME",
    };
    if !content.section.path.is_empty() && !text.is_empty() {
        out.push(b'.');
    }
    out.extend_from_slice(text.as_bytes());
    if let SectionText::Fields { names, .. } = &content.section.text {
        for (index, name) in names.iter().enumerate() {
            out.extend_from_slice(if index == 0 { b" (" } else { b" " });
            if !name.is_empty() && name.iter().all(|&c| super::syntax::cursor::is_atom_char(c)) {
                out.extend_from_slice(name);
            } else {
                print::string(out, name, utf8);
            }
        }
        out.push(b')');
    }
    out.push(b']');
    if let Some((first, _)) = content.partial {
        out.extend_from_slice(format!("<{first}>").as_bytes());
    }
    out.push(b' ');
}

/// section-part = nz-number *("." nz-number)
pub(super) fn part_number(path: &[u32]) -> String {
    path.iter().map(u32::to_string).collect::<Vec<_>>().join(".")
}
