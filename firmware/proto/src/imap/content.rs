//! Where a section stands in the raw message (RFC 9051 6.4.5.1). Every section is one span.

use super::syntax::fetch::{Section, SectionText};
use crate::types::{Part, PartBody, Span, Structure};

/// What a part number leads to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'a> {
    /// The whole message.
    Message(&'a Part),
    /// A part of it.
    Part(&'a Part),
}

/// Follows a part number. `None`: there is no such part.
pub(super) fn find<'a>(structure: &'a Structure, path: &[u32]) -> Option<Place<'a>> {
    match path {
        [] => Some(Place::Message(&structure.root)),
        path => part_of_message(&structure.root, path).map(Place::Part),
    }
}

// Every message has a part 1, which is its only one where it is no multipart.
fn part_of_message<'a>(root: &'a Part, path: &[u32]) -> Option<&'a Part> {
    let (&number, rest) = path.split_first()?;
    let part = match &root.content {
        PartBody::Multipart(children) => nth(children, number)?,
        _ if number == 1 => root,
        _ => return None,
    };
    descend(part, rest)
}

fn descend<'a>(part: &'a Part, path: &[u32]) -> Option<&'a Part> {
    let Some((&number, rest)) = path.split_first() else {
        return Some(part);
    };
    match &part.content {
        PartBody::Multipart(children) => descend(nth(children, number)?, rest),
        PartBody::Message(inner) => part_of_message(&inner.1, path),
        PartBody::Leaf => None,
    }
}

fn nth(children: &[Part], number: u32) -> Option<&Part> {
    children.get(usize::try_from(number).ok()?.checked_sub(1)?)
}

/// The span of a section; for HEADER.FIELDS that of the header to choose from.
pub(super) fn span(structure: &Structure, section: &Section) -> Option<Span> {
    let place = find(structure, &section.path)?;
    // HEADER and TEXT of a part are those of the message inside it.
    let message = match place {
        Place::Message(root) => Some(root),
        Place::Part(part) => match &part.content {
            PartBody::Message(inner) => Some(&inner.1),
            _ => None,
        },
    };
    match (&section.text, place) {
        (SectionText::Whole, Place::Message(_)) => Some(Span {
            start: 0,
            end: structure.size,
        }),
        (SectionText::Whole, Place::Part(part)) => Some(part.body),
        (SectionText::Mime, Place::Part(part)) => Some(part.header),
        (SectionText::Mime, Place::Message(_)) => None,
        (SectionText::Header | SectionText::Fields { .. }, _) => message.map(|root| root.header),
        (SectionText::Text, _) => message.map(|root| root.body),
    }
}

/// The part of a span that `<first.count>` asks for.
pub(super) fn clip(span: Span, partial: Option<(u64, u64)>) -> Span {
    let Some((first, count)) = partial else {
        return span;
    };
    let start = span.start.saturating_add(first).min(span.end);
    Span {
        start,
        end: start.saturating_add(count).min(span.end),
    }
}

/// [`clip`] for octets in memory.
pub(super) fn clip_octets(octets: &[u8], partial: Option<(u64, u64)>) -> &[u8] {
    let whole = Span {
        start: 0,
        end: octets.len() as u64,
    };
    let clipped = clip(whole, partial);
    let (Ok(start), Ok(end)) = (usize::try_from(clipped.start), usize::try_from(clipped.end)) else {
        return &[];
    };
    octets.get(start..end).unwrap_or_default()
}
