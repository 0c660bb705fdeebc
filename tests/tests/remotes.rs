//! Other domains' mail servers as they are on bad days: nothing is lost, and nothing is sent twice but
//! where SMTP itself allows it (RFC 5321 4.5.3.2.6: the last answer does not come).

mod office;

use office::{Office, envelope, message, noise};
use proto::types::TlsWish;
use std::collections::BTreeMap;
use std::net::SocketAddr;
use store::EventKind;
use tests::sink::{Behaviour, Sink};

type Outcome = anyhow::Result<()>;

const HOUR: i64 = 3600;

/// What becomes of mail for a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It arrives, once.
    Once,
    /// It arrives, and a second time: nobody said that it had.
    Twice,
    /// It comes back.
    Back,
}

/// A domain, how its server is at first, after how many hours it is well, and what becomes of the mail.
type Remote = (&'static str, Option<Behaviour>, i64, Fate);

const NEVER: i64 = i64::MAX;

const REMOTES: [Remote; 19] = [
    ("grey.example", Some(Behaviour::Greylist(6)), NEVER, Fate::Once),
    ("down.example", None, 48, Fate::Once),
    ("drops-tls.example", Some(Behaviour::DropTls), NEVER, Fate::Once),
    (
        "drops-after.example",
        Some(Behaviour::DropAfterTls),
        NEVER,
        Fate::Once,
    ),
    ("old.example", Some(Behaviour::AcceptOldStyle), NEVER, Fate::Once),
    ("busy.example", Some(Behaviour::Busy), 6, Fate::Once),
    ("at-rcpt.example", Some(Behaviour::HangUpAtRcpt), 6, Fate::Once),
    ("leaves.example", Some(Behaviour::LeaveAtRcpt), 6, Fate::Once),
    ("at-data.example", Some(Behaviour::HangUpAtData), 6, Fate::Once),
    ("in-data.example", Some(Behaviour::HangUpInData), 6, Fate::Once),
    ("silent.example", Some(Behaviour::TakeInSilence), 0, Fate::Twice),
    ("step.example", Some(Behaviour::OutOfStep), 6, Fate::Once),
    ("soon.example", Some(Behaviour::YesTooSoon), 6, Fate::Once),
    ("endless.example", Some(Behaviour::Endless), 6, Fate::Once),
    ("tarpit.example", Some(Behaviour::Tarpit), NEVER, Fate::Once),
    ("refuses.example", Some(Behaviour::Reject), NEVER, Fate::Back),
    (
        "dislikes.example",
        Some(Behaviour::RejectAtEnd),
        NEVER,
        Fate::Back,
    ),
    ("too-big.example", Some(Behaviour::TooBig), NEVER, Fate::Back),
    ("no-mail.example", Some(Behaviour::NoMail), NEVER, Fate::Back),
];

/// The servers, all at one port.
struct World {
    port: u16,
    office: Office,
    sinks: Vec<(SocketAddr, Option<Sink>)>,
}

impl World {
    async fn open() -> anyhow::Result<Self> {
        let first = Sink::start(Behaviour::Accept)?;
        let port = first.address().port();
        let office = Office::open(port).await?;
        let mut sinks = Vec::new();
        for (number, (domain, behaviour, ..)) in (2..).zip(REMOTES) {
            let address = SocketAddr::from(([127, 0, 0, number], port));
            office.domain_at(domain, &[&address.ip().to_string()]);
            let sink = behaviour.map(|behaviour| Sink::start_at(address, behaviour));
            sinks.push((address, sink.transpose()?));
        }
        // One mail host of two is dead, one address of two is, and one domain wants no mail.
        office.domain_at("half.example", &["127.0.0.99", "127.0.0.1"]);
        office.dns.mx("six.example", 10, "mx.six.example");
        office.dns.host("mx.six.example", "127.0.0.1".parse()?);
        office.dns.host("mx.six.example", "::1".parse()?);
        office.dns.mx("four.example", 10, "mx.four.example");
        office.dns.host("mx.four.example", "127.0.0.98".parse()?);
        office.dns.host("mx.four.example", "127.0.0.1".parse()?);
        office.dns.mx("none.example", 0, ".");
        sinks.push((first.address(), Some(first)));
        Ok(Self { port, office, sinks })
    }

    /// Hours have passed: whoever is to be well by now is.
    fn heal(&mut self, hours: i64) -> anyhow::Result<()> {
        for ((.., after, _), (address, sink)) in REMOTES.iter().zip(&mut self.sinks) {
            match sink {
                _ if hours < *after => {}
                Some(sink) => sink.behave(Behaviour::Accept),
                None => *sink = Some(Sink::start_at(*address, Behaviour::Accept)?),
            }
        }
        Ok(())
    }

    /// How often each message came to each recipient, by subject and recipient.
    fn arrived(&self) -> BTreeMap<(String, String), usize> {
        let mut arrived = BTreeMap::new();
        for caught in self
            .sinks
            .iter()
            .filter_map(|(_, sink)| sink.as_ref())
            .flat_map(Sink::caught)
        {
            let text = String::from_utf8(caught.data).unwrap();
            assert!(text.ends_with("\r\nthe end\r\n"), "only whole messages count");
            let subject = text.lines().find_map(|line| line.strip_prefix("Subject: "));
            for to in caught.to {
                let to = to.trim_matches(['<', '>']).to_owned();
                *arrived.entry((subject.unwrap().to_owned(), to)).or_default() += 1;
            }
        }
        arrived
    }

    /// Whom the sender heard of in notices of this kind, each as often as he did.
    fn told(&self, action: &str) -> anyhow::Result<Vec<String>> {
        let mut told = Vec::new();
        for row in self.office.inbox("ann@example.com")? {
            let notice = String::from_utf8(self.office.body(row.blob)?)?;
            let blocks = notice.split("Final-Recipient: rfc822; ").skip(1);
            for block in blocks.filter(|block| block.contains(&format!("Action: {action}\r\n"))) {
                told.push(block.lines().next().unwrap_or_default().to_owned());
            }
        }
        told.sort();
        Ok(told)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_message_is_lost_and_none_is_sent_twice_but_where_nobody_said_that_it_came() -> Outcome {
    let mut world = World::open().await?;
    assert_ne!(world.port, 25);
    let well = ["half.example", "six.example", "four.example"];
    let fates = REMOTES.iter().map(|(domain, .., fate)| (*domain, *fate));
    let fates = fates.chain(well.map(|domain| (domain, Fate::Once)));
    let fates: Vec<_> = fates.chain([("none.example", Fate::Back)]).collect();
    let (mut expected, mut back) = (BTreeMap::new(), Vec::new());
    for (domain, fate) in fates {
        for number in 1..=2 {
            let subject = format!("{number} for {domain}");
            let to = ["a", "b"].map(|name| format!("{name}@{domain}"));
            let body = format!("{}the end\r\n", noise(20_000));
            let sent = message("ann@example.com", &subject, &body);
            let addresses: Vec<&str> = to.iter().map(String::as_str).collect();
            world
                .office
                .submit("ann@example.com", &addresses, &sent)
                .await
                .unwrap();
            for to in to {
                match fate {
                    Fate::Once => drop(expected.insert((subject.clone(), to), 1)),
                    Fate::Twice => drop(expected.insert((subject.clone(), to), 2)),
                    Fate::Back => back.push(to),
                }
            }
        }
    }
    back.sort();

    let start = world.office.clock.now();
    loop {
        world.office.turn().await;
        let Some(next) = world.office.queue()?.iter().map(|item| item.next_attempt).min() else {
            break;
        };
        let seconds = next.0 - start.0;
        assert!(seconds < 72 * HOUR, "{:?}", world.office.queue()?);
        world.heal(seconds / HOUR)?;
        world.office.clock.set(next);
    }
    assert!(
        world.office.clock.now().0 - start.0 >= 48 * HOUR,
        "two days of silence were waited for"
    );
    assert_eq!(world.arrived(), expected);
    assert_eq!(world.told("failed")?, back, "each of them once");
    let late = world.told("delayed")?;
    assert!(late.contains(&"a@down.example".to_owned()), "{late:?}");
    assert!(late.iter().all(|to| !back.contains(to)));
    let relayed = world.office.events().await?;
    let relayed = relayed
        .iter()
        .filter(|event| matches!(event, EventKind::Relayed { .. }));
    assert_eq!(relayed.count(), expected.len(), "each is recorded as sent once");
    assert_eq!(world.office.store.check()?.faults, Vec::<String>::new());
    Ok(())
}

/// An office and the two mail servers of example.net, of which the second is well.
async fn two_hosts(first: Behaviour) -> anyhow::Result<(Office, Sink, Sink)> {
    let first = Sink::start(first)?;
    let port = first.address().port();
    let second = Sink::start_at(SocketAddr::from(([127, 0, 0, 2], port)), Behaviour::Accept)?;
    let office = Office::open(port).await?;
    office.domain_at("example.net", &["127.0.0.1", "127.0.0.2"]);
    Ok((office, first, second))
}

async fn one_host(behaviour: Behaviour) -> anyhow::Result<(Office, Sink)> {
    let sink = Sink::start(behaviour)?;
    let office = Office::open(sink.address().port()).await?;
    office.domain_at("example.net", &["127.0.0.1"]);
    Ok((office, sink))
}

#[tokio::test]
async fn the_next_host_is_asked_wherever_the_first_hangs_up_before_the_end() -> Outcome {
    for trouble in [
        Behaviour::HangUpAtRcpt,
        Behaviour::LeaveAtRcpt,
        Behaviour::HangUpAtData,
        Behaviour::Endless,
        Behaviour::OutOfStep,
    ] {
        let (office, first, second) = two_hosts(trouble).await?;
        office.submit_plain(&["x@example.net"]).await;
        office.turn().await;
        assert_eq!(
            (first.connections(), second.caught().len()),
            (1, 1),
            "{trouble:?}"
        );
        assert!(office.queue()?.is_empty() && office.inbox("ann@example.com")?.is_empty());
    }
    Ok(())
}

#[tokio::test]
async fn a_host_that_takes_no_mail_at_all_is_passed_over_and_another_one_is_waited_for() -> Outcome {
    let (office, first, second) = two_hosts(Behaviour::NoMail).await?;
    office.submit_plain(&["bob@example.net"]).await;
    office.turn().await;
    assert_eq!((first.connections(), second.taken()), (1, 1));

    let (office, first, second) = two_hosts(Behaviour::Busy).await?;
    second.behave(Behaviour::NoMail);
    office.submit_plain(&["bob@example.net"]).await;
    office.turn().await;
    assert_eq!(office.queue()?.len(), 1, "the first one may take it later");
    first.behave(Behaviour::Accept);
    office.wait(400);
    office.turn().await;
    assert_eq!((office.queue()?.len(), first.taken()), (0, 1));
    Ok(())
}

#[tokio::test]
async fn mail_that_requires_tls_waits_for_a_busy_host_and_keeps_no_other_mail_waiting() -> Outcome {
    let (office, _first, second) = two_hosts(Behaviour::Busy).await?;
    let mut asked = envelope(Some("ann@example.com"), &["bob@example.net"]);
    asked.wishes.tls = TlsWish::Required;
    let secret = message("ann@example.com", "Secret", "x\r\n");
    office
        .submit_envelope("ann@example.com", &asked, &secret)
        .await
        .unwrap();
    office.turn().await;
    let waiting = office.queue()?;
    assert_eq!(
        waiting[0].last_words.as_deref(),
        Some("sink1.example.net: 421 4.3.2 too busy")
    );
    office.submit_plain(&["bob@example.net"]).await;
    office.turn().await;
    assert_eq!((office.queue()?.len(), second.taken()), (1, 1));
    Ok(())
}

#[tokio::test]
async fn a_mail_server_without_an_address_is_named_as_what_it_is() -> Outcome {
    let office = Office::open(1).await?;
    office.dns.mx("example.net", 10, "mx.elsewhere.example");
    office.submit_plain(&["bob@example.net"]).await;
    office.turn().await;
    let waiting = office.queue()?;
    let words = waiting[0].last_words.as_deref();
    assert_eq!(
        words,
        Some("4.4.4 the mail server mx.elsewhere.example has no address")
    );
    Ok(())
}

#[tokio::test]
async fn no_other_host_is_asked_once_the_whole_message_is_there() -> Outcome {
    let (office, first, second) = two_hosts(Behaviour::TakeInSilence).await?;
    office.submit_plain(&["x@example.net"]).await;
    office.turn().await;
    assert_eq!((first.caught().len(), second.connections()), (1, 0));
    assert_eq!(office.queue()?.len(), 1, "nobody said that it was taken");
    Ok(())
}

#[tokio::test]
async fn who_has_the_message_does_not_get_it_again_because_others_do_not() -> Outcome {
    let (office, first, second) = two_hosts(Behaviour::TakeOne).await?;
    office
        .submit_plain(&["a@example.net", "b@example.net", "c@example.net"])
        .await;
    office.turn().await;
    assert_eq!(first.caught().len(), 1);
    assert_eq!(second.connections(), 0);
    let queued: Vec<String> = office.queue()?.iter().map(|item| item.to.to_string()).collect();
    assert_eq!(queued, ["c@example.net"]);
    first.behave(Behaviour::Accept);
    office.wait(400);
    office.turn().await;
    let to: Vec<_> = first.caught().into_iter().flat_map(|caught| caught.to).collect();
    assert_eq!(to, ["<a@example.net>", "<b@example.net>", "<c@example.net>"]);
    Ok(())
}

#[tokio::test]
async fn each_recipient_keeps_his_own_answer() -> Outcome {
    let (office, sink) = one_host(Behaviour::RejectSomeAndAtEnd).await?;
    office
        .submit_plain(&["yes@example.net", "later@example.net", "no@example.net"])
        .await;
    office.turn().await;
    let row = office.queue()?.remove(0);
    assert_eq!(row.to.to_string(), "later@example.net");
    assert!(row.last_words.unwrap().contains("450 4.2.1 not today"));
    let notice = office.notice("ann@example.com")?;
    for part in ["554 5.6.0 we do not like it", "550 5.1.1 no such user here"] {
        assert!(notice.contains(part), "{part}: {notice}");
    }
    assert!(!notice.contains("later@"));
    sink.behave(Behaviour::Accept);
    office.wait(400);
    office.turn().await;
    assert_eq!(sink.caught()[0].to, ["<later@example.net>"]);
    Ok(())
}

#[tokio::test]
async fn recipients_that_were_all_refused_do_not_stand_in_the_way_of_the_next() -> Outcome {
    let (office, sink) = one_host(Behaviour::RejectSome).await?;
    office
        .submit_plain(&["no1@example.net", "later@example.net", "yes@example.net"])
        .await;
    office.turn().await;
    assert_eq!(sink.caught()[0].to, ["<yes@example.net>"]);
    assert_eq!(sink.connections(), 1);
    assert_eq!(office.queue()?.len(), 1);
    assert_eq!(
        office
            .notice("ann@example.com")?
            .matches("Action: failed")
            .count(),
        1
    );
    Ok(())
}

#[tokio::test]
async fn a_message_refused_half_way_comes_back_at_once() -> Outcome {
    let (office, _sink) = one_host(Behaviour::TooBig).await?;
    office.submit_plain(&["x@example.net"]).await;
    office.turn().await;
    assert!(office.queue()?.is_empty());
    assert!(
        office
            .notice("ann@example.com")?
            .contains("552 5.3.4 that is too much")
    );
    Ok(())
}

#[tokio::test]
async fn an_answer_that_belongs_to_another_question_decides_nothing() -> Outcome {
    for trouble in [Behaviour::OutOfStep, Behaviour::YesTooSoon] {
        let (office, sink) = one_host(trouble).await?;
        office.submit_plain(&["yes@example.net", "no@example.net"]).await;
        office.turn().await;
        assert!(sink.caught().is_empty() && office.inbox("ann@example.com")?.is_empty());
        let queued = office.queue()?;
        assert_eq!(queued.len(), 2, "{trouble:?}");
        for item in queued {
            let words = item.last_words.unwrap();
            assert!(words.contains("an answer that nobody asked for: 250"), "{words}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn tls_that_breaks_after_its_handshake_falls_back_to_clear() -> Outcome {
    let (office, sink) = one_host(Behaviour::DropAfterTls).await?;
    office.submit_plain(&["x@example.net"]).await;
    office.turn().await;
    assert_eq!(sink.connections(), 2);
    assert!(!sink.caught()[0].tls);
    Ok(())
}
