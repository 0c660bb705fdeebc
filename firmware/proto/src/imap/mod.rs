//! The server side of IMAP4rev1 and IMAP4rev2 (RFC 3501, RFC 9051).
//!
//! [`Imap`] is the [`Session`]. Inside, the session is one script (`script.rs`) that waits on a
//! `Wire`; commands are framed (`read.rs`), parsed (`syntax/`) and carried out (the modules named
//! after them) one after the other.
//!
//! | RFC | | spoken |
//! |---|---|---|
//! | 3501, 9051 | IMAP4rev1, IMAP4rev2 | yes; `\Recent` is never set |
//! | 2177, 2342, 2971, 3691, 5161 | IDLE, NAMESPACE, ID, UNSELECT, ENABLE | yes |
//! | 4315, 6851 | UIDPLUS, MOVE | yes |
//! | 4731, 5182 | ESEARCH, SEARCHRES | yes |
//! | 4959, 7888 | SASL-IR, LITERAL- | yes |
//! | 4616, 7677 | SASL PLAIN, LOGIN, SCRAM-SHA-256 and -PLUS | yes |
//! | 5258, 5819, 6154, 8438 | LIST-EXTENDED, LIST-STATUS, SPECIAL-USE, STATUS=SIZE | yes |
//! | 6855 | UTF8=ACCEPT | yes |
//! | 7162 | CONDSTORE, QRESYNC | yes |
//! | 7889 | APPENDLIMIT | yes |
//! | 3516 | BINARY | yes; APPEND takes literal8 as it takes any message |
//! | 3502, 5256, 5464, 5465, 8474, 9208 | MULTIAPPEND, SORT, THREAD, METADATA, NOTIFY, OBJECTID, QUOTA | no |

mod append;
mod binary;
mod command;
mod content;
mod fetch;
mod fields;
mod idle;
mod login;
mod mailboxes;
mod message;
mod print;
mod read;
mod reply;
mod script;
pub mod search;
mod searching;
mod select;
mod selected;
mod store;
mod syntax;
pub mod utf7;
mod wire;

use std::pin::Pin;
use std::task::{Context, Waker};

use zeroize::Zeroizing;

use crate::session::{Expect, Input, Output, Session};
use wire::{Event, Wire};

/// What the box knows about itself and this connection.
#[derive(Debug, Clone)]
pub struct Config {
    /// Our name in the greeting.
    pub hostname: String,
    /// Whether the connection began in TLS (port 993).
    pub tls_active: bool,
    /// Whether a login can be bound to that TLS (RFC 9266).
    pub binding: bool,
    /// Whether STARTTLS can be offered.
    pub tls_available: bool,
    /// Most octets of an appended message.
    pub max_append: u64,
    /// What ID answers (RFC 2971), such as `("name", "Pillarbox")`.
    pub id_fields: Vec<(String, String)>,
}

/// An IMAP session.
pub struct Imap {
    wire: Wire,
    /// The rest of the session; `None` when it is over.
    script: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

impl Imap {
    /// A session for a new connection.
    #[must_use]
    pub fn new(config: Config) -> Self {
        let wire = Wire::new();
        let script = script::Script::new(wire.clone(), config);
        Self {
            wire,
            script: Some(Box::pin(script.run())),
        }
    }

    fn go_on(&mut self, event: Event) {
        let Some(script) = &mut self.script else { return };
        self.wire.bring(event);
        let mut context = Context::from_waker(Waker::noop());
        if script.as_mut().poll(&mut context).is_ready() {
            self.end();
        }
    }

    /// Says goodbye and ends, whatever the script was waiting for.
    fn bye(&mut self, text: &str) {
        if self.script.is_some() {
            self.wire.line(&format!("* BYE {text}"));
            self.end();
        }
    }

    fn end(&mut self) {
        self.script = None;
        self.wire.close();
    }
}

impl Session for Imap {
    fn expects(&self) -> Expect {
        self.wire.expects()
    }

    fn handle(&mut self, input: Input<'_>, out: &mut Vec<Output>) {
        match input {
            Input::Open => self.go_on(Event::Open),
            Input::Line(line) => self.go_on(Event::Line(Zeroizing::new(line.to_vec()))),
            Input::LineTooLong => self.go_on(Event::LineTooLong),
            Input::LineMalformed => self.go_on(Event::LineMalformed),
            Input::Octets(octets) => self.go_on(Event::Octets(Zeroizing::new(octets.to_vec()))),
            Input::Spooled(spooled) => self.go_on(Event::Spooled(spooled)),
            Input::Answer(answer) => self.go_on(Event::Answer(answer)),
            Input::TlsUp { binding } => self.go_on(Event::TlsUp { binding }),
            Input::News => self.go_on(Event::News),
            Input::Timeout => self.bye("You were silent too long, come back any time."),
            Input::Cut(refusal) => self.bye(&reply::refusal_text(&refusal)),
        }
        self.wire.take_outputs(out);
    }
}
