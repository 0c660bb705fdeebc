//! The real binary sends mail to another server: submitted over TLS, signed, relayed, verified.

use anyhow::{Context, Result, ensure};
use firmware::dkim;
use firmware::settings;
use mail_auth::{AuthenticatedMessage, DkimResult, MessageAuthenticator};
use proto::types::Domain;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use store::{Options, Store};
use tests::fake_dns::FakeDns;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::sink::{Behaviour, Caught};

const PATIENCE: Duration = Duration::from_secs(30);

// Submits with curl, which owes nothing to us.
fn submit(office: &Pillarbox, door: &str, to: &[&str], message: &str) -> Result<()> {
    let file = office.data().join("outgoing.eml");
    std::fs::write(&file, message)?;
    let scheme = if door == "submissions" { "smtps" } else { "smtp" };
    let mut curl = Command::new("curl");
    curl.args(["--silent", "--show-error", "--insecure", "--ssl-reqd", "--crlf"])
        .arg(format!("{scheme}://127.0.0.1:{}/client.lan", office.port(door)?))
        .args(["--user", &format!("anna@{DOMAIN}:{PASSWORD}")])
        .args(["--mail-from", &format!("anna@{DOMAIN}")])
        .arg("--upload-file")
        .arg(&file);
    for to in to {
        curl.args(["--mail-rcpt", to]);
    }
    let output = curl.output().context("curl is not there")?;
    ensure!(
        output.status.success(),
        "curl: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

fn letter(subject: &str, body: &str) -> String {
    format!("From: Anna <anna@{DOMAIN}>\nTo: x@third.example\nSubject: {subject}\n\n{body}")
}

// The results of DKIM verification by the records that the box's own keys ask for.
fn verify(data: &Path, dns: &FakeDns, mail: &Caught) -> Result<Vec<DkimResult>> {
    let store = Store::open(data, &Options::default())?;
    let keys = settings::read::<dkim::Keys>(&store.snapshot()?, settings::DKIM)?.context("no keys")?;
    for record in dkim::dns_records(&keys, &Domain::parse(DOMAIN)?) {
        dns.txt(&record.name, &record.text);
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let library = MessageAuthenticator(tests::fake_dns::resolver(dns)?);
        let message = AuthenticatedMessage::parse(&mail.data).context("no message")?;
        let results = library.verify_dkim(&message).await;
        Ok(results.iter().map(|r| r.result().clone()).collect())
    })
}

#[test]
fn a_submitted_mail_reaches_another_server_signed_and_verifies() -> Result<()> {
    let (mut office, sink, dns) = Pillarbox::with_sink(Behaviour::Accept)?;
    for (count, door) in (1..).zip(["submissions", "submission"]) {
        let body = format!("Grüße\n.a dot\n{}", "0123456789 abcdefghij\n".repeat(60_000));
        let local = format!("ben@{DOMAIN}");
        submit(&office, door, &["x@third.example", &local], &letter(door, &body))?;
        let caught = sink.wait_for(count, PATIENCE)?;
        let mail = &caught[count - 1];
        assert!(mail.tls);
        assert_eq!(mail.helo, format!("mail.{DOMAIN}"));
        assert_eq!(mail.to, ["<x@third.example>"]);
        let text = String::from_utf8(mail.data.clone())?;
        let (header, rest) = text.split_once("\r\n\r\n").context("no empty line")?;
        assert!(rest == body.replace('\n', "\r\n"));
        assert!(
            header.contains("with ESMTPSA") && !header.contains("127.0.0.1"),
            "{header}"
        );
        assert!(!header.contains("client.lan"), "{header}");
    }
    assert_eq!(office.stop()?, Some(0));
    for mail in sink.caught() {
        let results = verify(office.data(), &dns, &mail)?;
        assert_eq!(results, [DkimResult::Pass, DkimResult::Pass]);
    }
    let store = Store::open(office.data(), &Options::default())?;
    assert_eq!(store.snapshot()?.queue_len()?, 0);
    assert!(store.check()?.is_clean());
    Ok(())
}

#[test]
fn a_box_killed_while_it_sends_sends_again_after_the_restart() -> Result<()> {
    let (mut office, sink, _dns) = Pillarbox::with_sink(Behaviour::Stall)?;
    submit(
        &office,
        "submissions",
        &["x@third.example"],
        &letter("once more", "text\n"),
    )?;
    let start = Instant::now();
    while sink.stalled() == 0 {
        ensure!(start.elapsed() < PATIENCE, "the box never sent");
        std::thread::sleep(Duration::from_millis(20));
    }
    office.kill()?;
    sink.behave(Behaviour::Accept);
    office.restart()?;
    let caught = sink.wait_for(1, PATIENCE)?;
    assert!(String::from_utf8_lossy(&caught[0].data).contains("\r\nSubject: once more\r\n"));
    Ok(())
}

#[test]
fn a_refused_mail_comes_back_to_its_sender() -> Result<()> {
    let (office, _sink, _dns) = Pillarbox::with_sink(Behaviour::Reject)?;
    submit(
        &office,
        "submission",
        &["x@third.example"],
        &letter("to nobody", "text\n"),
    )?;
    let start = Instant::now();
    let read = loop {
        let read = Command::new("curl")
            .args(["--silent", "--insecure"])
            .arg(format!(
                "imaps://127.0.0.1:{}/INBOX;MAILINDEX=1",
                office.port("imaps")?
            ))
            .args(["--user", &format!("anna@{DOMAIN}:{PASSWORD}")])
            .output()?;
        if !read.stdout.is_empty() {
            break String::from_utf8(read.stdout)?;
        }
        ensure!(start.elapsed() < PATIENCE, "no notice came");
        std::thread::sleep(Duration::from_millis(100));
    };
    for part in [
        "Subject: Not delivered: to nobody\r\n",
        "mx.third.example said: 550 5.1.1 no such user here",
        "Final-Recipient: rfc822; x@third.example\r\nAction: failed\r\nStatus: 5.1.1\r\n",
    ] {
        assert!(read.contains(part), "{part}: {read}");
    }
    Ok(())
}

#[test]
fn events_tell_how_mail_was_protected_and_signatures_are_checked_until_an_admin_says_no() -> Result<()> {
    let (mut office, sink, _dns) = Pillarbox::with_sink(Behaviour::Accept)?;
    let state = |office: &Pillarbox, switch: &[&str]| -> Result<String> {
        let command = [&["transport", "dnssec"], switch, &["--json"]].concat();
        let shown: serde_json::Value = serde_json::from_str(&office.cli_ok(&command, "")?)?;
        Ok(shown["dnssec"].as_str().context("no state")?.to_owned())
    };
    assert_eq!(state(&office, &[])?, "unknown");
    let letter = letter("how", "text\n");
    submit(&office, "submissions", &["x@third.example"], &letter)?;
    sink.wait_for(1, PATIENCE)?;
    let start = Instant::now();
    loop {
        let told = office.cli_ok(&["events", "--kind", "relayed"], "")?;
        if told
            .contains("mx.third.example took mail for x@third.example (TLS 1.3, certificate not verified): ")
        {
            break;
        }
        ensure!(start.elapsed() < PATIENCE, "{told}");
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(state(&office, &[])?, "missing");
    assert_eq!(state(&office, &["off"])?, "off");
    office.kill()?;
    office.restart()?;
    assert_eq!(state(&office, &[])?, "off");
    assert_eq!(state(&office, &["on"])?, "unknown");
    assert_eq!(
        office.cli_ok(&["transport", "policies", "--json"], "")?.trim(),
        "[]"
    );
    Ok(())
}
