//! The guard and the end of the day, at the real binary.

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::io::{BufRead, BufReader, Read, Write};
use std::time::Instant;
use tests::imap::Imap;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::smtp::Smtp;
use tests::tls::{self, TlsStream};

fn status(pillarbox: &Pillarbox) -> Result<serde_json::Value> {
    let shown = pillarbox.cli_ok(&["status", "--json"], "")?;
    let screen: serde_json::Value = serde_json::from_str(&shown)?;
    Ok(screen.get("Running").context("the box does not run")?.clone())
}

fn log(pillarbox: &Pillarbox) -> Result<String> {
    Ok(std::fs::read_to_string(pillarbox.data().join("serve.log"))?)
}

#[test]
fn a_frozen_account_is_cut_cannot_come_in_and_still_receives() -> Result<()> {
    let pillarbox = Pillarbox::office(&["anna", "berta"], &[])?;
    let (imaps, smtp) = (pillarbox.port("imaps")?, pillarbox.port("smtp")?);
    let berta = format!("berta@{DOMAIN}");
    let mut reader = Imap::login(imaps, &berta, PASSWORD)?;
    reader.ok("SELECT INBOX")?;

    let begun = Instant::now();
    pillarbox.cli_ok(&["account", "freeze", &berta], "")?;
    let last = reader.response()?;
    ensure!(format!("{last:?}").contains("BYE"), "{last:?}");
    ensure!(
        begun.elapsed() < tests::PROMPTLY,
        "the cut took {:?}",
        begun.elapsed()
    );
    let refused = Imap::login(imaps, &berta, PASSWORD)
        .err()
        .context("a frozen account came in")?;
    ensure!(
        format!("{refused:#}").to_lowercase().contains("frozen"),
        "{refused:#}"
    );

    Smtp::connect(smtp)?.deliver("x@elsewhere.example", &berta, b"Subject: still\r\n\r\nhere\r\n")?;
    let shown = status(&pillarbox)?;
    ensure!(shown["frozen"] == serde_json::json!([berta]), "{shown}");
    ensure!(shown["failed_last_hour"] == 1, "{shown}");

    pillarbox.cli_ok(&["account", "unfreeze", &berta], "")?;
    let mut reader = Imap::login(imaps, &berta, PASSWORD)?;
    ensure!(reader.count("INBOX")? == 1);
    ensure!(status(&pillarbox)?["frozen"] == serde_json::json!([]));
    Ok(())
}

#[test]
fn each_wrong_password_is_one_line_and_one_more_on_the_panel_even_after_a_restart() -> Result<()> {
    let mut pillarbox = Pillarbox::office(&["anna"], &[])?;
    let imaps = pillarbox.port("imaps")?;
    for (user, wrong) in [("anna", "wrong"), ("no\\\"body", "x"), ("anna", "wrong again")] {
        ensure!(Imap::login(imaps, user, wrong).is_err(), "{user} came in");
    }
    let log = log(&pillarbox)?;
    let lines: Vec<&str> = log
        .lines()
        .filter_map(|line| line.split_once("login failed: "))
        .map(|(_, rest)| rest)
        .collect();
    ensure!(
        lines
            == [
                r##"protocol=imap ip=127.0.0.1 account="anna" reason=wrong-password client="""##,
                r##"protocol=imap ip=127.0.0.1 account="no\"body" reason=unknown-account client="""##,
                r##"protocol=imap ip=127.0.0.1 account="anna" reason=wrong-password client="""##,
            ],
        "{lines:#?}"
    );
    ensure!(!log.contains(PASSWORD), "a password in the log");
    ensure!(status(&pillarbox)?["failed_today"] == 3);
    ensure!(pillarbox.stop()? == Some(0));
    pillarbox.restart()?;
    let shown = status(&pillarbox)?;
    ensure!(
        shown["failed_last_hour"] == 3 && shown["worst_source"] == "127.0.0.1",
        "{shown}"
    );
    Ok(())
}

#[test]
fn a_new_password_ends_what_the_old_one_opened() -> Result<()> {
    let pillarbox = Pillarbox::office(&["anna"], &[])?;
    let imaps = pillarbox.port("imaps")?;
    let anna = format!("anna@{DOMAIN}");
    let mut reader = Imap::login(imaps, &anna, PASSWORD)?;
    pillarbox.cli_ok(&["account", "password", &anna], "another-horse-8\n")?;
    let last = reader.response()?;
    ensure!(format!("{last:?}").contains("BYE"), "{last:?}");
    ensure!(
        Imap::login(imaps, &anna, PASSWORD).is_err(),
        "the old password is still good"
    );
    Imap::login(imaps, &anna, "another-horse-8")?;
    Ok(())
}

#[test]
fn going_down_says_goodbye_and_exits_with_success() -> Result<()> {
    let mut pillarbox = Pillarbox::office(&["anna"], &[])?;
    let mut sender = Smtp::connect(pillarbox.port("smtp")?)?;
    let mut reader = Imap::login(pillarbox.port("imaps")?, "anna", PASSWORD)?;
    let waiting = std::thread::spawn(move || {
        (
            sender.expect("421"),
            reader.response().map(|last| format!("{last:?}")),
        )
    });
    ensure!(pillarbox.stop()? == Some(0), "{}", log(&pillarbox)?);
    let (smtp, imap) = waiting.join().ok().context("the waiting thread died")?;
    smtp?;
    ensure!(imap?.contains("BYE"));
    ensure!(!pillarbox.data().join("control.sock").exists());
    Ok(())
}

#[test]
fn the_command_line_says_what_is_wrong() -> Result<()> {
    let mut pillarbox = Pillarbox::office(&["anna"], &[])?;
    let anna = format!("anna@{DOMAIN}");
    for (arguments, input, words) in [
        (
            vec!["account", "create", &anna],
            "pw-horse-123\n",
            "exists already",
        ),
        (
            vec!["account", "create", "x@elsewhere.example"],
            "pw-horse-123\n",
            "in no domain of this box",
        ),
        (
            vec!["account", "create", "not an address"],
            "pw\n",
            "an address looks like",
        ),
        (
            vec!["account", "create", "new@firm.example"],
            "",
            "standard input",
        ),
        (
            vec!["account", "freeze", "nobody@firm.example"],
            "",
            "there is no account",
        ),
    ] {
        let output = pillarbox.cli(&arguments, input)?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(
            !output.status.success() && said.contains(words),
            "{arguments:?}: {said}"
        );
    }
    let accounts: Vec<serde_json::Value> =
        serde_json::from_str(&pillarbox.cli_ok(&["account", "list", "--json"], "")?)?;
    ensure!(
        accounts.len() == 1 && accounts[0]["address"] == anna.as_str(),
        "{accounts:?}"
    );
    let created = accounts[0]["created"].as_str().context("no date")?;
    ensure!(created > "2026-01-01T00:00:00Z", "{created}");

    pillarbox.stop()?;
    let output = pillarbox.cli(&["account", "list"], "")?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    ensure!(
        !output.status.success() && said.contains("no Pillarbox is running"),
        "{said}"
    );
    let report: serde_json::Value = serde_json::from_str(&pillarbox.cli_ok(&["check", "--json"], "")?)?;
    ensure!(report["clean"] == true && report["accounts"] == 1, "{report}");
    Ok(())
}

/// A session that has come as far as this: what is sent, and how the line begins that is waited for.
fn session(pillarbox: &Pillarbox, door: &str, steps: &[(&str, &str)]) -> Result<BufReader<TlsStream>> {
    let mut session = BufReader::new(tls::wrap(tls::tcp(pillarbox.port(door)?)?)?);
    for (said, wanted) in steps {
        if !said.is_empty() {
            session.get_mut().write_all(format!("{said}\r\n").as_bytes())?;
        }
        let mut line = String::new();
        while !line.starts_with(wanted) {
            line.clear();
            ensure!(session.read_line(&mut line)? > 0, "{door} closed after {said}");
        }
    }
    Ok(session)
}

#[test]
fn a_freeze_says_why_in_every_open_session_and_at_every_door() -> Result<()> {
    let pillarbox = Pillarbox::office(&["anna", "bert"], &[])?;
    let bert = format!("bert@{DOMAIN}");
    let (login, pass) = (format!("a LOGIN {bert} {PASSWORD}"), format!("PASS {PASSWORD}"));
    let user = format!("USER {bert}");
    let plain = format!("AUTH PLAIN {}", STANDARD.encode(format!("\0{bert}\0{PASSWORD}")));
    let open = |pass_says: [&str; 3]| -> Result<[BufReader<TlsStream>; 3]> {
        let imap: &[(&str, &str)] = &[("", "* OK"), (&login, pass_says[0])];
        let pop3: &[(&str, &str)] = &[("", "+OK"), (&user, "+OK"), (&pass, pass_says[1])];
        let smtp: &[(&str, &str)] = &[("", "220"), ("EHLO x", "250 "), (&plain, pass_says[2])];
        Ok([
            session(&pillarbox, "imaps", imap)?,
            session(&pillarbox, "pop3s", pop3)?,
            session(&pillarbox, "submissions", smtp)?,
        ])
    };
    let sessions = open(["a OK", "+OK", "235"])?;
    pillarbox.cli_ok(
        &["account", "freeze", &bert, "--reason", "the laptop was stolen"],
        "",
    )?;
    for (mut session, goodbye) in
        sessions
            .into_iter()
            .zip(["* BYE [CONTACTADMIN] ", "-ERR [SYS/PERM] ", "421 "])
    {
        let mut last = String::new();
        session.read_line(&mut last)?;
        ensure!(
            last.starts_with(goodbye) && last.contains("frozen: the laptop was stolen"),
            "{goodbye}: {last}"
        );
        let mut rest = Vec::new();
        let _ = session.read_to_end(&mut rest); // whether TLS was said goodbye to or not
        ensure!(rest.is_empty(), "{}", String::from_utf8_lossy(&rest));
    }
    open([
        "a NO [CONTACTADMIN] This account is frozen: the laptop was stolen",
        "-ERR [SYS/PERM] This account is frozen: the laptop was stolen",
        "525 5.7.13 This account is frozen: the laptop was stolen",
    ])?;
    Ok(())
}
