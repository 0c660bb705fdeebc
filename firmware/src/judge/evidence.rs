//! A message as the verifiers want it: its header, its signatures, and the hashes of its body.

use crate::deliver::people::ascii;
use crate::dkim::Blanks;
use crate::limits::judge as limits;
use crate::spool::Spool;
use mail_auth::AuthenticatedMessage;
use mail_auth::common::crypto::{Algorithm, HashAlgorithm, HashContext as _, HashImpl, Sha256};
use mail_auth::common::headers::Header;
use mail_auth::dkim::canonicalize::BodyHasher;
use mail_auth::dkim::{Canonicalization, Signature};
use proto::message::{address, header};
use proto::types::Address;
use std::io;

/// The header of a message with the hashes of its body: all that is to be verified.
pub struct Evidence<'a> {
    // With one signature of each domain.
    pub(super) message: AuthenticatedMessage<'a>,
    // Further ones: what a domain has signed is proven once (RFC 6376 6.1), so they are looked at only
    // where the first one of their domain is not good.
    spare: Vec<Header<'a, Signature>>,
    pub(super) author: Option<Address>,
    pub(super) skipped: usize,
    pub(super) unreadable: usize,
}

impl<'a> Evidence<'a> {
    /// Reads the message once, if somebody signed it; `top` is its header. `None`: it has none.
    /// Blocks.
    ///
    /// # Errors
    /// The spool cannot be read.
    pub fn read(top: &'a [u8], spool: &Spool) -> io::Result<Option<Self>> {
        let Some(mut message) = AuthenticatedMessage::parse(top) else {
            return Ok(None);
        };
        // Two readers of one header must agree on who wrote it.
        let author = author(top).filter(|author| match message.from.as_slice() {
            [only] => Address::parse(only).is_ok_and(|only| spelt(&only) == spelt(author)),
            _ => false,
        });
        // DMARC is about the author's domain as we spell it: without the final dot of a full name.
        if let Some(author) = &author {
            message.from = vec![spelt(author)];
        }
        let unreadable = drop_unreadable(&mut message);
        let signatures = message.dkim_headers.len();
        let close = |domain: &str| {
            let author = author.as_ref().map(|author| ascii(author.domain()));
            author.is_some_and(|author| is_related(author.as_str(), &domain.to_lowercase()))
        };
        // RSA first: it is checked in half the time.
        message.dkim_headers.sort_by_cached_key(|signature| {
            let signature = &signature.header;
            (!close(&signature.d), signature.a == Algorithm::Ed25519Sha256)
        });
        message.dkim_headers.truncate(limits::SIGNATURES);
        let skipped = signatures.saturating_sub(message.dkim_headers.len());
        if message.ams_headers.len() > limits::SEALS || message.as_headers.len() > limits::SEALS {
            message.has_arc_errors = true;
        }
        if !message.dkim_headers.is_empty() || !message.ams_headers.is_empty() {
            hash(&mut message, top.len() as u64, spool)?;
        }
        let spare = spare(&mut message);
        Ok(Some(Self {
            message,
            spare,
            author,
            skipped,
            unreadable,
        }))
    }

    /// The same message with the further signatures of the domains that are not `proven`; `None`:
    /// there are none.
    pub(super) fn second_try(&self, is_proven: impl Fn(&str) -> bool) -> Option<AuthenticatedMessage<'a>> {
        let wanted = self.spare.iter();
        let wanted: Vec<_> = wanted
            .filter(|signature| !is_proven(&signature.header.d))
            .cloned()
            .collect();
        (!wanted.is_empty()).then(|| AuthenticatedMessage {
            dkim_headers: wanted,
            ..self.message.clone()
        })
    }

    /// The one author, as every reader understands it.
    #[must_use]
    pub const fn author(&self) -> Option<&Address> {
        self.author.as_ref()
    }
}

// Takes out all signatures but the first of each domain.
fn spare<'a>(message: &mut AuthenticatedMessage<'a>) -> Vec<Header<'a, Signature>> {
    let mut spare = Vec::new();
    let mut first: Vec<Header<'a, Signature>> = Vec::with_capacity(message.dkim_headers.len());
    for signature in message.dkim_headers.drain(..) {
        let domain = &signature.header.d;
        if first.iter().any(|one| one.header.d.eq_ignore_ascii_case(domain)) {
            spare.push(signature);
        } else {
            first.push(signature);
        }
    }
    message.dkim_headers = first;
    spare
}

// Takes out the signatures that nobody can check, those over SHA-1, which prove nothing (RFC 8301 3.1),
// and those whose check would keep us busy: to find each name of `h=` the whole header is gone through.
// Returns how many.
fn drop_unreadable(message: &mut AuthenticatedMessage<'_>) -> usize {
    let errors = message.errors.len();
    let is_signature = |name: &[u8]| name.trim_ascii().eq_ignore_ascii_case(b"DKIM-Signature");
    message.errors.retain(|field| !is_signature(field.name));
    let signatures = message.dkim_headers.len();
    let is_fit =
        |algorithm, names: &[String]| algorithm != Algorithm::RsaSha1 && names.len() <= limits::SIGNED;
    message
        .dkim_headers
        .retain(|signature| is_fit(signature.header.a, &signature.header.h));
    // RFC 8617 4.1.2 and 4.1.3: the same rules hold for seals.
    let sealed_well = message
        .ams_headers
        .iter()
        .all(|seal| is_fit(seal.header.a, &seal.header.h))
        && message.as_headers.iter().all(|seal| is_fit(seal.header.a, &[]));
    if !sealed_well {
        message.has_arc_errors = true;
    }
    (errors + signatures).saturating_sub(message.errors.len() + message.dkim_headers.len())
}

fn spelt(address: &Address) -> String {
    address.to_string().to_lowercase()
}

/// The one address in the one From field (RFC 9989 5.3.1: with several, nobody can say whose it is), be
/// it in a group (RFC 6854 2.1) or not.
///
/// Two addresses in one domain are two, without a comma too (`info@a.example <ann@a.example>`): DMARC
/// would be asked about the same domain, but lists of senders know whole addresses, and not all programs
/// show the same one.
#[must_use]
pub fn author(top: &[u8]) -> Option<Address> {
    let mut fields = header::fields(top).filter(|field| field.is("From"));
    let (Some(from), None) = (fields.next(), fields.next()) else {
        return None;
    };
    // What has no domain is the mark of a group, or a name with a comma in it: Doe, Ann <ann@a.example>.
    let has_domain = |entry: &address::Entry| entry.host.as_ref().is_some_and(|host| !host.is_empty());
    let mut entries = address::parse_list(from.value);
    entries.retain(has_domain);
    if entries.len() == 2 && from.value.iter().filter(|octet| **octet == b'@').count() == 2 {
        entries.retain(|entry| !is_at_a_place(entry));
    }
    match entries.as_slice() {
        [only] => only.address(),
        _ => None,
    }
}

// Ann @ Work <ann@a.example>: no mail of the world comes from a domain of one plain label (RFC 7085), so no
// reader takes it for an address that means anything. A label of other letters could hide a dot.
fn is_at_a_place(entry: &address::Entry) -> bool {
    let host = entry.host.as_deref().unwrap_or_default();
    host.iter()
        .all(|octet| octet.is_ascii_alphanumeric() || *octet == b'-')
}

/// Whether one domain is the other or lies under it.
fn is_related(one: &str, other: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        inner
            .strip_suffix(outer)
            .is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    !other.is_empty() && (within(one, other) || within(other, one))
}

type Hasher = BodyHasher<<Sha256 as HashImpl>::Context>;

// Fills in the hashes of the body that the signatures want: two at most, whatever their number, since
// signatures over a part of the body (`l=`) or over SHA-1 are not among them.
fn hash(message: &mut AuthenticatedMessage<'_>, top: u64, spool: &Spool) -> io::Result<()> {
    message
        .body_hashes
        .retain(|(_, algorithm, ..)| *algorithm == HashAlgorithm::Sha256);
    let wanted = message.body_hashes.iter();
    let wanted = wanted.map(|(canonicalization, _, length, _)| {
        let hasher = Hasher::new(Sha256::hasher(), *canonicalization, *length);
        (*canonicalization, Blanks::default(), hasher)
    });
    let mut hashers: Vec<_> = wanted.collect();
    spool.each_piece(top, |octets| {
        for (canonicalization, blanks, hasher) in &mut hashers {
            match canonicalization {
                Canonicalization::Relaxed => blanks.pass(octets, |octets| hasher.write(octets)),
                Canonicalization::Simple => hasher.write(octets),
            }
        }
    })?;
    for ((.., value), (.., hasher)) in message.body_hashes.iter_mut().zip(hashers) {
        *value = hasher.finish().0.complete().as_ref().to_vec();
    }
    Ok(())
}
