//! The whole table: every result of SPF with every result of DKIM and everything that a domain may
//! wish (DMARC), asked of a fake name server and weighed. What is expected is told by the rules of RFC
//! 9989 and the tables at the top of `judge::score`, not by the code.

use anyhow::{Context, Result, ensure};
use firmware::dkim;
use firmware::dns::{Dns, NameServers};
use firmware::judge::evidence::Evidence;
use firmware::judge::findings::{Caller, Outcome};
use firmware::judge::rules::Judging;
use firmware::judge::score::Score;
use firmware::spool::Shelf;
use proto::types::{Address, Domain};
use std::sync::LazyLock;
use store::{Placement, Points};
use tests::fake_dns::FakeDns;

static KEYS: LazyLock<dkim::Keys> = LazyLock::new(|| dkim::generate(1).unwrap());

const IP: &str = "198.51.100.25";

/// SPF of a domain.
const SPF: [(Outcome, Option<&str>); 7] = [
    (Outcome::None, None),
    (Outcome::Pass, Some("v=spf1 ip4:198.51.100.25 -all")),
    (Outcome::Fail, Some("v=spf1 -all")),
    (Outcome::SoftFail, Some("v=spf1 ~all")),
    (Outcome::Neutral, Some("v=spf1 ?all")),
    (Outcome::TempError, Some("v=spf1 a:broken.example -all")),
    (Outcome::PermError, Some("v=spf1 nonsense")),
];

/// How a domain is related to the author's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kin {
    Same,
    Below,
    Foreign,
}

/// What the signature is like.
const DKIM: [Option<(Outcome, Kin)>; 7] = [
    None,
    Some((Outcome::Pass, Kin::Same)),
    Some((Outcome::Pass, Kin::Below)),
    Some((Outcome::Pass, Kin::Foreign)),
    Some((Outcome::Fail, Kin::Same)),
    Some((Outcome::TempError, Kin::Same)),
    Some((Outcome::TempError, Kin::Foreign)),
];

/// What the author's domain says.
#[derive(Debug, Clone, Copy)]
struct Policy {
    records: &'static [&'static str],
    /// The author writes from below the domain that has the record.
    from_below: bool,
    strict_spf: bool,
    strict_dkim: bool,
    /// What is to happen with forged mail; `None`: there is no policy.
    wish: Option<Placement>,
}

const fn policy(record: &'static [&'static str], wish: Option<Placement>) -> Policy {
    Policy {
        records: record,
        from_below: false,
        strict_spf: false,
        strict_dkim: false,
        wish,
    }
}

const POLICIES: [Policy; 14] = [
    policy(&[], None),
    policy(&["v=DMARC1; p=none"], Some(Placement::Inbox)),
    policy(&["v=DMARC1; p=quarantine"], Some(Placement::Junk)),
    policy(&["v=DMARC1; p=reject"], Some(Placement::Refused)),
    // RFC 9989 4.7: a test, one step milder; pct= is history.
    policy(&["v=DMARC1; p=reject; t=y"], Some(Placement::Junk)),
    policy(&["v=DMARC1; p=quarantine; t=y"], Some(Placement::Inbox)),
    policy(&["v=DMARC1; p=reject; pct=0"], Some(Placement::Refused)),
    Policy {
        strict_spf: true,
        ..policy(&["v=DMARC1; p=reject; aspf=s"], Some(Placement::Refused))
    },
    Policy {
        strict_dkim: true,
        ..policy(&["v=DMARC1; p=quarantine; adkim=s"], Some(Placement::Junk))
    },
    // The record of the domain above.
    Policy {
        from_below: true,
        ..policy(&["v=DMARC1; p=none; sp=reject"], Some(Placement::Refused))
    },
    Policy {
        from_below: true,
        ..policy(&["v=DMARC1; p=reject; sp=none"], Some(Placement::Inbox))
    },
    Policy {
        from_below: true,
        ..policy(&["v=DMARC1; p=quarantine"], Some(Placement::Junk))
    },
    // RFC 9989 4.10: of two records none counts; what is no record does not count as one.
    policy(&["v=DMARC1; p=none", "v=DMARC1; p=reject"], None),
    policy(&["hello", "v=DMARC1; p=reject"], Some(Placement::Refused)),
];

struct World {
    dns: FakeDns,
    resolver: Dns,
    folder: tempfile::TempDir,
}

/// One message: the domains of its author, its sender and its signer.
struct Mail {
    author: String,
    sender: String,
    signer: Option<(Outcome, String)>,
}

impl World {
    fn new() -> Result<Self> {
        let dns = FakeDns::start()?;
        dns.fail("broken.example");
        let resolver = Dns::new(NameServers::Fixed(vec![dns.address()]));
        Ok(Self {
            dns,
            resolver,
            folder: tempfile::tempdir()?,
        })
    }

    // The parties of a row, under names that no other row has.
    fn mail(
        &self,
        row: usize,
        policy: &Policy,
        spf: Option<&str>,
        kin: Kin,
        signer: Option<(Outcome, Kin)>,
    ) -> Mail {
        let owner = format!("d{row}.example");
        for record in policy.records {
            self.dns.txt(&format!("_dmarc.{owner}"), record);
        }
        let author = if policy.from_below {
            format!("office.{owner}")
        } else {
            owner
        };
        self.dns.host(&author, [192, 0, 2, 1].into());
        let named = |kin: Kin, what: &str| match kin {
            Kin::Same => author.clone(),
            Kin::Below => format!("{what}.{author}"),
            Kin::Foreign => format!("{what}{row}.example"),
        };
        let sender = named(kin, "bounce");
        spf.into_iter().for_each(|record| self.dns.txt(&sender, record));
        let signer = signer.map(|(outcome, kin)| (outcome, named(kin, "signer")));
        Mail {
            author,
            sender,
            signer,
        }
    }

    fn octets(&self, mail: &Mail) -> Result<(Vec<u8>, usize)> {
        let header = format!(
            "From: ann@{}\r\nSubject: Hello\r\nDate: Thu, 1 Jan 2026 00:00:00 +0000\r\n\r\n",
            mail.author
        );
        let mut body = b"Hello.\r\n".to_vec();
        let mut octets = Vec::new();
        if let Some((outcome, signer)) = &mail.signer {
            let signer = Domain::parse(signer)?;
            octets = dkim::Signer::new(&KEYS, &signer)?.sign(header.as_bytes(), body.as_slice())?;
            for record in dkim::dns_records(&KEYS, &signer) {
                match outcome {
                    Outcome::TempError => self.dns.fail(&record.name),
                    _ => self.dns.txt(&record.name, &record.text),
                }
            }
            if *outcome == Outcome::Fail {
                body.extend_from_slice(b"More.\r\n");
            }
        }
        octets.extend_from_slice(header.as_bytes());
        let top = octets.len();
        octets.extend_from_slice(&body);
        Ok((octets, top))
    }

    async fn judge(&self, mail: &Mail) -> Result<(Outcome, Outcome, Placement, Points)> {
        let (octets, top) = self.octets(mail)?;
        let mut spool = Shelf::new(self.folder.path()).spool();
        spool.write(&octets)?;
        let evidence = Evidence::read(&octets[..top], &spool)?.context("no header")?;
        let from = Address::parse(&format!("ann@{}", mail.sender))?;
        let caller = Caller {
            ip: IP.parse()?,
            helo: "mail.caller.example",
            host: "mail.firm.example",
            from: Some(&from),
        };
        let found = evidence.verify(&self.resolver, &caller).await;
        let found = found.map_err(anyhow::Error::msg)?;
        let judging = Judging::default();
        let mut score = Score::default();
        score.findings(&judging, &found, true);
        let (verdict, refusal) = score.verdict(&judging);
        ensure!(refusal.is_some() == (verdict.placement == Placement::Refused));
        Ok((
            found.spf.outcome,
            found.dmarc.outcome,
            verdict.placement,
            verdict.points,
        ))
    }
}

// Whether a result of a domain so related speaks for the author.
fn aligned(kin: Kin, strict: bool) -> bool {
    kin == Kin::Same || (kin == Kin::Below && !strict)
}

fn expected(
    policy: &Policy,
    spf: Outcome,
    kin: Kin,
    dkim: Option<(Outcome, Kin)>,
) -> (Outcome, Placement, Points) {
    let by_spf = aligned(kin, policy.strict_spf).then_some(spf);
    let by_dkim = dkim.and_then(|(outcome, kin)| aligned(kin, policy.strict_dkim).then_some(outcome));
    let says = |outcome| [by_spf, by_dkim].contains(&Some(outcome));
    let dmarc = match policy.wish {
        None => Outcome::None,
        Some(_) if says(Outcome::Pass) => Outcome::Pass,
        Some(_) if says(Outcome::TempError) => Outcome::TempError,
        Some(_) => Outcome::Fail,
    };
    let mut points = match spf {
        Outcome::Fail => 30,
        Outcome::SoftFail | Outcome::PermError => 10,
        _ => 0,
    };
    let mut placement = Placement::Inbox;
    if dmarc == Outcome::Fail {
        match policy.wish {
            Some(Placement::Inbox) => points += 10,
            Some(wish) => placement = wish,
            None => {}
        }
    }
    (dmarc, placement, Points(points))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_result_with_every_other_and_every_wish_gives_the_documented_verdict() -> Result<()> {
    let world = World::new()?;
    let mut row = 0;
    for policy in &POLICIES {
        for (spf, record) in SPF {
            for kin in [Kin::Same, Kin::Below, Kin::Foreign] {
                for dkim in DKIM {
                    row += 1;
                    let mail = world.mail(row, policy, record, kin, dkim);
                    let (found, dmarc, placement, points) = world.judge(&mail).await?;
                    let told = format!("{policy:?} {spf:?} {kin:?} {dkim:?}");
                    ensure!(found == spf, "{told}: SPF is {found:?}");
                    let got = (dmarc, placement, points);
                    let wanted = expected(policy, spf, kin, dkim);
                    ensure!(got == wanted, "{told}: {got:?}, not {wanted:?}");
                }
            }
        }
    }
    println!("{row} rows");
    Ok(())
}

// RFC 9989 5.3.6: without an answer about the policy nothing is refused.
#[tokio::test]
async fn an_unknown_policy_is_no_policy_and_no_pass() -> Result<()> {
    let world = World::new()?;
    let mail = world.mail(0, &POLICIES[3], Some("v=spf1 -all"), Kin::Same, None);
    world.dns.fail(&format!("_dmarc.{}", mail.author));
    let (spf, dmarc, placement, points) = world.judge(&mail).await?;
    ensure!(
        (spf, dmarc) == (Outcome::Fail, Outcome::TempError),
        "{spf:?} {dmarc:?}"
    );
    ensure!(
        (placement, points) == (Placement::Inbox, Points(30)),
        "{placement:?} {points}"
    );
    Ok(())
}
