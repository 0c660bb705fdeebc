//! Sessions driven in memory: octets in any splits, answers from the [`World`].

use crate::world::World;
use proto::frame::Framer;
use proto::imap::{Config, Imap};
use proto::session::{Expect, Input, Output, Session};

pub const MAX_APPEND: u64 = 100_000;

/// A session as the box would make it.
pub fn imap(tls: bool) -> Imap {
    Imap::new(Config {
        hostname: "box.example.org".to_owned(),
        tls_active: tls,
        binding: false,
        tls_available: true,
        max_append: MAX_APPEND,
        id_fields: vec![("name".to_owned(), "Pillarbox".to_owned())],
    })
}

/// One connection.
pub struct Connection {
    session: Imap,
    framer: Framer,
    spool: Option<Vec<u8>>,
    /// What the client received and nobody looked at yet.
    pub received: Vec<u8>,
}

impl Connection {
    /// Opens a connection, in TLS or with STARTTLS to come.
    pub fn open(tls: bool, world: &mut World) -> Self {
        let session = imap(tls);
        let mut connection = Self {
            session,
            framer: Framer::new(),
            spool: None,
            received: Vec::new(),
        };
        connection.give(Input::Open, world);
        connection
    }

    pub fn expects(&self) -> Expect {
        self.session.expects()
    }

    pub fn is_closed(&self) -> bool {
        self.session.expects() == Expect::Closed
    }

    /// The client's octets arrive.
    pub fn push(&mut self, octets: &[u8], world: &mut World) {
        self.framer.push(octets);
        while let Some(frame) = self.framer.next(self.session.expects()) {
            let mut out = Vec::new();
            match frame.into_input() {
                Ok(input) => self.session.handle(input, &mut out),
                Err(piece) => self.spool.get_or_insert_default().extend_from_slice(piece),
            }
            self.carry_out(out, world);
        }
    }

    fn give(&mut self, input: Input<'_>, world: &mut World) {
        let mut out = Vec::new();
        self.session.handle(input, &mut out);
        self.carry_out(out, world);
    }

    fn carry_out(&mut self, mut todo: Vec<Output>, world: &mut World) {
        while !todo.is_empty() {
            let mut next = Vec::new();
            for output in todo {
                match output {
                    Output::Send(octets) => self.received.extend(octets),
                    Output::SendBody {
                        blob,
                        span,
                        dotted: false,
                    } => {
                        self.received.extend(world.blob(blob, span));
                    }
                    Output::Ask(question) => {
                        assert_eq!(self.session.expects(), Expect::Answer);
                        let answer = world.answer(question, &mut self.spool);
                        self.session.handle(Input::Answer(answer), &mut next);
                    }
                    Output::StartTls => {
                        assert_eq!(self.session.expects(), Expect::Tls);
                        self.framer.clear();
                        self.session.handle(Input::TlsUp { binding: false }, &mut next);
                    }
                    Output::Client(_) => {}
                    Output::DropSpool => self.spool = None,
                    Output::Close => assert!(self.is_closed()),
                    other @ Output::SendBody { .. } => panic!("{other:?}"),
                }
            }
            todo = next;
        }
    }
}
