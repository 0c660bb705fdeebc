//! What judging mail costs: the same binary twice, one that judges what comes from this machine and
//! one that does not. Processor time of the server, and messages a second.

use super::{ROUNDS, median};
use anyhow::{Context, Result, ensure};
use firmware::dkim::{self, Signer};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use proto::types::Domain;
use std::fmt::Write as _;
use std::time::{Duration, Instant};
use tests::fake_dns::FakeDns;
use tests::load::{self, Letter};
use tests::pillarbox::{DOMAIN, Pillarbox};
use tests::smtp::Smtp;

/// Octets, messages of one measurement.
const CASES: [(usize, usize); 2] = [(4_000, 800), (100_000, 200)];
/// Connections that send at the same time.
const CONNECTIONS: u32 = 10;
/// Domains that the mail comes from, each with SPF, DKIM and DMARC.
const DOMAINS: usize = 20;

/// What goes before the rows.
const HEAD: &str = "\
| | processor time for a message with checks | without | ratio | with checks, msg/s | without | questions to name servers for a message |
|---|---|---|---|---|---|---|
";

/// The table.
pub fn measure() -> Result<String> {
    // It answers as name servers do: what does not exist is denied with an SOA, and so remembered.
    let dns = FakeDns::start_signed()?;
    let keys = dkim::generate(1)?;
    publish(&dns, &keys)?;
    let server = dns.address().to_string();
    let with = Pillarbox::office(&["anna"], &["--dns", &server, "--judge-loopback"])?;
    with.cli_ok(&["judge", "set", "lists", "bl.example=4, other.example=2"], "")?;
    let without = Pillarbox::office(&["anna"], &["--dns", &server])?;
    let signers: Vec<_> = (0..DOMAINS)
        .map(|number| Ok(Signer::new(&keys, &Domain::parse(&sender(number))?)?))
        .collect::<Result<_>>()?;
    let mut table = HEAD.to_owned();
    for (size, messages) in [(1_000, DOMAINS)].into_iter().chain(CASES) {
        let (mut a, mut b) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
        let before = dns.asked().len();
        for round in 0..ROUNDS {
            let letters = (0..messages).map(|number| letter(&signers, (round, number), size));
            let letters: Vec<_> = letters.collect::<Result<_>>()?;
            for (server, (costs, rates)) in [(&with, &mut a), (&without, &mut b)] {
                let (cost, rate) = run(server, &letters)?;
                costs.push(cost);
                rates.push(rate);
            }
        }
        if size < 4_000 {
            continue; // everything has worked once, and the names are known
        }
        let (ours, bare) = (median(&mut a.0), median(&mut b.0));
        let row = format!(
            "| {} kB | {ours:.2} ms | {bare:.2} ms | **{:.2}x** | {:.0} | {:.0} | {:.2} |",
            size / 1000,
            ours / bare,
            median(&mut a.1),
            median(&mut b.1),
            (dns.asked().len() - before) as f64 / (messages * ROUNDS) as f64,
        );
        println!("{row}");
        writeln!(table, "{row}")?;
    }
    all_passed(&with)?;
    Ok(table)
}

fn sender(number: usize) -> String {
    format!("s{number}.example")
}

fn publish(dns: &FakeDns, keys: &dkim::Keys) -> Result<()> {
    let here = "127.0.0.1".parse()?;
    dns.name_of(here, "client.example");
    dns.host("client.example", here);
    for number in 0..DOMAINS {
        let domain = sender(number);
        dns.mx(&domain, 10, "client.example");
        dns.txt(&domain, "v=spf1 ip4:127.0.0.1 -all");
        dns.txt(&format!("_dmarc.{domain}"), "v=DMARC1; p=reject");
        for record in dkim::dns_records(keys, &Domain::parse(&domain)?) {
            dns.txt(&record.name, &record.text);
        }
    }
    Ok(())
}

fn letter(signers: &[Signer], (round, number): (usize, usize), size: usize) -> Result<Letter> {
    let domain = number % signers.len();
    let id = format!("{size}.{round}.{number}@{}", sender(domain));
    let from = format!("bob@{}", sender(domain));
    let mut letter = Letter::new(&id, &from, &format!("anna@{DOMAIN}"), size);
    let header = letter.octets.windows(4).position(|four| four == b"\r\n\r\n");
    let (header, body) = letter.octets.split_at(header.context("no header")? + 4);
    let mut signed = signers[domain].sign(header, body)?;
    signed.extend_from_slice(&letter.octets);
    letter.octets = signed;
    Ok(letter)
}

// Milliseconds of processor time for each message, and messages a second.
fn run(server: &Pillarbox, letters: &[Letter]) -> Result<(f64, f64)> {
    let port = server.port("smtp")?;
    let before = processor_time(server.pid())?;
    let start = Instant::now();
    load::send(letters, CONNECTIONS, || Smtp::connect(port))?;
    let rate = letters.len() as f64 / start.elapsed().as_secs_f64();
    // The ledger's own writes follow in the next second.
    std::thread::sleep(Duration::from_millis(1500));
    let cost = processor_time(server.pid())? - before;
    Ok((cost * 1000.0 / letters.len() as f64, rate))
}

// Seconds that a process has run, in itself and in the kernel: clock_getcpuclockid(3).
fn processor_time(pid: u32) -> Result<f64> {
    let clock = ClockId::pid_cpu_clock_id(Pid::from_raw(i32::try_from(pid)?))?;
    Ok(Duration::from(clock_gettime(clock)?).as_secs_f64())
}

// A check that found nothing would cost less.
fn all_passed(server: &Pillarbox) -> Result<()> {
    let recent: serde_json::Value =
        serde_json::from_str(&server.cli_ok(&["judge", "recent", "--json"], "")?)?;
    let id = recent[0]["id"].as_str().context("nothing was judged")?;
    let told = server.cli_ok(&["explain", id], "")?;
    println!("{told}");
    let good = told.matches("the signature is good").count();
    // RSA; that the mail is signed by Ed25519 too is of no interest then.
    ensure!(good == 1 && !told.contains("no answer"), "{told}");
    Ok(())
}
