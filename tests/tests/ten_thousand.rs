//! The outgoing queue of a busy day at the real binary: 10,000 messages to 500 destinations, some of
//! them dead and some slow. What can arrive arrives once, the rest waits, and memory stays where it was.

use anyhow::{Context, Result, ensure};
use proto::types::Timestamp;
use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use store::{Options, Store};
use tests::fake_dns::FakeDns;
use tests::pillarbox::{DOMAIN, Pillarbox};
use tests::queue::{len, outgoing};
use tests::sink::{Behaviour, Sink};

const DOMAINS: usize = 500;
const FOR_EACH: usize = 20;
/// Domains 0 to 19: nobody listens there.
const DEAD: usize = 20;
/// The next ten talk a letter at a time.
const SLOW: usize = 10;
/// Octets that the queue may add to the memory of the box.
const GROWTH: u64 = 40_000_000;

fn domain(number: usize) -> String {
    format!("d{number:03}.example")
}

/// Domain by domain in turn, as people write: a queue in which every destination is everywhere.
fn fill(pillarbox: &Pillarbox) -> Result<()> {
    let store = Store::open(pillarbox.data(), &Options::default())?;
    let runtime = tokio::runtime::Runtime::new()?;
    let from = format!("anna@{DOMAIN}");
    for round in 0..FOR_EACH {
        let message = |number: usize| {
            let domain = domain(number);
            let text = format!(
                "From: {from}\r\nSubject: {domain} {round}\r\n\r\n{}",
                "text\r\n".repeat(100)
            );
            let to = format!("x{round}@{domain}");
            outgoing(
                None,
                &from,
                &[&to],
                text.as_bytes(),
                Timestamp(1_700_000_000 + round as i64),
            )
        };
        let deliveries = (0..DOMAINS).map(message).collect::<Result<Vec<_>>>()?;
        runtime.block_on(store.deliver(deliveries))?;
    }
    ensure!(len(&store)? == (DOMAINS * FOR_EACH) as u64);
    Ok(())
}

/// Waits for so many messages at all sinks together; the most memory that was seen.
fn watch(pillarbox: &Pillarbox, sinks: &[&Sink], count: usize) -> Result<u64> {
    let (start, mut most) = (Instant::now(), 0);
    loop {
        most = most.max(pillarbox.own_memory()?);
        let caught: usize = sinks.iter().map(|sink| sink.taken()).sum();
        if caught >= count {
            return Ok(most);
        }
        ensure!(
            start.elapsed() < Duration::from_secs(600),
            "{caught} of {count} messages came"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn subjects(sinks: &[&Sink]) -> Result<Vec<String>> {
    let mut found = Vec::new();
    for caught in sinks.iter().flat_map(|sink| sink.caught()) {
        let text = String::from_utf8(caught.data)?;
        let subject = text.lines().find_map(|line| line.strip_prefix("Subject: "));
        found.push(subject.context("no subject")?.to_owned());
    }
    Ok(found)
}

#[test]
fn ten_thousand_messages_to_five_hundred_destinations_arrive_once_in_bounded_memory() -> Result<()> {
    let sink = Sink::start(Behaviour::AcceptOldStyle)?;
    let port = sink.address().port();
    let slow = Sink::start_at(SocketAddr::new("127.0.0.2".parse()?, port), Behaviour::Tarpit)?;
    let dead = SocketAddr::new("127.0.0.3".parse()?, port);
    let dns = FakeDns::start()?;
    for number in 0..DOMAINS {
        let address = match number {
            0..DEAD => dead.ip(),
            _ if number < DEAD + SLOW => slow.address().ip(),
            _ => sink.address().ip(),
        };
        let domain = domain(number);
        dns.mx(&domain, 10, &format!("mx.{domain}"));
        dns.host(&format!("mx.{domain}"), address);
    }
    let (server, port) = (dns.address().to_string(), port.to_string());
    let mut pillarbox = Pillarbox::office(&["anna"], &["--dns", &server, "--relay-port", &port])?;
    let before = pillarbox.own_memory()?;
    pillarbox.stop()?;
    fill(&pillarbox)?;
    let start = Instant::now();
    pillarbox.restart()?;

    let reachable = (DOMAINS - DEAD) * FOR_EACH;
    let most = watch(&pillarbox, &[&sink, &slow], reachable)?;
    let growth = most.saturating_sub(before);
    println!(
        "{reachable} of {} messages in {:.1} s; own memory {:.1} MB idle, {:.1} MB at most",
        DOMAINS * FOR_EACH,
        start.elapsed().as_secs_f64(),
        before as f64 / 1e6,
        most as f64 / 1e6
    );
    ensure!(growth < GROWTH, "the queue took {growth} octets");

    // The dead ones wake up, and an admin does not want to wait.
    let woken = Sink::start_at(dead, Behaviour::AcceptOldStyle)?;
    pillarbox.cli_ok(&["queue", "retry", "--all"], "")?;
    watch(&pillarbox, &[&woken], DEAD * FOR_EACH)?;
    for _ in 0..500 {
        let left = pillarbox.cli_ok(&["queue", "list", "--json"], "")?;
        if left.trim() == "[]" {
            break;
        }
        std::thread::sleep(Duration::from_millis(20)); // the last ones are being settled
    }
    pillarbox.stop()?;
    let store = Store::open(pillarbox.data(), &Options::default())?;
    ensure!(len(&store)? == 0, "{} are left", len(&store)?);
    ensure!(store.check()?.is_clean(), "{:?}", store.check()?.faults);
    let subjects = subjects(&[&sink, &slow, &woken])?;
    let different: BTreeSet<&String> = subjects.iter().collect();
    ensure!(
        (subjects.len(), different.len()) == (DOMAINS * FOR_EACH, DOMAINS * FOR_EACH),
        "{} came, {} different ones",
        subjects.len(),
        different.len()
    );
    Ok(())
}
