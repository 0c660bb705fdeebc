//! The parts that are open while a message streams by, one inside the other.

use super::content::{self, Budget};
use crate::limits::message::{DEPTH, PARTS};
use crate::types::{Envelope, Part, PartBody, Span, Structure};

/// A place in the stream, with what has to be known about what is right before it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Place {
    pub offset: u64,
    /// Line ends up to here.
    line_ends: u64,
    /// The last three octets, newest last; 0 where there are none.
    tail: [u8; 3],
}

impl Place {
    pub fn advance(&mut self, octets: &[u8]) {
        self.offset += octets.len() as u64;
        self.line_ends += memchr::memchr_iter(b'\n', octets).count() as u64;
        let newest = octets.get(octets.len().saturating_sub(3)..).unwrap_or(octets);
        for octet in newest {
            self.tail = [self.tail[1], self.tail[2], *octet];
        }
    }

    pub const fn at_line_start(&self) -> bool {
        self.offset == 0 || self.tail[2] == b'\n'
    }

    /// This place without the line end before it, which belongs to a delimiter (RFC 2046 5.1.1).
    fn before_line_end(self) -> End {
        let (len, before) = match self.tail {
            [before, b'\r', b'\n'] => (2, before),
            [_, before, b'\n'] => (1, before),
            [.., last] => {
                return End {
                    offset: self.offset,
                    line_ends: self.line_ends,
                    open_line: last != b'\n',
                };
            }
        };
        End {
            offset: self.offset.saturating_sub(len),
            line_ends: self.line_ends.saturating_sub(1),
            open_line: before != b'\n',
        }
    }

    /// This place, where the message ends.
    const fn as_end(self) -> End {
        End {
            offset: self.offset,
            line_ends: self.line_ends,
            open_line: self.tail[2] != b'\n',
        }
    }
}

/// Where a body ends.
#[derive(Debug, Clone, Copy)]
struct End {
    offset: u64,
    line_ends: u64,
    /// Its last line has no line end.
    open_line: bool,
}

#[derive(Debug)]
enum Stage {
    Header,
    /// A body that is not looked into, or the rest after a multipart's end.
    Body,
    /// A multipart that a delimiter may still divide.
    Dividing {
        boundary: Vec<u8>,
    },
}

/// A part that is not complete.
#[derive(Debug)]
struct Open {
    part: Part,
    /// For the root of a message: its envelope.
    envelope: Option<Envelope>,
    stage: Stage,
    /// Line ends before the body.
    line_ends: u64,
    /// Its default type is message/rfc822 (RFC 2046 5.1.5).
    in_digest: bool,
}

/// A delimiter line: which open multipart it divides, and whether it is the last.
#[derive(Debug)]
pub struct Delimiter {
    level: usize,
    last: bool,
}

#[derive(Debug)]
pub struct Tree {
    /// Outermost first; at most [`DEPTH`] + 1, each a child of the one before.
    open: Vec<Open>,
    parts: usize,
    budget: Budget,
    /// How many in `open` are [`Stage::Dividing`].
    dividing: usize,
}

impl Tree {
    pub fn new() -> Self {
        let mut tree = Self {
            open: Vec::new(),
            parts: 0,
            budget: Budget::default(),
            dividing: 0,
        };
        tree.start(Place::default(), true, false);
        tree
    }

    pub fn in_header(&self) -> bool {
        matches!(
            self.open.last(),
            Some(Open {
                stage: Stage::Header,
                ..
            })
        )
    }

    /// Whether any delimiter is waited for.
    pub const fn is_open(&self) -> bool {
        self.dividing > 0
    }

    fn start(&mut self, at: Place, message: bool, in_digest: bool) {
        self.parts += 1;
        let nothing = Span {
            start: at.offset,
            end: at.offset,
        };
        self.open.push(Open {
            part: Part {
                header: nothing,
                body: nothing,
                ..Part::default()
            },
            envelope: message.then(Envelope::default),
            stage: Stage::Header,
            line_ends: at.line_ends,
            in_digest,
        });
    }

    /// The header of the innermost part ends here; `octets` is what was kept of it.
    pub fn end_header(&mut self, at: Place, octets: &[u8]) {
        let room = self.open.len() <= DEPTH && self.parts < PARTS;
        let Some(open) = self.open.last_mut() else { return };
        open.part.header.end = at.offset;
        open.part.body = Span {
            start: at.offset,
            end: at.offset,
        };
        open.line_ends = at.line_ends;
        open.stage = Stage::Body;
        content::read_header(
            octets,
            &mut open.part,
            open.envelope.as_mut(),
            open.in_digest,
            &mut self.budget,
        );
        if content::is_message(&open.part) {
            if room {
                self.start(at, true, false);
            } else {
                content::make_opaque(&mut open.part);
            }
        } else if open.part.media_type == "multipart" {
            match content::boundary(&open.part) {
                Some(boundary) if room => {
                    open.stage = Stage::Dividing { boundary };
                    self.dividing += 1;
                }
                // Nobody can tell where its parts are: what is there is shown as text.
                None => content::make_text(&mut open.part),
                Some(_) => content::make_opaque(&mut open.part),
            }
        }
    }

    /// Headers end here without an empty line: a message part opens another header that ends at once.
    pub fn end_headers(&mut self, at: Place, octets: &[u8]) {
        let mut octets = octets;
        while self.in_header() {
            self.end_header(at, octets);
            octets = &[];
        }
    }

    // delimiter := "--" boundary ; close-delimiter := delimiter "--"
    // RFC 2046 5.1.1: what follows the boundary on its line does not matter. Of several boundaries
    // that fit, the longest is meant.
    pub fn delimiter(&self, line: &[u8]) -> Option<Delimiter> {
        let text = line.strip_prefix(b"--")?;
        let mut best: Option<(usize, Delimiter)> = None;
        for (level, open) in self.open.iter().enumerate() {
            let Stage::Dividing { boundary } = &open.stage else {
                continue;
            };
            let Some(rest) = text.strip_prefix(&boundary[..]) else {
                continue;
            };
            if best.as_ref().is_none_or(|(len, _)| boundary.len() >= *len) {
                best = Some((
                    boundary.len(),
                    Delimiter {
                        level,
                        last: rest.starts_with(b"--"),
                    },
                ));
            }
        }
        best.map(|(_, delimiter)| delimiter)
    }

    /// A delimiter stands on the line from `line` to `next`.
    pub fn divide(&mut self, delimiter: &Delimiter, line: Place, next: Place) {
        let end = line.before_line_end();
        while self.open.len() > delimiter.level + 1 {
            self.close(end);
        }
        let full = self.parts >= PARTS;
        let Some(open) = self.open.last_mut() else { return };
        if delimiter.last || full {
            open.stage = Stage::Body;
            self.dividing = self.dividing.saturating_sub(1);
        } else {
            let in_digest = open.part.subtype == "digest";
            self.start(next, false, in_digest);
        }
    }

    /// Completes the innermost part and hands it to the one it stands in.
    fn close(&mut self, end: End) {
        let Some(open) = self.open.pop() else { return };
        if matches!(open.stage, Stage::Dividing { .. }) {
            self.dividing = self.dividing.saturating_sub(1);
        }
        let (part, envelope) = complete(open, end);
        let Some(parent) = self.open.last_mut() else {
            return;
        };
        match (&mut parent.part.content, envelope) {
            (content, Some(envelope)) => *content = PartBody::Message(Box::new((envelope, part))),
            (PartBody::Multipart(parts), None) => parts.push(part),
            (content, None) => *content = PartBody::Multipart(vec![part]),
        }
    }

    /// The message ends here; `header` is what was kept of the header that is being read.
    pub fn finish(mut self, at: Place, header: &[u8]) -> Structure {
        self.end_headers(at, header);
        while self.open.len() > 1 {
            self.close(at.as_end());
        }
        let (root, envelope) = self
            .open
            .pop()
            .map(|open| complete(open, at.as_end()))
            .unwrap_or_default();
        Structure {
            size: at.offset,
            envelope: envelope.unwrap_or_default(),
            root,
        }
    }
}

fn complete(open: Open, end: End) -> (Part, Option<Envelope>) {
    let mut part = open.part;
    part.body.end = end.offset.max(part.body.start);
    if !part.body.is_empty() {
        let lines = end.line_ends.saturating_sub(open.line_ends) + u64::from(end.open_line);
        part.lines = u32::try_from(lines).unwrap_or(u32::MAX);
    }
    if part.media_type == "multipart" && part.content == PartBody::Leaf {
        content::make_text(&mut part);
    }
    (part, open.envelope)
}
