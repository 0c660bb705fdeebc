//! The page of transport security.

use crate::desk::{Browser, Desk};
use proto::types::Timestamp;
use web_setup::PolicyRow;

#[tokio::test]
async fn policies_are_shown_and_signatures_are_switched_off_and_on() {
    let desk = Desk::finished();
    {
        let mut inner = desk.lock();
        inner.transport.checked = true;
        inner.transport.words = "Signatures are there.";
    }
    let mut browser = Browser::signed_in(&desk).await;
    let page = browser.get("/transport").await.text;
    assert!(page.contains("Signatures are there.") && page.contains("has a policy"));
    assert!(page.contains("Do not check signatures"), "{page}");
    desk.lock().transport.policies = vec![PolicyRow {
        domain: "example.net<b>".to_owned(),
        mode: "enforce",
        hosts: vec!["mx.example.net".to_owned(), "*.example.org".to_owned()],
        until: Timestamp(1_764_000_000),
    }];
    let page = browser.get("/transport").await.text;
    assert!(page.contains("example.net&#60;b&#62;"), "{page}");
    assert!(page.contains("mx.example.net, *.example.org") && page.contains("enforce"));
    let seen = browser.post("/transport", &[("check", "off")]).await;
    assert_eq!(seen.to(), "/transport?said=off");
    let page = browser.get("/transport?said=off").await.text;
    assert!(page.contains("are not looked at") && page.contains("name=\"check\" value=\"on\""));
    let seen = browser.post("/transport", &[("check", "on")]).await;
    assert_eq!(seen.to(), "/transport?said=on");
    assert_eq!(desk.lock().changes, ["no signatures", "signatures"]);
}
