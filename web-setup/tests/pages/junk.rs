//! The page of junk mail.

use crate::desk::{Browser, Desk};
use axum::http::StatusCode;
use proto::types::Timestamp;
use web_setup::GreyRow;

#[tokio::test]
async fn senders_are_put_on_a_list_and_taken_off_again() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let form = |who: &'static str, list: &'static str| {
        [
            ("who", who),
            ("list", list),
            ("days", "30"),
            ("note", "<b>why</b>"),
        ]
    };
    let seen = browser
        .post("/junk/senders", &form("shop.example", "allow"))
        .await;
    assert_eq!(seen.to(), "/junk?said=listed");
    let page = browser.get("/junk?said=listed").await.text;
    assert!(
        page.contains("shop.example") && page.contains("always</span>"),
        "{page}"
    );
    assert!(!page.contains("<b>why"), "{page}");
    let refused = browser.post("/junk/senders", &form("nonsense", "block")).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("value=\"nonsense\"") && refused.text.contains("Name an address"));
    let seen = browser
        .post("/junk/senders/remove", &[("who", "shop.example")])
        .await;
    assert_eq!(seen.to(), "/junk?said=removed");
    assert!(desk.lock().junk.senders.is_empty());
    assert_eq!(desk.lock().changes, ["put_sender", "remove_sender"]);
}

#[tokio::test]
async fn what_was_learnt_is_shown_set_and_forgotten() {
    let desk = Desk::finished();
    {
        let junk = &mut desk.lock().junk;
        (junk.spam, junk.ham, junk.minimum) = (25, 7, 20);
        junk.set.bayes = true;
        junk.set.minimum = "20".to_owned();
        junk.set.greylisting = "suspicious".to_owned();
        junk.waiting = 1;
        junk.rows.push(GreyRow {
            who: "198.51.100.0/24 <x>@stranger.example example.com".to_owned(),
            since: Timestamp(1_000_000),
        });
    }
    let mut browser = Browser::signed_in(&desk).await;
    let page = browser.get("/junk").await.text;
    assert!(page.contains("25 messages as spam, 7 as wanted"), "{page}");
    assert!(page.contains("once there are 20 of each"), "{page}");
    assert!(page.contains("value=\"suspicious\" selected"), "{page}");
    assert!(
        page.contains("198.51.100.0/24") && !page.contains("<x>"),
        "{page}"
    );
    let rules = |minutes| {
        [
            ("bayes", "1"),
            ("minimum", "5"),
            ("greylisting", "strangers"),
            ("minutes", minutes),
        ]
    };
    let seen = browser.post("/junk/rules", &rules("10")).await;
    assert_eq!(seen.to(), "/junk?said=set");
    assert_eq!(desk.lock().junk.set.greylisting, "strangers");
    let refused = browser.post("/junk/rules", &rules("999")).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("Let nobody wait") && refused.text.contains("value=\"999\""));
    let seen = browser.post("/junk/forget", &[]).await;
    assert_eq!(seen.to(), "/junk?said=forgotten");
    assert_eq!(desk.lock().changes, ["filtering", "forget"]);
}
