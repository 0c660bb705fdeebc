//! Dot-stuffing on the way out (RFC 1939 3, RFC 5321 4.5.2), piece by piece.

/// Stuffs a body that comes in pieces.
#[derive(Debug)]
pub struct Stuffer {
    at_line_start: bool,
    last_two: [u8; 2],
}

impl Default for Stuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl Stuffer {
    /// At the start of a body.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            at_line_start: true,
            last_two: *b"\r\n",
        }
    }

    /// Appends the next piece, stuffed. A dot after a bare LF is stuffed too, so that no server
    /// that takes it for a line end sees the end of the data there.
    pub fn piece(&mut self, piece: &[u8], out: &mut Vec<u8>) {
        if self.at_line_start && piece.starts_with(b".") {
            out.push(b'.');
        }
        let mut rest = piece;
        for at in memchr::memmem::find_iter(piece, b"\n.") {
            let line = at + 1 - (piece.len() - rest.len());
            let (lines, after) = rest.split_at_checked(line).unwrap_or((rest, &[]));
            out.extend_from_slice(lines);
            out.push(b'.');
            rest = after;
        }
        out.extend_from_slice(rest);
        if let Some(last) = piece.last() {
            self.at_line_start = *last == b'\n';
        }
        match piece {
            [.., a, b] => self.last_two = [*a, *b],
            [b] => self.last_two = [self.last_two[1], *b],
            [] => {}
        }
    }

    /// Appends the end: a line break where the body lacks one, and the dot.
    pub fn finish(self, out: &mut Vec<u8>) {
        if self.last_two != *b"\r\n" {
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(b".\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dots_are_stuffed_at_line_starts_wherever_the_pieces_are_cut() {
        let cases: [(&[u8], &[u8]); 6] = [
            (b"", b".\r\n"),
            (b"a\r\n", b"a\r\n.\r\n"),
            (b"a", b"a\r\n.\r\n"),
            (b".\r\n..\r\na.b\r\n", b"..\r\n...\r\na.b\r\n.\r\n"),
            (b"a\r\n.", b"a\r\n..\r\n.\r\n"),
            (b"a\r", b"a\r\r\n.\r\n"),
        ];
        for (body, wanted) in cases {
            for size in 1..=body.len().max(1) {
                let (mut stuffer, mut out) = (Stuffer::new(), Vec::new());
                for piece in body.chunks(size) {
                    stuffer.piece(piece, &mut out);
                }
                stuffer.finish(&mut out);
                assert_eq!(out, wanted, "in pieces of {size}");
            }
        }
    }
}
