//! Which attachments leave a message and become links, and what the message is then. The message
//! is never in memory: a plan is made from its structure and from the few parts that hold what a
//! person wrote; the result is a list of edits to its octets.
//!
//! | what | here |
//! |---|---|
//! | multipart/signed, multipart/encrypted, S/MIME, PGP in the text | the message stays as it is |
//! | multipart/report: delivery reports, receipts (RFC 6522, RFC 8098) | stays as it is |
//! | invitations: text/calendar with a method (RFC 6047) | stays as it is |
//! | images and others that the HTML shows (RFC 2392), vCards, calendars, winmail.dat | that part stays |
//! | forwarded messages | leave whole, never looked into |
//! | transfer encodings other than RFC 2045's | that part stays |

mod block;
mod encode;
mod place;
mod select;

pub use block::{Block, LinkedFile, day_words, size_words};

use super::body::Encoding;
use crate::types::{Span, Structure};
use place::Place;
use select::Shown;

/// What may leave.
#[derive(Debug, Clone, Copy)]
pub struct Policy<'a> {
    /// A part over this size leaves, in octets as the recipient saves it.
    pub part: u64,
    /// From a message that is over this size without them, in octets on the wire, the largest parts
    /// leave until it is not.
    pub message: u64,
    /// What never leaves besides: media types (`image/png`, `image/*`) or ends of names (`.ics`).
    pub exempt: &'a [String],
}

/// Why a message stays as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stays {
    /// Nothing in it is large.
    Small,
    /// It is signed; a change would break the signature.
    Signed,
    /// It is encrypted; nobody here can look into it.
    Encrypted,
    /// It is a report about another message.
    Report,
    /// It is an invitation, which the recipient's calendar reads.
    Invitation,
    /// There is no place in it where the links could stand.
    NoPlace,
}

/// A part that leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaving {
    /// Its body in the message.
    pub body: Span,
    /// How that is encoded.
    pub encoding: Encoding,
    /// As the recipient saves it, safe as a file's name: no path, nothing invisible.
    pub name: String,
    /// Such as `application/pdf`.
    pub media_type: String,
    /// Octets when decoded, roughly.
    pub size: u64,
}

/// Octets of the message that others take the place of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// Which; may be empty: then they come in between.
    pub span: Span,
    /// What stands there instead.
    pub octets: Vec<u8>,
}

/// What is to be done to a message.
#[derive(Debug)]
pub struct Plan {
    /// The parts that leave, in the message's order.
    pub leaving: Vec<Leaving>,
    cuts: Vec<Edit>,
    places: Vec<Place>,
}

/// Looks at a message. `read` gives octets of it; it is asked only for headers of parts and for
/// texts of at most [`crate::limits::linking::TEXT`] octets.
///
/// # Errors
/// Those of `read`.
pub fn plan<E>(
    structure: &Structure,
    policy: &Policy<'_>,
    mut read: impl FnMut(Span) -> Result<Vec<u8>, E>,
) -> Result<Result<Plan, Stays>, E> {
    if let Err(stays) = select::may_change(&structure.root) {
        return Ok(Err(stays));
    }
    // Most messages: not worth reading anything.
    if select::choose(structure, policy, Shown::Nothing).is_empty() {
        return Ok(Err(Stays::Small));
    }
    let texts = match place::texts(structure, &mut read)? {
        Ok(texts) => texts,
        Err(stays) => return Ok(Err(stays)),
    };
    let shown = match texts.unread_html {
        true => Shown::Anything,
        false => Shown::By(&texts.html),
    };
    let chosen = select::choose(structure, policy, shown);
    if chosen.is_empty() {
        return Ok(Err(Stays::Small));
    }
    let leaving = chosen
        .iter()
        .enumerate()
        .map(|(at, part)| part.leaving(at))
        .collect();
    let bodies: Vec<Span> = chosen.iter().map(|part| part.part.body).collect();
    let found = match place::find(structure, &bodies, texts.places, &mut read)? {
        Some(found) => found,
        None => return Ok(Err(Stays::NoPlace)),
    };
    Ok(Ok(Plan {
        leaving,
        cuts: found.cuts,
        places: found.places,
    }))
}

impl Plan {
    /// The edits that make the message of one recipient, in order, none over another.
    #[must_use]
    pub fn edits(&self, block: &Block<'_>) -> Vec<Edit> {
        let mut edits = self.cuts.clone();
        edits.extend(self.places.iter().map(|place| place.fill(block)));
        edits.sort_by_key(|edit| (edit.span.start, edit.span.end));
        edits
    }
}

#[cfg(test)]
mod tests;
