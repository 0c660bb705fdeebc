//! Real clients against the real box: what goes in by SMTP comes out by IMAP and POP3, to the byte.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};

fn clients() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("clients")
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|e| panic!("{command:?}: {e}"));
    let words = String::from_utf8_lossy(&output.stderr);
    let tail: String = String::from_utf8_lossy(&output.stdout)
        .chars()
        .take(2000)
        .collect();
    assert!(output.status.success(), "{command:?}\n{words}\n{tail}");
    output
}

fn python(script: &str, port: u16, user: &str, more: &[&str]) -> Vec<u8> {
    let mut command = Command::new("python3");
    command
        .arg(clients().join(script))
        .arg(port.to_string())
        .args([user, PASSWORD])
        .args(more);
    run(&mut command).stdout
}

fn curl(url: &str, user: &str) -> Vec<u8> {
    run(Command::new("curl").args(["-sS", "--insecure", "-u", &format!("{user}:{PASSWORD}"), url])).stdout
}

/// Sends `message` (CRLF lines) exactly as it is, through swaks.
fn swaks(port: u16, to: &str, message: &str, options: &[&str]) {
    let mut data = message.replace("\r\n.", "\r\n..");
    data.push_str(".\r\n");
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), data).unwrap();
    let data = format!("@{}", file.path().display());
    run(Command::new("swaks")
        .args(["--server", "127.0.0.1", "--port", &port.to_string(), "--to", to])
        .args([
            "--from",
            "sender@elsewhere.example",
            "--no-data-fixup",
            "--data",
            &data,
        ])
        .args(options));
}

fn header(subject: &str) -> String {
    format!(
        "From: Sender <sender@elsewhere.example>\r\nTo: anna@{DOMAIN}\r\nSubject: {subject}\r\n\
         Date: Tue, 24 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{}@elsewhere.example>\r\nMIME-Version: 1.0\r\n",
        subject.len()
    )
}

fn plain() -> String {
    header("plain") + "\r\nHello Anna,\r\n.a line that starts with a dot\r\n..two dots\r\n\r\nBye\r\n"
}

fn utf8() -> String {
    header("=?utf-8?q?Gr=C3=BC=C3=9Fe?=")
        + "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n\
           Grüße aus München, 東京 и Москва 🎺\r\n"
}

fn with_attachment(octets: usize) -> String {
    let line = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0\r\n";
    header("html with attachment")
        + "Content-Type: multipart/mixed; boundary=\"=_b1\"\r\n\r\nThis is MIME.\r\n--=_b1\r\n\
           Content-Type: text/html; charset=utf-8\r\n\r\n<p>See <b>attached</b>.</p>\r\n--=_b1\r\n\
           Content-Type: application/octet-stream; name=\"data.bin\"\r\nContent-Transfer-Encoding: base64\r\n\
           Content-Disposition: attachment; filename=\"data.bin\"\r\n\r\n"
        + &line.repeat(octets / line.len())
        + "--=_b1--\r\n"
}

/// Asserts that `read` is the trace header that we add, followed by exactly `sent`.
fn assert_delivered(read: &[u8], sent: &str, how: &str) {
    let cut = read
        .len()
        .checked_sub(sent.len())
        .unwrap_or_else(|| panic!("{how}: too short: {}", read.len()));
    let (added, message) = read.split_at(cut);
    assert!(message == sent.as_bytes(), "{how}: the message came out changed");
    let added = String::from_utf8_lossy(added);
    assert!(
        added.starts_with("Return-Path: <sender@elsewhere.example>\r\n"),
        "{how}: {added}"
    );
    assert!(added.contains("Received: from "), "{how}: {added}");
    assert!(
        added.ends_with("\r\n") && !added.contains("\r\n\r\n"),
        "{how}: {added}"
    );
}

#[test]
fn swaks_mail_is_read_back_to_the_byte_by_curl_imaplib_and_poplib() {
    let pillarbox = Pillarbox::office(&["anna"], &[]).unwrap();
    let port = |name: &str| pillarbox.port(name).unwrap();
    let anna = format!("anna@{DOMAIN}");
    let messages = [
        plain(),
        utf8(),
        with_attachment(50_000),
        with_attachment(10_000_000),
    ];
    for (number, message) in (1..).zip(&messages) {
        swaks(port("smtp"), &anna, message, &[]);
        let url = format!("imaps://127.0.0.1:{}/INBOX;MAILINDEX={number}", port("imaps"));
        assert_delivered(&curl(&url, &anna), message, "curl IMAPS");
        assert_delivered(
            &python("imap_read.py", port("imaps"), &anna, &[]),
            message,
            "imaplib IMAPS",
        );
        assert_delivered(
            &python("imap_read.py", port("imap"), &anna, &["starttls"]),
            message,
            "imaplib STARTTLS",
        );
        assert_delivered(
            &python("pop_read.py", port("pop3"), &anna, &[]),
            message,
            "poplib STLS",
        );
        let url = format!("pop3s://127.0.0.1:{}/{number}", port("pop3s"));
        assert_delivered(&curl(&url, &anna), message, "curl POP3S");
    }
    let report = pillarbox.cli_ok(&["check"], "").unwrap();
    assert!(!report.to_lowercase().contains("fault:"), "{report}");
}

#[test]
fn swaks_over_starttls_delivers_and_the_trace_says_so() {
    let pillarbox = Pillarbox::office(&["anna"], &[]).unwrap();
    let anna = format!("anna@{DOMAIN}");
    swaks(pillarbox.port("smtp").unwrap(), &anna, &plain(), &["--tls"]);
    let read = python("imap_read.py", pillarbox.port("imaps").unwrap(), &anna, &[]);
    assert_delivered(&read, &plain(), "imaplib");
    assert!(String::from_utf8_lossy(&read).contains("with ESMTPS"), "RFC 3848");
}

#[test]
fn a_message_over_the_limit_is_refused_at_mail_and_at_data() {
    let pillarbox = Pillarbox::office(&["anna"], &["--max-size", "100000"]).unwrap();
    let mut smtp = tests::smtp::Smtp::connect(pillarbox.port("smtp").unwrap()).unwrap();
    let reply = smtp
        .command("MAIL FROM:<s@elsewhere.example> SIZE=100001", "552")
        .unwrap();
    assert!(reply.contains("5.3.4"), "{reply}");
    smtp.command("MAIL FROM:<s@elsewhere.example>", "250").unwrap();
    smtp.command(&format!("RCPT TO:<anna@{DOMAIN}>"), "250").unwrap();
    smtp.command("DATA", "354").unwrap();
    smtp.send(with_attachment(200_000).as_bytes()).unwrap();
    let reply = smtp.command(".", "552").unwrap();
    assert!(reply.contains("5.3.4"), "{reply}");
    smtp.command("NOOP", "250").unwrap();
}

#[test]
fn strangers_cannot_relay_and_unknown_recipients_are_refused() {
    let pillarbox = Pillarbox::office(&["anna"], &[]).unwrap();
    let mut smtp = tests::smtp::Smtp::connect(pillarbox.port("smtp").unwrap()).unwrap();
    smtp.command("MAIL FROM:<s@elsewhere.example>", "250").unwrap();
    assert!(
        smtp.command("RCPT TO:<x@third.example>", "550")
            .unwrap()
            .contains("5.7.1")
    );
    assert!(
        smtp.command(&format!("RCPT TO:<nobody@{DOMAIN}>"), "550")
            .unwrap()
            .contains("5.1.1")
    );
    for relay in ["x%third.example@", "\"x@third.example\"@"] {
        smtp.command(&format!("RCPT TO:<{relay}{DOMAIN}>"), "550")
            .unwrap();
    }
    smtp.command("RCPT TO:<@third.example:x@third.example>", "550")
        .unwrap();
    smtp.command("RCPT TO:<postmaster>", "250").unwrap();
    smtp.command(&format!("RCPT TO:<abuse@{DOMAIN}>"), "250").unwrap();
}
