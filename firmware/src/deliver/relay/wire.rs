//! The connection to another server: lines out, replies in, each with its time.

use super::problem::Problem;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Longest wait for a connection to be made. RFC 5321 4.5.3.2 names none; a filtered port shows
/// itself only so.
pub const CONNECT: Duration = Duration::from_secs(30);
/// Greeting, EHLO, MAIL, RCPT (RFC 5321 4.5.3.2.1 to 4.5.3.2.3).
pub const COMMAND: Duration = Duration::from_secs(300);
/// The answer to DATA (RFC 5321 4.5.3.2.4).
pub const DATA: Duration = Duration::from_secs(120);
/// One piece of the message (RFC 5321 4.5.3.2.5).
pub const PIECE: Duration = Duration::from_secs(180);
/// The answer to the final dot (RFC 5321 4.5.3.2.6).
pub const FINAL: Duration = Duration::from_secs(600);
/// The TLS handshake.
pub const HANDSHAKE: Duration = Duration::from_secs(60);
/// What is left to hear from a peer that hung up on us, and its goodbye.
pub const GOODBYE: Duration = Duration::from_secs(3);

/// Longest reply in octets, all its lines together; a longer one is not SMTP.
const LONGEST_REPLY: usize = 32 * 1024;
/// Most octets of a reply kept as the other side's words.
const LONGEST_WORDS: usize = 500;

/// Both directions of a connection, whatever protects it.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// A connection with what was read from it and not yet understood.
pub struct Wire {
    stream: Box<dyn Duplex>,
    read: Vec<u8>,
}

/// A reply (RFC 5321 4.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Three digits, 200 to 599.
    pub code: u16,
    /// The texts of its lines, without code, in UTF-8, without control characters.
    pub lines: Vec<String>,
}

impl Reply {
    /// 2xx.
    #[must_use]
    pub const fn is_yes(&self) -> bool {
        self.code / 100 == 2
    }

    /// The reply on one line, cut to what a person reads.
    #[must_use]
    pub fn words(&self) -> String {
        let mut words = format!("{} {}", self.code, self.lines.join(" "));
        let mut end = words.len().min(LONGEST_WORDS);
        while !words.is_char_boundary(end) {
            end -= 1;
        }
        words.truncate(end);
        words.trim_end().to_owned()
    }
}

impl Wire {
    /// Connects to a server.
    ///
    /// # Errors
    /// Nobody answers there.
    pub async fn connect(address: SocketAddr) -> Result<Self, Problem> {
        match timeout(CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                let _ = stream.set_nodelay(true); // a slower connection is still one
                Ok(Self::new(Box::new(stream)))
            }
            Ok(Err(error)) => Err(Problem::host(format!("connect: {error}"))),
            Err(_) => Err(Problem::host("connect: no answer in time".to_owned())),
        }
    }

    /// A connection over anything that carries octets.
    #[must_use]
    pub fn new(stream: Box<dyn Duplex>) -> Self {
        Self {
            stream,
            read: Vec::new(),
        }
    }

    /// The stream for a TLS handshake. What was read in clear and not asked for is thrown away
    /// (RFC 3207 4.2).
    #[must_use]
    pub fn into_stream(self) -> Box<dyn Duplex> {
        self.stream
    }

    /// Sends octets.
    ///
    /// # Errors
    /// The connection is gone, or the peer does not read.
    pub async fn send(&mut self, octets: &[u8], within: Duration) -> Result<(), Problem> {
        let sending = async {
            self.stream.write_all(octets).await?;
            self.stream.flush().await
        };
        match timeout(within, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Problem::host(format!("connection lost: {error}"))),
            Err(_) => Err(Problem::host("the server stopped reading".to_owned())),
        }
    }

    /// Reads one reply.
    ///
    /// # Errors
    /// The connection is gone, the time is over, or that was no reply.
    pub async fn reply(&mut self, within: Duration) -> Result<Reply, Problem> {
        match timeout(within, self.next_reply()).await {
            Ok(reply) => reply,
            Err(_) => Err(Problem::host("no reply in time".to_owned())),
        }
    }

    async fn next_reply(&mut self) -> Result<Reply, Problem> {
        loop {
            if let Some((reply, used)) = parse(&self.read)? {
                self.read.drain(..used);
                return Ok(reply);
            }
            if self.read.len() > LONGEST_REPLY {
                return Err(Problem::host("the reply never ends".to_owned()));
            }
            match self.stream.read_buf(&mut self.read).await {
                Ok(0) => return Err(Problem::host("the server closed the connection".to_owned())),
                Ok(_) => {}
                Err(error) => return Err(Problem::host(format!("connection lost: {error}"))),
            }
        }
    }
}

// Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
fn parse(read: &[u8]) -> Result<Option<(Reply, usize)>, Problem> {
    let mut lines = Vec::new();
    let mut used = 0;
    for line in read.split_inclusive(|octet| *octet == b'\n') {
        if !line.ends_with(b"\n") {
            break;
        }
        used += line.len();
        let text = line.trim_ascii_end();
        let nonsense = || Problem::host(format!("not an SMTP reply: {}", printable(text)));
        let (code, rest) = text.split_at_checked(3).ok_or_else(nonsense)?;
        let code = match code {
            [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9'] => printable(code).parse().map_err(|_| nonsense())?,
            _ => return Err(nonsense()),
        };
        let (last, text) = match rest {
            [] => (true, rest),
            [b' ', text @ ..] => (true, text),
            [b'-', text @ ..] => (false, text),
            _ => return Err(nonsense()),
        };
        lines.push(printable(text));
        if last {
            return Ok(Some((Reply { code, lines }, used)));
        }
    }
    Ok(None)
}

fn printable(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let shown = |c: char| if c.is_control() { '?' } else { c };
    text.chars().take(LONGEST_WORDS).map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_of_one_and_many_lines_are_read() {
        let one = |text: &str| parse(text.as_bytes());
        let (reply, used) = one("250 2.1.0 Fine\r\n354 go").unwrap().unwrap();
        assert_eq!((reply.code, used), (250, 16));
        assert_eq!(reply.words(), "250 2.1.0 Fine");
        let (reply, _) = one("250-mx.example\r\n250-SIZE 100\r\n250 PIPELINING\r\n")
            .unwrap()
            .unwrap();
        assert_eq!(reply.lines, ["mx.example", "SIZE 100", "PIPELINING"]);
        assert_eq!(one("250\r\n").unwrap().unwrap().0.words(), "250");
        for unfinished in ["", "25", "250 ok", "250-more\r\n", "250-more\r\n250"] {
            assert!(one(unfinished).unwrap().is_none(), "{unfinished:?}");
        }
        for nonsense in [
            "hello there\r\n",
            "99 x\r\n",
            "700 x\r\n",
            "250_x\r\n",
            "\r\n",
            "\u{e4}\r\n",
        ] {
            assert!(one(nonsense).is_err(), "{nonsense:?}");
        }
    }

    #[test]
    fn words_are_short_and_printable() {
        let text = format!("550 {}\u{7}\r\n", "\u{e4}".repeat(2000));
        let (reply, _) = parse(text.as_bytes()).unwrap().unwrap();
        assert!(reply.words().len() <= LONGEST_WORDS);
        let (reply, _) = parse(b"550 a\x07b\r\n").unwrap().unwrap();
        assert_eq!(reply.words(), "550 a?b");
    }

    #[tokio::test(start_paused = true)]
    async fn a_silent_or_endless_server_is_a_problem_of_that_host() {
        let (ours, theirs) = tokio::io::duplex(64);
        let mut wire = Wire::new(Box::new(ours));
        assert!(wire.reply(COMMAND).await.unwrap_err().words.contains("in time"));
        let endless = tokio::spawn(async move {
            let mut theirs = theirs;
            while theirs.write_all(b"250-more\r\n").await.is_ok() {}
        });
        assert!(
            wire.reply(COMMAND)
                .await
                .unwrap_err()
                .words
                .contains("never ends")
        );
        drop(wire);
        endless.await.unwrap();
    }

    proptest::proptest! {
        #[test]
        fn any_octets_are_a_reply_or_a_problem(octets: Vec<u8>) {
            if let Ok(Some((reply, used))) = parse(&octets) {
                proptest::prop_assert!((200..600).contains(&reply.code) && used <= octets.len());
            }
        }
    }
}
