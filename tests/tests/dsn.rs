//! What a sender hears of his mail, and what travels on with it (RFC 3461, 3464, 6531, 6533, 8689,
//! 9422, 4865).

mod office;

use firmware::clock::DAY;
use office::{Office, envelope, message};
use proto::ask::Envelope;
use proto::types::{
    Address, EnvelopeId, Hold, Notify, OriginalRecipient, RecipientWishes, Returned, Timestamp, TlsWish,
};
use tests::sink::{Behaviour, Sink};

type Outcome = anyhow::Result<()>;

const ANN: &str = "ann@example.com";

fn asking(from: &str, to: &[&str], notify: &str) -> Envelope {
    let mut envelope = envelope(Some(from), to);
    for to in envelope.to.clone() {
        let asked = RecipientWishes {
            notify: Notify::parse(notify).unwrap_or_default(),
            original: OriginalRecipient::parse("rfc822;First+2BName@old.example"),
        };
        envelope.asked.insert(to, asked);
    }
    envelope
}

// The Action fields of the only notice in Ann's inbox, which is emptied by a new office each time.
fn actions(office: &Office) -> anyhow::Result<Vec<String>> {
    let mut actions = Vec::new();
    for row in office.inbox(ANN)? {
        let text = String::from_utf8(office.body(row.blob)?)?;
        let fields = text.lines().filter_map(|line| line.strip_prefix("Action: "));
        actions.extend(fields.map(str::to_owned));
    }
    Ok(actions)
}

// What becomes of a message, and what the sender hears of it by what he asked.
#[tokio::test]
async fn every_combination_of_notify_gives_the_notice_of_rfc_3461() -> Outcome {
    #[derive(Debug, Clone, Copy)]
    enum Fate {
        Here,
        Passed(Behaviour),
        Late,
    }
    const SAID: [&str; 9] = [
        "",
        "NEVER",
        "SUCCESS",
        "FAILURE",
        "DELAY",
        "SUCCESS,FAILURE",
        "SUCCESS,DELAY",
        "FAILURE,DELAY",
        "SUCCESS,FAILURE,DELAY",
    ];
    // For each fate: the action, and in which of the nine cases it is told.
    let table = [
        (Fate::Here, "delivered", [0, 0, 1, 0, 0, 1, 1, 0, 1]),
        (
            Fate::Passed(Behaviour::Accept),
            "relayed",
            [0, 0, 1, 0, 0, 1, 1, 0, 1],
        ),
        // The next server tells it.
        (Fate::Passed(Behaviour::Modern), "", [0; 9]),
        (
            Fate::Passed(Behaviour::Reject),
            "failed",
            [1, 0, 0, 1, 0, 1, 0, 1, 1],
        ),
        (
            Fate::Passed(Behaviour::RejectAtEnd),
            "failed",
            [1, 0, 0, 1, 0, 1, 0, 1, 1],
        ),
        (Fate::Late, "delayed", [1, 0, 0, 0, 1, 0, 1, 1, 1]),
    ];
    for (fate, action, told) in table {
        let behaviour = match fate {
            Fate::Passed(behaviour) => behaviour,
            _ => Behaviour::Greylist(usize::MAX),
        };
        let sink = Sink::start(behaviour)?;
        for (said, told) in SAID.iter().zip(told) {
            let office = Office::open(sink.address().port()).await?;
            office.domain_at("example.net", &["127.0.0.1"]);
            let to = match fate {
                Fate::Here => "ben@example.com",
                _ => "bob@example.net",
            };
            let sent = message(ANN, "Asked", "text\r\n");
            office
                .submit_envelope(ANN, &asking(ANN, &[to], said), &sent)
                .await
                .unwrap();
            office.turn().await;
            if matches!(fate, Fate::Late) {
                assert!(actions(&office)?.is_empty(), "told too early");
                for _ in 0..8 {
                    office.wait(3600);
                    office.turn().await;
                }
            }
            let expected = if told == 1 {
                vec![action.to_owned()]
            } else {
                Vec::new()
            };
            assert_eq!(actions(&office)?, expected, "{fate:?} NOTIFY={said}");
            assert!(office.store.check()?.is_clean());
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_notice_names_the_envelope_and_the_recipient_as_the_sender_did() -> Outcome {
    let sink = Sink::start(Behaviour::Reject)?;
    for (returned, whole) in [
        (None, false),
        (Some(Returned::Header), false),
        (Some(Returned::Full), true),
    ] {
        let office = Office::open(sink.address().port()).await?;
        office.domain_at("example.net", &["127.0.0.1"]);
        let mut asked = asking(ANN, &["bob@example.net"], "FAILURE");
        asked.wishes.envelope_id = EnvelopeId::parse("QQ+2B31");
        asked.wishes.returned = returned;
        let sent = message(ANN, "Asked", "the very text\r\n");
        office.submit_envelope(ANN, &asked, &sent).await.unwrap();
        office.turn().await;
        let notice = office.notice(ANN)?;
        for expected in [
            "Original-Envelope-Id: QQ+31\r\n",
            "Original-Recipient: rfc822; First+Name@old.example\r\n\
             Final-Recipient: rfc822; bob@example.net\r\nAction: failed\r\nStatus: 5.1.1\r\n",
        ] {
            assert!(notice.contains(expected), "{notice}");
        }
        assert_eq!(notice.contains("the very text"), whole, "{returned:?}: {notice}");
        assert_eq!(notice.contains("Content-Type: message/rfc822"), whole);
    }
    // What is too large to be sent about twice, or must not be read, comes back as its header.
    for (octets, tls) in [(300_000, TlsWish::AsUsual), (10, TlsWish::Required)] {
        let office = Office::open(sink.address().port()).await?;
        office.domain_at("example.net", &["127.0.0.1"]);
        let mut asked = asking(ANN, &["bob@example.net"], "FAILURE");
        asked.wishes.returned = Some(Returned::Full);
        asked.wishes.tls = tls;
        let body = format!("the very text\r\n{}", office::noise(octets));
        office
            .submit_envelope(ANN, &asked, &message(ANN, "Asked", &body))
            .await
            .unwrap();
        office.turn().await;
        let notice = office.notice(ANN)?;
        assert!(notice.contains("text/rfc822-headers") && !notice.contains("the very text"));
    }
    Ok(())
}

#[tokio::test]
async fn what_was_asked_travels_on_where_the_next_server_knows_it() -> Outcome {
    for (behaviour, knows) in [(Behaviour::Modern, true), (Behaviour::Accept, false)] {
        let sink = Sink::start(behaviour)?;
        let office = Office::open(sink.address().port()).await?;
        office.domain_at("example.net", &["127.0.0.1"]);
        let to = ["a@example.net", "b@example.net", "c@example.net"];
        let mut asked = asking(ANN, &to, "SUCCESS,FAILURE");
        asked.wishes.envelope_id = EnvelopeId::parse("QQ+2B31");
        asked.wishes.returned = Some(Returned::Full);
        office
            .submit_envelope(ANN, &asked, &message(ANN, "Asked", "x\r\n"))
            .await
            .unwrap();
        office.turn().await;
        assert_eq!(office.store.snapshot()?.queue_len()?, 0);
        let caught = sink.caught();
        let recipients: Vec<usize> = caught.iter().map(|mail| mail.to.len()).collect();
        // RFC 9422: no more at once than it takes, and each of them once
        assert_eq!(recipients, if knows { vec![2, 1] } else { vec![3] });
        for mail in &caught {
            assert_eq!(
                mail.from.contains(" RET=FULL ENVID=QQ+2B31"),
                knows,
                "{}",
                mail.from
            );
            assert_eq!(mail.data, caught[0].data);
            let words = " NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;First+2BName@old.example";
            assert!(
                mail.to.iter().all(|to| to.ends_with(words) == knows),
                "{:?}",
                mail.to
            );
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_stranger_who_asks_hears_that_his_mail_is_in_the_mailbox() -> Outcome {
    let office = Office::open(25).await?;
    let to = [ANN, "ben@example.com"];
    let mut asked = asking("bob@example.net", &to, "SUCCESS");
    asked.asked.remove(&Address::parse(ANN)?);
    let sent = message("bob@example.net", "Hi", "x\r\n");
    office.receive_envelope(&asked, &sent).await.unwrap();
    let queue = office.queue()?;
    assert_eq!(queue.len(), 1);
    assert_eq!(
        (&queue[0].from, queue[0].to.to_string()),
        (&None, "bob@example.net".to_owned())
    );
    let notice = String::from_utf8(office.body(queue[0].blob)?)?;
    assert!(notice.contains("Action: delivered\r\n") && notice.contains("ben@example.com"));
    assert!(!notice.contains(ANN));
    // Who has no sender's address asks in vain.
    asked.from = None;
    office.receive_envelope(&asked, &sent).await.unwrap();
    assert_eq!(office.queue()?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_late_message_is_told_of_once_a_day_until_it_is_given_up() -> Outcome {
    let sink = Sink::start(Behaviour::Greylist(usize::MAX))?;
    let office = Office::open(sink.address().port()).await?;
    office.domain_at("example.net", &["127.0.0.1"]);
    office.submit_plain(&["bob@example.net"]).await;
    let mut told = Vec::new();
    for hour in 0..(7 * 24) {
        office.turn().await;
        let seen = actions(&office)?;
        told.resize(seen.len(), hour);
        office.wait(3600);
        if office.queue()?.is_empty() {
            break;
        }
    }
    let actions = actions(&office)?;
    let (last, before) = actions.split_last().unwrap();
    assert_eq!(last, "failed");
    assert!((4..=5).contains(&before.len()), "{actions:?}");
    assert!(before.iter().all(|action| action == "delayed"));
    assert!((4..=8).contains(&told[0]), "{told:?}");
    let days = &told[..before.len()];
    assert!(days.windows(2).all(|pair| pair[1] - pair[0] >= 24), "{told:?}");
    // RFC 3463 2: it failed, but not for ever.
    let last = office.inbox("ann@example.com")?.pop().unwrap();
    let notice = String::from_utf8(office.body(last.blob)?)?;
    assert!(notice.contains("Action: failed\r\nStatus: 4."), "{notice}");
    assert!(notice.contains("    It was tried since "), "{notice}");
    Ok(())
}

#[tokio::test]
async fn an_address_beyond_ascii_goes_only_where_it_is_understood() -> Outcome {
    for (behaviour, understood) in [(Behaviour::Modern, true), (Behaviour::Accept, false)] {
        let sink = Sink::start(behaviour)?;
        let office = Office::open(sink.address().port()).await?;
        office.domain_at("xn--bcher-kva.example", &["127.0.0.1"]);
        // The domain alone is no trouble: it has a name in ASCII.
        let plain = "bob@b\u{fc}cher.example";
        let wide = "j\u{f6}rg@b\u{fc}cher.example";
        for to in [plain, wide] {
            let mut asked = envelope(Some(ANN), &[to]);
            asked.wishes.utf8 = true;
            office
                .submit_envelope(ANN, &asked, &message(ANN, "Plain", "x\r\n"))
                .await
                .unwrap();
            office.turn().await;
        }
        let caught = sink.caught();
        assert_eq!(caught[0].to, ["<bob@xn--bcher-kva.example>"]);
        assert!(!caught[0].from.contains("SMTPUTF8"));
        if understood {
            assert_eq!(caught[1].to, ["<j\u{f6}rg@xn--bcher-kva.example>"]);
            assert!(caught[1].from.contains("SMTPUTF8"));
            continue;
        }
        assert_eq!(caught.len(), 1);
        let notice = office.notice(ANN)?;
        assert!(notice.contains("message/global-delivery-status"), "{notice}");
        assert!(notice.contains("Final-Recipient: utf-8; j\u{f6}rg@xn--bcher-kva.example\r\n"));
        assert!(notice.contains("Status: 5.6.7\r\n"));
    }
    Ok(())
}

#[tokio::test]
async fn mail_that_requires_tls_is_rather_not_sent_than_to_a_server_that_proves_nothing() -> Outcome {
    for behaviour in [Behaviour::Modern, Behaviour::Accept, Behaviour::DropTls] {
        let sink = Sink::start(behaviour)?;
        let office = Office::open(sink.address().port()).await?;
        office.domain_at("example.net", &["127.0.0.1"]);
        let mut asked = envelope(Some(ANN), &["bob@example.net"]);
        asked.wishes.tls = TlsWish::Required;
        office
            .submit_envelope(ANN, &asked, &message(ANN, "Secret", "x\r\n"))
            .await
            .unwrap();
        office.turn().await;
        assert!(sink.caught().is_empty());
        let notice = office.notice(ANN)?;
        let status = match behaviour {
            Behaviour::DropTls => "Status: 5.7.10\r\n",
            _ => "Status: 5.7.30\r\n",
        };
        assert!(notice.contains(status), "{behaviour:?}: {notice}");
    }
    Ok(())
}

#[tokio::test]
async fn mail_that_is_held_back_reaches_nobody_before_its_time() -> Outcome {
    let sink = Sink::start(Behaviour::Accept)?;
    let office = Office::open(sink.address().port()).await?;
    office.domain_at("example.net", &["127.0.0.1"]);
    let mut asked = asking(ANN, &["ben@example.com", "bob@example.net"], "SUCCESS");
    let week = 7 * DAY;
    asked.wishes.hold = Some(Hold::Until(Timestamp(office.clock.now().0 + week)));
    office
        .submit_envelope(ANN, &asked, &message(ANN, "Later", "x\r\n"))
        .await
        .unwrap();
    for _ in 0..7 {
        office.turn().await;
        assert!(office.inbox("ben@example.com")?.is_empty() && sink.caught().is_empty());
        assert!(office.inbox(ANN)?.is_empty(), "nothing to tell yet");
        office.wait(DAY);
    }
    office.turn().await;
    assert_eq!(
        (office.inbox("ben@example.com")?.len(), sink.caught().len()),
        (1, 1)
    );
    assert_eq!(office.queue()?.len(), 0);
    let mut told = actions(&office)?;
    told.sort();
    assert_eq!(told, ["delivered", "relayed"]);
    let text = office.last_notice(ANN)?;
    assert!(text.contains("Future-Release-Request: until;2026-"), "{text}");
    assert_eq!(office.store.check()?.faults, Vec::<String>::new());
    Ok(())
}
