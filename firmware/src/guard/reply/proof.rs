//! Who wrote a reply, and whether it was a person.

use crate::blocking::blocking;
use crate::deliver::pieces;
use crate::dns::Dns;
use crate::facts::ConnectionFacts;
use crate::judge::evidence::{self, Evidence};
use crate::judge::findings::{Caller, Outcome};
use crate::spool::Spool;
use proto::ask::Envelope;
use proto::message::header;
use proto::types::{Address, Structure};
use std::io;

/// Whether a reply comes from the address it claims.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// DMARC says so.
    Good,
    /// It does not; why.
    Bad(String),
    /// The name servers did not answer: ask again later.
    Unknown,
}

/// What shows that a program wrote it, if anything does (RFC 3834 2, RFC 5321 4.5.5).
#[must_use]
pub fn automatic(envelope: &Envelope, top: &[u8], structure: &Structure) -> Option<&'static str> {
    if envelope.from.is_none() {
        return Some("it has no sender");
    }
    let root = &structure.root;
    if root.media_type == "multipart" && root.subtype == "report" {
        return Some("it is a report");
    }
    for field in header::fields(top) {
        let value = field.unfolded().to_ascii_lowercase();
        let word = value
            .split(|octet| matches!(octet, b' ' | b'\t' | b';' | b'('))
            .next()
            .unwrap_or_default();
        if field.is("Auto-Submitted") && word != b"no" {
            return Some("Auto-Submitted says that a program wrote it");
        }
        let bulk: [&[u8]; 4] = [b"bulk", b"list", b"junk", b"auto_reply"];
        if field.is("Precedence") && bulk.contains(&word) {
            return Some("its Precedence is that of automatic mail");
        }
        if field.is("X-Autoreply") || field.is("X-Autorespond") || field.is("X-Autoresponder") {
            return Some("an autoresponder wrote it");
        }
    }
    None
}

/// Whether the message comes from `expected` alone, by DMARC.
pub async fn judge(
    dns: &Dns,
    facts: &ConnectionFacts,
    envelope: &Envelope,
    expected: &Address,
    spool: &Spool,
) -> Proof {
    let unreadable = |error: io::Error| {
        tracing::error!(%error, "the spool cannot be read");
        Proof::Unknown
    };
    let top = match blocking(|| pieces::header_of(spool)) {
        Ok(top) => top,
        Err(error) => return unreadable(error),
    };
    if evidence::author(&top).is_none_or(|author| author.key() != expected.key()) {
        return Proof::Bad("it is not from the address that the notice went to".to_owned());
    }
    let evidence = match blocking(|| Evidence::read(&top, spool)) {
        Ok(evidence) => evidence,
        Err(error) => return unreadable(error),
    };
    let (Some(from), Some(evidence)) = (&envelope.from, evidence) else {
        return Proof::Bad("it cannot be read".to_owned());
    };
    if evidence.author().is_none() {
        return Proof::Bad("its From field is odd".to_owned());
    }
    let host = facts.local.ip().to_string();
    let caller = Caller {
        ip: facts.ip(),
        helo: &envelope.helo,
        host: &host,
        from: Some(from),
    };
    let found = match evidence.verify(dns, &caller).await {
        Ok(found) => found,
        Err(words) => {
            tracing::warn!(words, "a reply cannot be judged");
            return Proof::Unknown;
        }
    };
    match found.dmarc.outcome {
        Outcome::Pass => Proof::Good,
        Outcome::TempError => Proof::Unknown,
        _ => Proof::Bad("neither SPF nor DKIM proves its sender (DMARC)".to_owned()),
    }
}
