//! SPF, DKIM, ARC and DMARC of one message: the only place that knows mail-auth's verifiers. SPF by
//! itself is in `judge::spf`, what the others ask for in `judge::texts`.
//!
//! | RFC | what | here |
//! |---|---|---|
//! | 7208 | SPF | MAIL FROM, and HELO (2.3) where it names another domain |
//! | 6376, 8301, 8463 | DKIM | the first [`limits::SIGNATURES`], those of the author's domain before others; `l=` is not trusted, nor more than [`limits::SIGNED`] names in `h=` |
//! | 8617 | ARC | chains of up to [`limits::SEALS`] sets |
//! | 9989 (7489) | DMARC | tree walk, no list of public suffixes; a name with several records has none |
//!
//! Bodies are hashed in pieces as they are read: a message is never whole in memory. Every question
//! has an end: the terms of SPF and the labels of DMARC are counted, the resolver follows few aliases,
//! and what takes longer than [`limits::CHECK`] counts as a temporary error.

use super::sender::is_within;
use super::spf::Check;
use super::texts::Texts;
use crate::deliver::people::ascii;
use crate::dkim::Blanks;
use crate::dns::Dns;
use crate::limits::judge as limits;
use crate::spool::Spool;
use mail_auth::common::crypto::{HashAlgorithm, HashContext as _, HashImpl, Sha1, Sha256};
use mail_auth::dkim::canonicalize::BodyHasher;
use mail_auth::dkim::{Canonicalization, DkimError};
use mail_auth::dmarc::Policy;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::{
    ArcOutput, AuthenticatedMessage, DkimOutput, DkimResult, DmarcOutput, DmarcResult, DnsError, Error,
    MessageAuthenticator, Parameters, SpfOutput, SpfResult,
};
use proto::message::{address, header, results};
use proto::types::{Address, Domain};
use std::io;
use std::net::IpAddr;
use tokio::time::timeout;

/// A result in the words of RFC 8601 2.7.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)] // the names say it
pub enum Outcome {
    #[default]
    None,
    Pass,
    Fail,
    SoftFail,
    Neutral,
    TempError,
    PermError,
}

impl Outcome {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::SoftFail => "softfail",
            Self::Neutral => "neutral",
            Self::TempError => "temperror",
            Self::PermError => "permerror",
        }
    }
}

/// Who delivers a message.
#[derive(Debug, Clone, Copy)]
pub struct Caller<'a> {
    /// His address.
    pub ip: IpAddr,
    /// What he called himself.
    pub helo: &'a str,
    /// The name of this box.
    pub host: &'a str,
    /// MAIL FROM; `None`: the null sender.
    pub from: Option<&'a Address>,
}

impl Caller<'_> {
    // RFC 7208 2.4: without a sender it is the postmaster of HELO.
    fn domain(&self) -> String {
        match self.from {
            Some(from) => ascii(from.domain()).to_string(),
            None => self.helo.to_lowercase(),
        }
    }
}

/// What SPF says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Spf {
    /// The result.
    pub outcome: Outcome,
    /// The domain whose record it is.
    pub domain: String,
    /// Whether the name of HELO was judged, for want of a sender.
    pub helo: bool,
}

/// What is to be said about one DKIM signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signed {
    /// The result.
    pub outcome: Outcome,
    /// Its `d=`; empty where it cannot be read.
    pub domain: String,
    /// Its `s=`.
    pub selector: String,
    /// Why it is not good.
    pub words: String,
}

/// What ARC says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Chain {
    /// The result.
    pub outcome: Outcome,
    /// Who sealed it, the first one first.
    pub sealers: Vec<String>,
    /// The first sealer saw that DMARC passed for the author.
    pub passed_dmarc: bool,
}

/// What the author's domain wants done with mail that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub enum Wish {
    #[default]
    Nothing,
    Quarantine,
    Reject,
}

/// What DMARC says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dmarc {
    /// The result; `none`: the domain has no policy, or there is not exactly one author.
    pub outcome: Outcome,
    /// The author's domain.
    pub domain: String,
    /// What it wants.
    pub wish: Wish,
}

/// Everything.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct Findings {
    pub spf: Spf,
    /// What SPF says about the name of HELO, where it is not the sender's domain.
    pub helo: Option<Spf>,
    pub dkim: Vec<Signed>,
    /// Signatures that were not looked at.
    pub skipped: usize,
    /// Signatures that cannot be read, or cover only a part of the body.
    pub unreadable: usize,
    pub arc: Chain,
    pub dmarc: Dmarc,
}

/// The header of a message with the hashes of its body: all that is to be verified.
pub struct Evidence<'a> {
    message: AuthenticatedMessage<'a>,
    author: Option<Address>,
    skipped: usize,
    unreadable: usize,
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
        let author = author(top).filter(|author| {
            let name = author.to_string().to_lowercase();
            matches!(message.from.as_slice(), [only] if *only == name)
        });
        let unreadable = drop_unreadable(&mut message);
        let signatures = message.dkim_headers.len();
        let close = |domain: &str| {
            let author = author.as_ref().map(|author| ascii(author.domain()));
            author.is_some_and(|author| is_related(author.as_str(), &domain.to_lowercase()))
        };
        message
            .dkim_headers
            .sort_by_key(|signature| !close(&signature.header.d));
        message.dkim_headers.truncate(limits::SIGNATURES);
        let skipped = signatures.saturating_sub(message.dkim_headers.len());
        if message.ams_headers.len() > limits::SEALS || message.as_headers.len() > limits::SEALS {
            message.has_arc_errors = true;
        }
        if !message.dkim_headers.is_empty() || !message.ams_headers.is_empty() {
            hash(&mut message, top.len() as u64, spool)?;
        }
        Ok(Some(Self {
            message,
            author,
            skipped,
            unreadable,
        }))
    }

    /// Asks the name servers about all of it.
    ///
    /// # Errors
    /// No name server is known, in words.
    pub async fn verify(&self, dns: &Dns, caller: &Caller<'_>) -> Result<Findings, String> {
        let authenticator = &dns.authenticator()?;
        let (spf, helo, keys, arc, policies) = tokio::join!(
            sender(dns, caller),
            helo(dns, caller),
            timeout(limits::CHECK, Texts::keys(dns, &self.message)),
            self.arc(authenticator),
            self.policies(dns)
        );
        let keys = keys.ok();
        let dkim = self.dkim(authenticator, keys.as_ref()).await;
        let dmarc = match &self.author {
            Some(author) if is_literal(author) => Dmarc {
                domain: author.domain().to_string(),
                ..Dmarc::default()
            },
            Some(author) => {
                self.dmarc(authenticator, author, policies.as_ref(), &spf, &dkim)
                    .await
            }
            None => Dmarc::default(),
        };
        Ok(Findings {
            spf,
            helo,
            dkim: dkim.iter().map(signed).collect(),
            skipped: self.skipped,
            unreadable: self.unreadable,
            arc,
            dmarc,
        })
    }

    // `None`: no answer in time, or nobody to ask about.
    async fn policies(&self, dns: &Dns) -> Option<Texts> {
        let author = self.author.as_ref().filter(|author| !is_literal(author))?;
        let domain = ascii(author.domain());
        timeout(limits::CHECK, Texts::policies(dns, domain.as_str()))
            .await
            .ok()
    }

    // Without keys there was no answer in time.
    async fn dkim<'k>(
        &'k self,
        authenticator: &MessageAuthenticator,
        keys: Option<&'k Texts>,
    ) -> Vec<DkimOutput<'k>> {
        let late = || {
            let signatures = self.message.dkim_headers.iter();
            let late = signatures.map(|signature| {
                DkimOutput::temp_err(Error::Dns(DnsError::Resolver("no answer in time".to_owned())))
                    .with_signature(&signature.header)
            });
            late.collect()
        };
        let Some(keys) = keys else { return late() };
        let parameters = Parameters::new(&self.message).with_txt_cache(keys);
        let answer = timeout(limits::AFTERWARDS, authenticator.verify_dkim(parameters)).await;
        answer.unwrap_or_else(|_| late())
    }

    async fn arc(&self, authenticator: &MessageAuthenticator) -> Chain {
        if self.message.ams_headers.is_empty() && !self.message.has_arc_errors {
            return Chain::default();
        }
        match timeout(limits::CHECK, authenticator.verify_arc(&self.message)).await {
            Ok(output) => chain(&output, self.author.as_ref()),
            Err(_) => Chain {
                outcome: Outcome::TempError,
                ..Chain::default()
            },
        }
    }

    async fn dmarc(
        &self,
        authenticator: &MessageAuthenticator,
        author: &Address,
        policies: Option<&Texts>,
        spf: &Spf,
        dkim: &[DkimOutput<'_>],
    ) -> Dmarc {
        let spf_output = SpfOutput::new(spf.domain.clone()).with_result(spf_result(spf.outcome));
        let domain = ascii(author.domain()).to_string();
        let Some(policies) = policies else {
            return Dmarc {
                outcome: Outcome::TempError,
                domain,
                wish: Wish::Nothing,
            };
        };
        let parameters = DmarcParameters {
            message: &self.message,
            dkim_output: dkim,
            dkim2_output: None,
            rfc5321_mail_from_domain: &spf.domain,
            spf_output: &spf_output,
        };
        let parameters = Parameters::new(parameters).with_txt_cache(policies);
        let output = timeout(limits::AFTERWARDS, authenticator.verify_dmarc(parameters)).await;
        Dmarc {
            outcome: output.as_ref().map_or(Outcome::TempError, dmarc_outcome),
            domain,
            wish: match output.as_ref().map(DmarcOutput::policy) {
                Ok(Policy::Reject) => Wish::Reject,
                Ok(Policy::Quarantine) => Wish::Quarantine,
                _ => Wish::Nothing,
            },
        }
    }

    /// The one author, as every reader understands it.
    #[must_use]
    pub const fn author(&self) -> Option<&Address> {
        self.author.as_ref()
    }
}

/// What SPF says about the sender of a message whose header cannot be read: nobody else can be asked about.
pub async fn of_sender(dns: &Dns, caller: &Caller<'_>) -> Findings {
    let (spf, helo) = tokio::join!(sender(dns, caller), helo(dns, caller));
    Findings {
        spf,
        helo,
        ..Findings::default()
    }
}

// Takes out the signatures that nobody can check, and those whose check would keep us busy: to find
// each name of `h=` the whole header is gone through. Returns how many.
fn drop_unreadable(message: &mut AuthenticatedMessage<'_>) -> usize {
    let errors = message.errors.len();
    let is_signature = |name: &[u8]| name.trim_ascii().eq_ignore_ascii_case(b"DKIM-Signature");
    message.errors.retain(|field| !is_signature(field.name));
    let signatures = message.dkim_headers.len();
    message
        .dkim_headers
        .retain(|signature| signature.header.h.len() <= limits::SIGNED);
    if message
        .ams_headers
        .iter()
        .any(|seal| seal.header.h.len() > limits::SIGNED)
    {
        message.has_arc_errors = true;
    }
    (errors + signatures).saturating_sub(message.errors.len() + message.dkim_headers.len())
}

// RFC 5321 4.1.3: nobody can be asked about an address in brackets.
fn is_literal(author: &Address) -> bool {
    author.domain().as_str().starts_with('[')
}

async fn sender(dns: &Dns, caller: &Caller<'_>) -> Spf {
    let domain = caller.domain();
    // RFC 7208 2.4: the null sender is HELO's postmaster.
    let local = caller.from.map_or("", Address::local);
    let check = Check::new(dns, caller.ip, local, &domain, caller.helo).run();
    Spf {
        outcome: timeout(limits::CHECK, check).await.unwrap_or(Outcome::TempError),
        helo: caller.from.is_none(),
        domain,
    }
}

// RFC 7208 2.3
async fn helo(dns: &Dns, caller: &Caller<'_>) -> Option<Spf> {
    let domain = caller.helo.trim_end_matches('.').to_lowercase();
    if caller.from.is_none() || domain == caller.domain() || domain.parse::<IpAddr>().is_ok() {
        return None;
    }
    let check = Check::new(dns, caller.ip, "", &domain, caller.helo).run();
    let outcome = timeout(limits::CHECK, check).await.unwrap_or(Outcome::TempError);
    let helo = true;
    Some(Spf {
        outcome,
        domain,
        helo,
    })
    .filter(|spf| spf.outcome != Outcome::None)
}

/// The one address in the one From field (RFC 9989 5.3.1: with several, nobody can say whose it is).
#[must_use]
pub fn author(top: &[u8]) -> Option<Address> {
    let mut fields = header::fields(top).filter(|field| field.is("From"));
    let (Some(from), None) = (fields.next(), fields.next()) else {
        return None;
    };
    // What has no domain is a name with a comma in it: Doe, Ann <ann@a.example>.
    let is_bare = |entry: &address::Entry| matches!(entry.host.as_deref(), Some([]));
    let entries = address::parse_list(from.value).into_iter();
    match entries
        .filter(|entry| !is_bare(entry))
        .collect::<Vec<_>>()
        .as_slice()
    {
        [only] => only.address(),
        _ => None,
    }
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

// Fills in the hashes of the body that the signatures want: four at most, whatever their number,
// since signatures over a part of the body (`l=`) are not among them.
fn hash(message: &mut AuthenticatedMessage<'_>, top: u64, spool: &Spool) -> io::Result<()> {
    let hasher = |canonicalization: Canonicalization, algorithm: HashAlgorithm, length: u64| -> Hasher {
        let context = match algorithm {
            HashAlgorithm::Sha1 => Sha1::hasher(),
            HashAlgorithm::Sha256 => Sha256::hasher(),
        };
        BodyHasher::new(context, canonicalization, length)
    };
    let wanted = message.body_hashes.iter();
    let wanted = wanted.map(|(canonicalization, algorithm, length, _)| {
        let hasher = hasher(*canonicalization, *algorithm, *length);
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

fn signed(output: &DkimOutput<'_>) -> Signed {
    let (outcome, error) = dkim_outcome(output.result());
    let signature = output.signature();
    Signed {
        outcome,
        domain: signature.map(|s| s.d.to_lowercase()).unwrap_or_default(),
        selector: signature.map(|s| s.s.clone()).unwrap_or_default(),
        words: error.map(ToString::to_string).unwrap_or_default(),
    }
}

fn chain(output: &ArcOutput<'_>, author: Option<&Address>) -> Chain {
    let sets = output.sets();
    let passed = |author| {
        sets.first()
            .is_some_and(|set| saw_pass(set.results.value, author))
    };
    Chain {
        // RFC 8617 4.4: a chain is good or it is not.
        outcome: match dkim_outcome(output.result()).0 {
            Outcome::Neutral | Outcome::PermError => Outcome::Fail,
            outcome => outcome,
        },
        sealers: sets.iter().map(|set| set.seal.header.d.to_lowercase()).collect(),
        passed_dmarc: author.is_some_and(passed),
    }
}

// Whoever wrote the message may have got any words into it, such as those of his address.
fn saw_pass(value: &[u8], author: &Address) -> bool {
    let is_authors = |domain: &str| {
        Domain::parse(domain).is_ok_and(|domain| is_within(&ascii(author.domain()), &ascii(&domain)))
    };
    results::statements(value)
        .iter()
        .any(|statement| match statement.as_slice() {
            [(method, Some(result)), about @ ..] => {
                let mut from = about.iter().filter(|(name, _)| name == "header.from");
                (method == "dmarc" || method.starts_with("dmarc/"))
                    && result.eq_ignore_ascii_case("pass")
                    && from.all(|(_, domain)| domain.as_deref().is_some_and(is_authors))
            }
            _ => false,
        })
}

// In mail-auth's words.
const fn spf_result(outcome: Outcome) -> SpfResult {
    match outcome {
        Outcome::Pass => SpfResult::Pass,
        Outcome::Fail => SpfResult::Fail,
        Outcome::SoftFail => SpfResult::SoftFail,
        Outcome::Neutral => SpfResult::Neutral,
        Outcome::TempError => SpfResult::TempError,
        Outcome::PermError => SpfResult::PermError,
        Outcome::None => SpfResult::None,
    }
}

const fn dkim_outcome(result: &DkimResult) -> (Outcome, Option<&Error>) {
    match result {
        DkimResult::Pass => (Outcome::Pass, None),
        // RFC 8601 2.7.1: neutral is what could not be looked at.
        DkimResult::Neutral(error @ Error::Dkim(DkimError::FailedBodyHashMatch)) => {
            (Outcome::Fail, Some(error))
        }
        DkimResult::Neutral(error) => (Outcome::Neutral, Some(error)),
        DkimResult::Fail(error) => (Outcome::Fail, Some(error)),
        DkimResult::PermError(error) => (Outcome::PermError, Some(error)),
        DkimResult::TempError(error) => (Outcome::TempError, Some(error)),
        DkimResult::None => (Outcome::None, None),
    }
}

fn dmarc_outcome(output: &DmarcOutput) -> Outcome {
    match output.result() {
        DmarcResult::Pass => Outcome::Pass,
        DmarcResult::Fail(_) => Outcome::Fail,
        DmarcResult::TempError(_) => Outcome::TempError,
        DmarcResult::PermError(_) => Outcome::PermError,
        DmarcResult::None => Outcome::None,
    }
}

impl Findings {
    /// What is known where nobody can be asked.
    #[must_use]
    pub fn unknown(caller: &Caller<'_>) -> Self {
        Self {
            spf: Spf {
                outcome: Outcome::TempError,
                domain: caller.domain(),
                helo: caller.from.is_none(),
            },
            dmarc: Dmarc {
                outcome: Outcome::TempError,
                ..Dmarc::default()
            },
            ..Self::default()
        }
    }

    /// The domains of good signatures.
    #[must_use]
    pub fn signers(&self) -> Vec<Domain> {
        let good = self.dkim.iter().filter(|signed| signed.outcome == Outcome::Pass);
        let mut signers: Vec<Domain> = good
            .filter_map(|signed| Domain::parse(&signed.domain).ok())
            .collect();
        signers.dedup();
        signers
    }
}
