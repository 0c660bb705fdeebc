//! Command lines (RFC 1939 3 and 9, RFC 2449, RFC 2595 4, RFC 5034).

/// A command, understood. Message numbers are what the client wrote; whether there is such a
/// message the maildrop knows.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the RFC's own words
pub enum Command<'a> {
    User(&'a [u8]),
    Pass(&'a [u8]),
    Auth {
        mechanism: &'a [u8],
        initial: Option<&'a [u8]>,
    },
    /// AUTH alone: which mechanisms are there?
    Mechanisms,
    Stls,
    Capa,
    Stat,
    List(Option<u32>),
    Uidl(Option<u32>),
    Retr(u32),
    Top {
        number: u32,
        lines: u32,
    },
    Dele(u32),
    Rset,
    Noop,
    Quit,
}

/// What is wrong with a line, for the client's log.
pub type Wrong = &'static str;

/// Reads a line without its CRLF.
// command = keyword *(SP parameter) CRLF ; keywords in any case
pub fn parse(line: &[u8]) -> Result<Command<'_>, Wrong> {
    let end = line.iter().position(|o| *o == b' ').unwrap_or(line.len());
    let (keyword, rest) = line.split_at_checked(end).unwrap_or((line, &[]));
    // Only the one blank: what follows it may be a password that starts with others.
    let rest = rest.strip_prefix(b" ").unwrap_or(rest);
    let alone = |command| {
        if rest.trim_ascii().is_empty() {
            Ok(command)
        } else {
            Err("no argument is expected")
        }
    };
    match keyword.to_ascii_uppercase().as_slice() {
        b"USER" if !rest.is_empty() => Ok(Command::User(rest.trim_ascii())),
        // RFC 1939 7: blanks in a password are part of it.
        b"PASS" if !rest.is_empty() => Ok(Command::Pass(rest)),
        b"USER" | b"PASS" => Err("an argument is missing"),
        b"AUTH" => auth(rest),
        b"STLS" => alone(Command::Stls),
        b"CAPA" => alone(Command::Capa),
        b"STAT" => alone(Command::Stat),
        b"RSET" => alone(Command::Rset),
        b"NOOP" => alone(Command::Noop),
        b"QUIT" => alone(Command::Quit),
        b"LIST" => numbers(rest).and_then(maybe_one).map(Command::List),
        b"UIDL" => numbers(rest).and_then(maybe_one).map(Command::Uidl),
        b"RETR" => numbers(rest).and_then(one).map(Command::Retr),
        b"DELE" => numbers(rest).and_then(one).map(Command::Dele),
        b"TOP" => match numbers(rest)?[..] {
            [number, lines] => Ok(Command::Top { number, lines }),
            _ => Err("a message number and a number of lines are expected"),
        },
        _ => Err("there is no such command"),
    }
}

// AUTH mechanism [initial-response] (RFC 5034 4)
fn auth(rest: &[u8]) -> Result<Command<'_>, Wrong> {
    let words: Vec<&[u8]> = rest
        .split(|o| *o == b' ')
        .filter(|w| !w.is_empty())
        .take(3)
        .collect();
    match words[..] {
        [] => Ok(Command::Mechanisms),
        [mechanism] => Ok(Command::Auth {
            mechanism,
            initial: None,
        }),
        [mechanism, initial] => Ok(Command::Auth {
            mechanism,
            initial: Some(initial),
        }),
        _ => Err("a mechanism and an initial response are expected"),
    }
}

fn numbers(rest: &[u8]) -> Result<Vec<u32>, Wrong> {
    let words = rest.split(|o| *o == b' ').filter(|w| !w.is_empty()).take(3);
    words.map(number).collect()
}

fn number(word: &[u8]) -> Result<u32, Wrong> {
    let digits = word.iter().all(u8::is_ascii_digit);
    let value = std::str::from_utf8(word).ok().and_then(|w| w.parse().ok());
    value.filter(|_| digits).ok_or("a number is expected")
}

fn one(numbers: Vec<u32>) -> Result<u32, Wrong> {
    match numbers[..] {
        [number] => Ok(number),
        _ => Err("one message number is expected"),
    }
}

fn maybe_one(numbers: Vec<u32>) -> Result<Option<u32>, Wrong> {
    if numbers.is_empty() {
        Ok(None)
    } else {
        one(numbers).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn commands_and_their_arguments() {
        let cases: &[(&str, Result<Command<'_>, ()>)] = &[
            ("user mrose", Ok(Command::User(b"mrose"))),
            ("PASS two words ", Ok(Command::Pass(b"two words "))),
            ("PASS  x", Ok(Command::Pass(b" x"))),
            ("AUTH", Ok(Command::Mechanisms)),
            (
                "AUTH PLAIN =",
                Ok(Command::Auth {
                    mechanism: b"PLAIN",
                    initial: Some(b"="),
                }),
            ),
            ("LIST", Ok(Command::List(None))),
            ("LIST 2", Ok(Command::List(Some(2)))),
            ("UIDL  2 ", Ok(Command::Uidl(Some(2)))),
            ("TOP 1 0", Ok(Command::Top { number: 1, lines: 0 })),
            ("RETR 4294967295", Ok(Command::Retr(u32::MAX))),
            ("QUIT ", Ok(Command::Quit)),
            ("USER", Err(())),
            ("PASS ", Err(())),
            ("STAT 1", Err(())),
            ("RETR", Err(())),
            ("RETR 1 2", Err(())),
            ("RETR +1", Err(())),
            ("RETR -1", Err(())),
            ("RETR 4294967296", Err(())),
            ("TOP 1", Err(())),
            ("LIST x", Err(())),
            ("APOP mrose c4c9334bac560ecc979e58001b3e22fb", Err(())),
            ("", Err(())),
        ];
        for (line, expected) in cases {
            assert_eq!(&parse(line.as_bytes()).map_err(|_| ()), expected, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read_without_panic(line in prop::collection::vec(any::<u8>(), 0..60)) {
            let _ = parse(&line);
        }
    }
}
