//! A small IMAP client: tagged commands, literals, nothing else.

use crate::tls;
use anyhow::{Context, bail};
use std::io::{BufRead, BufReader, Read, Write};

/// An IMAPS connection.
pub struct Imap {
    stream: BufReader<tls::TlsStream>,
    tag: u32,
}

/// A response line with its literals taken out.
#[derive(Debug, Clone)]
pub struct Response {
    /// The line's text; each literal is left as its `{n}`.
    pub text: String,
    /// The literals, in order.
    pub literals: Vec<Vec<u8>>,
}

impl Imap {
    /// Connects to an IMAPS port and logs in.
    ///
    /// # Errors
    /// Connection or login refused.
    pub fn login(port: u16, user: &str, password: &str) -> anyhow::Result<Self> {
        let mut imap = Self {
            stream: BufReader::new(tls::wrap(tls::tcp(port)?)?),
            tag: 0,
        };
        let greeting = imap.response()?;
        if !greeting.text.starts_with("* OK") {
            bail!("greeted with {}", greeting.text);
        }
        imap.ok(&format!("LOGIN \"{user}\" \"{password}\""))?;
        Ok(imap)
    }

    /// Sends a command and returns the untagged responses and the tagged one (without its tag).
    ///
    /// # Errors
    /// The connection broke.
    pub fn command(&mut self, command: &str) -> anyhow::Result<(Vec<Response>, String)> {
        self.tag += 1;
        let tag = format!("t{} ", self.tag);
        self.stream
            .get_mut()
            .write_all(format!("{tag}{command}\r\n").as_bytes())?;
        self.stream.get_mut().flush()?;
        let mut untagged = Vec::new();
        loop {
            let response = self.response()?;
            if let Some(rest) = response.text.strip_prefix(&tag) {
                return Ok((untagged, rest.to_owned()));
            }
            untagged.push(response);
        }
    }

    /// As [`Imap::command`], but anything except OK is an error.
    ///
    /// # Errors
    /// NO or BAD, with its text.
    pub fn ok(&mut self, command: &str) -> anyhow::Result<Vec<Response>> {
        let (untagged, tagged) = self.command(command)?;
        if !tagged.starts_with("OK") {
            let verb = command.split(' ').next().unwrap_or_default();
            bail!("{verb}: {tagged}");
        }
        Ok(untagged)
    }

    /// How many messages a mailbox has.
    ///
    /// # Errors
    /// No such mailbox.
    pub fn count(&mut self, mailbox: &str) -> anyhow::Result<u32> {
        let untagged = self.ok(&format!("STATUS {mailbox} (MESSAGES)"))?;
        let text = &untagged.first().context("no STATUS response")?.text;
        let number = text.rsplit_once("MESSAGES ").context("no MESSAGES")?.1;
        Ok(number.trim_end_matches(')').trim().parse()?)
    }

    /// The whole of message `number` in the selected mailbox.
    ///
    /// # Errors
    /// No such message.
    pub fn body(&mut self, number: u32) -> anyhow::Result<Vec<u8>> {
        let untagged = self.ok(&format!("FETCH {number} BODY.PEEK[]"))?;
        let literals = untagged.into_iter().flat_map(|r| r.literals);
        literals
            .into_iter()
            .next()
            .context("no body in the FETCH response")
    }

    /// The next response, which may be unsolicited.
    ///
    /// # Errors
    /// The connection broke.
    pub fn response(&mut self) -> anyhow::Result<Response> {
        let mut response = Response {
            text: String::new(),
            literals: Vec::new(),
        };
        loop {
            let mut line = Vec::new();
            if self.stream.read_until(b'\n', &mut line)? == 0 {
                bail!("the server closed the connection");
            }
            let line = String::from_utf8_lossy(&line)
                .trim_end_matches(['\r', '\n'])
                .to_owned();
            response.text.push_str(&line);
            let Some(count) = line
                .strip_suffix('}')
                .and_then(|l| l.rsplit_once('{'))
                .map(|l| l.1)
            else {
                return Ok(response);
            };
            let mut literal = vec![0; count.parse()?];
            self.stream.read_exact(&mut literal)?;
            response.literals.push(literal);
        }
    }
}
