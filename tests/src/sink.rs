//! Another domain's mail server for one test: catches what is sent to it, or makes trouble.

use crate::callers;
use anyhow::{Context, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// How the server treats its callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Behaviour {
    /// Takes everything, offers STARTTLS.
    Accept,
    /// Takes everything, knows no TLS and no ESMTP at all.
    AcceptOldStyle,
    /// As `Accept`, and offers DSN, SMTPUTF8 and REQUIRETLS; takes two recipients at once.
    Modern,
    /// TLS from the first octet, then as `Accept`.
    AcceptImplicitTls,
    /// Refuses every recipient for now, until it has done so this often.
    Greylist(usize),
    /// Says more before the handshake than it may, as if somebody had slipped it in.
    InjectBeforeTls,
    /// Offers STARTTLS and hangs up in the handshake.
    DropTls,
    /// As `Accept`, and hangs up right after the handshake.
    DropAfterTls,
    /// Hangs up instead of answering RCPT.
    HangUpAtRcpt,
    /// Says 421 to RCPT and hangs up.
    LeaveAtRcpt,
    /// Hangs up after its 354.
    HangUpAtData,
    /// Says 421 in the middle of the message and hangs up.
    HangUpInData,
    /// Says 552 in the middle of the message and hangs up.
    TooBig,
    /// Refuses every recipient for good.
    Reject,
    /// Refuses recipients that start with `no`, and those with `later` for now; names the limit of two
    /// recipients at once, and keeps to it.
    RejectSome,
    /// Refuses the message for good after its final dot.
    RejectAtEnd,
    /// As `RejectSome`, and refuses the message for good after its final dot.
    RejectSomeAndAtEnd,
    /// Takes the message and hangs up instead of saying so.
    TakeInSilence,
    /// Names the limit of two recipients at once, takes one message and hangs up.
    TakeOne,
    /// Takes one message on a connection, and says that it has had enough when the next one comes.
    TireAfterOne,
    /// Says twice yes to MAIL, so that each later answer is taken for the one before.
    OutOfStep,
    /// Says that it has taken the message before it has seen it, and refuses it then.
    YesTooSoon,
    /// Sends its answers slowly: 200 octets in a second.
    Tarpit,
    /// Answers RCPT with lines that never end.
    Endless,
    /// Reads the whole message and then says nothing.
    Stall,
    /// Says now and then something else than it means; the number decides when and what.
    Moody(u64),
    /// Stands still at this point until it is told to go on; else as `Accept`.
    StandStill(Point),
    /// Wants no connections just now.
    Busy,
    /// Takes no mail at all (RFC 7504).
    NoMail,
}

/// Where a conversation can stand still: before an answer is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// Before its answer to MAIL.
    Mail,
    /// Before it refuses a recipient for good.
    Refusal,
    /// In the middle of the message.
    Body,
    /// The whole message is there, and not taken.
    Dot,
    /// The message is taken, and nobody knows yet.
    Taken,
}

/// A message that was taken.
#[derive(Debug, Clone)]
pub struct Caught {
    /// What the client called itself.
    pub helo: String,
    /// MAIL FROM, with its parameters, as sent.
    pub from: String,
    /// RCPT TO, as sent.
    pub to: Vec<String>,
    /// The message, dot-stuffing removed.
    pub data: Vec<u8>,
    /// Whether it came over TLS.
    pub tls: bool,
    /// Login and password, if the client logged in by PLAIN.
    pub login: Option<(String, String)>,
}

/// Runs until it is dropped.
pub struct Sink {
    address: SocketAddr,
    shared: Arc<Shared>,
}

struct Shared {
    behaviour: Mutex<Behaviour>,
    caught: Mutex<Vec<Caught>>,
    refused: AtomicUsize,
    connections: AtomicUsize,
    stalled: AtomicUsize,
    still: AtomicUsize,
    go_on: AtomicBool,
    stop: AtomicBool,
    tls: Arc<ServerConfig>,
}

impl Sink {
    /// Starts on a free port of 127.0.0.1.
    pub fn start(behaviour: Behaviour) -> Result<Self> {
        Self::start_at(SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0), behaviour)
    }

    /// Starts at this address: several servers share a port at 127.0.0.1, 127.0.0.2, ...
    pub fn start_at(address: SocketAddr, behaviour: Behaviour) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let tls = firmware::tls::Tls::open(folder.path(), &["sink.example".to_owned()], &[])?;
        Self::start_with(address, behaviour, tls.mail)
    }

    /// Starts with this certificate.
    pub fn start_with(address: SocketAddr, behaviour: Behaviour, tls: Arc<ServerConfig>) -> Result<Self> {
        let listener = TcpListener::bind(address)?;
        let address = listener.local_addr()?;
        listener.set_nonblocking(true)?;
        let shared = Arc::new(Shared {
            behaviour: Mutex::new(behaviour),
            caught: Mutex::default(),
            refused: AtomicUsize::new(0),
            connections: AtomicUsize::new(0),
            stalled: AtomicUsize::new(0),
            still: AtomicUsize::new(0),
            go_on: AtomicBool::new(false),
            stop: AtomicBool::new(false),
            tls,
        });
        let server = shared.clone();
        std::thread::spawn(move || callers::answer(&server, &listener, Shared::is_closed, Shared::answer));
        Ok(Self { address, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Changes its mind.
    pub fn behave(&self, behaviour: Behaviour) {
        *self.shared.behaviour.lock().unwrap() = behaviour;
    }

    /// Everything taken so far.
    pub fn caught(&self) -> Vec<Caught> {
        self.shared.caught.lock().unwrap().clone()
    }

    /// How many messages were taken so far.
    pub fn taken(&self) -> usize {
        self.shared.caught.lock().unwrap().len()
    }

    /// Waits until `count` messages were taken.
    pub fn wait_for(&self, count: usize, patience: Duration) -> Result<Vec<Caught>> {
        let start = Instant::now();
        loop {
            let caught = self.caught();
            if caught.len() >= count {
                return Ok(caught);
            }
            let late = start.elapsed() > patience;
            anyhow::ensure!(!late, "{} of {count} messages came", caught.len());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Connections so far.
    pub fn connections(&self) -> usize {
        self.shared.connections.load(Ordering::Relaxed)
    }

    /// Messages read to their end and not answered so far.
    pub fn stalled(&self) -> usize {
        self.shared.stalled.load(Ordering::Relaxed)
    }

    /// From now on conversations stand still at this point, those under way too.
    pub fn stand_still(&self, point: Point) {
        self.shared.still.store(0, Ordering::Relaxed);
        self.shared.go_on.store(false, Ordering::Relaxed);
        self.behave(Behaviour::StandStill(point));
    }

    /// How many conversations came to stand still.
    pub fn stood_still(&self) -> usize {
        self.shared.still.load(Ordering::Relaxed)
    }

    /// Has whatever stands still go on.
    pub fn go_on(&self) {
        self.shared.go_on.store(true, Ordering::Relaxed);
    }

    /// Recipients refused so far.
    pub fn refused(&self) -> usize {
        self.shared.refused.load(Ordering::Relaxed)
    }
}

impl Drop for Sink {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
    }
}

impl Shared {
    fn is_closed(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    fn answer(&self, stream: TcpStream) {
        self.connections.fetch_add(1, Ordering::Relaxed);
        let _ = self.serve(stream); // a client that goes away in the middle is none of the sink's business
    }

    fn serve(&self, stream: TcpStream) -> Result<()> {
        stream.set_read_timeout(Some(Duration::from_secs(60)))?;
        let behaviour = *self.behaviour.lock().unwrap();
        let (line, tls) = match behaviour {
            Behaviour::AcceptImplicitTls => (Line::Tls(Box::new(BufReader::new(self.accept(stream)?))), true),
            _ => (Line::Plain(BufReader::new(stream)), false),
        };
        let mut talk = Talk {
            line,
            tls,
            behaviour,
            shared: self,
            helo: String::new(),
            login: None,
            from: String::new(),
            to: Vec::new(),
            taken: false,
            mood: match behaviour {
                Behaviour::Moody(seed) => seed | 1,
                _ => 0,
            },
        };
        if behaviour == Behaviour::Busy {
            return talk.say("421 4.3.2 too busy");
        }
        if behaviour == Behaviour::NoMail {
            return talk.say("521 5.3.2 this host takes no mail");
        }
        talk.say("220 sink.example ESMTP")?;
        while let Some(command) = talk.hear()? {
            if !talk.command(&command)? {
                break;
            }
        }
        Ok(())
    }

    fn accept(&self, stream: TcpStream) -> Result<TlsStream> {
        let connection = ServerConnection::new(self.tls.clone())?;
        Ok(StreamOwned::new(connection, stream))
    }
}

type TlsStream = StreamOwned<ServerConnection, TcpStream>;

enum Line {
    Plain(BufReader<TcpStream>),
    Tls(Box<BufReader<TlsStream>>),
    Gone,
}

impl Line {
    fn reader(&mut self) -> &mut dyn BufRead {
        match self {
            Self::Plain(stream) => stream,
            Self::Tls(stream) => &mut **stream,
            Self::Gone => panic!("the connection was taken"),
        }
    }

    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Self::Plain(stream) => stream.get_mut(),
            Self::Tls(stream) => stream.get_mut(),
            Self::Gone => panic!("the connection was taken"),
        }
    }
}

struct Talk<'a> {
    line: Line,
    tls: bool,
    behaviour: Behaviour,
    shared: &'a Shared,
    helo: String,
    login: Option<(String, String)>,
    from: String,
    to: Vec<String>,
    // Whether a message came over this connection.
    taken: bool,
    mood: u64,
}

impl Talk<'_> {
    fn say(&mut self, reply: &str) -> Result<()> {
        let whim = self.whim();
        self.say_plainly(whim.unwrap_or(reply))
    }

    fn say_plainly(&mut self, reply: &str) -> Result<()> {
        anyhow::ensure!(!reply.is_empty(), "in no mood to talk");
        let slow = self.behaviour == Behaviour::Tarpit;
        let writer = self.line.writer();
        let reply = format!("{reply}\r\n");
        for piece in reply.as_bytes().chunks(if slow { 1 } else { usize::MAX }) {
            writer.write_all(piece)?;
            writer.flush()?;
            if slow {
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(())
    }

    // Whoever stands still when another behaviour is asked for hangs up.
    fn reach(&self, point: Point) -> Result<()> {
        let stands = || *self.shared.behaviour.lock().unwrap() == Behaviour::StandStill(point);
        if stands() {
            self.shared.still.fetch_add(1, Ordering::Relaxed);
            while !self.shared.go_on.load(Ordering::Relaxed) {
                anyhow::ensure!(stands() && !self.shared.is_closed(), "it was not to go on");
                std::thread::sleep(Duration::from_millis(5));
            }
        }
        Ok(())
    }

    // What to say instead, in a quarter of all cases.
    fn whim(&mut self) -> Option<&'static str> {
        const WHIMS: [&str; 8] = [
            "250 2.0.0 yes",
            "354 go on",
            "421 4.3.2 going down",
            "450 4.2.0 later",
            "550 5.0.0 never",
            "250-this\r\n250 and that",
            "nonsense",
            "",
        ];
        if self.mood == 0 {
            return None;
        }
        // xorshift64
        self.mood ^= self.mood << 13;
        self.mood ^= self.mood >> 7;
        self.mood ^= self.mood << 17;
        let choice = usize::try_from(self.mood % 32).unwrap_or_default();
        WHIMS.get(choice).copied()
    }

    fn hear(&mut self) -> Result<Option<String>> {
        let mut line = Vec::new();
        self.line.reader().take(4096).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        let line = line.strip_suffix(b"\r\n").context("a line without CRLF")?;
        Ok(Some(String::from_utf8(line.to_vec())?))
    }

    // One command; `false` ends the conversation.
    fn command(&mut self, command: &str) -> Result<bool> {
        let upper = command.to_ascii_uppercase();
        let old = self.behaviour == Behaviour::AcceptOldStyle;
        match upper.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" if old => self.say("502 what?")?,
            "EHLO" => {
                command[5..].clone_into(&mut self.helo);
                let tls = if self.tls { "" } else { "250-STARTTLS\r\n" };
                let modern = match self.behaviour {
                    Behaviour::Modern => {
                        "250-DSN\r\n250-SMTPUTF8\r\n250-REQUIRETLS\r\n250-LIMITS RCPTMAX=2\r\n"
                    }
                    Behaviour::RejectSome | Behaviour::TakeOne => "250-LIMITS RCPTMAX=2\r\n",
                    _ => "",
                };
                self.say(&format!(
                    "250-sink.example\r\n{tls}{modern}250-PIPELINING\r\n250-8BITMIME\r\n250-AUTH PLAIN\r\n250 SIZE 30000000"
                ))?;
            }
            "HELO" => {
                command[5..].clone_into(&mut self.helo);
                self.say("250 sink.example")?;
            }
            "STARTTLS" => {
                match self.behaviour {
                    Behaviour::InjectBeforeTls => self.say("220 go on\r\n550 5.0.0 slipped in")?,
                    _ => self.say("220 go on")?,
                }
                if self.behaviour == Behaviour::DropTls {
                    return Ok(false);
                }
                if let Line::Plain(stream) = std::mem::replace(&mut self.line, Line::Gone) {
                    let stream = self.shared.accept(stream.into_inner())?;
                    self.line = Line::Tls(Box::new(BufReader::new(stream)));
                }
                self.tls = true;
                if self.behaviour == Behaviour::DropAfterTls {
                    self.hear()?; // the handshake comes to its end with the first octet
                    return Ok(false);
                }
            }
            "AUTH" => {
                let secret = BASE64.decode(command.split(' ').nth(2).context("no initial response")?)?;
                let secret = String::from_utf8(secret)?;
                let mut fields = secret.split('\0').skip(1).map(str::to_owned);
                self.login = fields.next().zip(fields.next());
                self.say("235 2.7.0 welcome")?;
            }
            "MAIL" => {
                if !self.from.is_empty() {
                    self.say("503 5.5.1 one after the other")?;
                    return Ok(true);
                }
                command["MAIL FROM:".len()..].clone_into(&mut self.from);
                self.to.clear();
                self.reach(Point::Mail)?;
                self.say(match self.behaviour {
                    Behaviour::TireAfterOne if self.taken => "452 4.5.3 enough for one connection",
                    Behaviour::OutOfStep => "250 2.1.0 fine\r\n250 2.1.0 very fine",
                    _ => "250 2.1.0 fine",
                })?;
            }
            "RCPT" => return self.recipient(&command["RCPT TO:".len()..]),
            "DATA" => return self.data(),
            "RSET" => {
                self.from.clear();
                self.say("250 2.0.0 forgotten")?;
            }
            "QUIT" => {
                self.say("221 2.0.0 bye")?;
                return Ok(false);
            }
            _ => self.say("500 5.5.1 what?")?,
        }
        Ok(true)
    }

    fn recipient(&mut self, path: &str) -> Result<bool> {
        let refused = self.shared.refused.load(Ordering::Relaxed);
        let no = match self.behaviour {
            Behaviour::Greylist(times) if refused < times => "450 4.7.1 greylisted, come back",
            Behaviour::Modern if self.to.len() >= 2 => "452 4.5.3 two at once, we said",
            Behaviour::HangUpAtRcpt => return Ok(false),
            Behaviour::LeaveAtRcpt => {
                self.say("421 4.3.2 going home")?;
                return Ok(false);
            }
            Behaviour::Endless => loop {
                self.say("250-and another thing")?;
            },
            Behaviour::StandStill(Point::Refusal) => {
                self.reach(Point::Refusal)?;
                "550 5.1.1 no such user here"
            }
            Behaviour::Reject => "550 5.1.1 no such user here",
            Behaviour::RejectSome | Behaviour::RejectSomeAndAtEnd | Behaviour::OutOfStep
                if path.starts_with("<no") =>
            {
                "550 5.1.1 no such user here"
            }
            Behaviour::RejectSome | Behaviour::RejectSomeAndAtEnd if path.starts_with("<later") => {
                "450 4.2.1 not today"
            }
            _ => {
                self.to.push(path.to_owned());
                self.say("250 2.1.5 fine")?;
                return Ok(true);
            }
        };
        self.shared.refused.fetch_add(1, Ordering::Relaxed);
        self.say(no)?;
        Ok(true)
    }

    fn data(&mut self) -> Result<bool> {
        if self.to.is_empty() {
            self.say("503 5.5.1 no recipients")?;
            return Ok(true);
        }
        self.say(match self.behaviour {
            Behaviour::YesTooSoon => "354 go on\r\n250 2.0.0 taken",
            _ => "354 go on",
        })?;
        if self.behaviour == Behaviour::HangUpAtData {
            return Ok(false);
        }
        let mut data = Vec::new();
        loop {
            let start = data.len();
            self.line.reader().read_until(b'\n', &mut data)?;
            let line = &data[start..];
            anyhow::ensure!(line.ends_with(b"\r\n"), "a line of the message without CRLF");
            if line == b".\r\n" {
                data.truncate(start);
                break;
            }
            if line.starts_with(b".") {
                data.remove(start);
            }
            if start == 0 {
                self.reach(Point::Body)?;
            }
            let no = match self.behaviour {
                Behaviour::HangUpInData => "421 4.3.2 going down",
                Behaviour::TooBig => "552 5.3.4 that is too much",
                _ => continue,
            };
            self.say(no)?;
            self.hang_up()?;
            return Ok(false);
        }
        if self.behaviour == Behaviour::Stall {
            self.shared.stalled.fetch_add(1, Ordering::Relaxed);
            while !self.shared.is_closed() {
                std::thread::sleep(Duration::from_millis(20));
            }
            return Ok(false);
        }
        if matches!(
            self.behaviour,
            Behaviour::RejectAtEnd | Behaviour::RejectSomeAndAtEnd | Behaviour::YesTooSoon
        ) {
            self.from.clear();
            self.say("554 5.6.0 we do not like it")?;
            return Ok(true);
        }
        self.reach(Point::Dot)?;
        let caught = Caught {
            helo: self.helo.clone(),
            from: std::mem::take(&mut self.from),
            to: std::mem::take(&mut self.to),
            data,
            tls: self.tls,
            login: self.login.clone(),
        };
        if self.behaviour == Behaviour::TakeInSilence {
            self.shared.caught.lock().unwrap().push(caught);
            return Ok(false);
        }
        let reply = self.whim().unwrap_or("250 2.0.0 taken");
        if reply.starts_with("250") {
            self.shared.caught.lock().unwrap().push(caught);
        }
        self.taken = true;
        self.reach(Point::Taken)?;
        self.say_plainly(reply)?;
        Ok(self.behaviour != Behaviour::TakeOne)
    }

    // Reads what is still coming, so that the reply is not lost in a reset connection.
    fn hang_up(&mut self) -> Result<()> {
        let stream = match &mut self.line {
            Line::Plain(stream) => stream.get_mut(),
            Line::Tls(stream) => &mut stream.get_mut().sock,
            Line::Gone => return Ok(()),
        };
        stream.shutdown(std::net::Shutdown::Write)?;
        stream.set_read_timeout(Some(Duration::from_millis(200)))?;
        io::copy(&mut stream.take(1 << 20), &mut io::sink())?;
        Ok(())
    }
}
