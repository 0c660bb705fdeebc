//! The filter learns from what people do with their mail in any mail program.

use anyhow::{Result, ensure};
use serde_json::Value;
use std::time::{Duration, Instant};
use tests::fake_dns::FakeDns;
use tests::imap::Imap;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::smtp::Smtp;

const SPAM: &str = "Dear winner, collect your casino bonus now: https://bonus.casino.example/claim";
const HAM: &str = "Here are the minutes of Tuesday's meeting about the new storage shelves.";

fn status(pillarbox: &Pillarbox) -> Result<Value> {
    Ok(serde_json::from_str(
        &pillarbox.cli_ok(&["bayes", "status", "--json"], "")?,
    )?)
}

/// Waits until so many messages are learnt as spam and as no spam.
fn learnt(pillarbox: &Pillarbox, spam: u64, ham: u64) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let status = status(pillarbox)?;
        if (status["spam"].as_u64(), status["ham"].as_u64()) == (Some(spam), Some(ham)) {
            return Ok(());
        }
        ensure!(Instant::now() < deadline, "wanted {spam} and {ham}: {status}");
        std::thread::sleep(Duration::from_millis(200));
    }
}

fn receive(pillarbox: &Pillarbox, count: usize, from: &str, text: &str) -> Result<()> {
    let mut smtp = Smtp::connect(pillarbox.port("smtp")?)?;
    for n in 0..count {
        let message = format!(
            "From: {from}\r\nTo: anna@{DOMAIN}\r\nSubject: number {n}\r\nMessage-ID: <{n}.{from}>\r\n\r\n{text}\r\n"
        );
        smtp.deliver(from, &format!("anna@{DOMAIN}"), message.as_bytes())?;
    }
    Ok(())
}

#[test]
fn moving_mail_into_junk_and_out_again_teaches_once_and_takes_it_back() -> Result<()> {
    let mut pillarbox = Pillarbox::office(&["anna"], &[])?;
    receive(&pillarbox, 3, "win@casino.example", SPAM)?;
    receive(&pillarbox, 2, "ben@partner.example", HAM)?;
    let mut anna = Imap::login(pillarbox.port("imaps")?, &format!("anna@{DOMAIN}"), PASSWORD)?;
    anna.ok("SELECT INBOX")?;
    anna.ok("MOVE 1:3 Junk")?;
    learnt(&pillarbox, 3, 0)?;
    anna.ok("SELECT Junk")?;
    anna.ok("MOVE 1 INBOX")?; // it was none after all
    learnt(&pillarbox, 2, 1)?;
    anna.ok("COPY 1:2 Trash")?; // says nothing
    anna.ok("SELECT INBOX")?;
    anna.ok("STORE 1 +FLAGS (\\Answered)")?;
    learnt(&pillarbox, 2, 2)?;
    anna.ok("STORE 2 +FLAGS ($Junk)")?;
    learnt(&pillarbox, 3, 2)?;
    anna.ok("STORE 2 FLAGS ($NotJunk)")?;
    learnt(&pillarbox, 2, 3)?;
    // What was learnt survives a restart and is learnt once.
    pillarbox.kill()?;
    pillarbox.restart()?;
    learnt(&pillarbox, 2, 3)?;
    let anna = format!("anna@{DOMAIN}");
    let again = pillarbox.cli_ok(&["bayes", "train", &anna, "Junk", "spam", "--json"], "")?;
    ensure!(serde_json::from_str::<Value>(&again)?["learnt"] == 0, "{again}");
    let turned = pillarbox.cli_ok(&["bayes", "train", &anna, "Junk", "ham", "--json"], "")?;
    ensure!(serde_json::from_str::<Value>(&turned)?["learnt"] == 2, "{turned}");
    learnt(&pillarbox, 0, 5)?;
    pillarbox.cli_ok(&["bayes", "forget"], "")?;
    ensure!(status(&pillarbox)?["tokens"] == 0);
    let check = pillarbox.cli_ok(&["check", "--json"], "")?;
    ensure!(serde_json::from_str::<Value>(&check)?["clean"] == true, "{check}");
    Ok(())
}

// Programs without MOVE copy, and delete what was there.
#[test]
fn moving_by_copy_and_expunge_teaches_as_a_move_does() -> Result<()> {
    let pillarbox = Pillarbox::office(&["anna"], &[])?;
    receive(&pillarbox, 2, "win@casino.example", SPAM)?;
    let mut anna = Imap::login(pillarbox.port("imaps")?, &format!("anna@{DOMAIN}"), PASSWORD)?;
    anna.ok("SELECT INBOX")?;
    for command in ["COPY 1:2 Junk", "STORE 1:2 +FLAGS (\\Deleted)", "EXPUNGE"] {
        anna.ok(command)?;
    }
    learnt(&pillarbox, 2, 0)?;
    anna.ok("SELECT Junk")?;
    for command in [
        "UID COPY 1 INBOX",
        "UID STORE 1 +FLAGS (\\Deleted)",
        "UID EXPUNGE 1",
    ] {
        anna.ok(command)?;
    }
    learnt(&pillarbox, 1, 1)
}

#[test]
fn a_message_put_into_junk_by_a_program_is_learnt() -> Result<()> {
    let pillarbox = Pillarbox::office(&["anna"], &[])?;
    let mut anna = Imap::login(pillarbox.port("imaps")?, &format!("anna@{DOMAIN}"), PASSWORD)?;
    let message = format!("From: x@y.example\r\n\r\n{SPAM}\r\n");
    // LITERAL-: a small literal needs no answer first (RFC 7888 5).
    anna.ok(&format!("APPEND Junk {{{}+}}\r\n{message}", message.len()))?;
    learnt(&pillarbox, 1, 0)?;
    anna.ok(&format!("APPEND Sent {{{}+}}\r\n{message}", message.len()))?;
    learnt(&pillarbox, 1, 0)
}

#[test]
fn the_command_line_keeps_the_lists_of_senders_and_the_greylist() -> Result<()> {
    let pillarbox = Pillarbox::office(&["anna"], &[])?;
    pillarbox.cli_ok(&["senders", "allow", "Shop.Example", "--note", "ours"], "")?;
    pillarbox.cli_ok(&["senders", "block", "*.casino.example", "--days", "30"], "")?;
    let rows: Value = serde_json::from_str(&pillarbox.cli_ok(&["senders", "list", "--json"], "")?)?;
    let shown = |n: usize| format!("{} {}", rows[n]["who"], rows[n]["list"]);
    ensure!(shown(0) == "\".casino.example\" \"block\"", "{rows}");
    ensure!(
        rows[0]["until"].is_string() && rows[1]["until"].is_null(),
        "{rows}"
    );
    ensure!(
        shown(1) == "\"shop.example\" \"allow\"" && rows[1]["note"] == "ours",
        "{rows}"
    );
    pillarbox.cli_ok(&["senders", "remove", "shop.example"], "")?;
    ensure!(
        pillarbox
            .cli_ok(&["senders", "remove", "shop.example"], "")
            .is_err()
    );
    ensure!(
        pillarbox
            .cli_ok(&["senders", "allow", "not a domain"], "")
            .is_err()
    );
    pillarbox.cli_ok(&["greylist", "set", "--for", "strangers", "--delay", "60"], "")?;
    let status: Value = serde_json::from_str(&pillarbox.cli_ok(&["greylist", "status", "--json"], "")?)?;
    ensure!(status["for"] == "strangers" && status["delay"] == 60, "{status}");
    ensure!(
        pillarbox
            .cli_ok(&["greylist", "set", "--delay", "999999"], "")
            .is_err()
    );
    ensure!(pillarbox.cli_ok(&["bayes", "set", "--minimum", "0"], "").is_err());
    Ok(())
}

#[test]
fn what_is_like_junk_lands_in_junk_until_it_is_taken_out_again() -> Result<()> {
    let dns = FakeDns::start()?;
    let dns_at = dns.address().to_string();
    let pillarbox = Pillarbox::office(&["anna"], &["--dns", &dns_at, "--judge-loopback"])?;
    pillarbox.cli_ok(&["guard", "set", "lan=10.0.0.0/8"], "")?; // the senders here are strangers
    pillarbox.cli_ok(&["greylist", "set", "--for", "off"], "")?;
    pillarbox.cli_ok(&["bayes", "set", "--minimum", "3"], "")?;
    receive(&pillarbox, 6, "win@casino.example", SPAM)?;
    receive(&pillarbox, 6, "ben@partner.example", HAM)?;
    let mut anna = Imap::login(pillarbox.port("imaps")?, &format!("anna@{DOMAIN}"), PASSWORD)?;
    // Nothing was learnt yet. (The box tells anna of her login from a new network: not counted.)
    ensure!(anna.count("Junk")? == 0);
    anna.ok("SELECT INBOX")?;
    anna.ok("MOVE 1:6 Junk")?;
    anna.ok("STORE 1:6 +FLAGS (\\Answered)")?;
    learnt(&pillarbox, 6, 6)?;

    receive(&pillarbox, 1, "lucky@casino.example", SPAM)?;
    receive(&pillarbox, 1, "carla@partner.example", HAM)?;
    ensure!(from(&mut anna, "Junk", "casino.example")? == 7);
    ensure!(from(&mut anna, "INBOX", "carla@partner.example")? == 1);

    anna.ok("SELECT Junk")?;
    anna.ok("MOVE 1:7 INBOX")?;
    learnt(&pillarbox, 0, 13)?;
    receive(&pillarbox, 1, "again@casino.example", SPAM)?;
    ensure!(from(&mut anna, "INBOX", "casino.example")? == 8);
    Ok(())
}

/// How many messages in a mailbox are from there.
fn from(imap: &mut Imap, mailbox: &str, sender: &str) -> Result<usize> {
    imap.ok(&format!("EXAMINE {mailbox}"))?;
    let found = imap.ok(&format!("SEARCH FROM {sender}"))?;
    let numbers = found.iter().filter_map(|line| line.text.strip_prefix("* SEARCH"));
    Ok(numbers.flat_map(str::split_whitespace).count())
}
