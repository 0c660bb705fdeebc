//! Signing keys in their turns: made early, used only once the world can see them, and every message
//! verifies, before, during and after.

mod firm;

use anyhow::{Context, Result};
use firm::Firm;
use firmware::clock::DAY;
use firmware::dkim::ring::Ring;
use firmware::dkim::rotation::{self, Rotated};
use firmware::dkim::{TxtRecord, dns_records};
use firmware::settings;
use firmware::{panel, setup};
use mail_auth::{AuthenticatedMessage, DkimResult, MessageAuthenticator};
use proto::types::Domain;
use store::{DomainRules, EventKind, KeyStep, LocalDomain};
use tests::fake_dns::FakeDns;
use tests::pillarbox::{DOMAIN, Pillarbox};
use tests::sink::{Behaviour, Sink};

const LAN: &str = "192.168.7.10";

/// A firm with keys whose records stand in the DNS, and a server that takes its mail.
async fn signing() -> Result<(Firm, Sink)> {
    let sink = Sink::start(Behaviour::Accept)?;
    let firm = Firm::relaying(sink.address().port()).await?;
    firm.dns.mx("elsewhere.example", 10, "mx.elsewhere.example");
    firm.dns.host("mx.elsewhere.example", "127.0.0.1".parse()?);
    setup::ensure_keys(&firm.house).await?;
    firm.publish(&dns_records(&firm.ring("dkim")?.current, &domain("firm.example")));
    Ok((firm, sink))
}

fn domain(name: &str) -> Domain {
    Domain::parse(name).unwrap()
}

impl Firm {
    fn ring(&self, key: &str) -> Result<Ring> {
        settings::read(&self.house.store.snapshot()?, key)?.context("no keys")
    }

    fn next_records(&self) -> Result<[TxtRecord; 2]> {
        let next = self.ring("dkim")?.next.context("no next keys")?;
        Ok(dns_records(&next.keys, &domain("firm.example")))
    }

    fn publish(&self, records: &[TxtRecord]) {
        for record in records {
            self.dns.forget(&record.name);
            self.dns.txt(&record.name, &record.text);
        }
    }

    /// Ben writes to somebody elsewhere: the message as it arrived.
    async fn mail(&self, sink: &Sink) -> Vec<u8> {
        let message = b"From: ben@firm.example\r\nSubject: Tulips\r\n\r\nfor you\r\n";
        self.submit("ben", LAN, &["x@elsewhere.example"], message)
            .await
            .unwrap();
        firmware::deliver::queue::turn(&self.post).await;
        sink.caught().pop().unwrap().data
    }

    /// What was recorded of the keys, oldest first.
    async fn steps(&self) -> Result<Vec<(KeyStep, String)>> {
        let events = self.events().await?.into_iter().rev();
        Ok(events
            .filter_map(|event| match event {
                EventKind::SigningKeys { step, selectors, .. } => Some((step, selectors)),
                _ => None,
            })
            .collect())
    }
}

/// The selectors of the signatures that hold.
async fn holds(dns: &FakeDns, message: &[u8]) -> Result<Vec<String>> {
    let library = MessageAuthenticator(tests::fake_dns::resolver(dns)?);
    let message = AuthenticatedMessage::parse(message).unwrap();
    let results = library.verify_dkim(&message).await;
    let passed = results
        .iter()
        .filter(|result| *result.result() == DkimResult::Pass);
    let mut selectors: Vec<String> = passed
        .map(|result| result.signature().unwrap().s.clone())
        .collect();
    selectors.sort();
    Ok(selectors)
}

#[tokio::test]
async fn the_next_keys_are_shown_early_and_sign_only_once_the_world_sees_them() -> Result<()> {
    let (firm, sink) = signing().await?;
    let letters = || Ok::<_, anyhow::Error>(firm.inbox("anna")?.len());
    let before = firm.mail(&sink).await;
    assert_eq!(holds(&firm.dns, &before).await?, ["e1", "r1"]);
    firm.wait(149 * DAY);
    rotation::turn(&firm.house).await?;
    assert!(firm.ring("dkim")?.next.is_none() && letters()? == 0);

    // A month early.
    firm.wait(DAY);
    for _ in 0..3 {
        rotation::turn(&firm.house).await?;
    }
    let records = firm.next_records()?;
    assert_eq!(letters()?, 1, "told once");
    for record in &records {
        assert!(firm.last("anna")?.contains(&record.text), "{}", record.name);
        assert!(firm.last("alma")?.contains(&record.name));
    }
    assert_eq!(holds(&firm.dns, &firm.mail(&sink).await).await?, ["e1", "r1"]);

    // Their turn, but nobody published them; or one only; or something else.
    firm.wait(30 * DAY);
    rotation::turn(&firm.house).await?;
    assert_eq!(letters()?, 2);
    assert!(
        firm.last("anna")?
            .contains(&format!("\r\n  {}\r\n", records[0].name))
    );
    assert_eq!(rotation::overdue(&firm.house)?, [domain("firm.example")]);
    let screen = format!("{:?}", panel::screen(&firm.house, &firm.house.board)?);
    assert!(
        screen.contains("DNS records of new signing keys missing: firm.example"),
        "{screen}"
    );
    firm.publish(&records[..1]);
    firm.wait(3600);
    rotation::turn(&firm.house).await?;
    firm.dns.txt(
        &records[1].name,
        "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    );
    firm.wait(3600);
    rotation::turn(&firm.house).await?;
    assert_eq!(firm.ring("dkim")?.current.selectors(), "r1 and e1");
    let during = firm.mail(&sink).await;
    assert_eq!(holds(&firm.dns, &during).await?, ["e1", "r1"]);
    assert_eq!(letters()?, 2, "not every hour");
    firm.wait(7 * DAY);
    rotation::turn(&firm.house).await?;
    assert_eq!(letters()?, 3, "every week");

    firm.publish(&records);
    firm.wait(3600);
    rotation::turn(&firm.house).await?;
    let ring = firm.ring("dkim")?;
    assert_eq!(ring.current.selectors(), "r2 and e2");
    assert_eq!(ring.since, Some(firm.clock.now()));
    assert_eq!(ring.retired[0].selectors, ["r1", "e1"]);
    assert_eq!(ring.retired[0].removable().0 - firm.clock.now().0, 14 * DAY);
    assert!(rotation::overdue(&firm.house)?.is_empty());
    assert!(
        firm.last("anna")?
            .contains("  r1._domainkey.firm.example\r\n  e1._domainkey")
    );
    let after = firm.mail(&sink).await;
    assert_eq!(holds(&firm.dns, &after).await?, ["e2", "r2"]);
    for earlier in [before, during] {
        assert_eq!(holds(&firm.dns, &earlier).await?, ["e1", "r1"], "still under way");
    }
    let step = |step, selectors: &str| (step, selectors.to_owned());
    assert_eq!(
        firm.steps().await?,
        [
            step(KeyStep::Made, "r2 and e2"),
            step(KeyStep::Waits, "r2 and e2"),
            step(KeyStep::Waits, "r2 and e2"),
            step(KeyStep::Begun, "r2 and e2"),
        ]
    );
    Ok(())
}

#[tokio::test]
async fn records_that_vanish_again_are_not_taken_for_seen() -> Result<()> {
    let (firm, _sink) = signing().await?;
    firm.wait(150 * DAY);
    rotation::turn(&firm.house).await?;
    let records = firm.next_records()?;
    firm.publish(&records);
    rotation::turn(&firm.house).await?;
    let seen = || Ok::<_, anyhow::Error>(firm.ring("dkim")?.next.context("no next")?.seen);
    assert_eq!(seen()?, Some(firm.clock.now()));
    firm.dns.fail(&records[0].name);
    firm.wait(31 * DAY);
    rotation::turn(&firm.house).await?;
    assert!(seen()?.is_some(), "silence says nothing");
    firm.dns.forget(&records[0].name);
    rotation::turn(&firm.house).await?;
    assert_eq!(seen()?, None);
    assert_eq!(firm.ring("dkim")?.current.selectors(), "r1 and e1");
    Ok(())
}

#[tokio::test]
async fn whoever_wants_new_keys_at_once_gets_them_when_their_records_are_seen() -> Result<()> {
    let (firm, _sink) = signing().await?;
    let local = LocalDomain {
        domain: domain("second.example"),
        rules: DomainRules::default(),
    };
    let store = &firm.house.store;
    store
        .put_domain(local, firm.clock.now(), "a test".to_owned())
        .await?;
    setup::ensure_keys(&firm.house).await?;
    let second = domain("second.example");
    let rotate = || rotation::rotate(&firm.house, &second, "a test");
    assert_eq!(rotate().await?, Rotated::Made);
    let next = firm.ring("dkim/second.example")?.next.context("no next")?;
    let records = dns_records(&next.keys, &second);
    assert_eq!(rotate().await?, Rotated::Waits(records[0].name.clone()));
    firm.dns.fail(&records[0].name);
    assert_eq!(rotate().await?, Rotated::Unsure);
    firm.publish(&records);
    // The calendar does what was wished for as well.
    rotation::turn(&firm.house).await?;
    assert_eq!(firm.ring("dkim/second.example")?.current, next.keys);
    assert_eq!(rotate().await?, Rotated::Made, "and once more");
    assert_eq!(
        firm.ring("dkim/second.example")?.next.unwrap().keys.selectors(),
        "r3 and e3"
    );
    assert_eq!(
        firm.ring("dkim")?.current.selectors(),
        "r1 and e1",
        "of this domain only"
    );
    assert!(
        rotation::rotate(&firm.house, &domain("other.example"), "a test")
            .await
            .is_err()
    );
    Ok(())
}

#[tokio::test]
async fn without_the_time_nothing_is_rotated() -> Result<()> {
    let (firm, _sink) = signing().await?;
    firm.wait(1000 * DAY);
    firm.clock.set_known(false);
    rotation::turn(&firm.house).await?;
    assert!(firm.ring("dkim")?.next.is_none());
    assert!(
        rotation::rotate(&firm.house, &domain("firm.example"), "a test")
            .await
            .is_err()
    );
    firm.clock.set_known(true);
    rotation::set_life(&firm.house, 0).await?;
    rotation::turn(&firm.house).await?;
    assert!(firm.ring("dkim")?.next.is_none(), "by hand only");
    assert!(rotation::set_life(&firm.house, 29).await.is_err());
    Ok(())
}

#[test]
fn the_command_line_shows_the_next_records_and_rotates() -> Result<()> {
    let dns = FakeDns::start()?;
    let pillarbox = Pillarbox::office(&["anna"], &["--dns", &dns.address().to_string()])?;
    let json = |args: &[&str]| -> Result<serde_json::Value> {
        let args = [&["dkim"], args, &["--json"]].concat();
        Ok(serde_json::from_str(&pillarbox.cli_ok(&args, "")?)?)
    };
    let status = json(&["status"])?;
    assert_eq!(status[0]["domain"], DOMAIN);
    assert_eq!(status[0]["signs"], "r1 and e1");
    assert!(status[0]["next"].is_null() && !status[0]["due"].is_null());
    assert_eq!(json(&["rotate"])?["rotated"], "made");
    let waits = json(&["rotate", DOMAIN])?;
    assert_eq!(waits["rotated"], "waits");
    assert_eq!(waits["missing"], format!("r2._domainkey.{DOMAIN}"));
    let records = waits["keys"]["next"]["records"]
        .as_array()
        .context("no records")?;
    assert_eq!(records.len(), 2);
    for record in records {
        let part = |name: &str| record[name].as_str().unwrap().to_owned();
        dns.txt(&part("name"), &part("text"));
    }
    let done = json(&["rotate"])?;
    assert_eq!(done["rotated"], "done");
    assert_eq!(done["keys"]["signs"], "r2 and e2");
    assert_eq!(done["keys"]["retired"][0]["selectors"][0], "r1");
    assert!(!done.to_string().contains("private"));
    assert_eq!(json(&["life", "90"])?["days"], 90);
    assert!(pillarbox.cli(&["dkim", "life", "5"], "")?.status.code() != Some(0));
    let events = pillarbox.cli_ok(&["events", "--kind", "signing_keys"], "")?;
    assert!(events.contains("is signed with r2 and e2"), "{events}");
    Ok(())
}
