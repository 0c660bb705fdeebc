//! Header fields (RFC 5322 2.2).

use memchr::memchr;
use std::borrow::Cow;

/// One field of a header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Field<'a> {
    /// The name as written, without the blanks that obsolete syntax allows before the colon.
    pub name: &'a [u8],
    /// What follows the colon, folded as it stands, without the last line end.
    pub value: &'a [u8],
    /// The whole field with its line end.
    pub raw: &'a [u8],
}

impl Field<'_> {
    /// Whether this is the field of that name, in any case.
    #[must_use]
    pub const fn is(&self, name: &str) -> bool {
        self.name.eq_ignore_ascii_case(name.as_bytes())
    }

    /// The value on one line, see [`unfold`].
    #[must_use]
    pub fn unfolded(&self) -> Cow<'_, [u8]> {
        unfold(self.value)
    }
}

/// The fields of a header or of a whole message, in order. Ends at the empty line; lines that are
/// no field are passed over.
#[must_use]
pub const fn fields(octets: &[u8]) -> Fields<'_> {
    Fields { rest: octets }
}

/// See [`fields`].
#[derive(Debug, Clone)]
pub struct Fields<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        loop {
            let mut end = line_len(self.rest);
            if end == 0 || matches!(self.rest, [b'\n', ..] | [b'\r', b'\n', ..]) {
                self.rest = &[];
                return None;
            }
            // RFC 5322 2.2.3: a line that starts with a blank continues the field.
            while let Some([b' ' | b'\t', ..]) = self.rest.get(end..) {
                end += line_len(self.rest.get(end..).unwrap_or_default());
            }
            let (raw, rest) = self.rest.split_at_checked(end).unwrap_or((self.rest, &[]));
            self.rest = rest;
            if let Some(field) = split_field(raw) {
                return Some(field);
            }
        }
    }
}

// field-name = 1*ftext ; %d33-57 / %d59-126 (RFC 5322 3.6.8); obsolete: blanks before the colon
fn split_field(raw: &[u8]) -> Option<Field<'_>> {
    let (name, value) = raw.split_at_checked(memchr(b':', raw)?)?;
    let name = name.trim_ascii_end();
    if name.is_empty() || !name.iter().all(u8::is_ascii_graphic) {
        return None;
    }
    let value = value.get(1..)?;
    Some(Field {
        name,
        value: without_line_end(value),
        raw,
    })
}

fn line_len(octets: &[u8]) -> usize {
    memchr(b'\n', octets).map_or(octets.len(), |at| at + 1)
}

fn without_line_end(octets: &[u8]) -> &[u8] {
    let octets = octets.strip_suffix(b"\n").unwrap_or(octets);
    octets.strip_suffix(b"\r").unwrap_or(octets)
}

/// The first field of that name, in any case.
#[must_use]
pub fn find<'a>(header: &'a [u8], name: &str) -> Option<Field<'a>> {
    fields(header).find(|field| field.is(name))
}

/// Takes out the line ends (RFC 5322 2.2.3) and the blanks around the value.
#[must_use]
pub fn unfold(value: &[u8]) -> Cow<'_, [u8]> {
    let value = value.trim_ascii();
    if memchr::memchr2(b'\r', b'\n', value).is_none() {
        return Cow::Borrowed(value);
    }
    Cow::Owned(
        value
            .iter()
            .copied()
            .filter(|o| !matches!(o, b'\r' | b'\n'))
            .collect(),
    )
}

/// How long the header of a message is, the empty line included; all of it where there is none.
#[must_use]
pub fn len(message: &[u8]) -> usize {
    let mut at = 0;
    while let Some(line) = message.get(at..).filter(|rest| !rest.is_empty()) {
        let len = line_len(line);
        at += len;
        if matches!(line.get(..len), Some(b"\n" | b"\r\n")) {
            break;
        }
    }
    at
}

/// Breaks a long line of words at blanks so that no line passes 78 octets where that is possible
/// (RFC 5322 2.1.1). Takes and gives a field without its line end.
#[must_use]
pub fn fold(field: &str) -> String {
    let mut folded = String::with_capacity(field.len() + field.len() / 20);
    let mut line = 0;
    for word in field.split_inclusive(' ') {
        if line > 0 && line + word.trim_end().len() > 78 && folded.ends_with(' ') {
            folded.pop();
            folded.push_str("\r\n ");
            line = 1;
        }
        folded.push_str(word);
        line += word.len();
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(header: &[u8]) -> Vec<(&[u8], Vec<u8>)> {
        fields(header)
            .map(|f| (f.name, f.unfolded().into_owned()))
            .collect()
    }

    #[test]
    fn fields_end_at_the_empty_line_and_continue_after_folds() {
        let message =
            b"From: a\r\nSubject : long\r\n\tand  folded\r\n :x\r\nTo:\r\nno field\r\nX: 1\r\n\r\nY: 2\r\n";
        assert_eq!(
            names(message),
            vec![
                (&b"From"[..], b"a".to_vec()),
                (b"Subject", b"long\tand  folded :x".to_vec()),
                (b"To", b"".to_vec()),
                (b"X", b"1".to_vec()),
            ]
        );
        assert_eq!(
            find(message, "subject").unwrap().raw,
            b"Subject : long\r\n\tand  folded\r\n :x\r\n"
        );
        assert_eq!(find(message, "Y"), None);
        assert_eq!(&message[len(message)..], b"Y: 2\r\n");
    }

    #[test]
    fn odd_headers_are_read_as_far_as_they_go() {
        let cases: &[(&[u8], usize)] = &[
            (b"", 0),
            (b"\r\n", 0),
            (b"A: 1", 1),
            (b"A: 1\nB: 2\n\nC: 3\n", 2),
            (b" leading fold\r\nA: 1\r\n", 1),
            (b": no name\r\n", 0),
            (b"bad name: x\r\n", 0),
        ];
        for (header, count) in cases {
            assert_eq!(fields(header).count(), *count, "{header:?}");
        }
    }

    #[test]
    fn folding_breaks_at_blanks_and_unfolds_to_the_same() {
        let long = format!("Subject: {}", "word ".repeat(60).trim_end());
        let folded = fold(&long);
        assert!(folded.split("\r\n").all(|line| line.len() <= 78));
        assert_eq!(folded.replace("\r\n", ""), long);
    }
}
