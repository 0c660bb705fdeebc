//! Mail through delivery, the queue and the relay, with a fake name server, scripted mail servers
//! of other domains and a clock that a test moves.

mod office;

use firmware::clock::DAY;
use firmware::settings::{Smarthost, SmarthostTls};
use mail_auth::{AuthenticatedMessage, DkimResult, MessageAuthenticator};
use office::{Office, message, noise};
use proto::refusal::Refusal;
use proto::types::{Address, Domain};
use std::net::SocketAddr;
use std::time::Duration;
use store::{AccountState, DomainRules, EventKind, LocalDomain, NewAccount};
use tests::imap::Imap;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::sink::{Behaviour, Sink};

type Outcome = anyhow::Result<()>;

#[tokio::test]
async fn a_message_for_two_people_is_one_body_and_two_copies() -> Outcome {
    let office = Office::open(25).await?;
    let sent = message("bob@example.net", "Hello", "for you both\r\n");
    let to = ["ann@example.com", "Ben@example.com", "ANN@example.com"];
    let id = office.receive(Some("bob@example.net"), &to, &sent).await.unwrap();
    let (ann, ben) = (office.inbox("ann@example.com")?, office.inbox("ben@example.com")?);
    assert_eq!((ann.len(), ben.len()), (1, 1));
    assert_eq!(ann[0].blob, ben[0].blob);
    let raw = office.body(ann[0].blob)?;
    let text = String::from_utf8(raw)?;
    assert!(
        text.starts_with("Return-Path: <bob@example.net>\r\nAuthentication-Results: "),
        "{text}"
    );
    assert!(
        text.contains("\r\nReceived: from mx.example.net (unknown [192.0.2.9])"),
        "{text}"
    );
    assert!(
        text.contains(&format!(" id {id}")) && !text.contains(" for <"),
        "{text}"
    );
    assert!(text.ends_with(std::str::from_utf8(&sent)?));
    assert_eq!(office.store.check()?.faults, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn the_received_field_names_a_client_whose_name_is_confirmed() -> Outcome {
    let office = Office::open(25).await?;
    office.dns.name_of("192.0.2.9".parse()?, "mx.example.net");
    office.dns.host("mx.example.net", "192.0.2.9".parse()?);
    let sent = message("bob@example.net", "Hello", "x\r\n");
    office.receive(None, &["ann@example.com"], &sent).await.unwrap();
    let text = String::from_utf8(office.body(office.inbox("ann@example.com")?[0].blob)?)?;
    assert!(text.contains("(mx.example.net [192.0.2.9])"), "{text}");
    assert!(text.starts_with("Return-Path: <>\r\n"));
    assert!(text.replace("\r\n ", " ").contains(" for <ann@example.com>;"));
    Ok(())
}

#[tokio::test]
async fn role_addresses_reach_the_admin_and_unknown_names_nobody() -> Outcome {
    let office = Office::open(25).await?;
    let sent = message("bob@example.net", "Hello", "x\r\n");
    for role in ["postmaster@example.com", "Abuse@example.com"] {
        office.receive(None, &[role], &sent).await.unwrap();
    }
    assert_eq!(office.inbox("ann@example.com")?.len(), 2); // she is the admin
    for nobody in ["nobody@example.com", "x@example.net"] {
        let refused = office.receive(None, &[nobody], &sent).await;
        assert_eq!(refused, Err(Refusal::UnknownRecipient));
    }
    Ok(())
}

#[tokio::test]
async fn a_message_that_goes_in_circles_is_refused() -> Outcome {
    let office = Office::open(25).await?;
    let hop = "Received: from a by b; Thu, 1 Jan 1970 00:00:00 +0000\r\n";
    let circling = [
        hop.repeat(100).into_bytes(),
        message("b@example.net", "x", "x\r\n"),
    ]
    .concat();
    let refused = office.receive(None, &["ann@example.com"], &circling).await;
    assert_eq!(refused, Err(Refusal::Loop));
    assert!(office.inbox("ann@example.com")?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_submitted_message_goes_here_and_there_and_its_signatures_verify() -> Outcome {
    let sink = Sink::start(Behaviour::Accept)?;
    let office = Office::open(sink.address().port()).await?;
    office.domain_at("example.net", &["127.0.0.1"]);
    let body = format!(".dot\r\n..two dots\r\n{}\r\n \r\n\t\r\n", noise(3_000_000));
    let sent = format!(
        "From: Ann <ann@example.com>\r\nTo: x@example.net\r\nBcc: ben@example.com\r\nSubject: S\r\n\r\n{body}"
    );
    let to = [
        "x@example.net",
        "ben@example.com",
        "y@Example.NET",
        "x@example.net",
    ];
    office
        .submit("ann@example.com", &to, sent.as_bytes())
        .await
        .unwrap();
    assert_eq!(office.inbox("ben@example.com")?.len(), 1);
    assert_eq!(office.store.snapshot()?.queue_len()?, 2);
    office.turn().await;
    assert_eq!(office.store.snapshot()?.queue_len()?, 0);

    let caught = sink.caught();
    assert_eq!(caught.len(), 1, "one transaction for both recipients");
    let mail = &caught[0];
    assert!(mail.tls && mail.helo == "mail.example.com");
    assert!(mail.from.starts_with("<ann@example.com> SIZE="), "{}", mail.from);
    assert_eq!(mail.to, ["<x@example.net>", "<y@example.net>"]);
    let here = office.body(office.inbox("ben@example.com")?[0].blob)?;
    assert!(here == mail.data, "the copy here is what left");
    let (header, rest) = split(&mail.data);
    assert!(rest == body.as_bytes());
    assert!(!header.contains("Bcc") && !header.contains("192.0.2.9") && !header.contains("mx.example.net"));
    let received = header.replace("\r\n ", " ");
    assert!(
        received.starts_with("Received: by mail.example.com with ESMTPSA (TLS1.3 "),
        "{header}"
    );
    assert!(header.contains("\r\nDate: ") && header.contains("\r\nMessage-ID: <"));

    // The library that signed reads blank lines at the end wrongly (and only those): without them
    // the canonical body is the same.
    let trimmed = mail.data.trim_ascii_end();
    let results = office.verify(trimmed).await?;
    assert_eq!(
        results,
        [
            ("e1".to_owned(), DkimResult::Pass),
            ("r1".to_owned(), DkimResult::Pass)
        ]
    );
    let events = office.events().await?;
    assert_eq!(
        events
            .iter()
            .filter(|e| matches!(e, EventKind::Relayed { .. }))
            .count(),
        2
    );
    assert_eq!(
        events
            .iter()
            .filter(|e| matches!(e, EventKind::Sent { .. }))
            .count(),
        1
    );
    Ok(())
}

#[tokio::test]
async fn nobody_writes_in_the_name_of_another() -> Outcome {
    let office = Office::open(25).await?;
    for from in [
        "ben@example.com",
        "boss@elsewhere.example",
        "ann@example.com, ben@example.com",
    ] {
        let sent = message(from, "Hello", "x\r\n");
        let refused = office.submit("ann@example.com", &["x@example.net"], &sent).await;
        assert_eq!(refused, Err(Refusal::NotYourSender), "{from}");
    }
    let nameless = b"To: x@example.net\r\n\r\nx\r\n";
    let refused = office
        .submit("ann@example.com", &["x@example.net"], nameless)
        .await;
    assert!(matches!(refused, Err(Refusal::BadMessage(_))), "{refused:?}");
    assert_eq!(office.store.snapshot()?.queue_len()?, 0);
    let refused =
        |event: &EventKind| matches!(event, EventKind::Refused { words, .. } if words.starts_with("5"));
    assert_eq!(office.events().await?.iter().filter(|e| refused(e)).count(), 4);
    Ok(())
}

#[tokio::test]
async fn a_greylisted_message_is_tried_again_and_arrives() -> Outcome {
    let sink = Sink::start(Behaviour::Greylist(2))?;
    let office = Office::open(sink.address().port()).await?;
    office.domain_at("example.net", &["127.0.0.1"]);
    office.submit_plain(&["x@example.net"]).await;
    office.turn().await;
    let row = office.queue()?.remove(0);
    assert_eq!(row.attempts, 1);
    assert!(row.last_words.unwrap().contains("450 4.7.1 greylisted"));
    let wait = row.next_attempt.0 - office.clock.now().0;
    assert!((300..=330).contains(&wait), "{wait}");
    office.turn().await;
    assert_eq!(sink.refused(), 1, "not before its time");
    for _ in 0..2 {
        office.wait(1000);
        office.turn().await;
    }
    assert_eq!(
        (sink.refused(), sink.caught().len(), office.queue()?.len()),
        (2, 1, 0)
    );
    let deferred = |event: &EventKind| matches!(event, EventKind::Deferred { .. });
    assert_eq!(office.events().await?.iter().filter(|e| deferred(e)).count(), 2);
    Ok(())
}

#[tokio::test]
async fn after_five_days_of_silence_the_sender_is_told() -> Outcome {
    let office = Office::open(1).await?; // nobody listens there
    office.domain_at("example.net", &["127.0.0.1"]);
    office.submit_plain(&["x@example.net"]).await;
    let (start, mut tries) = (office.clock.now(), 0);
    while let Some(row) = office.queue()?.first() {
        assert!(
            row.next_attempt.0 - start.0 <= 6 * DAY,
            "still tried after six days"
        );
        office.clock.set(row.next_attempt);
        office.turn().await;
        tries += 1;
    }
    assert!(office.clock.now().0 - start.0 >= 5 * DAY);
    assert!((20..30).contains(&tries), "{tries} tries");
    let notice = office.last_notice("ann@example.com")?;
    for part in [
        "Return-Path",
        "multipart/report; report-type=delivery-status",
        "Final-Recipient: rfc822; x@example.net\r\nAction: failed\r\nStatus: 4.4.7\r\n", // RFC 3463 3.5
        "It was tried since Thu, 1 Jan 2026 00:00:00 +0000, and is not tried any more.",
        "Diagnostic-Code: X-Pillarbox; connect: Connection refused",
        "Subject: Plain\r\n",
    ] {
        assert_eq!(notice.contains(part), part != "Return-Path", "{part}: {notice}");
    }
    assert!(
        office
            .events()
            .await?
            .iter()
            .any(|e| matches!(e, EventKind::Bounced { .. }))
    );
    assert_eq!(office.store.check()?.faults, Vec::<String>::new());
    Ok(())
}

#[tokio::test]
async fn a_refused_recipient_comes_back_at_once_and_the_others_arrive() -> Outcome {
    let sink = Sink::start(Behaviour::RejectSome)?;
    let office = Office::open(sink.address().port()).await?;
    office.domain_at("example.net", &["127.0.0.1"]);
    office
        .submit_plain(&["no1@example.net", "yes@example.net", "no2@example.net"])
        .await;
    office.turn().await;
    assert_eq!(sink.caught()[0].to, ["<yes@example.net>"]);
    assert!(office.queue()?.is_empty());
    let notice = office.notice("ann@example.com")?;
    assert_eq!(
        notice.matches("Status: 5.1.1").count(),
        2,
        "one notice for both: {notice}"
    );
    assert!(
        notice.contains("sink1.example.net said: 550 5.1.1 no such user here"),
        "{notice}"
    );
    assert!(!notice.contains("yes@example.net"));
    Ok(())
}

#[tokio::test]
async fn every_kind_of_refusal_for_good_is_told_to_the_sender() -> Outcome {
    for (behaviour, words) in [
        (Behaviour::Reject, "550 5.1.1 no such user here"),
        (Behaviour::RejectAtEnd, "554 5.6.0 we do not like it"),
    ] {
        let sink = Sink::start(behaviour)?;
        let office = Office::open(sink.address().port()).await?;
        office.domain_at("example.net", &["127.0.0.1"]);
        office.submit_plain(&["x@example.net"]).await;
        office.turn().await;
        assert!(office.queue()?.is_empty());
        assert!(office.notice("ann@example.com")?.contains(words), "{behaviour:?}");
    }
    Ok(())
}

#[tokio::test]
async fn domains_without_mail_are_told_at_once_and_broken_name_servers_waited_for() -> Outcome {
    let office = Office::open(25).await?;
    office.dns.mx("nomail.example", 0, ".");
    office.dns.mx("here.example", 10, "mail.example.com"); // our own name
    office.dns.fail("broken.example");
    for (domain, status) in [
        ("nomail.example", "5.1.10"),
        ("nowhere.example", "5.1.2"),
        ("here.example", "5.4.6"),
    ] {
        office.submit_plain(&[&format!("x@{domain}")]).await;
        office.turn().await;
        assert!(office.queue()?.is_empty(), "{domain}");
        let notice = office.last_notice("ann@example.com")?;
        assert!(
            notice.contains(&format!("Status: {status}\r\n")),
            "{domain}: {notice}"
        );
    }
    office.submit_plain(&["x@broken.example"]).await;
    office.turn().await;
    assert!(office.queue()?[0].last_words.as_ref().unwrap().contains("4.4.3"));
    Ok(())
}

#[tokio::test]
async fn a_notice_is_never_answered() -> Outcome {
    let sink = Sink::start(Behaviour::Reject)?;
    let office = Office::open(sink.address().port()).await?;
    office.domain_at("example.net", &["127.0.0.1"]);
    let sent = message("ann@example.com", "Receipt", "read\r\n");
    office
        .submit_as("ann@example.com", None, &["x@example.net"], &sent)
        .await
        .unwrap();
    office.turn().await;
    assert!(office.queue()?.is_empty());
    assert!(office.inbox("ann@example.com")?.is_empty());
    Ok(())
}

#[tokio::test]
async fn the_notice_to_a_sender_elsewhere_leaves_with_the_null_sender() -> Outcome {
    let sink = Sink::start(Behaviour::RejectSome)?;
    let office = Office::open(sink.address().port()).await?;
    office.domain_at("example.net", &["127.0.0.1"]);
    let sent = message("ann@example.com", "Hello", "x\r\n");
    let sender = Some("list@example.net");
    office
        .submit_as("ann@example.com", sender, &["no@example.net"], &sent)
        .await
        .unwrap();
    office.turn().await;
    let caught = sink.caught();
    assert_eq!(caught.len(), 1);
    assert!(caught[0].from.starts_with("<> "), "{}", caught[0].from);
    assert_eq!(caught[0].to, ["<list@example.net>"]);
    assert!(office.queue()?.is_empty() && office.inbox("ann@example.com")?.is_empty());
    assert!(String::from_utf8(caught[0].data.clone())?.contains("postmaster@example.com"));
    assert_eq!(office.verify(&caught[0].data).await?, both_hold());
    Ok(())
}

#[tokio::test]
async fn the_notice_comes_from_the_domain_of_whom_it_tells() -> Outcome {
    let sink = Sink::start(Behaviour::Reject)?;
    let office = Office::open(sink.address().port()).await?;
    office.domain_at("example.net", &["127.0.0.1"]);
    let local = LocalDomain {
        domain: Domain::parse("second.example")?,
        rules: DomainRules::default(),
    };
    let now = office.clock.now();
    office.store.put_domain(local, now, "a test".to_owned()).await?;
    let carl = NewAccount {
        address: Address::parse("carl@second.example")?,
        password_hash: String::new(),
        admin: false,
        created: now,
    };
    office.store.create_account(carl).await?;
    for sender in ["ann@example.com", "carl@second.example"] {
        let sent = message(sender, "Hello", "x\r\n");
        office.submit(sender, &["no@example.net"], &sent).await.unwrap();
        office.turn().await;
        let (_, domain) = sender.split_once('@').unwrap();
        let notice = office.notice(sender)?;
        let from = notice.lines().find(|line| line.starts_with("From: ")).unwrap();
        assert!(from.contains(&format!("<postmaster@{domain}>")), "{from}");
    }
    Ok(())
}

// What mail programs send: every form of it verifies at the other end, and a second From breaks it.
#[tokio::test]
async fn awkward_messages_leave_with_signatures_that_hold() -> Outcome {
    let sink = Sink::start(Behaviour::Accept)?;
    let office = Office::open(sink.address().port()).await?;
    office.domain_at("example.net", &["127.0.0.1"]);
    let long = "word ".repeat(180);
    let folded = "word\r\n\t  and ".repeat(60);
    for (fields, body) in [
        (format!("Subject: {long}\r\n"), "one\r\n".to_owned()),
        (format!("Subject: {folded}end\r\n"), "one\r\n".to_owned()),
        ("Subject:\r\n folded at once\r\n".to_owned(), "one\r\n".to_owned()),
        (
            "SUBJECT   :   spaced \t out  \r\n".to_owned(),
            "one\r\n".to_owned(),
        ),
        (
            "Subject: =?utf-8?q?Gr=C3=BC=C3=9Fe?=\r\nContent-Type: text/plain; charset=utf-8\r\n\
             Content-Transfer-Encoding: 8bit\r\n"
                .to_owned(),
            "Gr\u{fc}\u{df}e \u{20ac}\r\n".to_owned(),
        ),
        ("Subject: empty\r\n".to_owned(), String::new()),
        ("Subject: blank\r\n".to_owned(), "\r\n\r\n\r\n".to_owned()),
        ("Subject: ends\r\n".to_owned(), "one\r\n\r\n\r\n".to_owned()),
        ("Subject: open\r\n".to_owned(), "no line end".to_owned()),
        (
            "Subject: dots\r\n".to_owned(),
            ".\r\n..\r\n  two \t blanks  \r\nFrom here\r\n".to_owned(),
        ),
        (
            "To: a@example.net,\r\n b@example.net\r\nCc: c@example.net\r\nReferences: <a@b>\r\n <c@d>\r\n"
                .to_owned(),
            format!("{}\r\n", "x".repeat(990)),
        ),
    ] {
        let sent = format!("From: Ann\r\n <ann@example.com>\r\n{fields}\r\n{body}");
        office
            .submit("ann@example.com", &["x@example.net"], sent.as_bytes())
            .await
            .unwrap();
        office.turn().await;
        let arrived = sink.caught().pop().unwrap().data;
        assert_eq!(office.verify(&arrived).await?, both_hold(), "{sent}");
        for added in ["From: eve@example.com\r\n", "Reply-To: eve@example.com\r\n"] {
            let forged = [added.as_bytes(), &arrived].concat();
            let results = office.verify(&forged).await?;
            let held = results.iter().any(|(_, result)| *result == DkimResult::Pass);
            assert!(!held && results.len() == 2, "{added}{sent}");
        }
    }
    Ok(())
}

fn both_hold() -> [(String, DkimResult); 2] {
    ["e1", "r1"].map(|selector| (selector.to_owned(), DkimResult::Pass))
}

#[tokio::test]
async fn broken_tls_between_servers_falls_back_to_clear() -> Outcome {
    let sink = Sink::start(Behaviour::DropTls)?;
    let office = Office::open(sink.address().port()).await?;
    office.domain_at("example.net", &["127.0.0.1"]);
    office.submit_plain(&["x@example.net"]).await;
    office.turn().await;
    assert_eq!(sink.connections(), 2);
    assert!(!sink.caught()[0].tls);
    Ok(())
}

#[tokio::test]
async fn nothing_that_was_said_before_tls_survives_it() -> Outcome {
    let sink = Sink::start(Behaviour::InjectBeforeTls)?;
    let office = Office::open(sink.address().port()).await?;
    office.domain_at("example.net", &["127.0.0.1"]);
    office.submit_plain(&["x@example.net"]).await;
    office.turn().await;
    assert!(sink.caught()[0].tls);
    assert!(office.queue()?.is_empty() && office.inbox("ann@example.com")?.is_empty());
    Ok(())
}

#[tokio::test]
async fn mail_of_a_frozen_account_waits_until_it_is_released() -> Outcome {
    let sink = Sink::start(Behaviour::Accept)?;
    let office = Office::open(sink.address().port()).await?;
    office.domain_at("example.net", &["127.0.0.1"]);
    office.submit_plain(&["x@example.net"]).await;
    let frozen = AccountState::Frozen {
        since: office.clock.now(),
        reason: "too much mail".to_owned(),
    };
    office.set_state("ann@example.com", frozen).await?;
    office.turn().await;
    assert_eq!((sink.connections(), office.queue()?.len()), (0, 1));
    let sent = message("ann@example.com", "More", "x\r\n");
    let refused = office.submit("ann@example.com", &["x@example.net"], &sent).await;
    assert!(matches!(refused, Err(Refusal::Frozen { .. })), "{refused:?}");
    office.receive(None, &["ann@example.com"], &sent).await.unwrap();
    assert_eq!(office.inbox("ann@example.com")?.len(), 1, "it receives as ever");
    office.set_state("ann@example.com", AccountState::Active).await?;
    office.turn().await;
    assert_eq!((sink.caught().len(), office.queue()?.len()), (1, 0));
    Ok(())
}

#[tokio::test]
async fn an_old_server_without_extensions_gets_its_mail() -> Outcome {
    let sink = Sink::start(Behaviour::AcceptOldStyle)?;
    let office = Office::open(sink.address().port()).await?;
    office.domain_at("example.net", &["127.0.0.1"]);
    office.submit_plain(&["x@example.net", "y@example.net"]).await;
    office.turn().await;
    let caught = sink.caught();
    assert_eq!(caught[0].from, "<ann@example.com>");
    assert_eq!(caught[0].to.len(), 2);
    Ok(())
}

#[tokio::test]
async fn the_next_host_is_asked_when_the_best_one_cannot() -> Outcome {
    for trouble in [Behaviour::HangUpInData, Behaviour::Busy] {
        let first = Sink::start(trouble)?;
        let port = first.address().port();
        let second = Sink::start_at(SocketAddr::from(([127, 0, 0, 2], port)), Behaviour::Accept)?;
        let office = Office::open(port).await?;
        office.domain_at("example.net", &["127.0.0.1", "127.0.0.2"]);
        office
            .submit(
                "ann@example.com",
                &["x@example.net"],
                &message("ann@example.com", "Large", &noise(500_000)),
            )
            .await
            .unwrap();
        office.turn().await;
        assert_eq!(
            (first.connections(), second.caught().len()),
            (1, 1),
            "{trouble:?}"
        );
        assert!(office.queue()?.is_empty());
    }
    Ok(())
}

#[tokio::test]
async fn a_server_that_hangs_up_in_the_middle_leaves_the_message_queued() -> Outcome {
    let sink = Sink::start(Behaviour::HangUpInData)?;
    let office = Office::open(sink.address().port()).await?;
    office.domain_at("example.net", &["127.0.0.1"]);
    office.submit_plain(&["x@example.net"]).await;
    office.turn().await;
    let words = office.queue()?[0].last_words.clone().unwrap();
    assert!(words.contains("421 4.3.2 going down"), "{words}");
    sink.behave(Behaviour::Accept);
    office.wait(400);
    office.turn().await;
    assert_eq!(sink.caught().len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_smarthost_gets_everything_with_its_password_over_tls() -> Outcome {
    for (behaviour, tls) in [
        (Behaviour::Accept, SmarthostTls::Starttls),
        (Behaviour::AcceptImplicitTls, SmarthostTls::Implicit),
    ] {
        let sink = Sink::start(behaviour)?;
        let office = Office::open(25).await?;
        let mut smarthost = Smarthost {
            host: "127.0.0.1".to_owned(),
            port: sink.address().port(),
            tls,
            user: Some("office".to_owned()),
            password: Some("s3cret".to_owned()),
            trust_any_certificate: false,
        };
        office.set_smarthost(&smarthost).await?;
        office.submit_plain(&["x@one.example", "y@two.example"]).await;
        office.turn().await;
        assert!(
            sink.caught().is_empty(),
            "no password for a certificate that nobody vouches for"
        );
        let words = office.queue()?[0].last_words.clone().unwrap();
        assert!(words.contains("TLS") && !words.contains("s3cret"), "{words}");

        smarthost.trust_any_certificate = true;
        office.set_smarthost(&smarthost).await?;
        office.wait(400);
        office.turn().await;
        let caught = sink.caught();
        assert_eq!(caught.len(), 1);
        assert!(caught[0].tls);
        assert_eq!(caught[0].login, Some(("office".to_owned(), "s3cret".to_owned())));
        assert_eq!(caught[0].to.len(), 2);
        assert_eq!(office.dns.asked(), Vec::<String>::new());
    }
    Ok(())
}

#[tokio::test]
async fn a_smarthost_whose_tls_breaks_gets_nothing_in_clear() -> Outcome {
    let sink = Sink::start(Behaviour::DropTls)?;
    let office = Office::open(25).await?;
    let smarthost = Smarthost {
        host: "127.0.0.1".to_owned(),
        port: sink.address().port(),
        tls: SmarthostTls::Starttls,
        user: None,
        password: None,
        trust_any_certificate: true,
    };
    office.set_smarthost(&smarthost).await?;
    office.submit_plain(&["x@one.example"]).await;
    office.turn().await;
    assert!(sink.caught().is_empty());
    assert_eq!((sink.connections(), office.queue()?.len()), (1, 1));
    Ok(())
}

#[tokio::test]
async fn a_place_that_cannot_be_reached_is_not_asked_for_every_message() -> Outcome {
    let sink = Sink::start(Behaviour::Busy)?;
    let office = Office::open(sink.address().port()).await?;
    office.domain_at("example.net", &["127.0.0.1"]);
    for number in 0..20 {
        office.submit_plain(&[&format!("x{number}@example.net")]).await;
    }
    office.turn().await;
    assert!(sink.connections() <= 2, "{} connections", sink.connections());
    for row in office.queue()? {
        assert!(row.next_attempt > office.clock.now());
        assert!(row.last_words.unwrap().contains("421 4.3.2 too busy"));
    }
    sink.behave(Behaviour::Accept);
    office.wait(400);
    office.turn().await;
    assert_eq!(sink.caught().len(), 20);
    Ok(())
}

#[tokio::test]
async fn mail_for_one_place_shares_connections_as_long_as_the_server_likes() -> Outcome {
    const MESSAGES: usize = 30;
    for (behaviour, shares) in [
        (Behaviour::Accept, true),
        (Behaviour::TakeOne, false),
        (Behaviour::TireAfterOne, false),
    ] {
        let sink = Sink::start(behaviour)?;
        let office = Office::open(sink.address().port()).await?;
        office.domain_at("example.net", &["127.0.0.1"]);
        for number in 0..MESSAGES {
            office.submit_plain(&[&format!("x{number}@example.net")]).await;
        }
        office.turn().await;
        let mut to: Vec<_> = sink.caught().iter().map(|caught| caught.to.clone()).collect();
        to.sort();
        to.dedup();
        assert_eq!(
            (to.len(), sink.caught().len()),
            (MESSAGES, MESSAGES),
            "{behaviour:?}"
        );
        assert!(office.queue()?.is_empty(), "{behaviour:?}");
        if shares {
            // As many as tries at once, not as messages.
            assert!(sink.connections() <= 12, "{} connections", sink.connections());
        } else {
            assert!(sink.connections() >= MESSAGES, "{behaviour:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn whatever_a_server_says_mail_is_kept_until_it_was_taken() -> Outcome {
    let mut seen = [0; 3];
    for seed in 1..=40_u64 {
        let sink = Sink::start(Behaviour::Moody(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15)))?;
        let office = Office::open(sink.address().port()).await?;
        office.domain_at("example.net", &["127.0.0.1"]);
        office.submit_plain(&["x@example.net"]).await;
        office.turn().await;
        let relayed = office
            .events()
            .await?
            .iter()
            .any(|e| matches!(e, EventKind::Relayed { .. }));
        let bounced = !office.inbox("ann@example.com")?.is_empty();
        let queued = office.queue()?;
        let ends = [relayed, bounced, queued.len() == 1];
        assert_eq!(
            ends.iter().filter(|end| **end).count(),
            1,
            "seed {seed}: {ends:?}"
        );
        for (count, end) in seen.iter_mut().zip(ends) {
            *count += usize::from(end);
        }
        assert!(
            !relayed || !sink.caught().is_empty(),
            "seed {seed}: nothing was taken"
        );
        assert!(queued.iter().all(|row| row.next_attempt > office.clock.now()));
    }
    assert!(seen.iter().all(|count| *count > 2), "{seen:?}");
    Ok(())
}

#[tokio::test]
async fn one_office_writes_to_another() -> Outcome {
    let theirs = Pillarbox::office(&["anna", "ben"], &[])?;
    let ours = Office::open(theirs.port("smtp")?).await?;
    ours.domain_at(DOMAIN, &["127.0.0.1"]);
    let body = format!(".dot\r\n{}", noise(10_000_000));
    let sent = message("ann@example.com", "From office to office", &body);
    let to = ["anna", "ben", "nobody"].map(|name| format!("{name}@{DOMAIN}"));
    let to: Vec<&str> = to.iter().map(String::as_str).collect();
    ours.submit("ann@example.com", &to, &sent).await.unwrap();
    ours.turn().await;
    assert!(ours.queue()?.is_empty());
    let notice = ours.notice("ann@example.com")?;
    assert!(
        notice.contains(&format!("Final-Recipient: rfc822; nobody@{DOMAIN}")),
        "{notice}"
    );
    assert!(
        notice.contains("Status: 5.1.1") && !notice.contains("ben@"),
        "{notice}"
    );
    for name in ["anna", "ben"] {
        let mut imap = Imap::login(theirs.port("imaps")?, &format!("{name}@{DOMAIN}"), PASSWORD)?;
        imap.ok("SELECT INBOX")?;
        let mail = imap.body(1)?;
        let (header, rest) = split(&mail);
        assert!(rest == body.as_bytes(), "{name}");
        assert!(
            header.starts_with("Return-Path: <ann@example.com>\r\n"),
            "{header}"
        );
        assert!(
            header.contains("with ESMTPS ") && header.contains("\r\nDKIM-Signature: "),
            "{header}"
        );
        assert_eq!(ours.verify(&mail).await?.len(), 2);
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_runner_wakes_for_new_mail_and_stops_when_told() -> Outcome {
    let sink = Sink::start(Behaviour::Accept)?;
    let office = Office::open(sink.address().port()).await?;
    office.domain_at("example.net", &["127.0.0.1"]);
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let post = office.post.clone();
    let runner = tokio::spawn(firmware::deliver::queue::run(post, async {
        let _ = stopped.await;
    }));
    for _ in 0..5 {
        office.submit_plain(&["x@example.net"]).await;
    }
    let sink = tokio::task::spawn_blocking(move || {
        let caught = sink.wait_for(5, Duration::from_secs(20));
        caught.map(|_| sink)
    });
    let _sink = sink.await??;
    stop.send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(10), runner).await??;
    assert!(office.queue()?.is_empty(), "every settlement was waited for");
    Ok(())
}

fn split(message: &[u8]) -> (String, &[u8]) {
    let end = message.windows(4).position(|w| w == b"\r\n\r\n").unwrap() + 4;
    (
        String::from_utf8(message[..end].to_vec()).unwrap(),
        &message[end..],
    )
}

impl Office {
    async fn verify(&self, message: &[u8]) -> anyhow::Result<Vec<(String, DkimResult)>> {
        let library = MessageAuthenticator(tests::fake_dns::resolver(&self.dns)?);
        let message = AuthenticatedMessage::parse(message).unwrap();
        let results = library.verify_dkim(&message).await;
        let result = |r: &mail_auth::DkimOutput<'_>| (r.signature().unwrap().s.clone(), r.result().clone());
        Ok(results.iter().map(result).collect())
    }
}
