//! Strings as responses carry them (RFC 9051 4.3).

use super::script::Script;
use super::utf7;
use crate::limits::imap as limits;
use crate::types::{Flags, ModSeq, SystemFlag};

/// string = quoted / literal; `utf8` allows UTF-8 in quoted strings (RFC 9051 4.3).
pub(super) fn string(out: &mut Vec<u8>, octets: &[u8], utf8: bool) {
    let ascii = octets.iter().all(|&c| matches!(c, b' '..=b'~' | b'\t'));
    let fits = ascii || (utf8 && is_plain_utf8(octets));
    if fits && octets.len() <= limits::QUOTED {
        out.push(b'"');
        for &c in octets {
            if matches!(c, b'"' | b'\\') {
                out.push(b'\\');
            }
            out.push(c);
        }
        out.push(b'"');
    } else {
        out.extend_from_slice(format!("{{{}}}\r\n", octets.len()).as_bytes());
        // A literal cannot hold a NUL (CHAR8); the length has to stay.
        out.extend(octets.iter().map(|&c| if c == 0 { b'?' } else { c }));
    }
}

fn is_plain_utf8(octets: &[u8]) -> bool {
    std::str::from_utf8(octets).is_ok_and(|text| !text.chars().any(|c| matches!(c, '\0' | '\r' | '\n')))
}

/// nstring = string / nil
pub(super) fn nstring(out: &mut Vec<u8>, octets: Option<&[u8]>, utf8: bool) {
    match octets {
        Some(octets) => string(out, octets, utf8),
        None => out.extend_from_slice(b"NIL"),
    }
}

/// flag-list
pub(super) fn flags(flags: &Flags) -> String {
    let system = SystemFlag::ALL.into_iter().filter(|&flag| flags.has(flag));
    let mut all: Vec<&str> = system.map(|flag| flag.as_str()).collect();
    all.extend(flags.keywords());
    format!("({})", all.join(" "))
}

/// `MODSEQ (n)` (RFC 7162 3.1.4.2)
pub(super) fn modseq(modseq: ModSeq) -> String {
    format!("MODSEQ ({modseq})")
}

/// A mailbox name in the form that the client understands.
pub(super) fn mailbox(name: &str, utf8: bool) -> String {
    let name = if utf8 { name.to_owned() } else { utf7::encode(name) };
    text(&name, utf8)
}

/// [`string`] for what is text already.
pub(super) fn text(plain: &str, utf8: bool) -> String {
    let mut out = Vec::with_capacity(plain.len() + 2);
    string(&mut out, plain.as_bytes(), utf8);
    String::from_utf8_lossy(&out).into_owned()
}

impl Script {
    pub(super) fn quote(&self, plain: &str) -> String {
        text(plain, self.enabled.utf8())
    }

    pub(super) fn mailbox_name(&self, name: &str) -> String {
        mailbox(name, self.enabled.utf8())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_quoted_where_they_may_be_and_literals_elsewhere() {
        for (octets, utf8, printed) in [
            (&b""[..], false, &b"\"\""[..]),
            (b"a \"b\\", false, b"\"a \\\"b\\\\\""),
            (b"a\r\nb", false, b"{4}\r\na\r\nb"),
            ("ü".as_bytes(), false, "{2}\r\nü".as_bytes()),
            ("ü".as_bytes(), true, "\"ü\"".as_bytes()),
            (b"\xfc", true, b"{1}\r\n\xfc"),
            (b"a\0b", true, b"{3}\r\na?b"),
        ] {
            let mut out = Vec::new();
            string(&mut out, octets, utf8);
            assert_eq!(out, printed, "{octets:?} {utf8}");
        }
    }
}
