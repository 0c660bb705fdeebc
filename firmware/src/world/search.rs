//! SEARCH: a walk over the rows of a mailbox; bodies are read only where a body is searched.

use super::{World, refused};
use crate::blocking::blocking;
use crate::limits;
use proto::ask::{Answer, Criteria, Row};
use proto::imap::search::Candidate;
use proto::refusal::Refusal;
use proto::types::{Flags, MailboxId, ModSeq, Span, Structure, Timestamp, Uid};
use std::cell::Cell;
use std::ops::ControlFlow;
use store::{Snapshot, StoreError};
use tracing::warn;

/// A row that may match, with the snapshot its body is read from.
struct Found<'a> {
    row: Row,
    snapshot: &'a Snapshot,
    broken: &'a Cell<bool>,
}

impl World {
    pub(super) fn search(&mut self, mailbox: MailboxId, criteria: &Criteria) -> Result<Answer, Refusal> {
        let connection = self.facts.number;
        let snapshot = self.snapshot().map_err(refused)?;
        let broken = Cell::new(false);
        let mut found = Vec::new();
        let visit = |row: Row| {
            let candidate = Found {
                row,
                snapshot,
                broken: &broken,
            };
            if criteria.matches(&candidate) {
                found.push(candidate.row.uid);
            }
            ControlFlow::Continue(())
        };
        match blocking(|| snapshot.each_row(mailbox, criteria.want(), visit)) {
            Ok(()) | Err(StoreError::NotFound) => {}
            Err(error) => return Err(refused(error)),
        }
        if broken.get() {
            warn!(connection, "a search passed over a body that cannot be read");
        }
        Ok(Answer::Found(found))
    }
}

impl Candidate for Found<'_> {
    fn uid(&self) -> Uid {
        self.row.uid
    }

    fn flags(&self) -> &Flags {
        &self.row.flags
    }

    fn size(&self) -> u64 {
        self.row.size
    }

    fn date(&self) -> Timestamp {
        self.row.date
    }

    fn modseq(&self) -> ModSeq {
        self.row.modseq
    }

    fn header(&self) -> &[u8] {
        self.row.header.as_deref().unwrap_or_default()
    }

    fn structure(&self) -> Option<&Structure> {
        self.row.structure.as_deref()
    }

    fn read(&self, span: Span, piece: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
        let Ok(Some(mut body)) = self.snapshot.body(self.row.blob) else {
            return self.broken.set(true);
        };
        let mut octets = Vec::new();
        let mut at = span.start;
        while at < span.end {
            let end = span.end.min(at + limits::PIECE as u64);
            octets.clear();
            if body.read_span(Span { start: at, end }, &mut octets).is_err() || octets.is_empty() {
                return self.broken.set(true);
            }
            at += octets.len() as u64;
            if piece(&octets).is_break() {
                return;
            }
        }
    }
}
