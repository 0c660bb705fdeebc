//! Signing keys on their page.

use crate::browser::Browser;
use crate::desk::{Desk, domain};
use axum::http::StatusCode;
use proto::types::Timestamp;
use web_setup::{DkimRecord, KeyRow, Keys, NextPair, Retired, Rotated};

fn keys(seen: Option<Timestamp>) -> Keys {
    let record = |selector: &str, algorithm| DkimRecord {
        selector: selector.to_owned(),
        algorithm,
        text: format!("v=DKIM1; k={algorithm}; p=abc{selector}"),
        next: true,
    };
    let row = KeyRow {
        domain: domain("example.com"),
        signs: Some("r1 and e1".to_owned()),
        since: Some(Timestamp(1_764_000_000)),
        due: Some(Timestamp(1_779_552_000)),
        next: Some(NextPair {
            selectors: "r2 and e2".to_owned(),
            soon: false,
            seen,
            records: vec![record("r2", "rsa"), record("e2", "ed25519")],
        }),
        retired: vec![Retired {
            selectors: "r0 and e0".to_owned(),
            removable: Timestamp(1_765_209_600),
        }],
    };
    Keys {
        rows: vec![row],
        days: 180,
    }
}

#[tokio::test]
async fn the_next_records_are_shown_before_they_are_needed() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    assert!(browser.get("/dns").await.text.contains("href=\"/keys\""));
    desk.lock().keys = keys(None);
    let page = browser.get("/keys").await;
    assert_eq!(page.status, StatusCode::OK);
    for part in [
        "<h2>example.com</h2>",
        "Signs with <b class=\"mono\">r1 and e1</b>",
        "until <time datetime=\"2026-05-23T16:00:00Z\"",
        "Their records are not seen yet:",
        "Next signature key (RSA)",
        "value=\"r2._domainkey\"",
        "value=\"v=DKIM1; k=ed25519; p=abce2\"",
        "Their records may be removed after",
    ] {
        assert!(page.text.contains(part), "{part}: {}", page.text);
    }
    desk.lock().keys = keys(Some(Timestamp(1_770_000_000)));
    let page = browser.get("/keys").await.text;
    assert!(page.contains("Their records are seen since"), "{page}");
}

#[tokio::test]
async fn a_wish_to_rotate_says_what_became_of_it() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    desk.lock().keys = keys(None);
    for (rotated, said, words) in [
        (Rotated::Made, "made", "The next keys are made."),
        (Rotated::Waits, "waits", "are not seen yet. The box looks"),
        (Rotated::Unsure, "unsure", "The name servers do not answer."),
        (Rotated::Done, "done", "The next keys sign now."),
    ] {
        desk.lock().rotated = Some(rotated);
        let seen = browser.post("/keys/rotate", &[("domain", "example.com")]).await;
        assert_eq!(seen.to(), format!("/keys?said={said}"));
        let page = browser.get(&format!("/keys?said={said}")).await.text;
        assert!(page.contains(words), "{page}");
    }
    let seen = browser.post("/keys/rotate", &[("domain", "<other>")]).await;
    assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        seen.text.contains("There are no keys of &#60;other&#62;"),
        "{}",
        seen.text
    );
}

#[tokio::test]
async fn the_life_of_keys_is_a_number_of_days() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let seen = browser.post("/keys/life", &[("days", " 90 ")]).await;
    assert_eq!((seen.to(), desk.lock().keys.days), ("/keys?said=life", 90));
    for (typed, words) in [("long", "Please type a number of days"), ("1", "30 to 3650 days")] {
        let seen = browser.post("/keys/life", &[("days", typed)]).await;
        assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(seen.text.contains(words) && seen.text.contains(&format!("value=\"{typed}\"")));
    }
}
