//! A name server on loopback for one test: answers what it was told, NXDOMAIN to everything else.
//! If it signs, everything is in the root zone, except what is said to be in a zone without signatures.

mod lies;
mod signer;

pub use lies::Lie;

use crate::callers;
use anyhow::{Context, Result};
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::dnssec::TrustAnchors;
use hickory_resolver::proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::tlsa::{CertUsage, Matching, Selector};
use hickory_resolver::proto::rr::rdata::{A, AAAA, CNAME, MX, NS, NULL, PTR, SOA, TLSA, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use hickory_resolver::proto::serialize::binary::{BinDecodable as _, BinEncodable as _};
use lies::Way;
use rustls::ClientConfig;
use signer::Signer;
use std::collections::{HashMap, HashSet};
use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What an attacker makes of an answer.
#[derive(Debug, Clone)]
pub enum Forgery {
    /// Other data under the same signature.
    Changed,
    /// Nothing there, and nothing that proves it.
    Emptied,
    /// Nothing there, and a record of this zone, which has no signatures, where the proof should stand.
    EmptiedBy(String),
    /// As `EmptiedBy`, and an address in that zone as the answer.
    Replaced(String),
    /// The true records, and an address in this zone, which has no signatures.
    Padded(String),
    /// No such name, and nothing that proves it.
    Denied,
    /// The true records without their signatures.
    Unsigned,
}

/// Runs until it is dropped. Names are absolute; a final dot is optional.
pub struct FakeDns {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    records: Mutex<HashMap<String, Vec<RData>>>,
    failing: Mutex<HashSet<String>>,
    forged: Mutex<HashMap<String, Forgery>>,
    unsigned: Mutex<HashSet<String>>,
    signer: Option<Signer>,
    lies: Mutex<HashMap<String, Lie>>,
    asked: Mutex<Vec<String>>,
    short_lived: AtomicBool,
    stop: AtomicBool,
}

const ANYWHERE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

impl FakeDns {
    /// Starts on a port that is free for UDP and TCP.
    pub fn start() -> Result<Self> {
        Self::start_at(ANYWHERE)
    }

    /// Starts there.
    pub fn start_at(address: SocketAddr) -> Result<Self> {
        Self::start_as(address, Shared::default())
    }

    /// Starts on such a port; what it says is signed.
    pub fn start_signed() -> Result<Self> {
        let signer = Some(Signer::new()?);
        Self::start_as(
            ANYWHERE,
            Shared {
                signer,
                ..Shared::default()
            },
        )
    }

    fn start_as(address: SocketAddr, shared: Shared) -> Result<Self> {
        let bound = (0..20).find_map(|_| bind(address).ok());
        let (socket, listener) = bound.context("no free port")?;
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        let address = socket.local_addr()?;
        let shared = Arc::new(shared);
        let server = shared.clone();
        std::thread::spawn(move || server.run(&socket));
        let server = shared.clone();
        std::thread::spawn(move || {
            callers::answer(&server, &listener, Shared::is_closed, |server, stream| {
                server.talk(stream); // until he hangs up
            });
        });
        Ok(Self { address, shared })
    }

    /// What the box is started with: `--dns` this.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The key that its signatures go back to.
    pub fn anchors(&self) -> Arc<TrustAnchors> {
        Arc::new(self.shared.signer.as_ref().expect("it signs").anchors())
    }

    /// Says that this domain, with all below it, is a zone without signatures.
    pub fn unsigned(&self, domain: &str) {
        self.shared.unsigned.lock().unwrap().insert(absolute(domain));
    }

    /// From now on, answers about this name differ from what was signed, as on their way through the
    /// hands of an attacker.
    pub fn forge(&self, name: &str, forgery: Forgery) {
        self.shared.forged.lock().unwrap().insert(absolute(name), forgery);
    }

    /// From now on, nothing that is said may be remembered.
    pub fn be_short_lived(&self) {
        self.shared.short_lived.store(true, Ordering::Relaxed);
    }

    /// No attacker any more.
    pub fn be_honest(&self) {
        self.shared.forged.lock().unwrap().clear();
    }

    /// An alias.
    pub fn alias(&self, name: &str, alias_of: &str) {
        let alias_of = Name::from_ascii(absolute(alias_of)).expect("a host name");
        self.add(name, RData::CNAME(CNAME(alias_of)));
    }

    /// An alias of every name below this one (RFC 6672).
    pub fn branch(&self, name: &str, alias_of: &str) {
        let alias_of = Name::from_ascii(absolute(alias_of)).expect("a host name");
        let octets = alias_of.to_bytes().expect("a short name");
        self.add(
            name,
            RData::Unknown {
                code: RecordType::DNAME,
                rdata: NULL::with(octets),
            },
        );
    }

    /// A TLSA record of a mail server on this port.
    pub fn tlsa(&self, host: &str, port: u16, fields: (u8, u8, u8), data: &[u8]) {
        let (usage, selector, matching) = fields;
        let tlsa = TLSA::new(
            CertUsage::from(usage),
            Selector::from(selector),
            Matching::from(matching),
            data.to_vec(),
        );
        self.add(&format!("_{port}._tcp.{host}"), RData::TLSA(tlsa));
    }

    /// An address record, A or AAAA.
    pub fn host(&self, name: &str, address: IpAddr) {
        let data = match address {
            IpAddr::V4(address) => RData::A(A(address)),
            IpAddr::V6(address) => RData::AAAA(AAAA(address)),
        };
        self.add(name, data);
    }

    /// A mail exchanger; `.` as host says that the domain takes no mail.
    pub fn mx(&self, domain: &str, preference: u16, host: &str) {
        let host = Name::from_ascii(absolute(host)).expect("a host name");
        self.add(domain, RData::MX(MX::new(preference, host)));
    }

    /// A name server of a zone.
    pub fn ns(&self, zone: &str, host: &str) {
        let host = Name::from_ascii(absolute(host)).expect("a host name");
        self.add(zone, RData::NS(NS(host)));
    }

    /// A text, cut into strings of 255 octets.
    pub fn txt(&self, name: &str, text: &str) {
        let strings = text.as_bytes().chunks(255);
        let strings = strings.map(|part| String::from_utf8_lossy(part).into_owned());
        self.add(name, RData::TXT(TXT::new(strings.collect())));
    }

    /// Takes all records of a name away, and answers about it again.
    pub fn forget(&self, name: &str) {
        self.shared.records.lock().unwrap().remove(&absolute(name));
        self.shared.failing.lock().unwrap().remove(&absolute(name));
    }

    /// The name of an address.
    pub fn name_of(&self, address: IpAddr, name: &str) {
        let name = Name::from_ascii(absolute(name)).expect("a host name");
        self.add(&Name::from(address).to_ascii(), RData::PTR(PTR(name)));
    }

    /// From now on, questions about this name are answered SERVFAIL.
    pub fn fail(&self, name: &str) {
        self.shared.failing.lock().unwrap().insert(absolute(name));
    }

    /// From now on, answers about this name are spoilt so.
    pub fn lie(&self, name: &str, lie: Lie) {
        self.shared.lies.lock().unwrap().insert(absolute(name), lie);
    }

    /// Every question so far, as `name TYPE`.
    pub fn asked(&self) -> Vec<String> {
        self.shared.asked.lock().unwrap().clone()
    }

    fn add(&self, name: &str, data: RData) {
        let mut records = self.shared.records.lock().unwrap();
        records.entry(absolute(name)).or_default().push(data);
    }
}

impl Drop for FakeDns {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

/// A resolver of the outside world, not the box's own, that asks this server.
pub fn resolver(dns: &FakeDns) -> Result<TokioResolver> {
    let mut server = NameServerConfig::udp(dns.address().ip());
    for connection in &mut server.connections {
        connection.port = dns.address().port();
    }
    let config = ResolverConfig::from_name_servers(vec![server]);
    // Without an explicit TLS configuration it would look for the system's certificates.
    let tls = ClientConfig::clone(&*crate::tls::any_certificate()?);
    let builder = TokioResolver::builder_with_config(config, TokioRuntimeProvider::default());
    Ok(builder.with_tls_config(tls).build()?)
}

fn absolute(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    if name.ends_with('.') { name } else { name + "." }
}

fn bind(address: SocketAddr) -> Result<(UdpSocket, TcpListener)> {
    let socket = UdpSocket::bind(address)?;
    let listener = TcpListener::bind(socket.local_addr()?)?;
    listener.set_nonblocking(true)?;
    Ok((socket, listener))
}

/// Aliases that are followed in one answer.
const ALIASES: usize = 8;

impl Shared {
    fn is_closed(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn run(self: Arc<Self>, socket: &UdpSocket) {
        let mut packet = [0; 4096];
        while !self.is_closed() {
            let Ok((size, peer)) = socket.recv_from(&mut packet) else {
                continue;
            };
            let Ok(question) = Message::from_vec(&packet[..size]) else {
                continue;
            };
            let (server, socket) = (self.clone(), socket.try_clone());
            let reply = move || {
                let answer = server.answer(&question, Way::Udp);
                if let (Some(answer), Ok(socket)) = (answer, socket) {
                    let _ = socket.send_to(&answer, peer);
                }
            };
            // Only who is to be late needs a thread: nobody else shall wait for him.
            if self.lies.lock().unwrap().is_empty() {
                reply();
            } else {
                std::thread::spawn(reply);
            }
        }
    }

    // RFC 1035 4.2.2: messages with their length before them.
    fn talk(&self, mut stream: TcpStream) -> Option<()> {
        stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        loop {
            let mut length = [0; 2];
            stream.read_exact(&mut length).ok()?;
            let mut packet = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut packet).ok()?;
            let answer = self.answer(&Message::from_vec(&packet).ok()?, Way::Tcp)?;
            let length = u16::try_from(answer.len()).ok()?;
            stream.write_all(&length.to_be_bytes()).ok()?;
            stream.write_all(&answer).ok()?;
        }
    }

    fn answer(&self, question: &Message, way: Way) -> Option<Vec<u8>> {
        let query = question.queries.first()?.clone();
        // Without the marks of what is no host's letter.
        let name = absolute(&query.name().to_ascii().replace('\\', ""));
        let kind = query.query_type();
        self.asked.lock().unwrap().push(format!("{name} {kind}"));
        let mut answer = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
        answer.metadata.recursion_desired = true;
        answer.metadata.recursion_available = true;
        answer.add_query(query);
        if self.failing.lock().unwrap().contains(&name) {
            answer.metadata.response_code = ResponseCode::ServFail;
        } else {
            self.fill(&mut answer, &name, kind)?;
        }
        if self.short_lived.load(Ordering::Relaxed) {
            for record in answer.answers.iter_mut().chain(&mut answer.authorities) {
                record.ttl = 0;
            }
        }
        let lie = self.lies.lock().unwrap().get(&name).copied();
        if let Some(lie) = lie {
            return lie.spoil(answer, way);
        }
        let whole = answer.to_vec().ok()?;
        if way == Way::Udp && whole.len() > usize::from(question.max_payload()) {
            return lies::truncated(answer);
        }
        Some(whole)
    }

    // RFC 1034 3.6.2: an alias is followed.
    fn fill(&self, answer: &mut Message, name: &str, kind: RecordType) -> Option<()> {
        let known = self.records.lock().unwrap();
        let mut at = name.to_owned();
        for _ in 0..ALIASES {
            if let Some(target) = self.below_a_branch(answer, &known, &at) {
                at = target;
                continue;
            }
            let records = known.get(&at).map(Vec::as_slice).unwrap_or_default();
            let of = |kind| -> Vec<RData> {
                let of_kind = records.iter().filter(|data| data.record_type() == kind);
                of_kind.cloned().collect()
            };
            let alias = of(RecordType::CNAME);
            let shown = if alias.is_empty() { of(kind) } else { alias };
            let labels = at.split('.').filter(|label| !label.is_empty());
            let owner = Name::from_labels(labels.map(str::as_bytes)).ok()?;
            for data in &shown {
                answer.add_answer(Record::from_rdata(owner.clone(), 300, data.clone()));
            }
            self.sign(answer, &at, kind, &shown);
            if let Some(forgery) = self.forged.lock().unwrap().get(&at) {
                forge(answer, forgery);
            }
            match shown.first() {
                Some(RData::CNAME(target)) if kind != RecordType::CNAME => at = absolute(&target.to_ascii()),
                _ => break,
            }
        }
        if self.signer.is_none() && !known.contains_key(&at) {
            answer.metadata.response_code = ResponseCode::NXDomain;
        }
        Some(())
    }

    // RFC 6672 3.2: the DNAME with its signature, and the alias that it makes of the name without one.
    fn below_a_branch(
        &self,
        answer: &mut Message,
        known: &HashMap<String, Vec<RData>>,
        name: &str,
    ) -> Option<String> {
        let (branch, data) = known.iter().find_map(|(branch, records)| {
            let data = records
                .iter()
                .find(|data| data.record_type() == RecordType::DNAME)?;
            name.ends_with(&format!(".{branch}")).then_some((branch, data))
        })?;
        let RData::Unknown { rdata, .. } = data else {
            return None;
        };
        let target = Name::from_bytes(&rdata.anything).ok()?.to_ascii();
        let made = name.strip_suffix(branch.as_str())?.to_owned() + &target;
        let owner = Name::from_ascii(branch).ok()?;
        answer.add_answer(Record::from_rdata(owner, 300, data.clone()));
        self.sign(answer, branch, RecordType::DNAME, std::slice::from_ref(data));
        if let Some(forgery) = self.forged.lock().unwrap().get(branch) {
            forge(answer, forgery);
        }
        let alias = RData::CNAME(CNAME(Name::from_ascii(&made).ok()?));
        answer.add_answer(Record::from_rdata(Name::from_ascii(name).ok()?, 300, alias));
        Some(absolute(&made))
    }

    // Adds what proves these records of a name, or that it has none of the kind.
    fn sign(&self, answer: &mut Message, name: &str, kind: RecordType, shown: &[RData]) {
        let Some(signer) = &self.signer else {
            return;
        };
        let zone = |zone: &String| name == *zone || name.ends_with(&format!(".{zone}"));
        let unsigned = self.unsigned.lock().unwrap().iter().find(|z| zone(z)).cloned();
        let owner = Name::from_ascii(name).expect("a name");
        match unsigned {
            Some(zone) if zone == name && kind == RecordType::DS => {
                signer.deny(answer, &owner, &[RecordType::NS])
            }
            Some(zone) if zone == name && kind == RecordType::NS => signer.delegate(answer, &owner),
            // RFC 2308 2.2
            Some(zone) if zone == name && kind == RecordType::SOA => {
                answer.add_answer(start_of(&zone));
            }
            Some(zone) if shown.is_empty() => {
                answer.add_authority(start_of(&zone));
            }
            Some(_) => {}
            None if name == "." && kind == RecordType::DNSKEY => signer.keys(answer),
            None if name == "." && kind == RecordType::SOA => signer.start(answer),
            None if shown.is_empty() => signer.deny(answer, &owner, &[]),
            None => signer.prove(answer, &owner),
        }
    }
}

fn start_of(zone: &str) -> Record {
    let zone = Name::from_ascii(absolute(zone)).expect("a name");
    let soa = SOA::new(zone.clone(), zone.clone(), 1, 3600, 600, 86_400, 300);
    Record::from_rdata(zone, 300, RData::SOA(soa))
}

fn forge(answer: &mut Message, forgery: &Forgery) {
    let address = |zone: &str| {
        let name = Name::from_ascii(absolute(&format!("www.{zone}"))).expect("a name");
        Record::from_rdata(name, 300, RData::A(A([192, 0, 2, 66].into())))
    };
    if !matches!(forgery, Forgery::Changed | Forgery::Padded(_) | Forgery::Unsigned) {
        answer.answers.clear();
        answer.authorities.clear();
    }
    match forgery {
        Forgery::Changed => match answer.answers.first_mut().map(|record| &mut record.data) {
            Some(RData::A(address)) => address.0 = [192, 0, 2, 66].into(),
            Some(RData::PTR(host)) => host.0 = Name::from_ascii("mx.evil.example.").expect("a name"),
            Some(RData::MX(mx)) => mx.exchange = Name::from_ascii("mx.evil.example.").expect("a name"),
            Some(RData::TLSA(tlsa)) => tlsa.cert_data = vec![0; 32],
            _ => {}
        },
        Forgery::Emptied => {}
        Forgery::EmptiedBy(zone) => {
            answer.add_authority(start_of(zone));
        }
        Forgery::Replaced(zone) => {
            answer.add_answer(address(zone));
            answer.add_authority(start_of(zone));
        }
        Forgery::Padded(zone) => {
            answer.add_answer(address(zone));
        }
        Forgery::Denied => answer.metadata.response_code = ResponseCode::NXDomain,
        Forgery::Unsigned => {
            for records in [&mut answer.answers, &mut answer.authorities] {
                records.retain(|record| record.record_type() != RecordType::RRSIG);
            }
        }
    }
}
