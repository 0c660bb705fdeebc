//! POP3, for those who fetch their mail and keep it themselves.
//!
//! | RFC | what | here |
//! |---|---|---|
//! | 1939 | POP3 | yes, but for APOP: it needs the password in clear on the server |
//! | 2449 | CAPA, RESP-CODES, PIPELINING, EXPIRE | yes |
//! | 2595 | STLS | yes; no password without it |
//! | 3206 | AUTH-RESP-CODE | yes |
//! | 5034 | SASL | PLAIN, LOGIN, SCRAM-SHA-256 and -PLUS |
//! | 6856 | UTF8 | no |

mod command;
mod maildrop;
mod transaction;

use crate::ask::{Answer, Question};
use crate::limits::{pop3 as limits, sasl as sasl_limits};
use crate::refusal::Refusal;
use crate::sasl::{self, Exchange, Fault, Step};
use crate::session::{Expect, Input, Output, Session, Tls};
use command::Command;
use maildrop::{Maildrop, Top};
use std::fmt::Display;

/// What a session is told about the box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Our host name, for the greeting.
    pub hostname: String,
    /// TLS on this connection; no password is taken without it.
    pub tls: Tls,
    /// Whether a login can be bound to that TLS (RFC 9266).
    pub binding: bool,
}

/// One connection's POP3 session.
#[derive(Debug)]
pub struct Pop3 {
    config: Config,
    state: State,
    /// What USER said.
    user: Option<String>,
    /// From the login on: the transaction state.
    maildrop: Option<Maildrop>,
    /// Commands refused in a row.
    errors: u32,
    wrong_logins: u32,
}

/// What the session waits for.
#[derive(Debug)]
enum State {
    Opening,
    Command,
    Login(Exchange),
    Asking(Asked),
    Tls,
    Closed,
}

/// Which question.
#[derive(Debug)]
enum Asked {
    Login(Exchange),
    Maildrop,
    Top(Top),
    Update,
}

impl Session for Pop3 {
    fn expects(&self) -> Expect {
        let line = |limit| Expect::Line {
            limit,
            seconds: limits::SILENCE,
            watch: false,
        };
        match &self.state {
            // Before the greeting there is nothing to read.
            State::Opening | State::Asking(_) => Expect::Answer,
            // RFC 2449 4 bounds commands, RFC 5034 4 wants room for an initial response.
            State::Command if self.maildrop.is_some() => line(limits::COMMAND),
            State::Command | State::Login(_) => line(sasl_limits::LINE),
            State::Tls => Expect::Tls,
            State::Closed => Expect::Closed,
        }
    }

    fn handle(&mut self, input: Input<'_>, out: &mut Vec<Output>) {
        let state = std::mem::replace(&mut self.state, State::Closed);
        match (state, input) {
            (State::Closed, _) => {}
            // RFC 1939 3: a silent client gets no response, and nothing is deleted.
            (_, Input::Timeout) | (State::Tls, Input::Cut(_)) => out.push(Output::Close),
            (_, Input::Cut(refusal)) => self.close(false, refusal.pop3(), out),
            (State::Opening, Input::Open) => {
                let greeting = format!("{} is ready for POP3.", self.config.hostname);
                self.ok(greeting, out);
            }
            (State::Command, Input::Line(line)) => match command::parse(line) {
                Ok(command) => self.command(command, out),
                Err(wrong) => self.refuse(format_args!("Sorry, {wrong}."), out),
            },
            (State::Login(mut exchange), Input::Line(line)) => {
                let step = exchange.answer(line);
                self.step(exchange, step, out);
            }
            (State::Command | State::Login(_), Input::LineTooLong) => {
                self.refuse("The line is too long.", out)
            }
            (State::Command | State::Login(_), Input::LineMalformed) => {
                self.refuse(
                    "Lines end with CRLF; no other CR, LF or NUL may stand in them.",
                    out,
                );
            }
            (State::Asking(asked), Input::Answer(answer)) => self.answered(asked, answer, out),
            (State::Tls, Input::TlsUp { binding }) => {
                // RFC 2595 4: what was said before does not count.
                self.config.tls = Tls::Active;
                self.config.binding = binding;
                self.user = None;
                self.state = State::Command;
            }
            // Not what was expected: the driver's mistake, which costs nobody anything.
            (state, _) => self.state = state,
        }
    }
}

impl Pop3 {
    /// A session for a new connection.
    #[must_use]
    pub const fn new(config: Config) -> Self {
        Self {
            config,
            state: State::Opening,
            user: None,
            maildrop: None,
            errors: 0,
            wrong_logins: 0,
        }
    }

    // Each of the following sends one response and says what comes next; nothing else does, so a
    // command cannot get two.

    /// A response of several lines, or a challenge: `text` with all its line ends.
    fn send(&mut self, text: String, next: State, out: &mut Vec<Output>) {
        out.push(Output::Send(text.into_bytes()));
        self.state = next;
    }

    fn ok(&mut self, text: impl Display, out: &mut Vec<Output>) {
        self.errors = 0;
        self.send(format!("+OK {text}\r\n"), State::Command, out);
    }

    /// A refusal of something the client did wrong, of which it may do only so much.
    fn refuse(&mut self, text: impl Display, out: &mut Vec<Output>) {
        self.errors += 1;
        if self.errors >= limits::ERRORS {
            return self.close(false, "Too many errors.", out);
        }
        self.send(format!("-ERR {text}\r\n"), State::Command, out);
    }

    /// The last response.
    fn close(&mut self, good: bool, text: impl Display, out: &mut Vec<Output>) {
        let word = if good { "+OK" } else { "-ERR" };
        self.send(format!("{word} {text}\r\n"), State::Closed, out);
        out.push(Output::Close);
    }

    fn ask(&mut self, question: Question, asked: Asked, out: &mut Vec<Output>) {
        out.push(Output::Ask(question));
        self.state = State::Asking(asked);
    }

    fn command(&mut self, command: Command<'_>, out: &mut Vec<Output>) {
        match command {
            Command::Capa => self.capa(out),
            Command::Quit => self.quit(out),
            command if self.maildrop.is_some() => self.transaction(command, out),
            Command::Stls => match self.config.tls {
                Tls::Offered => {
                    self.send("+OK Go ahead.\r\n".to_owned(), State::Tls, out);
                    out.push(Output::StartTls);
                }
                Tls::Active => self.refuse("TLS is on already.", out),
                Tls::Off => self.refuse("TLS is not set up here.", out),
            },
            Command::User(_) | Command::Pass(_) | Command::Auth { .. } | Command::Mechanisms
                if self.config.tls != Tls::Active =>
            {
                self.refuse(Refusal::TlsRequired.pop3(), out);
            }
            Command::User(name) => match sasl::name(name) {
                Some(name) => {
                    self.user = Some(name);
                    self.ok("Now the password.", out);
                }
                None => self.refuse("That is no name.", out),
            },
            Command::Pass(password) => self.pass(password, out),
            Command::Auth { mechanism, initial } => {
                let (exchange, step) = Exchange::start(mechanism, initial, self.config.binding);
                self.step(exchange, step, out);
            }
            Command::Mechanisms => {
                let list = sasl::offered(self.config.binding).join("\r\n");
                self.send(format!("+OK\r\n{list}\r\n.\r\n"), State::Command, out);
            }
            _ => self.refuse("Log in first.", out),
        }
    }

    // RFC 2449 5 and 6; AUTH-RESP-CODE is RFC 3206 6.
    fn capa(&mut self, out: &mut Vec<Output>) {
        let mut list = String::from(
            "+OK\r\nTOP\r\nUIDL\r\nRESP-CODES\r\nAUTH-RESP-CODE\r\nPIPELINING\r\nEXPIRE NEVER\r\nIMPLEMENTATION Pillarbox\r\n",
        );
        match self.config.tls {
            Tls::Off => {}
            Tls::Offered => list.push_str("STLS\r\n"),
            Tls::Active => {
                list.push_str("USER\r\nSASL ");
                list.push_str(&sasl::offered(self.config.binding).join(" "));
                list.push_str("\r\n");
            }
        }
        list.push_str(".\r\n");
        self.send(list, State::Command, out);
    }

    fn pass(&mut self, password: &[u8], out: &mut Vec<Output>) {
        let Some(login) = self.user.take() else {
            return self.refuse("Say USER first.", out);
        };
        if !sasl::is_password(password) {
            return self.refuse(Refusal::BadCredentials.pop3(), out);
        }
        let (exchange, step) = Exchange::command(login, password);
        self.step(exchange, step, out);
    }

    fn step(&mut self, exchange: Exchange, step: Step, out: &mut Vec<Output>) {
        match step {
            Step::Challenge(text) => self.send(format!("+ {text}\r\n"), State::Login(exchange), out),
            Step::Ask(question) => self.ask(question, Asked::Login(exchange), out),
            Step::Welcome(_) => self.ask(Question::OpenMaildrop, Asked::Maildrop, out),
            Step::Refused(refusal) => {
                self.wrong_logins += 1;
                if self.wrong_logins >= limits::LOGINS {
                    return self.close(false, refusal.pop3(), out);
                }
                self.refuse(refusal.pop3(), out);
            }
            Step::Failed(fault @ Fault::NotTrusted) => {
                self.close(false, format_args!("Sorry, {fault}."), out);
            }
            Step::Failed(fault) => self.refuse(format_args!("Sorry, {fault}."), out),
        }
    }

    fn answered(&mut self, asked: Asked, answer: Answer, out: &mut Vec<Output>) {
        match (asked, answer) {
            (Asked::Login(mut exchange), answer) => {
                let step = exchange.answered(answer);
                self.step(exchange, step, out);
            }
            (Asked::Maildrop, Answer::Maildrop(messages)) => {
                let maildrop = Maildrop::new(messages);
                let (count, size) = maildrop.stat();
                self.maildrop = Some(maildrop);
                self.ok(format_args!("{count} messages ({size} octets)."), out);
            }
            (Asked::Top(top), Answer::Octets(octets)) => self.top_piece(top, &octets, out),
            (Asked::Update, Answer::Done) => self.close(true, "Goodbye.", out),
            // RFC 1939 6: the client has to learn that messages were left.
            (Asked::Update, answer) => self.close(false, refusal_in(answer).pop3(), out),
            (Asked::Maildrop | Asked::Top(_), answer) => self.refuse(refusal_in(answer).pop3(), out),
        }
    }
}

/// The refusal in an answer; one that fits no question is our own fault.
fn refusal_in(answer: Answer) -> Refusal {
    match answer {
        Answer::Refused(refusal) => refusal,
        _ => Refusal::Temporary,
    }
}
