//! The shield: its table, what is a claim, and how it meets a stranger at the door.

use super::*;
use crate::trial::{Caller, Trial};
use store::EventKind;

fn domain(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

fn doorkeeper(rows: &[(&str, &str)]) -> Doorkeeper {
    let mut shield = Shield::default();
    for (name, places) in rows {
        shield.set(domain(name), places).unwrap();
    }
    Doorkeeper {
        shield,
        lan: Lan::default(),
        own: vec!["2001:db8:5::10".parse().unwrap()],
        ours: vec![domain("firm.example")],
    }
}

#[test]
fn a_domain_is_claimed_from_its_own_networks_only() {
    let open = [
        ("partner.example", "203.0.113.0/24, lan"),
        ("bank.example", "198.51.100.7"),
    ];
    let moved = [("firm.example", "198.51.100.0/24")];
    for (rows, ip, claimed, turned_away) in [
        (&[][..], "192.0.2.9", "firm.example", true),
        (&[], "192.168.1.7", "firm.example", false),
        (&[], "2001:db8:5::77", "firm.example", false),
        (&[], "2001:db8:6::77", "firm.example", true),
        (&[], "192.0.2.9", "elsewhere.example", false),
        (&open, "203.0.113.9", "partner.example", false),
        (&open, "10.0.0.9", "Partner.Example.", false),
        (&open, "192.0.2.9", "partner.example", true),
        (&open, "10.0.0.9", "bank.example", true),
        (&open, "::ffff:198.51.100.7", "bank.example", false),
        (&open, "192.0.2.9", "firm.example", true),
        (&moved, "198.51.100.3", "firm.example", false),
        (&moved, "192.168.1.7", "firm.example", true),
    ] {
        let found = doorkeeper(rows).turns_away(ip.parse().unwrap(), &domain(claimed));
        assert_eq!(found, turned_away, "{claimed} from {ip}");
    }
}

#[test]
fn a_claim_is_found_however_the_from_field_is_written() {
    let doorkeeper = doorkeeper(&[]);
    let claim = |top: &str, ip: &str| doorkeeper.false_claim(ip.parse().unwrap(), top.as_bytes());
    for top in [
        "From: anna@firm.example\r\n\r\n",
        "From: Anna <anna@FIRM.example>\r\n\r\n",
        "fRoM :\r\n <anna@firm.example.>\r\n\r\n",
        "From: x@elsewhere.example, anna@firm.example\r\n\r\n",
        "From: x@elsewhere.example\r\nFrom: anna@firm.example\r\n\r\n",
        "From: us: anna@firm.example;\r\n\r\n",
        "From: \"anna\"@firm.example\r\n\r\n",
        "From: anna (boss) @ (our) firm . example\r\n\r\n",
        "From: <@relay.example:anna@firm.example>\r\n\r\n",
        "From: <x@elsewhere.example> <anna@firm.example>\r\n\r\n",
        "From: x@elsewhere.example; anna@firm.example\r\n\r\n",
        "From: a-name-of-more-than-64-octets-xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx@firm.example\r\n\r\n",
    ] {
        assert_eq!(claim(top, "192.0.2.9"), Some(domain("firm.example")), "{top}");
        assert_eq!(claim(top, "192.168.1.7"), None, "{top}");
    }
    for top in [
        "From: \"anna@firm.example\" <x@elsewhere.example>\r\n\r\n",
        "From: x@elsewhere.example (anna@firm.example)\r\n\r\n",
        "To: anna@firm.example\r\nSubject: x\r\n\r\nFrom: anna@firm.example\r\n",
        "From: x@sub.firm.example\r\n\r\n",
        "From: x@notfirm.example\r\n\r\n",
        "Subject: no author\r\n\r\n",
    ] {
        assert_eq!(claim(top, "192.0.2.9"), None, "{top}");
    }
}

#[test]
fn the_table_says_what_is_set_and_refuses_what_makes_no_sense() {
    let mut shield = Shield::default();
    let office = domain("firm.example");
    shield
        .set(domain("bank.example"), "198.51.100.7/24\r\nLAN")
        .unwrap();
    let shown: Vec<String> = shield
        .rows(std::slice::from_ref(&office))
        .iter()
        .map(|row| {
            format!(
                "{} {} {:?}",
                row.domain,
                row.default,
                row.places.iter().map(ToString::to_string).collect::<Vec<_>>()
            )
        })
        .collect();
    assert_eq!(
        shown,
        [
            r#"firm.example true ["lan"]"#,
            r#"bank.example false ["lan", "198.51.100.0/24"]"#
        ]
    );
    let many = (0..65)
        .map(|n| format!("10.0.{n}.0/24"))
        .collect::<Vec<_>>()
        .join(",");
    for (name, places) in [
        ("a.example", ""),
        ("a.example", " , "),
        ("a.example", "everywhere"),
        ("a.example", "10.0.0.0/33"),
        ("a.example", many.as_str()),
        ("[192.0.2.1]", "lan"),
    ] {
        assert!(shield.set(domain(name), places).is_err(), "{name} {places}");
    }
    assert!(shield.remove(&office).is_err());
    let written = serde_json::to_value(&shield).unwrap();
    assert_eq!(
        written,
        serde_json::json!({"bank.example": ["lan", "198.51.100.0/24"]})
    );
    assert_eq!(serde_json::from_value::<Shield>(written).unwrap(), shield);
    for n in 1..DOMAINS {
        shield.set(domain(&format!("d{n}.example")), "lan").unwrap();
    }
    assert!(shield.set(domain("one-more.example"), "lan").is_err());
    assert!(shield.set(domain("d1.example"), "10.0.0.0/8").is_ok());
    shield.remove(&domain("bank.example")).unwrap();
    assert_eq!(shield.rows(std::slice::from_ref(&office)).len(), DOMAINS);
}

#[test]
fn a_domain_is_the_same_in_every_spelling() {
    let mut shield = Shield::default();
    shield.set(domain("b\u{fc}cher.example"), "lan").unwrap();
    let doorkeeper = Doorkeeper {
        shield: shield.clone(),
        lan: Lan::default(),
        own: Vec::new(),
        ours: vec![ascii(&domain("stra\u{df}e.example"))],
    };
    for claimed in [
        "xn--bcher-kva.example",
        "B\u{dc}CHER.example",
        "xn--strae-oqa.example",
        "stra\u{df}e\u{3002}example",
    ] {
        assert!(
            doorkeeper.turns_away("192.0.2.9".parse().unwrap(), &domain(claimed)),
            "{claimed}"
        );
    }
    shield.remove(&domain("xn--bcher-kva.example")).unwrap();
}

// Offers one message on port 25, and gives back the last answer.
async fn offer(caller: &mut Caller, from: &str, to: &str, author: &str) -> String {
    let letter = format!("From: {author}\r\nSubject: s\r\n\r\nx\r\n.\r\n");
    for command in [
        &format!("MAIL FROM:<{from}>\r\n"),
        &format!("RCPT TO:<{to}>\r\n"),
        "DATA\r\n",
        &letter,
    ] {
        caller.say(command).await;
        let heard = caller.line().await;
        if !heard.starts_with(['2', '3']) {
            caller.say("RSET\r\n").await;
            caller.line().await;
            return heard;
        }
        if command == letter {
            return heard;
        }
    }
    String::new()
}

#[tokio::test]
async fn a_stranger_may_not_say_that_he_writes_from_the_office_until_his_network_may() {
    let trial = Trial::new().await;
    let (mut caller, _driver) = trial.smtp();
    caller.line().await;
    caller.say("HELO stranger.example\r\n").await;
    caller.line().await;
    let anna = "anna@firm.example";
    let words = "550 5.7.1 Mail from firm.example is taken without a login only from its own network.";
    for (from, author, heard) in [
        ("boss@firm.example", "x@elsewhere.example", words),
        ("x@elsewhere.example", "Boss <boss@firm.example>", words),
        ("", "boss@firm.example", words),
        ("", "x@elsewhere.example", "250 "),
        (
            "forwarder@elsewhere.example",
            "\"anna@firm.example\" <x@third.example>",
            "250 ",
        ),
    ] {
        let last = offer(&mut caller, from, anna, author).await;
        assert!(last.starts_with(heard), "{from} {author}: {last}");
    }
    trial.house.ledger.flush().await;
    let events = trial
        .house
        .store
        .snapshot()
        .unwrap()
        .events(None, 100, |_| true)
        .unwrap();
    let refused = events.iter().filter(|event| {
        matches!(&event.1.kind, EventKind::Refused { words: said, ip, .. } if said.starts_with(words) && ip.to_string() == "192.0.2.9")
    });
    assert_eq!(refused.count(), 3, "{events:?}");

    let guard = &trial.house.guard;
    guard
        .shield(domain("firm.example"), "lan, 192.0.2.0/24")
        .await
        .unwrap();
    let own = "boss@firm.example";
    assert!(offer(&mut caller, own, anna, own).await.starts_with("250 "));
    // Whoever may claim the domain may write to people here, and to nobody else.
    let relayed = offer(&mut caller, own, "x@elsewhere.example", own).await;
    assert!(
        relayed.starts_with("550 5.7.1 We take mail for others only after a login"),
        "{relayed}"
    );
    guard.unshield(&domain("firm.example")).await.unwrap();
    assert!(offer(&mut caller, own, anna, own).await.starts_with(words));
    assert!(guard.unshield(&domain("firm.example")).await.is_err());
}
