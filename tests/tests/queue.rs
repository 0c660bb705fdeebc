//! The outgoing queue: nobody waits for somebody else's mail, and an admin has the last word.

mod office;

use firmware::clock::DAY;
use firmware::limits::queue::NOTICES;
use firmware::settings::{Smarthost, SmarthostTls};
use office::{Office, message, noise};
use proto::types::{Address, RecipientWishes, Wishes};
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use store::{Body, Delivery, Outgoing};
use tests::sink::{Behaviour, Sink};

type Outcome = anyhow::Result<()>;

impl Office {
    /// Puts many messages for one domain into the queue, each to a recipient of its own.
    async fn enqueue(&self, count: usize, domain: &str) -> Outcome {
        self.enqueue_from(Some("ann@example.com"), count, domain).await
    }

    /// The same, with this sender.
    async fn enqueue_from(&self, from: Option<&str>, count: usize, domain: &str) -> Outcome {
        let now = self.clock.now();
        let delivery = |number: usize| -> anyhow::Result<Delivery> {
            let text = message("ann@example.com", &format!("{domain} {number}"), &noise(300));
            Ok(Delivery {
                structure: proto::message::scan::structure(&text),
                body: Body::from_bytes(text),
                copies: Vec::new(),
                outgoing: vec![Outgoing {
                    owner: None,
                    from: from.map(Address::parse).transpose()?,
                    to: Address::parse(&format!("x{number}@{domain}"))?,
                    next_attempt: now,
                    wishes: Wishes::default(),
                    asked: RecipientWishes::default(),
                }],
                received_at: now,
            })
        };
        let deliveries = (0..count).map(delivery).collect::<Result<_, _>>()?;
        self.store.deliver(deliveries).await?;
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn domains_that_never_answer_keep_no_other_mail_waiting_however_much_they_have() -> Outcome {
    let good = Sink::start(Behaviour::Accept)?;
    let port = good.address().port();
    let silent = Sink::start_at(SocketAddr::new("127.0.0.2".parse()?, port), Behaviour::Stall)?;
    let office = Office::open(port).await?;
    office.domain_at("good.example", &["127.0.0.1"]);
    for number in 0..4 {
        let domain = format!("silent{number}.example");
        office.domain_at(&domain, &["127.0.0.2"]);
        office.enqueue(400, &domain).await?;
    }
    office.wait(1);
    office.enqueue(30, "good.example").await?;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let runner = tokio::spawn(firmware::deliver::queue::run(office.post.clone(), async {
        let _ = stopped.await;
    }));
    let caught = tokio::task::spawn_blocking(move || good.wait_for(30, Duration::from_secs(60)));
    assert_eq!(caught.await??.len(), 30);
    assert!(silent.stalled() > 0, "the silent ones were asked as well");
    drop(silent);
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(20), runner).await??;
    Ok(())
}

// Whoever proves his domain and asks to be told gets a notice for each message that he sends.
#[tokio::test(flavor = "multi_thread")]
async fn notices_to_servers_that_never_answer_keep_no_mail_of_ours_waiting() -> Outcome {
    let good = Sink::start(Behaviour::Accept)?;
    let port = good.address().port();
    let silent = Sink::start_at(SocketAddr::new("127.0.0.2".parse()?, port), Behaviour::Stall)?;
    let office = Office::open(port).await?;
    office.domain_at("good.example", &["127.0.0.1"]);
    for number in 0..30 {
        let domain = format!("silent{number}.example");
        office.domain_at(&domain, &["127.0.0.2"]);
        office.enqueue_from(None, 2, &domain).await?;
    }
    office.wait(1);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let runner = tokio::spawn(firmware::deliver::queue::run(office.post.clone(), async {
        let _ = stopped.await;
    }));
    let start = Instant::now();
    while silent.stalled() < NOTICES {
        assert!(start.elapsed() < Duration::from_secs(60), "{}", silent.stalled());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    // Nor does a notice that has to wait stand before other mail for its domain.
    office.enqueue_from(None, 1, "good.example").await?;
    office.enqueue(5, "good.example").await?;
    let caught = tokio::task::spawn_blocking(move || good.wait_for(5, Duration::from_secs(30)));
    assert!(
        caught
            .await??
            .iter()
            .all(|caught| caught.from.contains("ann@example.com"))
    );
    drop(silent);
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(20), runner).await??;
    Ok(())
}

#[tokio::test]
async fn a_dead_domain_is_asked_once_for_all_its_mail_and_less_often_each_time() -> Outcome {
    let dead = Sink::start(Behaviour::Busy)?;
    let office = Office::open(dead.address().port()).await?;
    office.domain_at("dead.example", &["127.0.0.1"]);
    office.enqueue(60, "dead.example").await?;
    let mut asked = Vec::new();
    for seconds in [0, 121, 400, 400] {
        office.wait(seconds);
        office.turn().await;
        asked.push(dead.connections());
    }
    // At first two tries run at once. Then nobody asks for two minutes, then for four.
    assert!(asked[0] <= 2 && asked[1] == asked[0], "{asked:?}");
    assert!(asked[2] <= asked[0] + 2, "{asked:?}");
    let queue = office.queue()?;
    assert_eq!(queue.len(), 60);
    assert!(
        queue
            .iter()
            .all(|row| row.attempts > 0 && row.last_words.is_some())
    );
    dead.behave(Behaviour::Accept);
    office.wait(DAY);
    office.turn().await;
    assert_eq!((office.queue()?.len(), dead.caught().len()), (0, 60));
    Ok(())
}

#[tokio::test]
async fn mail_for_some_domains_goes_through_their_smarthost_and_the_rest_by_itself() -> Outcome {
    let direct = Sink::start(Behaviour::Accept)?;
    let partner = Sink::start(Behaviour::Accept)?;
    let office = Office::open(direct.address().port()).await?;
    office.domain_at("one.example", &["127.0.0.1"]);
    let smarthost = Smarthost {
        host: "127.0.0.1".to_owned(),
        port: partner.address().port(),
        tls: SmarthostTls::None,
        user: None,
        password: None,
        trust_any_certificate: false,
    };
    let key = firmware::deliver::ways::key(Some(".partner.example"));
    firmware::settings::write(&office.store, &key, &smarthost).await?;
    let to = [
        "a@partner.example",
        "b@one.example",
        "c@deep.partner.example",
        "d@one.example",
    ];
    office.submit_plain(&to).await;
    office.turn().await;
    assert!(office.queue()?.is_empty());
    let got = |sink: &Sink| -> Vec<Vec<String>> {
        let caught = sink.caught();
        caught.into_iter().map(|caught| caught.to).collect()
    };
    let (through, straight) = (got(&partner), got(&direct));
    assert_eq!(
        (through.len(), straight.len()),
        (1, 1),
        "one transaction each way"
    );
    assert!(
        through[0].iter().all(|to| to.contains("partner.example")),
        "{through:?}"
    );
    assert!(
        straight[0].iter().all(|to| to.contains("one.example")),
        "{straight:?}"
    );
    Ok(())
}
