//! What SEARCH may ask (RFC 9051 6.4.4, RFC 7162 3.1.5), as the client wrote it.

use super::cursor::{Cursor, Parse, Syntax};
use super::sequence::SequenceSet;
use super::store::keyword;
use crate::ask::Criteria;
use crate::limits::imap as limits;
use crate::types::{ModSeq, SystemFlag};

/// SEARCH's arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    pub uid: bool,
    /// RETURN's options; `None` asks for the old SEARCH response.
    pub options: Option<Options>,
    /// `None`: the client named a charset that is not ours.
    pub program: Option<Key>,
}

/// RETURN (...), RFC 9051 6.4.4.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    pub min: bool,
    pub max: bool,
    pub all: bool,
    pub count: bool,
    pub save: bool,
}

/// A search key; sequence sets still mean what the open mailbox makes of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    And(Vec<Key>),
    Or(Box<Key>, Box<Key>),
    Not(Box<Key>),
    Messages(SequenceSet),
    Uids(SequenceSet),
    Is(Criteria),
}

impl Search {
    /// search = "SEARCH" [search-return-opts] SP ["CHARSET" SP charset SP] search-key *(SP search-key)
    pub fn parse(cursor: &mut Cursor<'_>, uid: bool) -> Parse<Self> {
        let mut options = None;
        if cursor.word("RETURN") {
            cursor.sp()?;
            options = Some(Options::parse(cursor)?);
            cursor.sp()?;
        }
        if cursor.word("CHARSET") {
            cursor.sp()?;
            let charset = cursor.astring()?;
            if ![&b"UTF-8"[..], b"US-ASCII"]
                .iter()
                .any(|ours| charset.eq_ignore_ascii_case(ours))
            {
                // What it says in that charset is not for us to read.
                cursor.take_while(|_| true);
                return Ok(Self {
                    uid,
                    options,
                    program: None,
                });
            }
            cursor.sp()?;
        }
        let mut keys = Keys { left: limits::KEYS };
        let program = keys.all(cursor, limits::DEPTH)?;
        cursor.end()?;
        Ok(Self {
            uid,
            options,
            program: Some(program),
        })
    }
}

impl Options {
    fn parse(cursor: &mut Cursor<'_>) -> Parse<Self> {
        let mut options = Self::default();
        cursor.list(|cursor| {
            match cursor.atom()?.as_str() {
                "MIN" => options.min = true,
                "MAX" => options.max = true,
                "ALL" => options.all = true,
                "COUNT" => options.count = true,
                "SAVE" => options.save = true,
                _ => return Err(Syntax("no such SEARCH return option")),
            }
            Ok(())
        })?;
        if options == Self::default() {
            options.all = true; // RFC 9051 6.4.4: an empty list means ALL
        }
        Ok(options)
    }
}

struct Keys {
    left: u32,
}

impl Keys {
    // search-key *(SP search-key)
    fn all(&mut self, cursor: &mut Cursor<'_>, depth: u32) -> Parse<Key> {
        let first = self.key(cursor, depth)?;
        let mut keys = vec![first];
        while cursor.eat(b" ") {
            keys.push(self.key(cursor, depth)?);
        }
        Ok(match keys.pop() {
            Some(only) if keys.is_empty() => only,
            Some(last) => {
                keys.push(last);
                Key::And(keys)
            }
            None => Key::Is(Criteria::All),
        })
    }

    fn key(&mut self, cursor: &mut Cursor<'_>, depth: u32) -> Parse<Key> {
        self.left = self.left.checked_sub(1).ok_or(Syntax("too many search keys"))?;
        let depth = depth
            .checked_sub(1)
            .ok_or(Syntax("search keys are nested too deep"))?;
        if cursor.eat(b"(") {
            let key = self.all(cursor, depth)?;
            cursor.must(b")", "a parenthesis is missing")?;
            return Ok(key);
        }
        if matches!(cursor.peek(), Some(b'0'..=b'9' | b'*' | b'$')) {
            return Ok(Key::Messages(SequenceSet::parse(cursor)?));
        }
        let word = cursor.atom()?;
        match word.as_str() {
            "NOT" => {
                cursor.sp()?;
                Ok(Key::Not(Box::new(self.key(cursor, depth)?)))
            }
            "OR" => {
                cursor.sp()?;
                let one = self.key(cursor, depth)?;
                cursor.sp()?;
                Ok(Key::Or(Box::new(one), Box::new(self.key(cursor, depth)?)))
            }
            "UID" => {
                cursor.sp()?;
                Ok(Key::Uids(SequenceSet::parse(cursor)?))
            }
            word => match flag_key(word) {
                Some(key) => Ok(key),
                None => {
                    cursor.sp()?;
                    argument_key(word, cursor).map(Key::Is)
                }
            },
        }
    }
}

fn not(criteria: Criteria) -> Criteria {
    Criteria::Not(Box::new(criteria))
}

// Keys without an argument.
fn flag_key(word: &str) -> Option<Key> {
    use SystemFlag::{Answered, Deleted, Draft, Flagged, Seen};
    Some(Key::Is(match word {
        "ALL" => Criteria::All,
        "ANSWERED" => Criteria::Flag(Answered),
        "UNANSWERED" => not(Criteria::Flag(Answered)),
        "DELETED" => Criteria::Flag(Deleted),
        "UNDELETED" => not(Criteria::Flag(Deleted)),
        "DRAFT" => Criteria::Flag(Draft),
        "UNDRAFT" => not(Criteria::Flag(Draft)),
        "FLAGGED" => Criteria::Flag(Flagged),
        "UNFLAGGED" => not(Criteria::Flag(Flagged)),
        "SEEN" => Criteria::Flag(Seen),
        "UNSEEN" => not(Criteria::Flag(Seen)),
        // RFC 3501: no message is ever \Recent here (we say `0 RECENT`), so none is NEW, all are OLD.
        "OLD" => Criteria::All,
        "NEW" | "RECENT" => not(Criteria::All),
        _ => return None,
    }))
}

// Keys with one.
fn argument_key(word: &str, cursor: &mut Cursor<'_>) -> Parse<Criteria> {
    Ok(match word {
        "BCC" | "CC" | "FROM" | "SUBJECT" | "TO" => Criteria::Header {
            name: word.to_ascii_lowercase(),
            text: cursor.text()?,
        },
        "HEADER" => {
            let name = cursor.text()?;
            cursor.sp()?;
            Criteria::Header {
                name,
                text: cursor.text()?,
            }
        }
        "BODY" => Criteria::Body(cursor.text()?),
        "TEXT" => Criteria::Text(cursor.text()?),
        "KEYWORD" => Criteria::Keyword(keyword(cursor)?),
        "UNKEYWORD" => not(Criteria::Keyword(keyword(cursor)?)),
        "LARGER" => Criteria::Larger(cursor.number64()?),
        "SMALLER" => Criteria::Smaller(cursor.number64()?),
        "BEFORE" => Criteria::Before(cursor.day()?),
        "ON" => Criteria::On(cursor.day()?),
        "SINCE" => Criteria::Since(cursor.day()?),
        "SENTBEFORE" => Criteria::SentBefore(cursor.day()?),
        "SENTON" => Criteria::SentOn(cursor.day()?),
        "SENTSINCE" => Criteria::SentSince(cursor.day()?),
        "MODSEQ" => {
            // RFC 7162 3.1.5: an entry name and type may come first; all flags share one count here.
            if cursor.peek() == Some(b'"') {
                cursor.string()?;
                cursor.sp()?;
                cursor.atom()?;
                cursor.sp()?;
            }
            Criteria::ChangedSince(ModSeq(cursor.number64()?))
        }
        _ => return Err(Syntax("no such search key")),
    })
}

impl Key {
    /// Whether the client spoke of mod-sequences, which turns CONDSTORE on (RFC 7162 3.1).
    pub fn names_modseq(&self) -> bool {
        match self {
            Self::And(keys) => keys.iter().any(Self::names_modseq),
            Self::Or(one, other) => one.names_modseq() || other.names_modseq(),
            Self::Not(key) => key.names_modseq(),
            Self::Is(criteria) => matches!(criteria, Criteria::ChangedSince(_)),
            Self::Messages(_) | Self::Uids(_) => false,
        }
    }
}
