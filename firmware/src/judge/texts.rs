//! Texts of names that prove mail: keys of signatures and DMARC records. They are asked for before
//! mail-auth wants them, all at the same time, where it would ask for one after the other.

use crate::dns::{Dns, Silence};
use crate::limits::judge as limits;
use futures_util::future::join_all;
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{RData, RecordType};
use mail_auth::common::crypto::HashAlgorithm;
use mail_auth::common::parse::TxtRecordParser;
use mail_auth::common::verify::{DomainKey, VerifySignature as _};
use mail_auth::dmarc::Dmarc;
use mail_auth::{AuthenticatedMessage, DnsError, Error, ResolverCache, Txt};
use std::borrow::Borrow;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Instant;

/// What the names say, as mail-auth reads it; for one message.
#[derive(Default)]
pub struct Texts(HashMap<Box<str>, Txt>);

impl Texts {
    /// The keys of all DKIM signatures over the body that came. Nobody is asked about the others.
    pub async fn keys(dns: &Dns, message: &AuthenticatedMessage<'_>) -> Self {
        let signatures = message.dkim_headers.iter().map(|field| &field.header);
        let good = signatures.filter(|signature| {
            let algorithm = HashAlgorithm::from(signature.a);
            message
                .body_hashes
                .iter()
                .any(|(canonicalization, hash, length, value)| {
                    (canonicalization, hash, length, value)
                        == (&signature.cb, &algorithm, &signature.l, &signature.bh)
                })
        });
        let mut names: Vec<_> = good
            .map(|signature| signature.domain_key().to_ascii_lowercase())
            .filter(|name| name.is_ascii())
            .collect();
        names.sort_unstable();
        names.dedup();
        Self::ask(dns, names, |texts| first::<DomainKey>(&texts)).await
    }

    /// The DMARC records on the way from a domain up. Where a name has several of them, all are void
    /// (RFC 9989 4.10): mail-auth would take the first, which is another one each time.
    pub async fn policies(dns: &Dns, domain: &str) -> Self {
        let dots = domain.match_indices('.').map(|(at, _)| at.saturating_add(1));
        let names = std::iter::once(0).chain(dots).filter_map(|at| domain.get(at..));
        let (first, above): (Vec<_>, Vec<_>) = names.enumerate().partition(|(place, _)| *place == 0);
        let above = above.iter().rev().take(limits::WALK).rev();
        let names = first.iter().chain(above);
        let names = names.map(|(_, name)| format!("_dmarc.{name}.").to_ascii_lowercase());
        Self::ask(dns, names.collect(), |mut texts| {
            texts.retain(|text| is_dmarc(text));
            match texts.as_slice() {
                [only] => Dmarc::parse(only).into(),
                _ => Txt::Error(Error::Dns(DnsError::InvalidRecordType)),
            }
        })
        .await
    }

    async fn ask(dns: &Dns, names: Vec<String>, read: impl Fn(Vec<Vec<u8>>) -> Txt) -> Self {
        let read = &read;
        let asked = names.into_iter().map(|name| async move {
            let found = match dns.ask_checked(&name, RecordType::TXT).await {
                Ok(answers) => read(answers.iter().filter_map(text).collect()),
                Err(silence) => Txt::Error(error(silence)),
            };
            (name.into_boxed_str(), found)
        });
        Self(join_all(asked).await.into_iter().collect())
    }
}

fn text(data: &RData) -> Option<Vec<u8>> {
    match data {
        RData::TXT(text) => Some(text.txt_data.concat()),
        _ => None,
    }
}

// RFC 6376 3.6.2.2: with several, which one counts is not said; mail-auth takes the first it can read.
fn first<T: TxtRecordParser + Into<Txt>>(texts: &[Vec<u8>]) -> Txt {
    let mut read = Err(Error::Dns(DnsError::InvalidRecordType));
    for text in texts {
        read = T::parse(text);
        if read.is_ok() {
            break;
        }
    }
    read.into()
}

fn error(silence: Silence) -> Error {
    Error::Dns(match silence {
        Silence::Nothing { exists: true, .. } => DnsError::RecordNotFound(ResponseCode::NoError),
        Silence::Nothing { exists: false, .. } => DnsError::RecordNotFound(ResponseCode::NXDomain),
        silence => DnsError::Resolver(silence.words()),
    })
}

// RFC 9989 4.8: it begins with its version.
fn is_dmarc(text: &[u8]) -> bool {
    let mut first = text
        .split(|octet| *octet == b';')
        .next()
        .unwrap_or_default()
        .splitn(2, |octet| *octet == b'=');
    let tag = first.next().unwrap_or_default().trim_ascii();
    let version = first.next().unwrap_or_default().trim_ascii();
    tag.eq_ignore_ascii_case(b"v") && version == b"DMARC1"
}

impl ResolverCache<Box<str>, Txt> for Texts {
    fn get<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
    {
        self.0.get(name).cloned()
    }

    fn remove<Q: Hash + Eq + ?Sized>(&self, _: &Q) -> Option<Txt>
    where
        Box<str>: Borrow<Q>,
    {
        None
    }

    fn insert(&self, _: Box<str>, _: Txt, _: Instant) {}
}
