//! HEADER.FIELDS and HEADER.FIELDS.NOT (RFC 9051 6.4.5.1).

use crate::message::header;

/// The fields of `header` that are (or are not) among `names`, and the empty line that ends them.
pub(super) fn choose(header: &[u8], names: &[Vec<u8>], not: bool) -> Vec<u8> {
    let mut chosen = Vec::new();
    for field in header::fields(header) {
        if names.iter().any(|name| field.name.eq_ignore_ascii_case(name)) != not {
            chosen.extend_from_slice(field.raw);
            if !field.raw.ends_with(b"\n") {
                chosen.extend_from_slice(b"\r\n");
            }
        }
    }
    chosen.extend_from_slice(b"\r\n");
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_chosen_whole_in_their_order_and_end_with_an_empty_line() {
        let header = b"From: a\r\nTo: b,\r\n c\r\nSubject: x\r\nfrom: d\r\n\r\n";
        let names = |names: &[&str]| {
            names
                .iter()
                .map(|name| name.as_bytes().to_vec())
                .collect::<Vec<_>>()
        };
        for (wanted, not, chosen) in [
            (&["FROM", "x"][..], false, &b"From: a\r\nfrom: d\r\n\r\n"[..]),
            (&["to"], false, b"To: b,\r\n c\r\n\r\n"),
            (&["from", "to"], true, b"Subject: x\r\n\r\n"),
            (&["none"], false, b"\r\n"),
        ] {
            assert_eq!(choose(header, &names(wanted), not), chosen, "{wanted:?}");
        }
    }
}
