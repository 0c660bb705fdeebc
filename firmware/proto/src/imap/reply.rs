//! The tagged end of every command (RFC 9051 7.1).

use super::syntax::cursor::Syntax;
use crate::ask::Answer;
use crate::refusal::Refusal;

/// How a command went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Reply {
    pub kind: Kind,
    /// The response code in its brackets, where there is one, and the text.
    pub text: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ok,
    No,
    Bad,
}

impl Reply {
    pub fn ok(text: impl Into<String>) -> Self {
        Self {
            kind: Kind::Ok,
            text: text.into(),
        }
    }

    pub fn no(text: impl Into<String>) -> Self {
        Self {
            kind: Kind::No,
            text: text.into(),
        }
    }

    pub fn bad(text: impl Into<String>) -> Self {
        Self {
            kind: Kind::Bad,
            text: text.into(),
        }
    }

    /// What to say when the world did not do what was asked.
    pub fn failed(answer: &Answer) -> Self {
        match answer {
            Answer::Refused(refusal) => Self::no(refusal_text(refusal)),
            _ => Self::no("[SERVERBUG] The box answered something else than was asked."),
        }
    }

    /// As [`Reply::failed`], for commands that put messages into a mailbox: the client may make it
    /// and try again (RFC 9051 6.3.12).
    pub fn failed_into_mailbox(answer: &Answer) -> Self {
        match answer {
            Answer::Refused(Refusal::NoSuchMailbox) => Self::no("[TRYCREATE] There is no such mailbox."),
            answer => Self::failed(answer),
        }
    }

    pub const fn word(&self) -> &'static str {
        match self.kind {
            Kind::Ok => "OK",
            Kind::No => "NO",
            Kind::Bad => "BAD",
        }
    }
}

impl From<Syntax> for Reply {
    fn from(Syntax(what): Syntax) -> Self {
        Self::bad(format!("Not understood: {what}."))
    }
}

/// What the peer hears, response code first.
pub(super) fn refusal_text(refusal: &Refusal) -> String {
    refusal.imap().to_string()
}
