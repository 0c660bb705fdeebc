//! What every command of the command line answers to a program that asks for JSON.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::collections::BTreeSet;
use std::process::Command;
use std::time::Duration;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox, binary};
use tests::sink::Behaviour;
use tests::smtp::Smtp;

/// Every command that answers in JSON, found in the help.
fn commands(path: &[String], found: &mut BTreeSet<String>) -> Result<()> {
    let help = Command::new(binary()).args(path).arg("--help").output()?;
    let help = String::from_utf8(help.stdout)?;
    let Some((_, list)) = help.split_once("Commands:\n") else {
        if help.contains("--json") {
            found.insert(path.join(" "));
        }
        return Ok(());
    };
    let list = list.split("\n\n").next().unwrap_or_default();
    let names = list.lines().filter_map(|line| line.strip_prefix("  "));
    for name in names.filter_map(|line| line.split(' ').next()) {
        if !name.is_empty() && name != "help" {
            commands(&[path, &[name.to_owned()]].concat(), found)?;
        }
    }
    Ok(())
}

/// Fails on a number that counts seconds since 1970, or a text that does, and on a date far from today.
fn no_seconds(value: &Value, field: &str) -> Result<()> {
    let around_now = 1_000_000_000.0..10_000_000_000.0;
    let number = value.as_f64().or_else(|| value.as_str()?.parse().ok());
    ensure!(
        !number.is_some_and(|n| around_now.contains(&n)),
        "{field} is {value}"
    );
    match value {
        Value::String(text) => ensure!(!text.starts_with("1970-"), "{field} is {text}"),
        Value::Array(rows) => rows.iter().try_for_each(|row| no_seconds(row, field))?,
        Value::Object(fields) => {
            let mut fields = fields.iter();
            fields.try_for_each(|(name, value)| no_seconds(value, &format!("{field}.{name}")))?;
        }
        _ => {}
    }
    Ok(())
}

/// Dates in an answer.
fn dates(value: &Value) -> usize {
    let is_date = |text: &str| {
        let shape = text.bytes().map(|o| if o.is_ascii_digit() { b'0' } else { o });
        shape.eq(*b"0000-00-00T00:00:00Z")
    };
    match value {
        Value::String(text) => usize::from(is_date(text)),
        Value::Array(rows) => rows.iter().map(dates).sum(),
        Value::Object(fields) => fields.values().map(dates).sum(),
        _ => 0,
    }
}

struct Asker {
    commands: BTreeSet<String>,
    unasked: BTreeSet<String>,
}

impl Asker {
    /// Asks and looks at the answer; `words` are the command, then what it needs.
    fn ask(&mut self, at: &Pillarbox, words: &str, input: &str) -> Result<Value> {
        let args: Vec<&str> = words.split(' ').collect();
        let is_it = |name: &&String| words == name.as_str() || words.starts_with(&format!("{name} "));
        let name = self.commands.iter().find(is_it).context(words.to_owned())?;
        self.unasked.remove(name);
        let answer = at.cli_ok(&[&args[..], &["--json"]].concat(), input)?;
        let answer = serde_json::from_str(&answer).with_context(|| answer.clone())?;
        no_seconds(&answer, words)?;
        Ok(answer)
    }

    /// The same, and there has to be a date in the answer.
    fn ask_when(&mut self, at: &Pillarbox, words: &str) -> Result<Value> {
        let answer = self.ask(at, words, "")?;
        ensure!(dates(&answer) > 0, "{words}: no date in {answer}");
        Ok(answer)
    }
}

fn message(from: &str, attachment: usize) -> String {
    let line = "QUJDREVGR0hJSktMTU5PUFFSU1RVVldYWVphYmNkZWZnaGlqa2xtbm9wcXJzdHV2d3h5ejAxMjM0\r\n";
    format!(
        "From: {from}\r\nSubject: s\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n\
         --b\r\n\r\nHello\r\n--b\r\nContent-Type: application/pdf; name=\"a.pdf\"\r\n\
         Content-Transfer-Encoding: base64\r\nContent-Disposition: attachment\r\n\r\n{}--b--\r\n",
        line.repeat(attachment / line.len())
    )
}

#[test]
fn every_command_tells_times_as_dates_and_none_in_seconds() -> Result<()> {
    let mut found = BTreeSet::new();
    commands(&[], &mut found)?;
    let mut asker = Asker {
        unasked: found.clone(),
        commands: found,
    };

    let fresh = Pillarbox::start(&[])?;
    let setup = "setup --domain other.example --hostname mail.other.example --account otto";
    asker.ask(&fresh, setup, &format!("{PASSWORD}\n{PASSWORD}\n"))?;
    drop(fresh);

    let (office, sink, _dns) = Pillarbox::with_sink(Behaviour::Busy)?;
    let (anna, ben, scanner) = (
        format!("anna@{DOMAIN}"),
        format!("ben@{DOMAIN}"),
        format!("scanner@{DOMAIN}"),
    );
    settings(&mut asker, &office)?;
    stranger(&mut asker, &office, &anna)?;
    let allow = format!("printer allow 127.0.0.1 {scanner} --limit 1");

    // A refused printer, a failed login, a judged message, mail that waits, a link.
    let mut door = Smtp::connect(office.port("smtp")?)?;
    door.command(&format!("MAIL FROM:<{scanner}>"), "250")?;
    door.command("RCPT TO:<x@third.example>", "550")?;
    asker.ask_when(&office, "printer refused")?;
    let printer = asker.ask(&office, &allow, "")?["id"].to_string();
    door.command("RSET", "250")?;
    door.deliver(&scanner, &anna, message(&scanner, 0).as_bytes())?;
    door.deliver("x@third.example", &anna, message("x@third.example", 0).as_bytes())?;
    ensure!(Smtp::submissions(office.port("submissions")?, &anna, "wrong").is_err());
    asker.ask(
        &office,
        "links settings --on true --address https://mail.office.example --part 1 --trusted true",
        "",
    )?;
    let mut submission = Smtp::submissions(office.port("submissions")?, &ben, PASSWORD)?;
    submission.deliver(&ben, "x@third.example", message(&ben, 1_500_000).as_bytes())?;
    submission.deliver(&ben, "y@third.example", message(&ben, 0).as_bytes())?;
    let start = std::time::Instant::now();
    while sink.connections() == 0 && start.elapsed() < Duration::from_secs(30) {
        std::thread::sleep(Duration::from_millis(20));
    }

    mail(&mut asker, &office, &ben)?;
    printers(&mut asker, &office, &printer)?;
    accounts(&mut asker, &office, &anna, &ben)?;
    ensure!(asker.unasked.is_empty(), "nobody asked {:?}", asker.unasked);
    Ok(())
}

fn settings(asker: &mut Asker, office: &Pillarbox) -> Result<()> {
    for words in [
        "judge show",
        "judge set junk-at 6",
        "bayes set --minimum 50",
        "bayes status",
        "bayes forget",
        "greylist set --for suspicious",
        "greylist status",
        "transport dnssec",
        "transport policies",
        "smarthost set relay.example --for far.example",
        "smarthost list",
        "smarthost remove --for far.example",
        "domain add second.example",
        "domain list",
        "domain set second.example --same-names true",
        "alias plus +",
        "alias list",
        "dkim life 180",
        "domain remove second.example",
        "guard shield set bank.example lan",
        "guard shield list",
        "guard shield remove bank.example",
        "guard mail",
        "guard rules",
        "guard limits",
        "guard set recipients=200",
        "guard allow 192.0.2.0/24",
        "guard remove allow 192.0.2.0/24",
        "links folder",
        "check",
        "status",
    ] {
        asker.ask(office, words, "")?;
    }
    for words in [
        "clock",
        "senders allow friend@x.example --days 3",
        "senders block enemy@x.example",
        "senders list",
        "guard block 192.0.2.7 --for 7d",
        "guard lists",
        "dkim status",
        "dkim rotate",
        "account list",
        "events",
    ] {
        asker.ask_when(office, words)?;
    }
    asker.ask(office, "senders remove enemy@x.example", "")?;
    Ok(())
}

/// This machine is a stranger for a while, and is shut out.
fn stranger(asker: &mut Asker, office: &Pillarbox, anna: &str) -> Result<()> {
    asker.ask(office, "guard set lan=10.0.0.0/8", "")?;
    asker.ask(office, "guard rules --set address-passwords=3", "")?;
    for password in ["one", "two", "three"] {
        ensure!(Smtp::submissions(office.port("submissions")?, anna, password).is_err());
    }
    asker.ask_when(office, "guard blocked")?;
    asker.ask(office, "guard unblock 127.0.0.1", "")?;
    asker.ask(office, "guard set lan=127.0.0.0/8", "")?;
    Ok(())
}

fn mail(asker: &mut Asker, office: &Pillarbox, ben: &str) -> Result<()> {
    let recent = asker.ask_when(office, "judge recent")?;
    let id = recent[0]["id"].as_str().context("nothing was judged")?.to_owned();
    asker.ask_when(office, &format!("explain {id}"))?;
    asker.ask_when(office, "guard logins")?;
    asker.ask(office, "links check", "")?;
    let link = asker.ask_when(office, &format!("links list {ben}"))?[0]["id"].to_string();
    asker.ask(office, &format!("links password {link}"), "a-Long-one-77\n")?;
    asker.ask_when(office, &format!("links extend {link} --days 9"))?;
    asker.ask(office, &format!("links revoke {link}"), "")?;
    let row = asker.ask_when(office, "queue list")?[0]["row"].to_string();
    asker.ask_when(office, &format!("queue show {row}"))?;
    asker.ask(office, "queue places", "")?;
    asker.ask(office, "queue hold --to third.example", "")?;
    asker.ask_when(office, "queue holds")?;
    for words in ["queue release --all", "queue retry --all", "queue delete --all"] {
        asker.ask(office, words, "")?;
    }
    Ok(())
}

fn printers(asker: &mut Asker, office: &Pillarbox, id: &str) -> Result<()> {
    asker.ask_when(office, "printer list")?;
    for what in ["set", "pause", "release", "discard", "resume", "remove"] {
        asker.ask(office, &format!("printer {what} {id}"), "")?;
    }
    Ok(())
}

fn accounts(asker: &mut Asker, office: &Pillarbox, anna: &str, ben: &str) -> Result<()> {
    let password = format!("{PASSWORD}\n");
    asker.ask(office, &format!("account create carl@{DOMAIN}"), &password)?;
    asker.ask(office, &format!("account password carl@{DOMAIN}"), &password)?;
    asker.ask(office, &format!("alias put sales@{DOMAIN} {anna} {ben}"), "")?;
    asker.ask(office, &format!("alias remove sales@{DOMAIN}"), "")?;
    asker.ask(office, &format!("bayes train {anna} INBOX ham"), "")?;
    let device = asker.ask(office, &format!("account device add {ben} Phone"), "")?["id"].to_string();
    asker.ask_when(office, &format!("account device list {ben}"))?;
    asker.ask(office, &format!("account device revoke {ben} {device}"), "")?;
    for words in [
        "account device office everywhere".to_owned(),
        format!("account device main {ben} office"),
        format!("account totp status {ben}"),
        format!("account totp reset {ben}"),
        format!("guard outside {anna} anna@far.example"),
        format!("account freeze {ben}"),
    ] {
        asker.ask(office, &words, "")?;
    }
    asker.ask_when(office, "guard status")?;
    for words in [
        "guard acknowledge",
        "account unfreeze",
        "guard freeze",
        "guard unfreeze",
    ] {
        asker.ask(office, &format!("{words} {ben}"), "")?;
    }
    for words in ["guard release", "guard discard"] {
        asker.ask(office, &format!("{words} {ben}"), "")?;
    }
    Ok(())
}
