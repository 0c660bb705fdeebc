//! Block lists of addresses and of domains are asked the way they answer, and believed only while they work.

mod firm;

use anyhow::{Context, Result, ensure};
use firm::Firm;
use firmware::dns::{Dns, NameServers};
use firmware::judge::block_lists::{BlockLists, Listing, Subject};
use firmware::judge::explain;
use firmware::judge::filtering::{FILTERING, Filtering, Greylisting};
use firmware::judge::rules::{JUDGING, Judging};
use firmware::settings;
use proto::types::Domain;
use store::Points;
use tests::fake_dns::{FakeDns, Forgery};

const CALLER: &str = "198.51.100.25";
const ZONE: &str = "bl.lists.example";
const MAIL: &[u8] = b"From: ann@good.example\r\nTo: ben@firm.example\r\nSubject: Hello\r\n\r\nHello.\r\n";

// A firm that asks one list, whose own name server is a second one, at 127.0.0.2.
async fn open() -> Result<(Firm, FakeDns)> {
    let firm = Firm::open().await?;
    let mut judging = Judging::default();
    judging
        .set("lists", &format!("{ZONE}=4"))
        .map_err(anyhow::Error::msg)?;
    settings::write(&firm.house.store, JUDGING, &judging).await?;
    let filtering = Filtering {
        greylisting: Greylisting::Off,
        ..Filtering::default()
    };
    settings::write(&firm.house.store, FILTERING, &filtering).await?;
    let mut beside = firm.dns.address();
    beside.set_ip("127.0.0.2".parse()?);
    let own = FakeDns::start_at(beside)?;
    firm.dns.ns("lists.example", "ns.lists.example");
    firm.dns.host("ns.lists.example", beside.ip());
    Ok((firm, own))
}

// A list as RFC 5782 5 wants it, which names the caller.
fn lists(dns: &FakeDns) -> Result<()> {
    for entry in ["2.0.0.127", "25.100.51.198"] {
        dns.host(&format!("{entry}.{ZONE}"), "127.0.0.2".parse()?);
    }
    Ok(())
}

async fn told(firm: &Firm) -> Result<(Points, String)> {
    told_by(firm, "dnsbl", CALLER, "ann@good.example").await
}

// What this check of a message from there, by this sender, counted, and all of it in words.
async fn told_by(firm: &Firm, check: &str, caller: &str, sender: &str) -> Result<(Points, String)> {
    let taken = firm
        .receive(caller, Some(sender), &["ben@firm.example"], MAIL)
        .await;
    ensure!(taken.is_ok(), "{taken:?}");
    firm.house.ledger.flush().await;
    let last = explain::latest(&firm.house.store.snapshot()?, 1)?;
    let last = last.into_iter().next().context("nothing was judged")?;
    let reasons = last.verdict.reasons.iter();
    let points = reasons
        .filter(|reason| reason.check == check)
        .map(|reason| reason.points);
    Ok((points.sum(), last.to_string()))
}

// A firm that asks one list about domains and none about addresses.
async fn open_for_domains() -> Result<(Firm, FakeDns)> {
    let (firm, own) = open().await?;
    let mut judging = Judging::default();
    for (name, value) in [("lists", ""), ("domain-lists", &format!("{ZONE}=4"))] {
        judging.set(name, value).map_err(anyhow::Error::msg)?;
    }
    settings::write(&firm.house.store, JUDGING, &judging).await?;
    Ok((firm, own))
}

// A list of domains as RFC 5782 5 wants it, which names these.
fn domains(dns: &FakeDns, named: &[&str]) -> Result<()> {
    for entry in named.iter().chain(&["test"]) {
        dns.host(&format!("{entry}.{ZONE}"), "127.0.1.2".parse()?);
    }
    Ok(())
}

fn was_asked(dns: &FakeDns) -> bool {
    let caller = format!("25.100.51.198.{ZONE}. A");
    dns.asked().contains(&caller)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_turns_the_network_away_is_asked_at_its_own_servers() -> Result<()> {
    // In words, or without one: nobody is on it then.
    for refusal in [Some("127.255.255.254"), None] {
        let (firm, own) = open().await?;
        lists(&own)?;
        if let Some(answer) = refusal {
            for entry in ["2.0.0.127", "1.0.0.127", "25.100.51.198"] {
                firm.dns.host(&format!("{entry}.{ZONE}"), answer.parse()?);
            }
        }
        for _ in 0..2 {
            let (points, words) = told(&firm).await?;
            ensure!(points == Points(40), "{refusal:?}: {words}");
        }
        ensure!(was_asked(&own) && !was_asked(&firm.dns));
        let tests = own
            .asked()
            .iter()
            .filter(|asked| asked.starts_with("2.0.0.127"))
            .count();
        ensure!(tests == 1, "it is tried once, not at every message: {tests}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_answers_the_network_is_not_asked_elsewhere() -> Result<()> {
    let (firm, own) = open().await?;
    lists(&firm.dns)?;
    let (points, words) = told(&firm).await?;
    ensure!(points == Points(40), "{words}");
    ensure!(own.asked().is_empty(), "{:?}", own.asked());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_that_names_everybody_or_nobody_counts_nothing() -> Result<()> {
    for everybody in [true, false] {
        let (firm, own) = open().await?;
        if everybody {
            for dns in [&firm.dns, &own] {
                lists(dns)?;
                dns.host(&format!("1.0.0.127.{ZONE}"), "127.0.0.2".parse()?);
            }
        }
        let (points, words) = told(&firm).await?;
        ensure!(points == Points(0) && words.contains("does not work"), "{words}");
        ensure!(!was_asked(&firm.dns) && !was_asked(&own), "{words}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_domains_is_asked_about_the_author_the_sender_and_the_greeting_and_counts_once()
-> Result<()> {
    // From is `good.example`, the server says that it is `client.example`.
    for (named, words) in [
        (
            &["good.example"][..],
            Some("good.example, whose name the mail bears,"),
        ),
        (&["list.example"], Some("list.example, the sender's domain,")),
        (
            &["client.example"],
            Some("client.example, as the server introduces itself,"),
        ),
        (
            &["list.example", "client.example"],
            Some("list.example, the sender's domain,"),
        ),
        (&["other.example"], None),
    ] {
        let (firm, own) = open_for_domains().await?;
        domains(&firm.dns, named)?;
        let (points, all) = told_by(&firm, "rhsbl", CALLER, "news@list.example").await?;
        let wanted = words.map_or(0, |_| 40);
        ensure!(points == Points(wanted), "{named:?}: {all}");
        ensure!(all.contains(words.unwrap_or_default()), "{named:?}: {all}");
        let asked = firm.dns.asked();
        let of = |what: &str| {
            asked
                .iter()
                .filter(|asked| **asked == format!("{what}.{ZONE}. A"))
                .count()
        };
        for name in [
            "test",
            "invalid",
            "good.example",
            "list.example",
            "client.example",
        ] {
            ensure!(of(name) == 1, "{name}: {asked:?}");
        }
        ensure!(of("25.100.51.198") == 0 && own.asked().is_empty());
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_neighbours_greeting_is_asked_of_nobody_and_a_name_once() -> Result<()> {
    let (firm, _own) = open_for_domains().await?;
    domains(&firm.dns, &["client.example"])?;
    let (points, all) = told_by(&firm, "rhsbl", "192.168.7.9", "ann@good.example").await?;
    ensure!(points == Points(0), "{all}");
    let asked = firm.dns.asked();
    let asked: Vec<_> = asked.iter().filter(|asked| asked.contains(ZONE)).collect();
    ensure!(asked.len() == 3, "test, invalid and good.example: {asked:?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_domains_that_turns_the_network_away_is_asked_at_its_own_servers() -> Result<()> {
    for refusal in [Some("127.255.255.254"), Some("127.0.0.1"), None] {
        let (firm, own) = open_for_domains().await?;
        domains(&own, &["good.example"])?;
        if let Some(answer) = refusal {
            for entry in ["test", "invalid", "good.example"] {
                firm.dns.host(&format!("{entry}.{ZONE}"), answer.parse()?);
            }
        }
        let (points, words) = told_by(&firm, "rhsbl", CALLER, "ann@good.example").await?;
        ensure!(points == Points(40), "{refusal:?}: {words}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_list_of_addresses_set_as_one_of_domains_counts_nothing() -> Result<()> {
    let (firm, own) = open_for_domains().await?;
    for dns in [&firm.dns, &own] {
        lists(dns)?;
    }
    let (points, words) = told_by(&firm, "rhsbl", CALLER, "ann@good.example").await?;
    ensure!(points == Points(0) && words.contains("does not work"), "{words}");
    Ok(())
}

// What is proven costs nothing at lists without signatures, and nobody is refused for what is not proven.
#[tokio::test]
async fn an_entry_of_a_signed_list_has_to_be_proven_and_other_lists_work_as_ever() -> Result<()> {
    let server = FakeDns::start_signed()?;
    server.be_short_lived();
    server.unsigned("plain.example");
    let caller = Subject::Address(CALLER.parse()?);
    let nobody = Subject::Address("198.51.100.26".parse()?);
    for list in ["bl.signed.example", "bl.plain.example"] {
        for entry in ["2.0.0.127", "25.100.51.198"] {
            server.host(&format!("{entry}.{list}"), "127.0.0.2".parse()?);
        }
    }
    let open = || {
        let dns = Dns::trusting(NameServers::Fixed(vec![server.address()]), server.anchors());
        (dns, BlockLists::default())
    };
    let listed = Listing::Listed("127.0.0.2".parse()?);
    let (dns, lists) = open();
    for list in ["bl.signed.example", "bl.plain.example"] {
        let zone = Domain::parse(list)?;
        ensure!(lists.listing(&dns, &zone, &caller).await == listed, "{list}");
        ensure!(
            lists.listing(&dns, &zone, &nobody).await == Listing::Clean,
            "{list}"
        );
    }
    let (signed, plain) = (
        Domain::parse("bl.signed.example")?,
        Domain::parse("bl.plain.example")?,
    );
    let before = server.asked().len();
    ensure!(lists.listing(&dns, &plain, &caller).await == listed);
    let asked = server.asked().split_off(before);
    ensure!(asked == ["25.100.51.198.bl.plain.example. A"], "{asked:?}");
    // Somebody on the way puts a caller on the list, or takes him off.
    for forgery in [
        Forgery::Unsigned,
        Forgery::Changed,
        Forgery::Emptied,
        Forgery::Denied,
    ] {
        server.be_honest();
        server.forge("25.100.51.198.bl.signed.example", forgery.clone());
        let listing = lists.listing(&dns, &signed, &caller).await;
        ensure!(listing == Listing::Unknown, "{forgery:?}: {listing:?}");
        // Who is there when the list is tried gains no more.
        server.forge("2.0.0.127.bl.signed.example", forgery.clone());
        let (dns, lists) = open();
        let listing = lists.listing(&dns, &signed, &caller).await;
        ensure!(!matches!(listing, Listing::Listed(_)), "{forgery:?}: {listing:?}");
    }
    Ok(())
}
