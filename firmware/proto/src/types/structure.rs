//! What a message is made of, found once when it arrives and stored beside the body, so that
//! ENVELOPE, BODYSTRUCTURE and any section are answered without reading the body again.
//! Every section a client can ask for is one contiguous span of the raw message.

use serde::{Deserialize, Serialize};

/// Octets `start..end` of the raw message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Span {
    /// First octet.
    pub start: u64,
    /// One past the last octet; at least `start`.
    pub end: u64,
}

impl Span {
    /// How many octets.
    #[must_use]
    pub const fn len(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }
}

/// A whole message: its envelope fields and its tree of parts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Structure {
    /// Octets of the raw message.
    pub size: u64,
    /// The fields that IMAP's ENVELOPE is made of.
    pub envelope: Envelope,
    /// The top part; its header is the message header.
    pub root: Part,
}

impl Structure {
    /// The same message with other octets before it: `added` fields instead of the first `taken` octets,
    /// which are fields too, or its whole header. None of them may be one that tells of the structure.
    #[must_use]
    pub fn with_fields(mut self, added: u64, taken: u64) -> Self {
        let moved = |at: u64| at.saturating_add(added).saturating_sub(taken);
        self.root.move_by(&moved);
        self.root.header.start = 0;
        self.size = moved(self.size);
        self
    }
}

/// Field bodies as they stand in the header, unfolded, not decoded (RFC 9051 7.5.2 wants them so).
/// Bounded by the scanner. Addresses are parsed when they are shown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[allow(missing_docs)] // the names are the header fields' own
pub struct Envelope {
    pub date: Option<Vec<u8>>,
    pub subject: Option<Vec<u8>>,
    pub from: Option<Vec<u8>>,
    pub sender: Option<Vec<u8>>,
    pub reply_to: Option<Vec<u8>>,
    pub to: Option<Vec<u8>>,
    pub cc: Option<Vec<u8>>,
    pub bcc: Option<Vec<u8>>,
    pub in_reply_to: Option<Vec<u8>>,
    pub message_id: Option<Vec<u8>>,
}

/// Parameters of a Content-* field: name in lower case, value as written without quotes.
pub type Params = Vec<(String, Vec<u8>)>;

/// One MIME part (RFC 2045, RFC 2046).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Part {
    /// `text`, lower case; `text/plain` where the header says nothing usable (RFC 2045 5.2).
    pub media_type: String,
    /// `plain`, lower case.
    pub subtype: String,
    /// Content-Type parameters.
    pub params: Params,
    /// Content-ID.
    pub id: Option<Vec<u8>>,
    /// Content-Description.
    pub description: Option<Vec<u8>>,
    /// Content-Transfer-Encoding, lower case; `7bit` where absent.
    pub encoding: String,
    /// Content-Disposition: type lower case and parameters.
    pub disposition: Option<(String, Params)>,
    /// Content-Language tags.
    pub language: Vec<String>,
    /// Content-Location.
    pub location: Option<Vec<u8>>,
    /// Content-MD5.
    pub md5: Option<Vec<u8>>,
    /// The part's header, the empty line included: `n.MIME`, or the message's `HEADER`.
    pub header: Span,
    /// The part's body, without the line break that belongs to the next boundary.
    pub body: Span,
    /// Lines in the body (for text and message/rfc822).
    pub lines: u32,
    /// What is inside.
    pub content: PartBody,
}

impl Part {
    // As deep as the scanner lets parts be.
    fn move_by(&mut self, moved: &impl Fn(u64) -> u64) {
        for span in [&mut self.header, &mut self.body] {
            span.start = moved(span.start);
            span.end = moved(span.end);
        }
        match &mut self.content {
            PartBody::Leaf => {}
            PartBody::Multipart(parts) => parts.iter_mut().for_each(|part| part.move_by(moved)),
            PartBody::Message(message) => message.1.move_by(moved),
        }
    }
}

/// What a part holds.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum PartBody {
    /// Octets: text, image, anything not looked into.
    #[default]
    Leaf,
    /// multipart/*: at least one child, in order.
    Multipart(Vec<Part>),
    /// message/rfc822 or message/global: a message with its own envelope; the inner root's
    /// header and body are spans of the outer raw message.
    Message(Box<(Envelope, Part)>),
}
