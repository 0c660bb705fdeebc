//! The real binary on port 25: what it tells about a message is the same everywhere, and mail that is
//! made to choke a judge is answered, recorded and survived.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::fake_dns::{FakeDns, Lie};
use tests::imap::Imap;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::smtp::Smtp;
use tests::web::Browser;

fn anna() -> String {
    format!("anna@{DOMAIN}")
}

fn open() -> Result<(FakeDns, Pillarbox)> {
    let dns = FakeDns::start()?;
    let server = dns.address().to_string();
    let office = Pillarbox::office(&["anna"], &["--dns", &server, "--judge-loopback"])?;
    office.cli_ok(&["greylist", "set", "--for", "off"], "")?;
    Ok((dns, office))
}

fn recent(office: &Pillarbox) -> Result<Vec<Value>> {
    let told = office.cli_ok(&["judge", "recent", "--json"], "")?;
    Ok(serde_json::from_str(&told)?)
}

fn text<'a>(value: &'a Value, name: &str) -> Result<&'a str> {
    value[name]
        .as_str()
        .with_context(|| format!("no {name} in {value}"))
}

// As the page shows words.
fn escaped(words: &str) -> String {
    let words = words
        .replace('&', "&#38;")
        .replace('<', "&#60;")
        .replace('>', "&#62;");
    words.replace('"', "&#34;").replace('\'', "&#39;")
}

#[test]
fn the_header_the_page_and_the_command_line_tell_the_same() -> Result<()> {
    let (dns, office) = open()?;
    dns.mx("bad.example", 10, "mx.bad.example");
    dns.txt("bad.example", "v=spf1 -all");
    dns.txt("_dmarc.bad.example", "v=DMARC1; p=quarantine");
    dns.mx("odd.example", 10, "mx.odd.example");
    dns.txt("odd.example", "v=spf1 ~all");
    dns.txt("_dmarc.stern.example", "v=DMARC1; p=reject");
    let mut smtp = Smtp::connect(office.port("smtp")?)?;
    for sender in ["x@bad.example", "x@odd.example"] {
        let data = format!("From: {sender}\r\nSubject: Hello\r\n\r\nHello.\r\n");
        smtp.deliver(sender, &anna(), data.as_bytes())?;
    }
    smtp.command("MAIL FROM:<x@odd.example>", "250")?;
    smtp.command(&format!("RCPT TO:<{}>", anna()), "250")?;
    smtp.command("DATA", "354")?;
    smtp.send(b"From: boss@stern.example\r\n\r\nHello.\r\n")?;
    smtp.command(".", "550")?;
    let mut imap = Imap::login(office.port("imaps")?, &anna(), PASSWORD)?;
    let pages = Browser::new(&format!("https://127.0.0.1:{}", office.port("https")?))?;
    pages.sign_in(&anna(), PASSWORD)?;
    let list = pages.page("/received")?;
    let rows = recent(&office)?;
    ensure!(rows.len() == 3, "{rows:?}");
    for (row, (mailbox, place)) in rows.iter().zip([
        (None, "refused"),
        (Some("INBOX"), "in the inbox"),
        (Some("Junk"), "in Junk"),
    ]) {
        let id = text(row, "id")?;
        let told: Value = serde_json::from_str(&office.cli_ok(&["explain", id, "--json"], "")?)?;
        let words = office.cli_ok(&["explain", id], "")?;
        let page = pages.page(&format!("/received/{id}"))?;
        ensure!(list.contains(&format!("/received/{id}")), "{list}");
        let verdict = &told["verdict"];
        let because = text(verdict, "because")?;
        ensure!(words.contains(&format!("is {place}. {because}")), "{words}");
        ensure!(page.contains(place) && page.contains(&escaped(because)), "{page}");
        let mut tests = Vec::new();
        let mut sum = 0;
        for reason in verdict["reasons"].as_array().context("no reasons")? {
            let (what, points) = (
                text(reason, "words")?,
                reason["points"].as_i64().context("no points")?,
            );
            let shown = format!("{:.1}", points as f64 / 10.0);
            sum += points;
            ensure!(
                words.contains(&format!("{shown:>5}  {what}")),
                "{what} is not in {words}"
            );
            ensure!(page.contains(&escaped(what)), "{what} is not in {page}");
            ensure!(page.contains(&format!(">{shown}<")), "{shown} is not in {page}");
            if points != 0 {
                tests.push(format!("{}={shown}", text(reason, "check")?));
            }
        }
        ensure!(verdict["points"].as_i64() == Some(sum), "{verdict}");
        let Some(mailbox) = mailbox else { continue };
        imap.ok(&format!("SELECT {mailbox}"))?;
        let header = String::from_utf8(imap.body(1)?)?.replace("\r\n\t", "");
        ensure!(header.contains(id), "{header}");
        let yes = if mailbox == "Junk" { "Yes" } else { "No" };
        let tests = if tests.is_empty() {
            "none".to_owned()
        } else {
            tests.join(",")
        };
        let score = format!("{:.1}", sum as f64 / 10.0);
        let field = format!("X-Spam-Status: {yes}, score={score} required=5.0tests={tests}\r\n");
        ensure!(header.contains(&field), "{field} is not in {header}");
    }
    Ok(())
}

fn nested(depth: usize) -> String {
    let mut message = "From: x@far.example\r\nSubject: deep\r\nMIME-Version: 1.0\r\n".to_owned();
    for level in 0..depth {
        message += &format!("Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n");
    }
    message + "Content-Type: text/plain\r\n\r\nThe bottom.\r\n"
}

#[test]
fn mail_that_is_made_to_choke_a_judge_is_answered_and_recorded() -> Result<()> {
    let (_dns, office) = open()?;
    let received = "Received: from a by b; Thu, 1 Jan 2026 00:00:00 +0000\r\n";
    let signature = "DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=a; h=from; bh=AAAA; b=AAAA\r\n";
    let end = "From: x@far.example\r\nSubject: x\r\n\r\nHello.\r\n";
    let rows = [
        ("10,000 Received", received.repeat(10_000) + end, "554 5.4.6", ""),
        ("99 Received", received.repeat(99) + end, "250", ""),
        (
            "10,000 From",
            "From: x@far.example\r\n".repeat(10_000) + end,
            "250",
            "exactly one author",
        ),
        (
            "60 signatures",
            signature.repeat(60) + end,
            "250",
            "52 more signatures were not looked at",
        ),
        (
            "9,000 fields that are none",
            "DKIM-Signature: v=1\r\n".repeat(9_000) + end,
            "250",
            "9000 signatures cannot be read",
        ),
        (
            "a header without end",
            "X-A: b\r\n".repeat(50_000) + end,
            "55",
            "",
        ),
        ("200 parts inside of each other", nested(200), "250", ""),
        (
            "no header",
            "\r\nHello.\r\n".to_owned(),
            "250",
            "exactly one author",
        ),
    ];
    let mut smtp = Smtp::connect(office.port("smtp")?)?;
    let mut taken = 0;
    for (row, data, code, words) in &rows {
        smtp.command("MAIL FROM:<x@far.example>", "250")?;
        smtp.command(&format!("RCPT TO:<{}>", anna()), "250")?;
        smtp.command("DATA", "354")?;
        smtp.send(data.as_bytes())?;
        smtp.command(".", code).with_context(|| (*row).to_owned())?;
        if *code != "250" {
            continue;
        }
        taken += 1;
        let told = recent(&office)?;
        ensure!(told.len() == taken, "{row}: {told:?}");
        let explained = office.cli_ok(&["explain", text(&told[0], "id")?], "")?;
        ensure!(explained.contains(words), "{row}: {explained}");
    }
    let events = office.cli_ok(&["events", "--json"], "")?;
    ensure!(
        events.contains("5.4.6") || events.contains("round in circles"),
        "{events}"
    );
    let mut imap = Imap::login(office.port("imaps")?, &anna(), PASSWORD)?;
    let kept = imap.count("INBOX")? + imap.count("Junk")?;
    ensure!(usize::try_from(kept)? == taken, "{kept} of {taken}");
    Ok(())
}

#[test]
fn names_that_lead_a_judge_in_circles_and_answers_that_are_cut_are_survived_and_told() -> Result<()> {
    let (dns, office) = open()?;
    dns.txt("own.example", "v=spf1 include:own.example -all");
    dns.txt("one.example", "v=spf1 redirect=two.example");
    dns.txt("two.example", "v=spf1 include:one.example -all");
    dns.alias("circle.example", "round.example");
    dns.alias("round.example", "circle.example");
    for domain in ["cut.example", "half.example", "never.example"] {
        dns.txt(domain, "v=spf1 -all");
    }
    dns.lie("cut.example", Lie::Truncated);
    dns.lie("half.example", Lie::Half);
    dns.lie("never.example", Lie::NeverWhole);
    let unread = "cannot be read (SPF)";
    let unknown = "could not be found out for now (SPF)";
    let mut smtp = Smtp::connect(office.port("smtp")?)?;
    for (domain, words) in [
        ("own.example", unread),
        ("one.example", unread),
        ("circle.example", unknown),
        ("cut.example", "may not send its mail (SPF)"), // whole over TCP
        ("half.example", unknown),
        ("never.example", unknown),
    ] {
        let sender = format!("x@{domain}");
        let data = format!("From: {sender}\r\nSubject: Hello\r\n\r\nHello.\r\n");
        smtp.deliver(&sender, &anna(), data.as_bytes())?;
        let told = recent(&office)?;
        let explained = office.cli_ok(&["explain", text(&told[0], "id")?], "")?;
        ensure!(
            explained.contains(&sender) && explained.contains(words),
            "{domain}: {explained}"
        );
    }
    Ok(())
}
