//! The guard and the end of the day, at the real binary.

use anyhow::{Context, Result, ensure};
use proto::types::Timestamp;
use std::time::{Duration, Instant};
use tests::imap::Imap;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::smtp::Smtp;

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
        begun.elapsed() < Duration::from_secs(5),
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
    let begun = Instant::now();
    let waiting = std::thread::spawn(move || {
        (
            sender.expect("421"),
            reader.response().map(|last| format!("{last:?}")),
        )
    });
    ensure!(pillarbox.stop()? == Some(0), "{}", log(&pillarbox)?);
    ensure!(
        begun.elapsed() < Duration::from_secs(10),
        "it took {:?}",
        begun.elapsed()
    );
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
    let created: Timestamp = serde_json::from_value(accounts[0]["created"].clone())?;
    ensure!(created > Timestamp(1_600_000_000));

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
