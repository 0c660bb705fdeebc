//! The page of outgoing mail.

use crate::desk::{Browser, Desk};
use axum::http::StatusCode;
use proto::types::{Address, Secret, Timestamp};
use web_setup::{Protection, Smarthost, Waiting};

fn waiting(to: &str, next: Option<i64>) -> Waiting {
    Waiting {
        from: Address::parse("ada@example.com").ok(),
        to: Address::parse(to).unwrap(),
        since: Timestamp(1_764_000_000),
        next: next.map(Timestamp),
        tries: 3,
        words: Some("mx.example.net: 450 4.7.1 <b>greylisted</b>".to_owned()),
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
        waiting("x@example.net", Some(1_764_003_600)),
        waiting("held@example.net", None),
    ];
    let page = browser.get("/outgoing").await.text;
    for part in [
        "x@example.net",
        "24 Nov 2025, 17:00:00 UTC",
        "held</span>",
        "&#60;b&#62;greylisted",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(!page.contains("more."), "{page}");
    desk.lock().outgoing = (0..130)
        .map(|n| waiting(&format!("x{n}@example.net"), None))
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
