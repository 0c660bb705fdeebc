//! Messages are lines here: what came as anything else is made so. Line ends become CRLF, and parts
//! that are binary (RFC 3030) become base64 (RFC 2045 6.8).

use super::header;
use crate::types::{Part, PartBody, Span, Structure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use memchr::memchr2;

/// Makes every line end CRLF, piece by piece.
#[derive(Debug, Default)]
pub struct LineEnds {
    /// A CR was held back until it is known what follows.
    after_cr: bool,
}

impl LineEnds {
    /// Appends a piece to `out`; whether it is as it was.
    pub fn push(&mut self, piece: &[u8], out: &mut Vec<u8>) -> bool {
        let mut as_it_was = true;
        let mut rest = piece;
        if std::mem::take(&mut self.after_cr) && !rest.is_empty() {
            out.extend_from_slice(b"\r\n");
            match rest.strip_prefix(b"\n") {
                Some(after) => rest = after,
                None => as_it_was = false,
            }
        } else if piece.is_empty() {
            return as_it_was;
        }
        while let Some(at) = memchr2(b'\r', b'\n', rest) {
            let (line, end) = rest.split_at_checked(at).unwrap_or((rest, &[]));
            out.extend_from_slice(line);
            rest = match end {
                [b'\r'] => {
                    self.after_cr = true;
                    return as_it_was;
                }
                [b'\r', b'\n', after @ ..] => after,
                [_, after @ ..] => {
                    as_it_was = false;
                    after
                }
                [] => end,
            };
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(rest);
        as_it_was
    }

    /// Ends the message; whether its end is as it was.
    pub fn finish(self, out: &mut Vec<u8>) -> bool {
        if self.after_cr {
            out.extend_from_slice(b"\r\n");
        }
        !self.after_cr
    }
}

/// A span of a message that is written otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Edit {
    /// Which octets.
    pub span: Span,
    /// How.
    pub how: How,
}

/// How a span is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// A header that names another transfer encoding, see [`relabelled`].
    Labelled(&'static str),
    /// A body in base64.
    Base64,
}

/// What has to be written otherwise so that nothing of the message is binary, in its order.
/// `None`: there is binary content in something that may not be encoded (RFC 2045 6.4).
#[must_use]
pub fn edits(structure: &Structure) -> Option<Vec<Edit>> {
    let mut edits = Vec::new();
    part(&structure.root, &mut edits)?;
    Some(edits)
}

// As deep as the scanner went.
fn part(of: &Part, edits: &mut Vec<Edit>) -> Option<()> {
    let binary = of.encoding == "binary";
    let mut label = |encoding| {
        if binary {
            edits.push(Edit {
                span: of.header,
                how: How::Labelled(encoding),
            });
        }
    };
    match &of.content {
        PartBody::Leaf if !binary => {}
        // What the scanner did not open.
        PartBody::Leaf if matches!(&*of.media_type, "multipart" | "message") => return None,
        PartBody::Leaf => {
            label("base64");
            edits.push(Edit {
                span: of.body,
                how: How::Base64,
            });
        }
        PartBody::Multipart(parts) => {
            label("8bit");
            for inner in parts {
                part(inner, edits)?;
            }
        }
        PartBody::Message(inner) => {
            label("8bit");
            part(&inner.1, edits)?;
        }
    }
    Some(())
}

/// The header with another Content-Transfer-Encoding, its empty line included.
#[must_use]
pub fn relabelled(original: &[u8], encoding: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(original.len() + 40);
    for field in header::fields(original) {
        if field.is("Content-Transfer-Encoding") || field.is("Content-Length") {
            continue;
        }
        out.extend_from_slice(field.raw);
        if !field.raw.ends_with(b"\n") {
            out.extend_from_slice(b"\r\n");
        }
    }
    out.extend_from_slice(format!("Content-Transfer-Encoding: {encoding}\r\n\r\n").as_bytes());
    out
}

/// Octets to give [`base64_lines`] at once: whole lines.
pub const BASE64_PIECE: usize = 57 * 1024;

/// Appends a piece in base64 lines of 76, each with its CRLF. All pieces but the last have to be of
/// [`BASE64_PIECE`] octets.
pub fn base64_lines(piece: &[u8], out: &mut Vec<u8>) {
    for line in piece.chunks(57) {
        out.extend_from_slice(STANDARD.encode(line).as_bytes());
        out.extend_from_slice(b"\r\n");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::scan;
    use proptest::prelude::*;

    fn with_crlf(octets: &[u8], pieces: usize) -> (Vec<u8>, bool) {
        let (mut ends, mut out, mut as_it_was) = (LineEnds::default(), Vec::new(), true);
        for piece in octets.chunks(pieces) {
            as_it_was &= ends.push(piece, &mut out);
        }
        as_it_was &= ends.finish(&mut out);
        (out, as_it_was)
    }

    #[test]
    fn every_line_end_becomes_crlf() {
        for (octets, expected) in [
            (&b"a\nb\r\nc\rd"[..], &b"a\r\nb\r\nc\r\nd"[..]),
            (b"\n\n", b"\r\n\r\n"),
            (b"\r\r\n\n\r", b"\r\n\r\n\r\n\r\n"),
            (b"a\0b\r\n", b"a\0b\r\n"),
            (b"", b""),
        ] {
            for pieces in 1..9 {
                assert_eq!(with_crlf(octets, pieces), (expected.to_vec(), octets == expected));
            }
        }
    }

    #[test]
    fn binary_leaves_become_base64_and_what_holds_them_is_labelled_anew() {
        let message =
            b"Content-Type: multipart/mixed; boundary=x\r\nContent-Transfer-Encoding: binary\r\n\r\n\
            --x\r\n\r\ntext\r\n\
            --x\r\nContent-Type: image/png\r\nContent-transfer-encoding: BINARY\r\n\r\n\0\n\r\r\n--x--\r\n";
        let structure = scan::structure(message);
        let edits = edits(&structure).unwrap();
        let of = |edit: &Edit| {
            let (start, end) = (edit.span.start, edit.span.end);
            (
                &message[usize::try_from(start).unwrap()..usize::try_from(end).unwrap()],
                edit.how,
            )
        };
        let found: Vec<_> = edits.iter().map(of).collect();
        assert_eq!(found.len(), 3, "{found:?}");
        assert_eq!(found[0].1, How::Labelled("8bit"));
        assert_eq!(found[1].1, How::Labelled("base64"));
        assert_eq!(
            relabelled(found[1].0, "base64"),
            b"Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        );
        assert_eq!(found[2], (&b"\0\n\r"[..], How::Base64));
        let closed = b"Content-Type: message/partial\r\nContent-Transfer-Encoding: binary\r\n\r\n\0";
        assert_eq!(super::edits(&scan::structure(closed)), None);
    }

    proptest! {
        #[test]
        fn line_ends_do_not_depend_on_the_pieces(octets in prop::collection::vec(prop::sample::select(b"ab\r\n".to_vec()), 0..40), pieces in 1usize..10) {
            let (whole, as_it_was) = with_crlf(&octets, 100);
            prop_assert_eq!(with_crlf(&octets, pieces), (whole.clone(), as_it_was));
            prop_assert_eq!(as_it_was, whole == octets);
            prop_assert_eq!(with_crlf(&whole, pieces), (whole.clone(), true));
        }

        #[test]
        fn edits_stand_in_order_and_apart(octets in "(Content-Type: multipart/mixed; boundary=x\r\n|Content-Transfer-Encoding: binary\r\n|\r\n|--x\r\n|a){0,30}") {
            if let Some(edits) = edits(&scan::structure(octets.as_bytes())) {
                prop_assert!(edits.windows(2).all(|pair| pair[0].span.end <= pair[1].span.start));
            }
        }
    }
}
