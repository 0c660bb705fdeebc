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
