//! What an admin has done with mail that waits to leave: nothing is lost by it and nothing doubled,
//! even while it is being sent.

mod firm;

use anyhow::{Context, ensure};
use firm::{Firm, OFFICE};
use firmware::deliver::orders::{Done, Which, carry_out};
use firmware::deliver::queue;
use proto::types::{Domain, Notify, RecipientWishes, Timestamp};
use serde_json::Value;
use std::sync::Arc;
use std::time::Duration;
use store::{EventKind, QueueItem, QueueOrder, StoreError};
use tests::fake_dns::FakeDns;
use tests::pillarbox::{DOMAIN, Pillarbox};
use tests::queue::outgoing;
use tests::sink::{Behaviour, Sink};

type Outcome = anyhow::Result<()>;

const MAIL: &[u8] = b"From: ben@firm.example\r\nSubject: Plain\r\n\r\ntext\r\n";

impl Firm {
    async fn with_sink(sink: &Sink, domains: &[&str]) -> anyhow::Result<Self> {
        let firm = Self::relaying(sink.address().port()).await?;
        for domain in domains {
            firm.dns.mx(domain, 10, &format!("mx.{domain}"));
            firm.dns.host(&format!("mx.{domain}"), "127.0.0.1".parse()?);
        }
        Ok(firm)
    }

    async fn order(&self, which: Which, order: QueueOrder) -> Result<Done, StoreError> {
        carry_out(&self.house, &which, order, false, "anna").await
    }

    fn rows(&self) -> Vec<QueueItem> {
        self.house.store.snapshot().unwrap().queue(None, 1000).unwrap()
    }
}

fn done(rows: u64, sending: u64) -> Done {
    Done {
        rows,
        sending,
        ..Done::default()
    }
}

async fn until(what: impl Fn() -> bool) -> Outcome {
    for _ in 0..1000 {
        if what() {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    anyhow::bail!("it never came to that")
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_being_sent_is_held_if_it_does_not_leave_and_never_deleted() -> Outcome {
    let sink = Sink::start(Behaviour::Stall)?;
    let port = sink.address();
    let firm = Arc::new(Firm::with_sink(&sink, &["one.example"]).await?);
    firm.submit("ben", OFFICE, &["x@one.example"], MAIL)
        .await
        .unwrap();
    let id = firm.rows()[0].id.0;
    let trying = Arc::clone(&firm);
    let turn = tokio::spawn(async move { queue::turn(&trying.post).await });
    until(|| sink.stalled() > 0).await?;

    assert_eq!(firm.order(Which::Row(id), QueueOrder::Delete).await?, done(0, 1));
    assert_eq!(firm.order(Which::All, QueueOrder::Retry).await?, done(0, 1));
    assert_eq!(firm.order(Which::Row(id), QueueOrder::Hold).await?, done(1, 1));
    drop(sink); // the connection breaks off: the other side did not take it
    turn.await?;
    let rows = firm.rows();
    assert!(rows[0].held_by_admin && rows[0].attempts == 1, "{rows:?}");

    let sink = loop {
        match Sink::start_at(port, Behaviour::Accept) {
            Ok(sink) => break sink,
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    };
    firm.wait(86_400);
    queue::turn(&firm.post).await;
    assert_eq!(sink.caught().len(), 0, "it is held");
    assert_eq!(firm.order(Which::Row(id), QueueOrder::Release).await?, done(1, 0));
    // The last try met a broken connection, but a try is a try: nobody is left alone for it.
    queue::turn(&firm.post).await;
    assert_eq!((sink.caught().len(), firm.rows().len()), (1, 0));
    assert!(matches!(
        firm.order(Which::Row(id), QueueOrder::Hold).await,
        Err(StoreError::NotFound)
    ));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_in_the_middle_of_the_traffic_lose_and_double_nothing() -> Outcome {
    const MESSAGES: usize = 60;
    let sink = Sink::start(Behaviour::Accept)?;
    let firm = Arc::new(Firm::with_sink(&sink, &["one.example", "two.example"]).await?);
    for number in 0..MESSAGES {
        let domain = ["one", "two"][number % 2];
        let text = format!("Subject: {number}\r\n\r\ntext\r\n");
        let to = format!("x{number}@{domain}.example");
        let delivery = outgoing(None, "ben@firm.example", &[&to], text.as_bytes(), Timestamp(0))?;
        firm.house.store.deliver(vec![delivery]).await?;
    }
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let runner = tokio::spawn(queue::run(firm.post.clone(), async {
        let _ = stopped.await;
    }));
    let ids: Vec<u64> = firm.rows().iter().map(|row| row.id.0).collect();
    let mut deleted = 0;
    for (number, id) in ids.iter().enumerate() {
        let order = match number % 4 {
            0 => QueueOrder::Delete,
            1 => QueueOrder::Hold,
            2 => QueueOrder::Retry,
            _ => continue,
        };
        match firm.order(Which::Row(*id), order).await {
            Ok(done) if order == QueueOrder::Delete => deleted += done.rows as usize,
            Ok(_) | Err(StoreError::NotFound) => {} // it was faster
            Err(error) => return Err(error.into()),
        }
    }
    match firm.order(Which::All, QueueOrder::Release).await {
        Ok(_) | Err(StoreError::NotFound) => {}
        Err(error) => return Err(error.into()),
    }
    until(|| firm.rows().is_empty()).await?;
    stop.send(()).unwrap();
    runner.await?;
    let caught = sink.caught();
    let mut subjects: Vec<_> = caught.iter().map(|caught| caught.data.clone()).collect();
    subjects.sort();
    subjects.dedup();
    assert_eq!(subjects.len(), caught.len(), "nothing came twice");
    assert_eq!(caught.len() + deleted, MESSAGES, "{deleted} were deleted");
    assert_eq!(firm.house.store.check()?.faults, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn a_retry_forgets_that_nobody_answered_there() -> Outcome {
    let sink = Sink::start(Behaviour::Busy)?;
    let firm = Firm::with_sink(&sink, &["one.example"]).await?;
    for _ in 0..3 {
        firm.submit("ben", OFFICE, &["x@one.example"], MAIL)
            .await
            .unwrap();
    }
    queue::turn(&firm.post).await;
    let places = firm.house.traffic.places(firm.clock.now());
    assert!(places[0].rest.is_some(), "{places:?}");
    sink.behave(Behaviour::Accept);
    let domain = Which::Domain(Domain::parse("One.Example")?);
    assert_eq!(firm.order(domain, QueueOrder::Retry).await?, done(3, 0));
    queue::turn(&firm.post).await;
    assert_eq!((sink.caught().len(), firm.rows().len()), (3, 0));
    Ok(())
}

#[tokio::test]
async fn deleting_tells_the_senders_who_want_to_know_once_for_each_message() -> Outcome {
    let sink = Sink::start(Behaviour::Accept)?;
    let firm = Firm::with_sink(&sink, &[]).await?;
    let ben = firm.account("ben")?.id;
    let from = "ben@firm.example";
    let to = ["a@one.example", "b@two.example", "c@one.example"];
    let text = |number: usize| format!("Subject: number {number}\r\n\r\ntext\r\n");
    let mut deliveries = (0..120)
        .map(|number| outgoing(Some(ben), from, &to, text(number).as_bytes(), Timestamp(0)))
        .collect::<Result<Vec<_>, _>>()?;
    let silent = RecipientWishes {
        notify: Notify::Never,
        ..RecipientWishes::default()
    };
    for row in &mut deliveries[7].outgoing {
        row.asked = silent.clone();
    }
    firm.house.store.deliver(deliveries).await?;
    let one = Which::Domain(Domain::parse("one.example")?);
    let order = carry_out(&firm.house, &one, QueueOrder::Delete, true, "anna").await?;
    let expected = Done {
        rows: 240,
        told: 119,
        ..Done::default()
    };
    assert_eq!((order, firm.rows().len()), (expected, 120));
    let letters = firm.inbox("ben")?;
    assert_eq!(letters.len(), 119);
    let first = &letters[0];
    for part in [
        "Final-Recipient: rfc822; a@one.example",
        "Final-Recipient: rfc822; c@one.example",
        "Action: failed",
        "Status: 5.7.1",
        "an administrator deleted the message",
        "Subject: number 0",
    ] {
        ensure!(first.contains(part), "{part}: {first}");
    }
    ensure!(!first.contains("b@two.example"), "his still waits: {first}");
    // Without a word to anybody.
    assert_eq!(firm.order(Which::All, QueueOrder::Delete).await?, done(120, 0));
    assert_eq!((firm.rows().len(), firm.inbox("ben")?.len()), (0, 119));
    let events = firm.events().await?;
    let by_anna = events.iter().filter(|event| match event {
        EventKind::QueueChanged { by, account, .. } => by == "anna" && *account == Some(ben),
        _ => false,
    });
    assert_eq!(
        by_anna.count(),
        4,
        "three commits of 50 messages at most, and one"
    );
    assert_eq!(firm.house.store.check()?.faults, Vec::<String>::new());
    Ok(())
}

// A box with two messages for three recipients at dead.example, where nobody listens.
fn with_waiting_mail(dns: &FakeDns) -> anyhow::Result<Pillarbox> {
    let address = dns.address().to_string();
    let port = Sink::start(Behaviour::Busy)?.address().port().to_string(); // nobody listens there then
    let mut pillarbox = Pillarbox::office(&["anna"], &["--dns", &address, "--relay-port", &port])?;
    pillarbox.stop()?;
    {
        let store = store::Store::open(pillarbox.data(), &store::Options::default())?;
        let from = format!("anna@{DOMAIN}");
        let to = ["x@dead.example", "y@dead.example"];
        let deliveries = vec![
            outgoing(None, &from, &to, MAIL, Timestamp(1_700_000_000))?,
            outgoing(
                None,
                &from,
                &to[..1],
                b"Subject: 2\r\n\r\n2\r\n",
                Timestamp(1_700_000_000),
            )?,
        ];
        tokio::runtime::Runtime::new()?.block_on(store.deliver(deliveries))?;
    }
    pillarbox.restart()?;
    Ok(pillarbox)
}

#[test]
fn the_command_line_sees_holds_releases_retries_and_deletes() -> Outcome {
    let dns = FakeDns::start()?;
    dns.mx("dead.example", 10, "mx.dead.example");
    dns.host("mx.dead.example", "127.0.0.1".parse()?);
    let pillarbox = with_waiting_mail(&dns)?;
    let ask = |args: &[&str]| -> anyhow::Result<Value> {
        let answer = pillarbox.cli_ok(&[&["queue"], args, &["--json"]].concat(), "")?;
        Ok(serde_json::from_str(&answer)?)
    };
    // The box tried them at its start and found nobody.
    let mut rows = ask(&["list"])?;
    for _ in 0..500 {
        let tried =
            |row: &Value| row["state"] == "waiting" && row["tries"].as_u64().is_some_and(|tries| tries > 0);
        if rows.as_array().context("no list")?.iter().all(tried) {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
        rows = ask(&["list"])?;
    }
    let first = rows[0]["row"].to_string();
    ensure!(
        rows[0]["state"] == "waiting" && rows[0]["to"] == "x@dead.example",
        "{rows}"
    );
    ensure!(
        rows[0]["words"]
            .as_str()
            .is_some_and(|words| words.contains("mx.dead.example")),
        "{rows}"
    );
    let places = ask(&["places"])?;
    ensure!(
        places[0]["place"] == "dead.example" && !places[0]["left_alone_until"].is_null(),
        "{places}"
    );

    ensure!(ask(&["hold", "--message", &first])?["rows"] == 2);
    ensure!(
        ask(&["list", "--held"])?
            .as_array()
            .is_some_and(|rows| rows.len() == 2)
    );
    let shown = ask(&["show", &first])?;
    ensure!(
        shown["held_by_admin"] == true && shown["sender_frozen"] == false,
        "{shown}"
    );
    ensure!(shown["others"][0]["to"] == "y@dead.example", "{shown}");
    ensure!(ask(&["release", &first])?["rows"] == 1);
    // What is let go is tried at once; what is being tried is never deleted.
    ensure!(ask(&["hold", "--to", "dead.example"])?["domains"] == 1);
    for _ in 0..500 {
        if ask(&["list", "--held"])?
            .as_array()
            .is_some_and(|rows| rows.len() == 3)
        {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    ensure!(ask(&["delete", "--to", "dead.example", "--tell"])?["rows"] == 3);
    ensure!(ask(&["list"])? == Value::Array(Vec::new()));
    // The hold outlives what it held.
    ensure!(ask(&["holds"])?[0]["domain"] == "dead.example");
    ensure!(ask(&["release", "--all"])?["domains"] == 1);
    let nothing = pillarbox.cli(&["queue", "retry", "--all"], "")?;
    ensure!(!nothing.status.success());
    let words = String::from_utf8(nothing.stderr)?;
    ensure!(words.contains("nothing waits there (everything)"), "{words}");
    for odd in [
        &["hold"][..],
        &["delete", "1", "--all"],
        &["hold", "--to", "not a domain"],
        &["hold", "--to", DOMAIN],
    ] {
        ensure!(
            !pillarbox.cli(&[&["queue"], odd].concat(), "")?.status.success(),
            "{odd:?}"
        );
    }
    let events = pillarbox.cli_ok(&["events", "--kind", "queue_changed"], "")?;
    ensure!(
        events.contains("command line deleted, and told the sender of, waiting mail"),
        "{events}"
    );
    Ok(())
}
