//! STORE's and APPEND's arguments (RFC 9051 6.4.6 and 6.3.12).

use super::cursor::{Cursor, Parse, Syntax};
use super::sequence::SequenceSet;
use crate::ask::FlagChange;
use crate::limits::imap as limits;
use crate::types::{Flags, SystemFlag, Timestamp};

/// STORE's arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Store {
    pub set: SequenceSet,
    pub uid: bool,
    pub change: FlagChange,
    pub silent: bool,
    pub flags: Flags,
    /// UNCHANGEDSINCE (RFC 7162 3.1.3).
    pub unchanged_since: Option<u64>,
}

impl Store {
    /// store = "STORE" SP sequence-set [SP "(" store-modifier ")"] SP ["+" / "-"] "FLAGS"
    ///         [".SILENT"] SP (flag-list / (flag *(SP flag)))
    pub fn parse(cursor: &mut Cursor<'_>, uid: bool) -> Parse<Self> {
        let set = SequenceSet::parse(cursor)?;
        cursor.sp()?;
        let mut unchanged_since = None;
        if cursor.eat(b"(") {
            if !cursor.word("UNCHANGEDSINCE") {
                return Err(Syntax("no such STORE modifier"));
            }
            cursor.sp()?;
            unchanged_since = Some(cursor.number64()?);
            cursor.must(b") ", "a parenthesis is missing")?;
        }
        let change = match cursor.peek() {
            Some(b'+') => FlagChange::Add,
            Some(b'-') => FlagChange::Remove,
            _ => FlagChange::Replace,
        };
        cursor.eat(match change {
            FlagChange::Add => b"+",
            FlagChange::Remove => b"-",
            FlagChange::Replace => b"",
        });
        let silent = match cursor.atom()?.as_str() {
            "FLAGS" => false,
            "FLAGS.SILENT" => true,
            _ => return Err(Syntax("STORE changes FLAGS only")),
        };
        cursor.sp()?;
        let flags = if cursor.peek() == Some(b'(') {
            flag_list(cursor)?
        } else {
            bare_flags(cursor)?
        };
        Ok(Self {
            set,
            uid,
            change,
            silent,
            flags,
            unchanged_since,
        })
    }
}

/// flag-list = "(" [flag *(SP flag)] ")"
fn flag_list(cursor: &mut Cursor<'_>) -> Parse<Flags> {
    let mut flags = Flags::new();
    cursor.list(|cursor| flag(cursor, &mut flags))?;
    Ok(flags)
}

fn bare_flags(cursor: &mut Cursor<'_>) -> Parse<Flags> {
    let mut flags = Flags::new();
    flag(cursor, &mut flags)?;
    while cursor.eat(b" ") {
        flag(cursor, &mut flags)?;
    }
    Ok(flags)
}

// flag = "\Answered" / "\Flagged" / "\Deleted" / "\Seen" / "\Draft" / flag-keyword
fn flag(cursor: &mut Cursor<'_>, flags: &mut Flags) -> Parse<()> {
    if cursor.peek() != Some(b'\\') {
        flags.add_keyword(&keyword(cursor)?);
        return Ok(());
    }
    for system in SystemFlag::ALL {
        if cursor.clone().letters(system.as_str()) {
            cursor.letters(system.as_str());
            flags.set(system, true);
            return Ok(());
        }
    }
    // RFC 3501: \Recent cannot be set; clients that copy it along mean no harm.
    if cursor.letters("\\Recent") {
        Ok(())
    } else {
        Err(Syntax("no such system flag"))
    }
}

/// flag-keyword = atom
pub fn keyword(cursor: &mut Cursor<'_>) -> Parse<String> {
    let name = cursor.take_while(super::cursor::is_atom_char);
    match std::str::from_utf8(name) {
        Ok(name) if !name.is_empty() && name.len() <= limits::KEYWORD => Ok(name.to_owned()),
        _ => Err(Syntax("a keyword is missing or too long")),
    }
}

/// APPEND's arguments up to the message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Append {
    pub name: String,
    pub flags: Flags,
    pub date: Option<Timestamp>,
    /// Whether the message stands in `UTF8 (...)` (RFC 6855 4), so that a parenthesis follows it.
    pub wrapped: bool,
}

impl Append {
    /// append = "APPEND" SP mailbox [SP flag-list] [SP date-time] SP literal
    ///
    /// Reads up to the literal of the message; the framing asks whether it is there yet.
    pub fn parse(cursor: &mut Cursor<'_>) -> Parse<Self> {
        let name = cursor.mailbox()?;
        cursor.sp()?;
        let mut flags = Flags::new();
        if cursor.peek() == Some(b'(') {
            flags = flag_list(cursor)?;
            cursor.sp()?;
        }
        let mut date = None;
        if cursor.peek() == Some(b'"') {
            date = Some(cursor.date_time()?);
            cursor.sp()?;
        }
        let wrapped = cursor.word("UTF8");
        if wrapped {
            cursor.must(b" (", "a parenthesis is missing")?;
        }
        match cursor.peek() {
            Some(b'{' | b'~') => Ok(Self {
                name,
                flags,
                date,
                wrapped,
            }),
            _ => Err(Syntax("the message is missing")),
        }
    }
}
