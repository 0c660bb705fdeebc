//! LIST's and STATUS's arguments (RFC 9051 6.3.9 and 6.3.11, RFC 5258, RFC 5819, RFC 6154).

use super::cursor::{Cursor, Parse, Syntax};
use crate::limits::imap as limits;

/// LIST's arguments.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct List {
    pub reference: String,
    pub patterns: Vec<String>,
    /// Selection options.
    pub only_subscribed: bool,
    pub only_special: bool,
    pub recursive: bool,
    /// RETURN options.
    pub subscribed: bool,
    pub status: Vec<StatusItem>,
}

/// What STATUS tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusItem {
    Messages,
    Recent,
    UidNext,
    UidValidity,
    Unseen,
    Deleted,
    Size,
    HighestModSeq,
    AppendLimit,
}

impl List {
    /// list = "LIST" [SP list-select-opts] SP mailbox SP mbox-or-pat [SP list-return-opts]
    pub fn parse(cursor: &mut Cursor<'_>) -> Parse<Self> {
        let mut list = Self::default();
        if cursor.peek() == Some(b'(') {
            cursor.list(|cursor| list.selection(cursor))?;
            // RFC 9051 6.3.9.1: a modifier needs something to modify.
            if list.recursive && !list.only_subscribed {
                return Err(Syntax("RECURSIVEMATCH stands with SUBSCRIBED only"));
            }
            cursor.sp()?;
        }
        list.reference = cursor.mailbox()?;
        cursor.sp()?;
        list.patterns = match cursor.peek() {
            Some(b'(') => cursor.list(Cursor::list_mailbox)?,
            _ => vec![cursor.list_mailbox()?],
        };
        if list.patterns.is_empty() || list.patterns.len() > limits::PATTERNS {
            return Err(Syntax("no patterns, or too many"));
        }
        if cursor.eat(b" ") {
            if !cursor.word("RETURN") {
                return Err(Syntax("RETURN is missing"));
            }
            cursor.sp()?;
            cursor.list(|cursor| list.returning(cursor))?;
        }
        Ok(list)
    }

    /// lsub = "LSUB" SP mailbox SP list-mailbox (RFC 3501)
    pub fn parse_lsub(cursor: &mut Cursor<'_>) -> Parse<Self> {
        let reference = cursor.mailbox()?;
        cursor.sp()?;
        let patterns = vec![cursor.list_mailbox()?];
        Ok(Self {
            reference,
            patterns,
            only_subscribed: true,
            recursive: true,
            ..Self::default()
        })
    }

    // list-select-opt
    fn selection(&mut self, cursor: &mut Cursor<'_>) -> Parse<()> {
        match cursor.atom()?.as_str() {
            "SUBSCRIBED" => self.only_subscribed = true,
            "SPECIAL-USE" => self.only_special = true,
            "RECURSIVEMATCH" => self.recursive = true,
            "REMOTE" => {} // there are no remote mailboxes
            _ => return Err(Syntax("no such LIST selection option")),
        }
        Ok(())
    }

    // return-option
    fn returning(&mut self, cursor: &mut Cursor<'_>) -> Parse<()> {
        match cursor.atom()?.as_str() {
            "SUBSCRIBED" => self.subscribed = true,
            "CHILDREN" | "SPECIAL-USE" => {} // always told
            "STATUS" => {
                cursor.sp()?;
                self.status = status_items(cursor)?;
            }
            _ => return Err(Syntax("no such LIST return option")),
        }
        Ok(())
    }
}

/// "(" status-att *(SP status-att) ")"
pub fn status_items(cursor: &mut Cursor<'_>) -> Parse<Vec<StatusItem>> {
    let items = cursor.list(|cursor| {
        Ok(match cursor.atom()?.as_str() {
            "MESSAGES" => StatusItem::Messages,
            "RECENT" => StatusItem::Recent,
            "UIDNEXT" => StatusItem::UidNext,
            "UIDVALIDITY" => StatusItem::UidValidity,
            "UNSEEN" => StatusItem::Unseen,
            "DELETED" => StatusItem::Deleted,
            "SIZE" => StatusItem::Size,
            "HIGHESTMODSEQ" => StatusItem::HighestModSeq,
            "APPENDLIMIT" => StatusItem::AppendLimit,
            _ => return Err(Syntax("no such STATUS item")),
        })
    })?;
    if items.is_empty() {
        Err(Syntax("no STATUS items"))
    } else {
        Ok(items)
    }
}
