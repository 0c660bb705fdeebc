//! How transcripts are written.
//!
//! A transcript is lines:
//! ```text
//! # a comment
//! ! open smtp tls=off       a connection of that kind, with what the test makes of the rest
//! C: EHLO client.example    the client sends this line and CRLF
//! C+: MAIL FROM:\n          ... this and nothing more
//! S: 250 OK                 the server sends exactly this line and CRLF
//! S: 220 … ready            `…` stands for anything within the line
//! S+: literal               ... this and nothing more
//! ! tls                     the handshake that the server has asked for is done
//! ! timeout | ! news        the peer was silent, the world has news
//! ! cut                     the world wants the session gone (the reason is the test's)
//! ! closed                  the server has closed the connection
//! ! anything else           goes to the world
//! ```
//! Escapes: `\r \n \0 \t \\ \xHH`. `C2:`, `S2:` and `! 2 open ...` are a second connection.

/// A step of a transcript.
pub struct Step<'a> {
    /// Where it stands.
    pub line: usize,
    /// Its first line.
    pub text: &'a str,
    /// Whose step it is.
    pub connection: u32,
    pub what: What<'a>,
}

pub enum What<'a> {
    Directive {
        name: &'a str,
        args: &'a str,
    },
    /// The client sends this.
    Client(Vec<u8>),
    /// The server is to send this.
    Server(Vec<u8>),
}

/// Reads a transcript. Neighbouring lines of one side are one step: they go out, or are awaited,
/// together.
pub fn steps(text: &str) -> Vec<Step<'_>> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    let mut joins = false;
    for (number, text) in text.lines().enumerate() {
        let text = text.trim_start();
        let line = number + 1;
        if text.is_empty() || text.starts_with('#') {
            joins = false;
            continue;
        }
        let (connection, what) = match text.strip_prefix('!') {
            Some(directive) => directive_of(directive.trim()),
            None => spoken(text).unwrap_or_else(|| panic!("line {line}: not a line of a transcript: {text}")),
        };
        if joins && let Some(before) = steps.last_mut().filter(|s| s.connection == connection) {
            match (&mut before.what, &what) {
                (What::Client(octets), What::Client(more)) | (What::Server(octets), What::Server(more)) => {
                    octets.extend_from_slice(more);
                    continue;
                }
                _ => {}
            }
        }
        joins = true;
        steps.push(Step {
            line,
            text,
            connection,
            what,
        });
    }
    steps
}

fn directive_of(text: &str) -> (u32, What<'_>) {
    let (connection, text) = match text.split_once(' ') {
        Some((first, rest)) if first.bytes().all(|o| o.is_ascii_digit()) => (first.parse().unwrap(), rest),
        _ => (1, text),
    };
    let (name, args) = text.split_once(' ').unwrap_or((text, ""));
    (connection, What::Directive { name, args })
}

fn spoken(line: &str) -> Option<(u32, What<'_>)> {
    let (head, text) = line.split_once(':')?;
    let number = head.get(1..)?.trim_end_matches('+');
    let number = if number.is_empty() {
        1
    } else {
        number.parse().ok()?
    };
    let mut octets = unescape(text.strip_prefix(' ').unwrap_or(text));
    if !head.ends_with('+') {
        octets.extend_from_slice(b"\r\n");
    }
    match head.chars().next()? {
        'C' => Some((number, What::Client(octets))),
        'S' => Some((number, What::Server(octets))),
        _ => None,
    }
}

/// How much of `sent` the expected text is; `…` stands for anything up to the line's end.
pub fn match_len(sent: &str, expected: &str) -> Option<usize> {
    let mut at = 0;
    let mut pieces = expected.split('…');
    let first = pieces.next()?;
    if !sent.starts_with(first) {
        return None;
    }
    at += first.len();
    for piece in pieces {
        let rest = sent.get(at..)?;
        let line = rest.find("\r\n").map_or(rest.len(), |end| end + 2);
        let anchor = piece.split("\r\n").next()?;
        let anchor = if piece.contains("\r\n") {
            format!("{anchor}\r\n")
        } else {
            anchor.to_owned()
        };
        let found = rest.get(..line)?.rfind(&anchor)?;
        if !rest.get(found..)?.starts_with(piece) {
            return None;
        }
        at += found + piece.len();
    }
    Some(at)
}

pub fn unescape(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            octets.extend(c.to_string().into_bytes());
            continue;
        }
        octets.push(match chars.next() {
            Some('r') => b'\r',
            Some('n') => b'\n',
            Some('t') => b'\t',
            Some('0') => 0,
            Some('x') => {
                let hex: String = chars.by_ref().take(2).collect();
                u8::from_str_radix(&hex, 16).expect("\\xHH")
            }
            Some('\\') => b'\\',
            other => panic!("unknown escape: {other:?}"),
        });
    }
    octets
}
