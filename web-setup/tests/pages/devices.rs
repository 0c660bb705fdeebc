//! Device passwords: shown once, listed with their last use, revoked.

use crate::desk::{Browser, Desk};
use axum::http::StatusCode;

#[tokio::test]
async fn a_device_password_is_shown_once_listed_and_revoked() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let page = browser.get("/accounts/1").await.text;
    assert!(page.contains("/accounts/1/devices"), "{page}");
    let page = browser.get("/accounts/1/devices").await.text;
    assert!(page.contains("stops working in mail programs"), "{page}");
    let refused = browser.post("/accounts/1/devices", &[("name", "")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    let made = browser
        .post("/accounts/1/devices", &[("name", "<b>phone")])
        .await
        .text;
    assert!(
        made.contains("made-for-it") && !made.contains("<b>phone"),
        "{made}"
    );
    let again = browser.get("/accounts/1/devices").await.text;
    assert!(
        !again.contains("made-for-it") && again.contains("192.0.2.0/24"),
        "{again}"
    );
    assert!(again.contains("opens the web pages only"), "{again}");
    let seen = browser
        .post("/accounts/1/devices/revoke", &[("device", "1")])
        .await;
    assert_eq!(seen.to(), "/accounts/1/devices?said=revoked");
    let seen = browser
        .post("/accounts/1/devices/main", &[("opens", "everywhere")])
        .await;
    assert_eq!(seen.to(), "/accounts/1/devices?said=everywhere");
    let decided = browser.get("/accounts/1/devices").await.text;
    assert!(decided.contains("value=\"office\""), "{decided}");
    let seen = browser
        .post("/accounts/1/devices/main", &[("opens", "office")])
        .await;
    assert_eq!(seen.to(), "/accounts/1/devices?said=office");
    let page = browser.get("/accounts/1/devices?said=office").await.text;
    assert!(
        page.contains("as in the whole office") && !page.contains("value=\"office\""),
        "{page}"
    );
    for (path, form) in [
        ("/accounts/1/devices/revoke", ("device", "x")),
        ("/accounts/1/devices/main", ("opens", "nothing")),
        ("/accounts/99/devices", ("name", "phone")),
    ] {
        let refused = browser.post(path, &[form]).await;
        assert!(refused.status.is_client_error(), "{path}");
    }
    assert_eq!(
        desk.lock().changes,
        ["add device", "revoke device", "web only", "web only"]
    );
}

#[tokio::test]
async fn an_admin_decides_for_the_whole_office() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    for (opens, words) in [
        ("web", "mail programs need device passwords"),
        ("everywhere", "They open mail programs too"),
    ] {
        let seen = browser.post("/main-passwords", &[("opens", opens)]).await;
        assert_eq!(seen.to(), "/accounts");
        assert!(browser.get("/accounts").await.text.contains(words), "{opens}");
    }
    let refused = browser.post("/main-passwords", &[("opens", "nothing")]).await;
    assert!(refused.status.is_client_error());
}
