//! What a part's header says about it (RFC 2045, RFC 2183, RFC 3282).

use crate::limits::message::{BOUNDARY, FIELD, KEPT, PARAM, PARAMS};
use crate::message::header::{self, Field};
use crate::message::lexer::Lexer;
use crate::types::{Envelope, Part};

/// Octets that may still be kept for this message; what does not fit is left out.
#[derive(Debug)]
pub struct Budget(usize);

impl Default for Budget {
    fn default() -> Self {
        Self(KEPT)
    }
}

impl Budget {
    fn keep(&mut self, octets: &[u8], limit: usize) -> Option<Vec<u8>> {
        let kept = octets.get(..octets.len().min(limit))?;
        self.0 = self.0.checked_sub(kept.len())?;
        Some(kept.to_vec())
    }
}

/// Fills in a part, and the envelope if it is the root of a message. A field that stands there
/// twice counts the first time, but for lists of recipients, which are joined.
pub fn read_header(
    octets: &[u8],
    part: &mut Part,
    mut envelope: Option<&mut Envelope>,
    in_digest: bool,
    budget: &mut Budget,
) {
    for field in header::fields(octets) {
        if field.name.len() > 8
            && field
                .name
                .get(..8)
                .is_some_and(|n| n.eq_ignore_ascii_case(b"content-"))
        {
            read_content(&field, part, budget);
        } else if let Some(envelope) = envelope.as_deref_mut() {
            read_envelope(&field, envelope, budget);
        }
    }
    if part.media_type.is_empty() {
        if in_digest {
            "message".clone_into(&mut part.media_type);
            "rfc822".clone_into(&mut part.subtype);
        } else {
            make_text(part);
        }
    }
    if part.encoding.is_empty() {
        "7bit".clone_into(&mut part.encoding);
    }
}

fn read_envelope(field: &Field<'_>, envelope: &mut Envelope, budget: &mut Budget) {
    let (slot, list) = match field.name.to_ascii_lowercase().as_slice() {
        b"date" => (&mut envelope.date, false),
        b"subject" => (&mut envelope.subject, false),
        b"from" => (&mut envelope.from, false),
        b"sender" => (&mut envelope.sender, false),
        b"reply-to" => (&mut envelope.reply_to, false),
        b"to" => (&mut envelope.to, true),
        b"cc" => (&mut envelope.cc, true),
        b"bcc" => (&mut envelope.bcc, true),
        b"in-reply-to" => (&mut envelope.in_reply_to, false),
        b"message-id" => (&mut envelope.message_id, false),
        _ => return,
    };
    let value = field.unfolded();
    match slot {
        None => *slot = budget.keep(&value, FIELD),
        // RFC 5322 4.5.3: several destination fields are read as one.
        Some(before) if list && before.len() + 2 + value.len() <= FIELD => {
            if let Some(more) = budget.keep(&value, FIELD) {
                before.extend_from_slice(b", ");
                before.extend(more);
            }
        }
        Some(_) => {}
    }
}

fn read_content(field: &Field<'_>, part: &mut Part, budget: &mut Budget) {
    let name = field.name.to_ascii_lowercase();
    let value = field.unfolded();
    let fill = |slot: &mut Option<Vec<u8>>, budget: &mut Budget| {
        if slot.is_none() {
            *slot = budget.keep(&value, PARAM);
        }
    };
    match name.get(8..).unwrap_or_default() {
        b"type" if part.media_type.is_empty() => read_type(&value, part, budget),
        b"transfer-encoding" if part.encoding.is_empty() => {
            let mut lexer = Lexer::new(&value);
            lexer.skip_cfws();
            part.encoding = lexer.token().and_then(|t| word(t, budget)).unwrap_or_default();
        }
        b"disposition" if part.disposition.is_none() => {
            let mut lexer = Lexer::new(&value);
            lexer.skip_cfws();
            if let Some(kind) = lexer.token().and_then(|t| word(t, budget)) {
                part.disposition = Some((kind, params(&mut lexer, budget)));
            }
        }
        b"language" if part.language.is_empty() => {
            // Content-Language = Language-List: tags separated by commas (RFC 3282 2)
            let mut lexer = Lexer::new(&value);
            while part.language.len() < PARAMS && !lexer.rest().is_empty() {
                lexer.skip_cfws();
                part.language.extend(lexer.token().and_then(|t| word(t, budget)));
                lexer.take_until(b",");
                lexer.eat(b',');
            }
        }
        b"id" => fill(&mut part.id, budget),
        b"description" => fill(&mut part.description, budget),
        b"location" => fill(&mut part.location, budget),
        b"md5" => fill(&mut part.md5, budget),
        _ => {}
    }
}

/// A token in lower case; every token that is kept is short ASCII.
fn word(token: &[u8], budget: &mut Budget) -> Option<String> {
    if token.len() > 127 || !token.is_ascii() {
        return None;
    }
    String::from_utf8(budget.keep(&token.to_ascii_lowercase(), 127)?).ok()
}

// content := "Content-Type" ":" type "/" subtype *(";" parameter)
fn read_type(value: &[u8], part: &mut Part, budget: &mut Budget) {
    let mut lexer = Lexer::new(value);
    lexer.skip_cfws();
    let media_type = lexer.token().and_then(|t| word(t, budget));
    lexer.skip_cfws();
    if !lexer.eat(b'/') {
        return;
    }
    lexer.skip_cfws();
    let subtype = lexer.token().and_then(|t| word(t, budget));
    if let (Some(media_type), Some(subtype)) = (media_type, subtype) {
        part.media_type = media_type;
        part.subtype = subtype;
        part.params = params(&mut lexer, budget);
    }
}

// parameter := attribute "=" value ; value := token / quoted-string
fn params(lexer: &mut Lexer<'_>, budget: &mut Budget) -> Vec<(String, Vec<u8>)> {
    let mut params = Vec::new();
    while params.len() < PARAMS {
        lexer.skip_cfws();
        lexer.take_until(b";");
        if !lexer.eat(b';') {
            break;
        }
        lexer.skip_cfws();
        let name = lexer.token().and_then(|t| word(t, budget));
        lexer.skip_cfws();
        if !lexer.eat(b'=') {
            continue;
        }
        lexer.skip_cfws();
        let value = match lexer.quoted() {
            Some(text) => budget.keep(&text, PARAM),
            // Not only a token: values with `/` or `=` and no quotes are common.
            None => budget.keep(lexer.take_until(b"; \t(\r\n"), PARAM),
        };
        params.extend(name.zip(value));
    }
    params
}

/// Whether a message stands inside (RFC 2046 5.2.1, RFC 6532 3.7).
pub fn is_message(part: &Part) -> bool {
    part.media_type == "message" && (part.subtype == "rfc822" || part.subtype == "global")
}

/// A multipart's boundary, if it has one that can be used.
pub fn boundary(part: &Part) -> Option<Vec<u8>> {
    let (_, value) = part.params.iter().find(|(name, _)| name == "boundary")?;
    // RFC 2046 5.1.1: a boundary does not end with a blank.
    let value = value.trim_ascii_end();
    (!value.is_empty() && value.len() <= BOUNDARY).then(|| value.to_vec())
}

/// RFC 2045 5.2: what says nothing usable is plain text.
pub fn make_text(part: &mut Part) {
    "text".clone_into(&mut part.media_type);
    "plain".clone_into(&mut part.subtype);
    part.params = vec![("charset".to_owned(), b"us-ascii".to_vec())];
}

/// RFC 2049 2 (5): what cannot be looked into is octets.
pub fn make_opaque(part: &mut Part) {
    "application".clone_into(&mut part.media_type);
    "octet-stream".clone_into(&mut part.subtype);
    part.params.clear();
}
