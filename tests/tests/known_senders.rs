//! Strangers wait, known senders never do; lists name whom to take from, and forgers gain nothing.

mod firm;

use anyhow::{Context, Result, ensure};
use firm::Firm;
use firmware::judge::admin;
use firmware::judge::explain;
use firmware::judge::filtering::{Filtering, Greylisting};
use mail_auth::common::crypto::Ed25519Key;
use mail_auth::common::headers::HeaderWriter as _;
use mail_auth::dkim::DkimSigner;
use proto::refusal::Refusal;
use proto::types::{Address, Timestamp};
use std::borrow::Cow;
use store::{Lesson, SenderList};

/// Where the shop's mail comes from.
const SHOP: &str = "198.51.100.10";
/// Where anybody's may come from.
const ELSEWHERE: &str = "203.0.113.50";

const BEN: &str = "ben@firm.example";

fn mail(from: &str, text: &str) -> Vec<u8> {
    format!("From: {from}\r\nTo: {BEN}\r\nSubject: hello\r\n\r\n{text}\r\n").into_bytes()
}

/// How many messages ben has in a mailbox.
fn count(firm: &Firm, mailbox: &str) -> Result<u32> {
    let snapshot = firm.house.store.snapshot()?;
    let ben = snapshot
        .account_by_address(&Address::parse(BEN)?)?
        .context("ben")?;
    let mailbox = snapshot.mailbox(ben.id, mailbox)?.context("no such mailbox")?;
    Ok(mailbox.messages)
}

async fn strangers_wait(firm: &Firm) -> Result<()> {
    let filtering = Filtering {
        greylisting: Greylisting::Strangers,
        ..Filtering::default()
    };
    Ok(admin::set(&firm.house, &filtering).await?)
}

fn pass(firm: &Firm, seconds: i64) {
    firm.clock.set(firm.clock.now().plus(seconds));
}

fn until(refused: Result<(), Refusal>) -> Result<Timestamp> {
    match refused {
        Err(Refusal::Greylisted { until }) => Ok(until),
        other => anyhow::bail!("not asked to come again: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_is_asked_to_come_again_and_then_taken() -> Result<()> {
    let firm = Firm::open().await?;
    strangers_wait(&firm).await?;
    let message = mail("x@stranger.example", "hello");
    let bring = async |ip| {
        firm.receive(ip, Some("x@stranger.example"), &[BEN], &message)
            .await
    };
    let refused = bring(ELSEWHERE).await;
    let words = refused.as_ref().unwrap_err().smtp().to_string();
    ensure!(
        words.starts_with("451 4.7.1 ") && words.contains("00:05:00"),
        "{words}"
    );
    let first = until(refused)?;
    ensure!(until(bring(ELSEWHERE).await)? == first);
    ensure!(count(&firm, "INBOX")? == 0);
    pass(&firm, 300);
    // Without proof another network is another stranger.
    ensure!(until(bring("198.51.100.99").await)? == first.plus(300));
    bring("203.0.113.51").await.unwrap();
    bring(ELSEWHERE).await.unwrap();
    ensure!(count(&firm, "INBOX")? == 2);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proven_domain_waits_once_wherever_it_comes_from() -> Result<()> {
    let firm = Firm::open().await?;
    strangers_wait(&firm).await?;
    firm.dns.txt(
        "big.example",
        "v=spf1 ip4:198.51.100.0/24 ip4:203.0.113.0/24 -all",
    );
    let message = mail("a@big.example", "hello");
    let bring = async |ip, from| firm.receive(ip, Some(from), &[BEN], &message).await;
    until(bring(SHOP, "a@big.example").await)?;
    pass(&firm, 301);
    bring(ELSEWHERE, "a@big.example").await.unwrap();
    bring("198.51.100.77", "b@big.example").await.unwrap();
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn whom_somebody_here_wrote_to_and_who_answers_never_wait() -> Result<()> {
    let firm = Firm::open().await?;
    strangers_wait(&firm).await?;
    let letter = mail("anna@firm.example", "hello");
    firm.submit("anna", firm::OFFICE, &["friend@elsewhere.example"], &letter)
        .await
        .unwrap();
    let from = Some("friend@elsewhere.example");
    let answer = mail("friend@elsewhere.example", "hello to you");
    firm.receive(ELSEWHERE, from, &[BEN], &answer).await.unwrap();
    let reply =
        b"From: c@other.example\r\nSubject: Re: hello\r\nIn-Reply-To: <1.2@firm.example>\r\n\r\nYes\r\n";
    firm.receive(ELSEWHERE, Some("c@other.example"), &[BEN], reply)
        .await
        .unwrap();
    // A report has no sender, the office's own machines are no strangers.
    let report = mail("mailer-daemon@other.example", "undeliverable");
    firm.receive(ELSEWHERE, None, &[BEN], &report).await.unwrap();
    let scan = mail("scanner@printer.example", "scan");
    firm.receive(firm::INTRUDER, Some("scanner@printer.example"), &[BEN], &scan)
        .await
        .unwrap();
    until(
        firm.receive(
            ELSEWHERE,
            Some("d@other.example"),
            &[BEN],
            &mail("d@other.example", "x"),
        )
        .await,
    )?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_blocked_sender_is_refused_and_told_so() -> Result<()> {
    let firm = Firm::open().await?;
    admin::put_sender(&firm.house, SenderList::Block, ".casino.example", "", Some(30)).await?;
    let refused = firm
        .receive(
            ELSEWHERE,
            Some("x@other.example"),
            &[BEN],
            &mail("win@news.casino.example", "x"),
        )
        .await;
    let words = refused.unwrap_err().smtp().to_string();
    ensure!(
        words.starts_with("550 5.7.1 ") && words.contains(".casino.example"),
        "{words}"
    );
    ensure!(count(&firm, "INBOX")? + count(&firm, "Junk")? == 0);
    pass(&firm, 31 * 86_400);
    firm.receive(
        ELSEWHERE,
        Some("x@other.example"),
        &[BEN],
        &mail("win@news.casino.example", "x"),
    )
    .await
    .unwrap();
    Ok(())
}

/// The filter is sure that this text is spam.
async fn learn_spam(firm: &Firm, text: &str) -> Result<()> {
    let message = mail("x@y.example", text);
    let structure = proto::message::scan::structure(&message);
    let octets = |span: proto::types::Span| -> Result<Cow<'_, [u8]>> {
        let (start, end) = (usize::try_from(span.start)?, usize::try_from(span.end)?);
        Ok(message.get(start..end).context("no such span")?.into())
    };
    let tokens = firmware::judge::bayes::tokens::of(&structure, octets)?;
    let tokens: Vec<u64> = tokens.iter().map(|(hash, _)| hash).collect();
    let lessons = (0..40u8).map(|n| Lesson {
        message: [n; 32],
        spam: n % 2 == 0,
        tokens: if n % 2 == 0 {
            tokens.clone()
        } else {
            vec![n.into()]
        },
        at: firm.clock.now(),
    });
    firm.house.store.learn(lessons.collect()).await?;
    Ok(())
}

const SPAM: &str = "collect your wonderful casino bonus immediately: unlimited jackpot spins, exclusive voucher, \
                    claim https://bonus.casino.example/claim";

#[tokio::test(flavor = "multi_thread")]
async fn an_allowed_domain_helps_who_is_proven_and_no_forger() -> Result<()> {
    let firm = Firm::open().await?;
    learn_spam(&firm, SPAM).await?;
    let filtering = Filtering {
        greylisting: Greylisting::Off,
        ..Filtering::default()
    };
    admin::set(&firm.house, &filtering).await?;
    admin::put_sender(&firm.house, SenderList::Allow, "shop.example", "", None).await?;
    firm.dns.txt("shop.example", &format!("v=spf1 ip4:{SHOP} -all"));
    let message = mail("news@shop.example", SPAM);
    let from = Some("news@shop.example");
    // SPF passes for the domain in From.
    firm.receive(SHOP, from, &[BEN], &message).await.unwrap();
    ensure!((count(&firm, "INBOX")?, count(&firm, "Junk")?) == (1, 0));
    // The same from somewhere else is a forgery.
    firm.receive(ELSEWHERE, from, &[BEN], &message).await.unwrap();
    ensure!((count(&firm, "INBOX")?, count(&firm, "Junk")?) == (1, 1));
    firm.house.ledger.flush().await;
    let told = explain::latest(&firm.house.store.snapshot()?, 1)?;
    let told = told.first().context("nothing was judged")?;
    let mut reasons = told.verdict.reasons.iter();
    ensure!(
        reasons.any(|reason| reason.words.contains("nothing proves")),
        "{told:?}"
    );
    // A sender of his own does not help the forger.
    firm.dns
        .txt("evil.example", &format!("v=spf1 ip4:{ELSEWHERE} -all"));
    firm.receive(ELSEWHERE, Some("x@evil.example"), &[BEN], &message)
        .await
        .unwrap();
    ensure!((count(&firm, "INBOX")?, count(&firm, "Junk")?) == (1, 2));
    // A signature of the domain proves it wherever the message comes from.
    let pkcs8 = Ed25519Key::generate_pkcs8().map_err(|error| anyhow::anyhow!("{error}"))?;
    let key = Ed25519Key::from_pkcs8_der(&pkcs8).map_err(|error| anyhow::anyhow!("{error}"))?;
    let public = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key.public_key());
    firm.dns.txt(
        "k._domainkey.shop.example",
        &format!("v=DKIM1; k=ed25519; p={public}"),
    );
    let signer = DkimSigner::from_key(key)
        .domain("shop.example")
        .selector("k")
        .headers(["From", "Subject"]);
    let signature = signer
        .sign(&message)
        .map_err(|error| anyhow::anyhow!("{error}"))?;
    let signed = [signature.to_header().into_bytes(), message].concat();
    firm.receive(ELSEWHERE, Some("b@bounces.example"), &[BEN], &signed)
        .await
        .unwrap();
    ensure!((count(&firm, "INBOX")?, count(&firm, "Junk")?) == (2, 2));
    Ok(())
}
