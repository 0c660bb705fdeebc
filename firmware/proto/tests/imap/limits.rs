//! Literals, lines and patience have ends.

use crate::chance::well_formed;
use crate::driver::{Connection, MAX_APPEND};
use crate::world::World;
use proto::ask::ROWS_AT_ONCE;
use proto::session::Expect;
use proto::types::Flags;
use std::fmt::Write as _;

struct Talk {
    world: World,
    connection: Connection,
}

impl Talk {
    fn before_login() -> Self {
        let mut world = World::new();
        let mut connection = Connection::open(true, &mut world);
        connection.received.clear();
        Self { world, connection }
    }

    fn new() -> Self {
        let mut talk = Self::before_login();
        talk.say("tag LOGIN anna secret\r\n");
        talk
    }

    fn say(&mut self, text: &str) -> String {
        self.connection.push(text.as_bytes(), &mut self.world);
        let received = String::from_utf8_lossy(&self.connection.received).into_owned();
        self.connection.received.clear();
        received
    }
}

#[test]
fn a_long_non_synchronizing_literal_is_swallowed_with_its_command() {
    for (count, before_login) in [(4097, false), (200_000, false), (20_000, true)] {
        let mut talk = if before_login {
            Talk::before_login()
        } else {
            Talk::new()
        };
        let filler = "x NOOP\r\n".repeat(count / 8 + 1);
        let text = format!(
            "tag1 LOGIN {{{count}+}}\r\n{} {{3+}}\r\nabc\r\ntag2 NOOP\r\n",
            &filler[..count]
        );
        let replies = talk.say(&text);
        let starts: Vec<&str> = replies.lines().map(|line| &line[..8]).collect();
        assert_eq!(starts, ["tag1 BAD", "tag2 OK "], "{count}");
    }
}

#[test]
fn a_swallowed_literal_may_be_followed_by_one_that_waits() {
    let text = format!("tag1 LOGIN {{5000+}}\r\n{} {{3}}\r\n", "x".repeat(5000));
    let mut talk = Talk::new();
    assert!(talk.say(&text).starts_with("tag1 BAD"));
    assert!(talk.say("tag2 NOOP\r\n").starts_with("tag2 OK"));
}

#[test]
fn a_hopeless_literal_ends_the_session() {
    for text in [
        "tag1 LOGIN {99999999999999+}\r\n",
        "tag1 APPEND INBOX {99999999999999+}\r\n",
    ] {
        let mut talk = Talk::new();
        assert!(talk.say(text).starts_with("* BYE "), "{text}");
        assert!(talk.connection.is_closed());
    }
}

#[test]
fn an_unannounced_message_over_4096_octets_is_bad_and_too_big() {
    let mut talk = Talk::new();
    let text = format!(
        "tag1 APPEND INBOX {{5000+}}\r\n{}\r\ntag2 NOOP\r\n",
        "x".repeat(5000)
    );
    let replies = talk.say(&text);
    assert!(replies.starts_with("tag1 BAD [TOOBIG]"), "{replies}"); // RFC 7888 5
    assert!(replies.contains("\r\ntag2 OK"), "{replies}");
}

#[test]
fn the_largest_message_is_taken_and_one_octet_more_is_not() {
    let mut talk = Talk::new();
    assert!(
        talk.say(&format!("tag1 APPEND INBOX {{{}}}\r\n", MAX_APPEND + 1))
            .starts_with("tag1 NO [TOOBIG]")
    );
    assert!(
        talk.say(&format!("tag2 APPEND INBOX {{{MAX_APPEND}}}\r\n"))
            .starts_with("+ ")
    );
    let body = "x".repeat(usize::try_from(MAX_APPEND).unwrap());
    assert!(talk.say(&format!("{body}\r\n")).starts_with("tag2 OK [APPENDUID"));
}

#[test]
fn many_literals_together_stay_under_the_cap() {
    let mut talk = Talk::new();
    let mut text = "tag1 ID (".to_owned();
    for _ in 0..30 {
        let _ = write!(text, "{{4000+}}\r\n{} ", "x".repeat(4000));
    }
    text.push_str("x)\r\n");
    let replies = talk.say(&text);
    assert!(replies.starts_with("tag1 BAD"), "{replies}");
    assert!(talk.say("tag2 NOOP\r\n").starts_with("tag2 OK"));
}

#[test]
fn a_line_over_the_limit_is_refused_once() {
    let mut talk = Talk::new();
    let replies = talk.say(&format!("tag1 {}\r\ntag2 NOOP\r\n", "x".repeat(70_000)));
    assert!(
        replies.starts_with("* BAD Not understood: the command is too long.\r\ntag2 OK"),
        "{replies}"
    );
}

#[test]
fn a_line_with_a_bare_cr_or_a_nul_is_refused() {
    let mut talk = Talk::new();
    assert!(talk.say("tag1 NO\rOP\r\n").starts_with("* BAD"));
    assert!(talk.say("tag1 NO\0OP\r\n").starts_with("* BAD"));
    assert!(talk.say("tag1 LIST {1+}\r\n\0 x\r\n").starts_with("tag1 BAD"));
    assert!(talk.say("tag2 NOOP\r\n").starts_with("tag2 OK"));
}

#[test]
fn twenty_bad_commands_in_a_row_end_the_session() {
    let mut talk = Talk::new();
    for _ in 0..19 {
        talk.say("tag NONSENSE\r\n");
    }
    talk.say("tag NOOP\r\n");
    for _ in 0..19 {
        talk.say("tag NONSENSE\r\n");
    }
    assert!(!talk.connection.is_closed());
    assert!(talk.say("tag NONSENSE\r\n").contains("* BYE "));
    assert!(talk.connection.is_closed());
}

#[test]
fn nobody_plays_for_long_before_a_login() {
    let mut talk = Talk::before_login();
    let replies = talk.say(&"tag NOOP\r\n".repeat(1000));
    assert!(replies.contains("* BYE ") && replies.lines().count() < 100);
    assert!(talk.connection.is_closed());
}

#[test]
fn silence_is_borne_three_minutes_before_a_login_and_thirty_after() {
    let seconds = |talk: &Talk| match talk.connection.expects() {
        Expect::Line { seconds, .. } => seconds,
        other => panic!("{other:?}"),
    };
    assert_eq!(seconds(&Talk::before_login()), 180);
    let mut talk = Talk::new();
    assert_eq!(seconds(&talk), 1800);
    talk.say("tag IDLE\r\n");
    assert_eq!(seconds(&talk), 1800);
}

#[test]
fn a_large_mailbox_is_read_in_pieces() {
    let mut talk = Talk::new();
    for _ in 0..1000 {
        talk.world
            .deliver("INBOX", b"Subject: x\r\n\r\ny\r\n", Flags::new());
    }
    talk.say("tag SELECT INBOX\r\n");
    for (command, limit) in [
        ("FLAGS", ROWS_AT_ONCE),
        ("ENVELOPE", 32),
        ("BODY[HEADER.FIELDS (to)]", 32),
        ("BODY[]", ROWS_AT_ONCE),
    ] {
        talk.world.most_rows = 0;
        let replies = talk.say(&format!("tag FETCH 1:* {command}\r\n"));
        well_formed(replies.as_bytes());
        assert_eq!(replies.matches(" FETCH (").count(), 1000, "{command}");
        assert_eq!(talk.world.most_rows, limit, "{command}");
    }
}

#[test]
fn a_large_part_is_decoded_in_pieces_and_sent_whole() {
    let mut talk = Talk::new();
    let line = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVo=\r\n"; // the alphabet
    let count = 20_000; // 760,000 octets, three pieces
    let head = "Content-Type: application/x\r\nContent-Transfer-Encoding: base64\r\n\r\n";
    talk.world.deliver(
        "INBOX",
        format!("{head}{}", line.repeat(count)).as_bytes(),
        Flags::new(),
    );
    talk.say("tag SELECT INBOX\r\n");
    let size = count * 26;
    let replies = talk.say("tag1 FETCH 1 (BINARY.SIZE[1] BINARY.PEEK[1])\r\n");
    let start = format!("* 1 FETCH (BINARY.SIZE[1] {size} BINARY[1] {{{size}}}\r\n");
    let body = replies.strip_prefix(&start).expect("the sizes agree");
    assert!(body.starts_with(&"ABCDEFGHIJKLMNOPQRSTUVWXYZ".repeat(count)));
    assert!(body[size..].starts_with(")\r\ntag1 OK"));
    let replies = talk.say("tag2 FETCH 1 BINARY.PEEK[1]<261000.30>\r\n");
    assert!(
        replies.starts_with("* 1 FETCH (BINARY[1]<261000> {30}\r\nMNOPQRSTUVWXYZABCDEFGHIJKLMNOP)\r\n"),
        "{replies}"
    );
}
