//! A headless Chromium walks the wizard from the claim code to a working account, and the admin
//! freezes and releases an account on the pages.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;
use tests::fake_dns::FakeDns;
use tests::imap::Imap;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::smtp::Smtp;

fn script(name: &str, args: &[&str]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients").join(name);
    let output = Command::new("python3").arg(path).args(args).output().unwrap();
    let words = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {words}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn base(pillarbox: &Pillarbox) -> String {
    format!("https://127.0.0.1:{}", pillarbox.port("https").unwrap())
}

/// Where the pictures of the pages go, to be looked at.
fn pictures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/pictures")
}

#[test]
fn the_wizard_leads_from_the_code_to_a_working_account_without_javascript() {
    let pillarbox = Pillarbox::start(&[]).unwrap();
    let code = pillarbox.claim_code.clone().unwrap();
    let pictures = pictures();
    let pictures = pictures.to_string_lossy();
    let phone = script(
        "wizard.py",
        &[&base(&pillarbox), &code, DOMAIN, "anna", PASSWORD, &pictures],
    );

    let anna = format!("anna@{DOMAIN}");
    let mut smtp = Smtp::connect(pillarbox.port("smtp").unwrap()).unwrap();
    smtp.deliver("s@elsewhere.example", &anna, b"Subject: first\r\n\r\nHello\r\n")
        .unwrap();
    let mut imap = Imap::login(pillarbox.port("imaps").unwrap(), &anna, phone.trim()).unwrap();
    assert_eq!(imap.count("INBOX").unwrap(), 1);
}

#[test]
fn waiting_mail_and_names_are_managed_at_a_phone_without_javascript() {
    let dns = FakeDns::start().unwrap();
    dns.mx("dead.example", 10, "mx.dead.example");
    dns.host("mx.dead.example", "127.0.0.1".parse().unwrap());
    let address = dns.address().to_string();
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = closed.local_addr().unwrap().port().to_string();
    drop(closed); // nobody listens there
    let options = ["--dns", &address, "--relay-port", &port];
    let pillarbox = Pillarbox::office(&["anna", "ben"], &options).unwrap();
    let (anna, to) = (format!("anna@{DOMAIN}"), "bob@dead.example");
    let door = pillarbox.port("submissions").unwrap();
    let letter = format!("From: {anna}\r\nSubject: waits\r\n\r\nHello\r\n");
    let mut smtp = Smtp::submissions(door, &anna, PASSWORD).unwrap();
    smtp.deliver(&anna, to, letter.as_bytes()).unwrap();
    while !pillarbox
        .cli_ok(&["queue", "list"], "")
        .unwrap()
        .contains("tries=1")
    {
        std::thread::sleep(std::time::Duration::from_millis(50));
    }
    let pictures = pictures();
    let pictures = pictures.to_string_lossy();
    script("sending.py", &[&base(&pillarbox), &anna, PASSWORD, to, &pictures]);
    let events = pillarbox.cli_ok(&["events"], "").unwrap();
    for words in [
        "anna@firm.example held waiting mail for 1 recipient (all for dead.example, what comes later too)",
        "anna@firm.example had mail for .partner-with-a-long-name.example leave through",
    ] {
        assert!(events.contains(words), "{words}: {events}");
    }
}

#[test]
fn a_failed_login_on_any_protocol_is_one_event_in_the_log_on_the_page_and_on_the_panel() {
    let pillarbox = Pillarbox::office(&["anna"], &[]).unwrap();
    let anna = format!("anna@{DOMAIN}");
    assert!(Imap::login(pillarbox.port("imaps").unwrap(), &anna, "hunter2-imap").is_err());
    for (scheme, name) in [("pop3s", "pop3s"), ("smtps", "submissions")] {
        assert!(
            !try_login(&pillarbox, scheme, name, &anna, &format!("hunter2-{name}")).0,
            "{name}"
        );
    }
    let log = std::fs::read_to_string(pillarbox.data().join("serve.log")).unwrap();
    for protocol in ["imap", "pop3", "submission"] {
        let lines = log
            .lines()
            .filter(|l| l.contains("login failed") && l.contains(&format!("protocol={protocol}")));
        assert_eq!(lines.count(), 1, "{protocol}: {log}");
    }
    assert!(!log.contains("hunter2"), "a password stands in the log");

    let page = script("admin.py", &[&base(&pillarbox), PASSWORD, "failed-logins"]);
    assert_eq!(page.matches("127.0.0.1").count(), 3, "{page}");
    assert_eq!(page.matches(&anna).count(), 3, "{page}");
    let overview = script("admin.py", &[&base(&pillarbox), PASSWORD, "overview"]);
    assert!(
        overview.contains("3\nin the last hour") || overview.contains("3 in the last hour"),
        "{overview}"
    );
}

#[test]
fn freezing_on_the_page_cuts_the_session_and_mail_still_arrives() {
    let pillarbox = Pillarbox::office(&["anna", "bert"], &[]).unwrap();
    let port = |name: &str| pillarbox.port(name).unwrap();
    let bert = format!("bert@{DOMAIN}");
    let mut imap = Imap::login(port("imaps"), &bert, PASSWORD).unwrap();
    imap.ok("SELECT INBOX").unwrap();

    let overview = script(
        "admin.py",
        &[&base(&pillarbox), PASSWORD, "freeze", &bert, "laptop stolen"],
    );
    assert!(
        overview.contains(&bert),
        "the overview says who is frozen: {overview}"
    );
    let start = Instant::now();
    let goodbye = imap.response().unwrap();
    assert!(goodbye.text.starts_with("* BYE"), "{}", goodbye.text);
    assert!(start.elapsed() < tests::PROMPTLY);
    let refused = Imap::login(port("imaps"), &bert, PASSWORD)
        .err()
        .unwrap()
        .to_string();
    assert!(refused.contains("frozen"), "{refused}");

    let mut smtp = Smtp::connect(port("smtp")).unwrap();
    smtp.deliver(
        "s@elsewhere.example",
        &bert,
        b"Subject: while frozen\r\n\r\nHello\r\n",
    )
    .unwrap();
    script("admin.py", &[&base(&pillarbox), PASSWORD, "unfreeze", &bert]);
    let mut imap = Imap::login(port("imaps"), &bert, PASSWORD).unwrap();
    assert_eq!(imap.count("INBOX").unwrap(), 1);
}

#[test]
fn freezing_on_the_command_line_shuts_every_door() {
    let pillarbox = Pillarbox::office(&["anna", "bert"], &[]).unwrap();
    let bert = format!("bert@{DOMAIN}");
    pillarbox.cli_ok(&["account", "freeze", &bert], "").unwrap();
    assert!(
        pillarbox
            .cli_ok(&["account", "list"], "")
            .unwrap()
            .contains("frozen")
    );
    for (scheme, name) in [("imaps", "imaps"), ("pop3s", "pop3s"), ("smtps", "submissions")] {
        let (succeeded, heard) = try_login(&pillarbox, scheme, name, &bert, PASSWORD);
        assert!(!succeeded && heard.contains("frozen"), "{name}: {heard}");
    }
    pillarbox.cli_ok(&["account", "unfreeze", &bert], "").unwrap();
    Imap::login(pillarbox.port("imaps").unwrap(), &bert, PASSWORD).unwrap();
}

/// Logs in with curl; whether it worked, and the whole conversation.
fn try_login(pillarbox: &Pillarbox, scheme: &str, name: &str, user: &str, password: &str) -> (bool, String) {
    let url = format!("{scheme}://127.0.0.1:{}/", pillarbox.port(name).unwrap());
    let mut curl = Command::new("curl");
    curl.args([
        "-sS",
        "-v",
        "--insecure",
        "-u",
        &format!("{user}:{password}"),
        &url,
    ]);
    if scheme == "smtps" {
        curl.args(["--mail-from", user, "--mail-rcpt", user, "-T", "/dev/null"]);
    }
    let output = curl.output().unwrap();
    (
        output.status.success(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}
