//! SPF, DKIM, ARC and DMARC of one message: the only place that knows mail-auth's verifiers. SPF by
//! itself is in `judge::spf`, what the others ask for in `judge::texts`.
//!
//! | RFC | what | here |
//! |---|---|---|
//! | 7208 | SPF | MAIL FROM, and HELO (2.3) where it names another domain |
//! | 6376, 8301, 8463 | DKIM | the first [`limits::SIGNATURES`], those of the author's domain before others, of each domain until one is good; `l=` is not trusted, nor SHA-1, nor more than [`limits::SIGNED`] names in `h=` |
//! | 8617 | ARC | chains of up to [`limits::SEALS`] sets |
//! | 9989 (7489) | DMARC | tree walk, no list of public suffixes; a name with several records has none |
//!
//! Bodies are hashed in pieces as they are read: a message is never whole in memory. Every question
//! has an end: the terms of SPF and the labels of DMARC are counted, the resolver follows few aliases,
//! and what takes longer than [`limits::CHECK`] counts as a temporary error.

use super::evidence::Evidence;
use super::findings::{Caller, Chain, Dmarc, Findings, Outcome, Signed, Spf, Wish};
use super::sender::is_within;
use super::spf::Check;
use super::texts::Texts;
use crate::deliver::people::ascii;
use crate::dns::Dns;
use crate::limits::judge as limits;
use mail_auth::dkim::DkimError;
use mail_auth::dmarc::Policy;
use mail_auth::dmarc::verify::DmarcParameters;
use mail_auth::{
    ArcOutput, AuthenticatedMessage, DkimOutput, DkimResult, DmarcOutput, DmarcResult, DnsError, Error,
    MessageAuthenticator, Parameters, SpfOutput, SpfResult,
};
use proto::message::results;
use proto::types::{Address, Domain};
use std::net::IpAddr;
use tokio::time::timeout;

impl Evidence<'_> {
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
        let mut dkim = signatures(authenticator, &self.message, keys.as_ref()).await;
        let (again, more);
        if let Some(message) = self.second_try(|domain| dkim.iter().any(|output| proves(output, domain))) {
            again = message;
            more = timeout(limits::AFTERWARDS, Texts::keys(dns, &again)).await.ok();
            dkim.extend(signatures(authenticator, &again, more.as_ref()).await);
        }
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

// RFC 5321 4.1.3: nobody can be asked about an address in brackets.
fn is_literal(author: &Address) -> bool {
    author.domain().as_str().starts_with('[')
}

// Without keys there was no answer in time.
async fn signatures<'k>(
    authenticator: &MessageAuthenticator,
    message: &'k AuthenticatedMessage<'k>,
    keys: Option<&'k Texts>,
) -> Vec<DkimOutput<'k>> {
    let late = || {
        let signatures = message.dkim_headers.iter();
        let late = signatures.map(|signature| {
            DkimOutput::temp_err(Error::Dns(DnsError::Resolver("no answer in time".to_owned())))
                .with_signature(&signature.header)
        });
        late.collect()
    };
    let Some(keys) = keys else { return late() };
    let parameters = Parameters::new(message).with_txt_cache(keys);
    let answer = timeout(limits::AFTERWARDS, authenticator.verify_dkim(parameters)).await;
    answer.unwrap_or_else(|_| late())
}

fn proves(output: &DkimOutput<'_>, domain: &str) -> bool {
    let signature = output.signature();
    *output.result() == DkimResult::Pass
        && signature.is_some_and(|signature| signature.d.eq_ignore_ascii_case(domain))
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
