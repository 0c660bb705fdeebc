//! Printers and scanners send without a login: in the house with a clock that a test moves, and at the
//! real binary.

mod firm;

use anyhow::{Context, Result, ensure};
use firm::{Firm, INTRUDER, OFFICE, THIEF};
use firmware::guard::printers;
use firmware::guard::{LAN, Lan};
use proto::refusal::Refusal;
use proto::types::{AccountId, Address};
use std::time::Duration;
use store::{EventKind, SourceClass, StoreError, Terms};
use tests::fake_dns::FakeDns;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::sink::{Behaviour, Sink};
use tests::smtp::Smtp;

const SCANNER: &str = "scanner@firm.example";
const OUT: &str = "client@elsewhere.example";
const SCAN: &[u8] = b"From: Copier <scanner@firm.example>\r\nSubject: Scan\r\n\r\nx\r\n";

fn terms(limit: u32, here_only: bool) -> Terms {
    Terms {
        name: String::new(),
        limit,
        here_only,
    }
}

async fn allow(firm: &Firm, ip: &str, from: &str, terms: Terms) -> Result<AccountId, StoreError> {
    let from = Address::parse(from).unwrap();
    printers::allow(&firm.house, ip.parse().unwrap(), from, terms, "a test").await
}

// With STARTTLS or not, on port 25: what matters is where it comes from and what it says.
async fn scan(firm: &Firm, ip: &str, to: &[&str]) -> Result<(), Refusal> {
    firm.receive(ip, Some(SCANNER), to, SCAN).await
}

#[tokio::test]
async fn a_printer_sends_as_itself_from_its_address_and_nobody_else_does() -> Result<()> {
    let firm = Firm::open().await?;
    let id = allow(&firm, OFFICE, SCANNER, terms(30, false)).await?;
    ensure!(scan(&firm, OFFICE, &[OUT, "ben@firm.example"]).await.is_ok());
    ensure!(firm.queue() == (0, 1) && firm.inbox("ben")?.len() == 1);
    let sent = firm.last("ben")?;
    ensure!(
        sent.contains("\r\nMessage-ID: <") && !sent.contains(OFFICE) && sent.contains("with ESMTP id"),
        "{sent}"
    );
    let (account, _) = printers::find(&firm.house.store.snapshot()?, id)?;
    let printer = account.printer.context("no printer")?;
    ensure!((printer.sent, printer.used) == (1, Some(firm.clock.now())));
    ensure!(printer.terms.name == OFFICE, "named by its address");
    let events = firm.events().await?;
    ensure!(events.iter().any(|event| matches!(
        event,
        EventKind::Sent { account, source: Some(SourceClass::Lan), .. } if *account == id
    )));

    // From elsewhere in the office, from outside, as somebody else in the envelope or in From.
    ensure!(scan(&firm, "192.168.7.11", &[OUT]).await == Err(Refusal::RelayDenied));
    ensure!(matches!(
        scan(&firm, THIEF, &[OUT]).await,
        Err(Refusal::Shielded { .. })
    ));
    let ben = Some("ben@firm.example");
    ensure!(firm.receive(OFFICE, ben, &[OUT], SCAN).await == Err(Refusal::RelayDenied));
    ensure!(firm.receive(OFFICE, None, &[OUT], SCAN).await == Err(Refusal::RelayDenied));
    for from in [
        "From: ben@firm.example",
        "From: scanner@firm.example, ben@firm.example",
        "From: scanner@firm.example\r\nSender: ben@firm.example",
        "Subject: no From",
    ] {
        let message = format!("{from}\r\n\r\nx\r\n");
        let sent = firm
            .receive(OFFICE, Some(SCANNER), &[OUT], message.as_bytes())
            .await;
        ensure!(sent.is_err(), "{from}");
    }
    ensure!(firm.queue() == (0, 1));
    // Without a name and a password there is nothing to log in with, and what comes back is read.
    ensure!(firm.account("scanner").is_err());
    let answer = b"From: client@elsewhere.example\r\nSubject: your scan\r\n\r\nx\r\n";
    firm.receive(THIEF, Some(OUT), &[SCANNER], answer)
        .await
        .map_err(|refusal| anyhow::anyhow!("{refusal:?}"))?;
    ensure!(firm.last("anna")?.contains("Subject: your scan") && firm.last("alma")?.contains("your scan"));
    ensure!(firm.house.store.check()?.is_clean());
    Ok(())
}

#[tokio::test]
async fn a_printer_is_trusted_in_the_offices_network_only() -> Result<()> {
    let firm = Firm::open().await?;
    let refused = allow(&firm, THIEF, SCANNER, terms(30, false)).await;
    ensure!(matches!(&refused, Err(StoreError::CannotChange(words)) if words.contains("network")));
    let foreign = allow(&firm, OFFICE, "scanner@elsewhere.example", terms(30, false)).await;
    ensure!(matches!(&foreign, Err(StoreError::CannotChange(words)) if words.contains("domain")));
    for limit in [0, 1001] {
        ensure!(allow(&firm, OFFICE, SCANNER, terms(limit, false)).await.is_err());
    }
    allow(&firm, OFFICE, SCANNER, terms(30, false)).await?;
    ensure!(
        allow(&firm, OFFICE, SCANNER, terms(30, false)).await.is_err(),
        "twice"
    );
    // Two copiers may share a sender, and one may be a person's.
    allow(&firm, "192.168.7.11", SCANNER, terms(30, false)).await?;
    allow(&firm, "192.168.7.12", "ben@firm.example", terms(30, false)).await?;
    ensure!(scan(&firm, OFFICE, &[OUT]).await.is_ok());
    // The network that it stands in is no longer the office's.
    let lan = Lan {
        networks: vec!["10.0.0.0/8".parse()?],
    };
    firmware::settings::write(&firm.house.store, LAN, &lan).await?;
    ensure!(scan(&firm, OFFICE, &[OUT]).await.is_err());
    ensure!(firm.queue() == (0, 1));
    Ok(())
}

#[tokio::test]
async fn over_its_limit_a_printer_waits_with_the_time_and_the_admins_hear_of_it() -> Result<()> {
    let firm = Firm::open().await?;
    let id = allow(&firm, OFFICE, SCANNER, terms(3, false)).await?;
    for _ in 0..3 {
        ensure!(scan(&firm, OFFICE, &[OUT]).await.is_ok());
        firm.wait(60);
    }
    let refused = scan(&firm, OFFICE, &[OUT]).await.unwrap_err();
    let until = firm::START.plus(3600);
    ensure!(refused == Refusal::Limited { until }, "{refused:?}");
    ensure!(refused.smtp().code == 452, "{refused:?}");
    ensure!(
        scan(&firm, OFFICE, &["ben@firm.example"]).await.is_err(),
        "to people here too"
    );
    firm.tell().await?;
    let notice = firm.last("anna")?;
    ensure!(
        notice.contains(SCANNER) && notice.contains("4 messages in an hour"),
        "{notice}"
    );
    firm.wait(3600);
    ensure!(scan(&firm, OFFICE, &[OUT]).await.is_ok(), "the window has passed");
    // People have windows of their own.
    let ben = b"From: ben@firm.example\r\n\r\nx\r\n";
    ensure!(firm.submit("ben", OFFICE, &[OUT], ben).await.is_ok());
    // A limit that is set holds at once.
    printers::set(&firm.house, id, terms(1, false), "a test").await?;
    ensure!(scan(&firm, OFFICE, &[OUT]).await.is_err());
    Ok(())
}

#[tokio::test]
async fn a_printer_is_kept_inside_paused_frozen_and_forgotten() -> Result<()> {
    let firm = Firm::open().await?;
    let id = allow(&firm, OFFICE, SCANNER, terms(30, true)).await?;
    ensure!(scan(&firm, OFFICE, &[OUT]).await == Err(Refusal::HereOnly));
    ensure!(scan(&firm, OFFICE, &["ben@firm.example"]).await.is_ok());
    printers::set(&firm.house, id, terms(30, false), "a test").await?;
    ensure!(scan(&firm, OFFICE, &[OUT]).await.is_ok());

    printers::pause(&firm.house, id, "a test").await?;
    ensure!(firm.queue() == (1, 1), "what waits is held");
    ensure!(scan(&firm, OFFICE, &["ben@firm.example"]).await == Err(Refusal::Disabled));
    printers::resume(&firm.house, id, "a test").await?;
    ensure!(firm.queue() == (0, 1));
    ensure!(scan(&firm, OFFICE, &[OUT]).await.is_ok());

    firm.house.guard.freeze(id, "it went mad".to_owned()).await?;
    ensure!(matches!(
        scan(&firm, OFFICE, &[OUT]).await,
        Err(Refusal::Frozen { .. })
    ));
    ensure!(firm.queue() == (2, 2));
    let held = printers::remove(&firm.house, id, "a test").await;
    ensure!(matches!(held, Err(StoreError::CannotChange(_))), "{held:?}");
    ensure!(firm.house.guard.discard(id, "a test".to_owned()).await? == 2);
    printers::resume(&firm.house, id, "a test").await?;
    ensure!(scan(&firm, OFFICE, &[OUT]).await.is_ok());
    printers::remove(&firm.house, id, "a test").await?;
    ensure!(firm.queue() == (0, 1), "what it sent before goes on its way");
    ensure!(scan(&firm, OFFICE, &[OUT]).await == Err(Refusal::RelayDenied));
    ensure!(firm.house.store.check()?.is_clean());
    let said = firm.events().await?.into_iter().rev();
    let said: Vec<String> = said
        .filter_map(|event| match event {
            EventKind::PrinterChanged { what, .. } => Some(what),
            _ => None,
        })
        .collect();
    ensure!(
        said == ["allowed", "changed", "paused", "resumed", "resumed", "removed"],
        "{said:?}"
    );
    Ok(())
}

#[tokio::test]
async fn who_was_refused_in_the_office_is_listed_until_he_is_allowed() -> Result<()> {
    let firm = Firm::open().await?;
    for _ in 0..5 {
        ensure!(scan(&firm, OFFICE, &[OUT]).await == Err(Refusal::RelayDenied));
    }
    let elsewhere = Some("x@elsewhere.example");
    ensure!(firm.receive(THIEF, elsewhere, &[OUT], SCAN).await == Err(Refusal::RelayDenied));
    firm.house.ledger.flush().await;
    let tried = printers::tried(&firm.house.store.snapshot()?)?;
    let [row] = tried.as_slice() else {
        anyhow::bail!("{tried:?}")
    };
    ensure!(
        (row.count, row.ip.to_string(), row.from.clone())
            == (5, OFFICE.to_owned(), Some(Address::parse(SCANNER)?))
    );
    let events = firm.events().await?;
    let denied = events
        .iter()
        .filter(|event| matches!(event, EventKind::RelayDenied { .. }));
    ensure!(denied.count() == 2, "folded");
    allow(&firm, OFFICE, SCANNER, terms(30, false)).await?;
    ensure!(printers::tried(&firm.house.store.snapshot()?)?.is_empty());
    Ok(())
}

#[tokio::test]
async fn devices_without_a_sender_and_with_ever_new_ones_are_listed_and_flood_no_ledger() -> Result<()> {
    let firm = Firm::open().await?;
    ensure!(firm.receive(INTRUDER, None, &[OUT], SCAN).await == Err(Refusal::RelayDenied));
    for number in 0..200 {
        let from = format!("scan{number}@firm.example");
        let refused = firm.receive(OFFICE, Some(&from), &[OUT], SCAN).await;
        ensure!(refused == Err(Refusal::RelayDenied), "{refused:?}");
    }
    let events = firm.events().await?;
    let denied = |event: &&EventKind| matches!(event, EventKind::RelayDenied { .. });
    let written = events.iter().filter(denied).count();
    ensure!(written <= 8, "{written} events");
    let tried = printers::tried(&firm.house.store.snapshot()?)?;
    ensure!(tried.iter().map(|row| row.count).sum::<u64>() == 201, "{tried:?}");
    let many: Vec<_> = tried.iter().filter(|row| row.others).collect();
    ensure!(many.len() == 1 && many[0].count == 195, "{tried:?}");
    ensure!(
        tried
            .iter()
            .any(|row| row.from.is_none() && row.ip.to_string() == INTRUDER),
        "{tried:?}"
    );
    Ok(())
}

#[test]
fn at_the_real_box_a_scanner_is_seen_allowed_and_sends_signed_without_tls() -> Result<()> {
    let sink = Sink::start(Behaviour::Accept)?;
    let dns = FakeDns::start()?;
    dns.mx("third.example", 10, "mx.third.example");
    dns.host("mx.third.example", sink.address().ip());
    let (server, port) = (dns.address().to_string(), sink.address().port().to_string());
    let mut office = Pillarbox::office(&["anna"], &["--dns", &server, "--relay-port", &port])?;
    let from = format!("scanner@{DOMAIN}");
    let mail = format!("MAIL FROM:<{from}>");
    let rcpt = "RCPT TO:<x@third.example>";
    let message = format!("From: {from}\r\nSubject: Scan\r\n\r\nx\r\n");

    let mut port25 = Smtp::connect(office.port("smtp")?)?;
    port25.command(&mail, "250")?;
    port25.command(rcpt, "550 5.7.1")?;
    Smtp::connect(office.port("submission")?)?.command(&mail, "530 5.7.0")?;
    let refused: serde_json::Value =
        serde_json::from_str(&office.cli_ok(&["printer", "refused", "--json"], "")?)?;
    ensure!(
        refused[0]["from"] == from.as_str() && refused[0]["ip"] == "127.0.0.1",
        "{refused}"
    );
    let allowed = office.cli_ok(
        &["printer", "allow", "127.0.0.1", &from, "--limit", "3", "--json"],
        "",
    )?;
    let allowed: serde_json::Value = serde_json::from_str(&allowed)?;
    let id = allowed["id"].to_string();

    for (count, door) in (1..).zip(["smtp", "submission"]) {
        let mut scanner = Smtp::connect(office.port(door)?)?;
        scanner.deliver(&from, "x@third.example", message.as_bytes())?;
        let caught = sink.wait_for(count, Duration::from_secs(30))?;
        let data = String::from_utf8_lossy(&caught[count - 1].data).into_owned();
        ensure!(
            data.contains("DKIM-Signature:") && data.contains("\r\nMessage-ID:"),
            "{data}"
        );
    }
    // As a person from the same address: still a login.
    let mut submission = Smtp::connect(office.port("submission")?)?;
    submission.command(&format!("MAIL FROM:<anna@{DOMAIN}>"), "530")?;
    let probe = format!("scanner@{DOMAIN}:{PASSWORD}");
    let login = std::process::Command::new("curl")
        .args(["--silent", "--insecure", "--user", &probe])
        .arg(format!("imaps://127.0.0.1:{}/INBOX", office.port("imaps")?))
        .output()?;
    ensure!(!login.status.success(), "a printer logged in");

    office.kill()?;
    office.restart()?;
    let mut scanner = Smtp::connect(office.port("smtp")?)?;
    scanner.deliver(&from, "x@third.example", message.as_bytes())?;
    scanner.command(&mail, "250")?;
    scanner.command(rcpt, "250")?;
    scanner.command("DATA", "354")?;
    scanner.send(message.as_bytes())?;
    let limited = scanner.command(".", "452 4.7.1")?;
    ensure!(limited.contains("it may send again at"), "{limited}");
    let list: serde_json::Value = serde_json::from_str(&office.cli_ok(&["printer", "list", "--json"], "")?)?;
    ensure!(
        list[0]["state"] == "limited" && list[0]["sent"] == 3 && list[0]["until"].is_string(),
        "{list}"
    );
    office.cli_ok(&["printer", "resume", &id], "")?;
    scanner.deliver(&from, &format!("anna@{DOMAIN}"), message.as_bytes())?;
    office.cli_ok(&["printer", "pause", &id], "")?;
    scanner.command(&mail, "525 5.7.13")?;
    office.cli_ok(&["printer", "discard", &id], "")?; // the pause may have caught some
    office.cli_ok(&["printer", "remove", &id], "")?;
    scanner.command(&mail, "250")?;
    scanner.command(rcpt, "550 5.7.1")?;
    ensure!(!office.cli(&["printer", "pause", &id], "")?.status.success());

    // The sender may be of any of the office's domains, and of no other.
    office.cli_ok(&["domain", "add", "second.example"], "")?;
    let second = "scanner@second.example";
    office.cli_ok(&["printer", "allow", "127.0.0.1", second], "")?;
    scanner.command("RSET", "250")?;
    scanner.command(&format!("MAIL FROM:<{second}>"), "250")?;
    scanner.command(rcpt, "250")?;
    let strange = office.cli(&["printer", "allow", "127.0.0.1", "scanner@third.example"], "")?;
    let words = String::from_utf8_lossy(&strange.stderr).into_owned();
    ensure!(words.contains("one of the office's own domains"), "{words}");
    Ok(())
}
