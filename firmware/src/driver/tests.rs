use super::*;
use crate::limits::PIECE;
use crate::spool::Shelf;
use crate::tls;
use crate::trial::{Caller, PASSWORD, PATIENCE, Trial};
use proto::ask::Want;
use proto::limits::smtp::{CARD_RESERVE, IN_MEMORY};
use proto::types::{Flags, SystemFlag, Timestamp};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use store::{Body, Change, Delivery, MailCopy, Place};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio_rustls::TlsConnector;

async fn greeted(trial: &Trial) -> (Caller, tokio::task::JoinHandle<End>) {
    let (mut caller, driven) = trial.smtp_from_here();
    assert!(caller.line().await.starts_with("220 "));
    (caller, driven)
}

#[tokio::test(flavor = "multi_thread")]
async fn pipelined_commands_are_answered_in_order_and_in_one_write() {
    let trial = Trial::new().await;
    let (mut caller, _driven) = greeted(&trial).await;
    caller.say("HELO a.example\r\nMAIL FROM:<>\r\nRCPT TO:<nobody@firm.example>\r\nRCPT TO:<anna@firm.example>\r\nNOOP\r\n").await;
    let mut heard = [0; 4096];
    let count = tokio::time::timeout(PATIENCE, caller.0.read(&mut heard))
        .await
        .unwrap()
        .unwrap();
    let heard = String::from_utf8_lossy(&heard[..count]);
    let codes: Vec<&str> = heard.lines().map(|line| &line[..3]).collect();
    assert_eq!(codes, ["250", "250", "550", "250", "250"], "{heard}");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_said_before_tls_does_not_survive_it() {
    let trial = Trial::new().await;
    let (mut caller, _driven) = greeted(&trial).await;
    caller.say("EHLO a.example\r\n").await;
    caller.hear("250 ENHANCEDSTATUSCODES\r\n").await;
    caller
        .say("STARTTLS\r\nMAIL FROM:<evil@a.example>\r\nRCPT TO:<anna@firm.example>\r\n")
        .await;
    assert!(caller.line().await.starts_with("220 "));
    let mut tls = connector(&trial).connect(ServerName::try_from("pillarbox.local").unwrap(), caller.0);
    let mut stream = tokio::time::timeout(PATIENCE, &mut tls).await.unwrap().unwrap();
    stream
        .write_all(b"EHLO a.example\r\nRCPT TO:<anna@firm.example>\r\nQUIT\r\n")
        .await
        .unwrap();
    let mut heard = String::new();
    let _ = tokio::time::timeout(PATIENCE, stream.read_to_string(&mut heard))
        .await
        .unwrap();
    assert!(heard.contains("\r\n503 "), "no sender was named: {heard}");
    assert!(!heard.contains("STARTTLS"), "{heard}");
}

fn connector(trial: &Trial) -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    let cert = CertificateDer::from_pem_file(trial.house.data.join("tls/cert.pem")).unwrap();
    roots.add(cert).unwrap();
    let config = rustls::ClientConfig::builder_with_provider(tls::provider())
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

// RFC 1870 6.1, RFC 5321 4.2.2
#[tokio::test(flavor = "multi_thread")]
async fn what_would_not_fit_the_card_is_refused_before_it_is_full_and_small_mail_is_taken() {
    // Each time it is asked, a piece has come in since.
    let room = 2 * IN_MEMORY as u64;
    let free = AtomicU64::new(CARD_RESERVE + room);
    let free = move |_: &Path| Ok(free.fetch_sub(PIECE as u64, Ordering::Relaxed));
    let trial = Trial::with(|house| {
        house.shelf = Shelf::measured(house.data.join("spool"), Box::new(free));
    })
    .await;
    let (mut caller, _driven) = greeted(&trial).await;
    caller.say("EHLO a.example\r\n").await;
    caller.hear("250 ENHANCEDSTATUSCODES\r\n").await;
    let says = |size: u64| format!("MAIL FROM:<b@a.example> SIZE={size}\r\n");
    caller.say(&says(room + 1)).await;
    assert!(caller.line().await.starts_with("452 4.3.1 "));
    // Whoever does not say how large it is, or lies, hears it at the end.
    caller.say(&says(1)).await;
    assert!(caller.line().await.starts_with("250 "));
    caller.say("RCPT TO:<anna@firm.example>\r\nDATA\r\n").await;
    assert!(caller.line().await.starts_with("250 "));
    assert!(caller.line().await.starts_with("354 "));
    caller.say("Subject: large\r\n\r\n").await;
    caller.say(&"0123456789abcd\r\n".repeat(IN_MEMORY)).await;
    caller.say(".\r\n").await;
    let answer = caller.line().await;
    assert!(answer.starts_with("452 4.3.1 "), "{answer}");
    caller
        .say("MAIL FROM:<b@a.example>\r\nRCPT TO:<anna@firm.example>\r\nBDAT 14 LAST\r\nSubject: x\r\n\r\n")
        .await;
    for _ in 0..3 {
        assert!(caller.line().await.starts_with("250 "));
    }
    let left = std::fs::read_dir(trial.house.data.join("spool")).unwrap();
    assert_eq!(left.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_message_goes_through_the_card_and_comes_back_the_same() {
    let trial = Trial::new().await;
    let (mut caller, _driven) = greeted(&trial).await;
    let body: String = (0..IN_MEMORY / 10).map(|n| format!("line {n:08}\r\n")).collect();
    let message = format!("Subject: large\r\n\r\n{body}");
    assert!(message.len() > IN_MEMORY);
    caller
        .say("HELO a.example\r\nMAIL FROM:<b@a.example>\r\nRCPT TO:<anna@firm.example>\r\nDATA\r\n")
        .await;
    caller.hear("354 Send it; end with a line of one dot.\r\n").await;
    caller.say(&message).await;
    caller.say(".\r\n").await;
    let answer = caller.line().await;
    assert!(answer.starts_with("250 "), "{answer}");

    let snapshot = trial.house.store.snapshot().unwrap();
    let inbox = snapshot.mailbox(trial.anna, "INBOX").unwrap().unwrap();
    let uids = snapshot.open(inbox.id).unwrap().uids;
    let row = snapshot.rows(inbox.id, &uids, Want::default()).unwrap().remove(0);
    let mut stored = String::new();
    std::io::Read::read_to_string(&mut snapshot.body(row.blob).unwrap().unwrap(), &mut stored).unwrap();
    assert!(stored.ends_with(&message));
}

#[tokio::test(flavor = "multi_thread")]
async fn going_down_says_so_and_closes() {
    let trial = Trial::new().await;
    let (mut caller, driven) = greeted(&trial).await;
    trial.house.sessions.cut_all(&proto::refusal::Refusal::Shutdown);
    let heard = caller.rest().await;
    assert!(heard.starts_with("421 "), "{heard}");
    drop(caller);
    assert!(matches!(driven.await.unwrap(), End::Closed));
    assert_eq!(trial.house.sessions.count(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn freezing_an_account_cuts_its_session_even_while_it_does_not_read() {
    let trial = Trial::new().await;
    // Ten megabytes that the client asks for and does not read.
    let big = format!("Subject: big\r\n\r\n{}", "0123456789abcdef\r\n".repeat(600_000));
    let (mut sender, _driven) = greeted(&trial).await;
    sender
        .say("HELO a.example\r\nMAIL FROM:<>\r\nRCPT TO:<anna@firm.example>\r\nDATA\r\n")
        .await;
    sender.hear("one dot.\r\n").await;
    sender.say(&format!("{big}.\r\n")).await;
    assert!(sender.line().await.starts_with("250 "));

    let (mut reader, driven) = logged_in(&trial).await;
    reader.say("a2 SELECT INBOX\r\na3 FETCH 1 BODY[]\r\n").await;
    reader.hear("0123456789abcdef\r\n").await;
    let house = &trial.house;
    house.guard.freeze(trial.anna, "test".to_owned()).await.unwrap();
    let end = tokio::time::timeout(PATIENCE, driven).await.unwrap().unwrap();
    assert!(matches!(end, End::Cut), "{end}");
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_wakes_for_new_mail_and_ends_when_the_account_is_frozen() {
    let trial = Trial::new().await;
    let (mut reader, driven) = logged_in(&trial).await;
    reader.say("a2 SELECT INBOX\r\n").await;
    while !reader.line().await.starts_with("a2 OK") {}
    reader.say("a3 IDLE\r\n").await;
    reader.hear("+ Waiting for news.\r\n").await;

    let (mut sender, _driven) = greeted(&trial).await;
    sender
        .say("HELO a.example\r\nMAIL FROM:<>\r\nRCPT TO:<anna@firm.example>\r\nDATA\r\n")
        .await;
    sender.hear("one dot.\r\n").await;
    sender.say("Subject: hi\r\n\r\nhi\r\n.\r\n").await;
    assert!(sender.line().await.starts_with("250 "));
    // One or two: the letter about a login from a new network is on its way too.
    let news = reader.line().await;
    assert!(news.starts_with("* ") && news.ends_with(" EXISTS\r\n"), "{news}");

    let house = &trial.house;
    house.guard.freeze(trial.anna, "test".to_owned()).await.unwrap();
    let heard = reader.rest().await;
    assert!(heard.contains("* BYE"), "{heard}");
    drop(reader);
    assert!(matches!(driven.await.unwrap(), End::Closed));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_one_event_and_one_wait() {
    let trial = Trial::new().await;
    let (mut caller, _driven) = trial.imap();
    caller.line().await;
    let asked = Instant::now();
    caller.say("a1 LOGIN anna wrong\r\n").await;
    assert!(caller.line().await.starts_with("a1 NO [AUTHENTICATIONFAILED]"));
    assert!(asked.elapsed() >= Duration::from_secs(1));
    trial.house.ledger.flush().await;
    let events = trial
        .house
        .store
        .snapshot()
        .unwrap()
        .events(None, 10, |_| true)
        .unwrap();
    assert_eq!(events.len(), 1, "{events:?}");
    let store::EventKind::LoginFailed {
        login,
        account,
        reason,
        ..
    } = &events[0].1.kind
    else {
        panic!("{events:?}");
    };
    assert_eq!(
        (login.as_str(), *account, reason.as_str()),
        ("anna", Some(trial.anna), "wrong password")
    );
    assert_eq!(trial.house.ledger.numbers().failed_last_hour, 1);
}

async fn logged_in(trial: &Trial) -> (Caller, tokio::task::JoinHandle<End>) {
    let (mut caller, driven) = trial.imap();
    assert!(caller.line().await.starts_with("* OK"));
    caller.say(&format!("a1 LOGIN anna \"{PASSWORD}\"\r\n")).await;
    assert!(caller.line().await.starts_with("a1 OK"));
    (caller, driven)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_large_mailbox_is_emptied_piece_by_piece_so_that_the_others_get_their_turn() {
    const MANY: usize = 5000;
    let trial = Trial::new().await;
    let store = &trial.house.store;
    let inbox = store.snapshot().unwrap().mailbox(trial.anna, "INBOX").unwrap();
    let copy = MailCopy {
        into: Place::Mailbox(inbox.unwrap().id),
        flags: Flags::new().with(SystemFlag::Deleted),
        date: Timestamp(0),
    };
    let message = b"Subject: x\r\n\r\nx\r\n";
    let delivery = Delivery {
        body: Body::from_bytes(message.to_vec()),
        structure: proto::message::scan::structure(message),
        copies: vec![copy; MANY],
        outgoing: Vec::new(),
        received_at: Timestamp(0),
    };
    store.deliver(vec![delivery]).await.unwrap();
    let (mut caller, _driven) = logged_in(&trial).await;
    caller.say("a2 SELECT INBOX\r\n").await;
    caller.hear("[READ-WRITE] The mailbox is open.\r\n").await;
    let mut news = store.subscribe();
    caller.say("a3 EXPUNGE\r\n").await;
    let heard = caller.hear("a3 OK Expunged.\r\n").await;
    assert_eq!(heard.matches(" EXPUNGE\r\n").count(), MANY);
    let commits = std::iter::from_fn(|| news.try_recv().ok());
    let commits = commits.filter(|change| matches!(change, Change::Mailbox { .. }));
    // The letter about a login from a new network may be one more.
    assert!((3..=4).contains(&commits.count()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_card_refuses_the_large_message_and_keeps_talking() {
    let trial = Trial::new().await;
    std::fs::remove_dir(trial.house.data.join("spool")).unwrap();
    let (mut caller, _driven) = greeted(&trial).await;
    let transaction = "MAIL FROM:<>\r\nRCPT TO:<anna@firm.example>\r\nDATA\r\n";
    caller.say(&format!("HELO a.example\r\n{transaction}")).await;
    caller.hear("one dot.\r\n").await;
    let line = "0123456789abcdef\r\n";
    caller
        .say(&format!("{}.\r\n", line.repeat(IN_MEMORY / line.len() + 2)))
        .await;
    let refused = caller.line().await;
    assert!(refused.starts_with("452 "), "{refused}");
    caller.say(transaction).await;
    caller.hear("one dot.\r\n").await;
    caller.say("Subject: small\r\n\r\nfits\r\n.\r\n").await;
    assert!(caller.line().await.starts_with("250 "));
}

#[tokio::test]
async fn a_silent_client_is_told_so_and_let_go() {
    let trial = Trial::new().await;
    tokio::time::pause();
    for said in [
        "",
        "HELO a.example\r\nMAIL FROM:<>\r\nRCPT TO:<anna@firm.example>\r\nDATA\r\nhalf a mess",
    ] {
        let (mut caller, driven) = trial.smtp();
        caller.say(said).await;
        let mut heard = String::new();
        caller.0.read_to_string(&mut heard).await.unwrap();
        let last = heard.lines().last().unwrap_or_default();
        assert!(last.starts_with("421 "), "after {said:?}: {heard}");
        drop(caller);
        assert!(matches!(driven.await.unwrap(), End::Closed));
    }
}

#[tokio::test]
async fn a_client_that_reads_nothing_is_let_go() {
    let trial = Trial::new().await;
    tokio::time::pause();
    let (mut caller, driven) = trial.smtp();
    let chatter =
        tokio::spawn(async move { while caller.0.write_all(&b"NOOP\r\n".repeat(1000)).await.is_ok() {} });
    assert!(matches!(driven.await.unwrap(), End::Slow));
    chatter.await.unwrap();
}
