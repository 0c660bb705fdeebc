//! Whether a server may send the mail of a domain, by what the domain says (RFC 7208).
//!
//! mail-auth's own check is not used: it ends at a match inside of an include that is inside of
//! another one, takes the first of several records, passes over mechanisms that nobody knows, believes
//! a name of an address that does not lead back to it (`%{p}`), and does not count void answers.
//!
//! Every question is one of at most [`limits::TERMS`] terms with at most [`limits::NAMES`] names each,
//! which bounds loops, too. The caller sets an end in time.

use super::findings::Outcome;
use crate::dns::{Dns, Silence};
use crate::limits::spf as limits;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use proto::spf::{self, Directive, Macros, Mechanism, Qualifier, Record, Values};
use std::net::IpAddr;
use std::pin::Pin;

/// One check: what is the same for every record that is read on the way.
pub struct Check<'a> {
    dns: &'a Dns,
    ip: IpAddr,
    local: &'a str,
    domain: &'a str,
    helo: &'a str,
    terms: usize,
    voids: usize,
    /// The names of the caller's address that lead back to it, once they were asked for.
    names: Option<Vec<String>>,
}

/// A result that is no comparison: it ends the check.
type Ended<T> = Result<T, Outcome>;

type Checked<'a> = Pin<Box<dyn Future<Output = Outcome> + Send + 'a>>;

impl<'a> Check<'a> {
    /// About a message from `local@domain`; the postmaster's where there is nothing before the @
    /// (RFC 7208 4.3). Domains are in ASCII.
    #[must_use]
    pub fn new(dns: &'a Dns, ip: IpAddr, local: &'a str, domain: &'a str, helo: &'a str) -> Self {
        Self {
            dns,
            ip: ip.to_canonical(),
            local: if local.is_empty() { "postmaster" } else { local },
            domain,
            helo,
            terms: 0,
            voids: 0,
            names: None,
        }
    }

    /// Asks.
    pub async fn run(mut self) -> Outcome {
        // RFC 7208 2.3, 4.3
        if !is_name(self.domain) || !self.domain.trim_end_matches('.').contains('.') {
            return Outcome::None;
        }
        self.host(self.domain.to_owned()).await
    }

    // RFC 7208 4.4 to 4.7
    fn host(&mut self, domain: String) -> Checked<'_> {
        Box::pin(async move {
            match self.record(&domain).await {
                Ok(record) => match self.evaluate(&record, &domain).await {
                    Ok(outcome) | Err(outcome) => outcome,
                },
                Err(outcome) => outcome,
            }
        })
    }

    async fn record(&mut self, domain: &str) -> Ended<Record> {
        if !is_name(domain) {
            return Err(Outcome::None);
        }
        let texts = match self.dns.ask_checked(domain, RecordType::TXT).await {
            Ok(answers) => answers,
            Err(Silence::Nothing { .. }) => return Err(Outcome::None),
            Err(_) => return Err(Outcome::TempError),
        };
        let texts = texts.iter().filter_map(|data| match data {
            RData::TXT(text) => Some(text.txt_data.concat()), // RFC 7208 3.3
            _ => None,
        });
        let mut records = texts.filter(|text| spf::is_record(text));
        match (records.next(), records.next()) {
            (None, _) => Err(Outcome::None),
            (Some(text), None) => Record::parse(&text).map_err(|_| Outcome::PermError),
            (Some(_), Some(_)) => Err(Outcome::PermError), // RFC 7208 4.5
        }
    }

    async fn evaluate(&mut self, record: &Record, domain: &str) -> Ended<Outcome> {
        for Directive { qualifier, mechanism } in &record.directives {
            if self.matches(mechanism, domain).await? {
                return Ok(match qualifier {
                    Qualifier::Pass => Outcome::Pass,
                    Qualifier::Fail => Outcome::Fail,
                    Qualifier::SoftFail => Outcome::SoftFail,
                    Qualifier::Neutral => Outcome::Neutral,
                });
            }
        }
        let Some(redirect) = &record.redirect else {
            return Ok(Outcome::Neutral); // RFC 7208 4.7
        };
        self.term()?;
        let target = self.expand(redirect, domain).await;
        // RFC 7208 6.1
        match self.host(target).await {
            Outcome::None => Err(Outcome::PermError),
            other => Ok(other),
        }
    }

    // RFC 7208 5
    async fn matches(&mut self, mechanism: &Mechanism, domain: &str) -> Ended<bool> {
        match mechanism {
            Mechanism::All => Ok(true),
            Mechanism::Ip(address, width) => Ok(spf::agree(self.ip, *address, *width)),
            Mechanism::Include(target) => {
                self.term()?;
                let target = self.expand(target, domain).await;
                match self.host(target).await {
                    Outcome::Pass => Ok(true),
                    Outcome::Fail | Outcome::SoftFail | Outcome::Neutral => Ok(false),
                    Outcome::TempError => Err(Outcome::TempError),
                    Outcome::PermError | Outcome::None => Err(Outcome::PermError),
                }
            }
            Mechanism::A(target, widths) => {
                let name = self.target(target.as_ref(), domain).await?;
                let addresses = self.addresses(&name).await;
                let addresses = self.not_void(addresses)?;
                Ok(addresses.iter().any(|address| widths.agree(self.ip, *address)))
            }
            Mechanism::Mx(target, widths) => {
                let name = self.target(target.as_ref(), domain).await?;
                let hosts = self.ask(&name, RecordType::MX).await;
                let hosts = self.not_void(hosts)?;
                // RFC 7208 4.6.4
                if hosts.len() > limits::NAMES {
                    return Err(Outcome::PermError);
                }
                for host in hosts {
                    let RData::MX(mx) = host else { continue };
                    let addresses = self.addresses(&mx.exchange.to_ascii()).await?;
                    if addresses.iter().any(|address| widths.agree(self.ip, *address)) {
                        return Ok(true);
                    }
                }
                Ok(false)
            }
            Mechanism::Ptr(target) => {
                let name = self.target(target.as_ref(), domain).await?.to_lowercase();
                let own = self.names().await;
                Ok(own.iter().any(|own| is_within(own, &name)))
            }
            Mechanism::Exists(target) => {
                let name = self.target(Some(target), domain).await?;
                // RFC 7208 5.7: A, whatever the caller's address is.
                let found = self.ask(&name, RecordType::A).await;
                Ok(!self.not_void(found)?.is_empty())
            }
        }
    }

    // RFC 7208 4.6.4
    fn term(&mut self) -> Ended<()> {
        self.terms = self.terms.saturating_add(1);
        if self.terms > limits::TERMS {
            return Err(Outcome::PermError);
        }
        Ok(())
    }

    fn not_void<T>(&mut self, found: Ended<Vec<T>>) -> Ended<Vec<T>> {
        let found = found?;
        if found.is_empty() {
            self.voids = self.voids.saturating_add(1);
            if self.voids > limits::VOIDS {
                return Err(Outcome::PermError);
            }
        }
        Ok(found)
    }

    // The name that a term is about; counts the term.
    async fn target(&mut self, target: Option<&Macros>, domain: &str) -> Ended<String> {
        self.term()?;
        match target {
            Some(target) => Ok(self.expand(target, domain).await),
            None => Ok(domain.to_owned()),
        }
    }

    async fn expand(&mut self, macros: &Macros, domain: &str) -> String {
        let validated = if macros.ask_for_a_name() {
            let names = self.names().await;
            best(&names, domain)
        } else {
            String::new()
        };
        macros.expand(&Values {
            ip: self.ip,
            local: self.local,
            sender_domain: self.domain,
            helo: self.helo,
            domain,
            validated: &validated,
        })
    }

    // RFC 7208 5.5: no answer means no name.
    async fn names(&mut self) -> Vec<String> {
        if let Some(names) = &self.names {
            return names.clone();
        }
        let reverse = Name::from(self.ip).to_ascii();
        let answers = self.ask(&reverse, RecordType::PTR).await.unwrap_or_default();
        let mut names = Vec::new();
        for answer in answers.iter().take(limits::NAMES) {
            let RData::PTR(name) = answer else { continue };
            let name = name.to_ascii();
            let addresses = self.addresses(&name).await.unwrap_or_default();
            if addresses.contains(&self.ip) {
                names.push(name.trim_end_matches('.').to_lowercase());
            }
        }
        self.names.insert(names).clone()
    }

    // The addresses of a host that are of the caller's kind.
    async fn addresses(&self, host: &str) -> Ended<Vec<IpAddr>> {
        let kind = if self.ip.is_ipv4() {
            RecordType::A
        } else {
            RecordType::AAAA
        };
        let answers = self.ask(host, kind).await?;
        Ok(answers.iter().filter_map(RData::ip_addr).collect())
    }

    // A name that cannot exist has nothing.
    async fn ask(&self, name: &str, kind: RecordType) -> Ended<Vec<RData>> {
        if !is_name(name) {
            return Ok(Vec::new());
        }
        match self.dns.ask_checked(name, kind).await {
            // An alias comes with what it leads to.
            Ok(answers) => Ok(answers
                .iter()
                .filter(|data| data.record_type() == kind)
                .cloned()
                .collect()),
            Err(Silence::Nothing { .. }) => Ok(Vec::new()),
            Err(_) => Err(Outcome::TempError),
        }
    }
}

// RFC 7208 7.3: the domain itself before one below it before any other.
fn best(names: &[String], domain: &str) -> String {
    let domain = domain.to_lowercase();
    let rank = |name: &&String| (**name != domain, !is_within(name, &domain));
    names
        .iter()
        .min_by_key(rank)
        .cloned()
        .unwrap_or_else(|| "unknown".to_owned())
}

fn is_within(name: &str, domain: &str) -> bool {
    let domain = domain.trim_end_matches('.');
    let before = name.strip_suffix(domain);
    before.is_some_and(|before| before.is_empty() || before.ends_with('.'))
}

// RFC 1035 2.3.4: what can be asked for; no address in brackets. A sender's name or HELO may have brought
// more than letters into it.
fn is_name(name: &str) -> bool {
    let name = name.strip_suffix('.').unwrap_or(name);
    let fits = |label: &str| (1..=63).contains(&label.len());
    name.len() <= proto::limits::spf::NAME
        && !name.starts_with('[')
        && name
            .bytes()
            .all(|octet| matches!(octet, b' '..=b'~') && octet != b'\\')
        && name.split('.').all(fits)
}
