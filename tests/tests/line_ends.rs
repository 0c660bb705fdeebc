//! What becomes of line ends at the doors: strangers are refused whatever is not CRLF; our own people's
//! mail, and printers', is mended where that is sure to be meant, and leaves as one message.

use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::time::Duration;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::sink::{Behaviour, Sink};
use tests::smtp::Smtp;

const INNER: &str = "MAIL FROM:<evil@elsewhere.example>\r\nRCPT TO:<x@third.example>\r\nDATA\r\n\
    Subject: inner\r\n\r\nstolen";

/// What somebody may take for the end of the data, and what it becomes where line ends are mended;
/// `None`: the message is refused.
const ENDINGS: [(&[u8], Option<&str>); 14] = [
    (b"\n", Some("\r\n")),
    (b"\n.\n", Some("\r\n.\r\n")),
    (b"\n.\r\n", Some("\r\n.\r\n")),
    (b"\n\n.\r\n", Some("\r\n\r\n.\r\n")),
    (b"\n..\n", Some("\r\n..\r\n")),
    (b"\r\n.\n", Some("\r\n\r\n")),
    (b"\r\n\n.\n", Some("\r\n\r\n.\r\n")),
    (b"\r.\r", None),
    (b"\r.\r\n", None),
    (b"\r\n.\r", None),
    (b"\r\n.\r\r\n", None),
    (b"\n\r.\n", None),
    (b"\r\n\0.\r\n", None),
    (b"\n.\0\n", None),
];

/// Says MAIL and RCPT to one who may submit, or else to a stranger's door for anna.
fn begin(smtp: &mut Smtp, from: &str, to: &str) -> Result<()> {
    smtp.command(&format!("MAIL FROM:<{from}>"), "250")?;
    smtp.command(&format!("RCPT TO:<{to}>"), "250")?;
    Ok(())
}

/// Sends each variant with a second message behind it; those that are taken have to arrive as one each.
fn smuggle(sink: &Sink, smtp: &mut Smtp, from: &str, mended: bool) -> Result<usize> {
    let mut taken = 0;
    for (ending, becomes) in ENDINGS {
        let before = sink.taken();
        let to = if mended {
            "x@third.example".to_owned()
        } else {
            format!("anna@{DOMAIN}")
        };
        begin(smtp, from, &to)?;
        smtp.command("DATA", "354")?;
        smtp.send(format!("From: {from}\r\nSubject: outer\r\n\r\nouter").as_bytes())?;
        smtp.send(ending)?;
        smtp.send(INNER.as_bytes())?;
        let Some(becomes) = becomes.filter(|_| mended) else {
            smtp.command("\r\n.", "554 5.6.0")?;
            smtp.command("NOOP", "250")?;
            continue;
        };
        smtp.command("\r\n.", "250")?;
        smtp.command("NOOP", "250")?;
        let caught = sink.wait_for(before + 1, Duration::from_secs(30))?;
        let message = String::from_utf8(caught[before].data.clone())?;
        let (header, body) = message.split_once("\r\n\r\n").unwrap_or_default();
        ensure!(
            body == format!("outer{becomes}{INNER}\r\n"),
            "{ending:?}: {message:?}"
        );
        ensure!(
            header.contains("Subject: outer") && !header.contains("inner"),
            "{header}"
        );
        ensure!(
            !message.replace("\r\n", "").contains(['\r', '\n', '\0']),
            "{message:?}"
        );
        let hash = BASE64.encode(ring::digest::digest(&ring::digest::SHA256, body.as_bytes()));
        let unfolded = header.replace("\r\n\t", "").replace("\r\n ", "").replace(' ', "");
        ensure!(
            unfolded.contains(&format!("bh={hash}")),
            "signed otherwise: {header}"
        );
        taken += 1;
    }
    Ok(taken)
}

fn sent(office: &Pillarbox, kind: &str) -> Result<usize> {
    let events = office.cli_ok(&["events", "--kind", kind, "--limit", "1000", "--json"], "")?;
    Ok(serde_json::from_str::<Vec<serde_json::Value>>(&events)?.len())
}

#[test]
fn our_own_peoples_mail_is_mended_and_leaves_as_one_message_through_every_door() -> Result<()> {
    let (office, sink, _dns) = Pillarbox::with_sink(Behaviour::Accept)?;
    let (anna, scanner) = (format!("anna@{DOMAIN}"), format!("scanner@{DOMAIN}"));
    office.cli_ok(
        &["printer", "allow", "127.0.0.1", &scanner, "--limit", "1000"],
        "",
    )?;

    let mut stranger = Smtp::connect(office.port("smtp")?)?;
    let taken = smuggle(&sink, &mut stranger, "s@elsewhere.example", false)?;
    ensure!(taken == 0 && sink.taken() == 0);

    let well = ENDINGS.iter().filter(|(_, becomes)| becomes.is_some()).count();
    let mut implicit = Smtp::submissions(office.port("submissions")?, &anna, PASSWORD)?;
    ensure!(smuggle(&sink, &mut implicit, &anna, true)? == well);
    let mut explicit = Smtp::submission(office.port("submission")?, &anna, PASSWORD)?;
    ensure!(smuggle(&sink, &mut explicit, &anna, true)? == well);
    for door in ["submission", "smtp"] {
        let mut printer = Smtp::connect(office.port(door)?)?;
        ensure!(smuggle(&sink, &mut printer, &scanner, true)? == well, "{door}");
    }
    // Each counted once, for whom it came from, and nothing of what was inside.
    ensure!(sink.taken() == 4 * well && sent(&office, "sent")? == 4 * well);
    let printers: serde_json::Value =
        serde_json::from_str(&office.cli_ok(&["printer", "list", "--json"], "")?)?;
    ensure!(printers[0]["sent"] == 2 * well, "{printers}");

    // By count, where a line end may be cut in two; what is binary is no line end at all.
    begin(&mut implicit, &anna, "x@third.example")?;
    implicit.send(format!("BDAT 40\r\nFrom: {anna:<28}\n\nab\n\r").as_bytes())?;
    implicit.expect("250")?;
    implicit.send(b"BDAT 5 LAST\r\n\n.\n\nc")?;
    implicit.expect("250")?;
    let caught = sink.wait_for(4 * well + 1, Duration::from_secs(30))?;
    ensure!(
        caught[4 * well]
            .data
            .ends_with(b"\r\n\r\nab\r\n\r\n.\r\n\r\nc\r\n")
    );
    implicit.command(&format!("MAIL FROM:<{anna}> BODY=BINARYMIME"), "250")?;
    implicit.command("RCPT TO:<x@third.example>", "250")?;
    let binary = format!(
        "From: {anna}\r\nMIME-Version: 1.0\r\nContent-Type: image/x\r\nContent-Transfer-Encoding: binary\r\n\r\n\
         \0\n\r.\n"
    );
    implicit.send(format!("BDAT {} LAST\r\n{binary}", binary.len()).as_bytes())?;
    implicit.expect("250")?;
    let caught = sink.wait_for(4 * well + 2, Duration::from_secs(30))?;
    let wanted = format!("\r\n\r\n{}\r\n", BASE64.encode(b"\0\n\r.\n"));
    ensure!(caught[4 * well + 1].data.ends_with(wanted.as_bytes()));

    // The limits and a freeze hold for it as for any other mail.
    office.cli_ok(
        &["printer", "set", &printers[0]["id"].to_string(), "--limit", "1"],
        "",
    )?;
    let mut printer = Smtp::connect(office.port("smtp")?)?;
    begin(&mut printer, &scanner, "x@third.example")?;
    printer.command("DATA", "354")?;
    printer.send(format!("From: {scanner}\nSubject: Scan\n\nx").as_bytes())?;
    printer.command("\r\n.", "452 4.7.1")?;
    Ok(())
}
