//! Message flags (RFC 9051 2.3.2).

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Flags that IMAP defines itself. The value is the bit in the stored row: never renumber.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum SystemFlag {
    /// `\Seen`
    Seen = 1,
    /// `\Answered`
    Answered = 2,
    /// `\Flagged`
    Flagged = 4,
    /// `\Deleted`
    Deleted = 8,
    /// `\Draft`
    Draft = 16,
}

impl SystemFlag {
    /// All of them, in the order in which they are listed to clients.
    pub const ALL: [Self; 5] = [
        Self::Answered,
        Self::Flagged,
        Self::Deleted,
        Self::Seen,
        Self::Draft,
    ];

    /// As clients write it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Seen => "\\Seen",
            Self::Answered => "\\Answered",
            Self::Flagged => "\\Flagged",
            Self::Deleted => "\\Deleted",
            Self::Draft => "\\Draft",
        }
    }
}

/// A set of flags: system flags as bits, keywords by name (case kept, compared without case).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Flags {
    bits: u8,
    keywords: BTreeSet<String>,
}

impl Flags {
    /// Most keywords one message may carry; further ones are ignored.
    pub const MAX_KEYWORDS: usize = 64;

    /// No flags.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Whether the system flag is set.
    #[must_use]
    pub const fn has(&self, flag: SystemFlag) -> bool {
        self.bits & flag as u8 != 0
    }

    /// Sets or clears a system flag.
    pub const fn set(&mut self, flag: SystemFlag, on: bool) {
        if on {
            self.bits |= flag as u8;
        } else {
            self.bits &= !(flag as u8);
        }
    }

    /// The set with `flag` in it.
    #[must_use]
    pub const fn with(mut self, flag: SystemFlag) -> Self {
        self.set(flag, true);
        self
    }

    /// Whether the keyword is set, whatever its case.
    #[must_use]
    pub fn has_keyword(&self, name: &str) -> bool {
        self.keywords.iter().any(|k| k.eq_ignore_ascii_case(name))
    }

    /// Adds a keyword unless it is there (in any case) or the set is full.
    pub fn add_keyword(&mut self, name: &str) {
        if !self.has_keyword(name) && self.keywords.len() < Self::MAX_KEYWORDS {
            self.keywords.insert(name.to_owned());
        }
    }

    /// The keywords, sorted.
    pub fn keywords(&self) -> impl Iterator<Item = &str> {
        self.keywords.iter().map(String::as_str)
    }

    /// Adds all of `other`.
    pub fn add(&mut self, other: &Self) {
        self.bits |= other.bits;
        for keyword in &other.keywords {
            self.add_keyword(keyword);
        }
    }

    /// Removes all of `other`.
    pub fn remove(&mut self, other: &Self) {
        self.bits &= !other.bits;
        self.keywords.retain(|k| !other.has_keyword(k));
    }
}
