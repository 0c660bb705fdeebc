//! SMTP on the server's side: port 25 for other servers, submission for our own people.
//!
//! | RFC | what | here |
//! |---|---|---|
//! | 5321 | SMTP | yes; VRFY says 252, EXPN nothing; source routes are dropped |
//! | 1870 | SIZE | yes |
//! | 2034, 3463 | ENHANCEDSTATUSCODES | yes |
//! | 2920 | PIPELINING | yes |
//! | 3207 | STARTTLS | yes |
//! | 4954, 4616, 7677 | AUTH | PLAIN, LOGIN, SCRAM-SHA-256 and -PLUS, on submission, under TLS; MAIL's AUTH= is read and dropped |
//! | 6152 | 8BITMIME | yes |
//! | 6409, 8314 | submission on 587 and 465 | yes; of the changes in 8, line ends are mended here, the rest by whoever takes the message |
//! | 3030 | CHUNKING, BINARYMIME | yes |
//! | 3461 | DSN | yes |
//! | 6531 | SMTPUTF8 | yes; domains are kept as A-labels |
//! | 8689 | REQUIRETLS | yes, under TLS |
//! | 9422 | LIMITS | RCPTMAX |
//! | 4865 | FUTURERELEASE | on submission, while the box knows the time |

mod chunks;
pub mod client;
mod command;
mod login;
mod params;
mod transaction;

use crate::ask::{Answer, Identity, Question};
use crate::limits::{sasl, smtp as limits};
use crate::message::date;
use crate::refusal::{Refusal, SmtpReply};
use crate::sasl::Exchange;
pub use crate::session::Tls;
use crate::session::{Expect, Input, Output, Session};
use crate::types::{Address, Domain, RecipientWishes, Timestamp};
use chunks::Chunk;
use command::{Command, Wrong};
use std::fmt::Write as _;
use transaction::Transaction;

/// What a session is told about the box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// Our host name, for the greeting.
    pub hostname: String,
    /// Where `<postmaster>` without a domain goes.
    pub domain: Domain,
    /// Whether this is submission: a login is needed before any mail, but for printers.
    pub submission: bool,
    /// TLS on this connection.
    pub tls: Tls,
    /// Whether a login can be bound to that TLS (RFC 9266).
    pub binding: bool,
    /// Octets of the largest message taken.
    pub max_size: u64,
    /// Recipients of one message; at least [`limits::RECIPIENTS`] hold in any case.
    pub max_recipients: usize,
    /// On submission, the latest moment until which a message may be held back; `None` while that is
    /// not offered.
    pub hold_until: Option<Timestamp>,
}

/// One connection's SMTP session.
#[derive(Debug)]
pub struct Smtp {
    config: Config,
    state: State,
    client: Option<Client>,
    identity: Option<Identity>,
    transaction: Option<Transaction>,
    /// Commands refused since the last message that was taken.
    errors: u32,
    wrong_logins: u32,
}

/// What the client said it is.
#[derive(Debug)]
struct Client {
    name: String,
    esmtp: bool,
}

/// What the session waits for.
#[derive(Debug)]
enum State {
    Opening,
    Command,
    Login(Exchange),
    /// The answer to a question.
    Asking(Asked),
    Tls,
    Data,
    Chunk(Chunk),
    Closed,
}

/// Which question, with what its answer needs.
#[derive(Debug)]
enum Asked {
    Login(Exchange),
    Sender(Transaction),
    Recipient(Address, RecipientWishes),
    Accept,
}

impl Session for Smtp {
    fn expects(&self) -> Expect {
        let line = |limit| Expect::Line {
            limit,
            seconds: limits::SILENCE,
            watch: false,
        };
        match &self.state {
            State::Command if self.may_login() => line(sasl::LINE),
            State::Command => line(limits::COMMAND),
            State::Login(_) => line(sasl::LINE),
            // Before the greeting there is nothing to read either.
            State::Asking(_) | State::Opening => Expect::Answer,
            State::Tls => Expect::Tls,
            State::Data => Expect::Dotted {
                limit: self.config.max_size,
                bare_lf: self.transaction.as_ref().map(|t| t.bare_lf).unwrap_or_default(),
            },
            State::Chunk(chunk) => self.expects_chunk(chunk),
            State::Closed => Expect::Closed,
        }
    }

    fn handle(&mut self, input: Input<'_>, out: &mut Vec<Output>) {
        let state = std::mem::replace(&mut self.state, State::Closed);
        match (state, input) {
            (State::Closed, _) => {}
            (state, Input::Cut(refusal)) => self.cut(&state, &refusal, out),
            (State::Tls, Input::Timeout) => out.push(Output::Close),
            (_, Input::Timeout) => self.close(421, "4.4.2", "You were silent too long.", out),
            (State::Opening, Input::Open) => {
                self.say(220, "", &format!("{} ESMTP Pillarbox", self.config.hostname), out);
            }
            (State::Command, Input::Line(line)) => self.line(line, out),
            (State::Login(exchange), Input::Line(line)) => self.login_line(exchange, line, out),
            (State::Command | State::Login(_), Input::LineTooLong) => {
                self.refuse(500, "5.5.2", "The line is too long.", out);
            }
            (State::Command | State::Login(_), Input::LineMalformed) => {
                self.refuse(
                    500,
                    "5.5.2",
                    "Lines end with CRLF; no other CR, LF or NUL may stand in them.",
                    out,
                );
            }
            (State::Data, Input::Spooled(spooled)) => self.spooled(spooled, out),
            (State::Chunk(chunk), Input::Spooled(spooled)) => self.chunk_spooled(chunk, spooled, out),
            (State::Asking(asked), Input::Answer(answer)) => self.answered(asked, answer, out),
            (State::Tls, Input::TlsUp { binding }) => self.start_over(binding),
            // Not what was expected: the driver's mistake, which costs nobody anything.
            (state, _) => self.state = state,
        }
    }
}

impl Smtp {
    /// A session for a new connection.
    #[must_use]
    pub const fn new(config: Config) -> Self {
        Self {
            config,
            state: State::Opening,
            client: None,
            identity: None,
            transaction: None,
            errors: 0,
            wrong_logins: 0,
        }
    }

    // Each of the following five sends one reply and says what comes next; nothing else does, so a
    // command cannot get two.

    /// A reply, and the next command.
    fn say(&mut self, code: u16, status: &str, text: &str, out: &mut Vec<Output>) {
        let blank = if status.is_empty() { "" } else { " " };
        out.push(Output::Send(
            format!("{code} {status}{blank}{text}\r\n").into_bytes(),
        ));
        self.state = State::Command;
    }

    /// A reply that asks for more: data, or a line of the login.
    fn ask_client(&mut self, reply: &str, next: State, out: &mut Vec<Output>) {
        out.push(Output::Send(format!("{reply}\r\n").into_bytes()));
        self.state = next;
    }

    /// The last reply.
    fn close(&mut self, code: u16, status: &str, text: &str, out: &mut Vec<Output>) {
        self.say(
            code,
            status,
            &format!("{text} {} closes the connection.", self.config.hostname),
            out,
        );
        out.push(Output::Close);
        self.state = State::Closed;
    }

    /// A reply to something the client did wrong, of which it may do only so much.
    fn refuse(&mut self, code: u16, status: &str, text: &str, out: &mut Vec<Output>) {
        self.errors += 1;
        if self.errors >= limits::ERRORS {
            return self.close(421, "4.7.0", "Too many errors.", out);
        }
        self.say(code, status, text, out);
    }

    /// A refusal of the world's.
    fn refuse_with(&mut self, reply: &SmtpReply, out: &mut Vec<Output>) {
        if reply.code == 421 {
            return self.close(421, reply.status, &reply.text, out);
        }
        self.refuse(reply.code, reply.status, &reply.text, out);
    }

    /// Asks the world.
    fn ask(&mut self, question: Question, asked: Asked, out: &mut Vec<Output>) {
        out.push(Output::Ask(question));
        self.state = State::Asking(asked);
    }

    /// The world wants this session gone. A handshake cannot be interrupted by a reply.
    fn cut(&mut self, state: &State, refusal: &Refusal, out: &mut Vec<Output>) {
        if matches!(state, State::Tls) {
            out.push(Output::Close);
            return;
        }
        let reply = refusal.smtp();
        // RFC 5321 3.1: who is never let in is told so instead of a greeting.
        if matches!(
            (state, refusal),
            (State::Opening, Refusal::Blocked { until: None, .. })
        ) {
            self.close(reply.code, reply.status, &reply.text, out);
            return;
        }
        // RFC 5321 3.8: 421, whatever the reason; RFC 2034 4: the status is of the same class.
        let status = format!("4{}", reply.status.get(1..).unwrap_or(".3.2"));
        self.close(421, &status, &reply.text, out);
    }

    /// After the handshake everything is as at the beginning (RFC 3207 4.2), but for the greeting.
    fn start_over(&mut self, binding: bool) {
        self.config.tls = Tls::Active;
        self.config.binding = binding;
        self.client = None;
        self.identity = None;
        self.transaction = None;
        self.state = State::Command;
    }

    fn line(&mut self, line: &[u8], out: &mut Vec<Output>) {
        match command::parse(line) {
            Ok(command) => self.command(command, out),
            Err(wrong) => self.wrong(wrong, out),
        }
    }

    fn command(&mut self, command: Command<'_>, out: &mut Vec<Output>) {
        match command {
            Command::Ehlo(name) => {
                out.push(Output::Client(crate::session::client_name(&name)));
                self.ehlo(name, out);
            }
            Command::Helo(name) => {
                out.push(Output::Client(crate::session::client_name(&name)));
                self.greeted(name, false, out);
                self.say(250, "", &self.config.hostname.clone(), out);
            }
            Command::Mail(mail) => self.mail(mail, out),
            Command::Rcpt(rcpt) => self.rcpt(rcpt, out),
            Command::Data => self.data(out),
            Command::Bdat { count, last } => self.bdat(count, last),
            Command::Rset => {
                self.forget(out);
                self.say(250, "2.0.0", "OK", out);
            }
            Command::Noop => self.say(250, "2.0.0", "OK", out),
            Command::Quit => self.close(221, "2.0.0", "Goodbye.", out),
            // RFC 5321 7.3: nobody learns here who exists.
            Command::Vrfy => self.say(252, "2.1.5", "Send it, and see.", out),
            Command::Help => {
                self.say(
                    214,
                    "2.0.0",
                    "EHLO HELO MAIL RCPT DATA BDAT RSET NOOP QUIT VRFY STARTTLS AUTH (RFC 5321)",
                    out,
                );
            }
            Command::StartTls => self.starttls(out),
            Command::Auth { mechanism, initial } => self.auth(mechanism, initial, out),
        }
    }

    fn wrong(&mut self, wrong: Wrong, out: &mut Vec<Output>) {
        match wrong {
            Wrong::Unknown => self.refuse(500, "5.5.2", "There is no such command.", out),
            Wrong::NotHere => self.refuse(502, "5.5.1", "That command is not offered.", out),
            Wrong::NotSmtp => self.close(421, "4.7.0", "This is a mail server.", out),
            Wrong::Syntax(what) => self.refuse(501, "5.5.4", &format!("Expected: {what}"), out),
            Wrong::Parameter => self.refuse(555, "5.5.4", "That parameter is not offered.", out),
            // RFC 3463 3.2
            Wrong::Sender(what) => self.refuse(501, "5.1.7", &format!("Not an address: {what}."), out),
            Wrong::Recipient(what) => self.refuse(501, "5.1.3", &format!("Not an address: {what}."), out),
            // RFC 6531 3.5
            Wrong::NotAscii => self.refuse(553, "5.6.7", "Addresses beyond ASCII need SMTPUTF8.", out),
            Wrong::Chunk => self.lost_count(out),
        }
    }

    fn ehlo(&mut self, name: String, out: &mut Vec<Output>) {
        self.greeted(name, true, out);
        let mut reply = format!("250-{}\r\n", self.config.hostname);
        let mut offer = |words: &str| {
            let _ = write!(reply, "250-{words}\r\n"); // writing to a String cannot fail
        };
        for always in [
            "PIPELINING",
            "8BITMIME",
            "SMTPUTF8",
            "CHUNKING",
            "BINARYMIME",
            "DSN",
        ] {
            offer(always);
        }
        match self.config.tls {
            Tls::Off => {}
            Tls::Offered => offer("STARTTLS"),
            Tls::Active => offer("REQUIRETLS"), // RFC 8689 2: only under TLS
        }
        if self.may_login() {
            let offered = crate::sasl::offered(self.config.binding);
            offer(&format!("AUTH {}", offered.join(" ")));
        }
        if let Some(latest) = self.config.hold_until.filter(|_| self.config.submission) {
            offer(&format!(
                "FUTURERELEASE {} {}",
                limits::HOLD,
                date::internet(latest)
            ));
        }
        offer(&format!("LIMITS RCPTMAX={}", self.most_recipients()));
        offer(&format!("SIZE {}", self.config.max_size));
        reply.push_str("250 ENHANCEDSTATUSCODES");
        self.ask_client(&reply, State::Command, out);
    }

    // RFC 5321 4.1.4: a greeting ends the transaction.
    fn greeted(&mut self, name: String, esmtp: bool, out: &mut Vec<Output>) {
        self.forget(out);
        self.client = Some(Client { name, esmtp });
    }

    fn starttls(&mut self, out: &mut Vec<Output>) {
        match self.config.tls {
            Tls::Off => self.refuse(502, "5.5.1", "TLS is not set up here.", out),
            Tls::Active => self.refuse(503, "5.5.1", "TLS is on already.", out),
            Tls::Offered => {
                self.ask_client("220 2.0.0 Go ahead.", State::Tls, out);
                out.push(Output::StartTls);
            }
        }
    }

    fn answered(&mut self, asked: Asked, answer: Answer, out: &mut Vec<Output>) {
        match asked {
            Asked::Login(exchange) => self.login_answered(exchange, answer, out),
            Asked::Sender(transaction) => self.sender_answered(transaction, answer, out),
            Asked::Recipient(address, wishes) => self.recipient_answered(address, wishes, answer, out),
            Asked::Accept => self.accept_answered(answer, out),
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
