//! Finds a message's structure while it streams by: one pass, bounded memory.
//!
//! The scanner works on whole lines only where it must: in headers, and on lines that may be a
//! delimiter. All else is skipped with vector instructions.

mod content;
mod tree;

use crate::limits::message::{BOUNDARY, HEADER};
use crate::types::Structure;
use tree::{Place, Tree};

/// The structure of a message that is in memory.
#[must_use]
pub fn structure(message: &[u8]) -> Structure {
    let mut scanner = Scanner::new();
    scanner.push(message);
    scanner.finish()
}

/// Takes a message in pieces of any size and gives its structure; the result does not depend on
/// where it was cut.
#[derive(Debug)]
pub struct Scanner {
    tree: Tree,
    /// Where the stream stands.
    now: Place,
    /// The line that is being looked at, if it is.
    line: Option<Line>,
    /// That line's first octets, enough to compare with any boundary.
    head: Vec<u8>,
    /// The header that is being read, up to the current line; at most [`HEADER`] octets.
    header: Vec<u8>,
    delimiters: memchr::memmem::Finder<'static>,
}

/// A line of a header, or a line that starts like a delimiter.
#[derive(Debug, Clone, Copy)]
struct Line {
    /// Where it starts.
    start: Place,
    /// Length of `header` before it.
    header_len: usize,
}

/// `--`, a boundary, `--`.
const HEAD: usize = BOUNDARY + 4;

impl Default for Scanner {
    fn default() -> Self {
        Self::new()
    }
}

impl Scanner {
    /// At the start of a message.
    #[must_use]
    pub fn new() -> Self {
        Self {
            tree: Tree::new(),
            now: Place::default(),
            line: None,
            head: Vec::with_capacity(HEAD),
            header: Vec::new(),
            delimiters: memchr::memmem::Finder::new(b"\n--"),
        }
    }

    /// Takes the next octets.
    pub fn push(&mut self, octets: &[u8]) {
        let mut rest = octets;
        while !rest.is_empty() {
            let looks = self.line.is_some() || self.tree.in_header() || self.may_be_delimiter(rest);
            let used = if looks {
                self.read_line(rest)
            } else {
                self.skip(rest)
            };
            rest = rest.get(used..).unwrap_or_default();
        }
    }

    /// The message is complete.
    #[must_use]
    pub fn finish(mut self) -> Structure {
        if let Some(line) = self.line.take() {
            self.line_done(line);
        }
        let header = std::mem::take(&mut self.header);
        self.tree.finish(self.now, &header)
    }

    fn may_be_delimiter(&self, rest: &[u8]) -> bool {
        self.tree.is_open() && self.now.at_line_start() && (rest == b"-" || rest.starts_with(b"--"))
    }

    /// Passes octets that cannot matter: up to what may be a delimiter, or all.
    fn skip(&mut self, octets: &[u8]) -> usize {
        let used = match self.tree.is_open().then(|| self.delimiters.find(octets)) {
            None => octets.len(),
            Some(Some(at)) => at + 1,
            Some(None) if octets.ends_with(b"\n-") => octets.len() - 1,
            Some(None) => octets.len(),
        };
        self.now.advance(octets.get(..used).unwrap_or(octets));
        used
    }

    fn read_line(&mut self, octets: &[u8]) -> usize {
        let line = match self.line.take() {
            Some(line) => line,
            None => {
                self.head.clear();
                Line {
                    start: self.now,
                    header_len: self.header.len(),
                }
            }
        };
        let end = memchr::memchr(b'\n', octets).map(|at| at + 1);
        let used = end.unwrap_or(octets.len());
        let octets = octets.get(..used).unwrap_or(octets);
        keep(&mut self.head, octets, HEAD);
        if self.tree.in_header() {
            keep(&mut self.header, octets, HEADER);
        }
        self.now.advance(octets);
        if end.is_some() {
            self.line_done(line);
        } else {
            self.line = Some(line);
        }
        used
    }

    fn line_done(&mut self, line: Line) {
        let in_header = self.tree.in_header();
        if let Some(delimiter) = self.tree.delimiter(&self.head) {
            self.header.truncate(line.header_len);
            if in_header {
                self.tree.end_headers(line.start, &self.header);
            }
            self.tree.divide(&delimiter, line.start, self.now);
        } else if in_header && matches!(&self.head[..], b"\n" | b"\r\n") {
            self.tree.end_header(self.now, &self.header);
        } else {
            return;
        }
        self.header.clear();
    }
}

fn keep(kept: &mut Vec<u8>, octets: &[u8], limit: usize) {
    let room = limit.saturating_sub(kept.len()).min(octets.len());
    kept.extend_from_slice(octets.get(..room).unwrap_or_default());
}

#[cfg(test)]
mod tests;
