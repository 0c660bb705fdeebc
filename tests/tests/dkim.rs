//! Signatures against a fake name server: the examples of RFC 6376 and RFC 8463, keys of every kind,
//! and fields that are made to keep us busy.

mod firm;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use firmware::dkim;
use firmware::dns::{Dns, NameServers};
use firmware::judge::evidence::Evidence;
use firmware::judge::findings::{Caller, Findings, Outcome};
use firmware::spool::Shelf;
use mail_auth::arc::ArcSealer;
use mail_auth::common::crypto::Ed25519Key;
use mail_auth::{ArcOutput, AuthenticatedMessage, AuthenticationResults};
use proto::types::{Address, Domain};
use ring::digest;
use std::sync::LazyLock;
use tests::fake_dns::{FakeDns, Lie};

static KEYS: LazyLock<dkim::Keys> = LazyLock::new(|| dkim::generate(1).unwrap());

/// RFC 6376 A.2: the signed message, and the key of appendix C. It was signed with six blanks at the
/// start of each further line, and with one blank before the question; the text as printed has others.
const SIMPLE: &str = "DKIM-Signature: v=1; a=rsa-sha256; s=brisbane; d=example.com;
      c=simple/simple; q=dns/txt; i=joe@football.example.com;
      h=Received : From : To : Subject : Date : Message-ID;
      bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
      b=AuUoFEfDxTDkHlLXSZEpZj79LICEps6eda7W3deTVFOk4yAUoqOB
      4nujc7YopdG5dWLSdNg6xNAZpOPr+kHxt1IrE+NahM6L/LbvaHut
      KVdkLLkpVaVVQPzeRDI009SO2Il5Lu7rDNH6mZckBdrIx0orEtZV
      4bmp/YzhwvcubU4=;
Received: from client1.football.example.com  [192.0.2.1]
      by submitserver.example.com with SUBMISSION;
      Fri, 11 Jul 2003 21:01:54 -0700 (PDT)
";
const SIMPLE_KEY: &str = "v=DKIM1; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDwIRP/UC3SBsEmGqZ9ZJW3/DkM\
    oGeLnQg1fWn7/zYtIxN2SnFCjxOCKG9v3b4jYfcTNh5ijSsq631uBItLa7od+v/R\
    tdC2UzJ1lWT947qR+Rcac2gbto/NMqJ0fzfVjH4OuKhitdY9tf6mcwGjaNBcWToI\
    MmPSPDdQPNUYckcQ2QIDAQAB";

/// RFC 8463 A.3.
const RELAXED: &str = "DKIM-Signature: v=1; a=ed25519-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=brisbane; t=1528637909; h=from : to :
 subject : date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=/gCrinpcQOoIfuHNQIbq4pgh9kyIK3AQUdt9OdqQehSwhEIug4D11Bus
 Fa3bT3FY5OsU7ZbnKELq+eXdp1Q1Dw==
DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed;
 d=football.example.com; i=@football.example.com;
 q=dns/txt; s=test; t=1528637909; h=from : to : subject :
 date : message-id : from : subject : date;
 bh=2jUSOH9NhtVGCQWNr9BrIAPreKQjO6Sn7XIkfJVOzv8=;
 b=F45dVWDfMbQDGHJFlXUNB2HKfbCeLRyhDXgFpEL8GwpsRe0IeIixNTe3
 DhCVlUrSjV4BwcVcOF6+FF3Zo9Rpo1tFOeS9mPYQTnGdaSGsgeefOsk2Jz
 dA+L10TeYt9BgDfQNZtKdN1WO//KgIqXP7OdEFE4LjFYNcUxZQ4FADY+8=
";
const RELAXED_KEYS: [(&str, &str); 2] = [
    (
        "brisbane",
        "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=",
    ),
    (
        "test",
        "v=DKIM1; k=rsa; p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQDkHlOQoBTzWR\
        iGs5V6NpP3idY6Wk08a5qhdR6wy5bdOKb2jLQiY/J16JYi0Qvx/byYzCNb3W91y3FutAC\
        DfzwQ/BC/e/8uBsCR+yz1Lxj+PL6lHvqMKrM3rG4hstT5QjvHO9PzoxZyVYLzBfO2EeC3\
        Ip3G+2kryOTIKT+l/K4w3QIDAQAB",
    ),
];
/// The message of both.
const DINNER: &str = "From: Joe SixPack <joe@football.example.com>
To: Suzie Q <suzie@shopping.example.net>
Subject: Is dinner ready?
Date: Fri, 11 Jul 2003 21:00:37 -0700 (PDT)
Message-ID: <20030712040037.46341.5F8J@football.example.com>

Hi.

We lost the game.  Are you hungry yet?

Joe.
";

fn wire(text: &str) -> Vec<u8> {
    text.replace('\n', "\r\n").into_bytes()
}

fn end_of_header(message: &[u8]) -> usize {
    let end = message.windows(4).position(|octets| octets == b"\r\n\r\n");
    end.map_or(message.len(), |end| end + 4)
}

async fn verified(dns: &FakeDns, message: &[u8]) -> Result<Findings> {
    let mut spool = Shelf::new(std::env::temp_dir()).spool();
    spool.write(message)?;
    let top = &message[..end_of_header(message)];
    let evidence = Evidence::read(top, &spool)?.context("no header")?;
    let from = Address::parse("joe@football.example.com")?;
    let caller = Caller {
        ip: "192.0.2.1".parse()?,
        helo: "mail.example.com",
        host: "mail.firm.example",
        from: Some(&from),
    };
    let resolver = Dns::new(NameServers::Fixed(vec![dns.address()]));
    let found = evidence.verify(&resolver, &caller).await;
    found.map_err(anyhow::Error::msg)
}

fn outcomes(found: &Findings) -> Vec<Outcome> {
    found.dkim.iter().map(|signed| signed.outcome).collect()
}

fn signed(message: &[u8]) -> Result<Vec<u8>> {
    let signer = dkim::Signer::new(&KEYS, &Domain::parse("football.example.com")?)?;
    let end = end_of_header(message);
    let mut signed = signer.sign(&message[..end], &message[end..])?;
    signed.extend_from_slice(message);
    Ok(signed)
}

fn publish(dns: &FakeDns) -> Result<()> {
    for record in dkim::dns_records(&KEYS, &Domain::parse("football.example.com")?) {
        dns.txt(&record.name, &record.text);
    }
    Ok(())
}

async fn example_of_rfc_8463(dns: &FakeDns, text: &str, selector: &str) -> Result<()> {
    let passes = |found: &Findings| {
        let mut signed = found.dkim.iter();
        signed.any(|signed| signed.selector == selector && signed.outcome == Outcome::Pass)
    };
    let found = verified(dns, text.as_bytes()).await?;
    ensure!(passes(&found), "{selector}: {found:?}");
    for (change, by) in [
        ("Is dinner", "Was dinner"),
        ("hungry", "angry"),
        ("joe@football", "jim@football"),
        ("Joe.\r\n", "Joe.\r\nMore.\r\n"),
        ("From: Joe", "From: x@evil.example\r\nFrom: Joe"),
    ] {
        let found = verified(dns, text.replacen(change, by, 1).as_bytes()).await?;
        ensure!(!outcomes(&found).contains(&Outcome::Pass), "{change}: {found:?}");
    }
    // RFC 6376 3.4.2, 3.4.4: what relaxed canonicalization takes for the same.
    for (change, by) in [
        ("Subject: Is dinner", "SUBJECT:  Is\t  dinner"),
        ("Subject: Is dinner", "Subject:\r\n Is\r\n\tdinner"),
        ("game.  Are you", "game. Are\t you  "),
        ("Joe.\r\n", "Joe. \t\r\n\r\n\r\n"),
    ] {
        let found = verified(dns, text.replacen(change, by, 1).as_bytes()).await?;
        ensure!(passes(&found), "{selector}, {change}: {found:?}");
    }
    Ok(())
}

#[tokio::test]
async fn the_examples_of_the_rfcs_verify_and_no_longer_if_anything_changes() -> Result<()> {
    let dns = FakeDns::start()?;
    dns.txt("brisbane._domainkey.example.com", SIMPLE_KEY);
    let relaxed = wire(&format!("{RELAXED}{DINNER}"));
    let text = String::from_utf8(relaxed)?;
    for (selector, key) in RELAXED_KEYS {
        let dns = FakeDns::start()?;
        dns.txt(&format!("{selector}._domainkey.football.example.com"), key);
        example_of_rfc_8463(&dns, &text, selector).await?;
    }
    let simple = format!("{SIMPLE}{}", DINNER.replace("game.  Are", "game. Are"));
    let found = verified(&dns, &wire(&simple)).await?;
    ensure!(outcomes(&found) == [Outcome::Pass], "{found:?}");
    ensure!(found.dkim[0].domain == "example.com" && found.dmarc.outcome == Outcome::None);
    // RFC 6376 3.4.1, 3.4.3: simple canonicalization forgives empty lines at the end only.
    for (change, by, outcome) in [
        ("Joe.\n", "Joe.\n\n\n", Outcome::Pass),
        ("Joe.\n", "Joe. \n", Outcome::Fail),
        ("Subject: Is", "subject: Is", Outcome::Fail),
        ("Subject: Is", "Subject:  Is", Outcome::Fail),
    ] {
        let found = verified(&dns, &wire(&simple.replacen(change, by, 1))).await?;
        ensure!(outcomes(&found) == [outcome], "{change}: {found:?}");
    }
    Ok(())
}

// RFC 6376 3.4.5. One thing differs: a field with a blank before its colon, which RFC 5322 4.5 calls
// obsolete, is not found by mail-auth, so that a signature over it is not good and counts as none.
#[tokio::test]
async fn the_canonicalization_examples() -> Result<()> {
    const MESSAGE: &str = "A: X\r\nB: Y\t\r\n\tZ  \r\n\r\n C \r\nD \t E\r\n\r\n\r\n";
    const HEADER: &str = "a:X\r\nb:Y Z\r\n";
    const RELAXED_BODY: &str = " C\r\nD E\r\n";
    const SIMPLE_BODY: &str = " C \r\nD \t E\r\n";
    let (top, body) = MESSAGE.split_once("\r\n\r\n").context("no body")?;
    let rows = [
        ("relaxed/relaxed", HEADER, RELAXED_BODY),
        ("simple/simple", "A: X\r\nB: Y\t\r\n\tZ  \r\n", SIMPLE_BODY),
        ("relaxed/simple", HEADER, SIMPLE_BODY),
    ];
    let dns = FakeDns::start()?;
    dns.txt(
        "k._domainkey.a.example",
        &format!("v=DKIM1; k=ed25519; p={PUBLIC}"),
    );
    let key = ring::signature::Ed25519KeyPair::from_seed_unchecked(&SEED)?;
    let hash = |octets: &[u8]| ring::digest::digest(&ring::digest::SHA256, octets);
    for (ways, header, canonical) in rows {
        // Signed over what the RFC says comes out, by nobody's canonicalization but its own.
        let bh = BASE64.encode(hash(canonical.as_bytes()));
        let tags = format!("v=1; a=ed25519-sha256; c={ways}; d=a.example; s=k; h=A:B; bh={bh}; b=");
        let own = if ways.starts_with("simple") {
            format!("DKIM-Signature: {tags}")
        } else {
            format!("dkim-signature:{tags}")
        };
        let b = BASE64.encode(key.sign(hash((header.to_owned() + &own).as_bytes()).as_ref()));
        let message = format!("DKIM-Signature: {tags}{b}\r\n{top}\r\n\r\n{body}");
        let found = verified(&dns, message.as_bytes()).await?;
        ensure!(outcomes(&found) == [Outcome::Pass], "{ways}: {found:?}");
        let found = verified(&dns, message.replace("B: Y", "B : Y").as_bytes()).await?;
        ensure!(outcomes(&found) == [Outcome::Fail], "{ways}: {found:?}");
    }
    Ok(())
}

#[tokio::test]
async fn every_key_and_every_answer_has_its_outcome() -> Result<()> {
    let name = "test._domainkey.football.example.com";
    let message = wire(&format!("{RELAXED}{DINNER}"));
    let rows: [(&str, Option<&str>, Option<Lie>, Outcome); 9] = [
        ("good", Some(RELAXED_KEYS[1].1), None, Outcome::Pass),
        ("none", None, None, Outcome::PermError),
        ("revoked", Some("v=DKIM1; k=rsa; p="), None, Outcome::PermError),
        ("of another kind", Some(RELAXED_KEYS[0].1), None, Outcome::Fail),
        ("no key", Some("hello"), None, Outcome::PermError),
        (
            "garbage",
            Some(RELAXED_KEYS[1].1),
            Some(Lie::Garbage),
            Outcome::TempError,
        ),
        (
            "half",
            Some(RELAXED_KEYS[1].1),
            Some(Lie::Half),
            Outcome::TempError,
        ),
        (
            "never whole",
            Some(RELAXED_KEYS[1].1),
            Some(Lie::NeverWhole),
            Outcome::TempError,
        ),
        (
            "over TCP",
            Some(RELAXED_KEYS[1].1),
            Some(Lie::Truncated),
            Outcome::Pass,
        ),
    ];
    let mut checks = Vec::new();
    for (row, key, lie, wanted) in rows {
        let message = &message;
        checks.push(async move {
            let dns = FakeDns::start()?;
            key.into_iter().for_each(|key| dns.txt(name, key));
            lie.into_iter().for_each(|lie| dns.lie(name, lie));
            let found = verified(&dns, message).await?;
            let rsa = found.dkim.iter().find(|signed| signed.selector == "test");
            let rsa = rsa.context("not looked at")?;
            ensure!(rsa.outcome == wanted, "{row}: {rsa:?}");
            Ok(())
        });
    }
    for check in checks {
        check.await?;
    }
    Ok(())
}

// The number in DER (RFC 8017 A.1.1).
fn integer(octets: &[u8]) -> Vec<u8> {
    let length = u16::try_from(octets.len() + 1).unwrap().to_be_bytes();
    [&[2, 0x82], &length[..], &[0], octets].concat()
}

// What is signed, as `a=` calls it, and what stands before it (RFC 8017 9.2).
type Hash = (&'static str, &'static digest::Algorithm, &'static [u8]);
const SHA256: Hash = (
    "rsa-sha256",
    &digest::SHA256,
    &[
        0x30, 0x31, 0x30, 0x0d, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00,
        0x04, 0x20,
    ],
);
const SHA1: Hash = (
    "rsa-sha1",
    &digest::SHA1_FOR_LEGACY_USE_ONLY,
    &[
        0x30, 0x21, 0x30, 0x09, 0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x1a, 0x05, 0x00, 0x04, 0x14,
    ],
);

// A signed message and its RSA key of so many octets. The key was made for the signature: its modulus is
// the cube of that less what was signed, its exponent 3, so that whoever computes finds it good.
fn made_to_fit(octets: usize, (algorithm, hash, prefix): Hash) -> Result<(Vec<u8>, String)> {
    for attempt in 0..64 {
        let from = format!("From: Joe {attempt} <joe@football.example.com>\r\n");
        let body = "We lost the game.\r\n";
        let hash = |octets: &[u8]| digest::digest(hash, octets);
        let body_hash = BASE64.encode(hash(body.as_bytes()));
        let field = format!(
            "DKIM-Signature: v=1; a={algorithm}; c=simple/simple; d=football.example.com; s=test; h=from; bh={body_hash}; b="
        );
        let signed = hash(format!("{from}{field}").as_bytes());
        let tail = [prefix, signed.as_ref()].concat();
        let mut encoded = vec![0xff; octets - tail.len()];
        encoded[..2].copy_from_slice(&[0, 1]);
        *encoded.last_mut().unwrap() = 0;
        encoded.extend(tail);
        if encoded.last().unwrap().is_multiple_of(2) {
            continue; // the modulus would be even
        }
        // 0x28 and zeros, whose cube is 0xfa and zeros.
        let zeros = (octets * 8 - 1) / 3 / 8;
        let mut signature = vec![0; octets];
        signature[octets - zeros - 1] = 0x28;
        let mut modulus = vec![0_u8; octets];
        modulus[0] = 0xfa;
        let mut borrowed = false;
        for (digit, less) in modulus.iter_mut().zip(&encoded).rev() {
            let (once, first) = digit.overflowing_sub(*less);
            let (twice, second) = once.overflowing_sub(u8::from(borrowed));
            (*digit, borrowed) = (twice, first || second);
        }
        let inside = [integer(&modulus), vec![2, 1, 3]].concat();
        let length = u16::try_from(inside.len())?.to_be_bytes();
        let key = BASE64.encode([&[0x30, 0x82], &length[..], &inside].concat());
        let message = format!("{field}{}\r\n{from}\r\n{body}", BASE64.encode(signature));
        return Ok((message.into_bytes(), format!("v=DKIM1; k=rsa; p={key}")));
    }
    anyhow::bail!("every hash was even")
}

// What a key costs grows with the cube of its size. That a good signature of a huge one is refused shows
// that nobody computed it.
#[tokio::test]
async fn a_key_of_16384_bits_is_refused_unused() -> Result<()> {
    for (bits, wanted) in [(4096, Outcome::Pass), (16_384, Outcome::Fail)] {
        let dns = FakeDns::start()?;
        let (message, key) = made_to_fit(bits / 8, SHA256)?;
        dns.txt("test._domainkey.football.example.com", &key);
        let found = verified(&dns, &message).await?;
        ensure!(outcomes(&found) == [wanted], "{bits}: {found:?}");
    }
    Ok(())
}

// RFC 8301 3.1
#[tokio::test]
async fn a_good_signature_over_sha_1_counts_as_none() -> Result<()> {
    for (hash, wanted, unreadable) in [(SHA256, &[Outcome::Pass][..], 0), (SHA1, &[], 1)] {
        let dns = FakeDns::start()?;
        let (message, key) = made_to_fit(512, hash)?;
        dns.txt("test._domainkey.football.example.com", &key);
        let found = verified(&dns, &message).await?;
        ensure!(outcomes(&found) == wanted, "{}: {found:?}", hash.0);
        ensure!(found.unreadable == unreadable, "{}: {found:?}", hash.0);
    }
    Ok(())
}

// RFC 6376 6.1
#[tokio::test]
async fn further_signatures_of_a_domain_are_looked_at_only_where_the_first_is_not_good() -> Result<()> {
    let message = wire(&format!("{RELAXED}{DINNER}"));
    let [ed25519, rsa] = RELAXED_KEYS;
    let other = ("test", "v=DKIM1; k=rsa; p=");
    for (row, keys, wanted) in [
        ("both", &[ed25519, rsa][..], &[("test", Outcome::Pass)][..]),
        ("no Ed25519", &[rsa], &[("test", Outcome::Pass)]),
        (
            "no RSA",
            &[ed25519],
            &[("test", Outcome::PermError), ("brisbane", Outcome::Pass)],
        ),
        (
            "RSA revoked",
            &[ed25519, other],
            &[("test", Outcome::PermError), ("brisbane", Outcome::Pass)],
        ),
        (
            "none",
            &[],
            &[("test", Outcome::PermError), ("brisbane", Outcome::PermError)],
        ),
    ] {
        let dns = FakeDns::start()?;
        for (selector, key) in keys {
            dns.txt(&format!("{selector}._domainkey.football.example.com"), key);
        }
        let found = verified(&dns, &message).await?;
        let results: Vec<_> = found
            .dkim
            .iter()
            .map(|signed| (signed.selector.as_str(), signed.outcome))
            .collect();
        ensure!(results == wanted, "{row}: {found:?}");
        let asked = dns.asked();
        let asked = ["test", "brisbane"].map(|name| asked.iter().any(|asked| asked.contains(name)));
        ensure!(asked == [true, wanted.len() == 2], "{row}: {asked:?}");
    }
    // Each of two domains has to be proven.
    let dns = FakeDns::start()?;
    publish(&dns)?;
    let here = String::from_utf8(signed(&wire(DINNER))?)?;
    let field = &here[..here.find("From: ").context("no From")?];
    let both = field.replace("football.example.com", "other.example") + &here;
    let found = verified(&dns, both.as_bytes()).await?;
    let passed = outcomes(&found).iter().filter(|o| **o == Outcome::Pass).count();
    ensure!(passed == 1 && found.dkim.len() == 3, "{found:?}");
    Ok(())
}

#[tokio::test]
async fn only_so_many_signatures_are_looked_at_and_the_rest_is_counted() -> Result<()> {
    let dns = FakeDns::start()?;
    publish(&dns)?;
    // Sixty of strangers before the two that count.
    let good = signed(&wire(DINNER))?;
    let mut message = Vec::new();
    for number in 0..60 {
        let other = String::from_utf8(signed(&wire(DINNER))?)?;
        let field = &other[..other.find("From: ").context("no From")?];
        let field = field.replace("football.example.com", &format!("s{number}.example"));
        message.extend_from_slice(field.as_bytes());
    }
    message.extend_from_slice(&good);
    let found = verified(&dns, &message).await?;
    ensure!(
        found.dkim.len() == 7 && found.skipped == 114,
        "{} {}",
        found.dkim.len(),
        found.skipped
    );
    ensure!(
        outcomes(&found).iter().filter(|o| **o == Outcome::Pass).count() == 1,
        "{found:?}"
    );
    let asked = dns
        .asked()
        .iter()
        .filter(|asked| asked.contains("_domainkey"))
        .count();
    ensure!(asked <= 8, "{asked}");
    Ok(())
}

#[tokio::test]
async fn nobody_is_asked_for_keys_to_another_body() -> Result<()> {
    let dns = FakeDns::start()?;
    publish(&dns)?;
    let mut message = signed(&wire(DINNER))?;
    message.extend_from_slice(b"And bring money.\r\n");
    let found = verified(&dns, &message).await?;
    ensure!(outcomes(&found) == [Outcome::Fail; 2], "{found:?}");
    let asked = dns.asked();
    ensure!(!asked.iter().any(|name| name.contains("_domainkey")), "{asked:?}");
    Ok(())
}

// RFC 6376 3.5, 8.2
#[tokio::test]
async fn what_cannot_be_read_or_covers_a_part_only_counts_as_none() -> Result<()> {
    let dns = FakeDns::start()?;
    publish(&dns)?;
    let good = String::from_utf8(signed(&wire(DINNER))?)?;
    let names = vec!["x"; 5_000].join(":");
    for (row, change, by) in [
        ("part of the body", "v=1;", "v=1; l=10;"),
        ("version", "v=1;", "v=2;"),
        ("base64", "bh=", "bh=!"),
        ("no domain", "d=football.example.com", "d="),
        ("algorithm", "sha256", "sha3"),
        ("five thousand names", "h=", &format!("h={names}:")),
    ] {
        let message = good.replace(change, by);
        ensure!(message != good, "{row}");
        let found = verified(&dns, message.as_bytes()).await?;
        ensure!(found.unreadable == 2 && found.dkim.is_empty(), "{row}: {found:?}");
    }
    Ok(())
}

#[tokio::test]
async fn headers_that_are_full_of_one_thing_cost_no_more_questions_than_others() -> Result<()> {
    let good = String::from_utf8(signed(&wire(DINNER))?)?;
    let many_names: String = (0..60_000).map(|n| format!("a{n}:")).collect();
    for (row, before, unreadable, seen) in [
        ("From", "From: a@b.example\r\n".repeat(10_000), 0, 2),
        (
            "Received",
            "Received: from a by b; Thu, 1 Jan 2026 00:00:00 +0000\r\n".repeat(4_000),
            0,
            1,
        ),
        (
            "signatures",
            "DKIM-Signature: v=1; nothing\r\n".repeat(8_000),
            8_000,
            1,
        ),
        ("seals", "ARC-Seal: i=1; cv=none\r\n".repeat(10_000), 0, 1),
        (
            "names",
            format!(
                "DKIM-Signature: v=1; a=rsa-sha256; d=a.example; s=a; bh=AAAA; b=AAAA; h={many_names}from\r\n"
            ),
            1,
            1,
        ),
    ] {
        let dns = FakeDns::start()?;
        publish(&dns)?;
        let found = verified(&dns, (before + &good).as_bytes()).await?;
        ensure!(
            found.unreadable == unreadable && found.dkim.len() == seen,
            "{row}: {found:?}"
        );
        ensure!(found.arc.outcome != Outcome::Pass, "{row}: {found:?}");
        let asked = dns.asked();
        ensure!(asked.len() <= 16, "{row}: {asked:?}");
    }
    Ok(())
}

/// A mailing list that puts its name into the subject, and seals what it saw.
fn sealed(message: &[u8], sealer: &str, saw: &str) -> Result<Vec<u8>> {
    let changed = String::from_utf8(message.to_vec())?.replace("Subject: ", "Subject: [list] ");
    let parsed = AuthenticatedMessage::parse(changed.as_bytes()).context("no header")?;
    let key = Ed25519Key::from_seed_and_public_key(&SEED, &BASE64.decode(PUBLIC)?);
    let key = key.map_err(|error| anyhow::anyhow!("{error}"))?;
    let seal = ArcSealer::from_key(key).domain(sealer).selector("arc").headers([
        "From",
        "To",
        "Subject",
        "Date",
        "DKIM-Signature",
    ]);
    let results = AuthenticationResults::new(saw);
    let set = seal.seal(&parsed, &results, &ArcOutput::default());
    let set = set.map_err(|error| anyhow::anyhow!("{error}"))?;
    let mut octets = Vec::new();
    octets.extend(mail_auth::common::headers::HeaderWriter::to_header(&set).into_bytes());
    octets.extend(changed.into_bytes());
    Ok(octets)
}

/// RFC 8032 7.1, test 1.
const SEED: [u8; 32] = [
    0x9d, 0x61, 0xb1, 0x9d, 0xef, 0xfd, 0x5a, 0x60, 0xba, 0x84, 0x4a, 0xf4, 0x92, 0xec, 0x2c, 0xc4, 0x44,
    0x49, 0xc5, 0x69, 0x7b, 0x32, 0x69, 0x19, 0x70, 0x3b, 0xac, 0x03, 0x1c, 0xae, 0x7f, 0x60,
];
const PUBLIC: &str = "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=";

// A list changes the subject, which breaks the signature; its seal says that it saw a good one.
#[tokio::test(flavor = "multi_thread")]
async fn a_trusted_sealer_saves_what_a_mailing_list_broke_and_nobody_else_does() -> Result<()> {
    use firmware::judge::rules::{JUDGING, Judging};
    for (row, trusted, saw, change, taken) in [
        ("trusted", "list.example", "mx.list.example; dmarc=pass", "", true),
        (
            "a stranger",
            "other.example",
            "mx.list.example; dmarc=pass",
            "",
            false,
        ),
        ("nobody is trusted", "", "mx.list.example; dmarc=pass", "", false),
        (
            "saw a forgery itself",
            "list.example",
            "mx.list.example; dmarc=fail",
            "",
            false,
        ),
        (
            "saw the words in an address",
            "list.example",
            "mx.list.example; spf=pass smtp.mailfrom=\"; dmarc=pass;\"@evil.example; dmarc=fail (not dmarc=pass)",
            "",
            false,
        ),
        (
            "saw the proof of somebody else",
            "list.example",
            "mx.list.example; dmarc=pass header.from=evil.example",
            "",
            false,
        ),
        (
            "saw the author's",
            "list.example",
            "mx.list.example; spf=pass; dmarc=pass (p=reject) header.from=football.example.com",
            "",
            true,
        ),
        (
            "changed afterwards",
            "list.example",
            "mx.list.example; dmarc=pass",
            "Are you hungry",
            false,
        ),
    ] {
        let firm = firm::Firm::open().await?;
        publish(&firm.dns)?;
        firm.dns.txt("_dmarc.football.example.com", "v=DMARC1; p=reject");
        firm.dns.txt(
            "arc._domainkey.list.example",
            &format!("v=DKIM1; k=ed25519; p={PUBLIC}"),
        );
        let mut judging = Judging::unasking();
        judging.set("sealers", trusted).map_err(anyhow::Error::msg)?;
        firmware::settings::write(&firm.house.store, JUDGING, &judging).await?;
        let mut message = sealed(&signed(&wire(DINNER))?, "list.example", saw)?;
        if !change.is_empty() {
            message = String::from_utf8(message)?
                .replace(change, "You are fired")
                .into_bytes();
        }
        let from = Some("bounces@list.example");
        let answer = firm
            .receive("192.0.2.77", from, &["ben@firm.example"], &message)
            .await;
        ensure!(answer.is_ok() == taken, "{row}: {answer:?}");
        if taken {
            let got = firm.last("ben")?;
            ensure!(got.contains("arc=pass") && got.contains("dmarc=fail"), "{got}");
        }
    }
    Ok(())
}
