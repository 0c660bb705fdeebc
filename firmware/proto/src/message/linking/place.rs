//! Where the links stand, and how parts are cut out without harm to the others.

use super::block::Block;
use super::select::name_of;
use super::{Edit, Stays, encode};
use crate::limits::linking::TEXT;
use crate::message::body::{self, Encoding};
use crate::message::header;
use crate::types::{Part, PartBody, Span, Structure};

/// A place for the block.
#[derive(Debug)]
pub(super) enum Place {
    /// In what a person wrote.
    Text {
        part: Box<Part>,
        header: Vec<u8>,
        text: String,
    },
    /// A part of its own, in front of the others of a multipart.
    Front { span: Span, after: Vec<u8> },
    /// Instead of the only part.
    Whole { header: Vec<u8>, span: Span },
}

impl Place {
    /// Puts the block there.
    pub(super) fn fill(&self, block: &Block<'_>) -> Edit {
        match self {
            Self::Text { part, header, text } => {
                let text = if part.subtype == "html" {
                    in_html(text, &block.html())
                } else {
                    below(text, &block.plain())
                };
                Edit {
                    span: Span {
                        start: part.header.start,
                        end: part.body.end,
                    },
                    octets: encode::part(header, part, &text),
                }
            }
            Self::Front { span, after } => {
                let mut octets = encode::new_part(&block.plain());
                octets.extend_from_slice(after);
                Edit { span: *span, octets }
            }
            Self::Whole { header, span } => {
                let mut octets = Vec::with_capacity(header.len() + 1000);
                for field in header::fields(header) {
                    let name = field.name.to_ascii_lowercase();
                    if !name.starts_with(b"content-") {
                        octets.extend_from_slice(field.raw);
                    }
                }
                octets.extend(encode::new_part(&block.plain()));
                Edit { span: *span, octets }
            }
        }
    }
}

fn below(text: &str, block: &str) -> String {
    let text = text.trim_end_matches(['\r', '\n']);
    if text.is_empty() {
        return block.to_owned();
    }
    format!("{text}\r\n\r\n{block}")
}

// Before the end of the body, which some programs leave out.
fn in_html(text: &str, block: &str) -> String {
    let lower = text.to_ascii_lowercase();
    let at = lower
        .rfind("</body")
        .or_else(|| lower.rfind("</html"))
        .unwrap_or(text.len());
    let (before, after) = text.split_at_checked(at).unwrap_or((text, ""));
    format!("{before}{block}{after}")
}

/// What the texts of a message say.
pub(super) struct Texts {
    /// Those that a person wrote, in every form, where they can be read and written again.
    pub places: Vec<Place>,
    /// All HTML that can be read, wherever it stands: it may show pictures.
    pub html: Vec<String>,
    /// There is HTML that cannot be read: nobody knows what it shows.
    pub unread_html: bool,
}

/// Reads the texts; or the message must not be changed.
pub(super) fn texts<E>(
    structure: &Structure,
    read: &mut impl FnMut(Span) -> Result<Vec<u8>, E>,
) -> Result<Result<Texts, Stays>, E> {
    let (mut written, mut all) = (Vec::new(), Vec::new());
    if let PartBody::Multipart(_) = structure.root.content {
        bodies(&structure.root, &mut written);
        leaves(&structure.root, &mut all);
    }
    let mut texts = Texts {
        places: Vec::new(),
        html: Vec::new(),
        unread_html: false,
    };
    for part in all {
        let span = Span {
            start: part.body.start,
            end: part.body.end.min(part.body.start.saturating_add(TEXT)),
        };
        let raw = read(span)?;
        if let Some(stays) = inline_pgp(part, &raw) {
            return Ok(Err(stays));
        }
        let html = part.subtype == "html";
        let Some(text) = readable(part, &raw).filter(|_| part.body.len() <= TEXT) else {
            texts.unread_html |= html;
            continue;
        };
        if html {
            texts.html.push(text.clone());
        }
        if written.iter().any(|one| one.body == part.body) {
            texts.places.push(Place::Text {
                header: read(part.header)?,
                part: Box::new(part.clone()),
                text,
            });
        }
    }
    Ok(Ok(texts))
}

// Signed or encrypted within the text (RFC 4880 7, 6.2), whatever its charset is.
fn inline_pgp(part: &Part, raw: &[u8]) -> Option<Stays> {
    let octets = body::decode(Encoding::parse(part.encoding.as_bytes()), raw);
    let has = |mark: &str| memchr::memmem::find(&octets, mark.as_bytes()).is_some();
    if has("-----BEGIN PGP SIGNED MESSAGE-----") {
        return Some(Stays::Signed);
    }
    has("-----BEGIN PGP MESSAGE-----").then_some(Stays::Encrypted)
}

// Every text that is no attachment, wherever it stands.
fn leaves<'a>(part: &'a Part, found: &mut Vec<&'a Part>) {
    match &part.content {
        PartBody::Multipart(children) => children.iter().for_each(|child| leaves(child, found)),
        PartBody::Leaf if is_text(part) => found.push(part),
        PartBody::Leaf | PartBody::Message(_) => {}
    }
}

fn is_text(part: &Part) -> bool {
    let attached = part
        .disposition
        .as_ref()
        .is_some_and(|(kind, _)| kind == "attachment");
    let text = part.media_type == "text" && matches!(part.subtype.as_str(), "plain" | "html");
    text && !attached && name_of(part).is_none()
}

// RFC 2046 5.1.3 to 5.1.5, RFC 2387: the first of a mixed, every form of an alternative, the root of
// a related.
fn bodies<'a>(part: &'a Part, found: &mut Vec<&'a Part>) {
    match &part.content {
        PartBody::Multipart(children) if part.subtype == "alternative" => {
            children.iter().for_each(|child| bodies(child, found));
        }
        PartBody::Multipart(children) => {
            if let Some(first) = children.first() {
                bodies(first, found);
            }
        }
        PartBody::Leaf if is_text(part) => found.push(part),
        PartBody::Leaf | PartBody::Message(_) => {}
    }
}

// `None`: writing it again could lose something.
fn readable(part: &Part, raw: &[u8]) -> Option<String> {
    if !matches!(
        part.encoding.as_str(),
        "7bit" | "8bit" | "binary" | "base64" | "quoted-printable"
    ) {
        return None;
    }
    let octets = body::decode(Encoding::parse(part.encoding.as_bytes()), raw);
    if let Ok(text) = std::str::from_utf8(&octets)
        && charset(part).is_none_or(is_ascii_compatible)
    {
        return Some(text.to_owned());
    }
    let known = encoding_rs::Encoding::for_label(charset(part)?)?;
    let (text, failed) = known.decode_without_bom_handling(&octets);
    (!failed).then(|| text.into_owned())
}

fn charset(part: &Part) -> Option<&[u8]> {
    let (_, value) = part.params.iter().find(|(name, _)| name == "charset")?;
    Some(value)
}

// What is valid UTF-8 is what it says: ASCII, or UTF-8 itself.
fn is_ascii_compatible(charset: &[u8]) -> bool {
    charset.eq_ignore_ascii_case(b"utf-8") || charset.eq_ignore_ascii_case(b"us-ascii")
}

/// How a message is changed.
pub(super) struct Found {
    pub cuts: Vec<Edit>,
    pub places: Vec<Place>,
}

/// How the parts with these bodies are cut out, and where the links then stand; `None`: nowhere.
pub(super) fn find<E>(
    structure: &Structure,
    leaving: &[Span],
    texts: Vec<Place>,
    read: &mut impl FnMut(Span) -> Result<Vec<u8>, E>,
) -> Result<Option<Found>, E> {
    let root = &structure.root;
    let PartBody::Multipart(_) = &root.content else {
        let header = read(root.header)?;
        let span = Span {
            start: 0,
            end: structure.size,
        };
        return Ok(Some(Found {
            cuts: Vec::new(),
            places: vec![Place::Whole { header, span }],
        }));
    };
    let mut cuts = Vec::new();
    cut(root, leaving, structure.size, &mut cuts);
    if !texts.is_empty() {
        return Ok(Some(Found { cuts, places: texts }));
    }
    Ok(front(root, cuts))
}

// Nobody wrote anything: the links get a part of their own.
fn front(root: &Part, mut cuts: Vec<Edit>) -> Option<Found> {
    let PartBody::Multipart(children) = &root.content else {
        return None;
    };
    if matches!(root.subtype.as_str(), "alternative" | "related") {
        return None;
    }
    let start = children.first()?.header.start;
    let delimiter = [b"\r\n--".as_slice(), &boundary(root)?, b"\r\n"].concat();
    let at = cuts.iter().position(|edit| edit.span.start == start);
    let (span, after) = match at.map(|at| cuts.remove(at)) {
        None => (Span { start, end: start }, delimiter),
        Some(edit) => match edit.octets.strip_prefix(NOTHING) {
            // All parts are gone; what follows may be the last delimiter.
            Some(closing) => (edit.span, closing.to_vec()),
            None => (edit.span, delimiter),
        },
    };
    Some(Found {
        cuts,
        places: vec![Place::Front { span, after }],
    })
}

/// What stands in a multipart that has lost all its parts: one has to be there (RFC 2046 5.1.1).
const NOTHING: &[u8] = b"Content-Type: text/plain; charset=us-ascii\r\n\r\n";

// Every run of parts that leave goes with the delimiters between its neighbours.
fn cut(part: &Part, leaving: &[Span], size: u64, cuts: &mut Vec<Edit>) {
    let PartBody::Multipart(children) = &part.content else {
        return;
    };
    let leaves =
        |child: &Part| !matches!(child.content, PartBody::Multipart(_)) && leaving.contains(&child.body);
    let mut before: Option<&Part> = None;
    let mut rest = children.as_slice();
    while let Some((child, _)) = rest.split_first() {
        let run = rest.iter().take_while(|child| leaves(child)).count();
        let (gone, after) = rest.split_at_checked(run).unwrap_or((rest, &[]));
        let Some(last) = gone.last() else {
            cut(child, leaving, size, cuts);
            before = Some(child);
            rest = rest.get(1..).unwrap_or_default();
            continue;
        };
        // The last delimiter may be missing.
        let unfinished = after.is_empty() && last.body.end >= size;
        let mut closing = Vec::new();
        if unfinished && let Some(boundary) = boundary(part) {
            closing = [b"\r\n--".as_slice(), &boundary, b"--\r\n"].concat();
        }
        cuts.push(match (before, after.first()) {
            (Some(before), _) => edit(end(before), last.body.end, closing),
            (None, Some(next)) => edit(child.header.start, next.header.start, Vec::new()),
            (None, None) => edit(child.header.start, last.body.end, [NOTHING, &closing].concat()),
        });
        rest = after;
    }
}

// Where a part is over. An empty one at the end of a multipart, whose delimiters follow each other, ends
// after it: the line end between them is both its header's and the second delimiter's.
fn end(part: &Part) -> u64 {
    match &part.content {
        PartBody::Multipart(children) => children.last().map_or(0, end).max(part.body.end),
        PartBody::Leaf | PartBody::Message(_) => part.body.end,
    }
}

const fn edit(start: u64, end: u64, octets: Vec<u8>) -> Edit {
    Edit {
        span: Span { start, end },
        octets,
    }
}

fn boundary(part: &Part) -> Option<Vec<u8>> {
    let (_, value) = part.params.iter().find(|(name, _)| name == "boundary")?;
    Some(value.trim_ascii_end().to_vec())
}
