//! Domains, aliases and what stands behind a name, at the real binary: mail arrives once where it
//! should, leaves signed by the domain it says, and nobody else's is taken.

use anyhow::{Context, Result, bail, ensure};
use firmware::dkim;
use firmware::settings::{self, Office};
use mail_auth::{AuthenticatedMessage, DkimResult, MessageAuthenticator};
use proto::types::Domain;
use std::process::Command;
use std::time::{Duration, Instant};
use store::{Options, Store};
use tests::fake_dns::FakeDns;
use tests::imap::Imap;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::sink::{Behaviour, Sink};
use tests::smtp::Smtp;

const PATIENCE: Duration = Duration::from_secs(60);
const SECOND: &str = "second.example";
const THIRD: &str = "third.example";

fn json(pillarbox: &Pillarbox, args: &[&str]) -> Result<serde_json::Value> {
    let args = [args, &["--json"]].concat();
    Ok(serde_json::from_str(&pillarbox.cli_ok(&args, "")?)?)
}

// The main domain with anna and ben; the second with its names and its own carl; the third, which catches
// the rest for ben.
fn office(options: &[&str]) -> Result<Pillarbox> {
    let pillarbox = Pillarbox::office(&["anna", "ben"], options)?;
    let carl = format!("carl@{SECOND}");
    for args in [
        &["domain", "add", SECOND, "--same-names"][..],
        &["domain", "add", THIRD],
        &["domain", "set", THIRD, "--catch-all", "ben"],
        &["alias", "put", "info", "anna", "--send-as"],
        &["alias", "put", "sales", "info", "ben"],
        &["alias", "put", "all", "sales", "anna"],
        &["alias", "put", "shop@third.example", "anna", "--send-as"],
    ] {
        pillarbox.cli_ok(args, "")?;
    }
    pillarbox.cli_ok(&["account", "create", &carl], &format!("{PASSWORD}\n"))?;
    pillarbox.cli_ok(&["alias", "put", "all", "sales", "anna", &carl], "")?;
    Ok(pillarbox)
}

#[test]
fn mail_to_every_kind_of_name_arrives_once_where_it_should() -> Result<()> {
    let pillarbox = office(&["--dns", "127.0.0.1:9"])?;
    let port = pillarbox.port("smtp")?;
    let (anna, ben, carl) = ("anna", "ben", "carl");
    // Together in one transaction: one copy for each account.
    for (recipients, inboxes) in [
        (vec!["anna@firm.example"], vec![anna]),
        (vec!["ANNA@Second.example"], vec![anna]),
        (vec!["anna+shop@firm.example"], vec![anna]),
        (vec!["info+x@second.example"], vec![anna]),
        (vec!["sales@firm.example"], vec![anna, ben]),
        (vec!["All@firm.example"], vec![anna, ben, carl]),
        (vec!["carl@second.example"], vec![carl]),
        (vec!["shop@third.example"], vec![anna]),
        (vec!["whoever@third.example"], vec![ben]),
        (vec!["postmaster@firm.example"], vec![anna]),
        (vec!["abuse@second.example"], vec![anna]),
        (vec!["Postmaster@third.example"], vec![anna]),
        (
            vec![
                "sales@firm.example",
                "info@firm.example",
                "anna@second.example",
                "ben+x@firm.example",
            ],
            vec![anna, ben],
        ),
    ] {
        let before = store_counts(&pillarbox)?;
        let mut smtp = Smtp::connect(port)?;
        smtp.command("MAIL FROM:<x@elsewhere.example>", "250")?;
        for to in &recipients {
            smtp.command(&format!("RCPT TO:<{to}>"), "250")?;
        }
        smtp.command("DATA", "354")?;
        smtp.send(b"From: x@elsewhere.example\r\nSubject: one\r\n\r\nx\r\n")?;
        smtp.command(".", "250")?;
        let after = store_counts(&pillarbox)?;
        for ((name, before), (_, after)) in before.into_iter().zip(after) {
            let wanted = u32::from(inboxes.contains(&name));
            ensure!(
                after - before == wanted,
                "{recipients:?}: {name} got {}",
                after - before
            );
        }
    }
    let mut smtp = Smtp::connect(port)?;
    smtp.command("MAIL FROM:<x@elsewhere.example>", "250")?;
    for (to, code) in [
        ("nobody@firm.example", "550"),
        ("carl@firm.example", "550"),
        ("nobody@second.example", "550"),
        ("release+token@third.example", "550"),
        ("anna@elsewhere.example", "55"),
    ] {
        smtp.command(&format!("RCPT TO:<{to}>"), code)?;
    }
    Ok(())
}

#[test]
fn a_list_counts_as_one_recipient_for_whoever_writes_to_it() -> Result<()> {
    let pillarbox = office(&["--dns", "127.0.0.1:9"])?;
    pillarbox.cli_ok(&["guard", "set", "recipients=2", "action=limit"], "")?;
    let anna = format!("anna@{DOMAIN}");
    let before = store_counts(&pillarbox)?;
    // Three people, twice: two recipients.
    for _ in 0..2 {
        ensure!(submit(&pillarbox, &anna, &anna, "all@firm.example")?, "refused");
    }
    for ((name, before), (_, after)) in before.into_iter().zip(store_counts(&pillarbox)?) {
        ensure!(after - before == 2, "{name} got {}", after - before);
    }
    ensure!(
        !submit(&pillarbox, &anna, &anna, "all@firm.example")?,
        "the limit is two"
    );
    Ok(())
}

fn store_counts(pillarbox: &Pillarbox) -> Result<Vec<(&'static str, u32)>> {
    let mut counts = Vec::new();
    for (name, domain) in [("anna", DOMAIN), ("ben", DOMAIN), ("carl", SECOND)] {
        let mut imap = Imap::login(pillarbox.port("imaps")?, &format!("{name}@{domain}"), PASSWORD)?;
        counts.push((name, imap.count("INBOX")?));
    }
    Ok(counts)
}

fn submit(pillarbox: &Pillarbox, who: &str, from: &str, to: &str) -> Result<bool> {
    let file = pillarbox.data().join("outgoing.eml");
    std::fs::write(
        &file,
        format!("From: {from}\nTo: {to}\nSubject: as {from}\n\ntext\n"),
    )?;
    let output = Command::new("curl")
        .args(["--silent", "--show-error", "--insecure", "--crlf"])
        .arg(format!(
            "smtps://127.0.0.1:{}/client.lan",
            pillarbox.port("submissions")?
        ))
        .args(["--user", &format!("{who}:{PASSWORD}"), "--mail-from", from])
        .args(["--mail-rcpt", to, "--upload-file"])
        .arg(&file)
        .output()
        .context("curl is not there")?;
    Ok(output.status.success())
}

#[test]
fn mail_leaves_signed_by_the_domain_that_its_from_names() -> Result<()> {
    let sink = Sink::start(Behaviour::Accept)?;
    let dns = FakeDns::start()?;
    dns.mx("world.example", 10, "mx.world.example");
    dns.host("mx.world.example", sink.address().ip());
    let (server, port) = (dns.address().to_string(), sink.address().port().to_string());
    let mut pillarbox = office(&["--dns", &server, "--relay-port", &port])?;
    let start = Instant::now();
    loop {
        let domains = json(&pillarbox, &["domain", "list"])?;
        let domains = domains.as_array().context("a list")?;
        ensure!(domains.len() == 3 && domains[0]["main"] == true, "{domains:?}");
        if domains.iter().all(|domain| domain["keys"] == true) {
            break;
        }
        ensure!(start.elapsed() < PATIENCE, "no keys: {domains:?}");
        std::thread::sleep(Duration::from_millis(100));
    }
    let anna = format!("anna@{DOMAIN}");
    let carl = format!("carl@{SECOND}");
    let to = "x@world.example";
    let mut wanted = Vec::new();
    for (who, from, signer) in [
        (&anna, "anna@firm.example", Some(DOMAIN)),
        (&anna, "info@firm.example", Some(DOMAIN)),
        (&anna, "anna+news@firm.example", Some(DOMAIN)),
        (&anna, "anna@second.example", Some(SECOND)),
        (&anna, "shop@third.example", Some(THIRD)),
        (&carl, "carl@second.example", Some(SECOND)),
        // Not theirs, or no sender's name.
        (&anna, "sales@firm.example", None),
        (&anna, "carl@second.example", None),
        (&anna, "whoever@third.example", None),
        (&carl, "carl@firm.example", None),
        (&carl, "shop@third.example", None),
    ] {
        let sent = submit(&pillarbox, who, from, to)?;
        ensure!(sent == signer.is_some(), "{who} as {from}: {sent}");
        wanted.extend(signer.map(|signer| (from, signer)));
    }
    let caught = sink.wait_for(wanted.len(), PATIENCE)?;
    ensure!(pillarbox.stop()? == Some(0));
    let store = Store::open(pillarbox.data(), &Options::default())?;
    let snapshot = store.snapshot()?;
    let office: Office = settings::read(&snapshot, settings::OFFICE)?.context("no office")?;
    for domain in [DOMAIN, SECOND, THIRD] {
        let domain = Domain::parse(domain)?;
        let keys: dkim::Keys =
            settings::read(&snapshot, &settings::dkim_of(&office, &domain))?.context("no keys")?;
        for record in dkim::dns_records(&keys, &domain) {
            dns.txt(&record.name, &record.text);
        }
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let library = MessageAuthenticator(tests::fake_dns::resolver(&dns)?);
    for (from, signer) in wanted {
        let subject = format!("\r\nSubject: as {from}\r\n");
        let is_it = |data: &[u8]| String::from_utf8_lossy(data).contains(&subject);
        let mail = caught.iter().find(|mail| is_it(&mail.data));
        let mail = mail.with_context(|| format!("{from} did not arrive"))?;
        let message = AuthenticatedMessage::parse(&mail.data).context("no message")?;
        let results = runtime.block_on(library.verify_dkim(&message));
        ensure!(results.len() == 2, "{from}: {} signatures", results.len());
        for result in &results {
            let domain = result.signature().map(|signature| signature.d.as_str());
            ensure!(
                *result.result() == DkimResult::Pass,
                "{from}: {:?}",
                result.result()
            );
            ensure!(domain == Some(signer), "{from} is signed by {domain:?}");
        }
    }
    let report = store.check()?;
    ensure!(report.is_clean(), "{report:?}");
    Ok(())
}

#[test]
fn the_command_line_shows_and_changes_names_and_says_what_is_wrong() -> Result<()> {
    let pillarbox = office(&["--dns", "127.0.0.1:9"])?;
    let aliases = json(&pillarbox, &["alias", "list"])?;
    ensure!(aliases.as_array().map(Vec::len) == Some(4), "{aliases}");
    ensure!(json(&pillarbox, &["alias", "plus"])?["separator"] == "+");
    ensure!(json(&pillarbox, &["alias", "plus", "-"])?["separator"] == "-");
    for (args, words) in [
        (&["domain", "add", "second.EXAMPLE"][..], "already"),
        (&["domain", "add", "firm.example"], "already"),
        (&["domain", "add", "nothing"], "no domain, such as"),
        (&["domain", "add", "[192.0.2.1]"], "no domain, such as"),
        (
            &["domain", "remove", "second.example"],
            "accounts or printers in this domain",
        ),
        (&["domain", "remove", "third.example"], "aliases in this domain"),
        (&["domain", "remove", "firm.example"], "main domain stays"),
        (&["domain", "remove", "fourth.example"], "not found"),
        (
            &["domain", "set", "fourth.example", "--same-names", "true"],
            "no domain of this box",
        ),
        (
            &["domain", "set", "firm.example", "--same-names", "true"],
            "main domain",
        ),
        (
            &["domain", "set", "third.example", "--catch-all", "nobody"],
            "no account",
        ),
        (&["alias", "put", "anna", "ben"], "an account with this address"),
        (&["alias", "put", "info", "all"], "back to itself"),
        (
            &["alias", "put", "x", "nobody"],
            "neither an account nor an alias",
        ),
        (
            &["alias", "put", "x", "friend@elsewhere.example"],
            "outside of this box",
        ),
        (
            &["alias", "put", "x@elsewhere.example", "anna"],
            "no domain of this box",
        ),
        (&["alias", "put", "release+x", "anna"], "kept for"),
        (&["alias", "remove", "info"], "Another alias"),
        (&["alias", "plus", "a"], "separator"),
    ] {
        let refused = pillarbox.cli(args, "")?;
        let said = String::from_utf8_lossy(&refused.stderr).into_owned();
        ensure!(
            !refused.status.success() && said.contains(words),
            "{args:?}: {said}"
        );
    }
    let taken = pillarbox.cli(&["account", "create", "info@firm.example"], "pw-horse-123\n")?;
    ensure!(!taken.status.success(), "an account has taken an alias");
    let gone = json(&pillarbox, &["alias", "remove", "shop@third.example"])?;
    ensure!(gone.as_array().map(Vec::len) == Some(3), "{gone}");
    let gone = json(&pillarbox, &["domain", "remove", "third.example"])?;
    ensure!(gone.as_array().map(Vec::len) == Some(2), "{gone}");
    let mut smtp = Smtp::connect(pillarbox.port("smtp")?)?;
    smtp.command("MAIL FROM:<x@elsewhere.example>", "250")?;
    let reply = smtp.command("RCPT TO:<whoever@third.example>", "55");
    if let Err(error) = reply {
        bail!("mail for a domain that is gone: {error}");
    }
    let report: serde_json::Value = json(&pillarbox, &["check"])?;
    ensure!(report["clean"] == true, "{report}");
    Ok(())
}
