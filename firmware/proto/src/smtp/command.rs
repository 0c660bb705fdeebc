//! Command lines (RFC 5321 4.1.1). Each parser has its ABNF line above it.

use super::params::{Mail, Rcpt, mail_params, rcpt_params};
use crate::limits::smtp::HELO;
use crate::types::{Address, AddressError};

/// A command, understood. What it may do is the session's matter.
#[derive(Debug, PartialEq, Eq)]
#[allow(missing_docs)] // the RFC's own words
pub enum Command<'a> {
    Ehlo(String),
    Helo(String),
    Mail(Mail),
    Rcpt(Rcpt),
    Data,
    /// RFC 3030 2.
    Bdat {
        count: u64,
        last: bool,
    },
    Rset,
    Noop,
    Quit,
    Vrfy,
    Help,
    StartTls,
    Auth {
        mechanism: &'a [u8],
        initial: Option<&'a [u8]>,
    },
}

/// Whom a message is for.
#[derive(Debug, PartialEq, Eq)]
pub enum ForwardPath {
    Mailbox(Address),
    /// `<Postmaster>`, without a domain (RFC 5321 4.5.1).
    Postmaster,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wrong {
    /// No such command.
    Unknown,
    /// A command of the standard that we do not have.
    NotHere,
    /// It is another protocol's: somebody made a browser or a proxy talk to us.
    NotSmtp,
    /// Arguments, with what was expected.
    Syntax(&'static str),
    /// A parameter that nobody offered (RFC 5321 4.1.1.11).
    Parameter,
    /// The path is there but no address: MAIL's.
    Sender(AddressError),
    /// The same for RCPT.
    Recipient(AddressError),
    /// An address beyond ASCII without SMTPUTF8.
    NotAscii,
    /// Nobody can say how many octets follow, and so where the next command begins.
    Chunk,
}

/// Reads a line without its CRLF.
pub fn parse(line: &[u8]) -> Result<Command<'_>, Wrong> {
    let line = line.trim_ascii_end();
    let end = line.iter().position(|o| *o == b' ').unwrap_or(line.len());
    let (verb, rest) = line.split_at_checked(end).unwrap_or((line, &[]));
    let rest = rest.trim_ascii_start();
    let alone = |command| {
        if rest.is_empty() {
            Ok(command)
        } else {
            Err(Wrong::Syntax("no argument"))
        }
    };
    match verb.to_ascii_uppercase().as_slice() {
        b"EHLO" => helo(rest).map(Command::Ehlo),
        b"HELO" => helo(rest).map(Command::Helo),
        b"MAIL" => mail(rest).map(Command::Mail),
        b"RCPT" => rcpt(rest).map(Command::Rcpt),
        b"DATA" => alone(Command::Data),
        b"BDAT" => bdat(rest),
        b"RSET" => alone(Command::Rset),
        b"QUIT" => alone(Command::Quit),
        b"STARTTLS" => alone(Command::StartTls),
        b"NOOP" => Ok(Command::Noop),
        b"HELP" => Ok(Command::Help),
        b"VRFY" if rest.is_empty() => Err(Wrong::Syntax("VRFY name")),
        b"VRFY" => Ok(Command::Vrfy),
        b"AUTH" => auth(rest),
        b"EXPN" | b"TURN" | b"ETRN" | b"SEND" | b"SOML" | b"SAML" => Err(Wrong::NotHere),
        b"GET" | b"POST" | b"PUT" | b"HEAD" | b"OPTIONS" | b"CONNECT" => Err(Wrong::NotSmtp),
        _ => Err(Wrong::Unknown),
    }
}

// ehlo = "EHLO" SP ( Domain / address-literal ) CRLF
// RFC 5321 4.1.4: a wrong name is no reason to refuse mail, so any word will do.
fn helo(rest: &[u8]) -> Result<String, Wrong> {
    let name = std::str::from_utf8(rest).map_err(|_| Wrong::Syntax("EHLO your.host.name"))?;
    let fits = !name.is_empty() && name.len() <= HELO && !name.chars().any(|c| c.is_control());
    if fits {
        Ok(name.to_owned())
    } else {
        Err(Wrong::Syntax("EHLO your.host.name"))
    }
}

const MAIL: Wrong = Wrong::Syntax("MAIL FROM:<name@example.com>");
const RCPT: Wrong = Wrong::Syntax("RCPT TO:<name@example.com>");

// mail = "MAIL FROM:" Reverse-path [SP Mail-parameters] CRLF
fn mail(rest: &[u8]) -> Result<Mail, Wrong> {
    let rest = after_word(rest, b"FROM:").ok_or(MAIL)?;
    let (path, params) = path(rest).ok_or(MAIL)?;
    let from = if path.is_empty() {
        None
    } else {
        Some(mailbox(path, Wrong::Sender)?)
    };
    let mail = mail_params(from, params)?;
    if path.is_ascii() || mail.wishes.utf8 {
        Ok(mail)
    } else {
        Err(Wrong::NotAscii)
    }
}

// rcpt = "RCPT TO:" ( "<Postmaster@" Domain ">" / "<Postmaster>" / Forward-path ) [SP Rcpt-parameters] CRLF
fn rcpt(rest: &[u8]) -> Result<Rcpt, Wrong> {
    let rest = after_word(rest, b"TO:").ok_or(RCPT)?;
    let (path, params) = path(rest).ok_or(RCPT)?;
    let to = if path.eq_ignore_ascii_case(b"postmaster") {
        ForwardPath::Postmaster
    } else {
        ForwardPath::Mailbox(mailbox(path, Wrong::Recipient)?)
    };
    Ok(Rcpt {
        path: to,
        ascii: path.is_ascii(),
        wishes: rcpt_params(params)?,
    })
}

// bdat-cmd = "BDAT" SP chunk-size [ SP end-marker ] CR LF ; chunk-size = 1*DIGIT (RFC 3030 2)
fn bdat(rest: &[u8]) -> Result<Command<'_>, Wrong> {
    let mut words = rest.split(|o| *o == b' ').filter(|w| !w.is_empty());
    let size = words.next().unwrap_or_default();
    let digits = (1..=20).contains(&size.len()) && size.iter().all(u8::is_ascii_digit);
    let count = std::str::from_utf8(size)
        .ok()
        .filter(|_| digits)
        .and_then(|size| size.parse().ok())
        .ok_or(Wrong::Chunk)?;
    let last = match words.next() {
        None => false,
        Some(word) if word.eq_ignore_ascii_case(b"LAST") => true,
        Some(_) => return Err(Wrong::Chunk),
    };
    match words.next() {
        None => Ok(Command::Bdat { count, last }),
        Some(_) => Err(Wrong::Chunk),
    }
}

/// Past a word, in any case, and past the blanks that many clients put behind it.
fn after_word<'a>(text: &'a [u8], word: &[u8]) -> Option<&'a [u8]> {
    let (start, rest) = text.split_at_checked(word.len())?;
    start.eq_ignore_ascii_case(word).then(|| rest.trim_ascii_start())
}

// Path = "<" [ A-d-l ":" ] Mailbox ">" ; what stands in it, and what follows after a blank
fn path(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.strip_prefix(b"<")?;
    let mut quoted = false;
    let mut escaped = false;
    let end = text.iter().position(|octet| {
        let skip = escaped;
        escaped = quoted && !skip && *octet == b'\\';
        if *octet == b'"' && !skip {
            quoted = !quoted;
        }
        *octet == b'>' && !quoted
    })?;
    let (path, rest) = text.split_at_checked(end)?;
    let params = match rest.get(1..)? {
        [] => &[][..],
        [b' ', params @ ..] => params.trim_ascii(),
        _ => return None,
    };
    // RFC 5321 F.2: source routes are taken and dropped. A-d-l = At-domain *( "," At-domain )
    let path = match path {
        [b'@', ..] => {
            let colon = path.iter().position(|o| *o == b':')?;
            path.get(colon + 1..).filter(|p| !p.is_empty())?
        }
        path => path,
    };
    Some((path, params))
}

// Mailbox = Local-part "@" ( Domain / address-literal )
fn mailbox(path: &[u8], wrong: impl Fn(AddressError) -> Wrong) -> Result<Address, Wrong> {
    let text = std::str::from_utf8(path).map_err(|_| Wrong::NotAscii)?;
    Address::parse(text).map_err(wrong)
}

// auth-command = "AUTH" SP sasl-mech [SP initial-response] (RFC 4954 8)
fn auth(rest: &[u8]) -> Result<Command<'_>, Wrong> {
    let mut words = rest.split(|o| *o == b' ').filter(|w| !w.is_empty());
    let mechanism = words.next().ok_or(Wrong::Syntax("AUTH mechanism"))?;
    let initial = words.next();
    if words.next().is_some() {
        return Err(Wrong::Syntax("AUTH mechanism initial-response"));
    }
    Ok(Command::Auth { mechanism, initial })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn from(line: &str) -> Option<String> {
        match parse(line.as_bytes()) {
            Ok(Command::Mail(mail)) => Some(mail.from.map_or_else(String::new, |a| a.to_string())),
            Ok(Command::Rcpt(rcpt)) => match rcpt.path {
                ForwardPath::Mailbox(to) => Some(to.to_string()),
                ForwardPath::Postmaster => Some("postmaster".to_owned()),
            },
            _ => None,
        }
    }

    #[test]
    fn paths_of_rfc_5321() {
        let cases = [
            ("MAIL FROM:<Smith@bar.com>", Some("Smith@bar.com")),
            ("mail from:<smith@BAR.com>", Some("smith@bar.com")),
            ("MAIL FROM: <smith@bar.com>  ", Some("smith@bar.com")),
            ("MAIL FROM:<>", Some("")),
            (
                "MAIL FROM:<\"a b>c\\\"@x\"@bar.com>",
                Some("\"a b>c\\\"@x\"@bar.com"),
            ),
            ("MAIL FROM:<\"Joe.Smith\"@bar.com>", Some("Joe.Smith@bar.com")),
            ("MAIL FROM:<a@[192.0.2.1]>", Some("a@[192.0.2.1]")),
            ("MAIL FROM:<a@[IPv6:2001:db8::1]>", Some("a@[IPv6:2001:db8::1]")),
            (
                "RCPT TO:<@hosta.int,@jkl.org:userc@d.bar.org>",
                Some("userc@d.bar.org"),
            ),
            ("RCPT TO:<Postmaster>", Some("postmaster")),
            ("RCPT TO:<postMASTER@example.com>", Some("postMASTER@example.com")),
            ("RCPT TO:<>", None),
            ("MAIL FROM:smith@bar.com", None),
            ("MAIL FROM:<smith@bar.com", None),
            ("MAIL FROM:<smith@bar.com>x", None),
            ("MAIL FROM:<smith@bar.com>SIZE=1", None),
            ("MAIL FROM:<smith>", None),
            ("MAIL FROM:<@bar.com>", None),
            ("MAIL FROM:<@hosta.int:>", None),
            ("MAIL FROM:<a@b@c d>", None),
            ("MAIL FROM:<smith@bar..com>", None),
            ("MAIL FROM:<.smith@bar.com>", None),
            ("MAIL FROM:<smith@bar_.com>", Some("smith@bar_.com")),
            ("MAIL FROM:<smith@[300.0.0.1]>", None),
            ("MAIL FROM:<j\u{f6}rg@bar.com>", None),
            (
                "MAIL FROM:<j\u{f6}rg@bar.com> SMTPUTF8",
                Some("j\u{f6}rg@bar.com"),
            ),
            (
                "MAIL FROM:<a@b\u{fc}cher.example> smtputf8",
                Some("a@xn--bcher-kva.example"),
            ),
            ("MAIL FROM:<a@b\u{fc}cher.example>", None),
            ("MAIL <a@b.c>", None),
            ("MAIL TO:<a@b.c>", None),
            ("RCPT FROM:<a@b.c>", None),
        ];
        for (line, expected) in cases {
            assert_eq!(from(line).as_deref(), expected, "{line}");
        }
        let long = format!("MAIL FROM:<{}@bar.com>", "x".repeat(65));
        assert_eq!(parse(long.as_bytes()), Err(Wrong::Sender(AddressError::TooLong)));
        assert_eq!(
            from(&format!("MAIL FROM:<{}@bar.com>", "x".repeat(64))).map(|a| a.len()),
            Some(72)
        );
    }

    #[test]
    fn other_commands() {
        assert_eq!(
            parse(b"ehlo [192.0.2.1]"),
            Ok(Command::Ehlo("[192.0.2.1]".to_owned()))
        );
        assert_eq!(parse(b"HELO x "), Ok(Command::Helo("x".to_owned())));
        assert_eq!(parse(b"noop whatever"), Ok(Command::Noop));
        assert_eq!(parse(b"QUIT "), Ok(Command::Quit));
        assert_eq!(
            parse(b"AUTH plain =").ok(),
            Some(Command::Auth {
                mechanism: b"plain",
                initial: Some(b"=")
            })
        );
        let cases: &[(&[u8], Wrong)] = &[
            (b"", Wrong::Unknown),
            (b" NOOP", Wrong::Unknown),
            (b"NOOP\tx", Wrong::Unknown),
            (b"XYZZY", Wrong::Unknown),
            (b"EXPN list", Wrong::NotHere),
            (b"BDAT", Wrong::Chunk),
            (b"BDAT -1", Wrong::Chunk),
            (b"BDAT 1 LAST x", Wrong::Chunk),
            (b"BDAT 1 FIRST", Wrong::Chunk),
            (b"GET / HTTP/1.1", Wrong::NotSmtp),
            (b"DATA x", Wrong::Syntax("no argument")),
            (b"EHLO", Wrong::Syntax("EHLO your.host.name")),
            (b"EHLO \xff", Wrong::Syntax("EHLO your.host.name")),
            (b"AUTH", Wrong::Syntax("AUTH mechanism")),
        ];
        for (line, wrong) in cases {
            assert_eq!(parse(line), Err(*wrong), "{:?}", String::from_utf8_lossy(line));
        }
    }

    proptest! {
        #[test]
        fn any_line_is_read_without_panic(line in prop::collection::vec(any::<u8>(), 0..100), mail: bool) {
            let _ = parse(&line);
            let verb: &[u8] = if mail { b"MAIL FROM:" } else { b"RCPT TO:" };
            let _ = parse(&[verb, &line].concat());
        }

        #[test]
        fn every_address_can_be_a_path(local in "[ -~]{1,30}", domain in "[a-z]{1,8}\\.[a-z]{2,5}") {
            let address = Address::from_parts(&local, crate::types::Domain::parse(&domain).unwrap()).unwrap();
            prop_assert_eq!(from(&format!("RCPT TO:<{address}>")), Some(address.to_string()));
        }
    }
}
