//! Content-Transfer-Encoding (RFC 2045 6) and charsets, for searching and for pages.

use super::lexer::Lexer;
use crate::types::Part;
use base64::Engine as _;
use base64::alphabet::STANDARD as ALPHABET;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use std::borrow::Cow;

/// How a part's octets are encoded for transport.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// 7bit, 8bit, binary and everything unknown.
    Identity,
    /// RFC 2045 6.8.
    Base64,
    /// RFC 2045 6.7.
    QuotedPrintable,
}

impl Encoding {
    /// From a Content-Transfer-Encoding value.
    #[must_use]
    pub fn parse(value: &[u8]) -> Self {
        let mut lexer = Lexer::new(value);
        lexer.skip_cfws();
        match lexer.token().unwrap_or_default() {
            t if t.eq_ignore_ascii_case(b"base64") => Self::Base64,
            t if t.eq_ignore_ascii_case(b"quoted-printable") => Self::QuotedPrintable,
            _ => Self::Identity,
        }
    }
}

const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &ALPHABET,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// Decodes a body that comes in pieces; memory stays flat.
#[derive(Debug)]
pub struct Decoder {
    encoding: Encoding,
    /// What the last piece left undecided: base64 digits, or the end of a line.
    held: Vec<u8>,
}

/// Longest end of a quoted-printable line that is held back; RFC 2045 6.7 allows 76 octets.
const HELD: usize = 1024;

impl Decoder {
    /// For a body in that encoding.
    #[must_use]
    pub const fn new(encoding: Encoding) -> Self {
        Self {
            encoding,
            held: Vec::new(),
        }
    }

    /// Decodes the next octets and appends the result to `out`.
    pub fn push(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        match self.encoding {
            Encoding::Identity => out.extend_from_slice(octets),
            Encoding::Base64 => self.push_base64(octets, out),
            Encoding::QuotedPrintable => self.push_quoted(octets, out),
        }
    }

    /// Decodes what is left.
    pub fn finish(mut self, out: &mut Vec<u8>) {
        let held = std::mem::take(&mut self.held);
        match self.encoding {
            Encoding::Identity => {}
            Encoding::Base64 => flush_base64(&held, out),
            Encoding::QuotedPrintable => quoted_line(&held, out),
        }
    }

    // RFC 2045 6.8: what is not in the alphabet is passed over. Padding ends a run, another may follow.
    fn push_base64(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        for octet in octets {
            match octet {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'+' | b'/' => self.held.push(*octet),
                b'=' => {
                    flush_base64(&self.held, out);
                    self.held.clear();
                }
                _ => {}
            }
        }
        let whole = self.held.len() / 4 * 4;
        flush_base64(self.held.get(..whole).unwrap_or_default(), out);
        self.held.drain(..whole);
    }

    fn push_quoted(&mut self, octets: &[u8], out: &mut Vec<u8>) {
        for line in octets.split_inclusive(|o| *o == b'\n') {
            if line.ends_with(b"\n") && self.held.is_empty() {
                quoted_line(line, out);
                continue;
            }
            self.held.extend_from_slice(line);
            if line.ends_with(b"\n") {
                quoted_line(&self.held, out);
                self.held.clear();
            } else if self.held.len() > HELD {
                // No such line is valid; all but a possible `=XY` at its end can go.
                let cut = self.held.len() - 2;
                let cut = self
                    .held
                    .iter()
                    .rposition(|o| *o == b'=')
                    .map_or(cut, |at| at.min(cut))
                    .max(1);
                let tail = self.held.split_off(cut);
                quoted_text(&self.held, out);
                self.held = tail;
            }
        }
    }
}

fn flush_base64(digits: &[u8], out: &mut Vec<u8>) {
    // A single digit at the end carries no octet.
    let digits = if digits.len() % 4 == 1 {
        digits.split_last().map_or(digits, |(_, d)| d)
    } else {
        digits
    };
    // Only digits get here and their number fits, so this cannot fail.
    let _ = LENIENT.decode_vec(digits, out);
}

// RFC 2045 6.7 (3): blanks at a line's end were added on the way; (5): `=` at the end joins lines.
fn quoted_line(line: &[u8], out: &mut Vec<u8>) {
    let text = line.trim_ascii_end();
    if let Some(joined) = text.strip_suffix(b"=") {
        return quoted_text(joined, out);
    }
    quoted_text(text, out);
    if line.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    } else if line.ends_with(b"\n") {
        out.push(b'\n');
    }
}

/// Decodes quoted-printable text that is no line: blanks at its end are meant (RFC 2047 4.2).
pub(super) fn decode_quoted_text(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    quoted_text(text, &mut out);
    out
}

fn quoted_text(text: &[u8], out: &mut Vec<u8>) {
    let mut rest = text;
    while let Some(at) = memchr::memchr(b'=', rest) {
        let (plain, code) = rest.split_at_checked(at).unwrap_or((rest, &[]));
        out.extend_from_slice(plain);
        let octet = match code {
            [b'=', high, low, ..] => hex(*high).zip(hex(*low)).map(|(high, low)| high * 16 + low),
            _ => None,
        };
        let used = if octet.is_some() { 3 } else { 1 };
        out.push(octet.unwrap_or(b'='));
        rest = code.get(used..).unwrap_or_default();
    }
    out.extend_from_slice(rest);
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

/// Decodes a whole body.
#[must_use]
pub fn decode(encoding: Encoding, octets: &[u8]) -> Cow<'_, [u8]> {
    if encoding == Encoding::Identity {
        return Cow::Borrowed(octets);
    }
    let mut out = Vec::with_capacity(octets.len());
    let mut decoder = Decoder::new(encoding);
    decoder.push(octets, &mut out);
    decoder.finish(&mut out);
    Cow::Owned(out)
}

/// Octets in a charset as text. Unknown charsets are guessed, wrong octets become U+FFFD.
#[must_use]
pub fn to_text<'a>(charset: &[u8], octets: &'a [u8]) -> Cow<'a, str> {
    match encoding_rs::Encoding::for_label(charset) {
        Some(known) => known.decode_without_bom_handling(octets).0,
        None => charset_guess(octets),
    }
}

/// Text whose charset nobody named: UTF-8 if it is, else Windows-1252.
#[must_use]
pub fn charset_guess(octets: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(octets) {
        Ok(text) => Cow::Borrowed(text),
        Err(_) => encoding_rs::WINDOWS_1252.decode_without_bom_handling(octets).0,
    }
}

/// What a text part says. `octets` is its body as it stands in the message, or the start of it.
#[must_use]
pub fn part_text<'a>(part: &Part, octets: &'a [u8]) -> Cow<'a, str> {
    match decode(Encoding::parse(part.encoding.as_bytes()), octets) {
        Cow::Borrowed(octets) => decoded_text(part, octets),
        Cow::Owned(octets) => Cow::Owned(decoded_text(part, &octets).into_owned()),
    }
}

fn decoded_text<'a>(part: &Part, octets: &'a [u8]) -> Cow<'a, str> {
    match part.params.iter().find(|(name, _)| name == "charset") {
        Some((_, charset)) if !charset.eq_ignore_ascii_case(b"us-ascii") => to_text(charset, octets),
        _ => charset_guess(octets),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn encodings_are_decoded_and_damage_is_passed_over() {
        let cases: &[(&[u8], &[u8], &[u8])] = &[
            (b"7BIT", b"a=3D", b"a=3D"),
            (b"Base64 (x)", b"aGVsbG8gd29ybGQ=\r\n", b"hello world"),
            (b"base64", b"aGVs\r\nbG8\r\n gd2 9ybGQ", b"hello world"),
            (b"base64", b"aGk=aGk=", b"hihi"),
            (b"base64", b"a", b""),
            (b"base64", b"!!!!", b""),
            (
                b"quoted-printable",
                b"a=3Db=\r\nc \t\r\nd=e4\r\n",
                b"a=bc\r\nd\xe4\r\n",
            ),
            (b"quoted-printable", b"a=\n=3", b"a=3"),
            (b"quoted-printable", b"=XY=", b"=XY"),
            (b"quoted-printable", b"x= \r\ny", b"xy"),
        ];
        for (encoding, octets, expected) in cases {
            let got = decode(Encoding::parse(encoding), octets);
            assert_eq!(&*got, *expected, "{:?}", String::from_utf8_lossy(octets));
        }
    }

    #[test]
    fn charsets_become_text() {
        assert_eq!(to_text(b"iso-8859-1", b"\xe4"), "ä");
        assert_eq!(to_text(b"UTF-8", "ä".as_bytes()), "ä");
        assert_eq!(to_text(b"utf-8", b"a\xff"), "a\u{fffd}");
        assert_eq!(to_text(b"koi8-r", b"\xc1"), "а");
        assert_eq!(to_text(b"nonsense", b"\xe4"), "ä");
    }

    #[test]
    fn a_line_without_end_is_decoded_in_pieces() {
        let mut decoder = Decoder::new(Encoding::QuotedPrintable);
        let mut out = Vec::new();
        for _ in 0..10_000 {
            decoder.push(b"=41b", &mut out);
            assert!(decoder.held.len() <= HELD);
        }
        decoder.finish(&mut out);
        assert_eq!(out, b"Ab".repeat(10_000));
    }

    proptest! {
        #[test]
        fn pieces_decode_like_the_whole(octets in "[A-Za-z=\r\n 0-9]{0,120}", size in 1usize..20, base64: bool) {
            let encoding = if base64 { Encoding::Base64 } else { Encoding::QuotedPrintable };
            let mut out = Vec::new();
            let mut decoder = Decoder::new(encoding);
            for piece in octets.as_bytes().chunks(size) {
                decoder.push(piece, &mut out);
            }
            decoder.finish(&mut out);
            prop_assert_eq!(out, decode(encoding, octets.as_bytes()).into_owned());
        }
    }
}
