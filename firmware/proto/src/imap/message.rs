//! ENVELOPE and BODYSTRUCTURE (RFC 9051 7.5.2), printed from what the scanner kept.

use super::print::{nstring, string};
use crate::message::address;
use crate::types::{Envelope, Part, PartBody};

/// envelope = "(" env-date SP env-subject SP env-from SP env-sender SP env-reply-to SP env-to SP
///            env-cc SP env-bcc SP env-in-reply-to SP env-message-id ")"
pub(super) fn envelope(out: &mut Vec<u8>, envelope: &Envelope, utf8: bool) {
    out.push(b'(');
    nstring(out, envelope.date.as_deref(), utf8);
    out.push(b' ');
    nstring(out, envelope.subject.as_deref(), utf8);
    // RFC 9051 7.5.2: Sender and Reply-To are From where they are absent or empty.
    let or_from = |field: &'_ Option<Vec<u8>>| match field {
        Some(value) if !value.trim_ascii().is_empty() => Some(value.clone()),
        _ => envelope.from.clone(),
    };
    let lists = [
        envelope.from.clone(),
        or_from(&envelope.sender),
        or_from(&envelope.reply_to),
        envelope.to.clone(),
        envelope.cc.clone(),
        envelope.bcc.clone(),
    ];
    for list in lists {
        out.push(b' ');
        addresses(out, list.as_deref(), utf8);
    }
    out.push(b' ');
    nstring(out, envelope.in_reply_to.as_deref(), utf8);
    out.push(b' ');
    nstring(out, envelope.message_id.as_deref(), utf8);
    out.push(b')');
}

// "(" 1*address ")" / nil
fn addresses(out: &mut Vec<u8>, field: Option<&[u8]>, utf8: bool) {
    let entries = field.map(address::parse_list).unwrap_or_default();
    if entries.is_empty() {
        out.extend_from_slice(b"NIL");
        return;
    }
    out.push(b'(');
    for entry in entries {
        // address = "(" addr-name SP addr-adl SP addr-mailbox SP addr-host ")"
        out.push(b'(');
        nstring(out, entry.name.as_deref(), utf8);
        out.push(b' ');
        nstring(out, entry.adl.as_deref(), utf8);
        out.push(b' ');
        nstring(out, entry.mailbox.as_deref(), utf8);
        out.push(b' ');
        nstring(out, entry.host.as_deref(), utf8);
        out.push(b')');
    }
    out.push(b')');
}

/// BODYSTRUCTURE, or BODY where not `extended`.
///
/// body = "(" (body-type-1part / body-type-mpart) ")"
pub(super) fn body(out: &mut Vec<u8>, part: &Part, extended: bool, utf8: bool) {
    out.push(b'(');
    match &part.content {
        // body-type-mpart = 1*body SP media-subtype [SP body-ext-mpart]
        PartBody::Multipart(children) => {
            for child in children {
                body(out, child, extended, utf8);
            }
            out.push(b' ');
            string(out, part.subtype.as_bytes(), utf8);
            if extended {
                out.push(b' ');
                params(out, &part.params, utf8);
                extension(out, part, utf8);
            }
        }
        content => {
            one_part(out, part, content, extended, utf8);
            if extended {
                out.push(b' ');
                nstring(out, part.md5.as_deref(), utf8);
                extension(out, part, utf8);
            }
        }
    }
    out.push(b')');
}

// body-type-basic / body-type-msg / body-type-text
fn one_part(out: &mut Vec<u8>, part: &Part, content: &PartBody, extended: bool, utf8: bool) {
    let inner = match content {
        PartBody::Message(inner) => Some(inner),
        _ => None,
    };
    // Types with a shape of their own, which the scanner did not look into, would be read as
    // that shape by the client (body-type-basic excludes them).
    let opaque = inner.is_none()
        && (part.media_type == "multipart"
            || part.media_type == "message" && matches!(part.subtype.as_str(), "rfc822" | "global"));
    let (media_type, subtype) = if opaque {
        ("application", "octet-stream")
    } else {
        (part.media_type.as_str(), part.subtype.as_str())
    };
    string(out, media_type.as_bytes(), utf8);
    out.push(b' ');
    string(out, subtype.as_bytes(), utf8);
    out.push(b' ');
    // body-fields = body-fld-param SP body-fld-id SP body-fld-desc SP body-fld-enc SP body-fld-octets
    params(out, &part.params, utf8);
    out.push(b' ');
    nstring(out, part.id.as_deref(), utf8);
    out.push(b' ');
    nstring(out, part.description.as_deref(), utf8);
    out.push(b' ');
    string(out, part.encoding.as_bytes(), utf8);
    out.extend_from_slice(format!(" {}", part.body.len()).as_bytes());
    if let Some(inner) = inner {
        let (inner_envelope, root) = &**inner;
        out.push(b' ');
        envelope(out, inner_envelope, utf8);
        out.push(b' ');
        body(out, root, extended, utf8);
    }
    if inner.is_some() || media_type == "text" {
        out.extend_from_slice(format!(" {}", part.lines).as_bytes());
    }
}

// [SP body-fld-dsp [SP body-fld-lang [SP body-fld-loc]]]
fn extension(out: &mut Vec<u8>, part: &Part, utf8: bool) {
    match &part.disposition {
        Some((kind, parameters)) => {
            out.extend_from_slice(b" (");
            string(out, kind.as_bytes(), utf8);
            out.push(b' ');
            params(out, parameters, utf8);
            out.push(b')');
        }
        None => out.extend_from_slice(b" NIL"),
    }
    out.push(b' ');
    match part.language.as_slice() {
        [] => out.extend_from_slice(b"NIL"),
        [only] => string(out, only.as_bytes(), utf8),
        [first, rest @ ..] => {
            out.push(b'(');
            string(out, first.as_bytes(), utf8);
            for language in rest {
                out.push(b' ');
                string(out, language.as_bytes(), utf8);
            }
            out.push(b')');
        }
    }
    out.push(b' ');
    nstring(out, part.location.as_deref(), utf8);
}

// body-fld-param = "(" string SP string *(SP string SP string) ")" / nil
fn params(out: &mut Vec<u8>, parameters: &[(String, Vec<u8>)], utf8: bool) {
    if parameters.is_empty() {
        out.extend_from_slice(b"NIL");
        return;
    }
    for (index, (name, value)) in parameters.iter().enumerate() {
        out.push(if index == 0 { b'(' } else { b' ' });
        string(out, name.as_bytes(), utf8);
        out.push(b' ');
        string(out, value, utf8);
    }
    out.push(b')');
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::scan;

    fn printed(raw: &str, extended: bool) -> (String, String) {
        let structure = scan::structure(raw.as_bytes());
        let (mut shown_envelope, mut shown_body) = (Vec::new(), Vec::new());
        envelope(&mut shown_envelope, &structure.envelope, false);
        body(&mut shown_body, &structure.root, extended, false);
        (
            String::from_utf8(shown_envelope).unwrap(),
            String::from_utf8(shown_body).unwrap(),
        )
    }

    #[test]
    fn envelopes_have_every_shape_of_rfc_9051_section_7_5_2() {
        for (header, shown) in [
            ("", "(NIL NIL NIL NIL NIL NIL NIL NIL NIL NIL)"),
            // absent or empty Sender and Reply-To are From; the others are not
            (
                "From: a@b\r\nSender:\r\nTo:\r\n",
                "(NIL NIL ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) NIL NIL NIL NIL NIL)",
            ),
            (
                "From: a@b\r\nReply-To: c@d\r\nSubject:\r\n",
                "(NIL \"\" ((NIL NIL \"a\" \"b\")) ((NIL NIL \"a\" \"b\")) ((NIL NIL \"c\" \"d\")) NIL NIL NIL NIL NIL)",
            ),
            // a group
            (
                "To: all: a@b, \"C, D\" <c@d>;, e@f\r\nIn-Reply-To: <1@x>\r\nMessage-ID: <2@x>\r\n",
                "(NIL NIL NIL NIL NIL ((NIL NIL \"all\" NIL)(NIL NIL \"a\" \"b\")(\"C, D\" NIL \"c\" \"d\")\
                 (NIL NIL NIL NIL)(NIL NIL \"e\" \"f\")) NIL NIL \"<1@x>\" \"<2@x>\")",
            ),
            (
                "Subject: a \"b\" \\c\r\n d\r\nDate: x\r\n",
                "(\"x\" \"a \\\"b\\\" \\\\c d\" NIL NIL NIL NIL NIL NIL NIL NIL)",
            ),
            ("Subject: ä\r\n", "(NIL {2}\r\nä NIL NIL NIL NIL NIL NIL NIL NIL)"),
        ] {
            assert_eq!(printed(&format!("{header}\r\n"), false).0, shown, "{header}");
        }
    }

    // The second example of BODYSTRUCTURE in RFC 9051 7.5.2, with shorter bodies.
    const TWO_PARTS: &str = "Content-Type: multipart/mixed; boundary=b\r\n\r\n\
        --b\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII\r\n\r\none\r\ntwo\r\n\r\n\
        --b\r\nContent-Type: TEXT/PLAIN; CHARSET=US-ASCII; NAME=cc.diff\r\n\
        Content-ID: <960723163407.20117h@cac.washington.edu>\r\nContent-Description: Compiler diff\r\n\
        Content-Transfer-Encoding: BASE64\r\nContent-Disposition: attachment; filename=\"a;b\"\r\n\
        Content-Language: de\r\nContent-Location: x/y\r\nContent-MD5: Q2hlY2s=\r\n\r\nT25l\r\n--b--\r\n";

    #[test]
    fn structures_are_those_of_rfc_9051_section_7_5_2() {
        for (raw, extended, shown) in [
            (
                "\r\na\r\nb\r\n",
                false,
                "(\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 6 2)",
            ),
            (
                TWO_PARTS,
                false,
                "((\"text\" \"plain\" (\"charset\" \"US-ASCII\") NIL NIL \"7bit\" 10 2)\
                 (\"text\" \"plain\" (\"charset\" \"US-ASCII\" \"name\" \"cc.diff\") \
                 \"<960723163407.20117h@cac.washington.edu>\" \"Compiler diff\" \"base64\" 4 1) \"mixed\")",
            ),
            (
                TWO_PARTS,
                true,
                "((\"text\" \"plain\" (\"charset\" \"US-ASCII\") NIL NIL \"7bit\" 10 2 NIL NIL NIL NIL)\
                 (\"text\" \"plain\" (\"charset\" \"US-ASCII\" \"name\" \"cc.diff\") \
                 \"<960723163407.20117h@cac.washington.edu>\" \"Compiler diff\" \"base64\" 4 1 \"Q2hlY2s=\" \
                 (\"attachment\" (\"filename\" \"a;b\")) \"de\" \"x/y\") \"mixed\" (\"boundary\" \"b\") NIL NIL NIL)",
            ),
            (
                "Content-Type: message/rfc822\r\n\r\nSubject: i\r\n\r\nx\r\n",
                false,
                "(\"message\" \"rfc822\" NIL NIL NIL \"7bit\" 17 (NIL \"i\" NIL NIL NIL NIL NIL NIL NIL NIL) \
                 (\"text\" \"plain\" (\"charset\" \"us-ascii\") NIL NIL \"7bit\" 3 1) 3)",
            ),
        ] {
            assert_eq!(printed(raw, extended).1, shown);
        }
    }

    #[test]
    fn what_was_not_looked_into_has_no_shape_of_its_own() {
        for (media_type, subtype) in [
            ("multipart", "mixed"),
            ("message", "rfc822"),
            ("message", "global"),
        ] {
            let part = Part {
                media_type: media_type.to_owned(),
                subtype: subtype.to_owned(),
                encoding: "base64".to_owned(),
                ..Part::default()
            };
            let mut out = Vec::new();
            body(&mut out, &part, false, false);
            assert_eq!(
                out,
                b"(\"application\" \"octet-stream\" NIL NIL NIL \"base64\" 0)"
            );
        }
    }
}
