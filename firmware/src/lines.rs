//! What came otherwise than in lines is written anew, in lines, before anybody here sees it: nothing
//! binary and no bare CR or LF is ever stored, sent on or shown.

use crate::limits::PIECE;
use crate::spool::Spool;
use proto::limits::message::HEADER;
use proto::message::lines::{BASE64_PIECE, Edit, How, LineEnds, base64_lines, edits, relabelled};
use proto::message::scan::Scanner;
use proto::refusal::Refusal;
use std::io::{self, Read};

/// A message that came as BODY=BINARYMIME (RFC 3030), as one of 8-bit lines.
///
/// # Errors
/// It cannot be: the refusal says why.
pub fn without_binary(spool: Spool) -> Result<Spool, Refusal> {
    match rewritten(spool) {
        Ok((spool, true)) => Ok(spool),
        Ok((_, false)) => Err(Refusal::BadMessage(
            "The message has binary content in a part that does not say so or cannot be encoded.",
        )),
        Err(error) => {
            tracing::error!(%error, "a binary message cannot be rewritten");
            Err(Refusal::NoSpace)
        }
    }
}

/// Any message in lines: binary parts in base64, everything else with CRLF.
///
/// # Errors
/// The spool cannot be read or written.
pub fn as_lines(spool: Spool) -> io::Result<Spool> {
    rewritten(spool).map(|(spool, _)| spool)
}

// The message in lines, and whether nothing but what says that it is binary had to be changed.
fn rewritten(spool: Spool) -> io::Result<(Spool, bool)> {
    let (mut scanner, mut ends, mut scratch, mut whole) =
        (Scanner::new(), LineEnds::default(), Vec::new(), true);
    each_piece(spool.reader(), PIECE, |piece| {
        scanner.push(piece);
        scratch.clear();
        whole &= ends.push(piece, &mut scratch);
        Ok(())
    })?;
    whole &= ends.finish(&mut scratch);
    let edits = edits(&scanner.finish()).unwrap_or_default();
    if whole && edits.is_empty() {
        return Ok((spool, true));
    }
    rewrite(&spool, edits)
}

fn rewrite(spool: &Spool, edits: Vec<Edit>) -> io::Result<(Spool, bool)> {
    let mut out = Rewritten::beside(spool);
    let mut reader = spool.reader();
    let mut at = 0;
    for Edit { span, how } in edits {
        out.copy(reader.by_ref().take(span.start.saturating_sub(at)))?;
        let part = reader.by_ref().take(span.len());
        match how {
            // A header so long is refused by everybody who asks for it.
            How::Labelled(_) if span.len() > HEADER as u64 => out.copy(part)?,
            How::Labelled(encoding) => {
                let mut header = Vec::new();
                part.take(HEADER as u64).read_to_end(&mut header)?;
                out.write(&relabelled(&header, encoding))?;
            }
            How::Base64 => {
                let mut encoded = Vec::new();
                each_piece(part, BASE64_PIECE, |piece| {
                    encoded.clear();
                    base64_lines(piece, &mut encoded);
                    out.write(&encoded)
                })?;
            }
        }
        at = span.end;
    }
    out.copy(reader)?;
    out.finish()
}

// A new spool that takes only lines.
struct Rewritten {
    spool: Spool,
    ends: LineEnds,
    lines: Vec<u8>,
    as_it_was: bool,
}

impl Rewritten {
    fn beside(spool: &Spool) -> Self {
        Self {
            spool: spool.another(),
            ends: LineEnds::default(),
            lines: Vec::new(),
            as_it_was: true,
        }
    }

    fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        self.lines.clear();
        self.as_it_was &= self.ends.push(octets, &mut self.lines);
        self.spool.write(&self.lines)
    }

    fn copy(&mut self, from: impl Read) -> io::Result<()> {
        each_piece(from, PIECE, |piece| self.write(piece))
    }

    // The spool, and whether what was written were lines already.
    fn finish(mut self) -> io::Result<(Spool, bool)> {
        self.lines.clear();
        self.as_it_was &= self.ends.finish(&mut self.lines);
        self.spool.write(&self.lines)?;
        Ok((self.spool, self.as_it_was))
    }
}

// Pieces of exactly `size` octets, but for the last.
fn each_piece(
    mut from: impl Read,
    size: usize,
    mut take: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    let mut piece = Vec::with_capacity(size);
    loop {
        piece.clear();
        from.by_ref().take(size as u64).read_to_end(&mut piece)?;
        if piece.is_empty() {
            return Ok(());
        }
        take(&piece)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::Shelf;
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;

    fn spool(octets: &[u8]) -> (tempfile::TempDir, Spool) {
        let folder = tempfile::tempdir().unwrap();
        let mut spool = Shelf::new(folder.path()).spool();
        spool.write(octets).unwrap();
        (folder, spool)
    }

    #[test]
    fn a_binary_attachment_arrives_whole_in_base64_whatever_its_size() {
        for size in [0, 1, 57, BASE64_PIECE, BASE64_PIECE + 1, 700_000] {
            let content: Vec<u8> = (0..size).map(|n| u8::try_from(n * 7 % 256).unwrap()).collect();
            let mut message =
                b"Subject: s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=zz\r\n\
                Content-Transfer-Encoding: binary\r\n\r\n--zz\r\n\r\nHello\r\n\
                --zz\r\nContent-Type: application/x\r\nContent-Transfer-Encoding: binary\r\n\r\n"
                    .to_vec();
            message.extend_from_slice(&content);
            message.extend_from_slice(b"\r\n--zz--\r\n");
            let (_folder, spool) = spool(&message);
            let text = String::from_utf8(without_binary(spool).unwrap().to_vec().unwrap()).unwrap();
            assert!(!text.replace("\r\n", "").contains(['\r', '\n', '\0']));
            assert!(text.lines().all(|line| line.len() <= 76), "{size}");
            assert!(
                text.contains("boundary=zz\r\nContent-Transfer-Encoding: 8bit\r\n\r\n--zz\r\n\r\nHello\r\n")
            );
            let (_, encoded) = text
                .split_once("Content-Transfer-Encoding: base64\r\n\r\n")
                .unwrap();
            let encoded = encoded.split("\r\n--zz--").next().unwrap().replace("\r\n", "");
            assert!(BASE64.decode(encoded).unwrap() == content, "{size}");
        }
    }

    #[test]
    fn binary_content_that_does_not_say_so_is_refused() {
        let (_folder, spool) = spool(b"Subject: s\r\n\r\nbare\nline");
        assert!(matches!(without_binary(spool), Err(Refusal::BadMessage(_))));
    }

    #[test]
    fn line_ends_become_crlf_and_what_has_them_stays() {
        for (octets, expected) in [
            (&b"A: 1\n\nx\ry\n"[..], &b"A: 1\r\n\r\nx\r\ny\r\n"[..]),
            (b"A: 1\r\n\r\nx\r\n", b"A: 1\r\n\r\nx\r\n"),
        ] {
            let (_folder, spool) = spool(octets);
            assert_eq!(as_lines(spool).unwrap().to_vec().unwrap(), expected);
        }
    }
}
