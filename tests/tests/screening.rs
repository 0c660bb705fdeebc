//! Somebody who guesses passwords is shut out, told why and until when, and let in again.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::io::{Read, Write};
use tests::imap::Imap;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::tls;

/// An office where this machine is a stranger.
fn office() -> Result<Pillarbox> {
    let pillarbox = Pillarbox::office(&["anna"], &[])?;
    pillarbox.cli_ok(&["guard", "set", "lan=10.0.0.0/8"], "")?;
    pillarbox.cli_ok(&["guard", "rules", "--set", "address-passwords=3"], "")?;
    Ok(pillarbox)
}

fn json(pillarbox: &Pillarbox, args: &[&str]) -> Result<Value> {
    let shown = pillarbox.cli_ok(&[args, &["--json"]].concat(), "")?;
    Ok(serde_json::from_str(&shown)?)
}

fn wrong(pillarbox: &Pillarbox, password: &str) -> Result<String> {
    let refused = Imap::login(pillarbox.port("imaps")?, &format!("anna@{DOMAIN}"), password)
        .err()
        .context("came in")?;
    Ok(format!("{refused:#}"))
}

/// What a door says to a caller, without its being asked for anything.
fn greeting(pillarbox: &Pillarbox, door: &str) -> Result<String> {
    let stream = tls::tcp(pillarbox.port(door)?)?;
    let mut said = String::new();
    if door.ends_with('s') {
        let mut stream = tls::wrap(stream)?;
        if matches!(door, "https" | "links") {
            stream.write_all(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")?;
        }
        let _ = stream.read_to_string(&mut said); // however it ends
    } else {
        let mut stream = stream;
        let _ = stream.read_to_string(&mut said);
    }
    Ok(said)
}

#[test]
fn a_guesser_is_shut_out_at_every_door_told_why_and_let_in_again_from_the_command_line() -> Result<()> {
    let mut pillarbox = office()?;
    // The same wrong password again and again is one guess.
    for password in ["old", "old", "old", "older"] {
        let said = wrong(&pillarbox, password)?;
        ensure!(said.contains("AUTHENTICATIONFAILED"), "{said}");
    }
    let said = wrong(&pillarbox, "oldest")?;
    let why = "3 different wrong passwords within 60 minutes";
    ensure!(said.contains(why) && said.contains("blocked until"), "{said}");

    for (door, begin) in [
        ("smtp", "421 4.7.0 Your address is blocked until "),
        ("submissions", "421 4.7.0 Your address is blocked until "),
        ("imap", "* BYE [LIMIT] Your address is blocked until "),
        ("imaps", "* BYE [LIMIT] Your address is blocked until "),
        ("pop3s", "-ERR [SYS/TEMP] Your address is blocked until "),
        ("https", "HTTP/1.1 429 "),
        ("links", "HTTP/1.1 429 "),
    ] {
        let said = greeting(&pillarbox, door)?;
        ensure!(said.starts_with(begin) && said.contains(why), "{door}: {said}");
        let later = said.contains("\r\nretry-after: ") && said.contains(" GMT\r\n");
        ensure!(later == matches!(door, "https" | "links"), "{door}: {said}");
    }
    let blocked = json(&pillarbox, &["guard", "blocked"])?;
    ensure!(
        blocked[0]["who"] == "127.0.0.1" && blocked[0]["why"] == why,
        "{blocked}"
    );
    let status = json(&pillarbox, &["status"])?;
    ensure!(status["Running"]["blocked"] == 1, "{status}");
    ensure!(status["Running"]["failed_today"] == 5, "{status}");
    let logins = json(
        &pillarbox,
        &["guard", "logins", "--from", "127.0.0.0/8", "--protocol", "imap"],
    )?;
    ensure!(logins[0]["count"] == 5 && logins[0]["known"] == true, "{logins}");

    // Pulling the plug does not let anybody in.
    pillarbox.kill()?;
    pillarbox.restart()?;
    ensure!(greeting(&pillarbox, "imaps")?.contains(why));
    pillarbox.cli_ok(&["guard", "unblock", "127.0.0.1"], "")?;
    let again = pillarbox.cli(&["guard", "unblock", "127.0.0.1"], "")?;
    ensure!(String::from_utf8_lossy(&again.stderr).contains("127.0.0.1 is not blocked"));
    Imap::login(pillarbox.port("imaps")?, "anna", PASSWORD)?;
    Ok(())
}

#[test]
fn the_block_list_shuts_out_for_a_time_or_for_ever_and_the_allow_list_comes_first() -> Result<()> {
    let pillarbox = office()?;
    let block = ["guard", "block", "127.0.0.0/8", "--note", "spam"];
    pillarbox.cli_ok(&[&block[..], &["--for", "1h"]].concat(), "")?;
    let said = greeting(&pillarbox, "smtp")?;
    ensure!(
        said.starts_with("421 4.7.0 Your address is blocked until "),
        "{said}"
    );
    ensure!(said.contains("an administrator blocked it: spam"), "{said}");
    pillarbox.cli_ok(&block, "")?;
    let said = greeting(&pillarbox, "smtp")?;
    ensure!(said.starts_with("554 5.7.1 Your address is blocked: "), "{said}");
    let said = greeting(&pillarbox, "pop3")?;
    ensure!(
        said.starts_with("-ERR [SYS/PERM] Your address is blocked: "),
        "{said}"
    );
    pillarbox.cli_ok(&["guard", "allow", "127.0.0.1"], "")?;
    Imap::login(pillarbox.port("imaps")?, "anna", PASSWORD)?;
    let lists = json(&pillarbox, &["guard", "lists"])?;
    ensure!(lists.as_array().is_some_and(|lists| lists.len() == 2), "{lists}");
    for list in [["block", "127.0.0.0/8"], ["allow", "127.0.0.1"]] {
        pillarbox.cli_ok(&[&["guard", "remove"][..], &list[..]].concat(), "")?;
    }
    ensure!(json(&pillarbox, &["guard", "lists"])? == serde_json::json!([]));
    for nonsense in [
        &["guard", "block", "nowhere"][..],
        &["guard", "block", "127.0.0.1", "--for", "1y"],
        &["guard", "rules", "--set", "errors=0"],
        &["guard", "mail", "--mode", "sometimes"],
    ] {
        let output = pillarbox.cli(nonsense, "")?;
        ensure!(
            !output.status.success() && !output.stderr.is_empty(),
            "{nonsense:?}"
        );
    }
    Ok(())
}
