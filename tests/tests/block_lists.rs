//! Block lists are asked the way they answer, and believed only while they work.

mod firm;

use anyhow::{Context, Result, ensure};
use firm::Firm;
use firmware::judge::explain;
use firmware::judge::filtering::{FILTERING, Filtering, Greylisting};
use firmware::judge::rules::{JUDGING, Judging};
use firmware::settings;
use store::Points;
use tests::fake_dns::FakeDns;

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
    let taken = firm
        .receive(CALLER, Some("ann@good.example"), &["ben@firm.example"], MAIL)
        .await;
    ensure!(taken.is_ok(), "{taken:?}");
    firm.house.ledger.flush().await;
    let last = explain::latest(&firm.house.store.snapshot()?, 1)?;
    let last = last.into_iter().next().context("nothing was judged")?;
    let points = last.verdict.reasons.iter().find(|reason| reason.check == "dnsbl");
    Ok((points.map_or(Points(0), |reason| reason.points), last.to_string()))
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
