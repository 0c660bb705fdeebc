//! The locked maildrop of the transaction state (RFC 1939 5).

use crate::ask::DropMessage;
use crate::types::{Span, Uid};
use std::fmt::Write as _;

/// The messages, numbered from 1, and which of them are to go.
#[derive(Debug)]
pub struct Maildrop {
    messages: Vec<(DropMessage, bool)>,
}

impl Maildrop {
    pub fn new(messages: Vec<DropMessage>) -> Self {
        Self {
            messages: messages.into_iter().map(|m| (m, false)).collect(),
        }
    }

    /// The message of that number, unless it is marked as deleted.
    pub fn get(&self, number: u32) -> Option<DropMessage> {
        let index = usize::try_from(number.checked_sub(1)?).ok()?;
        self.messages
            .get(index)
            .filter(|(_, deleted)| !deleted)
            .map(|(message, _)| *message)
    }

    /// Marks it; whether there was one to mark.
    pub fn delete(&mut self, number: u32) -> bool {
        if self.get(number).is_none() {
            return false;
        }
        let index = number.checked_sub(1).and_then(|n| usize::try_from(n).ok());
        if let Some((_, deleted)) = index.and_then(|i| self.messages.get_mut(i)) {
            *deleted = true;
        }
        true
    }

    /// Takes all marks off.
    pub fn reset(&mut self) {
        for (_, deleted) in &mut self.messages {
            *deleted = false;
        }
    }

    /// Messages and their octets, those marked not counted.
    pub fn stat(&self) -> (usize, u64) {
        let kept = self.messages.iter().filter(|(_, deleted)| !deleted);
        kept.fold((0, 0), |(count, size), (message, _)| {
            (count + 1, size + message.size)
        })
    }

    /// What is to go.
    pub fn deleted(&self) -> Vec<Uid> {
        self.messages
            .iter()
            .filter(|(_, deleted)| *deleted)
            .map(|(message, _)| message.uid)
            .collect()
    }

    /// A line `number what` for each message, and the dot at the end.
    pub fn listing(&self, what: impl Fn(&DropMessage) -> String) -> String {
        let mut lines = String::new();
        for (number, (message, deleted)) in (1_u64..).zip(&self.messages) {
            if !deleted {
                // Writing to a String cannot fail.
                let _ = write!(lines, "{number} {}\r\n", what(message));
            }
        }
        lines.push_str(".\r\n");
        lines
    }
}

/// RFC 1939 7: 1 to 70 printable characters that name the message for ever. The UID alone would
/// come back in an inbox that was made anew, the body alone is shared by equal messages.
pub fn unique_id(message: &DropMessage) -> String {
    format!("{}.{}", message.blob, message.uid)
}

/// Looks for the end of TOP's lines, piece by piece, so that memory stays flat.
#[derive(Debug)]
pub struct Top {
    pub message: DropMessage,
    /// Body lines still to go.
    lines: u32,
    /// How far the body has been looked at.
    at: u64,
}

/// Octets looked at in one go.
const PIECE: u64 = 64 * 1024;

impl Top {
    pub const fn new(message: DropMessage, lines: u32) -> Self {
        Self {
            message,
            lines,
            at: message.header_end,
        }
    }

    /// What to look at next; `None` when the end is found.
    pub fn next(&self) -> Option<Span> {
        let more = self.lines > 0 && self.at < self.message.size;
        more.then(|| Span {
            start: self.at,
            end: self.message.size.min(self.at.saturating_add(PIECE)),
        })
    }

    /// Takes the octets asked for; too few of them end the search.
    pub fn look(&mut self, octets: &[u8]) {
        for line_end in memchr::memchr_iter(b'\n', octets) {
            self.lines -= 1;
            if self.lines == 0 {
                self.at = self.at.saturating_add(line_end as u64 + 1);
                return;
            }
        }
        self.at = if octets.is_empty() {
            self.message.size
        } else {
            self.at.saturating_add(octets.len() as u64)
        };
    }

    /// The header and the lines.
    pub fn span(&self) -> Span {
        Span {
            start: 0,
            end: self.at.min(self.message.size),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::BlobId;

    #[test]
    fn top_finds_its_end_over_pieces() {
        let body = "0123456789\r\n".repeat(20_000);
        let header = "A: b\r\n\r\n";
        let octets = format!("{header}{body}").into_bytes();
        let message = DropMessage {
            uid: Uid(1),
            blob: BlobId(1),
            size: octets.len() as u64,
            header_end: header.len() as u64,
        };
        for (lines, end) in [
            (0, 8),
            (1, 20),
            (2, 32),
            (19_999, 8 + 19_999 * 12),
            (20_000, octets.len()),
            (u32::MAX, octets.len()),
        ] {
            let mut top = Top::new(message, lines);
            while let Some(span) = top.next() {
                assert!(span.len() <= PIECE && !span.is_empty());
                let (start, end) = (
                    usize::try_from(span.start).unwrap(),
                    usize::try_from(span.end).unwrap(),
                );
                top.look(&octets[start..end]);
            }
            assert_eq!(
                top.span(),
                Span {
                    start: 0,
                    end: end as u64
                },
                "{lines}"
            );
        }
        // A body that has vanished meanwhile does not make it search for ever.
        let mut top = Top::new(message, 5);
        top.look(b"");
        assert_eq!(top.next(), None);
    }
}
