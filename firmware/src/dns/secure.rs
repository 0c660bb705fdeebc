//! Answers that signatures prove (DNSSEC, RFC 4035), and what rests on them: TLSA records of mail
//! servers (RFC 6698, RFC 7672).
//!
//! Many routers answer for the provider's name servers and leave the signatures out. Where the root's
//! own records cannot be had with their signatures, nothing can be proven, and everything is asked the
//! plain way: no DANE. Where they were had within a day, signatures are demanded: who can suppress
//! them could suppress DANE.

use super::aliases;
use super::{Dns, NameServers, NoRoute, Server, Silence, builder, found, trimmed};
use crate::limits::dns as limits;
use hickory_resolver::TokioResolver;
use hickory_resolver::net::{DnsError, NetError};
use hickory_resolver::proto::dnssec::{Proof, TrustAnchors};
use hickory_resolver::proto::op::ResponseCode;
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use std::sync::Arc;

pub(super) const FORGED: &str = "the signatures do not hold (DNSSEC)";
pub(super) const ENDLESS: &str = "its aliases lead in a circle, or on and on";
pub(super) const UNPROVEN: &str = "that there are none is said without proof (DNSSEC)";

/// One TLSA record, as it stands (RFC 6698 2.1).
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the fields' names are the RFC's
pub struct TlsaRecord {
    pub usage: u8,
    pub selector: u8,
    pub matching: u8,
    pub data: Vec<u8>,
}

/// What a mail server's owner says in a signed zone about its certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tlsa {
    /// The name the records stand under, without port and protocol.
    pub base: String,
    /// At least one.
    pub records: Vec<TlsaRecord>,
}

/// Records with what signatures say about all of them.
pub(super) struct Answers {
    pub records: Vec<Record>,
    pub secure: bool,
}

impl Answers {
    pub(super) const fn none() -> Self {
        Self {
            records: Vec::new(),
            secure: false,
        }
    }
}

impl Dns {
    /// Asks so that the answer is proven, where this network lets us.
    pub(super) async fn ask_proven(&self, name: &str, kind: RecordType) -> Result<Answers, Silence> {
        let current = self.current().map_err(Silence::Failed)?;
        if !current.signatures.demanded(&self.checking).await {
            let records = lookup(&current.resolver, name, kind).await;
            return match records {
                Ok(records) => Ok(Answers {
                    records,
                    secure: false,
                }),
                Err(Silence::Nothing { exists, seconds, .. }) => Err(Silence::Nothing {
                    exists,
                    shown: true,
                    seconds,
                }),
                Err(failed) => Err(failed),
            };
        }
        let records = match checked(&current.signatures.resolver, name, kind).await {
            Ok(records) => records,
            Err(Silence::Nothing {
                exists: false,
                shown: false,
                ..
            }) => return Err(Silence::Failed(UNPROVEN.to_owned())),
            Err(silence) => return Err(silence),
        };
        let secure = is_secure(&records);
        Ok(Answers { records, secure })
    }

    /// Whether a domain without mail hosts is its own. Where nothing shows that it has none, signed
    /// addresses say that something was kept from us.
    pub(super) async fn is_its_own_host(&self, name: &str, shown: bool) -> Result<(), NoRoute> {
        if shown {
            return Ok(());
        }
        match self.ask_proven(name, RecordType::A).await {
            Ok(answers) if answers.secure => Err(NoRoute::Unknown(name.to_owned(), UNPROVEN.to_owned())),
            _ => Ok(()),
        }
    }

    /// A mail host's addresses, IPv4 first, and the names that its TLSA records may stand under.
    ///
    /// # Errors
    /// See [`NoRoute`].
    pub async fn server(&self, host: &str) -> Result<Server, NoRoute> {
        let (v4, v6) = tokio::join!(
            self.ask_proven(host, RecordType::A),
            self.ask_proven(host, RecordType::AAAA)
        );
        let (mut addresses, mut failure, mut bases) = (Vec::new(), None, None);
        for answers in [v4, v6] {
            match answers {
                Ok(answers) => {
                    addresses.extend(answers.records.iter().filter_map(|record| record.data.ip_addr()));
                    let here = self::bases(host, &answers);
                    // RFC 7672 2.2.2: both kinds of address have to be secure.
                    bases = Some(bases.map_or(here.clone(), |b: Vec<String>| common(b, &here)));
                }
                Err(Silence::Nothing { shown: true, .. }) => {}
                Err(silence) => failure = Some(silence.words()),
            }
        }
        let addresses = found(host, addresses, failure)?;
        Ok(Server {
            addresses,
            bases: bases.unwrap_or_default(),
        })
    }

    /// What the owner of a server says about its certificate, for its service on this port; `None`
    /// where he says nothing that is proven.
    ///
    /// # Errors
    /// No answer, or a forged one, in words: the server must not be spoken to (RFC 7672 2.2).
    pub async fn tlsa(&self, server: &Server, port: u16) -> Result<Option<Tlsa>, String> {
        for base in &server.bases {
            let answers = match self
                .ask_proven(&format!("_{port}._tcp.{base}"), RecordType::TLSA)
                .await
            {
                Ok(answers) => answers,
                Err(Silence::Nothing { shown: true, .. }) => continue,
                Err(silence) => {
                    let words = silence.words();
                    return Err(format!("the TLSA records of {base} cannot be had: {words}"));
                }
            };
            let records: Vec<_> = answers
                .records
                .iter()
                .filter_map(tlsa)
                .take(limits::TLSA)
                .collect();
            if answers.secure && !records.is_empty() {
                let base = base.clone();
                return Ok(Some(Tlsa { base, records }));
            }
        }
        Ok(None)
    }
}

fn tlsa(record: &Record) -> Option<TlsaRecord> {
    match &record.data {
        RData::TLSA(tlsa) => Some(TlsaRecord {
            usage: tlsa.cert_usage.into(),
            selector: tlsa.selector.into(),
            matching: tlsa.matching.into(),
            data: tlsa.cert_data.clone(),
        }),
        _ => None,
    }
}

// RFC 7672 2.2.2: where the name is an alias, first what it stands for if all of that is proven, then
// the alias, if only itself is.
fn bases(host: &str, answers: &Answers) -> Vec<String> {
    let host = trimmed(host);
    let aliases = || {
        answers
            .records
            .iter()
            .filter(|record| record.record_type() == RecordType::CNAME)
    };
    let proven = |record: &Record| record.proof == Proof::Secure;
    let mut bases = Vec::new();
    let end = answers
        .records
        .iter()
        .find(|record| record.data.ip_addr().is_some());
    if let Some(end) = end.filter(|_| answers.secure) {
        bases.push(trimmed(&end.name.to_ascii()));
    }
    let alias = aliases().find(|record| trimmed(&record.name.to_ascii()) == host);
    if alias.is_some_and(proven) && !bases.contains(&host) {
        bases.push(host);
    }
    bases
}

fn common(bases: Vec<String>, other: &[String]) -> Vec<String> {
    bases.into_iter().filter(|base| other.contains(base)).collect()
}

pub(super) fn is_secure(records: &[Record]) -> bool {
    !records.is_empty() && records.iter().all(|record| record.proof == Proof::Secure)
}

/// As [`lookup`]; what signatures disprove, or what should have some and has none, is `Forged`.
pub(super) async fn checked(
    resolver: &TokioResolver,
    name: &str,
    kind: RecordType,
) -> Result<Vec<Record>, Silence> {
    let mut records = lookup(resolver, name, kind).await;
    if matches!(records, Err(Silence::Forged)) {
        let walk = tokio::time::timeout(limits::ANSWER, aliases::walk(resolver, name, kind));
        records = walk.await.unwrap_or(Err(Silence::Forged));
    }
    let records = records?;
    let is_false = |record: &Record| matches!(record.proof, Proof::Bogus | Proof::Indeterminate);
    if records.iter().any(is_false) {
        return Err(Silence::Forged);
    }
    Ok(records)
}

/// The records at a name, those of aliases on the way included, and nothing else that was sent along.
pub(super) async fn lookup(
    resolver: &TokioResolver,
    name: &str,
    kind: RecordType,
) -> Result<Vec<Record>, Silence> {
    let name = absolute(name)?;
    match tokio::time::timeout(limits::ANSWER, resolver.lookup(name.clone(), kind)).await {
        Ok(Ok(lookup)) => chain(name, kind, lookup.answers()),
        Ok(Err(error)) if leads_on(resolver, &error).await => Err(Silence::Failed(ENDLESS.to_owned())),
        Ok(Err(error)) => Err(silence(&error)),
        Err(_) => Err(Silence::Failed("no answer in time".to_owned())),
    }
}

// The final dot keeps the office's search list out of it. A label may hold any octets (RFC 2181 11), such as a
// sender's `bounces+ann` in a name of SPF; the library reads hosts only.
fn absolute(name: &str) -> Result<Name, Silence> {
    let name = name.trim_end_matches('.');
    let read = match Name::from_ascii(format!("{name}.")) {
        Err(_) if name.is_ascii() && !name.contains('\\') => {
            Name::from_labels(name.split('.').map(str::as_bytes))
        }
        read => read,
    };
    read.map_err(|error| Silence::Failed(error.to_string()))
}

// The library follows so many aliases and then says that there is nothing, as if it knew. Who does know
// sends the start of the zone along (RFC 2308 2.2); where that is missing, the last name is looked at.
async fn leads_on(resolver: &TokioResolver, error: &NetError) -> bool {
    let NetError::Dns(DnsError::NoRecordsFound(none)) = error else {
        return false;
    };
    if none.soa.is_some() || none.response_code != ResponseCode::NoError {
        return false;
    }
    let asked = resolver.lookup(none.query.name().clone(), RecordType::CNAME);
    match tokio::time::timeout(limits::ANSWER, asked).await {
        Ok(Ok(lookup)) => lookup
            .answers()
            .iter()
            .any(|record| record.record_type() == RecordType::CNAME),
        _ => false,
    }
}

// What answers the question. Anybody may add other records, which prove nothing about these.
fn chain(name: Name, kind: RecordType, records: &[Record]) -> Result<Vec<Record>, Silence> {
    let mut chain = Vec::new();
    let mut at = name;
    for _ in 0..=limits::ALIASES {
        let here = |wanted| {
            records
                .iter()
                .filter(move |record| record.record_type() == wanted)
                .filter(|record| record.name == at)
        };
        let found = chain.len();
        chain.extend(here(kind).cloned());
        if chain.len() > found {
            return Ok(chain);
        }
        let Some(alias) = here(RecordType::CNAME).next() else {
            return Err(Silence::Nothing {
                exists: true,
                shown: false,
                seconds: 0,
            });
        };
        chain.push(alias.clone());
        match &alias.data {
            RData::CNAME(target) => at = target.0.clone(),
            _ => break,
        }
    }
    Err(Silence::Failed(ENDLESS.to_owned()))
}

fn silence(error: &NetError) -> Silence {
    match error {
        NetError::Dns(DnsError::NoRecordsFound(none)) => Silence::Nothing {
            exists: none.response_code != ResponseCode::NXDomain,
            shown: is_shown(none.query.name(), none.authorities.as_deref().unwrap_or_default()),
            seconds: none.negative_ttl.unwrap_or(0),
        },
        // RFC 9276 3.2: too much work to check, which only its owner can have wanted.
        NetError::Dns(DnsError::Nsec {
            proof: Proof::Insecure,
            response,
            ..
        }) => Silence::Nothing {
            exists: response.metadata.response_code != ResponseCode::NXDomain,
            shown: true,
            seconds: 0,
        },
        NetError::Dns(DnsError::DnssecBogus) => Silence::Forged,
        other => Silence::Failed(other.to_string()),
    }
}

// Whether what came with an answer shows that there is nothing: a proof, or a zone around the name that
// provably has no signatures. The library takes the records of any such zone (RFC 4035 5.4 does not).
fn is_shown(name: &Name, authorities: &[Record]) -> bool {
    authorities.iter().any(|record| match record.proof {
        Proof::Secure => matches!(record.record_type(), RecordType::NSEC | RecordType::NSEC3),
        Proof::Insecure => record.name.zone_of(name),
        Proof::Bogus | Proof::Indeterminate => false,
    })
}

/// A resolver that checks signatures back to `anchors`, or to the root's keys.
pub(super) fn build(
    servers: &NameServers,
    anchors: Option<Arc<TrustAnchors>>,
) -> Result<TokioResolver, NetError> {
    let mut builder = builder(servers)?;
    let options = builder.options_mut();
    options.validate = true;
    options.cache_size = limits::PROVEN;
    match anchors {
        Some(anchors) => builder.with_trust_anchor(anchors).build(),
        None => builder.build(),
    }
}
