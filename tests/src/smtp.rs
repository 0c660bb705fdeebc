//! A small SMTP client for load and for bad manners.

use crate::tls;
use anyhow::bail;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::io::{BufRead, BufReader, Read, Write};

trait Stream: Read + Write + Send {}
impl<T: Read + Write + Send> Stream for T {}

/// An SMTP connection, past its EHLO.
pub struct Smtp {
    stream: BufReader<Box<dyn Stream>>,
}

impl Smtp {
    /// Connects and says EHLO.
    ///
    /// # Errors
    /// Refused, or not an SMTP server.
    pub fn connect(port: u16) -> anyhow::Result<Self> {
        Self::over(Box::new(tls::tcp(port)?))
    }

    /// Connects, says STARTTLS, takes any certificate, and says EHLO again.
    ///
    /// # Errors
    /// Refused, or no TLS.
    pub fn starttls(port: u16) -> anyhow::Result<Self> {
        let stream = tls::tcp(port)?;
        let mut clear = Self::over(Box::new(stream.try_clone()?))?;
        clear.command("STARTTLS", "220")?;
        let mut smtp = Self {
            stream: BufReader::new(Box::new(tls::wrap(stream)?)),
        };
        smtp.command("EHLO client.example", "250")?;
        Ok(smtp)
    }

    /// Connects to a submission port that has TLS from the first octet, and logs in.
    ///
    /// # Errors
    /// Refused, or not such a server.
    pub fn submissions(port: u16, user: &str, password: &str) -> anyhow::Result<Self> {
        Self::over(Box::new(tls::wrap(tls::tcp(port)?)?))?.log_in(user, password)
    }

    /// Connects to a submission port that begins in clear, asks for TLS and logs in.
    ///
    /// # Errors
    /// Refused, or not such a server.
    pub fn submission(port: u16, user: &str, password: &str) -> anyhow::Result<Self> {
        let stream = tls::tcp(port)?;
        Self::over(Box::new(stream.try_clone()?))?.command("STARTTLS", "220")?;
        let mut smtp = Self {
            stream: BufReader::new(Box::new(tls::wrap(stream)?)),
        };
        smtp.command("EHLO client.example", "250")?;
        smtp.log_in(user, password)
    }

    fn log_in(mut self, user: &str, password: &str) -> anyhow::Result<Self> {
        let plain = BASE64.encode(format!("\0{user}\0{password}"));
        self.command(&format!("AUTH PLAIN {plain}"), "235")?;
        Ok(self)
    }

    fn over(stream: Box<dyn Stream>) -> anyhow::Result<Self> {
        let mut smtp = Self {
            stream: BufReader::new(stream),
        };
        smtp.expect("220")?;
        smtp.command("EHLO client.example", "250")?;
        Ok(smtp)
    }

    /// Sends a line and wants a reply that starts with `code`.
    ///
    /// # Errors
    /// Another reply, or none.
    pub fn command(&mut self, line: &str, code: &str) -> anyhow::Result<String> {
        self.send(format!("{line}\r\n").as_bytes())?;
        self.expect(code)
    }

    /// Sends one message; returns once it is accepted. `data` is dot-stuffed and ends in CRLF.
    ///
    /// # Errors
    /// Any step refused.
    pub fn deliver(&mut self, from: &str, to: &str, data: &[u8]) -> anyhow::Result<String> {
        self.command(&format!("MAIL FROM:<{from}>"), "250")?;
        self.command(&format!("RCPT TO:<{to}>"), "250")?;
        self.command("DATA", "354")?;
        self.send(data)?;
        self.command(".", "250")
    }

    /// Sends raw octets.
    ///
    /// # Errors
    /// The connection broke.
    pub fn send(&mut self, octets: &[u8]) -> anyhow::Result<()> {
        self.stream.get_mut().write_all(octets)?;
        Ok(self.stream.get_mut().flush()?)
    }

    /// Reads one reply, all its lines.
    ///
    /// # Errors
    /// The connection broke, or the code is another.
    pub fn expect(&mut self, code: &str) -> anyhow::Result<String> {
        let reply = self.reply()?;
        if !reply.starts_with(code) {
            bail!("wanted {code}, got {}", reply.trim_end());
        }
        Ok(reply)
    }

    /// Reads one reply, all its lines, whatever it is.
    ///
    /// # Errors
    /// The connection broke.
    pub fn reply(&mut self) -> anyhow::Result<String> {
        let mut reply = String::new();
        loop {
            let start = reply.len();
            if self.stream.read_line(&mut reply)? == 0 {
                bail!("the server closed the connection after {reply:?}");
            }
            if reply.as_bytes().get(start + 3) != Some(&b'-') {
                return Ok(reply);
            }
        }
    }
}
