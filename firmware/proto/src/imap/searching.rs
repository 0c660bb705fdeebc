//! The SEARCH command (RFC 9051 6.4.4, RFC 7162 3.1.5).

use std::fmt::Write as _;

use super::reply::Reply;
use super::script::Script;
use super::selected::Selected;
use super::syntax::search::{Key, Options, Search};
use super::syntax::sequence;
use crate::ask::{Answer, Criteria, Question, ROWS_AT_ONCE, Want};
use crate::types::{ModSeq, Uid};

impl Script {
    pub(super) async fn search(&mut self, search: Search) -> Reply {
        let saves = search.options.is_some_and(|options| options.save);
        let by_uid = search.uid;
        let reply = self.find(search).await;
        if saves
            && reply.kind != super::reply::Kind::Ok
            && let Some(selected) = &mut self.selected
        {
            selected.saved.clear(); // RFC 9051 6.4.4.1: a failed search saves nothing
        }
        self.after(by_uid, reply).await
    }

    async fn find(&mut self, search: Search) -> Reply {
        let Some(selected) = &self.selected else {
            return Reply::ok("Nothing to do.");
        };
        let Some(program) = &search.program else {
            return Reply::no("[BADCHARSET (US-ASCII UTF-8)] That charset is not known here.");
        };
        let with_modseq = program.names_modseq();
        self.enabled.condstore |= with_modseq;
        let criteria = match criteria(program, selected) {
            Ok(criteria) => criteria,
            Err(reply) => return reply,
        };
        let mut found = match self
            .wire
            .ask(Question::Search {
                mailbox: selected.mailbox,
                criteria,
            })
            .await
        {
            Answer::Found(found) => found,
            answer => return Reply::failed(&answer),
        };
        // What came in meanwhile has no number yet.
        found.retain(|&uid| selected.number(uid).is_some());
        let options = search.options.unwrap_or(Options {
            all: true,
            ..Options::default()
        });
        let highest = match self.highest_modseq(&found, options, with_modseq).await {
            Ok(highest) => highest,
            Err(reply) => return reply,
        };
        let Some(selected) = &mut self.selected else {
            return Reply::ok("Nothing to do.");
        };
        if options.save {
            selected.saved = saved(&found, options);
        }
        let numbers: Vec<u32> = match search.uid {
            true => found.iter().map(|uid| uid.0).collect(),
            false => found
                .iter()
                .filter_map(|&uid| u32::try_from(selected.number(uid)?).ok())
                .collect(),
        };
        let line = if search.options.is_none() && !self.enabled.rev2 {
            old_response(&numbers, highest)
        } else {
            let tag = self.quote(&self.tag);
            esearch_response(&tag, search.uid, options, &numbers, highest)
        };
        // RFC 9051 6.4.4.1: SAVE alone wants no response.
        if options
            != (Options {
                save: true,
                ..Options::default()
            })
        {
            self.wire.line(&line);
        }
        Reply::ok("Searched.")
    }

    /// The highest mod-sequence of what is returned (RFC 7162 3.1.5 and 3.1.10).
    async fn highest_modseq(
        &self,
        found: &[Uid],
        options: Options,
        wanted: bool,
    ) -> Result<Option<ModSeq>, Reply> {
        if !wanted || found.is_empty() {
            return Ok(None);
        }
        let returned = if options.all || options.count {
            found.to_vec()
        } else {
            saved(found, options)
        };
        let mut highest = None;
        for piece in returned.chunks(ROWS_AT_ONCE) {
            let rows = self.rows(piece.to_vec(), Want::default()).await?;
            highest = highest.max(rows.iter().map(|row| row.modseq).max());
        }
        Ok(highest)
    }
}

/// RFC 9051 6.4.4.1: with MIN or MAX and neither ALL nor COUNT, only those are saved.
fn saved(found: &[Uid], options: Options) -> Vec<Uid> {
    if options.all || options.count || !(options.min || options.max) {
        return found.to_vec();
    }
    let min = found.first().filter(|_| options.min);
    let max = found.last().filter(|max| options.max && Some(*max) != min);
    min.into_iter().chain(max).copied().collect()
}

/// Sequence sets become UIDs.
fn criteria(key: &Key, selected: &Selected) -> Result<Criteria, Reply> {
    let uids = |set, uid| {
        let ranges = selected.uid_ranges(set, uid)?;
        Ok(Criteria::Uids(
            ranges
                .into_iter()
                .map(|(first, last)| (Uid(first), Uid(last)))
                .collect(),
        ))
    };
    match key {
        Key::And(keys) => keys
            .iter()
            .map(|key| criteria(key, selected))
            .collect::<Result<_, _>>()
            .map(Criteria::And),
        Key::Or(one, other) => {
            let one = criteria(one, selected)?;
            Ok(Criteria::Or(Box::new(one), Box::new(criteria(other, selected)?)))
        }
        Key::Not(key) => Ok(Criteria::Not(Box::new(criteria(key, selected)?))),
        Key::Messages(set) => uids(set, false),
        Key::Uids(set) => uids(set, true),
        Key::Is(criteria) => Ok(criteria.clone()),
    }
}

/// obsolete-search-response = "SEARCH" *(SP nz-number)
fn old_response(numbers: &[u32], highest: Option<ModSeq>) -> String {
    let mut line = "* SEARCH".to_owned();
    for number in numbers {
        // Writing to a String cannot fail.
        let _ = write!(line, " {number}");
    }
    if let Some(highest) = highest {
        let _ = write!(line, " (MODSEQ {highest})");
    }
    line
}

/// esearch-response = "ESEARCH" [search-correlator] [SP "UID"] *(SP search-return-data)
fn esearch_response(
    tag: &str,
    uid: bool,
    options: Options,
    numbers: &[u32],
    highest: Option<ModSeq>,
) -> String {
    let mut line = format!("* ESEARCH (TAG {tag})");
    if uid {
        line.push_str(" UID");
    }
    if let (true, Some(min)) = (options.min, numbers.first()) {
        let _ = write!(line, " MIN {min}");
    }
    if let (true, Some(max)) = (options.max, numbers.last()) {
        let _ = write!(line, " MAX {max}");
    }
    if options.all && !numbers.is_empty() {
        let _ = write!(line, " ALL {}", sequence::print(numbers.iter().copied()));
    }
    if options.count {
        let _ = write!(line, " COUNT {}", numbers.len());
    }
    if let Some(highest) = highest {
        let _ = write!(line, " MODSEQ {highest}");
    }
    line
}
