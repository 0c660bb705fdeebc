//! The greylist at the real binary: a stranger whose mail looks bad waits once, and nobody who is known
//! ever does, a restart of the box in between or not.

use anyhow::{Context, Result, bail, ensure};
use firmware::dkim;
use proto::types::Domain;
use std::time::Duration;
use tests::fake_dns::FakeDns;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::smtp::Smtp;

fn anna() -> String {
    format!("anna@{DOMAIN}")
}

// A box whose callers are judged though they are near.
fn open(dns: &FakeDns, delay: &str) -> Result<Pillarbox> {
    let server = dns.address().to_string();
    let office = Pillarbox::office(&["anna", "ben"], &["--dns", &server, "--judge-loopback"])?;
    office.cli_ok(&["guard", "set", "lan=10.0.0.0/8"], "")?;
    office.cli_ok(&["judge", "set", "junk-at", "20"], "")?;
    office.cli_ok(&["greylist", "set", "--for", "suspicious", "--delay", delay], "")?;
    for domain in [
        "stranger.example",
        "other.example",
        "friend.example",
        "proven.example",
    ] {
        dns.mx(domain, 10, &format!("mx.{domain}"));
        dns.host(&format!("mx.{domain}"), "127.0.0.1".parse()?);
        dns.txt(domain, "v=spf1 -all"); // it looks bad
    }
    Ok(office)
}

fn mail(from: &str) -> Vec<u8> {
    format!(
        "From: {from}\r\nTo: {}\r\nSubject: Hello\r\n\r\nHello.\r\n",
        anna()
    )
    .into_bytes()
}

// What is answered to a message.
fn bring(office: &Pillarbox, from: &str, message: &[u8]) -> Result<String> {
    let mut smtp = Smtp::connect(office.port("smtp")?)?;
    smtp.command("EHLO client.example", "250")?;
    smtp.command(&format!("MAIL FROM:<{from}>"), "250")?;
    smtp.command(&format!("RCPT TO:<{}>", anna()), "250")?;
    smtp.command("DATA", "354")?;
    smtp.send(message)?;
    smtp.command(".", "")
}

// As a server does that comes again until it is let in.
fn come_again(office: &Pillarbox, from: &str) -> Result<()> {
    for _ in 0..600 {
        let answer = bring(office, from, &mail(from))?;
        if answer.starts_with("250 ") {
            return Ok(());
        }
        ensure!(answer.starts_with("451 4.7.1 "), "{answer}");
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("{from} was never let in")
}

fn taken(office: &Pillarbox, from: &str) -> Result<()> {
    let answer = bring(office, from, &mail(from))?;
    ensure!(answer.starts_with("250 "), "{from}: {answer}");
    Ok(())
}

#[test]
fn a_stranger_waits_once_and_is_known_from_then_on_after_a_restart_too() -> Result<()> {
    let dns = FakeDns::start()?;
    let mut office = open(&dns, "2")?;
    let first = bring(&office, "x@stranger.example", &mail("x@stranger.example"))?;
    ensure!(
        first.starts_with("451 4.7.1 ") && first.contains("Send the message again"),
        "{first}"
    );
    come_again(&office, "x@stranger.example")?;
    let told: serde_json::Value = serde_json::from_str(&office.cli_ok(&["judge", "recent", "--json"], "")?)?;
    let id = told[0]["id"].as_str().context("no id")?;
    let words = office.cli_ok(&["explain", id], "")?;
    ensure!(
        words.contains("It did not have to wait: it came again after it was asked to."),
        "{words}"
    );
    // From here on a stranger would wait for an hour.
    office.cli_ok(&["greylist", "set", "--delay", "3600"], "")?;
    for _ in 0..3 {
        taken(&office, "x@stranger.example")?;
    }
    // He who waits is remembered, too: the same words with the same time.
    let waits = bring(&office, "y@other.example", &mail("y@other.example"))?;
    ensure!(waits.starts_with("451 4.7.1 "), "{waits}");
    office.stop()?;
    office.restart()?;
    taken(&office, "x@stranger.example")?;
    let still = bring(&office, "y@other.example", &mail("y@other.example"))?;
    ensure!(still == waits, "{still} and before {waits}");
    let state: serde_json::Value =
        serde_json::from_str(&office.cli_ok(&["greylist", "status", "--json"], "")?)?;
    ensure!(state["known"] == 1 && state["waiting"] == 1, "{state}");
    Ok(())
}

#[test]
fn whom_somebody_wrote_to_and_who_is_allowed_and_proven_never_wait() -> Result<()> {
    let dns = FakeDns::start()?;
    let mut office = open(&dns, "3600")?;
    let keys = dkim::generate(1)?;
    let domain = Domain::parse("proven.example")?;
    for record in dkim::dns_records(&keys, &domain) {
        dns.txt(&record.name, &record.text);
    }
    let plain = mail("ann@proven.example");
    let end = plain
        .windows(4)
        .position(|octets| octets == b"\r\n\r\n")
        .context("no header")?
        + 4;
    let mut signed = dkim::Signer::new(&keys, &domain)?.sign(&plain[..end], &plain[end..])?;
    signed.extend_from_slice(&plain);
    office.cli_ok(&["senders", "allow", "proven.example"], "")?;

    let mut letter = Smtp::submissions(office.port("submissions")?, &anna(), PASSWORD)?;
    let octets = format!(
        "From: {}\r\nTo: fred@friend.example\r\nSubject: Hello\r\n\r\nHello.\r\n",
        anna()
    );
    letter.deliver(&anna(), "fred@friend.example", octets.as_bytes())?;

    for restarted in [false, true] {
        if restarted {
            office.stop()?;
            office.restart()?;
        }
        taken(&office, "fred@friend.example")?;
        let answer = bring(&office, "ann@proven.example", &signed)?;
        ensure!(answer.starts_with("250 "), "{answer}");
        // Somebody else there nobody wrote to, and who only says that he is the one allowed waits.
        for stranger in ["gina@friend.example", "ann@proven.example"] {
            let answer = bring(&office, stranger, &mail(stranger))?;
            ensure!(answer.starts_with("451 4.7.1 "), "{stranger}: {answer}");
        }
    }
    Ok(())
}
