//! How fast accepted mail becomes readable, and how much memory an idle server takes, as a ratio
//! against Debian's Postfix + Dovecot in the same run on the same disk. Writes RESULTS.md.

mod catcher;
mod checks;
mod disk;
mod linking;
mod outbound;
mod peer;

use anyhow::{Context, bail};
use peer::Peer;
use std::fmt::Write as _;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use tests::imap::Imap;
use tests::load::Load;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};

/// Octets, connections, messages of one measurement.
const CASES: [(usize, u32, u32); 6] = [
    (4_000, 1, 300),
    (4_000, 10, 1500),
    (4_000, 50, 3000),
    (100_000, 1, 100),
    (100_000, 10, 400),
    (100_000, 50, 800),
];

/// Each case is measured this often for each server, in turns; the median counts.
const ROUNDS: usize = 3;

struct Server {
    smtp: u16,
    imaps: u16,
    user: String,
}

/// Measures everything and writes RESULTS.md; with the names of parts as arguments those only, and
/// writes nothing.
fn main() -> anyhow::Result<()> {
    // cargo bench says --bench.
    let parts: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with("--"))
        .collect();
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|one| one == part);
    let inbound = wanted("inbound").then(inbound).transpose()?;
    let outbound = wanted("outbound").then(outbound::measure).transpose()?;
    let checks = wanted("checks").then(checks::measure).transpose()?;
    let linking = wanted("linking").then(linking::peak).transpose()?;
    match (inbound, outbound, checks, linking) {
        (Some(inbound), Some(outbound), Some(checks), Some(linking)) => {
            write_results(&inbound, &outbound, &checks, linking)
        }
        _ => Ok(()),
    }
}

/// Mail that comes in, and memory.
struct Inbound {
    table: String,
    /// Idle, in kB: Pillarbox, Postfix with Dovecot.
    idle: (u64, u64),
    /// Pillarbox after everything, in kB.
    ended: u64,
}

fn inbound() -> anyhow::Result<Inbound> {
    let pillarbox = Pillarbox::office(&["anna"], &[])?;
    let user = format!("anna@{DOMAIN}");
    let ours = Server {
        smtp: pillarbox.port("smtp")?,
        imaps: pillarbox.port("imaps")?,
        user: user.clone(),
    };
    let peer = Peer::start(DOMAIN, "anna", PASSWORD, &[])?;
    let theirs = Server {
        smtp: peer.smtp,
        imaps: peer.imaps,
        user,
    };

    let mut table = String::new();
    for server in [&ours, &theirs] {
        server.rate(1_000, 1, 3)?; // everything is loaded and has worked once
    }
    std::thread::sleep(Duration::from_secs(10));
    let idle = (pss(&[pillarbox.pid()])?, pss(&peer.pids()?)?);
    for (size, connections, messages) in CASES {
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            a.push(ours.rate(size, connections, messages)?);
            b.push(theirs.rate(size, connections, messages)?);
        }
        let (a, b) = (median(&mut a), median(&mut b));
        let row = format!(
            "| {} kB on {connections} | {a:.0} | {b:.0} | **{:.1}x** |",
            size / 1000,
            a / b
        );
        println!("{row}");
        writeln!(table, "{row}")?;
    }
    Ok(Inbound {
        table,
        idle,
        ended: pss(&[pillarbox.pid()])?,
    })
}

impl Server {
    /// Messages a second from the first connection until the last message is counted by IMAP.
    fn rate(&self, size: usize, connections: u32, messages: u32) -> anyhow::Result<f64> {
        let mut imap = Imap::login(self.imaps, &self.user, PASSWORD)?;
        let before = imap.count("INBOX")?;
        let load = Load {
            port: self.smtp,
            to: self.user.clone(),
            connections,
            messages,
            size,
        };
        let prefix = format!("{before}.{size}.{connections}");
        let start = Instant::now();
        let accepted = load.run(&prefix, &AtomicBool::new(false)).len();
        if accepted != messages as usize {
            bail!("only {accepted} of {messages} accepted");
        }
        let deadline = Instant::now() + Duration::from_secs(300);
        while imap.count("INBOX")? < before + messages {
            if Instant::now() > deadline {
                bail!("only {} of {messages} arrived", imap.count("INBOX")? - before);
            }
            std::thread::sleep(Duration::from_millis(2));
        }
        Ok(f64::from(messages) / start.elapsed().as_secs_f64())
    }
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// Proportional set size of these processes in kB: shared pages count once in all.
fn pss(pids: &[u32]) -> anyhow::Result<u64> {
    let mut sum = 0;
    for pid in pids {
        let Ok(text) = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup")) else {
            continue;
        };
        let line = text
            .lines()
            .find(|l| l.starts_with("Pss:"))
            .context("no Pss line")?;
        sum += line
            .split_whitespace()
            .nth(1)
            .context("no Pss value")?
            .parse::<u64>()?;
    }
    Ok(sum)
}

fn write_results(inbound: &Inbound, outbound: &str, checks: &str, linking: u64) -> anyhow::Result<()> {
    let cores = std::thread::available_parallelism()?;
    let megabytes = |kilobytes: u64| kilobytes as f64 / 1024.0;
    let text = format!(
        "# Against Debian's Postfix + Dovecot\n\n\
         Written by `scripts/bench`: both servers on one machine ({cores} cores) in one run, in turns, \
         median of {ROUNDS}.\n\n\
         ## Mail comes in\n\n\
         Postfix delivers by LMTP into Maildir; both sync before they answer 250. \
         The clock runs from the first connection until IMAP counts the last message. Neither judges it.\n\n\
         | messages on connections | Pillarbox, msg/s | Postfix + Dovecot, msg/s | ratio |\n|---|---|---|---|\n\
         {}\n\
         | idle memory (PSS, one message handled, no connection) | |\n|---|---|\n\
         | Pillarbox | {:.1} MB |\n| Postfix + Dovecot | {:.1} MB |\n| Pillarbox after all of the above | {:.1} MB |\n\
         | Pillarbox at most, its own memory (RssAnon), while a message of 500 MB becomes links | {:.1} MB |\n\n\
         {OUTBOUND}\n\n{outbound}\n{CHECKS}\n\n{checks}",
        inbound.table,
        megabytes(inbound.idle.0),
        megabytes(inbound.idle.1),
        megabytes(inbound.ended),
        megabytes(linking),
    );
    println!("{text}");
    std::fs::write(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/RESULTS.md"),
        text,
    )?;
    Ok(())
}

const OUTBOUND: &str = "\
## Mail goes out

Submitted on 10 connections over TLS with a login, signed, sent on to a server that takes everything, \
which stands for 1 or for 10 domains and offers STARTTLS, where nothing else is said. Pillarbox signs twice (RSA and Ed25519), Postfix has OpenDKIM sign \
(RSA). The clock runs from the first submission until that server has the last message. Both are as they \
come: Pillarbox with its own number of connections to one domain, Postfix with up to 20. What is written \
and how often the disk has to flush is the whole machine's, for each message.";

const CHECKS: &str = "\
## What judging costs

The same binary twice: one judges (PTR, HELO, sender's domain, two block lists, SPF, DKIM, DMARC, lists of \
senders, greylist, and the filter, which has learnt from 400 messages where nothing else is said), one does \
not. Other servers mostly bring one message on a connection, with TLS; hundreds on one in clear are what \
judging weighs most in. 20 domains, whose names are known after the first message of each; each message has \
two signatures of its domain, of which one is enough. The texts are made of words, few of them frequent. \
Processor time is the server's, in itself and in the kernel.";
