//! Questions to the domain name system: where mail for a domain goes, who a client is.
//!
//! Name servers come from `--dns` or from `/etc/resolv.conf`, which is read again when it changes
//! (the network may come up, or move, while we run).

use crate::limits::dns as limits;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{
    LookupIpStrategy, NameServerConfig, ResolveHosts, ResolverConfig, ResolverOpts,
};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use hickory_resolver::system_conf::parse_resolv_conf;
use mail_auth::MessageAuthenticator;
use proto::types::Domain;
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

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

/// The name of a client's address, by its PTR records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReverseName {
    /// The name has that address.
    Confirmed(Domain),
    /// It names a host that does not have that address.
    Unconfirmed(String),
    /// It has none.
    Missing,
    /// The name servers did not answer.
    Unknown,
}

/// The resolver. Cheap to clone; one cache for all.
#[derive(Clone)]
pub struct Dns {
    servers: Arc<NameServers>,
    current: Arc<Mutex<Option<Current>>>,
    names: Arc<Names>,
}

struct Current {
    /// When the file that it was made from last changed.
    changed: Option<SystemTime>,
    resolver: Arc<TokioResolver>,
}

impl Dns {
    /// A resolver that asks these servers. Nothing is read or asked before the first question.
    #[must_use]
    pub fn new(servers: NameServers) -> Self {
        Self {
            servers: Arc::new(servers),
            current: Arc::new(Mutex::new(None)),
            names: Arc::default(),
        }
    }

    /// The hosts that take mail for `domain`, best first, equals in random order.
    ///
    /// # Errors
    /// See [`NoRoute`].
    pub async fn mail_hosts(&self, domain: &Domain) -> Result<Vec<MailHost>, NoRoute> {
        let name = domain.as_str();
        if let Some(literal) = name.strip_prefix('[').and_then(|n| n.strip_suffix(']')) {
            let literal = literal.strip_prefix("IPv6:").unwrap_or(literal);
            return match literal.parse() {
                Ok(address) => Ok(vec![MailHost::Literal(address)]),
                Err(_) => Err(NoRoute::NoSuchDomain(name.to_owned())),
            };
        }
        let answers = match self.ask(name, RecordType::MX).await {
            Ok(answers) => answers,
            Err(Silence::Nothing { exists: true }) => Vec::new(),
            Err(Silence::Nothing { exists: false }) => return Err(NoRoute::NoSuchDomain(name.to_owned())),
            Err(Silence::Failed(words)) => return Err(NoRoute::Unknown(name.to_owned(), words)),
        };
        let mut hosts = Vec::new();
        for answer in answers {
            if let RData::MX(mx) = answer {
                hosts.push((mx.preference, random(), mx.exchange.to_ascii()));
            }
        }
        // RFC 5321 5.1: without MX records the domain itself is the host.
        if hosts.is_empty() {
            return Ok(vec![MailHost::Name(name.to_owned())]);
        }
        // RFC 7505 3: a single MX that names the root; the root among others is a mistake.
        hosts.retain(|(_, _, host)| host != "." && !host.is_empty());
        if hosts.is_empty() {
            return Err(NoRoute::NoMail(name.to_owned()));
        }
        // RFC 5321 5.1: lowest preference first; spread the load among equals.
        hosts.sort();
        hosts.truncate(limits::HOSTS);
        let trimmed = |host: String| host.trim_end_matches('.').to_lowercase();
        Ok(hosts
            .into_iter()
            .map(|(_, _, host)| MailHost::Name(trimmed(host)))
            .collect())
    }

    /// The addresses of a host, IPv4 first: few small offices have reverse names for IPv6, and
    /// large receivers refuse mail without.
    ///
    /// # Errors
    /// See [`NoRoute`].
    pub async fn addresses(&self, host: &str) -> Result<Vec<IpAddr>, NoRoute> {
        let (v4, v6) = tokio::join!(self.ask(host, RecordType::A), self.ask(host, RecordType::AAAA));
        let mut addresses = Vec::new();
        let mut failure = None;
        for answers in [v4, v6] {
            match answers {
                Ok(answers) => addresses.extend(answers.iter().filter_map(RData::ip_addr)),
                Err(Silence::Nothing { .. }) => {}
                Err(Silence::Failed(words)) => failure = Some(words),
            }
        }
        addresses.truncate(limits::ADDRESSES);
        match (addresses.is_empty(), failure) {
            (false, _) => Ok(addresses),
            (true, Some(words)) => Err(NoRoute::Unknown(host.to_owned(), words)),
            (true, None) => Err(NoRoute::NoSuchDomain(host.to_owned())),
        }
    }

    /// The name of a client's address. The answer, or that there was none, is remembered for ten
    /// minutes.
    pub async fn reverse_name(&self, client: IpAddr) -> ReverseName {
        if let Some(known) = self.names.get(client) {
            return known;
        }
        let asked = tokio::time::timeout(limits::NAME, self.ask_for_name(client)).await;
        let name = asked.unwrap_or(ReverseName::Unknown);
        self.names.put(client, name.clone());
        name
    }

    async fn ask_for_name(&self, client: IpAddr) -> ReverseName {
        let answers = match self.ask(&Name::from(client).to_ascii(), RecordType::PTR).await {
            Ok(answers) => answers,
            Err(Silence::Nothing { .. }) => return ReverseName::Missing,
            Err(Silence::Failed(_)) => return ReverseName::Unknown,
        };
        let names = answers.into_iter().filter_map(|answer| match answer {
            RData::PTR(name) => Some(name.to_ascii()),
            _ => None,
        });
        let mut found = ReverseName::Missing;
        for name in names.take(limits::NAMES_OF_ONE) {
            let addresses = match self.addresses(&name).await {
                Ok(addresses) => addresses,
                Err(error) if error.is_temporary() => return ReverseName::Unknown,
                Err(_) => Vec::new(),
            };
            match Domain::parse(name.trim_end_matches('.')) {
                Ok(domain) if addresses.contains(&client) => return ReverseName::Confirmed(domain),
                _ => found = ReverseName::Unconfirmed(name),
            }
        }
        found
    }

    /// What asks about SPF, DKIM and DMARC, with the same servers.
    ///
    /// # Errors
    /// No name server is known, in words.
    pub fn authenticator(&self) -> Result<MessageAuthenticator, String> {
        Ok(MessageAuthenticator(TokioResolver::clone(&*self.resolver()?)))
    }

    /// The records of a name, of one kind.
    pub(crate) async fn ask(&self, name: &str, kind: RecordType) -> Result<Vec<RData>, Silence> {
        let resolver = self.resolver().map_err(Silence::Failed)?;
        // The final dot keeps the office's search list out of it.
        let name = format!("{}.", name.trim_end_matches('.'));
        match tokio::time::timeout(limits::ANSWER, resolver.lookup(name, kind)).await {
            Ok(Ok(lookup)) => Ok(lookup
                .answers()
                .iter()
                .map(|record| record.data.clone())
                .collect()),
            Ok(Err(error)) if error.is_no_records_found() => Err(Silence::Nothing {
                exists: !error.is_nx_domain(),
            }),
            Ok(Err(error)) => Err(Silence::Failed(error.to_string())),
            Err(_) => Err(Silence::Failed("no answer in time".to_owned())),
        }
    }

    // The resolver for the servers as they are now; made anew when the file changed.
    fn resolver(&self) -> Result<Arc<TokioResolver>, String> {
        let changed = match &*self.servers {
            NameServers::Fixed(_) => None,
            NameServers::File(path) => std::fs::metadata(path).and_then(|m| m.modified()).ok(),
        };
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(current) = current.as_ref().filter(|c| c.changed == changed) {
            return Ok(current.resolver.clone());
        }
        let resolver = Arc::new(build(&self.servers).map_err(|e| e.to_string())?);
        *current = Some(Current {
            changed,
            resolver: resolver.clone(),
        });
        Ok(resolver)
    }
}

// The names of clients that called lately.
#[derive(Default)]
struct Names(Mutex<HashMap<IpAddr, (Instant, ReverseName)>>);

impl Names {
    fn get(&self, client: IpAddr) -> Option<ReverseName> {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, name) = names.get(&client)?;
        (at.elapsed() < limits::REMEMBERED).then(|| name.clone())
    }

    fn put(&self, client: IpAddr, name: ReverseName) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= limits::NAMES {
            names.retain(|_, (at, _)| at.elapsed() < limits::REMEMBERED);
        }
        if names.len() >= limits::NAMES {
            names.clear(); // more callers than anyone needs to remember
        }
        names.insert(client, (Instant::now(), name));
    }
}

/// Why a question got no records.
pub(crate) enum Silence {
    /// There are none of this kind; `exists`: but the name is there.
    Nothing { exists: bool },
    /// No answer, or a broken one, in words.
    Failed(String),
}

pub(crate) fn build(servers: &NameServers) -> Result<TokioResolver, NetError> {
    let (config, mut options) = match servers {
        NameServers::Fixed(servers) => (fixed(servers), ResolverOpts::default()),
        NameServers::File(path) => system(path)?,
    };
    options.cache_size = limits::CACHED;
    options.ip_strategy = LookupIpStrategy::Ipv4AndIpv6;
    options.timeout = limits::SERVER;
    options.attempts = 2;
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
    TokioResolver::builder_with_config(config, TokioRuntimeProvider::default())
        .with_options(options)
        .with_tls_config(tls)
        .build()
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
        assert!(dns.resolver().is_err(), "no file yet");
        let write = |text: &str, second: u64| {
            std::fs::write(&path, text).unwrap();
            let file = std::fs::File::options().append(true).open(&path).unwrap();
            file.set_modified(SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(second))
                .unwrap();
        };
        write("# the network is not up\n", 1);
        assert!(dns.resolver().is_err(), "no server yet");
        write("nameserver 192.0.2.1\n", 2);
        let first = dns.resolver().unwrap();
        assert!(Arc::ptr_eq(&first, &dns.resolver().unwrap()));
        write("nameserver 192.0.2.2\n", 3);
        assert!(!Arc::ptr_eq(&first, &dns.resolver().unwrap()));
    }
}
