//! SASL on the server's side, shared by SMTP, IMAP and POP3: PLAIN (RFC 4616), LOGIN and SCRAM.
//! The protocol carries the lines; here is what they mean.

pub mod scram;

use crate::ask::{Answer, Identity, Question};
use crate::limits::sasl::{LOGIN, PASSWORD};
use crate::refusal::Refusal;
use crate::types::{Mechanism, Secret};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use scram::{First, Salt};
use std::borrow::Cow;
use zeroize::Zeroizing;

/// The mechanisms offered, the best first, as capability lists name them. `binding`: whether the
/// connection has something to bind to.
#[must_use]
pub const fn offered(binding: bool) -> &'static [&'static str] {
    const ALL: &[&str] = &["SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "PLAIN", "LOGIN"];
    match ALL {
        [_, rest @ ..] if !binding => rest,
        all => all,
    }
}

/// What comes next.
#[derive(Debug)]
pub enum Step {
    /// Send this challenge, base64 already, and give the client's line to [`Exchange::answer`].
    Challenge(Cow<'static, str>),
    /// Ask the world, and give what it says to [`Exchange::answered`].
    Ask(Question),
    /// The client is this one.
    Welcome(Identity),
    /// The world said no.
    Refused(Refusal),
    /// The exchange is over without a login.
    Failed(Fault),
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
    /// A login that wants to act as somebody else.
    #[error("nobody acts for somebody else here")]
    OtherIdentity,
    /// A channel binding that is not offered.
    #[error("that channel binding is not offered, tls-exporter is")]
    Binding,
    /// The client does not believe that we know its password. The world believes that it is logged
    /// in: the connection has to end.
    #[error("the server's proof was not accepted")]
    NotTrusted,
}

/// An exchange that waits for the client's next line, or for the world.
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
    /// The world compares a password.
    Judged,
    /// SCRAM and its rounds.
    Scram(Box<Round>),
    /// Over.
    Over,
}

/// What SCRAM waits for.
#[derive(Debug)]
#[allow(private_interfaces)] // begun and carried on here alone
pub enum Round {
    /// The client's first message.
    First {
        /// Which of the two.
        mechanism: Mechanism,
        /// Whether -PLUS is offered.
        offered: bool,
    },
    /// The salt, from the world.
    Salt(First),
    /// The client's last message.
    Last(First, Salt),
    /// What the world says to the proof.
    Proof,
    /// That the client believes ours.
    Trust(Identity),
}

impl Exchange {
    /// Starts a mechanism, with the initial response where the client sent one along (`=` is an
    /// empty one, RFC 4954 4). `binding`: whether -PLUS was offered.
    #[must_use]
    pub fn start(mechanism: &[u8], initial: Option<&[u8]>, binding: bool) -> (Self, Step) {
        let scram = |mechanism| {
            Self::Scram(Box::new(Round::First {
                mechanism,
                offered: binding,
            }))
        };
        let (mut exchange, challenge) = match mechanism.to_ascii_uppercase().as_slice() {
            b"PLAIN" => (Self::Plain, ""),
            b"LOGIN" => (Self::LoginName, "VXNlcm5hbWU6"), // Username:
            b"SCRAM-SHA-256" => (scram(Mechanism::ScramSha256), ""),
            b"SCRAM-SHA-256-PLUS" if binding => (scram(Mechanism::ScramSha256Plus), ""),
            _ => return (Self::Over, Step::Failed(Fault::Unknown)),
        };
        let step = match initial {
            None => Step::Challenge(Cow::Borrowed(challenge)),
            Some(b"=") => exchange.take(b""),
            Some(line) => exchange.answer(line),
        };
        (exchange, step)
    }

    /// A login by the protocol's own command.
    #[must_use]
    pub fn command(login: String, password: &[u8]) -> (Self, Step) {
        let step = judge(Mechanism::Command, Some(login), password);
        (Self::Judged, step)
    }

    /// Takes the client's line.
    pub fn answer(&mut self, line: &[u8]) -> Step {
        if line == b"*" {
            return Step::Failed(self.give_up(Fault::Cancelled));
        }
        match STANDARD.decode(line.trim_ascii_end()) {
            Ok(octets) => self.take(&Zeroizing::new(octets)),
            Err(_) => Step::Failed(self.give_up(Fault::Malformed)),
        }
    }

    /// Takes what the world said to [`Step::Ask`].
    pub fn answered(&mut self, answer: Answer) -> Step {
        match (std::mem::replace(self, Self::Over), answer) {
            (_, Answer::Refused(refusal)) => Step::Refused(refusal),
            (Self::Judged, Answer::Authenticated(identity)) => Step::Welcome(identity),
            (Self::Scram(round), answer) => match (*round, answer) {
                (Round::Salt(first), Answer::Salt(salt)) => {
                    let challenge = STANDARD.encode(first.reply(&salt));
                    *self = Self::Scram(Box::new(Round::Last(first, salt)));
                    Step::Challenge(Cow::Owned(challenge))
                }
                (Round::Proof, Answer::Proven { identity, signature }) => {
                    *self = Self::Scram(Box::new(Round::Trust(identity)));
                    Step::Challenge(Cow::Owned(STANDARD.encode(signature.message())))
                }
                _ => Step::Refused(Refusal::Temporary),
            },
            // An answer that fits no question is our own fault.
            _ => Step::Refused(Refusal::Temporary),
        }
    }

    fn give_up(&mut self, fault: Fault) -> Fault {
        match std::mem::replace(self, Self::Over) {
            Self::Scram(round) if matches!(*round, Round::Trust(_)) => Fault::NotTrusted,
            _ => fault,
        }
    }

    fn take(&mut self, octets: &[u8]) -> Step {
        match std::mem::replace(self, Self::Over) {
            Self::Plain => {
                *self = Self::Judged;
                plain(octets)
            }
            Self::LoginName => match name(octets) {
                Some(login) => {
                    *self = Self::LoginPassword { login };
                    Step::Challenge(Cow::Borrowed("UGFzc3dvcmQ6")) // Password:
                }
                None => Step::Failed(Fault::Malformed),
            },
            Self::LoginPassword { login } => {
                *self = Self::Judged;
                judge(Mechanism::Login, Some(login), octets)
            }
            Self::Scram(round) => self.take_scram(*round, octets),
            Self::Judged | Self::Over => Step::Failed(Fault::Malformed),
        }
    }

    fn take_scram(&mut self, round: Round, octets: &[u8]) -> Step {
        let taken = match round {
            Round::First { mechanism, offered } => First::parse(octets, mechanism, offered).map(|first| {
                let login = first.login.clone();
                (Round::Salt(first), Step::Ask(Question::Salt { login }))
            }),
            Round::Last(first, salt) => first
                .last(octets, &salt)
                .map(|proof| (Round::Proof, Step::Ask(Question::Prove(Box::new(proof))))),
            // The client's answer to our proof is empty (RFC 5802 5).
            Round::Trust(identity) if octets.is_empty() => return Step::Welcome(identity),
            Round::Trust(_) => Err(Fault::NotTrusted),
            Round::Salt(_) | Round::Proof => Err(Fault::Malformed),
        };
        match taken {
            Ok((round, step)) => {
                *self = Self::Scram(Box::new(round));
                step
            }
            Err(fault) => Step::Failed(fault),
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
    judge(Mechanism::Plain, name(login), password)
}

fn judge(mechanism: Mechanism, login: Option<String>, password: &[u8]) -> Step {
    match login {
        Some(login) if is_password(password) => Step::Ask(Question::Authenticate {
            mechanism,
            login,
            password: Secret::new(password.to_vec()),
        }),
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
mod tests;
