//! The page of the shield.

use crate::desk::{Browser, Desk};
use axum::http::StatusCode;

#[tokio::test]
async fn a_domain_is_bound_to_networks_and_let_go_again() {
    let desk = Desk::finished();
    desk.lock().shield.push(web_setup::ShieldRow {
        domain: "example.com".to_owned(),
        networks: vec!["lan".to_owned()],
        default: true,
    });
    let mut browser = Browser::signed_in(&desk).await;
    let page = browser.get("/shield").await.text;
    assert!(
        page.contains("<small class=\"hint\">the office's own</small>"),
        "{page}"
    );
    assert!(!page.contains("/shield/remove"), "{page}");
    let form = |networks: &'static str| [("domain", "partner.example"), ("networks", networks)];
    let seen = browser.post("/shield/set", &form("lan, 203.0.113.0/24")).await;
    assert_eq!(seen.to(), "/shield?said=set");
    let page = browser.get("/shield?said=set").await.text;
    assert!(
        page.contains("lan, 203.0.113.0/24") && page.contains("/shield/remove"),
        "{page}"
    );
    assert!(page.contains("taken from there only"), "{page}");
    let refused = browser.post("/shield/set", &form("nonsense")).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("write a network") && refused.text.contains("value=\"nonsense\""));
    let seen = browser
        .post("/shield/remove", &[("domain", "partner.example")])
        .await;
    assert_eq!(seen.to(), "/shield?said=removed");
    assert_eq!(desk.lock().shield.len(), 1);
    assert_eq!(desk.lock().changes, ["shield", "unshield"]);
}
