//! Whether a message is what a SEARCH looks for (RFC 9051 6.4.4). Pure: the world lends the message.

mod text;

use std::ops::ControlFlow;

use crate::ask::{Criteria, Want};
use crate::message::{date, encoded_word, header};
use crate::types::{Flags, ModSeq, Part, PartBody, Span, Structure, Timestamp, Uid};
use text::{Needle, fold};

/// A message that may match.
pub trait Candidate {
    /// Its UID.
    fn uid(&self) -> Uid;
    /// Its flags.
    fn flags(&self) -> &Flags;
    /// RFC822.SIZE in octets.
    fn size(&self) -> u64;
    /// INTERNALDATE.
    fn date(&self) -> Timestamp;
    /// Its last change.
    fn modseq(&self) -> ModSeq;
    /// The message header's octets; asked for only if [`Criteria::want`] says so.
    fn header(&self) -> &[u8];
    /// What it is made of; asked for only if [`Criteria::want`] says so.
    fn structure(&self) -> Option<&Structure>;
    /// Hands over the octets of a span in order, in pieces of any size, until told to stop. What
    /// cannot be read is left out; remembering the fault is the candidate's own business.
    fn read(&self, span: Span, piece: &mut dyn FnMut(&[u8]) -> ControlFlow<()>);
}

impl Criteria {
    /// What [`Criteria::matches`] will look at beside the row's plain columns.
    #[must_use]
    pub fn want(&self) -> Want {
        match self {
            Self::And(all) => all.iter().map(Self::want).fold(Want::default(), both),
            Self::Or(one, other) => both(one.want(), other.want()),
            Self::Not(one) => one.want(),
            Self::Header { .. } | Self::SentBefore(_) | Self::SentOn(_) | Self::SentSince(_) => Want {
                header: true,
                structure: false,
            },
            Self::Body(_) => Want {
                header: false,
                structure: true,
            },
            Self::Text(_) => Want {
                header: true,
                structure: true,
            },
            _ => Want::default(),
        }
    }

    /// Whether the message is one of those looked for.
    #[must_use]
    pub fn matches(&self, message: &dyn Candidate) -> bool {
        match self {
            Self::All => true,
            // The cheap ones first: most messages are told apart without reading them.
            Self::And(all) => {
                let (cheap, dear): (Vec<_>, Vec<_>) =
                    all.iter().partition(|one| one.want() == Want::default());
                cheap.into_iter().chain(dear).all(|one| one.matches(message))
            }
            Self::Or(one, other) => one.matches(message) || other.matches(message),
            Self::Not(one) => !one.matches(message),
            Self::Uids(ranges) => {
                let uid = message.uid();
                let after = ranges.partition_point(|&(first, _)| first <= uid);
                let range = after.checked_sub(1).and_then(|index| ranges.get(index));
                range.is_some_and(|&(_, last)| uid <= last)
            }
            Self::Flag(flag) => message.flags().has(*flag),
            Self::Keyword(name) => message.flags().has_keyword(name),
            Self::Larger(size) => message.size() > *size,
            Self::Smaller(size) => message.size() < *size,
            Self::Before(day) => received(message) < *day,
            Self::On(day) => received(message) == *day,
            Self::Since(day) => received(message) >= *day,
            Self::SentBefore(day) => sent(message).is_some_and(|sent| sent < *day),
            Self::SentOn(day) => sent(message) == Some(*day),
            Self::SentSince(day) => sent(message).is_some_and(|sent| sent >= *day),
            Self::Header { name, text } => in_field(message.header(), name, &fold(text)),
            Self::Body(text) => in_body(message, &Needle::new(text)),
            Self::Text(text) => {
                let needle = Needle::new(text);
                in_header(message.header(), &needle) || in_body(message, &needle)
            }
            Self::ChangedSince(modseq) => message.modseq() >= *modseq,
        }
    }
}

const fn both(one: Want, other: Want) -> Want {
    Want {
        structure: one.structure || other.structure,
        header: one.header || other.header,
    }
}

fn received(message: &dyn Candidate) -> i64 {
    message.date().0.div_euclid(date::DAY)
}

// The day that the Date field says, in the zone that it says (RFC 9051 6.4.4).
fn sent(message: &dyn Candidate) -> Option<i64> {
    let field = header::find(message.header(), "date")?;
    date::parse(&field.unfolded()).map(date::Date::day)
}

fn in_field(octets: &[u8], name: &str, folded: &str) -> bool {
    let mut fields = header::fields(octets).filter(|field| field.is(name));
    fields.any(|field| folded.is_empty() || fold(&encoded_word::decode(field.value)).contains(folded))
}

fn in_header(octets: &[u8], needle: &Needle) -> bool {
    header::fields(octets).any(|field| {
        let mut search = needle.start();
        search.push(&String::from_utf8_lossy(field.name));
        search.push(": ");
        search.push(&encoded_word::decode(field.value));
        search.found()
    })
}

fn in_body(message: &dyn Candidate, needle: &Needle) -> bool {
    message
        .structure()
        .is_some_and(|structure| in_part(message, &structure.root, needle))
}

// Text parts are read decoded; images and other files hold no text (RFC 9051 6.4.4 leaves it open).
fn in_part(message: &dyn Candidate, part: &Part, needle: &Needle) -> bool {
    match &part.content {
        PartBody::Multipart(children) => children.iter().any(|child| in_part(message, child, needle)),
        PartBody::Message(inner) => {
            let (_, root) = &**inner;
            let mut octets = Vec::new();
            message.read(root.header, &mut |piece| {
                octets.extend_from_slice(piece);
                if octets.len() < crate::limits::message::HEADER {
                    ControlFlow::Continue(())
                } else {
                    ControlFlow::Break(())
                }
            });
            in_header(&octets, needle) || in_part(message, root, needle)
        }
        PartBody::Leaf if part.media_type == "text" => text::in_text(message, part, needle),
        PartBody::Leaf => false,
    }
}

#[cfg(test)]
mod tests;
