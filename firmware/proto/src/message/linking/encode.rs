//! A text part written anew in UTF-8: transfer encoding and header.

use crate::message::header;
use crate::types::Part;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Longest encoded line (RFC 2045 6.7 (5), 6.8).
const LINE: usize = 76;

/// Header, empty line and body of a text part whose header was `original`.
pub(super) fn part(original: &[u8], part: &Part, text: &str) -> Vec<u8> {
    let text = with_crlf(text);
    let foreign = text.bytes().filter(|octet| !octet.is_ascii()).count();
    // Another script: three times as long in quoted-printable.
    let base64 = foreign * 2 > text.len();
    let mut octets = Vec::with_capacity(original.len() + text.len() * 4 / 3 + 200);
    for field in header::fields(original) {
        if [
            "Content-Type",
            "Content-Transfer-Encoding",
            "Content-MD5",
            "Content-Length",
        ]
        .iter()
        .any(|name| field.is(name))
        {
            continue;
        }
        octets.extend_from_slice(field.raw);
        if !field.raw.ends_with(b"\n") {
            octets.extend_from_slice(b"\r\n");
        }
    }
    octets.extend(content_type(part).into_bytes());
    let encoding = if base64 { "base64" } else { "quoted-printable" };
    octets.extend_from_slice(format!("Content-Transfer-Encoding: {encoding}\r\n\r\n").as_bytes());
    if base64 {
        push_base64(&text, &mut octets);
    } else {
        push_quoted(&text, &mut octets);
    }
    octets
}

/// A part of plain text that was not there before.
pub(super) fn new_part(text: &str) -> Vec<u8> {
    let plain = Part {
        media_type: "text".to_owned(),
        subtype: "plain".to_owned(),
        ..Part::default()
    };
    part(b"", &plain, text)
}

// Other parameters, such as format=flowed, stay.
fn content_type(part: &Part) -> String {
    let mut field = format!(
        "Content-Type: {}/{}; charset=utf-8",
        part.media_type, part.subtype
    );
    for (name, value) in &part.params {
        if name == "charset" {
            continue;
        }
        let value = String::from_utf8_lossy(value);
        let token = |c: char| c.is_ascii_alphanumeric() || "!#$&+-.^_`{|}~%'*".contains(c);
        if !value.is_empty() && value.chars().all(token) {
            field.push_str(&format!("; {name}={value}"));
        } else {
            let quoted = value.replace('\\', "\\\\").replace('"', "\\\"");
            field.push_str(&format!("; {name}=\"{quoted}\""));
        }
    }
    format!("{}\r\n", header::fold(&field))
}

fn with_crlf(text: &str) -> String {
    let mut lines = String::with_capacity(text.len() + 64);
    for line in text.split_inclusive('\n') {
        match line.strip_suffix('\n') {
            Some(line) => {
                lines.push_str(line.strip_suffix('\r').unwrap_or(line));
                lines.push_str("\r\n");
            }
            None => lines.push_str(line),
        }
    }
    lines
}

fn push_base64(text: &str, octets: &mut Vec<u8>) {
    for line in text.as_bytes().chunks(LINE / 4 * 3) {
        octets.extend(STANDARD.encode(line).into_bytes());
        octets.extend_from_slice(b"\r\n");
    }
    octets.truncate(octets.len().saturating_sub(2)); // the last line end is the delimiter's
}

// RFC 2045 6.7. Lines that start like mbox separators or with a dot are kept from harm, too.
fn push_quoted(text: &str, octets: &mut Vec<u8>) {
    let mut lines = text.split("\r\n").peekable();
    while let Some(line) = lines.next() {
        push_quoted_line(line.as_bytes(), octets);
        if lines.peek().is_some() {
            octets.extend_from_slice(b"\r\n");
        }
    }
}

fn push_quoted_line(line: &[u8], octets: &mut Vec<u8>) {
    let mut length = 0;
    let from = line.starts_with(b"From ");
    for (at, octet) in line.iter().enumerate() {
        let last = at + 1 == line.len();
        let plain = match octet {
            b'=' => false,
            b' ' | b'\t' => !last,
            b'.' | b'F' if at == 0 => *octet == b'F' && !from,
            octet => octet.is_ascii_graphic(),
        };
        let needed = if plain { 1 } else { 3 };
        // One place stays free for the soft line end.
        if length + needed > LINE - usize::from(!last) {
            octets.extend_from_slice(b"=\r\n");
            length = 0;
        }
        if plain {
            octets.push(*octet);
        } else {
            octets.extend_from_slice(format!("={octet:02X}").as_bytes());
        }
        length += needed;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::body::{Encoding, decode};

    proptest::proptest! {
        #[test]
        fn what_is_encoded_reads_back_and_its_lines_are_short(
            text in "(\r\n|[ -~]|ä|\t|=|From |\\.){0,300}"
        ) {
            for (encoding, push) in [
                (Encoding::QuotedPrintable, push_quoted as fn(&str, &mut Vec<u8>)),
                (Encoding::Base64, push_base64),
            ] {
                let mut octets = Vec::new();
                push(&text, &mut octets);
                proptest::prop_assert!(octets.split(|o| *o == b'\n').all(|line| line.len() <= LINE + 1));
                proptest::prop_assert!(octets.is_ascii());
                proptest::prop_assert_eq!(&decode(encoding, &octets)[..], text.as_bytes());
            }
        }
    }

    #[test]
    fn fields_that_are_not_about_the_encoding_stay() {
        let original = b"Content-Type: text/plain; charset=iso-8859-1; format=flowed\r\n\
            Content-Language: de\r\nContent-Transfer-Encoding: 8bit\r\n\r\n";
        let structure = crate::message::scan::structure(original);
        let octets = part(original, &structure.root, "Gr\u{fc}\u{df}e =\n");
        assert_eq!(
            String::from_utf8(octets).unwrap(),
            "Content-Language: de\r\nContent-Type: text/plain; charset=utf-8; format=flowed\r\n\
             Content-Transfer-Encoding: quoted-printable\r\n\r\nGr=C3=BC=C3=9Fe =3D\r\n"
        );
    }
}
