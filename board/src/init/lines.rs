//! Octets from a pipe as lines of bounded length.

/// Keeps the unfinished line.
#[derive(Debug)]
pub(crate) struct Lines {
    partial: Vec<u8>,
    limit: usize,
    /// In the middle of a line that was too long.
    skipping: bool,
}

impl Lines {
    /// Lines longer than `limit` octets are dropped whole.
    pub fn new(limit: usize) -> Lines {
        Lines {
            partial: Vec::new(),
            limit,
            skipping: false,
        }
    }

    /// The lines that `octets` finish, without their ends.
    pub fn feed(&mut self, octets: &[u8]) -> Vec<String> {
        let mut lines = Vec::new();
        let mut pieces = octets.split(|octet| *octet == b'\n').peekable();
        while let Some(piece) = pieces.next() {
            if self.partial.len() + piece.len() > self.limit {
                self.skipping = true;
                self.partial.clear();
            }
            if !self.skipping {
                self.partial.extend_from_slice(piece);
            }
            if pieces.peek().is_some() {
                if !self.skipping {
                    lines.push(String::from_utf8_lossy(&self.partial).trim_end().to_owned());
                }
                self.partial.clear();
                self.skipping = false;
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_whole_however_the_octets_come() {
        let text = b"one\r\ntwo\n\nlonger than ten\nfour\nrest";
        for size in 1..text.len() {
            let mut lines = Lines::new(10);
            let all: Vec<String> = text.chunks(size).flat_map(|piece| lines.feed(piece)).collect();
            assert_eq!(all, ["one", "two", "", "four"], "pieces of {size}");
            assert_eq!(lines.feed(b"!\n"), ["rest!"]);
        }
    }
}
