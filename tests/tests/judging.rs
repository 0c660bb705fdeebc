//! How mail from the world is judged: what the name servers say of it, where it lands, and the words
//! that tell why.

mod firm;

use anyhow::{Context, Result, ensure};
use firm::{Firm, START};
use firmware::dkim;
use firmware::judge::explain::{self, Explanation};
use firmware::judge::filtering::{FILTERING, Filtering, Greylisting};
use firmware::judge::rules::{JUDGING, Judging};
use firmware::settings;
use proto::refusal::Refusal;
use proto::types::{Domain, Notify};
use std::sync::LazyLock;
use store::{Placement, Points};

/// A server that may send the mail of `good.example`, with a name.
const GOOD: &str = "198.51.100.25";
/// A server that nobody knows.
const STRANGER: &str = "203.0.113.66";
const BEN: &str = "ben@firm.example";

static KEYS: LazyLock<dkim::Keys> = LazyLock::new(|| dkim::generate(1).unwrap());

// The firm with a judge as it comes, but for lists that the test has and a greylist that is off.
async fn open() -> Result<Firm> {
    let firm = Firm::open().await?;
    let mut judging = Judging::default();
    judging
        .set("lists", "bl.example=4, stern.example=refuse")
        .map_err(anyhow::Error::msg)?;
    settings::write(&firm.house.store, JUDGING, &judging).await?;
    let filtering = Filtering {
        greylisting: Greylisting::Off,
        ..Filtering::default()
    };
    settings::write(&firm.house.store, FILTERING, &filtering).await?;
    for list in ["bl.example", "stern.example"] {
        firm.dns.host(&format!("2.0.0.127.{list}"), "127.0.0.2".parse()?); // RFC 5782 5
    }
    for ip in [GOOD, STRANGER] {
        firm.dns.name_of(ip.parse()?, "client.example");
        firm.dns.host("client.example", ip.parse()?);
    }
    for domain in ["good.example", "other.example"] {
        firm.dns.mx(domain, 10, "client.example");
        firm.dns.txt(domain, &format!("v=spf1 ip4:{GOOD} -all"));
        for record in dkim::dns_records(&KEYS, &Domain::parse(domain)?) {
            firm.dns.txt(&record.name, &record.text);
        }
    }
    Ok(firm)
}

fn message(from: &str) -> Vec<u8> {
    format!("From: {from}\r\nTo: {BEN}\r\nSubject: Hello\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n\r\nHello.\r\n")
        .into_bytes()
}

fn signed(message: &[u8], domain: &str) -> Result<Vec<u8>> {
    let signer = dkim::Signer::new(&KEYS, &Domain::parse(domain)?)?;
    let end = message
        .windows(4)
        .position(|octets| octets == b"\r\n\r\n")
        .context("no header")?
        + 4;
    let mut signed = signer.sign(&message[..end], &message[end..])?;
    signed.extend_from_slice(message);
    Ok(signed)
}

async fn last(firm: &Firm) -> Result<Explanation> {
    firm.house.ledger.flush().await;
    let latest = explain::latest(&firm.house.store.snapshot()?, 1)?;
    latest.into_iter().next().context("nothing was judged")
}

fn junk(firm: &Firm) -> Result<usize> {
    let snapshot = firm.house.store.snapshot()?;
    let junk = snapshot
        .mailbox(firm.account("ben")?.id, "Junk")?
        .context("no Junk")?;
    Ok(snapshot.open(junk.id)?.uids.len())
}

// SPF (from a server that may, or not) x DKIM (of the author's domain, of another one, spoilt, none)
// x DMARC policy x whether MAIL FROM is of the author's domain.
#[tokio::test(flavor = "multi_thread")]
async fn every_policy_with_every_proof_gives_the_documented_verdict() -> Result<()> {
    for policy in [None, Some("none"), Some("quarantine"), Some("reject")] {
        let firm = open().await?;
        if let Some(policy) = policy {
            firm.dns
                .txt("_dmarc.good.example", &format!("v=DMARC1; p={policy}"));
        }
        let plain = message("ann@good.example");
        let mut spoilt = signed(&plain, "good.example")?;
        spoilt.extend_from_slice(b"One more line.\r\n");
        let kinds = [
            ("aligned", signed(&plain, "good.example")?),
            ("foreign", signed(&plain, "other.example")?),
            ("spoilt", spoilt),
            ("none", plain),
        ];
        for (dkim, octets) in &kinds {
            for ip in [GOOD, STRANGER] {
                for sender in ["ann@good.example", "list@other.example"] {
                    let row = format!("p={policy:?} dkim={dkim} from {ip} as {sender}");
                    let proven = *dkim == "aligned" || (ip == GOOD && sender == "ann@good.example");
                    let placement = match policy {
                        Some("reject") if !proven => Placement::Refused,
                        Some("quarantine") if !proven => Placement::Junk,
                        _ => Placement::Inbox,
                    };
                    let points =
                        30 * i32::from(ip == STRANGER) + 10 * i32::from(policy == Some("none") && !proven);
                    let before = (firm.inbox("ben")?.len(), junk(&firm)?);
                    let answer = firm.receive(ip, Some(sender), &[BEN], octets).await;
                    let told = last(&firm).await?;
                    ensure!(told.verdict.placement == placement, "{row}: {told}");
                    ensure!(told.verdict.points == Points(points), "{row}: {told}");
                    let after = (firm.inbox("ben")?.len(), junk(&firm)?);
                    let landed = (after.0 - before.0, after.1 - before.1);
                    let (wanted, taken) = match placement {
                        Placement::Inbox => ((1, 0), true),
                        Placement::Junk => ((0, 1), true),
                        _ => ((0, 0), false),
                    };
                    ensure!(
                        landed == wanted && answer.is_ok() == taken,
                        "{row}: {landed:?} {answer:?}"
                    );
                    if !taken {
                        ensure!(matches!(answer, Err(Refusal::Forged { .. })), "{row}: {answer:?}");
                    }
                }
            }
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn good_mail_says_so_in_its_header_and_nobody_else_does() -> Result<()> {
    let firm = open().await?;
    firm.dns.txt("_dmarc.good.example", "v=DMARC1; p=reject");
    let mut octets = b"Authentication-Results: mail.firm.example; dmarc=pass header.from=bank.example\r\n\
        X-Spam-Status: No, score=-100\r\nAuthentication-Results: mx.other.example; spf=pass\r\n"
        .to_vec();
    octets.extend(signed(&message("ann@good.example"), "good.example")?);
    firm.receive(GOOD, Some("ann@good.example"), &[BEN], &octets)
        .await
        .unwrap();
    let got = firm.last("ben")?;
    ensure!(!got.contains("bank.example") && !got.contains("-100"), "{got}");
    for wanted in [
        "Authentication-Results: mail.firm.example;\r\n\tspf=pass smtp.mailfrom=good.example;\r\n",
        "\tdkim=pass header.d=good.example header.s=r1;\r\n",
        "\tdmarc=pass (p=reject) header.from=good.example\r\n",
        "Received-SPF: pass (mail.firm.example: ",
        "X-Spam-Status: No, score=0.0 required=5.0\r\n\ttests=none\r\n",
        "Authentication-Results: mx.other.example; spf=pass\r\n",
        "\r\n\r\nHello.\r\n",
    ] {
        ensure!(got.contains(wanted), "{wanted} is not in {got}");
    }
    let told = last(&firm).await?;
    ensure!(got.contains(&told.id), "the id is in Received");
    let words = told.to_string();
    for wanted in [
        "is in the inbox. Its 0.0 points stay below the 5.0 that make mail junk.",
        "The server may send mail of good.example (SPF).",
        "It is proven that the mail comes from good.example (DMARC).",
        "has the name client.example, which leads back to it",
    ] {
        ensure!(words.contains(wanted), "{wanted} is not in {words}");
    }
    let found = explain::find(&firm.house.store.snapshot()?, &told.id)?;
    ensure!(found == Some(told));
    Ok(())
}

// Whom a careless program names as its author, and whom a forger hides behind another one.
#[tokio::test(flavor = "multi_thread")]
async fn an_author_is_read_as_everybody_reads_him_and_two_are_none() -> Result<()> {
    let firm = open().await?;
    firm.dns.txt("_dmarc.good.example", "v=DMARC1; p=none");
    for (from, one) in [
        ("ann@good.example", true),
        ("ann@good.example <ann@good.example>", true),
        ("Ann@Good.example <ann@good.example>", true),
        ("Doe, Ann <ann@good.example>", true),
        ("\"boss@bank.example\" <ann@good.example>", true),
        ("boss@bank.example <ann@good.example>", false),
        ("ann@good.example <ann@good.example> <boss@bank.example>", false),
        ("ann@good.example, boss@bank.example", false),
        ("boss@, ann@good.example <boss@bank.example>", false),
        // A group of one.
        ("Team: ann@good.example;", true),
        ("\"Team, all\": Ann <ann@good.example>;", true),
        ("Team:;", false),
        ("Team: ann@good.example, boss@bank.example;", false),
        ("Team: ann@good.example;, boss@bank.example", false),
        ("boss@bank.example: ann@good.example;", false),
        ("<boss@bank.example>: ann@good.example;", false),
        // The final dot of a full name.
        ("ann@good.example.", true),
        ("Ann <ann@Good.example.>", true),
        ("ann@good.example. <ann@good.example.>", true),
        ("ann@good.example..", false),
        // What looks like an address in a name, and cannot be one.
        ("ann@work <ann@good.example>", true),
        ("Ann @ Work Inc. <ann@good.example>", true),
        ("Doe, Ann @ Work <ann@good.example.>", true),
        ("@ann <ann@good.example>", true),
        ("info@good.example <ann@good.example>", false),
        ("boss @ bank . example <ann@good.example>", false),
        ("boss@bank\u{3002}example <ann@good.example>", false),
        ("boss@[192.0.2.1] <ann@good.example>", false),
        ("ann@work boss@bank.example <ann@good.example>", false),
        ("ann@work, ann@good.example", false),
        ("ann@good.example <ann@work>", false),
    ] {
        firm.receive(GOOD, Some("ann@good.example"), &[BEN], &message(from))
            .await
            .unwrap();
        let told = last(&firm).await?;
        let words = told.to_string();
        let proven = words.contains("proven that the mail comes from good.example (DMARC)");
        ensure!(proven == one, "{from}: {words}");
        ensure!((told.verdict.points < Points(50)) == one, "{from}: {words}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_that_nobody_can_read_spares_no_sender_his_check() -> Result<()> {
    let firm = open().await?;
    for top in ["no field\r\n", "From x@good.example Thu Jan 1\r\n", "\r\n"] {
        let octets = [top.as_bytes(), &message("ann@good.example")].concat();
        firm.receive(STRANGER, Some("ann@good.example"), &[BEN], &octets)
            .await
            .unwrap();
        let told = last(&firm).await?;
        let words = told.to_string();
        ensure!(
            words.contains("good.example says that this server may not"),
            "{words}"
        );
        ensure!(told.verdict.points == Points(80), "{words}");
    }
    Ok(())
}

// RFC 7208 4.3: an address in brackets is no domain, and nobody's answer is missing.
#[tokio::test(flavor = "multi_thread")]
async fn a_sender_without_a_domain_has_no_policy_and_no_error() -> Result<()> {
    let firm = open().await?;
    let from = format!("ann@[{GOOD}]");
    firm.receive(GOOD, Some(&from), &[BEN], &message(&from))
        .await
        .unwrap();
    let got = firm.last("ben")?;
    for wanted in [
        format!("\tspf=none smtp.mailfrom=\"[{GOOD}]\";\r\n"),
        format!("\tdmarc=none (p=none) header.from=\"[{GOOD}]\"\r\n"),
    ] {
        ensure!(got.contains(&wanted), "{wanted} is not in {got}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn silence_of_name_servers_refuses_nothing_and_counts_nothing() -> Result<()> {
    let firm = open().await?;
    for name in [
        "good.example",
        "_dmarc.good.example",
        "client.example",
        "25.100.51.198.bl.example",
    ] {
        firm.dns.fail(name);
    }
    let octets = message("ann@good.example");
    firm.receive(GOOD, Some("ann@good.example"), &[BEN], &octets)
        .await
        .unwrap();
    let told = last(&firm).await?;
    ensure!(
        told.verdict.points == Points(0) && told.verdict.placement == Placement::Inbox,
        "{told}"
    );
    let words = told.to_string();
    ensure!(
        words.contains("bl.example gave no answer") && words.contains("(SPF)"),
        "{words}"
    );
    ensure!(firm.last("ben")?.contains("spf=temperror"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_offices_network_is_not_judged_by_its_addresses() -> Result<()> {
    let firm = open().await?;
    let octets = message("ann@good.example");
    firm.receive("192.168.7.9", Some("ann@good.example"), &[BEN], &octets)
        .await
        .unwrap();
    let asked = firm.dns.asked();
    ensure!(
        !asked.iter().any(|asked| asked.contains("bl.example")),
        "{asked:?}"
    );
    let told = last(&firm).await?;
    ensure!(
        told.verdict.reasons.iter().all(|reason| reason.check != "ptr"),
        "{told}"
    );
    // This machine itself is not judged at all.
    let before = firm.dns.asked().len();
    firm.receive("127.0.0.1", Some("ann@good.example"), &[BEN], &octets)
        .await
        .unwrap();
    ensure!(firm.dns.asked().len() == before);
    ensure!(
        last(&firm)
            .await?
            .to_string()
            .contains("comes from this machine itself")
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stranger_with_bad_mail_comes_again_and_then_lands_in_junk() -> Result<()> {
    let firm = open().await?;
    settings::write(&firm.house.store, FILTERING, &Filtering::default()).await?;
    let octets = message("x@nowhere.example");
    let answer = firm
        .receive("192.0.2.99", Some("x@nowhere.example"), &[BEN], &octets)
        .await;
    ensure!(matches!(answer, Err(Refusal::Greylisted { .. })), "{answer:?}");
    ensure!(last(&firm).await?.verdict.placement == Placement::Deferred);
    firm.wait(301);
    firm.receive("192.0.2.99", Some("x@nowhere.example"), &[BEN], &octets)
        .await
        .unwrap();
    let told = last(&firm).await?;
    ensure!(
        told.verdict.placement == Placement::Junk && junk(&firm)? == 1,
        "{told}"
    );
    let words = told.to_string();
    for wanted in [
        "has no name (PTR)",
        "does not exist or has no mail server",
        "it came again",
    ] {
        ensure!(words.contains(wanted), "{wanted} is not in {words}");
    }
    ensure!(told.at.0 == START.0 + 301);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_count_or_refuse_and_a_list_that_refuses_us_does_neither() -> Result<()> {
    for (zone, answer, words, points, taken) in [
        (
            "bl.example",
            "127.0.0.4",
            "is on the block list bl.example (127.0.0.4)",
            40,
            true,
        ),
        (
            "bl.example",
            "127.255.255.254",
            "bl.example refuses to answer",
            0,
            true,
        ),
        (
            "stern.example",
            "127.255.255.254",
            "stern.example refuses to answer",
            0,
            true,
        ),
        (
            "stern.example",
            "192.0.2.1",
            "answers what no block list answers",
            0,
            true,
        ),
        (
            "stern.example",
            "127.0.0.2",
            "is on the block list stern.example (127.0.0.2)",
            0,
            false,
        ),
    ] {
        let firm = open().await?;
        firm.dns.host(&format!("25.100.51.198.{zone}"), answer.parse()?);
        let octets = message("ann@good.example");
        let heard = firm
            .receive(GOOD, Some("ann@good.example"), &[BEN], &octets)
            .await;
        let told = last(&firm).await?;
        ensure!(told.to_string().contains(words), "{told}");
        ensure!(told.verdict.points == Points(points), "{told}");
        ensure!(heard.is_ok() == taken, "{heard:?}");
    }
    Ok(())
}

// RFC 3461 lets anybody ask to be told; whoever asks in another's name must not make us write to him.
#[tokio::test(flavor = "multi_thread")]
async fn only_a_proven_sender_is_told_that_his_mail_arrived() -> Result<()> {
    let firm = open().await?;
    let success = Notify::parse("SUCCESS").context("no such word")?;
    let from = "ann@good.example";
    let octets = message(from);
    for (ip, octets, told) in [
        (STRANGER, octets.clone(), 0),
        (GOOD, octets.clone(), 1),
        (STRANGER, signed(&octets, "good.example")?, 2),
    ] {
        let taken = firm.receive_asking(ip, from, BEN, &octets, success).await;
        ensure!(taken.is_ok(), "{ip}: {taken:?}");
        let queued = firm.house.store.snapshot()?.queue(None, 10)?;
        ensure!(queued.len() == told, "{ip}: {queued:?}");
        ensure!(
            queued
                .iter()
                .all(|row| row.from.is_none() && row.to.to_string() == from)
        );
    }
    Ok(())
}
