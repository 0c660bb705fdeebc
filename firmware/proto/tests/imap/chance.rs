//! What has to hold for every octet that a client may send.

use crate::driver::Connection;
use crate::world::World;
use proptest::prelude::*;

const MIXED: &[u8] =
    b"Subject: =?utf-8?q?x?=\r\nFrom: \xe4 {3} <a@b>\r\nContent-Type: multipart/mixed; boundary=x\r\n\r\n\
    --x\r\n\r\none\r\n--x\r\nContent-Type: message/rfc822\r\n\r\nSubject: y\r\n\r\ninner\r\n--x--\r\n";

fn login(world: &mut World) -> Connection {
    let mut connection = Connection::open(true, world);
    connection.push(b"login LOGIN anna secret\r\nopen SELECT INBOX\r\n", world);
    connection.received.clear();
    connection
}

/// Words that reach deep into the grammar.
fn word() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("FETCH 1:* (FLAGS BODY[1.2.MIME]<0.10> BODY.PEEK[HEADER.FIELDS (a b)])".to_owned()),
        Just("UID FETCH 1,2 (ENVELOPE BODYSTRUCTURE BINARY[1] BINARY.SIZE[1])".to_owned()),
        Just("UID SEARCH RETURN (MIN COUNT SAVE) OR (NOT FROM \"x\") 1:2 KEYWORD a".to_owned()),
        Just("STORE 1 +FLAGS.SILENT (\\Deleted $Foo)".to_owned()),
        Just("LIST (SUBSCRIBED) \"\" (\"*\" %) RETURN (STATUS (MESSAGES))".to_owned()),
        Just("COPY 1 Trash".to_owned()),
        Just("UID MOVE 1:* Trash".to_owned()),
        Just("EXPUNGE".to_owned()),
        Just("NOOP".to_owned()),
        Just("SELECT INBOX (CONDSTORE)".to_owned()),
        Just("STATUS INBOX (MESSAGES UIDNEXT)".to_owned()),
        Just("CREATE &AOQ-/b".to_owned()),
        Just("ENABLE IMAP4rev2".to_owned()),
        "[ -~]{0,40}",
        "(UID )?(FETCH|STORE|SEARCH|COPY|LIST|APPEND|ID|STATUS) [ -~]{0,40}",
    ]
}

/// Every response begins and ends as one, its literals as long as they say.
pub fn well_formed(received: &[u8]) {
    let mut rest = received;
    let mut begins = true;
    while !rest.is_empty() {
        let end = rest
            .windows(2)
            .position(|two| two == b"\r\n")
            .expect("a response ends with CRLF");
        let (line, after) = (&rest[..end], &rest[end + 2..]);
        let text = String::from_utf8_lossy(line);
        if begins {
            assert!(
                ["* ", "+ ", "tag"].iter().any(|start| text.starts_with(start)),
                "no response: {text}"
            );
        }
        rest = after;
        begins = true;
        if let Some((_, digits)) = text.strip_suffix('}').and_then(|text| text.rsplit_once('{'))
            && let Ok(count) = digits.parse::<usize>()
        {
            rest = &rest[count..];
            begins = false;
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_octets_make_the_session_panic(octets in proptest::collection::vec(any::<u8>(), 0..400), logged_in: bool) {
        let mut world = World::new();
        world.deliver("INBOX", b"Subject: x\r\n\r\ny\r\n", proto::types::Flags::new());
        let mut connection = if logged_in { login(&mut world) } else { Connection::open(true, &mut world) };
        connection.push(&octets, &mut world);
        connection.push(b"\r\na NOOP\r\n", &mut world);
    }

    #[test]
    fn every_command_gets_exactly_one_tagged_reply(words in proptest::collection::vec(word(), 1..8)) {
        let mut world = World::new();
        world.deliver("INBOX", MIXED, proto::types::Flags::new());
        let mut connection = login(&mut world);
        for (number, word) in words.iter().enumerate() {
            // A line that announces a literal goes on with the next one.
            let word = word.replace('{', "(");
            if word.to_ascii_uppercase().contains("IDLE") || word.to_ascii_uppercase().contains("LOGOUT") {
                continue;
            }
            connection.push(format!("tag{number} {word}\r\n").as_bytes(), &mut world);
            let received = String::from_utf8_lossy(&connection.received).into_owned();
            connection.received.clear();
            let tagged = received.lines().filter(|line| line.starts_with(&format!("tag{number} "))).count();
            prop_assert_eq!(tagged, 1, "{} answered by {}", word, received);
            well_formed(received.as_bytes());
            let tag = format!("tag{number} ");
            prop_assert!(received.lines().last().unwrap().starts_with(&tag));
        }
    }
}
