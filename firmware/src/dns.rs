//! Questions to the domain name system: where mail for a domain goes, who a client is.
//!
//! Name servers come from `--dns` or from `/etc/resolv.conf`, which is read again when it changes
//! (the network may come up, or move, while we run).

mod aliases;
mod checking;
mod memory;
mod names;
mod owner;
mod secure;

pub use checking::{Checking, Dnssec, Signed};
pub use names::ReverseName;
pub use secure::{Tlsa, TlsaRecord};

use crate::limits::dns as limits;
use checking::Signatures;
use hickory_resolver::config::{
    LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::dnssec::TrustAnchors;
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::system_conf::parse_resolv_conf;
use hickory_resolver::{ResolverBuilder, TokioResolver};
use mail_auth::MessageAuthenticator;
use memory::{Memory, Question};
use names::Names;
use proto::types::Domain;
use secure::Answers;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

/// Where the name servers are written down.
#[derive(Debug, Clone)]
pub enum NameServers {
    /// These, in this order.
    Fixed(Vec<SocketAddr>),
    /// Those of a `resolv.conf`, as it is at the time of the question.
    File(PathBuf),
}

impl Default for NameServers {
    fn default() -> Self {
        Self::File(PathBuf::from("/etc/resolv.conf"))
    }
}

/// Why there is no way to a domain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoRoute {
    /// The name does not exist, or has neither mail hosts nor an address.
    #[error("the domain {0} does not exist or has no mail server")]
    NoSuchDomain(String),
    /// A null MX (RFC 7505): it says that it takes no mail.
    #[error("the domain {0} says that it does not accept mail")]
    NoMail(String),
    /// No answer, or a broken one: ask again later.
    #[error("the name servers gave no answer about {0}: {1}")]
    Unknown(String, String),
}

impl NoRoute {
    /// Whether asking again later may help.
    #[must_use]
    pub const fn is_temporary(&self) -> bool {
        matches!(self, Self::Unknown(..))
    }

    /// The enhanced status code for the sender's notice.
    #[must_use]
    pub const fn status(&self) -> &'static str {
        match self {
            Self::NoSuchDomain(_) => "5.1.2", // RFC 3463 3.2: bad destination system address
            Self::NoMail(_) => "5.1.10",      // RFC 7505 4.2
            Self::Unknown(..) => "4.4.3",     // RFC 3463 3.5: directory server failure
        }
    }
}

/// A host to try, as the domain's owner ordered them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MailHost {
    /// A name, still to be looked up.
    Name(String),
    /// An address literal in the mail address (RFC 5321 4.1.3).
    Literal(IpAddr),
}

/// The way to a domain's mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The hosts to try, best first.
    pub hosts: Vec<MailHost>,
    /// Whether signatures prove that these are the domain's hosts (DNSSEC).
    pub secure: bool,
}

/// A mail host as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its addresses, IPv4 first.
    pub addresses: Vec<IpAddr>,
    /// The names under which it may have TLSA records that count (RFC 7672 2.2.2), best first; none
    /// if no signatures prove its addresses.
    pub bases: Vec<String>,
}

/// The resolver. Cheap to clone; one cache for all.
#[derive(Clone)]
pub struct Dns {
    servers: Arc<NameServers>,
    // What signatures go back to; `None`: the root's keys, which the library has.
    anchors: Option<Arc<TrustAnchors>>,
    checking: Checking,
    current: Arc<Mutex<Option<Arc<Current>>>>,
    names: Arc<Names>,
}

struct Current {
    /// When the file that it was made from last changed.
    changed: Option<SystemTime>,
    resolver: Arc<TokioResolver>,
    memory: Memory,
    signatures: Signatures,
}

impl Dns {
    /// A resolver that asks these servers. Nothing is read or asked before the first question.
    #[must_use]
    pub fn new(servers: NameServers) -> Self {
        Self {
            servers: Arc::new(servers),
            anchors: None,
            checking: Checking::default(),
            current: Arc::new(Mutex::new(None)),
            names: Arc::default(),
        }
    }

    /// A resolver that believes signatures which go back to these keys, instead of the root's.
    #[must_use]
    pub fn trusting(servers: NameServers, anchors: Arc<TrustAnchors>) -> Self {
        let anchors = Some(anchors);
        Self {
            anchors,
            ..Self::new(servers)
        }
    }

    /// The same, which checks signatures as this says.
    #[must_use]
    pub fn with(self, checking: Checking) -> Self {
        Self { checking, ..self }
    }

    /// The same servers, asked as if for the first time.
    pub(crate) fn without_memory(&self) -> Self {
        Self {
            current: Arc::new(Mutex::new(None)),
            ..self.clone()
        }
    }

    /// Whether somebody takes mail for `domain`: all that is to be known about a sender's.
    ///
    /// # Errors
    /// See [`NoRoute`].
    pub async fn takes_mail(&self, domain: &Domain) -> Result<(), NoRoute> {
        let name = domain.as_str();
        if name.starts_with('[') {
            return self.route(domain).await.map(drop);
        }
        match self.ask_checked(name, RecordType::MX).await {
            // RFC 7505 3: a single MX that names the root; the root among others is a mistake.
            Ok(answers) => {
                let is_host = |data: &RData| matches!(data, RData::MX(mx) if !mx.exchange.is_root());
                match answers.iter().any(is_host) {
                    true => Ok(()),
                    false => Err(NoRoute::NoMail(name.to_owned())),
                }
            }
            // RFC 5321 5.1: without MX records its own address counts.
            Err(Silence::Nothing { exists: true, .. }) => self.has_address(name).await,
            Err(Silence::Nothing { exists: false, .. }) => Err(NoRoute::NoSuchDomain(name.to_owned())),
            Err(silence) => Err(NoRoute::Unknown(name.to_owned(), silence.words())),
        }
    }

    /// The hosts that take mail for `domain`, best first, equals in random order, with what signatures say
    /// about it.
    ///
    /// # Errors
    /// See [`NoRoute`]; signatures that do not hold are no answer (RFC 7672 2.1.1).
    pub async fn route(&self, domain: &Domain) -> Result<Route, NoRoute> {
        let name = domain.as_str();
        let unproven = |hosts| Route { hosts, secure: false };
        if let Some(literal) = name.strip_prefix('[').and_then(|n| n.strip_suffix(']')) {
            let literal = literal.strip_prefix("IPv6:").unwrap_or(literal);
            return match literal.parse() {
                Ok(address) => Ok(unproven(vec![MailHost::Literal(address)])),
                Err(_) => Err(NoRoute::NoSuchDomain(name.to_owned())),
            };
        }
        let answers = match self.ask_proven(name, RecordType::MX).await {
            Ok(answers) => answers,
            // Whether the host that is the domain itself is secure shows with its address.
            Err(Silence::Nothing {
                exists: true, shown, ..
            }) => {
                self.is_its_own_host(name, shown).await?;
                Answers::none()
            }
            Err(Silence::Nothing { exists: false, .. }) => {
                return Err(NoRoute::NoSuchDomain(name.to_owned()));
            }
            Err(silence) => return Err(NoRoute::Unknown(name.to_owned(), silence.words())),
        };
        let mut hosts = Vec::new();
        for record in &answers.records {
            if let RData::MX(mx) = &record.data {
                hosts.push((mx.preference, random(), mx.exchange.to_ascii()));
            }
        }
        let secure = answers.secure;
        // RFC 5321 5.1: without MX records the domain itself is the host.
        if hosts.is_empty() {
            let hosts = vec![MailHost::Name(name.to_owned())];
            return Ok(Route { hosts, secure });
        }
        // RFC 7505 3: a single MX that names the root; the root among others is a mistake.
        hosts.retain(|(_, _, host)| host != "." && !host.is_empty());
        if hosts.is_empty() {
            return Err(NoRoute::NoMail(name.to_owned()));
        }
        // RFC 5321 5.1: lowest preference first; spread the load among equals.
        hosts.sort();
        hosts.truncate(limits::HOSTS);
        let hosts = hosts
            .into_iter()
            .map(|(_, _, host)| MailHost::Name(trimmed(&host)));
        let hosts = hosts.collect();
        Ok(Route { hosts, secure })
    }

    /// The addresses of a host, IPv4 first: few small offices have reverse names for IPv6, and
    /// large receivers refuse mail without.
    ///
    /// # Errors
    /// See [`NoRoute`].
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, NoRoute> {
        let (v4, v6) = tokio::join!(
            self.ask_checked(host, RecordType::A),
            self.ask_checked(host, RecordType::AAAA)
        );
        let mut addresses = Vec::new();
        let mut failure = None;
        for answers in [v4, v6] {
            match answers {
                Ok(answers) => addresses.extend(answers.iter().filter_map(RData::ip_addr)),
                Err(Silence::Nothing { .. }) => {}
                Err(silence) => failure = Some(silence.words()),
            }
        }
        found(host, addresses, failure)
    }

    /// Whether a host has an address of any kind; the second kind is asked for only without the first.
    ///
    /// # Errors
    /// See [`NoRoute`]; none is one.
    pub async fn has_address(&self, host: &str) -> Result<(), NoRoute> {
        let mut failure = None;
        for kind in [RecordType::A, RecordType::AAAA] {
            match self.ask_checked(host, kind).await {
                Ok(_) => return Ok(()),
                Err(Silence::Nothing { .. }) => {}
                Err(silence) => failure = Some(silence.words()),
            }
        }
        found(host, Vec::new(), failure).map(drop)
    }

    /// The texts at a name, each in one piece.
    ///
    /// # Errors
    /// No answer, in words; that there is none is no error.
    pub async fn texts(&self, name: &str) -> Result<Vec<String>, String> {
        match self.ask(name, RecordType::TXT).await {
            Ok(answers) => Ok(answers.iter().filter_map(text).collect()),
            Err(Silence::Nothing { .. }) => Ok(Vec::new()),
            Err(silence) => Err(silence.words()),
        }
    }

    /// What asks about SPF, DKIM and DMARC, with the same servers.
    ///
    /// # Errors
    /// No name server is known, in words.
    pub fn authenticator(&self) -> Result<MessageAuthenticator, String> {
        let current = self.current()?;
        Ok(MessageAuthenticator(match self.checking.seen() {
            Signed::Checked => current.signatures.resolver.clone(),
            _ => TokioResolver::clone(&current.resolver),
        }))
    }

    /// The records of a name, of one kind.
    pub(crate) async fn ask(&self, name: &str, kind: RecordType) -> Result<Arc<[RData]>, Silence> {
        let current = self.current().map_err(Silence::Failed)?;
        let question = Question::new(name, kind, false);
        if let Some(known) = current.memory.get(&question) {
            return known;
        }
        // On the heap: what asks is many times as large as what remembers, and most is remembered.
        let answer = Box::pin(secure::lookup(&current.resolver, name, kind)).await;
        current.memory.keep(question, answer)
    }

    /// The same, for what tells who sent a message: what signatures disprove is no answer, where this
    /// network is known to pass signatures on. Nobody waits to find that out.
    pub(crate) async fn ask_checked(&self, name: &str, kind: RecordType) -> Result<Arc<[RData]>, Silence> {
        let current = self.current().map_err(Silence::Failed)?;
        if current.signatures.are_due() {
            let (current, checking) = (current.clone(), self.checking.clone());
            tokio::spawn(async move { current.signatures.demanded(&checking).await });
        }
        if self.checking.seen() != Signed::Checked {
            return self.ask(name, kind).await;
        }
        let question = Question::new(name, kind, true);
        if let Some(known) = current.memory.get(&question) {
            return known;
        }
        let asked = Box::pin(secure::checked(&current.signatures.resolver, name, kind));
        let answer = match asked.await {
            Err(Silence::Nothing { shown: false, .. }) => Err(Silence::Failed(secure::UNPROVEN.to_owned())),
            answer => answer,
        };
        current.memory.keep(question, answer)
    }

    // The resolver for the servers as they are now; made anew when the file changed.
    fn current(&self) -> Result<Arc<Current>, String> {
        let changed = match &*self.servers {
            NameServers::Fixed(_) => None,
            NameServers::File(path) => std::fs::metadata(path).and_then(|m| m.modified()).ok(),
        };
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(current) = current.as_ref().filter(|c| c.changed == changed) {
            return Ok(current.clone());
        }
        let proving = secure::build(&self.servers, self.anchors.clone()).map_err(|e| e.to_string())?;
        let fresh = Arc::new(Current {
            changed,
            resolver: Arc::new(build(&self.servers).map_err(|e| e.to_string())?),
            memory: Memory::default(),
            signatures: Signatures::new(proving),
        });
        *current = Some(fresh.clone());
        Ok(fresh)
    }
}

// Addresses, or why there are none.
fn found(host: &str, mut addresses: Vec<IpAddr>, failure: Option<String>) -> Result<Vec<IpAddr>, NoRoute> {
    addresses.truncate(limits::ADDRESSES);
    match (addresses.is_empty(), failure) {
        (false, _) => Ok(addresses),
        (true, Some(words)) => Err(NoRoute::Unknown(host.to_owned(), words)),
        (true, None) => Err(NoRoute::NoSuchDomain(host.to_owned())),
    }
}

fn text(data: &RData) -> Option<String> {
    match data {
        RData::TXT(text) => Some(String::from_utf8_lossy(&text.txt_data.concat()).into_owned()),
        _ => None,
    }
}

fn trimmed(name: &str) -> String {
    name.trim_end_matches('.').to_lowercase()
}

/// Why a question got no records.
pub(crate) enum Silence {
    /// There are none of this kind; `exists`: but the name is there; `shown`: and the answer came with
    /// what it takes to believe that; `seconds`: for which it may be remembered.
    Nothing { exists: bool, shown: bool, seconds: u32 },
    /// An answer whose signatures do not hold, or that has none where it should.
    Forged,
    /// No answer, or a broken one, in words.
    Failed(String),
}

impl Silence {
    pub(crate) fn words(self) -> String {
        match self {
            Self::Nothing { .. } => secure::UNPROVEN.to_owned(),
            Self::Forged => secure::FORGED.to_owned(),
            Self::Failed(words) => words,
        }
    }
}

pub(crate) fn build(servers: &NameServers) -> Result<TokioResolver, NetError> {
    builder(servers)?.build()
}

fn builder(servers: &NameServers) -> Result<ResolverBuilder<TokioRuntimeProvider>, NetError> {
    let (config, mut options) = match servers {
        NameServers::Fixed(servers) => (fixed(servers), ResolverOpts::default()),
        NameServers::File(path) => system(path)?,
    };
    options.cache_size = limits::CACHED;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.timeout = limits::SERVER;
    options.attempts = limits::TRIES - 1; // after the first one
    options.preserve_intermediates = true; // aliases lead to what was asked for
    options.use_hosts_file = ResolveHosts::Never; // an MX never means an entry of /etc/hosts
    // An explicit TLS configuration: without one the resolver looks for the system's certificate
    // bundle and fails where there is none, even for plain DNS.
    let roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let tls = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|e| NetError::from(std::io::Error::other(e)))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(
        TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
            .with_options(options)
            .with_tls_config(tls),
    )
}

fn fixed(servers: &[SocketAddr]) -> ResolverConfig {
    let servers = servers.iter().map(|address| {
        let mut server = NameServerConfig::udp_and_tcp(address.ip());
        for connection in &mut server.connections {
            connection.port = address.port();
        }
        server
    });
    ResolverConfig::from_name_servers(servers.collect())
}

fn system(path: &Path) -> Result<(ResolverConfig, ResolverOpts), NetError> {
    parse_resolv_conf(std::fs::read(path)?)
}

fn random() -> u32 {
    getrandom::u32().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn name_servers_are_read_again_when_the_file_changes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("resolv.conf");
        let dns = Dns::new(NameServers::File(path.clone()));
        assert!(dns.current().is_err(), "no file yet");
        let write = |text: &str, second: u64| {
            std::fs::write(&path, text).unwrap();
            let file = std::fs::File::options().append(true).open(&path).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(second))
                .unwrap();
        };
        write("# the network is not up\n", 1);
        assert!(dns.current().is_err(), "no server yet");
        write("nameserver 192.0.2.1\n", 2);
        let first = dns.current().unwrap();
        assert!(Arc::ptr_eq(&first, &dns.current().unwrap()));
        write("nameserver 192.0.2.2\n", 3);
        assert!(!Arc::ptr_eq(&first, &dns.current().unwrap()));
    }
}
