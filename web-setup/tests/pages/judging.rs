//! The pages about judging.

use crate::desk::{Browser, Desk};
use axum::http::StatusCode;
use web_setup::{JudgedMail, JudgedRow, Knob, ReasonRow};

#[tokio::test]
async fn knobs_are_set_and_what_is_refused_stays_as_it_was_typed() {
    let desk = Desk::finished();
    desk.lock().knobs.push(Knob {
        name: "junk-at".to_owned(),
        what: "From so many points on mail goes to Junk".to_owned(),
        value: "5.0".to_owned(),
    });
    let mut browser = Browser::signed_in(&desk).await;
    let page = browser.get("/judging").await.text;
    assert!(page.contains("name=\"junk-at\" value=\"5.0\""), "{page}");
    let refused = browser.post("/judging", &[("junk-at", "nonsense")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("value=\"nonsense\"") && refused.text.contains("is no number"));
    let seen = browser.post("/judging", &[("junk-at", "6")]).await;
    assert_eq!(seen.to(), "/judging?said=set");
    let page = browser.get("/judging?said=set").await.text;
    assert!(
        page.contains("value=\"6\"") && page.contains("from now on"),
        "{page}"
    );
    assert_eq!(desk.lock().changes, ["judging"]);
}

#[tokio::test]
async fn every_received_message_has_a_page_that_says_why_it_is_there() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    assert!(browser.get("/received").await.text.contains("None yet."));
    desk.lock().judged.push(JudgedMail {
        row: JudgedRow {
            id: "abcdefghijkm".to_owned(),
            from: "<b>x@evil.example".to_owned(),
            to: "ben@firm.example".to_owned(),
            place: "in Junk".to_owned(),
            points: "6.0".to_owned(),
            ..JudgedRow::default()
        },
        ip: "192.0.2.1".to_owned(),
        helo: "<i>helo".to_owned(),
        because: "Its 6.0 points reach the 5.0 that make mail junk.".to_owned(),
        junk_at: "5.0".to_owned(),
        reasons: vec![ReasonRow {
            points: "3.0".to_owned(),
            words: "evil.example says that this server may not send its mail (SPF).".to_owned(),
        }],
    });
    let page = browser.get("/received").await.text;
    assert!(
        page.contains("href=\"/received/abcdefghijkm\"") && page.contains("in Junk"),
        "{page}"
    );
    let why = browser.get("/received/abcdefghijkm").await.text;
    for wanted in [
        "reach the 5.0",
        "may not send its mail (SPF)",
        "in Junk",
        "192.0.2.1",
    ] {
        assert!(why.contains(wanted), "{wanted}: {why}");
    }
    for page in [page, why] {
        assert!(!page.contains("<b>x") && !page.contains("<i>helo"), "{page}");
    }
    assert_eq!(
        browser.get("/received/nothing").await.status,
        StatusCode::NOT_FOUND
    );
}
