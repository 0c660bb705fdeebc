//! Bad manners on every port: an error in the protocol's own words or a clean close, no panic,
//! no growth, and the next client is served as ever.

use std::io::{Read, Write};
use std::time::Duration;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::smtp::Smtp;
use tests::tls;

/// What a rude client sends after connecting, and what it must read at some point (empty: a clean
/// close is enough). Ports by name; those ending in `s` are wrapped in TLS.
fn table() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let long = |n: usize| vec![b'A'; n];
    let join = |parts: &[&[u8]]| parts.concat();
    vec![
        ("smtp", b"\r\n".to_vec(), "500"),
        ("smtp", b"BOGUS\r\n".to_vec(), "500"),
        ("smtp", b"MAIL FROM:<a@b>\r\n".to_vec(), "503"),
        ("smtp", b"EHLO x.example\r\nMAIL FROM:<<>>\r\n".to_vec(), "501"),
        (
            "smtp",
            b"EHLO x.example\r\nMAIL FROM:<a@b.example> SIZE=99999999999999999999999\r\n".to_vec(),
            "5",
        ),
        ("smtp", b"EHLO x.example\r\nDATA\r\n".to_vec(), "503"),
        ("smtp", join(&[b"EHLO ", &long(5_000), b"\r\n"]), "500"),
        ("smtp", join(&[&long(3_000_000), b"\r\n"]), "500"),
        (
            "smtp",
            b"EHLO x.example\nMAIL FROM:<a@b.example>\n\r\n".to_vec(),
            "500",
        ),
        ("smtp", b"\0\x01\x02\xff\r\n".to_vec(), "500"),
        ("smtp", b"EHLO x.example\r\nAUTH PLAIN AGEAYg==\r\n".to_vec(), "5"),
        (
            "smtp",
            b"EHLO x.example\r\nSTARTTLS\r\nnot a handshake\r\n".to_vec(),
            "220",
        ),
        (
            "submissions",
            b"EHLO x.example\r\nAUTH PLAIN !!!\r\n".to_vec(),
            "501",
        ),
        (
            "submissions",
            b"EHLO x.example\r\nMAIL FROM:<a@b.example>\r\n".to_vec(),
            "530",
        ),
        (
            "submission",
            b"EHLO x.example\r\nAUTH PLAIN AGEAYg==\r\n".to_vec(),
            "538",
        ),
        ("imaps", b"\r\n".to_vec(), "BAD"),
        ("imaps", b"a LOGIN {99999999999}\r\n".to_vec(), "BAD"),
        ("imaps", b"a LOGIN {5+}\r\nab".to_vec(), ""),
        ("imaps", b"a FETCH 1 BODY[]\r\n".to_vec(), "a BAD"),
        (
            "imaps",
            join(&[b"a SEARCH ", &vec![b'('; 50_000], b"\r\n"]),
            "BAD",
        ),
        ("imaps", join(&[b"a NOOP ", &long(3_000_000), b"\r\n"]), "BAD"),
        ("imaps", b"a \0\xff\r\n".to_vec(), "BAD"),
        ("imap", b"a LOGIN anna secret\r\n".to_vec(), "a NO"),
        ("pop3s", b"RETR 1\r\n".to_vec(), "-ERR"),
        ("pop3s", join(&[&long(3_000_000), b"\r\n"]), "-ERR"),
        ("pop3", b"USER anna\r\nPASS secret\r\n".to_vec(), "-ERR"),
        ("https", b"GET / HTTP/1.1\r\n\r\n\0\0".to_vec(), "HTTP/1.1 "),
        (
            "https",
            join(&[b"GET /", &long(300_000), b" HTTP/1.1\r\n\r\n"]),
            "HTTP/1.1 4",
        ),
        (
            "links",
            b"GET /login HTTP/1.1\r\nHost: x\r\n\r\n".to_vec(),
            "HTTP/1.1 404",
        ),
        ("links", b"\0\xff\r\n\r\n".to_vec(), "HTTP/1.1 400"),
        ("imaps", Vec::new(), ""),
        ("smtp", Vec::new(), ""),
    ]
}

trait Stream: Read + Write {}
impl<T: Read + Write> Stream for T {}

/// Sends, then reads until the peer closes, `wanted` has come, or nothing comes for a while.
fn talk(port: u16, encrypted: bool, octets: &[u8], wanted: &str) -> String {
    let tcp = tls::tcp(port).unwrap();
    tcp.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    let mut stream: Box<dyn Stream> = if encrypted {
        Box::new(tls::wrap(tcp).unwrap())
    } else {
        Box::new(tcp)
    };
    // A server may close on a rude client before it has said everything.
    let _ = stream.write_all(octets);
    let mut heard = Vec::new();
    let mut buffer = [0; 4096];
    while wanted.is_empty() || !answered(&heard, wanted) {
        match stream.read(&mut buffer) {
            Ok(count) if count > 0 && !wanted.is_empty() => heard.extend_from_slice(&buffer[..count]),
            _ => break,
        }
    }
    String::from_utf8_lossy(&heard).into_owned()
}

fn answered(heard: &[u8], wanted: &str) -> bool {
    String::from_utf8_lossy(heard)
        .lines()
        .any(|l| l.starts_with(wanted) || l.contains(&format!(" {wanted}")))
}

fn resident_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn rude_clients_get_an_error_and_change_nothing() {
    let pillarbox = Pillarbox::office(&["anna"], &[]).unwrap();
    for (name, octets, wanted) in table() {
        let heard = talk(
            pillarbox.port(name).unwrap(),
            name.ends_with('s'),
            &octets,
            wanted,
        );
        let start = String::from_utf8_lossy(&octets[..octets.len().min(60)]).into_owned();
        assert!(
            wanted.is_empty() || answered(heard.as_bytes(), wanted),
            "{name} {start:?}: {heard}"
        );
    }
    let before = resident_kb(pillarbox.pid());
    for _ in 0..10 {
        for (name, octets, wanted) in table() {
            if octets.len() > 10_000 {
                talk(
                    pillarbox.port(name).unwrap(),
                    name.ends_with('s'),
                    &octets,
                    wanted,
                );
            }
        }
    }
    let grown = resident_kb(pillarbox.pid()).saturating_sub(before);
    assert!(grown < 16_000, "grew by {grown} kB");

    let anna = format!("anna@{DOMAIN}");
    let mut smtp = Smtp::connect(pillarbox.port("smtp").unwrap()).unwrap();
    smtp.deliver(
        "s@elsewhere.example",
        &anna,
        b"Subject: still here\r\n\r\nHello\r\n",
    )
    .unwrap();
    let mut imap = tests::imap::Imap::login(pillarbox.port("imaps").unwrap(), &anna, PASSWORD).unwrap();
    assert_eq!(imap.count("INBOX").unwrap(), 1);
    let log = std::fs::read_to_string(pillarbox.data().join("serve.log")).unwrap();
    assert!(!log.contains("panicked"), "{log}");
    assert!(!log.contains("secret"), "a password stands in the log");
}

#[test]
fn no_end_but_the_true_one_smuggles_a_second_message() {
    let pillarbox = Pillarbox::office(&["anna"], &[]).unwrap();
    let anna = format!("anna@{DOMAIN}");
    let endings: [&[u8]; 10] = [
        b"\n.\n",
        b"\n.\r\n",
        b"\r\n.\n",
        b"\r.\r",
        b"\r.\r\n",
        b"\r\n.\r",
        b"\r\n.\r\r\n",
        b"\n\n.\r\n",
        b"\r\n\0.\r\n",
        b"\r\n.\0\r\n",
    ];
    for ending in endings {
        let mut smtp = Smtp::connect(pillarbox.port("smtp").unwrap()).unwrap();
        smtp.command("MAIL FROM:<s@elsewhere.example>", "250").unwrap();
        smtp.command(&format!("RCPT TO:<{anna}>"), "250").unwrap();
        smtp.command("DATA", "354").unwrap();
        smtp.send(b"Subject: outer\r\n\r\nouter").unwrap();
        smtp.send(ending).unwrap();
        smtp.send(b"MAIL FROM:<evil@elsewhere.example>\r\nRCPT TO:<x@y.example>\r\nDATA\r\nSubject: inner")
            .unwrap();
        let reply = smtp.command("\r\n.", "5").unwrap();
        assert!(reply.starts_with("5"), "{ending:?}: {reply}");
        smtp.command("NOOP", "250").unwrap();
    }
    let mut imap = tests::imap::Imap::login(pillarbox.port("imaps").unwrap(), &anna, PASSWORD).unwrap();
    assert_eq!(imap.count("INBOX").unwrap(), 0);
}
