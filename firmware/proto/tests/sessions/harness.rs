//! Runs transcripts on pure sessions: whole, octet by octet, and in random splits.

#[path = "script.rs"]
pub mod script;

use proto::ask::{Answer, Question};
use proto::frame::{Frame, Framer};
use proto::refusal::Refusal;
use proto::session::{Expect, Input, Output, Session};
use proto::types::{BlobId, Span};
use script::{What, match_len, steps};
use std::collections::BTreeMap;

/// What the sessions of a transcript talk to.
pub trait World {
    /// A session for `! open kind args`.
    fn open(&mut self, kind: &str, args: &str) -> Box<dyn Session>;
    /// Answers a question; `spool` is the complete body, if there is one.
    fn answer(&mut self, connection: u32, question: Question, spool: &mut Option<Vec<u8>>) -> Answer;
    /// Octets of a stored body.
    fn body(&self, blob: BlobId, span: Span) -> Vec<u8>;
    /// A `!` line of the test's own; panics where it fails.
    fn directive(&mut self, name: &str, args: &str);
    /// Why `! cut` cuts.
    fn cut(&mut self, args: &str) -> Refusal;
    /// The connection is over.
    fn gone(&mut self, connection: u32);
}

/// How what the client sends is cut up.
#[derive(Debug, Clone, Copy)]
pub enum Split {
    Whole,
    Single,
    /// Pieces of up to 16 octets, from this seed.
    Random(u64),
}

struct Connection {
    session: Box<dyn Session>,
    framer: Framer,
    spool: Option<Vec<u8>>,
    sent: Vec<u8>,
    /// The server waits for a handshake.
    tls: bool,
    closed: bool,
}

/// Runs a transcript in every split; a new world for each.
pub fn run<W: World>(text: &str, new_world: impl Fn() -> W) {
    let splits = [Split::Whole, Split::Single]
        .into_iter()
        .chain((1..=8).map(Split::Random));
    for split in splits {
        let mut run = Run {
            world: new_world(),
            connections: BTreeMap::new(),
            split,
        };
        run.play(text);
    }
}

struct Run<W> {
    world: W,
    connections: BTreeMap<u32, Connection>,
    split: Split,
}

impl<W: World> Run<W> {
    fn play(&mut self, text: &str) {
        for step in steps(text) {
            let at = format!("line {} {:?}: {}", step.line, self.split, step.text);
            match step.what {
                What::Directive { name, args } => self.directive(step.connection, name, args, &at),
                What::Client(octets) => self.client(step.connection, &octets, &at),
                What::Server(expected) => self.server(step.connection, &expected, &at),
            }
        }
        for (number, connection) in &self.connections {
            let left = String::from_utf8_lossy(&connection.sent);
            assert!(
                left.is_empty(),
                "{:?}: connection {number} sent more: {left}",
                self.split
            );
        }
    }

    fn connection(&mut self, number: u32, at: &str) -> &mut Connection {
        self.connections
            .get_mut(&number)
            .unwrap_or_else(|| panic!("{at}: no such connection"))
    }

    fn directive(&mut self, number: u32, name: &str, args: &str, at: &str) {
        match name {
            "open" => {
                let (kind, args) = args.split_once(' ').unwrap_or((args, ""));
                let connection = Connection {
                    session: self.world.open(kind, args),
                    framer: Framer::new(),
                    spool: None,
                    sent: Vec::new(),
                    tls: false,
                    closed: false,
                };
                let before = self.connections.insert(number, connection);
                assert!(
                    before.is_none_or(|c| c.sent.is_empty()),
                    "{at}: the one before sent more"
                );
                self.give(number, Input::Open, at);
            }
            "tls" => {
                let connection = self.connection(number, at);
                assert!(
                    std::mem::take(&mut connection.tls),
                    "{at}: no handshake was asked for"
                );
                self.give(number, Input::TlsUp { binding: true }, at);
            }
            "timeout" => self.give(number, Input::Timeout, at),
            "news" => self.give(number, Input::News, at),
            "cut" => {
                let refusal = self.world.cut(args);
                self.give(number, Input::Cut(refusal), at);
            }
            "closed" => assert!(self.connection(number, at).closed, "{at}: the connection is open"),
            "vanish" => {
                self.connection(number, at).closed = true;
                self.world.gone(number);
            }
            name => self.world.directive(name, args),
        }
    }

    fn client(&mut self, number: u32, octets: &[u8], at: &str) {
        assert!(
            !self.connection(number, at).closed,
            "{at}: the connection is closed"
        );
        let mut rest = octets;
        let mut seed = match self.split {
            Split::Random(seed) => seed,
            _ => 0,
        };
        while !rest.is_empty() {
            let size = match self.split {
                Split::Whole => rest.len(),
                Split::Single => 1,
                Split::Random(_) => {
                    seed = seed
                        .wrapping_mul(6_364_136_223_846_793_005)
                        .wrapping_add(1_442_695_040_888_963_407);
                    usize::try_from(seed >> 60).unwrap() + 1
                }
            };
            let (piece, after) = rest.split_at(size.min(rest.len()));
            rest = after;
            let connection = self.connection(number, at);
            // What comes while a handshake is awaited was sent in clear: the driver drops it.
            if !connection.tls && !connection.closed {
                connection.framer.push(piece);
                self.drain(number, at);
            }
        }
    }

    /// Gives the session all frames that are complete.
    fn drain(&mut self, number: u32, at: &str) {
        loop {
            let connection = self.connection(number, at);
            let expect = connection.session.expects();
            let mut out = Vec::new();
            match connection.framer.next(expect) {
                None => return,
                Some(Frame::Piece(piece)) => {
                    connection.spool.get_or_insert_default().extend_from_slice(piece)
                }
                Some(frame) => {
                    if matches!(frame, Frame::Spooled(_)) {
                        connection.spool.get_or_insert_default();
                    }
                    let input = frame.into_input().unwrap();
                    connection.session.handle(input, &mut out);
                }
            }
            self.carry_out(number, out, at);
        }
    }

    fn give(&mut self, number: u32, input: Input<'_>, at: &str) {
        let mut out = Vec::new();
        self.connection(number, at).session.handle(input, &mut out);
        self.carry_out(number, out, at);
        self.drain(number, at);
    }

    fn carry_out(&mut self, number: u32, mut out: Vec<Output>, at: &str) {
        while !out.is_empty() {
            let mut next = Vec::new();
            for output in std::mem::take(&mut out) {
                let connection = self
                    .connections
                    .get_mut(&number)
                    .unwrap_or_else(|| panic!("{at}"));
                assert!(!connection.closed, "{at}: output after the end: {output:?}");
                match output {
                    Output::Send(octets) => connection.sent.extend(octets),
                    Output::SendBody { blob, span, dotted } => {
                        let body = self.world.body(blob, span);
                        connection.sent.extend(if dotted { stuffed(&body) } else { body });
                    }
                    Output::Ask(question) => {
                        let answer = self.world.answer(number, question, &mut connection.spool);
                        assert_eq!(connection.session.expects(), Expect::Answer, "{at}");
                        connection.session.handle(Input::Answer(answer), &mut next);
                    }
                    Output::StartTls => {
                        connection.framer.clear();
                        connection.tls = true;
                    }
                    Output::Client(_) => {}
                    Output::DropSpool => connection.spool = None,
                    Output::Close => {
                        connection.closed = true;
                        self.world.gone(number);
                    }
                }
            }
            out = next;
        }
    }

    /// Takes what is expected off what the server has sent.
    fn server(&mut self, number: u32, expected: &[u8], at: &str) {
        let connection = self.connection(number, at);
        let sent = String::from_utf8_lossy(&connection.sent).into_owned();
        let expected = String::from_utf8_lossy(expected).into_owned();
        let Some(len) = match_len(&sent, &expected) else {
            panic!("{at}\n--- expected\n{expected}\n--- got\n{sent}\n---");
        };
        let rest = sent.get(len..).unwrap_or_default().to_owned();
        connection.sent = rest.into_bytes();
    }
}

/// RFC 1939 3: lines that start with a dot get another, a line of one dot ends it all.
fn stuffed(body: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for line in body.split_inclusive(|o| *o == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !out.is_empty() && !out.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}
