//! A name server on loopback for one test: answers what it was told, NXDOMAIN to everything else.

use anyhow::Result;
use hickory_resolver::TokioResolver;
use hickory_resolver::config::{NameServerConfig, ResolverConfig};
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_resolver::proto::rr::rdata::{A, AAAA, MX, PTR, TXT};
use hickory_resolver::proto::rr::{Name, RData, Record};
use rustls::ClientConfig;
use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Runs until it is dropped. Names are absolute; a final dot is optional.
pub struct FakeDns {
    address: SocketAddr,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    records: Mutex<HashMap<String, Vec<RData>>>,
    failing: Mutex<HashSet<String>>,
    asked: Mutex<Vec<String>>,
    stop: AtomicBool,
}

impl FakeDns {
    /// Starts on a free UDP port.
    pub fn start() -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.set_read_timeout(Some(Duration::from_millis(50)))?;
        let address = socket.local_addr()?;
        let shared = Arc::new(Shared::default());
        let server = shared.clone();
        std::thread::spawn(move || server.run(&socket));
        Ok(Self { address, shared })
    }

    /// What the box is started with: `--dns` this.
    pub fn address(&self) -> SocketAddr {
        self.address
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

    /// A text, cut into strings of 255 octets.
    pub fn txt(&self, name: &str, text: &str) {
        let strings = text.as_bytes().chunks(255);
        let strings = strings.map(|part| String::from_utf8_lossy(part).into_owned());
        self.add(name, RData::TXT(TXT::new(strings.collect())));
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

impl Shared {
    fn run(&self, socket: &UdpSocket) {
        let mut packet = [0; 4096];
        while !self.stop.load(Ordering::Relaxed) {
            let Ok((size, peer)) = socket.recv_from(&mut packet) else {
                continue;
            };
            if let Some(answer) = Message::from_vec(&packet[..size])
                .ok()
                .and_then(|m| self.answer(&m))
            {
                let _ = socket.send_to(&answer, peer);
            }
        }
    }

    fn answer(&self, question: &Message) -> Option<Vec<u8>> {
        let query = question.queries.first()?.clone();
        let (name, kind) = (absolute(&query.name().to_ascii()), query.query_type());
        self.asked.lock().unwrap().push(format!("{name} {kind}"));
        let mut answer = Message::new(question.metadata.id, MessageType::Response, OpCode::Query);
        answer.metadata.recursion_desired = true;
        answer.metadata.recursion_available = true;
        match self.records.lock().unwrap().get(&name) {
            _ if self.failing.lock().unwrap().contains(&name) => {
                answer.metadata.response_code = ResponseCode::ServFail;
            }
            None => answer.metadata.response_code = ResponseCode::NXDomain,
            Some(records) => {
                for data in records.iter().filter(|data| data.record_type() == kind) {
                    answer.add_answer(Record::from_rdata(query.name().clone(), 300, data.clone()));
                }
            }
        }
        answer.add_query(query);
        answer.to_vec().ok()
    }
}
