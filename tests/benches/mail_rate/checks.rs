//! What judging mail costs: the same binary twice, one that judges what comes from this machine and
//! one that does not. Processor time of the server, and messages a second. All checks are on, before the
//! filter has learnt and afterwards; what it is asked about is made of words as a language has them: few
//! are frequent.

use super::{ROUNDS, median};
use anyhow::{Context, Result, ensure};
use firmware::dkim::{self, Signer};
use nix::time::{ClockId, clock_gettime};
use nix::unistd::Pid;
use proto::types::Domain;
use std::fmt::Write as _;
use std::time::{Duration, Instant};
use tests::fake_dns::FakeDns;
use tests::imap::Imap;
use tests::load::{self, Letter};
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::smtp::Smtp;

/// How mail comes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    /// Each message on a connection of its own, with STARTTLS.
    Alone,
    /// As many as there are on each connection, in clear.
    Together,
}

/// Octets, messages of one measurement, how they come, and whether the filter has learnt by then.
const CASES: [(usize, usize, Way, bool); 6] = [
    (4_000, 2000, Way::Together, false),
    (100_000, 400, Way::Together, false),
    (4_000, 2000, Way::Together, true),
    (100_000, 400, Way::Together, true),
    (4_000, 2000, Way::Alone, true),
    (100_000, 400, Way::Alone, true),
];
/// Messages of each kind that the filter learns from.
const LESSONS: usize = 200;
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
    let with = Pillarbox::office(&["anna", "ben"], &["--dns", &server, "--judge-loopback"])?;
    with.cli_ok(&["judge", "set", "lists", "bl.example=4, other.example=2"], "")?;
    let without = Pillarbox::office(&["anna"], &["--dns", &server])?;
    let signers: Vec<_> = (0..DOMAINS)
        .map(|number| Ok(Signer::new(&keys, &Domain::parse(&sender(number))?)?))
        .collect::<Result<_>>()?;
    let mut table = HEAD.to_owned();
    let names = (1_000, DOMAINS, Way::Together, false); // everything works once, and the names are known
    let mut has_learnt = false;
    for (place, case) in [names].into_iter().chain(CASES).enumerate() {
        if case.3 && !has_learnt {
            teach(&with)?;
            has_learnt = true;
        }
        let (mut a, mut b) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
        let before = dns.asked().len();
        for round in 0..ROUNDS {
            let letters = (0..case.1).map(|number| letter(&signers, (place, round, number), case.0));
            let letters: Vec<_> = letters.collect::<Result<_>>()?;
            for (server, (costs, rates)) in [(&with, &mut a), (&without, &mut b)] {
                let (cost, rate) = run(server, &letters, case.2)?;
                costs.push(cost);
                rates.push(rate);
            }
        }
        if place == 0 {
            continue;
        }
        let (ours, bare) = (median(&mut a.0), median(&mut b.0));
        let row = format!(
            "| {} | {ours:.2} ms | {bare:.2} ms | **{:.2}x** | {:.0} | {:.0} | {:.2} |",
            name(case),
            ours / bare,
            median(&mut a.1),
            median(&mut b.1),
            (dns.asked().len() - before) as f64 / (case.1 * ROUNDS) as f64,
        );
        println!("{row}");
        writeln!(table, "{row}")?;
    }
    all_passed(&with)?;
    Ok(table)
}

fn name((size, _, way, has_learnt): (usize, usize, Way, bool)) -> String {
    let way = match way {
        Way::Alone => "one on a connection with TLS",
        Way::Together => "hundreds on a connection in clear",
    };
    let filter = if has_learnt {
        ""
    } else {
        ", the filter has learnt nothing"
    };
    format!("{} kB, {way}{filter}", size / 1000)
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

fn letter(signers: &[Signer], (place, round, number): (usize, usize, usize), size: usize) -> Result<Letter> {
    let domain = number % signers.len();
    let id = format!("{place}.{round}.{number}@{}", sender(domain));
    let from = format!("bob@{}", sender(domain));
    let text = text(Topic::Work, (place * ROUNDS + round) * 10_000 + number, size);
    let mut letter = Letter::saying(&id, &from, &format!("anna@{DOMAIN}"), &text);
    let header = letter.octets.windows(4).position(|four| four == b"\r\n\r\n");
    let (header, body) = letter.octets.split_at(header.context("no header")? + 4);
    let mut signed = signers[domain].sign(header, body)?;
    signed.extend_from_slice(&letter.octets);
    letter.octets = signed;
    Ok(letter)
}

/// What is written about.
#[derive(Clone, Copy)]
enum Topic {
    Work,
    Bargains,
}

/// Words that all texts are made of; those about one topic have as many of their own.
const WORDS: usize = 20_000;

// Lines of about so many octets. The n-th most frequent word comes 1/n as often as the first (G. Zipf).
fn text(topic: Topic, number: usize, size: usize) -> String {
    let mut dice = dice(number as u64);
    let mut text = String::with_capacity(size + 100);
    let mut line = 0;
    while text.len() < size {
        let rank = (WORDS as f64).powf(dice()) as usize;
        let word = match topic {
            _ if dice() < 0.7 => spelt(rank),
            Topic::Work => spelt(rank + WORDS),
            Topic::Bargains => spelt(rank + 2 * WORDS),
        };
        text.push_str(&word);
        line += word.len() + 1;
        text.push_str(if line > 70 { "\r\n" } else { " " });
        line %= 71;
    }
    text + "\r\n"
}

// Numbers from 0 to 1, the same each time.
fn dice(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    move || {
        // Vigna's splitmix64
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

// A word of syllables for a number, the longer the greater.
fn spelt(number: usize) -> String {
    let mut word = String::new();
    let mut rest = number + 20;
    while rest > 0 {
        let (first, second) = ("bdfgklmnprstvwz", "aeiou");
        let syllable = rest % 75;
        word.push_str(&first[syllable / 5..=syllable / 5]);
        word.push_str(&second[syllable % 5..=syllable % 5]);
        rest /= 75;
    }
    word
}

// Has the filter learn from mail of both kinds.
fn teach(server: &Pillarbox) -> Result<()> {
    let user = format!("ben@{DOMAIN}");
    let mut imap = Imap::login(server.port("imaps")?, &user, PASSWORD)?;
    let mut smtp = Smtp::connect(server.port("smtp")?)?;
    for (topic, mailbox, kind) in [(Topic::Bargains, "Junk", "spam"), (Topic::Work, "INBOX", "ham")] {
        for number in 0..LESSONS {
            let id = format!("{kind}.{number}@lesson.example");
            let from = format!("writer@{}", sender(number % DOMAINS));
            let text = text(topic, 1_000_000 + number, 4_000);
            let letter = Letter::saying(&id, &from, &user, &text);
            smtp.deliver(&letter.from, &letter.to, &letter.octets)?;
        }
        if mailbox != "INBOX" {
            imap.ok("SELECT INBOX")?;
            imap.ok(&format!("MOVE 1:* {mailbox}"))?;
        }
        server.cli_ok(&["bayes", "train", &user, mailbox, kind], "")?;
    }
    let status: serde_json::Value =
        serde_json::from_str(&server.cli_ok(&["bayes", "status", "--json"], "")?)?;
    ensure!(status["spam"] == LESSONS && status["ham"] == LESSONS, "{status}");
    Ok(())
}

// Milliseconds of processor time for each message, and messages a second.
fn run(server: &Pillarbox, letters: &[Letter], way: Way) -> Result<(f64, f64)> {
    let port = server.port("smtp")?;
    let before = processor_time(server.pid())?;
    let start = Instant::now();
    match way {
        Way::Alone => load::send(letters, CONNECTIONS, 1, || Smtp::starttls(port))?,
        Way::Together => load::send(letters, CONNECTIONS, usize::MAX, || Smtp::connect(port))?,
    }
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
    ensure!(
        good == 1 && !told.contains("no answer") && told.contains("learnt"),
        "{told}"
    );
    Ok(())
}
