//! The page of the clock.

use crate::desk::{Browser, Desk};
use proto::types::Timestamp;

#[tokio::test]
async fn a_box_that_nobody_tells_the_time_is_told_by_hand() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let page = browser.get("/clock").await.text;
    assert!(page.contains("may be wrong"), "{page}");
    for (typed, words) in [
        ("soon", "in UTC, such as"),
        ("2025-11-24 15:00", "It cannot be the time."),
    ] {
        let seen = browser.post("/clock", &[("time", typed)]).await;
        assert_eq!(seen.status, 422);
        assert!(
            seen.text.contains(words) && seen.text.contains(typed),
            "{}",
            seen.text
        );
    }
    let seen = browser
        .post("/clock", &[("time", "2026-11-24 19:05"), ("sure", "yes")])
        .await;
    assert_eq!(seen.to(), "/clock?said=set");
    let page = browser.get("/clock?said=set").await.text;
    assert!(
        page.contains("24 Nov 2026, 19:05:00 UTC") && !page.contains("may be wrong"),
        "{page}"
    );
    assert_eq!(desk.lock().clock, Some(Timestamp(1_795_547_100)));
    desk.lock().simulated = true;
    let page = browser.get("/clock").await.text;
    assert!(
        page.contains("the clock is set there") && !page.contains("<form class=\"card\""),
        "{page}"
    );
}

#[tokio::test]
async fn a_time_years_from_what_the_box_thinks_is_asked_about_once_more() {
    let desk = Desk::finished();
    let right = Timestamp(1_795_547_100);
    desk.lock().clock = Some(right);
    let mut browser = Browser::signed_in(&desk).await;
    let typed = ("time", "2035-11-24 19:05");
    let seen = browser.post("/clock", &[typed]).await;
    assert_eq!(seen.status, 422);
    for part in [
        "24 Nov 2035, 19:05:00 UTC is 9 years after what the box thinks",
        "name=\"sure\"",
        "Yes, it is",
    ] {
        assert!(seen.text.contains(part), "{part}: {}", seen.text);
    }
    assert_eq!(desk.lock().clock, Some(right), "it was only asked about");
    let seen = browser.post("/clock", &[typed, ("sure", "yes")]).await;
    assert_eq!(seen.to(), "/clock?said=set");
    assert_ne!(desk.lock().clock, Some(right));
    // Back within the week: nobody asks.
    desk.lock().clock = Some(right);
    let seen = browser.post("/clock", &[("time", "2026-11-25 07:00")]).await;
    assert_eq!(seen.to(), "/clock?said=set");
}
