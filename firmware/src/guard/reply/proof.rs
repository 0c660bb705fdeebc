//! Who wrote a reply, and whether it was a person.

use crate::deliver::pieces;
use crate::dns::Dns;
use crate::facts::ConnectionFacts;
use crate::limits;
use crate::spool::Spool;
use mail_auth::dkim::{Canonicalization, DkimError};
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::spf::verify::SpfParameters;
use mail_auth::{AuthenticatedMessage, DkimOutput, DkimResult, DmarcResult, Error, MessageAuthenticator};
use proto::ask::Envelope;
use proto::message::{address, header};
use proto::types::{Address, Structure};
use std::io;
use std::time::Duration;

/// Longest wait for the sender's domain.
const PATIENCE: Duration = Duration::from_secs(30);

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
    let judged = async {
        let message = match message(spool) {
            Ok(message) => message,
            Err(error) => {
                tracing::error!(%error, "the spool cannot be read");
                return Proof::Unknown;
            }
        };
        if author(&message).is_none_or(|author| author.key() != expected.key()) {
            return Proof::Bad("it is not from the address that the notice went to".to_owned());
        }
        match dns.authenticator() {
            Ok(authenticator) => dmarc(&authenticator, facts, envelope, &message).await,
            Err(words) => {
                tracing::warn!(words, "a reply cannot be judged");
                Proof::Unknown
            }
        }
    };
    tokio::time::timeout(PATIENCE, judged)
        .await
        .unwrap_or(Proof::Unknown)
}

// All of it, for its signatures; of what is too large, the header.
fn message(spool: &Spool) -> io::Result<Vec<u8>> {
    if spool.size() <= limits::SIGNED_REPLY {
        spool.to_vec()
    } else {
        pieces::header_of(spool)
    }
}

// The one address in the one From field (RFC 7489 6.6.1: with several, nobody can say whose it is).
fn author(message: &[u8]) -> Option<Address> {
    let mut fields = header::fields(message).filter(|field| field.is("From"));
    let (Some(from), None) = (fields.next(), fields.next()) else {
        return None;
    };
    match address::parse_list(from.value).as_slice() {
        [only] => only.address(),
        _ => None,
    }
}

async fn dmarc(
    authenticator: &MessageAuthenticator,
    facts: &ConnectionFacts,
    envelope: &Envelope,
    message: &[u8],
) -> Proof {
    let (Some(from), Some(parsed)) = (&envelope.from, AuthenticatedMessage::parse(message)) else {
        return Proof::Bad("it cannot be read".to_owned());
    };
    // Two readers of one header must agree on who wrote it.
    let agreed = author(message).map(|author| author.to_string().to_lowercase());
    if parsed.from.len() != 1 || parsed.from.first() != agreed.as_ref() {
        return Proof::Bad("its From field is odd".to_owned());
    }
    let sender = from.to_string();
    let host = facts.local.ip().to_string();
    let spf = SpfParameters::verify_mail_from(facts.ip(), &envelope.helo, &host, &sender);
    let spf = authenticator.verify_spf(spf).await;
    let mut outcomes = Vec::new();
    let trimmed = without_blank_end(message);
    let trimmed = trimmed.and_then(AuthenticatedMessage::parse);
    outcomes.extend(authenticator.verify_dkim(&parsed).await);
    // mail-auth 0.13 hashes lines of blanks at the end of a relaxed body: RFC 6376 3.4.4 does not.
    let mismatch = |outcome: &DkimOutput<'_>| {
        matches!(
            outcome.result(),
            DkimResult::Neutral(Error::Dkim(DkimError::FailedBodyHashMatch))
                | DkimResult::Fail(Error::Dkim(DkimError::FailedBodyHashMatch))
        )
    };
    if let Some(trimmed) = trimmed.as_ref().filter(|_| outcomes.iter().any(mismatch)) {
        let again = authenticator.verify_dkim(trimmed).await;
        let relaxed = |outcome: &DkimOutput<'_>| {
            outcome
                .signature()
                .is_some_and(|signature| signature.cb == Canonicalization::Relaxed)
        };
        outcomes.extend(again.into_iter().filter(relaxed));
    }
    let outcome = authenticator
        .verify_dmarc(DmarcParameters {
            message: &parsed,
            dkim_output: &outcomes,
            dkim2_output: None,
            rfc5321_mail_from_domain: from.domain().as_str(),
            spf_output: &spf,
        })
        .await;
    let (by_dkim, by_spf) = (outcome.dkim_result(), outcome.spf_result());
    if *by_dkim == DmarcResult::Pass || *by_spf == DmarcResult::Pass {
        return Proof::Good;
    }
    let temporary = |result: &DmarcResult| matches!(result, DmarcResult::TempError(_));
    if temporary(by_dkim) || temporary(by_spf) {
        return Proof::Unknown;
    }
    Proof::Bad("neither SPF nor DKIM proves its sender (DMARC)".to_owned())
}

// The message without the lines of blanks at its end, where there are any.
fn without_blank_end(message: &[u8]) -> Option<&[u8]> {
    let top = header::len(message);
    let body = message.get(top..)?;
    let text = body.trim_ascii_end();
    let end = body.get(text.len()..)?;
    let line_end = end.iter().position(|octet| *octet == b'\n')? + 1;
    let cut = top + text.len() + line_end;
    let blanks = end.get(line_end..)?;
    (!text.is_empty() && blanks.iter().any(|octet| matches!(octet, b' ' | b'\t')))
        .then(|| message.get(..cut))
        .flatten()
}
