//! Bad manners, seen from outside: what came, and what the session itself said to it.

use super::trace;
use crate::guard::screen::Offence;
use proto::frame::Frame;
use proto::session::Output;

/// What came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manners {
    reset: bool,
}

impl Manners {
    /// Looks at what came.
    pub fn of(frame: &Frame<'_>) -> Self {
        Self {
            reset: matches!(frame, Frame::Line(line) if trace::verb(line) == "RSET"),
        }
    }

    /// Looks at what the session said to it. What the world was asked about, the world judges: a
    /// wrong password is no bad manners.
    pub fn judge(self, outputs: &[Output]) -> Option<Offence> {
        if self.reset {
            return Some(Offence::Reset);
        }
        if outputs.iter().any(|output| matches!(output, Output::Ask(_))) {
            return None;
        }
        outputs.iter().find_map(|output| match output {
            Output::Send(octets) => judge_reply(octets),
            _ => None,
        })
    }
}

fn judge_reply(reply: &[u8]) -> Option<Offence> {
    let mut words = reply.split(|octet| *octet == b' ');
    match (words.next()?, words.next().unwrap_or_default()) {
        // RFC 5321 4.2.2: not understood
        (b"500" | b"501" | b"502", _) => Some(Offence::Garbage),
        (code, _) if is_smtp_error(code) => Some(Offence::Error),
        (b"-ERR", _) => Some(Offence::Error),
        (_, b"BAD") => Some(Offence::Garbage),
        (_, b"NO") => Some(Offence::Error),
        _ => None,
    }
}

fn is_smtp_error(code: &[u8]) -> bool {
    matches!(code, [b'4' | b'5', rest @ ..] if rest.len() == 2 && rest.iter().all(u8::is_ascii_digit))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replies_tell_what_the_line_was() {
        for (reply, offence) in [
            ("250 2.0.0 OK\r\n", None),
            ("500 5.5.2 What?\r\n", Some(Offence::Garbage)),
            ("501 5.5.4 Syntax\r\n", Some(Offence::Garbage)),
            ("503 5.5.1 First EHLO\r\n", Some(Offence::Error)),
            ("454 4.7.0 No TLS\r\n", Some(Offence::Error)),
            ("334 VXNlcg==\r\n", None),
            ("* BAD What?\r\n", Some(Offence::Garbage)),
            ("a1 BAD What?\r\n", Some(Offence::Garbage)),
            ("a1 NO [CANNOT] x\r\n", Some(Offence::Error)),
            ("a1 OK done\r\n", None),
            ("* CAPABILITY IMAP4rev1\r\n", None),
            ("-ERR what?\r\n", Some(Offence::Error)),
            ("+OK\r\n", None),
            ("", None),
        ] {
            let said = [Output::Send(reply.as_bytes().to_vec())];
            assert_eq!(Manners { reset: false }.judge(&said), offence, "{reply}");
            assert_eq!(Manners { reset: true }.judge(&said), Some(Offence::Reset));
        }
    }
}
