//! BINARY and BINARY.SIZE (RFC 3516, RFC 9051 6.4.5.1): parts without their transfer encoding.
//! A large part is read twice, once for its size and once to send it, so that memory stays flat.

use super::content::{self, Place};
use super::fetch::{label, part_number};
use super::reply::Reply;
use super::script::Script;
use super::syntax::fetch::Content;
use crate::ask::{OCTETS_AT_ONCE, Row};
use crate::message::body::{Decoder, Encoding};
use crate::types::{PartBody, Span};

/// What decoding gives, before any of it is sent.
struct Decoded {
    size: u64,
    has_nul: bool,
    /// The octets, where the part is small enough to be kept.
    octets: Option<Vec<u8>>,
}

impl Script {
    pub(super) async fn binary(
        &mut self,
        out: &mut Vec<u8>,
        row: &Row,
        content: &Content,
    ) -> Result<(), Reply> {
        let Some((span, encoding)) = encoded(row, &content.section.path)? else {
            label(out, content, self.enabled.utf8());
            out.extend_from_slice(b"NIL");
            return Ok(());
        };
        let decoded = self.decode(row, span, encoding).await?;
        label(out, content, self.enabled.utf8());
        let shown = content::clip(
            Span {
                start: 0,
                end: decoded.size,
            },
            content.partial,
        );
        // literal8 only where it has to be (RFC 9051 7.5.2).
        let tilde = if decoded.has_nul { "~" } else { "" };
        out.extend_from_slice(format!("{tilde}{{{}}}\r\n", shown.len()).as_bytes());
        if let Some(octets) = decoded.octets {
            out.extend_from_slice(content::clip_octets(&octets, content.partial));
            return Ok(());
        }
        self.wire.send(out);
        out.clear();
        let sent = self.send_decoded(row, span, encoding, shown).await;
        if sent.as_ref().is_ok_and(|&sent| sent == shown.len()) {
            return Ok(());
        }
        // Octets were promised that cannot be had: nothing true can follow.
        self.over = true;
        sent.map(|_| ())
    }

    pub(super) async fn binary_size(
        &mut self,
        out: &mut Vec<u8>,
        row: &Row,
        path: &[u32],
    ) -> Result<(), Reply> {
        let size = match encoded(row, path)? {
            Some((span, encoding)) => self.decode(row, span, encoding).await?.size,
            None => 0,
        };
        out.extend_from_slice(format!("BINARY.SIZE[{}] {size}", part_number(path)).as_bytes());
        Ok(())
    }

    async fn decode(&mut self, row: &Row, span: Span, encoding: Encoding) -> Result<Decoded, Reply> {
        let keep = span.len() <= OCTETS_AT_ONCE;
        let mut decoder = Decoder::new(encoding);
        let mut octets = Vec::new();
        let mut size = 0;
        let mut has_nul = false;
        for piece in pieces(span) {
            decoder.push(&self.octets(row, piece).await?, &mut octets);
            if !keep {
                size += octets.len() as u64;
                has_nul |= octets.contains(&0);
                octets.clear();
            }
        }
        decoder.finish(&mut octets);
        size += octets.len() as u64;
        has_nul |= octets.contains(&0);
        Ok(Decoded {
            size,
            has_nul,
            octets: keep.then_some(octets),
        })
    }

    /// Sends `shown` of the decoded octets; how many it were.
    async fn send_decoded(
        &self,
        row: &Row,
        span: Span,
        encoding: Encoding,
        shown: Span,
    ) -> Result<u64, Reply> {
        let mut decoder = Decoder::new(encoding);
        let mut place = 0;
        let mut sent = 0;
        let mut send = |octets: &[u8]| {
            let end = place + octets.len() as u64;
            let first = shown.start.clamp(place, end) - place;
            let count = shown.end.clamp(place, end) - place - first;
            if count > 0 {
                self.wire.send(content::clip_octets(octets, Some((first, count))));
            }
            place = end;
            sent += count;
        };
        let mut octets = Vec::new();
        for piece in pieces(span) {
            decoder.push(&self.octets(row, piece).await?, &mut octets);
            send(&octets);
            octets.clear();
        }
        decoder.finish(&mut octets);
        send(&octets);
        Ok(sent)
    }
}

/// Where a part stands and how it is encoded; `None`: there is no such part.
fn encoded(row: &Row, path: &[u32]) -> Result<Option<(Span, Encoding)>, Reply> {
    let Some(structure) = &row.structure else {
        return Ok(None);
    };
    let part = match content::find(structure, path) {
        Some(Place::Message(_)) => {
            return Ok(Some((
                Span {
                    start: 0,
                    end: structure.size,
                },
                Encoding::Identity,
            )));
        }
        Some(Place::Part(part)) => part,
        None => return Ok(None),
    };
    if part.content != PartBody::Leaf {
        return Ok(Some((part.body, Encoding::Identity)));
    }
    match part.encoding.as_str() {
        "7bit" | "8bit" | "binary" | "base64" | "quoted-printable" => {
            Ok(Some((part.body, Encoding::parse(part.encoding.as_bytes()))))
        }
        _ => Err(Reply::no(
            "[UNKNOWN-CTE] That part is encoded in a way we do not know.",
        )),
    }
}

fn pieces(span: Span) -> impl Iterator<Item = Span> {
    let count = span.len().div_ceil(OCTETS_AT_ONCE);
    (0..count).map(move |index| {
        let start = span.start + index * OCTETS_AT_ONCE;
        Span {
            start,
            end: (start + OCTETS_AT_ONCE).min(span.end),
        }
    })
}
