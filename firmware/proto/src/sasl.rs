//! SASL PLAIN (RFC 4616) and LOGIN on the server's side, shared by SMTP, IMAP and POP3. The
//! protocol carries the lines; here is what they mean.

use crate::limits::sasl::{LOGIN, PASSWORD};
use crate::types::{Mechanism, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use zeroize::Zeroizing;

/// The mechanisms offered, as capability lists name them.
pub const OFFERED: [&str; 2] = ["PLAIN", "LOGIN"];

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub enum Step {
    /// Send this challenge, base64 already, and give the client's line to [`Exchange::answer`].
    Challenge(&'static str),
    /// The client has said who it is; whether that is true the world decides.
    Done(Login),
    /// The exchange is over without a login.
    Failed(Fault),
}

/// A claim to be somebody.
#[derive(Debug, PartialEq, Eq)]
pub struct Login {
    /// How it came.
    pub mechanism: Mechanism,
    /// The name.
    pub login: String,
    /// The password.
    pub password: Secret,
}

/// Why an exchange failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// A mechanism that is not offered.
    #[error("that mechanism is not offered")]
    Unknown,
    /// The client sent `*`.
    #[error("the login was cancelled")]
    Cancelled,
    /// Not base64, or not what the mechanism wants, or over the limits.
    #[error("the login could not be read")]
    Malformed,
    /// A PLAIN login that wants to act as somebody else.
    #[error("nobody acts for somebody else here")]
    OtherIdentity,
}

/// An exchange that waits for the client's next line.
#[derive(Debug)]
pub enum Exchange {
    /// PLAIN waits for its one message.
    Plain,
    /// LOGIN waits for the name.
    LoginName,
    /// LOGIN waits for the password.
    LoginPassword {
        /// The name that came before.
        login: String,
    },
    /// Over.
    Over,
}

impl Exchange {
    /// Starts a mechanism, with the initial response where the client sent one along (`=` is an
    /// empty one, RFC 4954 4).
    #[must_use]
    pub fn start(mechanism: &[u8], initial: Option<&[u8]>) -> (Self, Step) {
        let (mut exchange, challenge) = match mechanism.to_ascii_uppercase().as_slice() {
            b"PLAIN" => (Self::Plain, ""),
            b"LOGIN" => (Self::LoginName, "VXNlcm5hbWU6"), // Username:
            _ => return (Self::Over, Step::Failed(Fault::Unknown)),
        };
        let step = match initial {
            None => Step::Challenge(challenge),
            Some(b"=") => exchange.take(b""),
            Some(line) => exchange.answer(line),
        };
        (exchange, step)
    }

    /// Takes the client's line.
    pub fn answer(&mut self, line: &[u8]) -> Step {
        if line == b"*" {
            *self = Self::Over;
            return Step::Failed(Fault::Cancelled);
        }
        match STANDARD.decode(line.trim_ascii_end()) {
            Ok(octets) => self.take(&Zeroizing::new(octets)),
            Err(_) => {
                *self = Self::Over;
                Step::Failed(Fault::Malformed)
            }
        }
    }

    fn take(&mut self, octets: &[u8]) -> Step {
        match std::mem::replace(self, Self::Over) {
            Self::Plain => plain(octets),
            Self::LoginName => match name(octets) {
                Some(login) => {
                    *self = Self::LoginPassword { login };
                    Step::Challenge("UGFzc3dvcmQ6") // Password:
                }
                None => Step::Failed(Fault::Malformed),
            },
            Self::LoginPassword { login } => done(Mechanism::Login, Some(login), octets),
            Self::Over => Step::Failed(Fault::Malformed),
        }
    }
}

// message = [authzid] UTF8NUL authcid UTF8NUL passwd (RFC 4616 2)
fn plain(message: &[u8]) -> Step {
    let mut fields = message.splitn(3, |o| *o == 0);
    let (Some(acts_as), Some(login), Some(password)) = (fields.next(), fields.next(), fields.next()) else {
        return Step::Failed(Fault::Malformed);
    };
    if !acts_as.is_empty() && !acts_as.eq_ignore_ascii_case(login) {
        return Step::Failed(Fault::OtherIdentity);
    }
    done(Mechanism::Plain, name(login), password)
}

fn done(mechanism: Mechanism, login: Option<String>, password: &[u8]) -> Step {
    match login {
        Some(login) if is_password(password) => {
            let password = Secret::new(password.to_vec());
            Step::Done(Login {
                mechanism,
                login,
                password,
            })
        }
        _ => Step::Failed(Fault::Malformed),
    }
}

/// A name as a client may send it: UTF-8 without control characters, not empty, not too long.
#[must_use]
pub fn name(octets: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(octets).ok()?;
    let fits = !name.is_empty() && name.len() <= LOGIN && !name.chars().any(char::is_control);
    fits.then(|| name.to_owned())
}

/// Whether these octets may be a password: not empty, not too long, no NUL.
#[must_use]
pub fn is_password(octets: &[u8]) -> bool {
    (1..=PASSWORD).contains(&octets.len()) && !octets.contains(&0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn claim(mechanism: Mechanism, login: &str, password: &str) -> Step {
        let (login, password) = (login.to_owned(), Secret::new(password.into()));
        Step::Done(Login {
            mechanism,
            login,
            password,
        })
    }

    fn b64(octets: &[u8]) -> String {
        STANDARD.encode(octets)
    }

    #[test]
    fn plain_takes_one_message_now_or_later() {
        let tim = claim(Mechanism::Plain, "tim", "tanstaaftanstaaf"); // RFC 4616 4
        let message = b64(b"\0tim\0tanstaaftanstaaf");
        assert_eq!(Exchange::start(b"PLAIN", Some(message.as_bytes())).1, tim);
        let (mut exchange, step) = Exchange::start(b"plain", None);
        assert_eq!(step, Step::Challenge(""));
        assert_eq!(exchange.answer(message.as_bytes()), tim);
        assert_eq!(
            exchange.answer(message.as_bytes()),
            Step::Failed(Fault::Malformed)
        );
    }

    #[test]
    fn login_asks_for_name_and_password() {
        let (mut exchange, step) = Exchange::start(b"LOGIN", None);
        assert_eq!(step, Step::Challenge("VXNlcm5hbWU6"));
        assert_eq!(
            exchange.answer(b64(b"tim").as_bytes()),
            Step::Challenge("UGFzc3dvcmQ6")
        );
        assert_eq!(
            exchange.answer(b64(b"secret").as_bytes()),
            claim(Mechanism::Login, "tim", "secret")
        );
        let (mut exchange, step) = Exchange::start(b"LOGIN", Some(b64(b"tim").as_bytes()));
        assert_eq!(step, Step::Challenge("UGFzc3dvcmQ6"));
        assert_eq!(exchange.answer(b"*"), Step::Failed(Fault::Cancelled));
    }

    #[test]
    fn what_is_no_login_fails() {
        let long = b64(&[b"\0tim\0", &[b'x'; PASSWORD + 1][..]].concat());
        let name = b64(&[b"\0", &[b'x'; LOGIN + 1][..], b"\0p"].concat());
        let cases: &[(&[u8], Fault)] = &[
            (b"*", Fault::Cancelled),
            (b"=", Fault::Malformed),
            (b"", Fault::Malformed),
            (b"!!!", Fault::Malformed),
            (b"dGlt", Fault::Malformed),         // tim
            (b"AHRpbQA=", Fault::Malformed),     // no password
            (b"AABw", Fault::Malformed),         // no name
            (b"AHQKbQBw", Fault::Malformed),     // a line end in the name
            (b"AP8AcA==", Fault::Malformed),     // not UTF-8
            (b"AHRpbQBwAHA=", Fault::Malformed), // NUL in the password
            (b"b3RoZXIAdGltAHA=", Fault::OtherIdentity),
            (long.as_bytes(), Fault::Malformed),
            (name.as_bytes(), Fault::Malformed),
        ];
        for (line, fault) in cases {
            let step = Exchange::start(b"PLAIN", Some(line)).1;
            assert_eq!(step, Step::Failed(*fault), "{:?}", String::from_utf8_lossy(line));
        }
        assert_eq!(Exchange::start(b"CRAM-MD5", None).1, Step::Failed(Fault::Unknown));
        let same = b64(b"Tim\0tim\0p");
        assert_eq!(
            Exchange::start(b"PLAIN", Some(same.as_bytes())).1,
            claim(Mechanism::Plain, "tim", "p")
        );
    }

    #[test]
    fn nothing_printable_holds_the_password() {
        let step = Exchange::start(b"PLAIN", Some(b64(b"\0tim\0hunter2").as_bytes())).1;
        assert!(!format!("{step:?}").contains("hunter2"));
    }

    proptest! {
        #[test]
        fn any_lines_are_taken_without_panic(lines in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..40), 0..4), login: bool) {
            let (mut exchange, _) = Exchange::start(if login { b"LOGIN" } else { b"PLAIN" }, None);
            for line in lines {
                let _ = exchange.answer(&line);
            }
        }
    }
}
