use super::super::block_lists::{Listing, Subject};
use super::super::findings::{Chain, Signed};
use super::*;
use proto::types::Domain;

fn signed(domain: &str, outcome: Outcome) -> Signed {
    Signed {
        outcome,
        domain: domain.to_owned(),
        selector: "s".to_owned(),
        words: String::new(),
    }
}

fn findings(spf: Outcome, dkim: Outcome, dmarc: Outcome, wish: Wish) -> Findings {
    Findings {
        spf: Spf {
            outcome: spf,
            domain: "a.example".to_owned(),
            helo: false,
        },
        helo: None,
        dkim: vec![signed("a.example", dkim)],
        skipped: 0,
        unreadable: 0,
        arc: Chain::default(),
        dmarc: Dmarc {
            outcome: dmarc,
            domain: "a.example".to_owned(),
            wish,
        },
    }
}

fn judge(judging: &Judging, found: &Findings, author: bool) -> (Verdict, Option<Refusal>) {
    let mut score = Score::default();
    score.findings(judging, found, author);
    score.verdict(judging)
}

// The tables at the top of the module, every row with every other.
#[test]
fn every_combination_of_results_gives_the_documented_verdict() {
    let all = [
        Outcome::None,
        Outcome::Pass,
        Outcome::Fail,
        Outcome::SoftFail,
        Outcome::Neutral,
        Outcome::TempError,
        Outcome::PermError,
    ];
    let judging = Judging::default();
    for spf in all {
        for dkim in all {
            for dmarc in [Outcome::None, Outcome::Pass, Outcome::Fail, Outcome::TempError] {
                for wish in [Wish::Nothing, Wish::Quarantine, Wish::Reject] {
                    let (verdict, refusal) = judge(&judging, &findings(spf, dkim, dmarc, wish), true);
                    let points = match spf {
                        Outcome::Fail => 30,
                        Outcome::SoftFail | Outcome::PermError => 10,
                        _ => 0,
                    } + i32::from(dmarc == Outcome::Fail && wish == Wish::Nothing) * 10;
                    let placement = match (dmarc, wish) {
                        (Outcome::Fail, Wish::Reject) => Placement::Refused,
                        (Outcome::Fail, Wish::Quarantine) => Placement::Junk,
                        _ => Placement::Inbox,
                    };
                    let row = format!("{spf:?} {dkim:?} {dmarc:?} {wish:?}");
                    assert_eq!(verdict.points, Points(points), "{row}");
                    assert_eq!(verdict.placement, placement, "{row}");
                    assert_eq!(refusal.is_some(), placement == Placement::Refused, "{row}");
                    let sum: Points = verdict.reasons.iter().map(|reason| reason.points).sum();
                    assert_eq!(sum, verdict.points, "{row}");
                }
            }
        }
    }
}

#[test]
fn mail_without_exactly_one_author_is_junk() {
    let found = findings(Outcome::Pass, Outcome::Pass, Outcome::None, Wish::Nothing);
    assert_eq!(
        judge(&Judging::default(), &found, false).0.placement,
        Placement::Junk
    );
}

#[test]
fn only_chains_of_trusted_sealers_save_forwarded_mail() {
    let mut judging = Judging::default();
    judging.set("sealers", "list.example, big.example").unwrap();
    let chain = |outcome, sealers: &[&str], passed_dmarc| Chain {
        outcome,
        sealers: sealers.iter().map(|&sealer| sealer.to_owned()).collect(),
        passed_dmarc,
    };
    for (arc, placement) in [
        (chain(Outcome::Pass, &["list.example"], true), Placement::Inbox),
        (
            chain(Outcome::Pass, &["big.example", "list.example"], true),
            Placement::Inbox,
        ),
        (
            chain(Outcome::Pass, &["big.example", "evil.example"], true),
            Placement::Refused,
        ),
        (
            chain(Outcome::Pass, &["evil.example", "big.example"], true),
            Placement::Refused,
        ),
        (chain(Outcome::Pass, &["list.example"], false), Placement::Refused),
        (chain(Outcome::Fail, &["list.example"], true), Placement::Refused),
        (chain(Outcome::Pass, &[], true), Placement::Refused),
    ] {
        let mut found = findings(Outcome::Pass, Outcome::Fail, Outcome::Fail, Wish::Reject);
        found.arc = arc;
        let (verdict, _) = judge(&judging, &found, true);
        assert_eq!(verdict.placement, placement, "{:?}", found.arc);
        let untrusting = judge(&Judging::default(), &found, true).0.placement;
        assert_eq!(untrusting, Placement::Refused, "{:?}", found.arc);
    }
}

#[test]
fn wishes_are_followed_only_where_that_is_set() {
    let mut judging = Judging::default();
    judging.set("dmarc", "off").unwrap();
    for wish in [Wish::Reject, Wish::Quarantine] {
        let found = findings(Outcome::None, Outcome::None, Outcome::Fail, wish);
        let (verdict, refusal) = judge(&judging, &found, true);
        assert_eq!(
            (verdict.placement, verdict.points, refusal),
            (Placement::Inbox, Points(10), None)
        );
    }
}

fn around(
    reverse: ReverseName,
    helo: Standing,
    sender: Standing,
    listing: Listing,
    list: &str,
) -> Surroundings {
    Surroundings {
        outside: true,
        reverse,
        helo,
        sender,
        lists: vec![Entry {
            list: list.parse().unwrap(),
            subject: Subject::Address("192.0.2.1".parse().unwrap()),
            listing,
        }],
    }
}

fn check(judging: &Judging, found: &Surroundings, points: i32, refused: Option<&str>) {
    let mut score = Score::default();
    score.surroundings(judging, found, "helo.example");
    let (verdict, refusal) = score.verdict(judging);
    assert_eq!(verdict.points, Points(points), "{found:?}");
    assert_eq!(refusal.is_some(), refused.is_some(), "{found:?}");
    let said = refusal
        .map(|refusal| refusal.smtp().to_string())
        .unwrap_or_default();
    assert!(said.contains(refused.unwrap_or_default()), "{said}");
    assert!(
        verdict
            .reasons
            .iter()
            .all(|reason| !reason.words.contains(['\r', '\n']))
    );
}

const GOOD: Standing = Standing::Good;
const NOWHERE: Standing = Standing::Nowhere;
const UNKNOWN: Standing = Standing::Unknown;
const LIST: &str = "bl.example=4";
const STERN: &str = "bl.example=refuse";

fn listed() -> Listing {
    Listing::Listed("127.0.0.2".parse().unwrap())
}

fn named() -> ReverseName {
    ReverseName::Confirmed(Domain::parse("mx.example").unwrap())
}

#[test]
fn only_a_borrowed_name_in_helo_counts() {
    for (outcome, set, points) in [
        (Outcome::Pass, "score", 0),
        (Outcome::Fail, "score", 10),
        (Outcome::Fail, "off", 0),
        (Outcome::SoftFail, "score", 0),
        (Outcome::PermError, "score", 0),
        (Outcome::TempError, "score", 0),
    ] {
        let mut judging = Judging::default();
        judging.set("helo", set).unwrap();
        let helo = Spf {
            outcome,
            domain: "mx.example".to_owned(),
            helo: true,
        };
        let mut score = Score::default();
        score.helo(&judging, Some(&helo));
        assert_eq!(score.points(), Points(points), "{outcome:?} {set}");
    }
}

#[test]
fn what_surrounds_a_message_counts_and_silence_does_not() {
    let odd = ReverseName::Unconfirmed("evil\r\nname".to_owned());
    let silent = ReverseName::Unknown;
    for (found, points, refused) in [
        (around(named(), GOOD, GOOD, Listing::Clean, LIST), 0, None),
        (
            around(ReverseName::Missing, GOOD, GOOD, Listing::Clean, LIST),
            20,
            None,
        ),
        (around(odd, NOWHERE, NOWHERE, listed(), LIST), 95, None),
        (
            around(named(), GOOD, Standing::NoMail, Listing::Clean, LIST),
            30,
            None,
        ),
        (around(silent, UNKNOWN, UNKNOWN, Listing::Unknown, LIST), 0, None),
        (around(named(), GOOD, GOOD, Listing::RefusesUs, STERN), 0, None),
        (around(named(), GOOD, GOOD, Listing::Broken, STERN), 0, None),
        (
            around(named(), GOOD, GOOD, listed(), STERN),
            0,
            Some("bl.example"),
        ),
    ] {
        check(&Judging::default(), &found, points, refused);
    }
}

#[test]
fn a_list_of_domains_names_what_it_lists_and_counts_by_its_own_check() {
    let spam = Domain::parse("spam.example").unwrap();
    for (subject, who) in [
        (Subject::Author(spam.clone()), "whose name the mail bears"),
        (Subject::Sender(spam.clone()), "the sender's domain"),
        (Subject::Helo(spam), "as the server introduces itself"),
    ] {
        let mut found = around(named(), GOOD, GOOD, listed(), LIST);
        found.lists[0].subject = subject;
        check(&Judging::default(), &found, 40, None);
        let mut score = Score::default();
        score.surroundings(&Judging::default(), &found, "helo.example");
        let (verdict, _) = score.verdict(&Judging::default());
        let words = format!("spam.example, {who}, is on the block list bl.example (127.0.0.2).");
        let told = verdict.reasons.iter().find(|reason| reason.check == "rhsbl");
        assert_eq!(told.map(|reason| reason.words.as_str()), Some(words.as_str()));
        found.lists[0].list = STERN.parse().unwrap();
        check(
            &Judging::default(),
            &found,
            0,
            Some("550 5.7.1 spam.example is on the block list bl.example."),
        );
    }
}

#[test]
fn what_is_set_to_refuse_refuses_and_silence_does_not() {
    let missing = || ReverseName::Missing;
    for (name, found, points, refused) in [
        (
            "reverse-name",
            around(missing(), GOOD, GOOD, Listing::Clean, LIST),
            20,
            Some("5.7.25"),
        ),
        (
            "reverse-name",
            around(ReverseName::Unknown, GOOD, GOOD, Listing::Clean, LIST),
            0,
            None,
        ),
        (
            "sender-domain",
            around(named(), GOOD, NOWHERE, Listing::Clean, LIST),
            30,
            Some("5.1.8"),
        ),
        (
            "sender-domain",
            around(named(), GOOD, UNKNOWN, Listing::Clean, LIST),
            0,
            None,
        ),
    ] {
        let mut judging = Judging::default();
        judging.set(name, "refuse").unwrap();
        check(&judging, &found, points, refused);
    }
}
