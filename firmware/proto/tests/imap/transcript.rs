//! Transcripts: `C:` lines are sent, `S:` lines have to come, in order and nothing else.
//!
//! `C2:` and `S2:` belong to a second connection; a connection opens with its first line. `...` in
//! `S:` stands for anything. `!` lines are what happens in the world. A line of `C:` may end in
//! `\` to be sent without its CRLF. `# ` begins a comment.

use crate::driver::Connection;
use crate::world::World;
use proto::refusal::Refusal;
use proto::types::{Flags, SystemFlag};
use std::collections::BTreeMap;

/// How the client's octets are cut.
#[derive(Debug, Clone, Copy)]
pub enum Cut {
    Whole,
    Bytes,
    /// Pseudo-random pieces from a seed.
    Pieces(u32),
}

/// Whether a line is the expected one; `...` stands for anything.
fn fits(line: &str, expected: &str) -> bool {
    let mut parts = expected.split("...");
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else {
        return false;
    };
    let mut open = false;
    for part in parts {
        open = part.is_empty();
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    open || rest.is_empty()
}

struct Run<'a> {
    world: World,
    connections: BTreeMap<&'a str, Connection>,
    cut: Cut,
    /// What the client said and nobody cut yet, so that pipelined lines share pieces.
    pending: Vec<u8>,
    tls: bool,
}

/// Runs a transcript; panics with both sides of the first difference.
pub fn run(name: &str, text: &str, cut: Cut) {
    let mut run = Run {
        world: World::new(),
        connections: BTreeMap::new(),
        cut,
        pending: Vec::new(),
        tls: true,
    };
    let mut lines = text.lines().enumerate().peekable();
    while let Some((number, line)) = lines.next() {
        let at = format!("{name}:{} ({cut:?})", number + 1);
        if let Some(event) = line.strip_prefix('!') {
            run.happen(event.trim(), &at);
            continue;
        }
        let Some((who, said)) = line
            .split_once(':')
            .filter(|(who, _)| who.starts_with(['C', 'S']))
        else {
            assert!(
                line.trim().is_empty() || line.starts_with('#'),
                "{at}: what is this? {line}"
            );
            continue;
        };
        let said = said.strip_prefix(' ').unwrap_or(said);
        let (side, id) = who.split_at(1);
        run.open(id);
        if side == "S" {
            run.expect(id, said, &at);
            continue;
        }
        run.pending
            .extend_from_slice(said.strip_suffix('\\').unwrap_or(said).as_bytes());
        if !said.ends_with('\\') {
            run.pending.extend_from_slice(b"\r\n");
        }
        let more = lines
            .peek()
            .is_some_and(|(_, next)| next.starts_with(&format!("{who}:")));
        if !more {
            run.send(id);
        }
    }
    for (id, connection) in &run.connections {
        let rest = String::from_utf8_lossy(&connection.received);
        assert!(
            rest.is_empty(),
            "{name} ({cut:?}): connection {id:?} received more: {rest}"
        );
    }
}

impl<'a> Run<'a> {
    fn open(&mut self, id: &'a str) {
        if !self.connections.contains_key(id) {
            let connection = Connection::open(self.tls, &mut self.world);
            self.connections.insert(id, connection);
        }
    }

    fn send(&mut self, id: &str) {
        let octets = std::mem::take(&mut self.pending);
        let connection = self.connections.get_mut(id).unwrap();
        match self.cut {
            Cut::Whole => connection.push(&octets, &mut self.world),
            Cut::Bytes => octets
                .iter()
                .for_each(|octet| connection.push(&[*octet], &mut self.world)),
            Cut::Pieces(mut seed) => {
                let mut rest = octets.as_slice();
                while !rest.is_empty() {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    let (piece, after) = rest.split_at(rest.len().min(1 + (seed >> 24) as usize % 40));
                    connection.push(piece, &mut self.world);
                    rest = after;
                }
            }
        }
        self.spread_news();
    }

    fn spread_news(&mut self) {
        if std::mem::take(&mut self.world.news) {
            for connection in self.connections.values_mut().filter(|c| c.watches()) {
                connection.news(&mut self.world);
            }
        }
    }

    fn expect(&mut self, id: &str, expected: &str, at: &str) {
        let received = &mut self.connections.get_mut(id).unwrap().received;
        let end = received.windows(2).position(|two| two == b"\r\n");
        let Some(end) = end else {
            panic!(
                "{at}: expected {expected:?}, received only {:?}",
                String::from_utf8_lossy(received)
            )
        };
        let line = String::from_utf8_lossy(&received[..end]).into_owned();
        if !fits(&line, expected) {
            let all = String::from_utf8_lossy(received);
            panic!("{at}:\nexpected {expected}\nreceived {line}\nall of it:\n{all}");
        }
        received.drain(..end + 2);
    }

    fn happen(&mut self, event: &str, at: &str) {
        let words: Vec<&str> = event.split_whitespace().collect();
        match words.as_slice() {
            ["plain"] => self.tls = false,
            ["closed"] => assert!(self.connections[""].is_closed(), "{at}: not closed"),
            ["timeout"] => self.connections.get_mut("").unwrap().timeout(&mut self.world),
            ["cut"] => self
                .connections
                .get_mut("")
                .unwrap()
                .cut(Refusal::Shutdown, &mut self.world),
            ["deliver", mailbox, file] => {
                let path = format!("{}/tests/imap/messages/{file}.eml", env!("CARGO_MANIFEST_DIR"));
                let raw = std::fs::read_to_string(&path).unwrap_or_else(|e| panic!("{at}: {path}: {e}"));
                let raw = raw.replace("\r\n", "\n").replace('\n', "\r\n");
                self.world.deliver(mailbox, raw.as_bytes(), Flags::new());
            }
            ["deliver", mailbox] => {
                self.world
                    .deliver(mailbox, b"Subject: x\r\n\r\ny\r\n", Flags::new());
            }
            ["seen", mailbox, uid] => self.world.flag(mailbox, uid.parse().unwrap(), SystemFlag::Seen),
            ["expunge", mailbox, uid] => self.world.expunge(mailbox, uid.parse().unwrap()),
            ["delete", mailbox] => self.world.delete(mailbox),
            _ => panic!("{at}: no such event: {event}"),
        }
        self.spread_news();
    }
}
