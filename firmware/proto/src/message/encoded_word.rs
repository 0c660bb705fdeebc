//! Words in other charsets inside header fields (RFC 2047).

use super::body::{self, Encoding};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;
use std::fmt::Write as _;

/// A field's value as a person reads it: encoded words decoded, folds taken out. What does not
/// decode stays as it is; octets over 127 outside of encoded words are UTF-8 or Windows-1252.
#[must_use]
pub fn decode(value: &[u8]) -> String {
    let value = super::header::unfold(value);
    let mut text = String::with_capacity(value.len());
    let mut rest: &[u8] = &value;
    // Octets of one character may be split over neighbouring words, so they are joined first.
    let mut run: Option<(Cow<'_, [u8]>, Vec<u8>)> = None;
    while !rest.is_empty() {
        let start = memchr::memmem::find(rest, b"=?").unwrap_or(rest.len());
        let (before, at_word) = rest.split_at_checked(start).unwrap_or((rest, &[]));
        let word = Word::read(at_word);
        // RFC 2047 6.2: blanks between two encoded words are not shown.
        let joins = word.is_some() && run.is_some() && before.trim_ascii().is_empty();
        if !joins {
            flush(&mut run, &mut text);
            text.push_str(&body::charset_guess(before));
        }
        let Some(word) = word else {
            let (mark, after) = at_word.split_at_checked(2).unwrap_or((at_word, &[]));
            text.push_str(&String::from_utf8_lossy(mark));
            rest = after;
            continue;
        };
        rest = word.rest;
        match &mut run {
            Some((charset, octets)) if charset.eq_ignore_ascii_case(word.charset) => {
                octets.extend(word.octets)
            }
            _ => {
                flush(&mut run, &mut text);
                run = Some((Cow::Borrowed(word.charset), word.octets));
            }
        }
    }
    flush(&mut run, &mut text);
    text
}

fn flush(run: &mut Option<(Cow<'_, [u8]>, Vec<u8>)>, text: &mut String) {
    if let Some((charset, octets)) = run.take() {
        text.push_str(&body::to_text(&charset, &octets));
    }
}

struct Word<'a> {
    charset: &'a [u8],
    octets: Vec<u8>,
    rest: &'a [u8],
}

impl<'a> Word<'a> {
    // encoded-word = "=?" charset "?" encoding "?" encoded-text "?="
    // RFC 2231 5 allows a language after the charset: charset "*" language
    fn read(octets: &'a [u8]) -> Option<Self> {
        let mut fields = octets.strip_prefix(b"=?")?.splitn(3, |o| *o == b'?');
        let charset = fields.next()?;
        let encoding = fields.next()?;
        let tail = fields.next()?;
        let charset = charset.split(|o| *o == b'*').next()?;
        if charset.is_empty() || !charset.iter().all(u8::is_ascii_graphic) {
            return None;
        }
        let end = memchr::memmem::find(tail, b"?=")?;
        let (encoded, rest) = tail.split_at_checked(end)?;
        let rest = rest.get(2..)?;
        let octets = match encoding {
            b"B" | b"b" => body::decode(Encoding::Base64, encoded).into_owned(),
            b"Q" | b"q" => {
                let spaced: Vec<u8> = encoded
                    .iter()
                    .map(|o| if *o == b'_' { b' ' } else { *o })
                    .collect();
                body::decode_quoted_text(&spaced)
            }
            _ => return None,
        };
        Some(Self {
            charset,
            octets,
            rest,
        })
    }
}

/// A text for a field's value: as it is where it is plain ASCII, else as UTF-8 B words of at most
/// 75 octets, separated by blanks for [`super::header::fold`].
#[must_use]
pub fn encode(text: &str) -> String {
    let plain = |c: char| c == ' ' || c.is_ascii_graphic();
    if text.chars().all(plain) && !text.contains("=?") {
        return text.to_owned();
    }
    let mut words = String::new();
    let mut chunk = String::new();
    for c in text.chars() {
        // 45 octets are 60 in base64; with `=?UTF-8?B?` and `?=` 72.
        if chunk.len() + c.len_utf8() > 45 {
            push_word(&mut words, &std::mem::take(&mut chunk));
        }
        chunk.push(c);
    }
    push_word(&mut words, &chunk);
    words
}

fn push_word(words: &mut String, chunk: &str) {
    let blank = if words.is_empty() { "" } else { " " };
    // Writing to a String cannot fail.
    let _ = write!(words, "{blank}=?UTF-8?B?{}?=", STANDARD.encode(chunk));
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_examples_of_rfc_2047_section_8() {
        let cases = [
            (
                "=?US-ASCII?Q?Keith_Moore?= <moore@cs.utk.edu>",
                "Keith Moore <moore@cs.utk.edu>",
            ),
            (
                "=?ISO-8859-1?Q?Keld_J=F8rn_Simonsen?= <keld@dkuug.dk>",
                "Keld Jørn Simonsen <keld@dkuug.dk>",
            ),
            (
                "=?ISO-8859-1?Q?Andr=E9?= Pirard <PIRARD@vm1.ulg.ac.be>",
                "André Pirard <PIRARD@vm1.ulg.ac.be>",
            ),
            (
                "=?ISO-8859-1?B?SWYgeW91IGNhbiByZWFkIHRoaXMgeW8=?=\r\n =?ISO-8859-2?B?dSB1bmRlcnN0YW5kIHRoZSBleGFtcGxlLg==?=",
                "If you can read this you understand the example.",
            ),
            ("=?iso-8859-8?b?7eXs+SDv4SDp7Oj08A==?=", "םולש ןב ילטפנ"),
            ("(=?ISO-8859-1?Q?a?=)", "(a)"),
            ("(=?ISO-8859-1?Q?a?= b)", "(a b)"),
            ("(=?ISO-8859-1?Q?a?= =?ISO-8859-1?Q?b?=)", "(ab)"),
            ("(=?ISO-8859-1?Q?a?=  =?ISO-8859-1?Q?b?=)", "(ab)"),
            ("(=?ISO-8859-1?Q?a?=\r\n    =?ISO-8859-1?Q?b?=)", "(ab)"),
            ("(=?ISO-8859-1?Q?a_b?=)", "(a b)"),
            ("(=?ISO-8859-1?Q?a?= =?ISO-8859-2?Q?_b?=)", "(a b)"),
        ];
        for (encoded, text) in cases {
            assert_eq!(decode(encoded.as_bytes()), text, "{encoded}");
        }
    }

    #[test]
    fn what_the_world_sends() {
        let cases: &[(&[u8], &str)] = &[
            (b"plain", "plain"),
            (b"  two\r\n  lines ", "two  lines"),
            // one character split over two words
            (b"=?utf-8?B?w6TD?= =?utf-8?B?pA==?=", "ää"),
            (b"=?utf-8*de?Q?=C3=A4?=", "ä"),
            (b"=?ISO-8859-15?Q?=A4?=", "€"),
            (b"=?windows-1252?q?=80?=", "€"),
            (b"=?UTF-8?Q?a b?=", "a b"),
            (b"=?utf-8?Q?x_?= =?utf-8?Q?y=20?=", "x y "),
            (b"=?no-such-charset?Q?abc?=", "abc"),
            (b"=?utf-8?X?abc?=", "=?utf-8?X?abc?="),
            (b"=?utf-8?Q?open", "=?utf-8?Q?open"),
            (b"=?=?=?", "=?=?=?"),
            ("grüße".as_bytes(), "grüße"),
            (b"gr\xfc\xdfe", "grüße"),
        ];
        for (encoded, text) in cases {
            assert_eq!(decode(encoded), *text, "{:?}", String::from_utf8_lossy(encoded));
        }
    }

    proptest! {
        #[test]
        fn encoded_text_decodes_to_itself(text in "[a-z=?_ äß€𝄞]{0,80}") {
            let text = text.trim();
            let encoded = encode(text);
            prop_assert!(encoded.is_ascii());
            prop_assert!(encoded.split(' ').all(|word| !word.starts_with("=?UTF-8?B?") || word.len() <= 75));
            prop_assert_eq!(decode(encoded.as_bytes()), text);
        }

        #[test]
        fn any_octets_decode_without_panic(octets in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode(&octets);
        }
    }
}
