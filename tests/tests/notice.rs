//! Notices about stopped accounts, and the replies that decide about them.

mod firm;

use anyhow::{Result, ensure};
use firm::{Firm, INTRUDER, OFFICE, THIEF, reply, reply_to};
use firmware::guard::notice;
use mail_auth::common::crypto::Ed25519Key;
use mail_auth::common::headers::HeaderWriter as _;
use mail_auth::dkim::DkimSigner;
use proto::refusal::Refusal;
use proto::types::Address;
use store::{AccountState, Counter, EventKind};

const ANNA: &str = "anna@firm.example";

type ByServer<'a> = (&'a str, Option<&'a str>, &'a str, &'a str, &'a str, &'a str);

/// The admins' notices about ben, whose password was stolen: anna's and alma's.
async fn stolen(firm: &Firm) -> Result<(String, String)> {
    firm.steal("ben", 20).await;
    ensure!(firm.is_frozen("ben"));
    firm.tell().await?;
    Ok((firm.last("anna")?, firm.last("alma")?))
}

#[tokio::test(flavor = "multi_thread")]
async fn every_admin_gets_one_notice_with_the_numbers_and_a_token_of_his_own() -> Result<()> {
    let firm = Firm::open().await?;
    let (anna, alma) = stolen(&firm).await?;
    firm.tell().await?;
    for name in ["anna", "alma"] {
        ensure!(firm.inbox(name)?.len() == 1, "{name}");
    }
    ensure!(firm.inbox("ben")?.is_empty());
    ensure!(reply_to(&anna) != reply_to(&alma));
    let events = firm.events().await?;
    let trip = events.iter().find_map(|event| match event {
        EventKind::Tripped(trip) => Some(trip),
        _ => None,
    });
    let trip = trip.unwrap();
    ensure!(trip.counter == Counter::NewMessages, "{trip:?}");
    let held = format!("mail to {} recipients waits here", firm.queue().0);
    for words in [
        "ben@firm.example",
        THIEF,
        "203.0.113.0/24",
        "victim15@",
        "16 messages",
        "15 are allowed",
        &held,
    ] {
        ensure!(anna.contains(words), "{words} is not in {anna}");
    }
    for verb in ["unfreeze", "release", "discard", "keep"] {
        ensure!(anna.contains(verb), "{verb}");
    }
    ensure!(anna.contains("\r\nAuto-Submitted: auto-generated\r\n"));
    ensure!(
        events
            .iter()
            .any(|event| matches!(event, EventKind::Notified { to, .. } if to.len() == 2))
    );
    // Of the token only a hash is kept.
    let token = reply_to(&anna);
    let token = token.split_once('@').unwrap().0.trim_start_matches("release+");
    let kept = firm.house.store.snapshot()?.setting("guard-notices")?;
    ensure!(token.len() == 26 && !kept.unwrap().to_string().contains(token));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_from_elsewhere_that_proves_nothing_changes_nothing_and_nobody_hears_of_it() -> Result<()> {
    let firm = Firm::open().await?;
    let (anna, _) = stolen(&firm).await?;
    let to = reply_to(&anna);
    firm.dns.txt("evil.example", "v=spf1 ip4:198.51.100.9 -all");
    firm.dns.txt("_dmarc.evil.example", "v=DMARC1; p=reject");
    let guessed = "release+aaaaaaaaaaaaaaaaaaaaaaaaaa@firm.example".to_owned();
    let queued = firm.queue();

    // On port 25: where from, who says so, to, fields, and what is recorded.
    let by_server: [ByServer<'_>; 8] = [
        (INTRUDER, Some(ANNA), ANNA, &to, "", "neither SPF nor DKIM"),
        (
            "198.51.100.9",
            Some("eve@evil.example"),
            ANNA,
            &to,
            "",
            "neither SPF nor DKIM",
        ),
        (
            "198.51.100.9",
            Some("eve@evil.example"),
            "eve@evil.example",
            &to,
            "",
            "not from the address",
        ),
        (
            OFFICE,
            Some("ben@firm.example"),
            "ben@firm.example",
            &to,
            "",
            "not from the address",
        ),
        (
            OFFICE,
            Some(ANNA),
            "anna@firm.example, eve@evil.example",
            &to,
            "",
            "not from the address",
        ),
        (OFFICE, None, ANNA, &to, "", "it has no sender"),
        (
            OFFICE,
            Some(ANNA),
            ANNA,
            &to,
            "Precedence: auto_reply\r\n",
            "Precedence",
        ),
        (OFFICE, Some(ANNA), ANNA, &guessed, "", "none of ours"),
    ];
    for (ip, sender, from, to, fields, words) in by_server {
        firm.receive(ip, sender, &[to], &reply(from, fields, "release"))
            .await
            .unwrap();
        let verdict = firm.verdict().await?;
        ensure!(verdict.contains(words), "{from} {fields}: {verdict}");
    }
    // From outside, her own domain is shielded anyway.
    let sent = reply(ANNA, "", "release");
    let shielded = firm.receive("198.51.100.9", Some(ANNA), &[&to], &sent).await;
    ensure!(matches!(shielded, Err(Refusal::Shielded { .. })), "{shielded:?}");
    ensure!(firm.inbox("anna")?.len() == 1, "a stranger's mail was answered");

    ensure!(firm.is_frozen("ben") && firm.queue() == queued);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_by_login_that_does_not_count_is_answered_to_an_admin_alone() -> Result<()> {
    let firm = Firm::open().await?;
    let (anna, _) = stolen(&firm).await?;
    let to = reply_to(&anna);
    let cut = format!("{}@firm.example", &to[..20]);
    let queued = firm.queue();

    // Logged in: who, to, fields, text, what is recorded, and whether it is answered.
    let report = "Content-Type: multipart/report; report-type=delivery-status; boundary=x\r\n";
    let by_login: [(&str, &str, &str, &str, &str, bool); 6] = [
        (
            "anna",
            &to,
            "Auto-Submitted: auto-replied\r\n",
            "I am away",
            "Auto-Submitted",
            false,
        ),
        ("anna", &to, "X-Autoreply: yes\r\n", "", "autoresponder", false),
        (
            "anna",
            &to,
            report,
            "--x\r\n\r\nrelease\r\n--x--",
            "report",
            false,
        ),
        ("anna", &cut, "", "release", "none of ours", true),
        ("alma", &to, "", "release", "somebody else's login", true),
        ("anna", &to, "", "Who is this?", "it was \"Who\"", true),
    ];
    for (name, to, fields, own, words, answered) in by_login {
        let before = firm.inbox(name)?.len();
        let from = format!("{name}@firm.example");
        firm.submit(name, OFFICE, &[to], &reply(&from, fields, own))
            .await
            .unwrap();
        let verdict = firm.verdict().await?;
        ensure!(verdict.contains(words), "{name} {fields}{own}: {verdict}");
        ensure!(
            firm.inbox(name)?.len() == before + usize::from(answered),
            "{name} {fields}{own}"
        );
        if answered {
            ensure!(firm.last(name)?.contains("changed nothing"));
        }
    }
    let own = firm
        .submit("ben", OFFICE, &[&to], &reply("ben@firm.example", "", "release"))
        .await;
    ensure!(own.is_err() || firm.verdict().await?.contains("login"), "{own:?}");
    firm.submit("anna", OFFICE, &[&to, &cut], &reply(ANNA, "", "release"))
        .await
        .unwrap();
    ensure!(firm.verdict().await?.contains("several"));

    ensure!(firm.is_frozen("ben"));
    ensure!(firm.queue() == queued, "{:?}", firm.queue());
    // None of this used the token up.
    firm.submit("anna", OFFICE, &[&to], &reply(ANNA, "", ""))
        .await
        .unwrap();
    ensure!(!firm.is_frozen("ben"), "{}", firm.verdict().await?);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_replies_the_first_decides_and_the_second_hears_what_was_done() -> Result<()> {
    let firm = Firm::open().await?;
    let (anna, alma) = stolen(&firm).await?;
    let (held, all) = firm.queue();
    ensure!(held > 0 && held == all);
    firm.submit(
        "anna",
        OFFICE,
        &[&reply_to(&anna)],
        &reply(ANNA, "", "Release, please"),
    )
    .await
    .unwrap();
    ensure!(!firm.is_frozen("ben") && firm.queue() == (0, all));
    for name in ["anna", "alma"] {
        let letter = firm.last(name)?;
        ensure!(
            letter.contains("was given back") && letter.contains(&format!("{held} recipients")),
            "{letter}"
        );
    }
    firm.wait(60);
    for (name, to) in [("anna", reply_to(&anna)), ("alma", reply_to(&alma))] {
        let from = format!("{name}@firm.example");
        firm.submit(name, OFFICE, &[&to], &reply(&from, "", "discard"))
            .await
            .unwrap();
        let answer = firm.last(name)?;
        ensure!(
            answer
                .contains("Already done: anna@firm.example answered \"release\" on Thu, 1 Jan 2026 00:00:00"),
            "{answer}"
        );
    }
    ensure!(firm.queue() == (0, all), "discarded after all");
    let verbs = firm
        .events()
        .await?
        .into_iter()
        .filter(|event| matches!(event, EventKind::Reply { verb: Some(_), .. }));
    ensure!(verbs.count() == 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_reply_leaves_open_is_asked_again_with_a_new_token() -> Result<()> {
    let firm = Firm::open().await?;
    let (anna, _) = stolen(&firm).await?;
    let (held, _) = firm.queue();
    firm.submit("anna", OFFICE, &[&reply_to(&anna)], &reply(ANNA, "", "keep"))
        .await
        .unwrap();
    ensure!(firm.is_frozen("ben") && firm.queue() == (held, held));
    let (first, second) = (reply_to(&anna), reply_to(&firm.last("anna")?));
    ensure!(first != second);
    firm.submit("anna", OFFICE, &[&second], &reply(ANNA, "", ""))
        .await
        .unwrap();
    ensure!(!firm.is_frozen("ben") && firm.queue() == (held, held));
    let third = reply_to(&firm.last("anna")?);
    firm.submit("anna", OFFICE, &[&third], &reply(ANNA, "", "DISCARD"))
        .await
        .unwrap();
    ensure!(firm.queue() == (0, 0));
    ensure!(
        !firm.last("anna")?.contains("Reply-To"),
        "nothing is left to decide"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_late_reply_and_one_about_an_earlier_event_change_nothing() -> Result<()> {
    let firm = Firm::open().await?;
    let (first, _) = stolen(&firm).await?;
    let ben = firm.account("ben")?.id;
    firm.house.guard.unfreeze(ben, "the page".to_owned()).await?;
    firm.submit("anna", OFFICE, &[&reply_to(&first)], &reply(ANNA, "", ""))
        .await
        .unwrap();
    ensure!(
        firm.last("anna")?
            .contains("Already done: the account works again"),
        "{}",
        firm.last("anna")?
    );
    firm.wait(600);
    let (second, _) = stolen(&firm).await?;
    firm.submit("anna", OFFICE, &[&reply_to(&first)], &reply(ANNA, "", ""))
        .await
        .unwrap();
    ensure!(firm.is_frozen("ben") && firm.last("anna")?.contains("frozen again"));
    firm.wait(7 * 86_400);
    firm.submit("anna", OFFICE, &[&reply_to(&second)], &reply(ANNA, "", ""))
        .await
        .unwrap();
    ensure!(firm.is_frozen("ben") && firm.last("anna")?.contains("has expired"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gives_himself_back() -> Result<()> {
    let firm = Firm::empty().await?;
    firm.hire("anna", true).await?;
    firm.hire("ben", false).await?;
    firm.steal("anna", 20).await;
    ensure!(matches!(
        firm.account("anna")?.state,
        AccountState::Limited { .. }
    ));
    firm.tell().await?;
    let notice = firm.last("anna")?;
    ensure!(notice.contains("last admin"), "{notice}");
    let sent = reply(ANNA, "", "unfreeze");
    // While she is limited she cannot send at all; a server that may write for her can.
    let refused = firm.submit("anna", OFFICE, &[&reply_to(&notice)], &sent).await;
    ensure!(matches!(refused, Err(Refusal::Limited { .. })), "{refused:?}");
    firm.receive(OFFICE, Some(ANNA), &[&reply_to(&notice)], &sent)
        .await
        .unwrap();
    ensure!(
        firm.verdict().await?.contains("Nobody can give himself back"),
        "{}",
        firm.verdict().await?
    );
    ensure!(matches!(
        firm.account("anna")?.state,
        AccountState::Limited { .. }
    ));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admins_address_outside_gets_the_notice_too_and_may_answer_it() -> Result<()> {
    let firm = Firm::open().await?;
    let home = "anna@home.example";
    let (anna, ben) = (firm.account("anna")?, firm.account("ben")?);
    for (admin, address) in [(&ben, home), (&anna, "else@firm.example")] {
        let set = notice::set_outside(&firm.house, admin, Some(Address::parse(address)?)).await;
        ensure!(set.is_err(), "{address}");
    }
    notice::set_outside(&firm.house, &anna, Some(Address::parse(home)?)).await?;
    stolen(&firm).await?;
    let queue = firm.house.store.snapshot()?.queue(None, 100)?;
    let queued = queue.iter().find(|item| item.to.to_string() == home).unwrap();
    ensure!(queued.owner.is_none() && !queued.held);
    let mut message = Vec::new();
    let mut body = firm.house.store.snapshot()?.body(queued.blob)?.unwrap();
    std::io::Read::read_to_end(&mut body, &mut message)?;
    let to = reply_to(&String::from_utf8(message)?);

    // Signed by its domain, from a server that no SPF record names; the body ends with blanks.
    let key = Ed25519Key::generate_pkcs8().map_err(|error| anyhow::anyhow!("{error}"))?;
    let key = Ed25519Key::from_pkcs8_der(&key).map_err(|error| anyhow::anyhow!("{error}"))?;
    let public = base64::Engine::encode(&base64::engine::general_purpose::STANDARD, key.public_key());
    firm.dns.txt(
        "s._domainkey.home.example",
        &format!("v=DKIM1; k=ed25519; p={public}"),
    );
    firm.dns.txt("_dmarc.home.example", "v=DMARC1; p=reject");
    let sent = reply(home, "", "discard");
    let signer = DkimSigner::from_key(key)
        .domain("home.example")
        .selector("s")
        .headers(["From", "To", "Subject"]);
    let signature = signer
        .sign(&sent)
        .map_err(|error| anyhow::anyhow!("{error}"))?
        .to_header();
    let signed = |message: &[u8]| [signature.as_bytes(), message].concat();
    let altered = String::from_utf8(sent.clone())?.replace("discard", "release");
    firm.receive(
        THIEF,
        Some("x@relay.example"),
        &[&to],
        &signed(altered.as_bytes()),
    )
    .await
    .unwrap();
    ensure!(firm.verdict().await?.contains("neither SPF nor DKIM"));
    let padded = [signed(&sent), b" \r\n\t\r\n".to_vec()].concat();
    firm.receive(THIEF, Some("x@relay.example"), &[&to], &padded)
        .await
        .unwrap();
    ensure!(
        firm.is_frozen("ben") && firm.queue().0 == 0,
        "{}",
        firm.verdict().await?
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reply_that_nobody_can_judge_now_is_to_come_again() -> Result<()> {
    let firm = Firm::open().await?;
    let (anna, _) = stolen(&firm).await?;
    firm.dns.fail("_dmarc.firm.example");
    let sent = reply(ANNA, "", "");
    let later = firm.receive(OFFICE, Some(ANNA), &[&reply_to(&anna)], &sent).await;
    ensure!(later == Err(Refusal::Temporary), "{later:?}");
    ensure!(firm.is_frozen("ben"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn of_a_huge_reply_little_is_read() -> Result<()> {
    let firm = Firm::open().await?;
    let (anna, _) = stolen(&firm).await?;
    let mut huge = reply(ANNA, "", "keep");
    huge.resize(50 * 1024 * 1024, b'x');
    firm.receive(INTRUDER, Some(ANNA), &[&reply_to(&anna)], &huge)
        .await
        .unwrap();
    ensure!(firm.verdict().await?.contains("neither SPF nor DKIM"));
    firm.receive(OFFICE, Some(ANNA), &[&reply_to(&anna)], &huge)
        .await
        .unwrap();
    ensure!(
        firm.verdict().await?.contains("Nothing was changed"),
        "{}",
        firm.verdict().await?
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn further_events_of_an_account_are_folded_into_a_digest() -> Result<()> {
    let firm = Firm::open().await?;
    let rules = [("action".to_owned(), "limit".to_owned())];
    firm.house
        .guard
        .set_rules(None, &rules)
        .await
        .map_err(anyhow::Error::msg)?;
    firm.steal("ben", 15).await;
    firm.wait(3000);
    firm.steal("ben", 1).await;
    firm.tell().await?;
    ensure!(firm.inbox("anna")?.len() == 1 && firm.last("anna")?.contains("limited"));
    firm.wait(700);
    firm.steal("ben", 20).await;
    firm.tell().await?;
    ensure!(firm.inbox("anna")?.len() == 1, "{}", firm.last("anna")?);
    firm.wait(3600);
    firm.tell().await?;
    firm.tell().await?;
    ensure!(firm.inbox("anna")?.len() == 2 && firm.last("anna")?.contains("1 further event"));
    Ok(())
}
