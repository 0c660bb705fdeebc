//! The conversations of `firmware/proto/tests/transcripts`, this time with the real binary over
//! real sockets. What only a scripted world can do (refuse, fall silent) is played there alone.

#[path = "../../firmware/proto/tests/sessions/script.rs"]
mod script;

use anyhow::{Context, Result, bail};
use script::{What, match_len, steps, unescape};
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use tests::fake_dns::FakeDns;
use tests::imap::Imap;
use tests::pillarbox::{PASSWORD, Pillarbox};
use tests::tls::{self, TlsStream};

/// `mx.example.com` with anna and berta, who is frozen, as the transcripts have it.
struct Office {
    pillarbox: Pillarbox,
    _dns: FakeDns,
}

impl Office {
    fn open() -> Result<Self> {
        let dns = FakeDns::start()?;
        let server = dns.address().to_string();
        let mut pillarbox = Pillarbox::start(&["--dns", &server, "--max-size", "1000"])?;
        let names = [
            "--domain",
            "example.com",
            "--hostname",
            "mx.example.com",
            "--account",
            "anna",
        ];
        pillarbox.cli_ok(
            &[&["setup"][..], &names].concat(),
            &format!("{PASSWORD}\n{PASSWORD}\n"),
        )?;
        pillarbox.claim_code = None;
        pillarbox.let_main_passwords_open_mail()?;
        pillarbox.cli_ok(
            &["account", "create", "berta@example.com"],
            &format!("{PASSWORD}\n"),
        )?;
        let reason = "250 messages in an hour";
        pillarbox.cli_ok(
            &["account", "freeze", "berta@example.com", "--reason", reason],
            "",
        )?;
        Ok(Self { pillarbox, _dns: dns })
    }

    fn inbox(&self) -> Result<Imap> {
        let mut imap = Imap::login(self.pillarbox.port("imaps")?, "anna", PASSWORD)?;
        imap.ok("SELECT INBOX")?;
        Ok(imap)
    }

    /// Plays a file with an empty inbox; the client writes so many octets at once.
    fn play(&self, name: &str, piece: usize) -> Result<()> {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../firmware/proto/tests/transcripts");
        let text = std::fs::read_to_string(format!("{folder}/{name}.txt"))?;
        let mut inbox = self.inbox()?;
        if inbox.count("INBOX")? > 0 {
            inbox.ok("STORE 1:* +FLAGS.SILENT (\\Deleted)")?;
            inbox.ok("EXPUNGE")?;
        }
        let mut player = Player {
            office: self,
            connections: BTreeMap::new(),
            to_anna: true,
        };
        for step in steps(&text) {
            let played = match step.what {
                What::Directive { name, args } => player.directive(step.connection, name, args),
                What::Client(octets) => player.connection(step.connection)?.send(&octets, piece),
                What::Server(expected) => player.connection(step.connection)?.expect(&expected),
            };
            played.with_context(|| format!("{name}.txt, line {}: {}", step.line, step.text))?;
        }
        Ok(())
    }
}

struct Player<'a> {
    office: &'a Office,
    connections: BTreeMap<u32, Connection>,
    /// The last message was for anna, whose inbox can be looked into.
    to_anna: bool,
}

impl Player<'_> {
    fn connection(&mut self, number: u32) -> Result<&mut Connection> {
        self.connections.get_mut(&number).context("no such connection")
    }

    fn directive(&mut self, number: u32, name: &str, args: &str) -> Result<()> {
        match name {
            "open" => {
                let door = match args {
                    "submission tls=active" => "submissions",
                    "pop3 tls=active" => "pop3s",
                    door => door,
                };
                let mut stream = Stream::Clear(tls::tcp(self.office.pillarbox.port(door)?)?);
                if args.ends_with("tls=active") {
                    stream = stream.encrypt()?;
                }
                self.connections.insert(
                    number,
                    Connection {
                        stream,
                        received: Vec::new(),
                    },
                );
            }
            "tls" => {
                let connection = self.connections.remove(&number).context("no such connection")?;
                let stream = connection.stream.encrypt()?;
                self.connections.insert(
                    number,
                    Connection {
                        stream,
                        received: Vec::new(),
                    },
                );
            }
            "closed" => self.connection(number)?.expect_end()?,
            "vanish" => drop(self.connections.remove(&number)),
            "message" => {
                let message = String::from_utf8(unescape(args))?;
                self.office
                    .inbox()?
                    .ok(&format!("APPEND INBOX {{{}+}}\r\n{message}", message.len()))?;
            }
            "drawer" => {
                let count = self.office.inbox()?.count("INBOX")?.to_string();
                anyhow::ensure!(count == args, "{count} messages are left");
            }
            "envelope" => self.to_anna = args.to_ascii_lowercase().contains("anna@"),
            "body" if self.to_anna => {
                let mut inbox = self.office.inbox()?;
                let last = inbox.count("INBOX")?;
                let body = inbox.body(last)?;
                anyhow::ensure!(
                    body.ends_with(&unescape(args)),
                    "{}",
                    String::from_utf8_lossy(&body)
                );
            }
            "body" | "accepted" => {}
            name => bail!("no real box can {name}"),
        }
        Ok(())
    }
}

struct Connection {
    stream: Stream,
    received: Vec<u8>,
}

impl Connection {
    fn send(&mut self, octets: &[u8], piece: usize) -> Result<()> {
        for piece in octets.chunks(piece) {
            self.stream.write(piece)?;
        }
        Ok(())
    }

    fn expect(&mut self, expected: &[u8]) -> Result<()> {
        let expected = String::from_utf8_lossy(expected).into_owned();
        loop {
            let received = String::from_utf8_lossy(&self.received).into_owned();
            if let Some(len) = match_len(&received, &expected) {
                self.received.drain(..len);
                return Ok(());
            }
            if !self.more().unwrap_or(false) {
                bail!("--- expected\n{expected}\n--- got\n{received}\n---");
            }
        }
    }

    fn expect_end(&mut self) -> Result<()> {
        while self.more()? {}
        anyhow::ensure!(
            self.received.is_empty(),
            "more came: {}",
            String::from_utf8_lossy(&self.received)
        );
        Ok(())
    }

    /// Receives some more; false at the end.
    fn more(&mut self) -> Result<bool> {
        let mut octets = [0; 4096];
        match self.stream.read(&mut octets) {
            Ok(0) => Ok(false),
            Ok(count) => {
                self.received.extend_from_slice(&octets[..count]);
                Ok(true)
            }
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset
                ) =>
            {
                Ok(false)
            }
            Err(error) => Err(error.into()),
        }
    }
}

enum Stream {
    Clear(TcpStream),
    Tls(Box<TlsStream>),
}

impl Stream {
    fn encrypt(self) -> Result<Self> {
        let Self::Clear(stream) = self else {
            bail!("TLS is on already")
        };
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        Ok(Self::Tls(Box::new(tls::wrap(stream)?)))
    }

    fn read(&mut self, octets: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::Clear(stream) => stream.read(octets),
            Self::Tls(stream) => stream.read(octets),
        }
    }

    fn write(&mut self, octets: &[u8]) -> std::io::Result<()> {
        match self {
            Self::Clear(stream) => stream.write_all(octets),
            Self::Tls(stream) => stream.write_all(octets).and_then(|()| stream.flush()),
        }
    }
}

#[test]
fn smtp_over_sockets() -> Result<()> {
    let office = Office::open()?;
    for name in [
        "smtp_rfc5321_appendix_d",
        "smtp_sequence",
        "smtp_syntax",
        "smtp_smuggling",
        "smtp_size",
        "smtp_pipelining",
        "smtp_bdat_smuggling",
        "smtp_bdat_size",
        "submission_sending",
    ] {
        office.play(name, usize::MAX)?;
        office.play(name, 1)?;
    }
    // What follows STARTTLS in clear has to arrive with it, or it would be taken for the handshake.
    office.play("smtp_starttls", usize::MAX)?;
    office.play("submission_login", usize::MAX)
}

#[test]
fn pop3_over_sockets() -> Result<()> {
    let office = Office::open()?;
    for name in ["pop3_rfc1939_section_10", "pop3_maildrop", "pop3_top"] {
        office.play(name, usize::MAX)?;
        office.play(name, 1)?;
    }
    office.play("pop3_login", usize::MAX)
}
