//! Runs of a message's octets that can be handed over at once, and what stands between their lines:
//! whole line ends, and what two servers could read differently (RFC 5321 2.3.8).

use crate::session::BareLf;
use memchr::{memchr_iter, memchr3};

/// A run of octets.
#[derive(Debug)]
pub(super) struct Run {
    pub len: usize,
    /// The octet before it was a CR.
    after_cr: bool,
    /// It ends with CRLF.
    pub ends_line: bool,
    /// It has a CR without its LF, or a NUL.
    malformed: bool,
    /// It has so many LFs without their CR.
    bare_lfs: usize,
}

impl Run {
    const fn new(after_cr: bool) -> Self {
        Self {
            len: 0,
            after_cr,
            ends_line: false,
            malformed: false,
            bare_lfs: 0,
        }
    }

    /// The longest run of dotted data at the start of `octets`: up to a CRLF that a dot follows, or up to
    /// the end but for a CR whose LF may still come. Not called at a line's start, so a leading dot is
    /// an octet like any other; nor after a CR.
    pub fn dotted(octets: &[u8]) -> Self {
        let mut run = Self::new(false);
        while let Some(hit) = memchr3(b'\r', b'\n', 0, octets.get(run.len..).unwrap_or_default()) {
            run.len += hit;
            match octets.get(run.len..).unwrap_or_default() {
                [b'\r'] => return run,
                [b'\r', b'\n'] | [b'\r', b'\n', b'.', ..] => {
                    run.len += 2;
                    run.ends_line = true;
                    return run;
                }
                [b'\r', b'\n', ..] => run.len += 2,
                odd => run.odd(odd),
            }
        }
        run.len = octets.len();
        run
    }

    /// All of `octets`, which are lines that came by count; `after_cr` goes from piece to piece.
    pub fn of_lines(octets: &[u8], after_cr: &mut bool) -> Self {
        let mut run = Self::new(*after_cr);
        let Some(last) = octets.last() else { return run };
        if std::mem::replace(after_cr, *last == b'\r') {
            run.malformed = octets.first() != Some(&b'\n');
            run.len = usize::from(!run.malformed);
        }
        while let Some(hit) = memchr3(b'\r', b'\n', 0, octets.get(run.len..).unwrap_or_default()) {
            run.len += hit;
            match octets.get(run.len..).unwrap_or_default() {
                [b'\r'] => break,
                [b'\r', b'\n', ..] => run.len += 2,
                odd => run.odd(odd),
            }
        }
        run.len = octets.len();
        run
    }

    /// All of `octets`, which may be anything.
    pub const fn binary(octets: &[u8]) -> Self {
        let mut run = Self::new(false);
        run.len = octets.len();
        run
    }

    // RFC 5321 2.3.8; RFC 2045 2.8: no NUL, which some servers take out
    fn odd(&mut self, from: &[u8]) {
        if from.first() == Some(&b'\n') {
            self.bare_lfs += 1;
        } else {
            self.malformed = true;
        }
        self.len += 1;
    }

    /// Whether the message may not be taken.
    pub fn spoils(&self, bare_lf: BareLf) -> bool {
        self.malformed || (self.bare_lfs > 0 && bare_lf == BareLf::Refused)
    }

    /// Appends the run to `out` with whole line ends, if it lacks some and may have them.
    pub fn mend(&self, bare_lf: BareLf, octets: &[u8], out: &mut Vec<u8>) {
        if self.bare_lfs == 0 || bare_lf == BareLf::Refused {
            return;
        }
        out.reserve_exact(octets.len().saturating_add(self.bare_lfs));
        let mut from = 0;
        for at in memchr_iter(b'\n', octets) {
            let line = octets.get(from..at).unwrap_or_default();
            let cr = line
                .last()
                .map_or(at == 0 && self.after_cr, |last| *last == b'\r');
            out.extend_from_slice(line);
            out.extend_from_slice(if cr { b"\n" } else { b"\r\n" });
            from = at + 1;
        }
        out.extend_from_slice(octets.get(from..).unwrap_or_default());
    }
}
