//! Parameters of Content-* fields as a person reads them: other charsets, languages and pieces
//! (RFC 2231), and encoded words in quoted strings, which are not allowed and common (RFC 2047 5).

use super::{body, encoded_word};
use crate::types::Params;

/// The value of a parameter; its name in lower case. RFC 2231's form goes before the plain one.
#[must_use]
pub fn value(params: &Params, name: &str) -> Option<String> {
    extended(params, name).or_else(|| {
        let (_, plain) = params.iter().find(|(found, _)| found == name)?;
        Some(encoded_word::decode(plain))
    })
}

// RFC 2231 3: name*0, name*1* ...; 4: name*=charset'language'percent-encoded
fn extended(params: &Params, name: &str) -> Option<String> {
    let own = |suffix: &str| {
        let wanted = |found: &String| found.strip_prefix(name).is_some_and(|rest| rest == suffix);
        params
            .iter()
            .find(|(found, _)| wanted(found))
            .map(|(_, value)| &value[..])
    };
    if let Some(value) = own("*") {
        let (charset, text) = split_charset(value);
        return Some(body::to_text(charset, &percent_decoded(text)).into_owned());
    }
    let mut charset: &[u8] = b"utf-8";
    let mut octets = Vec::new();
    for number in 0..=params.len() {
        let encoded = own(&format!("*{number}*"));
        match (encoded, own(&format!("*{number}"))) {
            (Some(value), _) => {
                let text = if number == 0 {
                    let (named, text) = split_charset(value);
                    charset = named;
                    text
                } else {
                    value
                };
                octets.extend(percent_decoded(text));
            }
            (None, Some(value)) => octets.extend_from_slice(value),
            (None, None) if number == 0 => return None,
            (None, None) => break,
        }
    }
    Some(body::to_text(charset, &octets).into_owned())
}

// What lacks the marks of a charset is UTF-8, as everywhere today.
fn split_charset(value: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = value.splitn(3, |octet| *octet == b'\'');
    match (parts.next(), parts.next(), parts.next()) {
        (Some(charset), Some(_), Some(text)) if !charset.is_empty() => (charset, text),
        (Some(_), Some(_), Some(text)) => (b"utf-8", text),
        _ => (b"utf-8", value),
    }
}

fn percent_decoded(text: &[u8]) -> Vec<u8> {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, after)) = rest.split_first() {
        let code = match (first, after) {
            (b'%', [high, low, ..]) => hex(*high).zip(hex(*low)).map(|(high, low)| high * 16 + low),
            _ => None,
        };
        octets.push(code.unwrap_or(*first));
        rest = if code.is_some() {
            after.get(2..).unwrap_or_default()
        } else {
            after
        };
    }
    octets
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).and_then(|d| u8::try_from(d).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_in_every_form_that_is_sent() {
        type Case<'a> = (&'a [(&'a str, &'a str)], Option<&'a str>);
        let cases: &[Case<'_>] = &[
            (&[("name", "plain.txt")], Some("plain.txt")),
            (&[("filename", "x")], None),
            (&[], None),
            (&[("name", "=?utf-8?q?Gr=C3=BC=C3=9Fe.pdf?=")], Some("Grüße.pdf")),
            (&[("name", "Grüße.pdf")], Some("Grüße.pdf")),
            // RFC 2231 4
            (
                &[("name*", "us-ascii'en-us'This%20is%20%2A%2A%2Afun%2A%2A%2A")],
                Some("This is ***fun***"),
            ),
            // RFC 2231 4.1
            (
                &[
                    ("name*0*", "us-ascii'en'This%20is%20even%20more%20"),
                    ("name*1*", "%2A%2A%2Afun%2A%2A%2A%20"),
                    ("name*2", "isn't it!"),
                ],
                Some("This is even more ***fun*** isn't it!"),
            ),
            (&[("name*1", "b"), ("name*0", "a")], Some("ab")),
            (&[("name*1", "b")], None),
            (&[("name", "old"), ("name*", "iso-8859-1''%e4")], Some("ä")),
            (&[("name*", "''%C3%A4")], Some("ä")),
            (&[("name*", "100%")], Some("100%")),
            // A character over two pieces.
            (&[("name*0*", "utf-8''%C3"), ("name*1*", "%A4")], Some("ä")),
        ];
        for (params, expected) in cases {
            let params: Params = params
                .iter()
                .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
                .collect();
            assert_eq!(value(&params, "name").as_deref(), *expected, "{params:?}");
        }
    }
}
