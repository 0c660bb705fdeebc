//! The page of outgoing mail.

use crate::desk::{Browser, Desk};
use axum::http::StatusCode;
use proto::types::{Address, Secret, Timestamp};
use web_setup::{Protection, QueueDeed, QueuePlace, QueueScope, Smarthost, WaitState, Waiting};

fn waiting(id: u64, to: &str, state: WaitState) -> Waiting {
    Waiting {
        id,
        from: Address::parse("ada@example.com").ok(),
        to: Address::parse(to).unwrap(),
        since: Timestamp(1_764_000_000),
        state,
        tries: 3,
        words: Some("mx.example.net: 450 4.7.1 <b>greylisted</b>".to_owned()),
    }
}

const fn held(by_admin: bool, frozen: bool) -> WaitState {
    WaitState::Held { by_admin, frozen }
}

#[tokio::test]
async fn waiting_mail_is_held_released_tried_and_deleted_by_recipient_message_domain_or_all() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    desk.lock().outgoing = vec![
        waiting(7, "x@example.net", held(true, false)),
        waiting(8, "y@example.net", WaitState::Waits(Timestamp(1_764_003_600))),
    ];
    let page = browser.get("/outgoing/7").await.text;
    for part in [
        "x@example.net",
        "y@example.net",
        "held by an admin",
        "&#60;b&#62;greylisted",
        "all 2 for example.net",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    for (order, scope) in [("hold", "row"), ("release", "message"), ("retry", "domain")] {
        let seen = browser
            .post("/outgoing/7", &[("order", order), ("scope", scope)])
            .await;
        let to = format!("/outgoing?said={order}&rows=3&sending=2");
        assert_eq!(seen.to(), to);
        let page = browser.get(&to).await.text;
        assert!(
            page.contains("3.") && page.contains("Being sent right now: 2"),
            "{page}"
        );
    }
    let delete = [("order", "delete"), ("scope", "all")];
    let sure = browser.post("/outgoing/7", &delete).await;
    assert_eq!(sure.status, StatusCode::OK);
    assert!(sure.text.contains("all mail that waits") && sure.text.contains("cannot be undone"));
    let asked = desk.lock().orders.clone();
    for tell in ["", "yes"] {
        let form = [&delete[..], &[("sure", "yes"), ("tell", tell)]].concat();
        assert!(
            browser
                .post("/outgoing/7", &form)
                .await
                .to()
                .contains("said=delete")
        );
    }
    use QueueDeed::{Delete, Hold, Release, Retry};
    let first = [
        (7, QueueScope::Row, Hold),
        (7, QueueScope::Message, Release),
        (7, QueueScope::Domain, Retry),
    ];
    assert_eq!(asked, first, "nothing was deleted before the second question");
    let all = |tell| (7, QueueScope::All, Delete { tell });
    assert_eq!(desk.lock().orders[3..], [all(false), all(true)]);
}

#[tokio::test]
async fn orders_about_mail_that_left_or_in_odd_words_change_nothing() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    desk.lock().outgoing = vec![waiting(7, "x@example.net", WaitState::Sending)];
    for (path, order, scope) in [
        ("/outgoing/8", "hold", "row"),
        ("/outgoing/8", "delete", "row"),
        ("/outgoing/x", "hold", "row"),
        ("/outgoing/7", "burn", "row"),
        ("/outgoing/7", "hold", "galaxy"),
    ] {
        let seen = browser.post(path, &[("order", order), ("scope", scope)]).await;
        assert_eq!(seen.status, StatusCode::NOT_FOUND, "{path} {order} {scope}");
    }
    let seen = browser.get("/outgoing/8").await;
    assert!(seen.text.contains("does not wait any more"), "{}", seen.text);
    assert!(desk.lock().orders.is_empty());
}

#[tokio::test]
async fn places_that_are_left_alone_are_shown_with_what_was_met() {
    let desk = Desk::finished();
    desk.lock().places = vec![QueuePlace {
        name: "dead.example".to_owned(),
        sending: 0,
        at_once: 1,
        rest: Some((Timestamp(1_764_003_600), "connect: <refused>".to_owned())),
    }];
    let page = Browser::signed_in(&desk).await.get("/outgoing").await.text;
    for part in [
        "dead.example",
        "24 Nov 2025, 17:00:00 UTC",
        "connect: &#60;refused&#62;",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
}

#[tokio::test]
async fn mail_that_waits_is_listed_with_what_was_said() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let page = browser.get("/outgoing").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(page.text.contains("Nothing waits."), "{}", page.text);
    desk.lock().outgoing = vec![
        waiting(1, "x@example.net", WaitState::Waits(Timestamp(1_764_003_600))),
        waiting(2, "held@example.net", held(true, false)),
        waiting(3, "frozen@example.net", held(false, true)),
        waiting(4, "now@example.net", WaitState::Sending),
    ];
    let page = browser.get("/outgoing").await.text;
    for part in [
        "x@example.net",
        "24 Nov 2025, 17:00:00 UTC",
        "held by an admin</span>",
        "its sender was frozen</span>",
        "being sent right now</span>",
        "href=\"/outgoing/2\"",
        "&#60;b&#62;greylisted",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("more."), "{page}");
    desk.lock().outgoing = (0..130)
        .map(|n| waiting(n, &format!("x{n}@example.net"), held(true, false)))
        .collect();
    let page = browser.get("/outgoing").await.text;
    assert!(page.contains("And 30 more."), "{page}");
}

#[tokio::test]
async fn a_smarthost_is_set_and_taken_back_and_its_password_is_never_shown() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let form = [
        ("host", "smtp.example.net"),
        ("port", "465"),
        ("protection", "implicit"),
        ("user", "office"),
        ("password", "tulips in the rain"),
    ];
    let seen = browser.post("/outgoing/through", &form).await;
    assert_eq!(
        (seen.status, seen.to()),
        (StatusCode::SEE_OTHER, "/outgoing?said=through")
    );
    let smarthost = Smarthost {
        host: "smtp.example.net".to_owned(),
        port: 465,
        protection: Protection::Implicit,
        user: Some("office".to_owned()),
        trust_any_certificate: false,
    };
    let password = Secret::new(b"tulips in the rain".to_vec());
    assert_eq!(desk.lock().smarthost, Some((smarthost, Some(password))));
    let page = browser.get("/outgoing?said=through").await.text;
    assert!(page.contains("leaves through that server"), "{page}");
    assert!(
        page.contains("value=\"465\"") && page.contains("value=\"implicit\" selected"),
        "{page}"
    );
    assert!(!page.contains("tulips"), "{page}");
    let seen = browser.post("/outgoing/direct", &[]).await;
    assert_eq!(
        (seen.status, seen.to()),
        (StatusCode::SEE_OTHER, "/outgoing?said=direct")
    );
    assert_eq!(desk.lock().smarthost, None);
}

#[tokio::test]
async fn a_smarthost_can_be_for_some_domains_only() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let form = [
        ("domains", " .example.net "),
        ("host", "smtp.partner.example"),
        ("port", "587"),
        ("protection", "starttls"),
        ("user", "office"),
        ("password", "tulips in the rain"),
    ];
    let seen = browser.post("/outgoing/through", &form).await;
    assert_eq!(seen.to(), "/outgoing?said=through");
    assert_eq!(desk.lock().smarthosts.len(), 1);
    assert_eq!(desk.lock().smarthost, None);
    let page = browser.get("/outgoing").await.text;
    for part in [".example.net", "smtp.partner.example, port 587", "office"] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("tulips"), "{page}");
    let seen = browser
        .post("/outgoing/direct", &[("domains", ".example.net")])
        .await;
    assert_eq!(seen.to(), "/outgoing?said=direct");
    assert!(desk.lock().smarthosts.is_empty());
}

#[tokio::test]
async fn what_cannot_work_is_said_beside_the_form() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let base = [
        ("host", "smtp.example.net"),
        ("port", "587"),
        ("protection", "starttls"),
        ("user", ""),
    ];
    let with = |name: &'static str, value: &'static str| {
        base.map(|(n, v)| if n == name { (n, value) } else { (n, v) })
            .to_vec()
    };
    let mut without_tls = with("protection", "none");
    without_tls.retain(|(name, _)| *name != "user");
    without_tls.extend([("user", "office"), ("password", "tulips in the rain")]);
    for (form, words) in [
        (with("host", "\"><script>"), "not a server&#39;s name"),
        (with("port", "mail"), "A port is a number"),
        (with("user", "office"), "Please type the password"),
        (without_tls, "never sent without TLS"),
    ] {
        let seen = browser.post("/outgoing/through", &form).await;
        assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY, "{words}");
        assert!(seen.text.contains(words), "{words}: {}", seen.text);
        assert!(!seen.text.contains("\"><script>") && !seen.text.contains("tulips"));
    }
    assert!(desk.lock().changes.is_empty());
}

#[tokio::test]
async fn a_domain_is_held_shown_and_released() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let seen = browser.post("/outgoing/hold", &[("domain", "no domain")]).await;
    assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(seen.text.contains("`no domain` is no domain.") && desk.lock().held_domains.is_empty());
    assert!(seen.text.contains("value=\"no domain\""), "what was typed stays");
    let seen = browser
        .post("/outgoing/hold", &[("domain", " Example.NET ")])
        .await;
    assert_eq!(seen.to(), "/outgoing?said=held&rows=4&sending=0");
    let page = browser.get(seen.to()).await.text;
    for part in [
        "stays here from now on",
        "Waiting for it now: 4.",
        "example.net",
        "ada@example.com",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    let release = [("domain", "example.net"), ("release", "yes")];
    for _ in 0..2 {
        let seen = browser.post("/outgoing/hold", &release).await;
        assert!(seen.to().starts_with("/outgoing?said=release&"), "{}", seen.to());
        assert!(desk.lock().held_domains.is_empty());
    }
}
