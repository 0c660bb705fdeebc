//! What FETCH may ask for (RFC 9051 6.4.5, RFC 3501's RFC822 items, RFC 7162's MODSEQ).

use super::cursor::{Cursor, Parse, Syntax};
use super::sequence::SequenceSet;
use crate::limits::imap as limits;

/// FETCH's arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetch {
    pub set: SequenceSet,
    pub uid: bool,
    pub items: Vec<Item>,
    /// CHANGEDSINCE (RFC 7162 3.1.4.1).
    pub changed_since: Option<u64>,
    /// VANISHED (RFC 7162 3.2.6).
    pub vanished: bool,
}

/// One thing about a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    Flags,
    Uid,
    InternalDate,
    Size,
    ModSeq,
    Envelope,
    /// BODYSTRUCTURE, or BODY without extension data.
    Structure {
        extended: bool,
    },
    Content(Content),
    /// BINARY.SIZE[part] (RFC 3516).
    BinarySize(Vec<u32>),
}

/// Octets of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    pub label: Label,
    pub section: Section,
    /// Leaves `\Seen` alone.
    pub peek: bool,
    /// First octet and most octets.
    pub partial: Option<(u64, u64)>,
}

/// How the response names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Label {
    Body,
    Binary,
    Rfc822,
    Rfc822Header,
    Rfc822Text,
}

/// Part number and what of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Section {
    pub path: Vec<u32>,
    pub text: SectionText,
}

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum SectionText {
    #[default]
    Whole,
    Header,
    Fields {
        names: Vec<Vec<u8>>,
        not: bool,
    },
    Text,
    Mime,
}

impl Fetch {
    /// fetch = "FETCH" SP sequence-set SP ("ALL" / "FULL" / "FAST" / fetch-att /
    ///         "(" fetch-att *(SP fetch-att) ")") [SP "(" fetch-modifier ")"]
    pub fn parse(cursor: &mut Cursor<'_>, uid: bool) -> Parse<Self> {
        let set = SequenceSet::parse(cursor)?;
        cursor.sp()?;
        let items = match macro_items(cursor) {
            Some(items) => items,
            None if cursor.peek() == Some(b'(') => cursor.list(Item::parse)?,
            None => vec![Item::parse(cursor)?],
        };
        if items.is_empty() || items.len() > limits::ITEMS {
            return Err(Syntax("no items to fetch, or too many"));
        }
        let mut changed_since = None;
        let mut vanished = false;
        if cursor.eat(b" ") {
            cursor.must(b"(", "a parenthesis is missing")?;
            if !cursor.word("CHANGEDSINCE") {
                return Err(Syntax("no such FETCH modifier"));
            }
            cursor.sp()?;
            changed_since = Some(cursor.number64()?);
            vanished = cursor.eat(b" ");
            if vanished && !(uid && cursor.word("VANISHED")) {
                return Err(Syntax("no such FETCH modifier"));
            }
            cursor.must(b")", "a parenthesis is missing")?;
        }
        Ok(Self {
            set,
            uid,
            items,
            changed_since,
            vanished,
        })
    }
}

// RFC 9051 6.4.5: ALL, FAST and FULL stand alone.
fn macro_items(cursor: &mut Cursor<'_>) -> Option<Vec<Item>> {
    let mut items = vec![Item::Flags, Item::InternalDate, Item::Size];
    if cursor.word("FAST") {
        return Some(items);
    }
    items.push(Item::Envelope);
    if cursor.word("ALL") {
        return Some(items);
    }
    items.push(Item::Structure { extended: false });
    cursor.word("FULL").then_some(items)
}

impl Item {
    // fetch-att
    fn parse(cursor: &mut Cursor<'_>) -> Parse<Self> {
        let word = cursor
            .take_while(|c| c.is_ascii_alphanumeric() || c == b'.')
            .to_ascii_uppercase();
        let section = cursor.peek() == Some(b'[');
        Ok(match (word.as_slice(), section) {
            (b"FLAGS", false) => Self::Flags,
            (b"UID", false) => Self::Uid,
            (b"INTERNALDATE", false) => Self::InternalDate,
            (b"RFC822.SIZE", false) => Self::Size,
            (b"MODSEQ", false) => Self::ModSeq,
            (b"ENVELOPE", false) => Self::Envelope,
            (b"BODY", false) => Self::Structure { extended: false },
            (b"BODYSTRUCTURE", false) => Self::Structure { extended: true },
            (b"RFC822", false) => Self::old(Label::Rfc822, SectionText::Whole, false),
            (b"RFC822.HEADER", false) => Self::old(Label::Rfc822Header, SectionText::Header, true),
            (b"RFC822.TEXT", false) => Self::old(Label::Rfc822Text, SectionText::Text, false),
            (b"BODY", true) => Self::content(cursor, Label::Body, false)?,
            (b"BODY.PEEK", true) => Self::content(cursor, Label::Body, true)?,
            (b"BINARY", true) => Self::content(cursor, Label::Binary, false)?,
            (b"BINARY.PEEK", true) => Self::content(cursor, Label::Binary, true)?,
            (b"BINARY.SIZE", true) => Self::BinarySize(Section::binary(cursor)?.path),
            _ => return Err(Syntax("no such FETCH item")),
        })
    }

    fn old(label: Label, text: SectionText, peek: bool) -> Self {
        let section = Section {
            path: Vec::new(),
            text,
        };
        Self::Content(Content {
            label,
            section,
            peek,
            partial: None,
        })
    }

    fn content(cursor: &mut Cursor<'_>, label: Label, peek: bool) -> Parse<Self> {
        let section = match label {
            Label::Binary => Section::binary(cursor)?,
            _ => Section::parse(cursor)?,
        };
        let partial = partial(cursor)?;
        Ok(Self::Content(Content {
            label,
            section,
            peek,
            partial,
        }))
    }
}

// partial = "<" number64 "." nz-number64 ">"
fn partial(cursor: &mut Cursor<'_>) -> Parse<Option<(u64, u64)>> {
    if !cursor.eat(b"<") {
        return Ok(None);
    }
    let first = cursor.number64()?;
    cursor.must(b".", "a partial is malformed")?;
    let count = cursor.number64()?;
    cursor.must(b">", "a partial is malformed")?;
    if count == 0 {
        return Err(Syntax("a partial of no octets"));
    }
    Ok(Some((first, count)))
}

impl Section {
    // section = "[" [section-spec] "]"
    // section-spec = section-msgtext / (section-part ["." section-text])
    fn parse(cursor: &mut Cursor<'_>) -> Parse<Self> {
        cursor.must(b"[", "a section is missing")?;
        let path = section_part(cursor)?;
        let text = match cursor.peek() {
            Some(b']') => SectionText::Whole,
            _ => SectionText::parse(cursor)?,
        };
        cursor.must(b"]", "a section does not end")?;
        if path.is_empty() && text == SectionText::Mime {
            return Err(Syntax("MIME needs a part number"));
        }
        Ok(Self { path, text })
    }

    // section-binary = "[" [section-part] "]"
    fn binary(cursor: &mut Cursor<'_>) -> Parse<Self> {
        let section = Self::parse(cursor)?;
        match section.text {
            SectionText::Whole => Ok(section),
            _ => Err(Syntax("BINARY takes a part number only")),
        }
    }
}

// section-part = nz-number *("." nz-number), and the "." before a section-text.
fn section_part(cursor: &mut Cursor<'_>) -> Parse<Vec<u32>> {
    let mut path = Vec::new();
    while cursor.peek().is_some_and(|c| c.is_ascii_digit()) {
        path.push(cursor.nz_number()?);
        if path.len() > limits::PATH {
            return Err(Syntax("a part number is too deep"));
        }
        if !cursor.eat(b".") {
            if cursor.peek() != Some(b']') {
                return Err(Syntax("a section is malformed"));
            }
            return Ok(path);
        }
        if cursor.peek() == Some(b']') {
            return Err(Syntax("a section is malformed"));
        }
    }
    Ok(path)
}

impl SectionText {
    // section-text = section-msgtext / "MIME"
    fn parse(cursor: &mut Cursor<'_>) -> Parse<Self> {
        let word = cursor
            .take_while(|c| c.is_ascii_alphabetic() || c == b'.')
            .to_ascii_uppercase();
        let not = match word.as_slice() {
            b"HEADER" => return Ok(Self::Header),
            b"TEXT" => return Ok(Self::Text),
            b"MIME" => return Ok(Self::Mime),
            b"HEADER.FIELDS" => false,
            b"HEADER.FIELDS.NOT" => true,
            _ => return Err(Syntax("no such section")),
        };
        cursor.sp()?;
        let names = cursor.list(Cursor::astring)?;
        if names.is_empty() || names.len() > limits::ITEMS {
            return Err(Syntax("no header fields, or too many"));
        }
        Ok(Self::Fields { names, not })
    }
}
