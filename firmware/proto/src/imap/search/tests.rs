//! What matches and what does not.

use super::*;
use crate::message::scan;
use crate::types::SystemFlag;
use std::cell::Cell;

struct Held {
    raw: Vec<u8>,
    structure: Structure,
    flags: Flags,
    /// How many octets a piece has.
    piece: usize,
    read: Cell<usize>,
}

impl Held {
    fn new(raw: &[u8]) -> Self {
        let flags = Flags::new().with(SystemFlag::Flagged);
        Self {
            raw: raw.to_vec(),
            structure: scan::structure(raw),
            flags,
            piece: 5,
            read: Cell::new(0),
        }
    }
}

impl Candidate for Held {
    fn uid(&self) -> Uid {
        Uid(7)
    }
    fn flags(&self) -> &Flags {
        &self.flags
    }
    fn size(&self) -> u64 {
        self.raw.len() as u64
    }
    fn date(&self) -> Timestamp {
        Timestamp(3 * date::DAY - 1)
    }
    fn modseq(&self) -> ModSeq {
        ModSeq(10)
    }
    fn header(&self) -> &[u8] {
        &self.raw[..header::len(&self.raw)]
    }
    fn structure(&self) -> Option<&Structure> {
        Some(&self.structure)
    }
    fn read(&self, span: Span, piece: &mut dyn FnMut(&[u8]) -> ControlFlow<()>) {
        let span = usize::try_from(span.start).unwrap()..usize::try_from(span.end).unwrap();
        for octets in self.raw[span].chunks(self.piece) {
            self.read.set(self.read.get() + octets.len());
            if piece(octets).is_break() {
                return;
            }
        }
    }
}

fn header_has(name: &str, text: &str) -> Criteria {
    Criteria::Header {
        name: name.to_owned(),
        text: text.to_owned(),
    }
}

fn body(text: &str) -> Criteria {
    Criteria::Body(text.to_owned())
}

fn text(text: &str) -> Criteria {
    Criteria::Text(text.to_owned())
}

const MIXED: &str = "From: =?utf-8?q?J=C3=BCrgen?= <j@example.org>\r\n\
    Subject: =?iso-8859-1?q?Stra=DFe?=\r\n =?iso-8859-1?q?nbahn?=\r\n\
    Date: Fri, 2 Jan 1970 23:00:00 -0500\r\n\
    Content-Type: multipart/mixed; boundary=b\r\n\r\n\
    --b\r\nContent-Type: text/plain; charset=iso-8859-1\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n\
    Gr=FC=DFe aus dem B=\r\n=FCro\r\n\
    --b\r\nContent-Type: text/html; charset=utf-8\r\nContent-Transfer-Encoding: base64\r\n\r\n\
    zp/OlM6fzqMgz4TOv8+F\r\n\
    --b\r\nContent-Type: image/png\r\n\r\nsecret pixels\r\n\
    --b\r\nContent-Type: message/rfc822\r\n\r\nSubject: =?utf-8?q?=C3=84rger?=\r\n\r\nforwarded words\r\n\
    --b--\r\n";

#[test]
fn each_key_finds_what_it_should() {
    let message = Held::new(MIXED.as_bytes());
    let all = |all: &[Criteria]| Criteria::And(all.to_vec());
    let not = |one: Criteria| Criteria::Not(Box::new(one));
    let or = |one: Criteria, other: Criteria| Criteria::Or(Box::new(one), Box::new(other));
    let cases = [
        (Criteria::All, true),
        (Criteria::Flag(SystemFlag::Flagged), true),
        (Criteria::Flag(SystemFlag::Seen), false),
        (Criteria::Keyword("$x".to_owned()), false),
        (Criteria::Larger(message.size() - 1), true),
        (Criteria::Larger(message.size()), false),
        (Criteria::Smaller(message.size() + 1), true),
        (Criteria::Smaller(message.size()), false),
        (Criteria::Before(3), true),
        (Criteria::Before(2), false),
        (Criteria::On(2), true),
        (Criteria::Since(2), true),
        (Criteria::Since(3), false),
        // the day that the sender's clock showed
        (Criteria::SentOn(1), true),
        (Criteria::SentBefore(2), true),
        (Criteria::SentBefore(1), false),
        (Criteria::SentSince(1), true),
        (Criteria::SentSince(2), false),
        (Criteria::Uids(vec![(Uid(1), Uid(3)), (Uid(7), Uid(7))]), true),
        (Criteria::Uids(vec![(Uid(1), Uid(6)), (Uid(8), Uid(9))]), false),
        (Criteria::Uids(vec![]), false),
        (Criteria::ChangedSince(ModSeq(10)), true),
        (Criteria::ChangedSince(ModSeq(11)), false),
        (header_has("from", "JÜRGEN"), true),
        (header_has("from", "example.org"), true),
        (header_has("Subject", "straßenBAHN"), true),
        (header_has("to", ""), false),
        (header_has("date", ""), true),
        (body("grüße aus dem büro"), true),
        (body("ΟΔΟΣ ΤΟΥ"), true),
        (body("οδος"), true),
        (body("secret"), false),
        (body("straße"), false),
        (body("ärger"), true),
        (body("Forwarded Words"), true),
        (body(""), true),
        (text("straßenbahn"), true),
        (text("subject: stra"), true),
        (text("nothing like it"), false),
        (all(&[Criteria::All, Criteria::On(2)]), true),
        (all(&[body("büro"), Criteria::On(1)]), false),
        (or(Criteria::On(1), Criteria::On(2)), true),
        (not(Criteria::On(2)), false),
    ];
    for (criteria, matches) in cases {
        assert_eq!(criteria.matches(&message), matches, "{criteria:?}");
    }
}

#[test]
fn text_is_found_wherever_the_pieces_are_cut() {
    let mut message = Held::new(MIXED.as_bytes());
    for piece in 1..60 {
        message.piece = piece;
        for needle in ["grüße aus dem büro", "οδοσ", "arded wo", "ä"] {
            assert!(body(needle).matches(&message), "{needle} in pieces of {piece}");
        }
        assert!(!body("grüßeaus").matches(&message));
    }
}

#[test]
fn cheap_keys_spare_the_reading_of_bodies() {
    let message = Held::new(MIXED.as_bytes());
    let criteria = Criteria::And(vec![body("büro"), Criteria::Flag(SystemFlag::Seen)]);
    assert!(!criteria.matches(&message));
    assert_eq!(message.read.get(), 0);
    assert!(body("grüße").matches(&message));
    assert!(message.read.get() < 40, "reading stops where the text is found");
}

#[test]
fn what_a_search_wants_is_what_it_reads() {
    let cases = [
        (Criteria::All, false, false),
        (Criteria::SentOn(1), true, false),
        (header_has("a", "b"), true, false),
        (body("a"), false, true),
        (Criteria::Not(Box::new(text("a"))), true, true),
        (Criteria::And(vec![header_has("a", "b"), body("x")]), true, true),
    ];
    for (criteria, header, structure) in cases {
        assert_eq!(criteria.want(), Want { structure, header }, "{criteria:?}");
    }
}

#[test]
fn odd_messages_are_searched_as_far_as_they_go() {
    let raw = b"Subject: \xe4\xf6\r\nDate: nonsense\r\n\r\nna\xefve caf\xc3\xa9\r\n";
    let message = Held::new(raw);
    assert!(header_has("subject", "Äö").matches(&message));
    assert!(body("café").matches(&message));
    assert!(!Criteria::SentSince(-10_000).matches(&message));

    assert!(!text("x").matches(&Held::new(b"")));
}
