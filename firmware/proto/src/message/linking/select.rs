//! Which parts leave.

use super::{Leaving, Policy, Stays};
use crate::limits::linking::{FILES, NAME};
use crate::message::body::Encoding;
use crate::message::{encoded_word, parameter};
use crate::types::{Envelope, Part, PartBody, Structure};

/// A part that may leave.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate<'a> {
    pub part: &'a Part,
    size: u64,
}

impl Candidate<'_> {
    /// As the plan tells it; `at` counts the parts that leave.
    pub(super) fn leaving(&self, at: usize) -> Leaving {
        let part = self.part;
        Leaving {
            body: part.body,
            encoding: Encoding::parse(part.encoding.as_bytes()),
            name: name_of(part).unwrap_or_else(|| format!("attachment-{}", at + 1)),
            media_type: format!("{}/{}", part.media_type, part.subtype),
            size: self.size,
        }
    }
}

/// Whether a message may be changed at all. Forwarded messages are not looked into.
pub(super) fn may_change(part: &Part) -> Result<(), Stays> {
    let subtype = part.subtype.as_str();
    match part.media_type.as_str() {
        "multipart" if subtype == "signed" => return Err(Stays::Signed),
        "multipart" if subtype == "encrypted" => return Err(Stays::Encrypted),
        "multipart" if subtype == "report" => return Err(Stays::Report),
        // RFC 8551 3.2.2: enveloped or signed, both are read as a whole
        "application" if subtype == "pkcs7-mime" && is_signed_data(part) => return Err(Stays::Signed),
        "application" if matches!(subtype, "pkcs7-mime" | "x-pkcs7-mime") => return Err(Stays::Encrypted),
        // RFC 6047 2.4
        "text" if subtype == "calendar" && part.params.iter().any(|(name, _)| name == "method") => {
            return Err(Stays::Invitation);
        }
        _ => {}
    }
    match &part.content {
        PartBody::Multipart(children) => children.iter().try_for_each(may_change),
        PartBody::Leaf | PartBody::Message(_) => Ok(()),
    }
}

fn is_signed_data(part: &Part) -> bool {
    parameter::value(&part.params, "smime-type").is_some_and(|kind| kind.eq_ignore_ascii_case("signed-data"))
}

/// What the HTML of a message shows of its other parts.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shown<'a> {
    /// Nobody has looked.
    Nothing,
    /// What these name.
    By(&'a [String]),
    /// Nobody can read it.
    Anything,
}

/// The parts that leave, in the message's order.
pub(super) fn choose<'a>(
    structure: &'a Structure,
    policy: &Policy<'_>,
    shown: Shown<'_>,
) -> Vec<Candidate<'a>> {
    let mut candidates = Vec::new();
    let body = Context {
        related: false,
        may_be_text: true,
    };
    collect(&structure.root, body, policy, shown, &mut candidates);
    let (mut chosen, mut others): (Vec<_>, Vec<_>) = candidates
        .into_iter()
        .partition(|candidate| candidate.size > policy.part);
    let gone: u64 = chosen.iter().map(|candidate| candidate.part.body.len()).sum();
    let mut left = structure.size.saturating_sub(gone);
    others.sort_by_key(|candidate| candidate.part.body.len());
    while left > policy.message
        && let Some(largest) = others.pop()
    {
        left = left.saturating_sub(largest.part.body.len());
        chosen.push(largest);
    }
    chosen.sort_by_key(|candidate| std::cmp::Reverse(candidate.size));
    chosen.truncate(FILES);
    chosen.sort_by_key(|candidate| candidate.part.body.start);
    chosen
}

#[derive(Debug, Clone, Copy)]
struct Context {
    /// Inside of a multipart/related, not its root.
    related: bool,
    /// What a person wrote may stand here.
    may_be_text: bool,
}

fn collect<'a>(
    part: &'a Part,
    context: Context,
    policy: &Policy<'_>,
    shown: Shown<'_>,
    found: &mut Vec<Candidate<'a>>,
) {
    let PartBody::Multipart(children) = &part.content else {
        if is_attachment(part, context) && may_leave(part, context, policy, shown) {
            found.push(Candidate {
                part,
                size: decoded_size(part),
            });
        }
        return;
    };
    let related = part.subtype == "related";
    let alternative = part.subtype == "alternative";
    for (at, child) in children.iter().enumerate() {
        // Another form of the same text is no attachment, whatever it is.
        if alternative && !matches!(child.content, PartBody::Multipart(_)) {
            continue;
        }
        let inner = Context {
            related: context.related || (related && at > 0),
            may_be_text: context.may_be_text && (at == 0 || !related),
        };
        collect(child, inner, policy, shown, found);
    }
}

fn is_attachment(part: &Part, context: Context) -> bool {
    let disposition = part.disposition.as_ref().map(|(kind, _)| kind.as_str());
    let text = part.media_type == "text" && matches!(part.subtype.as_str(), "plain" | "html" | "enriched");
    // RFC 2183 2.8: an unknown disposition is an attachment.
    match disposition {
        Some("inline") | None => !(text && context.may_be_text && name_of(part).is_none()),
        Some(_) => true,
    }
}

/// Media types that never leave: what mail programs read themselves.
const READ_BY_PROGRAMS: [&str; 14] = [
    "text/calendar",
    "application/ics",
    "text/vcard",
    "text/x-vcard",
    "text/directory",
    "application/pgp-signature",
    "application/pgp-encrypted",
    "application/pgp-keys",
    "application/pkcs7-signature",
    "application/x-pkcs7-signature",
    "application/pkcs10",
    "application/pkix-cert",
    // Outlook's own form of the whole message
    "application/ms-tnef",
    "application/vnd.ms-tnef",
];
const NAMES_READ_BY_PROGRAMS: [&str; 9] = [
    ".ics", ".vcf", ".p7m", ".p7s", ".p7c", ".asc", ".sig", ".pgp", ".gpg",
];

fn may_leave(part: &Part, context: Context, policy: &Policy<'_>, shown: Shown<'_>) -> bool {
    let encoding = part.encoding.as_str();
    if part.body.is_empty()
        || !matches!(
            encoding,
            "7bit" | "8bit" | "binary" | "base64" | "quoted-printable"
        )
        || (part.media_type == "message" && !matches!(part.content, PartBody::Message(_)))
    {
        return false;
    }
    let attached = part
        .disposition
        .as_ref()
        .is_some_and(|(kind, _)| kind == "attachment");
    if context.related && (part.id.is_some() || part.location.is_some() || !attached) {
        return false;
    }
    if let Some(id) = &part.id
        && (!attached || is_shown(id, shown))
    {
        return false;
    }
    let media_type = format!("{}/{}", part.media_type, part.subtype);
    let name = name_of(part).unwrap_or_default().to_lowercase();
    if name == "winmail.dat"
        || READ_BY_PROGRAMS.contains(&media_type.as_str())
        || NAMES_READ_BY_PROGRAMS.iter().any(|end| name.ends_with(end))
    {
        return false;
    }
    !policy
        .exempt
        .iter()
        .any(|pattern| is_exempt(&pattern.to_lowercase(), &media_type, &name))
}

fn is_exempt(pattern: &str, media_type: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(start) if start.ends_with('/') => media_type.starts_with(start),
        _ if pattern.starts_with('.') => name.ends_with(pattern),
        _ => media_type == pattern,
    }
}

// RFC 2392: cid: and the id without its angle brackets, percent-encoded where needed
fn is_shown(id: &[u8], shown: Shown<'_>) -> bool {
    let shown = match shown {
        Shown::Nothing => return false,
        Shown::Anything => return true,
        Shown::By(shown) => shown,
    };
    let id = String::from_utf8_lossy(id);
    let id = id.trim().trim_start_matches('<').trim_end_matches('>');
    let reference = format!("cid:{id}").to_lowercase();
    let encoded = format!("cid:{}", id.replace('%', "%25").replace('@', "%40")).to_lowercase();
    shown.iter().any(|html| {
        let html = html.to_lowercase();
        html.contains(&reference) || html.contains(&encoded)
    })
}

fn decoded_size(part: &Part) -> u64 {
    let length = part.body.len();
    if part.encoding == "base64" {
        length.saturating_sub(u64::from(part.lines) * 2) / 4 * 3
    } else {
        length
    }
}

/// What a part calls itself, as a file's name.
pub(super) fn name_of(part: &Part) -> Option<String> {
    let disposition = part.disposition.as_ref();
    let named = disposition
        .and_then(|(_, params)| parameter::value(params, "filename"))
        .or_else(|| parameter::value(&part.params, "name"));
    let named = named.or_else(|| match &part.content {
        PartBody::Message(inner) => Some(message_name(&inner.0)),
        _ => None,
    });
    named.and_then(|name| safe_name(&name))
}

fn message_name(envelope: &Envelope) -> String {
    let subject = envelope.subject.as_deref().map(encoded_word::decode);
    let subject = subject.unwrap_or_default().replace(['/', '\\'], "-");
    let subject = subject.trim();
    let subject = if subject.is_empty() { "message" } else { subject };
    format!("{subject}.eml")
}

// No folders (RFC 2183 2.3), nothing that cannot be seen, no turning of the writing direction, which
// makes `exe` look like an ending of another kind.
fn safe_name(name: &str) -> Option<String> {
    let last = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let invisible = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    let visible: String = last.chars().filter(|c| !invisible(*c)).collect();
    let visible = visible.trim().trim_start_matches('.');
    if visible.is_empty() {
        return None;
    }
    if visible.len() <= NAME {
        return Some(visible.to_owned());
    }
    // Too long for most disks: the ending stays.
    let (stem, ending) = match visible.rsplit_once('.') {
        Some((stem, ending)) if ending.len() <= 16 => (stem, format!(".{ending}")),
        _ => (visible, String::new()),
    };
    let mut short = String::new();
    for c in stem.chars() {
        if short.len() + c.len_utf8() + ending.len() > NAME {
            break;
        }
        short.push(c);
    }
    Some(short + &ending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_safe_as_names_of_files() {
        for (name, safe) in [
            ("report.pdf", Some("report.pdf")),
            ("../../etc/passwd", Some("passwd")),
            ("C:\\Users\\ann\\a.doc", Some("a.doc")),
            ("\u{202e}fdp.exe", Some("fdp.exe")),
            ("a\r\nb\0.txt", Some("ab.txt")),
            (".htaccess", Some("htaccess")),
            ("..", None),
            (" \u{200b} ", None),
            ("日本語.pdf", Some("日本語.pdf")),
        ] {
            assert_eq!(safe_name(name).as_deref(), safe, "{name:?}");
        }
        let long = safe_name(&format!("{}.tar", "ä".repeat(400))).unwrap();
        assert!(long.len() <= NAME && long.ends_with("ä.tar"));
    }
}
