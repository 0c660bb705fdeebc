//! A stolen password at the real binary: noticed, stopped, and what was not sent yet stays here.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use std::io::{BufRead, BufReader, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};
use tests::fake_dns::FakeDns;
use tests::imap::Imap;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::sink::{Behaviour, Sink};
use tests::smtp::Smtp;
use tests::tls::{self, TlsStream};

const PATIENCE: Duration = Duration::from_secs(30);

/// The box, a server that takes mail and one that wants everybody to come again later. To the box
/// this machine is a network that nobody was seen in before.
struct Scene {
    office: Pillarbox,
    willing: Sink,
    slow: Sink,
    _dns: FakeDns,
}

impl Scene {
    fn open() -> Result<Self> {
        let willing = Sink::start(Behaviour::Accept)?;
        let port = willing.address().port();
        let slow = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2)), port);
        let slow = Sink::start_at(slow, Behaviour::Greylist(10_000))?;
        let dns = FakeDns::start()?;
        for (domain, sink) in [("willing.example", &willing), ("slow.example", &slow)] {
            dns.mx(domain, 10, &format!("mx.{domain}"));
            dns.host(&format!("mx.{domain}"), sink.address().ip());
        }
        let server = dns.address().to_string();
        let options = ["--dns", &server, "--relay-port", &port.to_string()];
        let office = Pillarbox::office(&["anna", "bert"], &options)?;
        office.cli_ok(&["guard", "set", "lan=10.0.0.0/8"], "")?;
        Ok(Self {
            office,
            willing,
            slow,
            _dns: dns,
        })
    }

    fn guard(&self, args: &[&str]) -> Result<Value> {
        let args = [&["guard"], args, &["--json"]].concat();
        Ok(serde_json::from_str(&self.office.cli_ok(&args, "")?)?)
    }

    fn panel(&self) -> Result<Value> {
        let shown = self.office.cli_ok(&["status", "--json"], "")?;
        let screen: Value = serde_json::from_str(&shown)?;
        Ok(screen.get("Running").context("the box does not run")?.clone())
    }
}

struct Submission(BufReader<TlsStream>);

impl Submission {
    fn login(port: u16, user: &str) -> Result<Self> {
        let mut session = Self(BufReader::new(tls::wrap(tls::tcp(port)?)?));
        session.reply()?;
        session.say("EHLO thief.example\r\n")?;
        session.reply()?;
        session.say("AUTH LOGIN\r\n")?;
        session.reply()?;
        for secret in [user, PASSWORD] {
            session.say(&format!("{}\r\n", base64(secret)))?;
            session.reply()?;
        }
        Ok(session)
    }

    fn say(&mut self, text: &str) -> Result<()> {
        Ok(self.0.get_mut().write_all(text.as_bytes())?)
    }

    fn reply(&mut self) -> Result<String> {
        loop {
            let mut line = String::new();
            ensure!(self.0.read_line(&mut line)? > 0, "closed");
            if line.as_bytes().get(3) != Some(&b'-') {
                return Ok(line);
            }
        }
    }

    // Sends one message; what the box says to its final dot, or to what it refused before.
    fn send(&mut self, from: &str, to: &str) -> Result<String> {
        self.say(&format!("MAIL FROM:<{from}>\r\nRCPT TO:<{to}>\r\nDATA\r\n"))?;
        let replies = [self.reply()?, self.reply()?, self.reply()?];
        if let Some(refused) = replies.iter().find(|reply| !reply.starts_with(['2', '3'])) {
            return Ok(refused.clone());
        }
        self.say(&format!("From: {from}\r\nSubject: win\r\n\r\nwin\r\n.\r\n"))?;
        self.reply()
    }
}

fn base64(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

// Five sessions at once, ten messages each; how many were taken, and everything else that was heard.
fn spam(port: u16, user: &str) -> Result<(usize, Vec<String>)> {
    // All are in before the first message: whoever comes later is refused and made to wait.
    let thieves: Result<Vec<_>> = (0..5).map(|_| Submission::login(port, user)).collect();
    let threads: Vec<_> = (0..)
        .zip(thieves?)
        .map(|(session, mut thief): (u32, Submission)| {
            let user = user.to_owned();
            std::thread::spawn(move || {
                let mut heard = Vec::<String>::new();
                for n in 0..10 {
                    let domain = if n % 2 == 0 { "slow" } else { "willing" };
                    // Whoever is refused again and again is answered ever more slowly.
                    let refused = heard.iter().filter(|reply| !reply.starts_with("250")).count();
                    match thief.send(&user, &format!("v{session}x{n}@{domain}.example")) {
                        Ok(reply) if refused < 2 => heard.push(reply),
                        Ok(_) | Err(_) => break, // or cut
                    }
                }
                heard
            })
        })
        .collect();
    let mut heard = Vec::new();
    for thread in threads {
        heard.extend(thread.join().map_err(|_| anyhow::anyhow!("a session panicked"))?);
    }
    let (taken, refused): (Vec<_>, Vec<_>) = heard.into_iter().partition(|reply| reply.starts_with("250"));
    Ok((taken.len(), refused))
}

fn wait_until(what: &str, mut is: impl FnMut() -> Result<bool>) -> Result<()> {
    let begun = Instant::now();
    while !is()? {
        ensure!(begun.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(())
}

#[test]
fn a_stolen_password_sends_no_more_than_the_limit_and_the_rest_waits_for_the_admin() -> Result<()> {
    let scene = Scene::open()?;
    let (imaps, submissions) = (scene.office.port("imaps")?, scene.office.port("submissions")?);
    let bert = format!("bert@{DOMAIN}");
    let mut reader = Imap::login(imaps, &bert, PASSWORD)?;
    reader.ok("SELECT INBOX")?;

    let (taken, refused) = spam(submissions, &bert)?;
    ensure!(taken == 15, "{taken} messages were taken: {refused:?}");
    let told =
        |reply: &String| reply.contains("frozen: 16 messages in an hour from a new network (15 are allowed)");
    ensure!(refused.iter().any(told), "{refused:?}");
    let cut = Instant::now();
    ensure!(format!("{:?}", reader.response()?).contains("BYE"));
    ensure!(
        cut.elapsed() < tests::PROMPTLY,
        "the cut took {:?}",
        cut.elapsed()
    );
    for refused in [
        Imap::login(imaps, &bert, PASSWORD)
            .err()
            .map(|error| error.to_string()),
        Some(Submission::login(submissions, &bert)?.send(&bert, "x@slow.example")?),
    ] {
        let refused = refused.context("a frozen account came in")?;
        ensure!(refused.contains("frozen") || refused.contains("530"), "{refused}");
    }
    Smtp::connect(scene.office.port("smtp")?)?.deliver(
        "friend@elsewhere.example",
        &bert,
        b"Subject: still\r\n\r\nhere\r\n",
    )?;

    // The same numbers everywhere.
    let mut shown = Value::Null;
    wait_until("every message has left or is held", || {
        shown = scene.guard(&["status", &bert])?;
        let left = shown["left"].as_array().map_or(0, Vec::len) as u64;
        Ok(left + shown["held"].as_u64().unwrap_or_default() == 15)
    })?;
    let held = shown["held"].as_u64().context("no number")?;
    ensure!(held >= 5, "{shown:#}");
    ensure!(
        shown["state"] == "frozen" && shown["counts"]["new_messages"] == 15,
        "{shown:#}"
    );
    let trip = &shown["trip"];
    ensure!(
        trip["counter"] == "new_messages" && trip["count"] == 16 && trip["limit"] == 15,
        "{shown:#}"
    );
    ensure!(trip["networks"] == json!(["127.0.0.0/24"]), "{shown:#}");
    let panel = scene.panel()?;
    ensure!(
        panel["frozen"] == json!([bert]) && panel["held"] == held,
        "{panel:#}"
    );
    ensure!(panel["sent_today"] == 15, "{panel:#}");
    ensure!(scene.willing.caught().len() as u64 == 15 - held);

    scene.guard(&["acknowledge", &bert])?;
    let panel = scene.panel()?;
    ensure!(
        panel["frozen"] == json!([]) && panel["frozen_seen"] == json!([bert]),
        "{panel:#}"
    );

    // Given back, it may send half; what is held stays until somebody says what to do with it.
    let given_back = scene.guard(&["unfreeze", &bert])?;
    ensure!(
        given_back["unfrozen"] == true && given_back["held"] == held,
        "{given_back:#}"
    );
    scene.slow.behave(Behaviour::Accept);
    let count = scene.guard(&["release", &bert])?;
    ensure!(count["released"] == held, "{count:#}");
    wait_until("all has left", || {
        Ok(scene.slow.caught().len() + scene.willing.caught().len() == 15)
    })?;
    ensure!(scene.panel()?["held"] == 0);
    let shown = scene.guard(&["status", &bert])?;
    ensure!(
        shown["state"] == "active" && shown["limits"]["new_messages"] == 8,
        "{shown:#}"
    );
    // Beside the box's own letters the friend's is there.
    let mut reader = Imap::login(imaps, &bert, PASSWORD)?;
    reader.ok("SELECT INBOX")?;
    let mut letters = String::new();
    for number in 1..=reader.count("INBOX")? {
        letters.push_str(&String::from_utf8_lossy(&reader.body(number)?));
    }
    ensure!(letters.contains("Subject: still"), "{letters}");
    Ok(())
}

#[test]
fn discarded_mail_is_gone_counts_outlive_a_kill_and_the_last_admin_is_never_frozen() -> Result<()> {
    let mut scene = Scene::open()?;
    let bert = format!("bert@{DOMAIN}");
    let anna = format!("anna@{DOMAIN}");
    let mut session = Submission::login(scene.office.port("submissions")?, &bert)?;
    for n in 0..10 {
        let reply = session.send(&bert, &format!("v{n}@slow.example"))?;
        ensure!(reply.starts_with("250"), "{reply}");
    }
    // A plug pulled out forgets nothing that was taken over.
    scene.office.kill()?;
    scene.office.restart()?;
    let (taken, refused) = spam(scene.office.port("submissions")?, &bert)?;
    ensure!(taken == 5, "{taken} messages were taken: {refused:?}");
    ensure!(scene.guard(&["discard", &bert])?["discarded"].as_u64() > Some(10));
    ensure!(scene.panel()?["held"] == 0 && scene.panel()?["frozen"] == json!([bert]));
    scene.office.cli_ok(&["check"], "")?;

    let (taken, refused) = spam(scene.office.port("submissions")?, &anna)?;
    ensure!(taken == 15, "{taken} messages were taken");
    ensure!(
        refused.iter().any(|reply| reply.starts_with("452 4.7.1")),
        "{refused:?}"
    );
    let shown = scene.guard(&["status", &anna])?;
    ensure!(
        shown["state"] == "limited" && shown["trip"]["last_admin"] == true,
        "{shown:#}"
    );
    Imap::login(scene.office.port("imaps")?, &anna, PASSWORD)?;
    let troubles = scene.panel()?["troubles"].to_string();
    ensure!(
        troubles.contains(&format!("last admin limited, not frozen: {anna}")),
        "{troubles}"
    );
    Ok(())
}

#[test]
fn limits_out_of_range_are_refused_in_words_and_nothing_changes() -> Result<()> {
    let scene = Scene::open()?;
    let before = scene.guard(&["limits"])?;
    for wrong in [
        "new_messages=0",
        "recipients=x",
        "action=shout",
        "lan=moon",
        "colour=red",
    ] {
        let output = scene
            .office
            .cli(&["guard", "set", "known_messages=7", wrong], "")?;
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        let (name, _) = wrong.split_once('=').unwrap_or_default();
        ensure!(
            !output.status.success() && words.contains(name),
            "{wrong}: {words}"
        );
    }
    ensure!(scene.guard(&["limits"])? == before);
    let refused = scene
        .office
        .cli_ok(&["events", "--kind", "setting_refused", "--json"], "")?;
    ensure!(refused.matches("stays as it is").count() == 5, "{refused}");
    let bert = format!("bert@{DOMAIN}");
    scene.guard(&["set", "--account", &bert, "new_messages=2", "action=limit"])?;
    let mut session = Submission::login(scene.office.port("submissions")?, &bert)?;
    for n in 0..2 {
        ensure!(
            session
                .send(&bert, &format!("v{n}@slow.example"))?
                .starts_with("250")
        );
    }
    let reply = session.send(&bert, "v@slow.example")?;
    ensure!(
        reply.starts_with("452 4.7.1") && reply.contains("again at"),
        "{reply}"
    );
    ensure!(scene.guard(&["status", &bert])?["state"] == "limited");
    Ok(())
}
