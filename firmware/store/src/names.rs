//! Mailbox names.

use crate::StoreError;

/// The one name that is the same in any case (RFC 9051 5.1).
pub(crate) const INBOX: &str = "INBOX";
/// Between the levels of a name.
pub(crate) const SEPARATOR: char = '/';

/// Most octets of one level.
const LEVEL: usize = 255;
/// Most octets of a name.
const TOTAL: usize = 1000;
/// Most levels.
const DEPTH: usize = 16;
/// Most mailboxes of an account.
pub(crate) const PER_ACCOUNT: usize = 5000;

/// A name that a mailbox may have; its first level is `INBOX` where it is that in any case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MailboxName(String);

impl MailboxName {
    /// One separator at the end is left out: it only announces children (RFC 9051 6.3.4).
    pub(crate) fn parse(text: &str) -> Result<Self, StoreError> {
        let text = text.strip_suffix(SEPARATOR).unwrap_or(text);
        let bad = |why| Err(StoreError::CannotChange(why));
        if text.len() > TOTAL {
            return bad("the mailbox name is too long");
        }
        let levels: Vec<&str> = text.split(SEPARATOR).collect();
        if levels.len() > DEPTH {
            return bad("the mailbox name has too many levels");
        }
        if levels.iter().any(|level| level.is_empty()) {
            return bad("the mailbox name has an empty level");
        }
        if levels.iter().any(|level| level.len() > LEVEL) {
            return bad("a level of the mailbox name is too long");
        }
        // RFC 9051 5.1: wildcards would make it impossible to list, controls to display.
        if text.chars().any(|c| c.is_control() || matches!(c, '*' | '%')) {
            return bad("the mailbox name has a character that is not allowed");
        }
        let inbox = text
            .get(..INBOX.len())
            .filter(|first| first.eq_ignore_ascii_case(INBOX));
        match inbox.and_then(|_| text.get(INBOX.len()..)) {
            Some(rest) if rest.is_empty() || rest.starts_with(SEPARATOR) => {
                Ok(Self(format!("{INBOX}{rest}")))
            }
            _ => Ok(Self(text.to_owned())),
        }
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_inbox(&self) -> bool {
        self.0 == INBOX
    }

    pub(crate) fn depth(&self) -> usize {
        self.0.split(SEPARATOR).count()
    }

    /// Whether it is `other` or inside of it.
    pub(crate) fn is_inside(&self, other: &Self) -> bool {
        self.0
            .strip_prefix(&other.0)
            .is_some_and(|rest| rest.is_empty() || rest.starts_with(SEPARATOR))
    }

    /// The names above it, from the top.
    pub(crate) fn parents(&self) -> impl Iterator<Item = &str> {
        self.0
            .match_indices(SEPARATOR)
            .filter_map(|(at, _)| self.0.get(..at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inbox_is_one_whatever_its_case_and_only_as_a_whole_level() {
        let cases = [
            ("inbox", "INBOX"),
            ("InBoX/Sub", "INBOX/Sub"),
            ("inbox/", "INBOX"),
            ("inboxes", "inboxes"),
            ("Work/inbox", "Work/inbox"),
            ("Büro/Ü", "Büro/Ü"),
        ];
        for (text, name) in cases {
            assert_eq!(MailboxName::parse(text).unwrap().as_str(), name);
        }
    }

    #[test]
    fn parents_come_from_the_top_and_inside_means_whole_levels() {
        let name = MailboxName::parse("a/b/c").unwrap();
        assert_eq!(name.parents().collect::<Vec<_>>(), ["a", "a/b"]);
        let inside = |other: &str| name.is_inside(&MailboxName::parse(other).unwrap());
        assert!(inside("a/b") && inside("a/b/c"));
        assert!(!inside("a/bc") && !inside("b") && !inside("a/b/c/d"));
    }
}
