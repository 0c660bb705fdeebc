//! The servers of many domains in one: takes every message as fast as it comes and keeps only their
//! number. Listens on every loopback address: 127.0.1.1 is the first domain's server, and so on.

use anyhow::{Context, Result, bail, ensure};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// Listens until the bench ends.
pub struct Catcher {
    pub port: u16,
    shared: Arc<Shared>,
}

struct Shared {
    tls: Arc<ServerConfig>,
    messages: AtomicU64,
    connections: AtomicU64,
    offers_tls: AtomicBool,
    // The header of the last message.
    last: Mutex<Vec<u8>>,
}

/// The address of a domain's server; domains count from 0.
pub fn address(domain: usize) -> Ipv4Addr {
    Ipv4Addr::new(127, 0, 1, u8::try_from(domain + 1).unwrap_or(u8::MAX))
}

/// The name of a domain.
pub fn domain(number: usize) -> String {
    format!("d{number}.example")
}

impl Catcher {
    pub fn start() -> Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        let folder = tempfile::tempdir()?;
        let tls = firmware::tls::Tls::open(folder.path(), &["mx.example".to_owned()], &[])?;
        let shared = Arc::new(Shared {
            tls: tls.mail,
            messages: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            offers_tls: AtomicBool::new(true),
            last: Mutex::default(),
        });
        let port = listener.local_addr()?.port();
        let server = shared.clone();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = server.clone();
                // A client that hangs up in the middle is one whose message does not count.
                std::thread::spawn(move || drop(server.serve(stream)));
            }
        });
        Ok(Self { port, shared })
    }

    /// Whether it offers STARTTLS from now on.
    pub fn offer_tls(&self, offers: bool) {
        self.shared.offers_tls.store(offers, Ordering::Relaxed);
    }

    /// Messages and connections so far.
    pub fn counts(&self) -> (u64, u64) {
        let shared = &self.shared;
        (
            shared.messages.load(Ordering::Relaxed),
            shared.connections.load(Ordering::Relaxed),
        )
    }

    /// How many signatures the last message bears.
    pub fn signatures(&self) -> usize {
        let header = self.shared.last.lock().map(|last| last.clone());
        let header = String::from_utf8_lossy(&header.unwrap_or_default()).into_owned();
        header
            .lines()
            .filter(|line| line.starts_with("DKIM-Signature:"))
            .count()
    }

    /// Waits until so many messages were taken in all.
    pub fn wait_for(&self, messages: u64) -> Result<()> {
        let deadline = Instant::now() + Duration::from_secs(120);
        while self.counts().0 < messages {
            ensure!(
                Instant::now() < deadline,
                "only {} of {messages} were sent on",
                self.counts().0
            );
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    }
}

impl Shared {
    fn serve(&self, stream: TcpStream) -> Result<()> {
        stream.set_nodelay(true)?;
        self.connections.fetch_add(1, Ordering::Relaxed);
        let mut talk = Talk::over(Box::new(stream.try_clone()?));
        talk.say("220 mx.example ESMTP");
        let offer = match self.offers_tls.load(Ordering::Relaxed) {
            true => "250-STARTTLS\r\n",
            false => "",
        };
        if self.converse(&mut talk, offer)? {
            talk.flush()?;
            let stream = StreamOwned::new(ServerConnection::new(self.tls.clone())?, stream);
            self.converse(&mut Talk::over(Box::new(stream)), "")?;
        }
        Ok(())
    }

    // Until QUIT, or until TLS is wanted: then true.
    fn converse(&self, talk: &mut Talk, starttls: &str) -> Result<bool> {
        loop {
            let line = talk.hear()?;
            let verb = line.split([' ', ':']).next().unwrap_or_default();
            match verb.to_ascii_uppercase().as_str() {
                "EHLO" => talk.say(&format!(
                    "250-mx.example\r\n{starttls}250-PIPELINING\r\n250-8BITMIME\r\n250 SIZE 60000000"
                )),
                "STARTTLS" => {
                    talk.say("220 go on");
                    return Ok(true);
                }
                "MAIL" | "RCPT" | "RSET" => talk.say("250 2.0.0 fine"),
                "DATA" => {
                    talk.say("354 go on");
                    *self.last.lock().ok().context("a server died")? = talk.message()?;
                    self.messages.fetch_add(1, Ordering::Relaxed);
                    talk.say("250 2.0.0 taken");
                }
                "QUIT" => {
                    talk.say("221 2.0.0 bye");
                    talk.flush()?;
                    return Ok(false);
                }
                _ => bail!("an odd command: {line}"),
            }
        }
    }
}

struct Talk {
    stream: BufReader<Box<dyn Stream>>,
    // Said and not yet sent: replies to commands that came together go together.
    said: String,
}

impl Talk {
    fn over(stream: Box<dyn Stream>) -> Self {
        Self {
            stream: BufReader::with_capacity(64 * 1024, stream),
            said: String::new(),
        }
    }

    fn say(&mut self, reply: &str) {
        self.said.push_str(reply);
        self.said.push_str("\r\n");
    }

    fn flush(&mut self) -> Result<()> {
        self.stream.get_mut().write_all(self.said.as_bytes())?;
        self.stream.get_mut().flush()?;
        self.said.clear();
        Ok(())
    }

    fn hear(&mut self) -> Result<String> {
        if self.stream.buffer().is_empty() {
            self.flush()?;
        }
        let mut line = String::new();
        self.stream.read_line(&mut line)?;
        Ok(line
            .strip_suffix("\r\n")
            .context("the client is gone")?
            .to_owned())
    }

    // Reads a message; gives back its header.
    fn message(&mut self) -> Result<Vec<u8>> {
        self.flush()?;
        let (mut header, mut in_header) = (Vec::new(), true);
        let mut line = Vec::new();
        loop {
            line.clear();
            self.stream.read_until(b'\n', &mut line)?;
            match line.as_slice() {
                b".\r\n" => return Ok(header),
                b"\r\n" => in_header = false,
                _ if in_header => header.extend_from_slice(&line),
                _ => ensure!(line.ends_with(b"\n"), "the client is gone"),
            }
        }
    }
}
