//! How fast submitted mail leaves: from the first submission until other domains' servers have all.
//! Every message is signed on the way, as both servers would do it in an office.

use super::catcher::{self, Catcher};
use super::disk::{self, Written};
use super::peer::Peer;
use super::{ROUNDS, median};
use anyhow::{Result, ensure};
use std::fmt::Write as _;
use std::time::Instant;
use tests::fake_dns::FakeDns;
use tests::load::{self, Letter};
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::smtp::Smtp;

/// Octets, domains that the messages go to, messages of one measurement, whether with TLS.
const CASES: [(usize, usize, usize, bool); 6] = [
    (4_000, 1, 600, true),
    (4_000, 10, 600, true),
    (100_000, 1, 200, true),
    (100_000, 10, 200, true),
    (4_000, 1, 600, false),
    (4_000, 10, 600, false),
];
/// Connections that submit at the same time.
const CONNECTIONS: u32 = 10;
/// Domains in all.
const DOMAINS: usize = 10;

/// What goes before the rows.
const HEAD: &str = "\
| messages to domains | Pillarbox, msg/s | Postfix + OpenDKIM, msg/s | ratio | Pillarbox, written and flushed | Postfix + OpenDKIM, written and flushed | connections |
|---|---|---|---|---|---|---|
";

struct Server {
    port: u16,
    // DKIM signatures that a message has to bear.
    signatures: usize,
}

#[derive(Default)]
struct Runs {
    rates: Vec<f64>,
    written: Written,
    connections: u64,
}

/// The table.
pub fn measure() -> Result<String> {
    let catcher = Catcher::start()?;
    let dns = FakeDns::start()?;
    for number in 0..DOMAINS {
        let (domain, host) = (catcher::domain(number), format!("mx{number}.example"));
        dns.mx(&domain, 10, &host);
        dns.host(&host, catcher::address(number).into());
    }
    let (server, port) = (dns.address().to_string(), catcher.port.to_string());
    let pillarbox = Pillarbox::office(&["anna"], &["--dns", &server, "--relay-port", &port])?;
    pillarbox.cli_ok(&["guard", "set", "exempt=yes"], "")?; // counted all the same
    let ours = Server {
        port: pillarbox.port("submissions")?,
        signatures: 2,
    };
    let transports = (0..DOMAINS).map(|number| {
        let to = format!("smtp:[{}]:{port}", catcher::address(number));
        (catcher::domain(number), to)
    });
    let peer = Peer::start(DOMAIN, "anna", PASSWORD, &transports.collect::<Vec<_>>())?;
    let theirs = Server {
        port: peer.submissions,
        signatures: 1,
    };
    let mut table = HEAD.to_owned();
    for server in [&ours, &theirs] {
        // Has worked once.
        server.run(&catcher, (1_000, DOMAINS, DOMAINS, true), &mut Runs::default())?;
    }
    for case in CASES {
        let (mut a, mut b) = (Runs::default(), Runs::default());
        for _ in 0..ROUNDS {
            ours.run(&catcher, case, &mut a)?;
            theirs.run(&catcher, case, &mut b)?;
        }
        let row = row(case, &mut a, &mut b);
        println!("{row}");
        writeln!(table, "{row}")?;
    }
    Ok(table)
}

fn row((size, domains, messages, tls): (usize, usize, usize, bool), a: &mut Runs, b: &mut Runs) -> String {
    let (ours, theirs) = (median(&mut a.rates), median(&mut b.rates));
    let all = messages * ROUNDS;
    format!(
        "| {} kB to {domains}{} | {ours:.0} | {theirs:.0} | **{:.1}x** | {} | {} | {} / {} |",
        size / 1000,
        if tls { "" } else { ", in clear" },
        ours / theirs,
        a.written.per(all),
        b.written.per(all),
        a.connections,
        b.connections,
    )
}

impl Server {
    fn run(
        &self,
        catcher: &Catcher,
        (size, domains, messages, tls): (usize, usize, usize, bool),
        runs: &mut Runs,
    ) -> Result<()> {
        let from = format!("anna@{DOMAIN}");
        catcher.offer_tls(tls);
        let (before, connections) = catcher.counts();
        let letter = |number: usize| {
            let to = format!("user{number}@{}", catcher::domain(number % domains));
            Letter::new(&format!("{before}.{number}@{DOMAIN}"), &from, &to, size)
        };
        let letters: Vec<_> = (0..messages).map(letter).collect();
        let disk = disk::written()?;
        let start = Instant::now();
        load::send(&letters, CONNECTIONS, usize::MAX, || {
            Smtp::submissions(self.port, &from, PASSWORD)
        })?;
        catcher.wait_for(before + messages as u64)?;
        runs.rates.push(messages as f64 / start.elapsed().as_secs_f64());
        // What follows the last message, such as its removal from the queue; and kept connections end.
        std::thread::sleep(std::time::Duration::from_millis(2500));
        runs.written = runs.written + (disk::written()? - disk);
        runs.connections += catcher.counts().1 - connections;
        let signatures = catcher.signatures();
        ensure!(signatures == self.signatures, "{signatures} signatures");
        ensure!(catcher.counts().0 == before + messages as u64, "some came twice");
        Ok(())
    }
}
