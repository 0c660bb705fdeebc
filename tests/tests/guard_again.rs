//! The rest of the guard at the real binary: what a crash leaves of a notice, device passwords, what a
//! client calls itself, weak passwords.

use anyhow::{Context, Result, ensure};
use proto::types::{Address, Timestamp};
use serde_json::Value;
use std::time::{Duration, Instant};
use store::{AccountState, Counter, Freeze, GuardAction, Options, Store, Trip};
use tests::imap::Imap;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::smtp::Smtp;

const PATIENCE: Duration = Duration::from_secs(30);

fn json(office: &Pillarbox, args: &[&str]) -> Result<Value> {
    let args = [args, &["--json"]].concat();
    Ok(serde_json::from_str(&office.cli_ok(&args, "")?)?)
}

// Everything in the inbox, once there are at least `least`.
fn inbox(office: &Pillarbox, name: &str, least: u32) -> Result<Vec<String>> {
    let begun = Instant::now();
    loop {
        let mut reader = Imap::login(office.port("imaps")?, &format!("{name}@{DOMAIN}"), PASSWORD)?;
        let count = reader.count("INBOX")?;
        if count >= least {
            reader.ok("SELECT INBOX")?;
            let body = |number| Ok(String::from_utf8(reader.body(number)?)?);
            return (1..=count).map(body).collect();
        }
        ensure!(begun.elapsed() < PATIENCE, "{count} messages");
        std::thread::sleep(Duration::from_millis(100));
    }
}

// A freeze is one commit; what a plug pulled right after it leaves is that and nothing else.
#[test]
fn a_box_that_died_between_freeze_and_notice_tells_the_admins_once() -> Result<()> {
    let mut office = Pillarbox::office(&["anna", "bert"], &[])?;
    office.kill()?;
    let store = Store::open(office.data(), &Options::default())?;
    let bert = Address::parse(&format!("bert@{DOMAIN}"))?;
    let bert = store
        .snapshot()?
        .account_by_address(&bert)?
        .context("no bert")?
        .id;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?;
    let at = Timestamp(i64::try_from(now.as_secs())?);
    let trip = Trip {
        id: "abcdefghijkm".to_owned(),
        account: bert,
        counter: Counter::NewMessages,
        count: 16,
        limit: 15,
        window: 3600,
        action: GuardAction::Freeze,
        until: None,
        last_admin: false,
        ip: None,
        networks: Vec::new(),
        protocol: None,
        recipients: Vec::new(),
        taken: 15,
        held: 0,
        watched: false,
    };
    let freeze = Freeze {
        account: bert,
        at,
        reason: "16 messages".to_owned(),
        trip: Some(trip),
        until: at.plus(3600),
    };
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(store.freeze(freeze))?;
    drop(store);
    office.restart()?;
    let told = inbox(&office, "anna", 1)?;
    ensure!(told.len() == 1 && told[0].contains("bert@"), "{told:?}");
    for _ in 0..2 {
        office.kill()?;
        office.restart()?;
        // Whatever is told at a start is told before this letter comes.
        Smtp::connect(office.port("smtp")?)?.deliver(
            "x@elsewhere.example",
            &format!("anna@{DOMAIN}"),
            b"Subject: later\r\n\r\nx\r\n",
        )?;
    }
    std::thread::sleep(Duration::from_secs(2));
    let told = inbox(&office, "anna", 3)?;
    let notices = told
        .iter()
        .filter(|message| message.contains("Reply-To: <release+"));
    ensure!(notices.count() == 1, "{told:?}");
    office.stop()?;
    let store = Store::open(office.data(), &Options::default())?;
    let state = store.snapshot()?.account(bert)?.context("no bert")?.state;
    ensure!(matches!(state, AccountState::Frozen { .. }));
    ensure!(store.check()?.is_clean());
    Ok(())
}

#[test]
fn a_device_password_opens_imap_the_main_one_no_longer_does_and_it_is_revoked() -> Result<()> {
    let office = Pillarbox::office(&["anna"], &[])?;
    let (anna, imaps) = (format!("anna@{DOMAIN}"), office.port("imaps")?);
    let mut main = Imap::login(imaps, &anna, PASSWORD)?;
    let made = json(&office, &["account", "device", "add", &anna, "Anna's phone"])?;
    let password = made["password"].as_str().context("no password")?.to_owned();
    let cut = main.response()?;
    ensure!(cut.text.contains("BYE") && cut.text.contains("device"), "{cut:?}");
    let mut phone = Imap::login(imaps, &anna, &password)?;
    phone.ok("SELECT INBOX")?;
    let refused = Imap::login(imaps, &anna, PASSWORD)
        .err()
        .context("the main one opened")?;
    let refused = format!("{refused:#}");
    ensure!(
        refused.contains("The main password opens the web pages only"),
        "{refused}"
    );
    let list = json(&office, &["account", "device", "list", &anna])?;
    ensure!(
        list[0]["network"] == "127.0.0.0/24" && list[0]["used"].is_string(),
        "{list}"
    );
    let id = made["id"].to_string();
    office.cli_ok(&["account", "device", "revoke", &anna, &id], "")?;
    let cut = phone.response()?;
    ensure!(cut.text.contains("BYE"), "{cut:?}");
    ensure!(Imap::login(imaps, &anna, &password).is_err(), "revoked, and open");
    Ok(())
}

#[test]
fn what_a_client_calls_itself_is_kept_with_its_failed_login() -> Result<()> {
    let office = Pillarbox::office(&["anna"], &[])?;
    let anna = format!("anna@{DOMAIN}");
    let output = std::process::Command::new("curl")
        .args(["--silent", "--insecure", "--user", &format!("{anna}:wrong-one-9")])
        .args([
            "--mail-from",
            &anna,
            "--mail-rcpt",
            &anna,
            "--upload-file",
            "/dev/null",
        ])
        .arg(format!(
            "smtps://127.0.0.1:{}/old-phone.lan",
            office.port("submissions")?
        ))
        .output()?;
    ensure!(!output.status.success());
    let rows = json(&office, &["guard", "logins"])?;
    ensure!(rows[0]["client"] == "old-phone.lan", "{rows}");
    let log = std::fs::read_to_string(office.data().join("serve.log"))?;
    ensure!(
        log.contains("reason=wrong-password client=\"old-phone.lan\""),
        "{log}"
    );
    Ok(())
}

#[test]
fn a_weak_password_is_refused_on_the_command_line_too() -> Result<()> {
    let office = Pillarbox::office(&["anna"], &[])?;
    let anna = format!("anna@{DOMAIN}");
    for weak in ["password1234", "firm.example1", "anna"] {
        for args in [
            &["account", "password", &anna][..],
            &["account", "create", "bert@firm.example"],
        ] {
            let output = office.cli(args, &format!("{weak}\n"))?;
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            ensure!(
                !output.status.success() && said.contains("random words"),
                "{weak}: {said}"
            );
        }
    }
    Imap::login(office.port("imaps")?, &anna, PASSWORD)?;
    Ok(())
}
