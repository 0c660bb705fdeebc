//! What the box is for, from the stolen password to the word that forgives it.

mod firm;

use anyhow::{Context, Result, ensure};
use board::screen::{Screen, Status};
use firm::{Firm, OFFICE, THIEF, reply, reply_to};
use firmware::appliance::Appliance;
use firmware::control::{self, GuardRequest, Request};
use firmware::deliver::queue;
use firmware::panel;
use proto::refusal::Refusal;
use proto::types::Address;
use serde_json::Value;
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};
use store::{EventKind, GuardAction};
use tests::imap::Imap;
use tests::pillarbox::{DOMAIN, Pillarbox};
use tests::sink::{Behaviour, Sink};
use web_setup::GuardRoom as _;

const ANNA: &str = "anna@firm.example";
const BEN: &str = "ben@firm.example";
const PASSWORD: &str = "correct horse";
/// Messages in an hour from a network where the account was never seen.
const LIMIT: u32 = 15;

/// The same numbers, asked everywhere they are shown.
#[derive(Debug, PartialEq, Eq)]
struct Numbers {
    frozen: bool,
    held: u64,
    left: usize,
}

async fn on_the_panel(firm: &Firm) -> Result<Status> {
    firm.house.ledger.flush().await;
    match panel::screen(&firm.house, &firm.house.board)? {
        Screen::Running(status) => Ok(status),
        other => anyhow::bail!("{other:?}"),
    }
}

async fn on_the_command_line(firm: &Firm) -> Result<Value> {
    let ask = GuardRequest::Status {
        address: Some(Address::parse(BEN)?),
    };
    let data = firm.house.data.clone();
    let asked = tokio::task::spawn_blocking(move || control::ask(&data, &Request::Guard { ask }));
    Ok(asked.await??)
}

// Panel, page, command line and ledger must agree.
async fn numbers(firm: &Firm) -> Result<Numbers> {
    let (queue_held, _) = firm.queue();
    let ben = firm.account("ben")?.id;
    let events = firm.events().await?;
    let left = events
        .iter()
        .filter(|event| matches!(event, EventKind::Relayed { account, .. } if *account == Some(ben)));
    let ledger = Numbers {
        frozen: firm.is_frozen("ben"),
        held: queue_held as u64,
        left: left.count(),
    };
    let status = on_the_panel(firm).await?;
    let page = Appliance::new(Arc::clone(&firm.house), &BTreeMap::new());
    let page = page.watch(ben).await.ok().context("no page")?;
    let shown = on_the_command_line(firm).await?;
    let elsewhere = [
        Numbers {
            frozen: status.frozen == [BEN],
            held: status.held,
            left: ledger.left,
        },
        Numbers {
            frozen: ledger.frozen,
            held: page.held,
            left: page.left.len(),
        },
        Numbers {
            frozen: shown["state"] == "frozen",
            held: shown["held"].as_u64().context("no number")?,
            left: shown["left"].as_array().context("no list")?.len(),
        },
    ];
    for numbers in elsewhere {
        ensure!(numbers == ledger, "{numbers:?} is not {ledger:?}");
    }
    Ok(ledger)
}

// Everything that must not give the account back.
async fn try_to_talk_it_free(firm: &Firm, to: &str) -> Result<()> {
    firm.dns.txt("evil.example", "v=spf1 ip4:198.51.100.9 -all");
    firm.dns.txt("_dmarc.evil.example", "v=DMARC1; p=reject");
    let away = "Auto-Submitted: auto-replied\r\n";
    let (stranger, eve) = ("198.51.100.9", "eve@evil.example");
    firm.submit(
        "anna",
        OFFICE,
        &[to],
        &reply(ANNA, away, "I am away until Monday."),
    )
    .await
    .unwrap();
    for (ip, sender, from) in [(stranger, eve, ANNA), (stranger, eve, eve), (OFFICE, BEN, BEN)] {
        let forged = reply(from, "", "unfreeze");
        firm.receive(ip, Some(sender), &[to], &forged).await.unwrap();
    }
    let own = firm
        .submit("ben", THIEF, &[to], &reply(BEN, "", "unfreeze"))
        .await;
    ensure!(firm.is_frozen("ben"), "{own:?}");
    Ok(())
}

// The thief: 5 messages leave at once, then he goes on, 50 in all. The door for mail programs.
async fn stolen(firm: &Firm, world: &Sink) -> Result<u16> {
    let port = firm.let_in(PASSWORD).await?;
    let mut reading = tokio::task::spawn_blocking(move || Imap::login(port, BEN, PASSWORD)).await??;

    ensure!(firm.steal("ben", 5).await == 5);
    queue::turn(&firm.post).await;
    ensure!(firm.steal("ben", 45).await == LIMIT - 5);
    let cut = Instant::now(); // the account is frozen: the last answer said so
    let last = tokio::task::spawn_blocking(move || reading.response()).await??;
    ensure!(
        last.text.contains("BYE") && last.text.contains("frozen"),
        "{last:?}"
    );
    ensure!(
        cut.elapsed() < tests::PROMPTLY,
        "the cut took {:?}",
        cut.elapsed()
    );
    let refused = tokio::task::spawn_blocking(move || Imap::login(port, BEN, PASSWORD)).await?;
    let refused = refused.err().context("a frozen account came in")?;
    ensure!(format!("{refused:#}").contains("frozen"), "{refused:#}");
    queue::turn(&firm.post).await;
    ensure!(world.caught().len() == 5, "held mail left");
    Ok(port)
}

// One notice an admin, with the ledger's numbers.
async fn told(firm: &Firm) -> Result<String> {
    firm.tell().await?;
    firm.tell().await?;
    let notice = firm.last("anna")?;
    ensure!(firm.inbox("anna")?.len() == 1 && firm.inbox("alma")?.len() == 1);
    let events = firm.events().await?;
    let trips: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            EventKind::Tripped(trip) => Some(trip),
            _ => None,
        })
        .collect();
    let [trip] = trips.as_slice() else {
        anyhow::bail!("{trips:?}")
    };
    ensure!(
        (trip.count, trip.limit, trip.taken, trip.held, trip.action)
            == (16, LIMIT, 15, 10, GuardAction::Freeze),
        "{trip:?}"
    );
    for words in [
        BEN,
        THIEF,
        "16 messages",
        "15 are allowed",
        "mail to 10 recipients waits",
    ] {
        ensure!(notice.contains(words), "{words} is not in {notice}");
    }
    Ok(notice)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stolen_password_is_noticed_stopped_reported_and_forgiven_by_a_reply() -> Result<()> {
    let world = Sink::start(Behaviour::Accept)?;
    let firm = Firm::relaying(world.address().port()).await?;
    firm.dns.mx("elsewhere.example", 10, "mx.elsewhere.example");
    firm.dns.host("mx.elsewhere.example", world.address().ip());
    tokio::spawn(control::serve(
        Arc::clone(&firm.house),
        control::open(&firm.house.data)?,
    ));
    let port = stolen(&firm, &world).await?;
    let stopped = Numbers {
        frozen: true,
        held: 10,
        left: 5,
    };
    ensure!(numbers(&firm).await? == stopped);

    // Mail to ben arrives as ever.
    let letter = b"From: a@elsewhere.example\r\nSubject: hello\r\n\r\nhi\r\n";
    firm.receive("198.51.100.9", Some("a@elsewhere.example"), &[BEN], letter)
        .await
        .unwrap();
    ensure!(firm.inbox("ben")?.len() == 1);

    let notice = told(&firm).await?;
    let to = reply_to(&notice);
    try_to_talk_it_free(&firm, &to).await?;
    ensure!(numbers(&firm).await? == stopped);
    ensure!(
        firm.inbox("anna")?.len() == 1 && world.caught().len() == 5,
        "somebody was answered"
    );

    // The admin's word.
    firm.wait(600);
    let word = reply(ANNA, "", "Release\r\n\r\nSent from my phone");
    firm.submit("anna", OFFICE, &[&to], &word).await.unwrap();
    ensure!(on_the_panel(&firm).await?.frozen.is_empty());
    queue::turn(&firm.post).await;
    ensure!(world.wait_for(15, Duration::from_secs(10))?.len() == 15);
    let forgiven = Numbers {
        frozen: false,
        held: 0,
        left: 15,
    };
    ensure!(numbers(&firm).await? == forgiven);
    for name in ["anna", "alma"] {
        ensure!(
            firm.last(name)?.contains("was given back"),
            "{}",
            firm.last(name)?
        );
    }
    tokio::task::spawn_blocking(move || Imap::login(port, BEN, PASSWORD)).await??;

    // Said twice, it is done once.
    firm.submit("anna", OFFICE, &[&to], &word).await.unwrap();
    ensure!(
        firm.last("anna")?
            .contains("Already done: anna@firm.example answered \"release\"")
    );

    // The thief comes back: he is stopped at half the limit.
    ensure!(on_the_command_line(&firm).await?["watched_until"].is_number());
    ensure!(firm.steal("ben", 50).await == LIMIT.div_ceil(2) && firm.is_frozen("ben"));
    let after = firm
        .submit(
            "ben",
            OFFICE,
            &["x@elsewhere.example"],
            b"From: ben@firm.example\r\n\r\n",
        )
        .await;
    ensure!(matches!(after, Err(Refusal::Frozen { .. })), "{after:?}");
    Ok(())
}

// One message by a mail program that owes nothing to us; whether it was taken.
fn send(pillarbox: &Pillarbox, name: &str, to: &str, message: &[u8]) -> Result<bool> {
    let file = pillarbox.data().join("outgoing.eml");
    std::fs::write(&file, message)?;
    let from = format!("{name}@{DOMAIN}");
    let url = format!("smtps://127.0.0.1:{}/client.lan", pillarbox.port("submissions")?);
    let curl = Command::new("curl")
        .args(["--silent", "--show-error", "--insecure", &url, "--user"])
        .arg(format!("{from}:{}", tests::pillarbox::PASSWORD))
        .args(["--mail-from", &from, "--mail-rcpt", to, "--upload-file"])
        .arg(&file)
        .output()?;
    Ok(curl.status.success())
}

#[test]
fn the_running_box_tells_of_a_freeze_and_obeys_a_reply_by_any_program() -> Result<()> {
    let pillarbox = Pillarbox::office(&["anna", "ben"], &[])?;
    pillarbox.cli_ok(&["guard", "set", "lan_messages=2"], "")?;
    let spam = b"From: ben@firm.example\r\nSubject: x\r\n\r\nbuy\r\n";
    let mut taken = 0;
    for _ in 0..4 {
        taken += u32::from(send(&pillarbox, "ben", "x@elsewhere.example", spam)?);
    }
    ensure!(taken == 2, "{taken} were taken");
    let status = || pillarbox.cli_ok(&["guard", "status", BEN, "--json"], "");
    ensure!(status()?.contains("\"frozen\""), "{}", status()?);
    let mut anna = Imap::login(pillarbox.port("imaps")?, ANNA, tests::pillarbox::PASSWORD)?;
    let arrives = |anna: &mut Imap, number: u32| -> Result<String> {
        let begun = Instant::now();
        while anna.count("INBOX")? < number {
            ensure!(begun.elapsed() < Duration::from_secs(20), "no mail for anna");
            std::thread::sleep(Duration::from_millis(50));
        }
        anna.ok("SELECT INBOX")?;
        Ok(String::from_utf8(anna.body(number)?)?)
    };
    let to = reply_to(&arrives(&mut anna, 1)?);
    ensure!(send(&pillarbox, "anna", &to, &reply(ANNA, "", "discard"))?);
    let asked_on = arrives(&mut anna, 2)?;
    ensure!(asked_on.contains("held mail thrown away"), "{asked_on}");
    ensure!(send(
        &pillarbox,
        "anna",
        &reply_to(&asked_on),
        &reply(ANNA, "", "")
    )?);
    ensure!(arrives(&mut anna, 3)?.contains("was given back"));
    ensure!(status()?.contains("\"active\""), "{}", status()?);
    Ok(())
}
