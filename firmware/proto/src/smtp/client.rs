//! What other servers say to us when we bring them mail (RFC 5321 4.2).

use crate::limits::smtp::{REPLY, WORDS};

/// A reply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// Three digits, 200 to 599.
    pub code: u16,
    /// The texts of its lines, without code, in UTF-8, without control characters.
    pub lines: Vec<String>,
}

/// What came is no reply.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoReply {
    /// It does not begin with a code, or its lines have different ones.
    #[error("not an SMTP reply: {0}")]
    Nonsense(String),
    /// Longer than [`REPLY`].
    #[error("the reply never ends")]
    Endless,
}

impl Reply {
    /// Reads a reply from the start of what was received; `None` as long as it is not complete,
    /// else with the octets it took.
    ///
    /// # Errors
    /// It is no reply, or none that ends.
    // Reply-line = *( Reply-code "-" [ textstring ] CRLF ) Reply-code [ SP textstring ] CRLF
    pub fn parse(received: &[u8]) -> Result<Option<(Self, usize)>, NoReply> {
        let mut reply: Option<Self> = None;
        let mut used = 0;
        for line in received
            .split_inclusive(|octet| *octet == b'\n')
            .take_while(|line| line.ends_with(b"\n"))
        {
            used += line.len();
            let (code, last, text) = split(line.trim_ascii_end())?;
            let reply_so_far = reply.get_or_insert(Self {
                code,
                lines: Vec::new(),
            });
            // RFC 5321 4.2.1: the codes of all lines are the same.
            if reply_so_far.code != code {
                return Err(NoReply::Nonsense(printable(line)));
            }
            reply_so_far.lines.push(printable(text));
            if last {
                return Ok(reply.map(|reply| (reply, used)));
            }
        }
        if received.len() > REPLY {
            Err(NoReply::Endless)
        } else {
            Ok(None)
        }
    }

    /// 2xx.
    #[must_use]
    pub const fn is_yes(&self) -> bool {
        self.code / 100 == 2
    }

    /// The reply on one line, cut to what a person reads.
    #[must_use]
    pub fn words(&self) -> String {
        let words = format!("{} {}", self.code, self.lines.join(" "));
        words
            .get(..words.floor_char_boundary(WORDS))
            .unwrap_or(&words)
            .trim_end()
            .to_owned()
    }
}

/// The code, whether this is the last line, and the text.
fn split(line: &[u8]) -> Result<(u16, bool, &[u8]), NoReply> {
    let nonsense = || NoReply::Nonsense(printable(line));
    let (code, rest) = line.split_at_checked(3).ok_or_else(nonsense)?;
    let code = match code {
        [b'2'..=b'5', b'0'..=b'9', b'0'..=b'9'] => printable(code).parse().map_err(|_| nonsense())?,
        _ => return Err(nonsense()),
    };
    match rest {
        [] => Ok((code, true, rest)),
        [b' ', text @ ..] => Ok((code, true, text)),
        [b'-', text @ ..] => Ok((code, false, text)),
        _ => Err(nonsense()),
    }
}

fn printable(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text.trim_ascii_end());
    let shown = |c: char| if c.is_control() { '?' } else { c };
    text.chars().take(WORDS).map(shown).collect()
}

/// What a server can do, from its answer to EHLO (RFC 5321 4.1.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Features {
    /// RFC 2920.
    pub pipelining: bool,
    /// RFC 3207.
    pub starttls: bool,
    /// RFC 6152.
    pub eight_bit: bool,
    /// SMTPUTF8 (RFC 6531).
    pub utf8: bool,
    /// DSN (RFC 3461).
    pub dsn: bool,
    /// REQUIRETLS (RFC 8689).
    pub require_tls: bool,
    /// Most recipients of one message that it takes (RFC 9422), where it says so.
    pub recipients: Option<usize>,
    /// Most messages of one connection that it takes (RFC 9422), where it says so.
    pub messages: Option<usize>,
    /// RFC 1870, octets; 0 where it names no limit, `None` where it does not know SIZE.
    pub size: Option<u64>,
    /// AUTH PLAIN.
    pub plain: bool,
    /// AUTH LOGIN.
    pub login: bool,
}

impl Features {
    /// Reads the answer to EHLO; what is unknown is passed over.
    #[must_use]
    pub fn parse(reply: &Reply) -> Self {
        let mut features = Self::default();
        for line in reply.lines.iter().skip(1) {
            let line = line.to_ascii_uppercase();
            // `AUTH=LOGIN` is how servers of the nineties say it.
            let mut words = line.split([' ', '=']).filter(|word| !word.is_empty());
            match words.next() {
                Some("PIPELINING") => features.pipelining = true,
                Some("STARTTLS") => features.starttls = true,
                Some("8BITMIME") => features.eight_bit = true,
                Some("SMTPUTF8") => features.utf8 = true,
                Some("DSN") => features.dsn = true,
                Some("REQUIRETLS") => features.require_tls = true,
                Some("LIMITS") => {
                    features.recipients = limit(&line, "RCPTMAX=");
                    features.messages = limit(&line, "MAILMAX=");
                }
                Some("SIZE") => features.size = words.next().and_then(|size| size.parse().ok()).or(Some(0)),
                Some("AUTH") => {
                    for mechanism in words {
                        features.plain |= mechanism == "PLAIN";
                        features.login |= mechanism == "LOGIN";
                    }
                }
                _ => {}
            }
        }
        features
    }
}

// limits-param = limit-name ["=" limit-value] (RFC 9422 3)
fn limit(line: &str, name: &str) -> Option<usize> {
    let value = line.split(' ').find_map(|limit| limit.strip_prefix(name))?;
    value.parse().ok().filter(|most| *most > 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn parse(text: &str) -> Result<Option<(Reply, usize)>, NoReply> {
        Reply::parse(text.as_bytes())
    }

    #[test]
    fn replies_of_one_and_many_lines_are_read() {
        let (reply, used) = parse("250 2.1.0 Fine\r\n354 go").unwrap().unwrap();
        assert_eq!((reply.code, used), (250, 16));
        assert_eq!(reply.words(), "250 2.1.0 Fine");
        let (reply, _) = parse("250-mx.example\r\n250-SIZE 100\r\n250 PIPELINING\r\n")
            .unwrap()
            .unwrap();
        assert_eq!(reply.lines, ["mx.example", "SIZE 100", "PIPELINING"]);
        assert_eq!(parse("250\r\n").unwrap().unwrap().0.words(), "250");
        for unfinished in ["", "25", "250 ok", "250-more\r\n", "250-more\r\n250"] {
            assert_eq!(parse(unfinished), Ok(None), "{unfinished:?}");
        }
        for nonsense in [
            "hello there\r\n",
            "99 x\r\n",
            "700 x\r\n",
            "250_x\r\n",
            "\r\n",
            "\u{e4}\r\n",
            "250-a\r\n550 b\r\n",
        ] {
            assert!(
                matches!(parse(nonsense), Err(NoReply::Nonsense(_))),
                "{nonsense:?}"
            );
        }
    }

    #[test]
    fn words_are_short_and_printable_and_replies_end() {
        let (reply, _) = parse(&format!("550 {}\u{7}\r\n", "\u{e4}".repeat(2000)))
            .unwrap()
            .unwrap();
        assert!(reply.words().len() <= WORDS);
        assert_eq!(parse("550 a\x07b\r\n").unwrap().unwrap().0.words(), "550 a?b");
        assert_eq!(parse(&"250-more\r\n".repeat(10_000)), Err(NoReply::Endless));
        assert_eq!(parse(&"2".repeat(100_000)), Err(NoReply::Endless));
    }

    #[test]
    fn features_are_read_whatever_their_case() {
        let lines = [
            "mx",
            "size 1000",
            "Pipelining",
            "8BITMIME",
            "AUTH=LOGIN",
            "AUTH PLAIN XOAUTH2",
            "STARTTLS",
            "dsn",
            "LIMITS MAILMAX=5 RCPTMAX=20",
            "REQUIRETLS",
        ];
        let features = Features::parse(&Reply {
            code: 250,
            lines: lines.map(str::to_owned).to_vec(),
        });
        assert_eq!(features.size, Some(1000));
        assert!(features.pipelining && features.eight_bit && features.starttls);
        assert!(features.plain && features.login && !features.utf8);
        assert!(features.dsn && features.require_tls);
        assert_eq!(features.recipients, Some(20));
        assert_eq!(limit("LIMITS RCPTMAX=0", "RCPTMAX="), None);
        let name_only = Reply {
            code: 250,
            lines: vec!["STARTTLS".to_owned()],
        };
        assert_eq!(Features::parse(&name_only), Features::default());
    }

    proptest! {
        #[test]
        fn any_octets_are_a_reply_or_none(octets: Vec<u8>) {
            if let Ok(Some((reply, used))) = Reply::parse(&octets) {
                prop_assert!((200..600).contains(&reply.code) && used <= octets.len());
            }
        }
    }
}
