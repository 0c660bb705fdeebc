//! Commands, framed: lines and literals up to the caps, before any grammar (RFC 9051 4.3, RFC 7888).

use zeroize::Zeroizing;

use super::script::Script;
use super::syntax;
use super::syntax::cursor::Cursor;
use super::syntax::store::Append;
use super::wire::Heard;
use crate::limits::imap as limits;

/// A literal at the end of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Literal {
    pub count: u64,
    /// Whether the client waits for our `+`.
    pub waits: bool,
}

/// What was read.
pub(super) enum Read {
    /// A command with its literals in their places.
    Command(Zeroizing<Vec<u8>>),
    /// An APPEND up to its message, which has not been read.
    Append {
        tag: String,
        append: Append,
        message: Literal,
    },
    /// No command; why, and whose it was if that can be told.
    Bad { tag: Option<String>, why: &'static str },
    /// So bad that the session ends.
    Hopeless,
}

impl Script {
    pub(super) fn silence(&self) -> u32 {
        if self.identity.is_some() {
            limits::SILENCE
        } else {
            limits::SILENCE_BEFORE_LOGIN
        }
    }

    /// Reads the next command.
    pub(super) async fn read(&mut self) -> Read {
        let cap = if self.identity.is_some() {
            limits::COMMAND
        } else {
            limits::COMMAND_BEFORE_LOGIN
        };
        let mut command = Zeroizing::new(Vec::new());
        loop {
            let line = match self
                .wire
                .hear(cap.saturating_sub(command.len()), self.silence(), false)
                .await
            {
                Heard::Line(line) => line,
                Heard::TooLong => return bad(&command, "the command is too long"),
                Heard::Malformed => return bad(&command, "a line has a bare CR, a bare LF or a NUL"),
                Heard::News => continue,
            };
            command.extend_from_slice(&line);
            let Some(literal) = literal_at_end(&line) else {
                return Read::Command(command);
            };
            if let Some((tag, append)) = self.append_so_far(&command) {
                return Read::Append {
                    tag,
                    append,
                    message: literal,
                };
            }
            let room = cap.saturating_sub(command.len());
            let count = usize::try_from(literal.count).ok().filter(|&count| count < room);
            match count {
                Some(count) if literal.waits || literal.count <= limits::UNANNOUNCED => {
                    if literal.waits {
                        self.wire.line("+ Go on.");
                    }
                    command.extend_from_slice(b"\r\n");
                    let octets = self.wire.octets(count).await;
                    command.extend_from_slice(&octets);
                }
                _ if literal.waits => return bad(&command, "a literal is too long"),
                _ => return self.throw_away(&command, literal).await,
            }
        }
    }

    /// Reads a refused non-synchronizing literal and the rest of its command to their end
    /// (RFC 7888 4), because both are on their way already.
    async fn throw_away(&mut self, command: &[u8], first: Literal) -> Read {
        let mut literal = Some(first);
        while let Some(refused) = literal.filter(|literal| !literal.waits) {
            if !self.swallow(refused).await {
                return Read::Hopeless;
            }
            literal = match self.wire.hear(limits::COMMAND, self.silence(), false).await {
                Heard::Line(line) => literal_at_end(&line),
                _ => None,
            };
        }
        bad(command, "a non-synchronizing literal is too long")
    }

    /// Reads the octets of a literal and forgets them; whether they were few enough.
    pub(super) async fn swallow(&self, literal: Literal) -> bool {
        if literal.count > limits::THROWN_AWAY {
            return false;
        }
        self.wire.spool(literal.count, 0).await;
        self.wire.drop_spool();
        true
    }

    /// APPEND's tag and arguments, if the command is one and its message comes next.
    fn append_so_far(&self, command: &[u8]) -> Option<(String, Append)> {
        let (tag, rest) = syntax::tag(command)?;
        let mut cursor = Cursor::new(rest, self.enabled.utf8());
        if !cursor.word("APPEND") || !cursor.eat(b" ") {
            return None;
        }
        let append = Append::parse(&mut cursor).ok()?;
        // An earlier literal with more text after it is the mailbox's name, not the message.
        if memchr::memchr(b'\n', cursor.rest()).is_some() {
            return None;
        }
        Some((tag.to_owned(), append))
    }
}

fn bad(command: &[u8], why: &'static str) -> Read {
    let tag = syntax::tag(command).map(|(tag, _)| tag.to_owned());
    Read::Bad { tag, why }
}

/// literal = ["~"] "{" number64 ["+"] "}" at the end of a line
fn literal_at_end(line: &[u8]) -> Option<Literal> {
    let inner = line.strip_suffix(b"}")?;
    let open = memchr::memrchr(b'{', inner)?;
    let inner = inner.get(open.checked_add(1)?..)?;
    let digits = inner.strip_suffix(b"+");
    let waits = digits.is_none();
    let digits = digits.unwrap_or(inner);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    // A number that does not fit is a literal all the same, and too long.
    let count = std::str::from_utf8(digits)
        .ok()
        .and_then(|d| d.parse().ok())
        .unwrap_or(u64::MAX);
    Some(Literal { count, waits })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_count_in_braces_at_the_end_is_a_literal() {
        for (line, count, waits) in [
            ("a LOGIN {5}", 5, true),
            ("a LOGIN {5+}", 5, false),
            ("a APPEND x ~{0}", 0, true),
            ("{99999999999999999999}", u64::MAX, true),
        ] {
            assert_eq!(
                literal_at_end(line.as_bytes()),
                Some(Literal { count, waits }),
                "{line}"
            );
        }
        for line in ["", "}", "{}", "{+}", "{5} ", "{5", "{a}", "{5-}", "{5+}\"", "5}"] {
            assert_eq!(literal_at_end(line.as_bytes()), None, "{line}");
        }
    }
}
