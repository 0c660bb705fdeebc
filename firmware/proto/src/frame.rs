//! Octets in any splits become frames: lines, literals, dotted data. All caps are applied here,
//! before any grammar looks at the octets, so that nothing a peer sends makes memory grow.

mod run;
mod stuff;

pub use stuff::Stuffer;

use crate::session::{BareLf, Expect, Input, Spooled};
use memchr::{memchr, memchr2};
use run::Run;

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
    /// The run that was cut last, if line ends had to be made whole in it: at most twice as long.
    mended: Vec<u8>,
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
        /// The octet before was a CR.
        after_cr: bool,
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
            Expect::Dotted { limit, bare_lf } => self.dotted(limit, bare_lf),
            Expect::Spool { count, limit } => self.counted(count, limit, None, false),
            Expect::Chunk {
                count,
                limit,
                lines,
                after_cr,
                ..
            } => self.counted(count, limit, lines, after_cr),
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

    // The run at the start of the rest: how many of its octets, as they are to be kept, are within the
    // limit.
    fn count(&mut self, run: &Run, bare_lf: BareLf, limit: u64, so_far: &mut Spooled) -> usize {
        so_far.malformed |= run.spoils(bare_lf);
        self.mended.clear();
        let rest = self.buffer.get(self.start..self.end).unwrap_or_default();
        run.mend(bare_lf, first(rest, run.len), &mut self.mended);
        count_piece(so_far, run.len.max(self.mended.len()), limit)
    }

    // The same run as it is to be kept.
    fn take_run(&mut self, run: &Run) -> &[u8] {
        if self.mended.is_empty() {
            return self.take(run.len);
        }
        self.take(run.len);
        &self.mended
    }

    // The message is complete.
    fn spooled(&mut self, so_far: Spooled) -> Frame<'_> {
        self.state = State::Fresh;
        self.mended = Vec::new();
        Frame::Spooled(so_far)
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
    // with CRLF and nothing else (RFC 5321 4.1.1.4), so `LF . LF` and its cousins end nothing, and a dot
    // after a bare LF is none that a client put there to hide one, whatever becomes of that LF.
    fn dotted(&mut self, limit: u64, bare_lf: BareLf) -> Option<Frame<'_>> {
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
                        return Some(self.spooled(so_far));
                    }
                    [b'.', ..] => {
                        self.take(1);
                    }
                    _ => {}
                }
            }
            let run = Run::dotted(self.rest());
            if run.len == 0 {
                self.state = State::Dotted {
                    line_start: false,
                    so_far,
                };
                return None;
            }
            line_start = run.ends_line;
            let kept = self.count(&run, bare_lf, limit, &mut so_far);
            self.state = State::Dotted { line_start, so_far };
            if kept > 0 {
                return Some(Frame::Piece(first(self.take_run(&run), kept)));
            }
            self.take(run.len);
        }
    }

    // `lines`: the octets are lines, and what becomes of a bare LF.
    fn counted(&mut self, count: u64, limit: u64, lines: Option<BareLf>, cr: bool) -> Option<Frame<'_>> {
        let (mut left, mut after_cr, mut so_far) = match self.state {
            State::Counted {
                left,
                after_cr,
                so_far,
            } => (left, after_cr, so_far),
            _ => (count, cr, NOTHING_SPOOLED),
        };
        if left == 0 {
            so_far.ends_with_cr = after_cr;
            return Some(self.spooled(so_far));
        }
        let here = self.buffered().min(usize::try_from(left).unwrap_or(usize::MAX));
        left = left.saturating_sub(here as u64);
        let octets = first(self.rest(), here);
        let run = match lines {
            Some(_) => Run::of_lines(octets, &mut after_cr),
            None => Run::binary(octets),
        };
        let kept = self.count(&run, lines.unwrap_or_default(), limit, &mut so_far);
        self.state = State::Counted {
            left,
            after_cr,
            so_far,
        };
        if kept > 0 {
            return Some(Frame::Piece(first(self.take_run(&run), kept)));
        }
        self.take(here);
        if left == 0 {
            return self.counted(count, limit, lines, cr);
        }
        None
    }
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

#[cfg(test)]
mod tests;
