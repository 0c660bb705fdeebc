//! Octets in any splits become frames: lines, literals, dotted data. All caps are applied here,
//! before any grammar looks at the octets, so that nothing a peer sends makes memory grow.

mod stuff;

pub use stuff::Stuffer;

use crate::session::{Expect, Input, Spooled};
use memchr::{memchr, memchr2, memchr3};

/// One piece of what [`Expect`] asked for.
#[derive(Debug, PartialEq, Eq)]
pub enum Frame<'a> {
    /// A line without its CRLF.
    Line(&'a [u8]),
    /// A line over the limit was read to its end and thrown away.
    LineTooLong,
    /// A line with a bare CR, a bare LF or a NUL was thrown away.
    LineMalformed,
    /// All the octets asked for.
    Octets(&'a [u8]),
    /// Octets for the spool, to be written in this order; never empty.
    Piece(&'a [u8]),
    /// The spooled body is complete. `failed` is for the spool's owner to set.
    Spooled(Spooled),
}

impl<'a> Frame<'a> {
    /// The session's input, but for a piece, which belongs into the spool and is handed back.
    ///
    /// # Errors
    /// The octets of a [`Frame::Piece`].
    pub const fn into_input(self) -> Result<Input<'a>, &'a [u8]> {
        match self {
            Self::Line(line) => Ok(Input::Line(line)),
            Self::LineTooLong => Ok(Input::LineTooLong),
            Self::LineMalformed => Ok(Input::LineMalformed),
            Self::Octets(octets) => Ok(Input::Octets(octets)),
            Self::Spooled(spooled) => Ok(Input::Spooled(spooled)),
            Self::Piece(piece) => Err(piece),
        }
    }
}

/// Cuts a stream into frames. The driver's loop:
///
/// ```text
/// let count = read(framer.room(octets));
/// framer.filled(count);
/// while let Some(frame) = framer.next(session.expects()) { .. }
/// ```
///
/// Read only after `next` gave `None`: then the buffer never holds more than the room asked for and
/// one frame's limit. It is the only one of a connection: octets are read into it and cut in it.
#[derive(Debug, Default)]
pub struct Framer {
    buffer: Vec<u8>,
    /// Octets of `buffer` that are used up.
    start: usize,
    /// Where the octets from the peer end in `buffer`.
    end: usize,
    state: State,
}

/// Where inside a frame the stream stands.
#[derive(Debug, Default)]
enum State {
    #[default]
    Fresh,
    /// In a line; so many octets from `start` on hold no line end.
    Line { scanned: usize },
    /// In a line that is too long already: waiting for its end.
    Overlong,
    /// In dotted data.
    Dotted { line_start: bool, so_far: Spooled },
    /// In counted data.
    Counted {
        left: u64,
        /// The data are lines, and whether the octet before was a CR.
        lines: Option<bool>,
        so_far: Spooled,
    },
}

const NOTHING_SPOOLED: Spooled = Spooled {
    size: 0,
    too_big: false,
    malformed: false,
    ends_with_cr: false,
    failed: false,
};

impl Framer {
    /// An empty one.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the next octets from the peer go, `most` of them at most. A buffer of more than twice
    /// what is needed is given back: an idle connection holds no large one.
    pub fn room(&mut self, most: usize) -> &mut [u8] {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end = self.buffered();
        self.start = 0;
        let needed = self.end.saturating_add(most);
        if self.buffer.capacity() > needed.saturating_mul(2) {
            self.buffer.truncate(needed);
            self.buffer.shrink_to_fit();
        }
        if self.end == 0 && self.buffer.len() < needed {
            self.buffer = vec![0; needed]; // memory that is zero anyway is not touched before it is needed
        } else if self.buffer.len() < needed {
            let more = needed.saturating_sub(self.buffer.len());
            self.buffer.reserve_exact(more);
            self.buffer.resize(needed, 0);
        }
        self.buffer.get_mut(self.end..needed).unwrap_or_default()
    }

    /// So many octets were put into the room that was asked for last.
    pub fn filled(&mut self, count: usize) {
        self.end = self.end.saturating_add(count).min(self.buffer.len());
    }

    /// Appends octets from the peer.
    pub fn push(&mut self, octets: &[u8]) {
        self.room(octets.len()).copy_from_slice(octets);
        self.filled(octets.len());
    }

    /// Throws away everything that was read (STARTTLS: nothing sent in clear survives it).
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Octets waiting; when there are some after `next` gave `None`, they are part of a frame.
    #[must_use]
    pub const fn buffered(&self) -> usize {
        self.end.saturating_sub(self.start)
    }

    /// The next frame, or `None` when more octets are needed or the session takes none now.
    pub fn next(&mut self, expect: Expect) -> Option<Frame<'_>> {
        match expect {
            Expect::Line { limit, .. } => self.line(limit),
            Expect::Dotted { limit } => self.dotted(limit),
            Expect::Spool { count, limit } => self.counted(count, limit, None),
            Expect::Chunk {
                count,
                limit,
                lines,
                after_cr,
                ..
            } => self.counted(count, limit, lines.then_some(after_cr)),
            Expect::Octets { count } => {
                self.state = State::Fresh;
                (self.buffered() >= count).then(|| Frame::Octets(self.take(count)))
            }
            Expect::Answer | Expect::Tls | Expect::Closed => None,
        }
    }

    fn rest(&self) -> &[u8] {
        self.buffer.get(self.start..self.end).unwrap_or_default()
    }

    fn take(&mut self, count: usize) -> &[u8] {
        let from = self.start;
        self.start = from.saturating_add(count).min(self.end);
        self.buffer.get(from..self.start).unwrap_or_default()
    }

    fn line(&mut self, limit: usize) -> Option<Frame<'_>> {
        if matches!(self.state, State::Overlong) {
            let Some(end) = memchr(b'\n', self.rest()) else {
                self.start = self.end;
                return None;
            };
            self.take(end + 1);
            self.state = State::Fresh;
            return Some(Frame::LineTooLong);
        }
        let scanned = match self.state {
            State::Line { scanned } => scanned,
            _ => 0,
        };
        let fresh = self.rest().get(scanned..).unwrap_or_default();
        let Some(end) = memchr(b'\n', fresh).map(|at| scanned + at) else {
            if self.buffered() >= limit {
                self.state = State::Overlong;
                self.start = self.end;
            } else {
                let scanned = self.buffered();
                self.state = State::Line { scanned };
            }
            return None;
        };
        self.state = State::Fresh;
        let line = self.take(end + 1);
        if line.len() > limit {
            return Some(Frame::LineTooLong);
        }
        let Some(line) = line.strip_suffix(b"\r\n") else {
            return Some(Frame::LineMalformed);
        };
        if memchr2(b'\r', 0, line).is_some() {
            return Some(Frame::LineMalformed);
        }
        Some(Frame::Line(line))
    }

    // RFC 5321 4.5.2: a dot at a line's start is removed, a line of one dot ends the data. Lines end
    // with CRLF and nothing else (RFC 5321 4.1.1.4), so `LF . LF` and its cousins end nothing.
    fn dotted(&mut self, limit: u64) -> Option<Frame<'_>> {
        let (mut line_start, mut so_far) = match self.state {
            State::Dotted { line_start, so_far } => (line_start, so_far),
            _ => (true, NOTHING_SPOOLED),
        };
        loop {
            if line_start {
                match self.rest() {
                    [] | [b'.'] | [b'.', b'\r'] => {
                        self.state = State::Dotted { line_start, so_far };
                        return None;
                    }
                    [b'.', b'\r', b'\n', ..] => {
                        self.take(3);
                        self.state = State::Fresh;
                        return Some(Frame::Spooled(so_far));
                    }
                    [b'.', ..] => {
                        self.take(1);
                    }
                    _ => {}
                }
            }
            let run = Run::of(self.rest());
            if run.len == 0 {
                self.state = State::Dotted {
                    line_start: false,
                    so_far,
                };
                return None;
            }
            line_start = run.ends_line;
            so_far.malformed |= run.malformed;
            let kept = count_piece(&mut so_far, run.len, limit);
            self.state = State::Dotted { line_start, so_far };
            if kept > 0 {
                return Some(Frame::Piece(first(self.take(run.len), kept)));
            }
            self.take(run.len);
        }
    }

    // `lines`: the octets are lines, and whether the octet before them was a CR.
    fn counted(&mut self, count: u64, limit: u64, lines: Option<bool>) -> Option<Frame<'_>> {
        let (mut left, mut lines, mut so_far) = match self.state {
            State::Counted { left, lines, so_far } => (left, lines, so_far),
            _ => (count, lines, NOTHING_SPOOLED),
        };
        if left == 0 {
            self.state = State::Fresh;
            so_far.ends_with_cr = lines.unwrap_or_default();
            return Some(Frame::Spooled(so_far));
        }
        let here = self.buffered().min(usize::try_from(left).unwrap_or(usize::MAX));
        left = left.saturating_sub(here as u64);
        if let Some(after_cr) = &mut lines {
            so_far.malformed |= !line_ends_are_whole(after_cr, first(self.rest(), here));
        }
        let kept = count_piece(&mut so_far, here, limit);
        self.state = State::Counted { left, lines, so_far };
        if kept > 0 {
            return Some(Frame::Piece(first(self.take(here), kept)));
        }
        self.take(here);
        if left == 0 {
            return self.counted(count, limit, lines);
        }
        None
    }
}

/// Whether every CR is followed by a LF and every LF follows a CR, and there is no NUL; `after_cr` goes from
/// piece to piece.
fn line_ends_are_whole(after_cr: &mut bool, octets: &[u8]) -> bool {
    let Some(last) = octets.last() else { return true };
    let mut whole = true;
    let mut at = 0;
    if std::mem::replace(after_cr, *last == b'\r') {
        whole = octets.first() == Some(&b'\n');
        at = 1;
    }
    while let Some(hit) = memchr3(b'\r', b'\n', 0, octets.get(at..).unwrap_or_default()) {
        at += hit;
        match octets.get(at..).unwrap_or_default() {
            [b'\r'] => break,
            [b'\r', b'\n', ..] => at += 2,
            _ => {
                whole = false; // RFC 5321 2.3.8; RFC 2045 2.8: no NUL
                at += 1;
            }
        }
    }
    whole
}

fn first(octets: &[u8], count: usize) -> &[u8] {
    octets.get(..count).unwrap_or(octets)
}

/// Counts a piece; returns how many of its octets are within the limit.
fn count_piece(so_far: &mut Spooled, len: usize, limit: u64) -> usize {
    let room = limit.saturating_sub(so_far.size);
    so_far.size = so_far.size.saturating_add(len as u64);
    so_far.too_big = so_far.size > limit;
    len.min(usize::try_from(room).unwrap_or(usize::MAX))
}

/// A run of dotted data that can be handed over as it stands.
struct Run {
    len: usize,
    /// It ends with CRLF.
    ends_line: bool,
    malformed: bool,
}

impl Run {
    /// The longest run at the start of `octets`: up to a CRLF that a dot follows, or up to the
    /// end but for a CR whose LF may still come. Not called at a line's start, so a leading dot is
    /// an octet like any other.
    fn of(octets: &[u8]) -> Self {
        let mut at = 0;
        let mut malformed = false;
        while let Some(hit) = memchr3(b'\r', b'\n', 0, octets.get(at..).unwrap_or_default()) {
            at += hit;
            match octets.get(at..).unwrap_or_default() {
                [b'\r'] => {
                    return Self {
                        len: at,
                        ends_line: false,
                        malformed,
                    };
                }
                [b'\r', b'\n'] | [b'\r', b'\n', b'.', ..] => {
                    return Self {
                        len: at + 2,
                        ends_line: true,
                        malformed,
                    };
                }
                [b'\r', b'\n', ..] => at += 2,
                _ => {
                    malformed = true; // RFC 5321 2.3.8; RFC 2045 2.8: no NUL, which some servers take out
                    at += 1;
                }
            }
        }
        Self {
            len: octets.len(),
            ends_line: false,
            malformed,
        }
    }
}

#[cfg(test)]
mod tests;
