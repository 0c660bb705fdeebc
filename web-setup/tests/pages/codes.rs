//! Codes at sign-in.

use crate::desk::{ADMIN_PASSWORD, Browser, CODE_OF_APP, Desk, PERSONS_PASSWORD};
use axum::http::StatusCode;
use proto::types::AccountId;

#[tokio::test]
async fn codes_are_set_up_with_a_code_and_asked_for_from_then_on() {
    let desk = Desk::finished();
    let mut bob = Browser::person(&desk).await;
    assert!(bob.get("/me/codes").await.text.contains("No code is asked for"));
    let page = bob.post("/me/codes/begin", &[]).await.text;
    assert!(
        page.contains("<svg") && page.contains("GEZD GNBV GY3T QOJQ"),
        "{page}"
    );
    let wrong = bob.post("/me/codes/confirm", &[("code", "000000")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        wrong.text.contains("not the code") && wrong.text.contains("<svg"),
        "{}",
        wrong.text
    );
    let mut elsewhere = bob.clone();
    let page = bob.post("/me/codes/confirm", &[("code", CODE_OF_APP)]).await.text;
    assert!(page.contains("abcd-efgh-jkmn"), "{page}");
    assert_eq!(elsewhere.get("/me").await.to(), "/login", "began without a code");
    let page = bob.get("/me/codes").await.text;
    assert!(
        !page.contains("abcd-efgh-jkmn") && page.contains("left: <b>9"),
        "{page}"
    );

    let mut again = Browser::new(&desk);
    let form = [("name", "bob@example.com"), ("password", PERSONS_PASSWORD)];
    assert_eq!(again.post("/login", &form).await.to(), "/login/code");
    assert_eq!(again.get("/me").await.to(), "/login/code");
    let wrong = again.post("/login/code", &[("code", "000000")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(again.get("/me").await.to(), "/login/code");
    let half = again.clone();
    assert_eq!(
        again.post("/login/code", &[("code", CODE_OF_APP)]).await.to(),
        "/me"
    );
    assert_eq!(again.get("/me").await.status, StatusCode::OK);
    assert_eq!(
        half.clone().get("/me").await.to(),
        "/login",
        "its half session is over"
    );

    let wrong = again.post("/me/codes/off", &[("code", "000000")]).await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
    let off = again.post("/me/codes/off", &[("code", CODE_OF_APP)]).await;
    assert_eq!(off.to(), "/me/codes?said=off");
    assert_eq!(again.get("/me/codes").await.status, StatusCode::OK);
    assert_eq!(bob.get("/me").await.to(), "/login", "signed out with the codes");
    assert_eq!(desk.lock().changes, ["codes on", "codes off"]);
}

#[tokio::test]
async fn who_typed_too_many_wrong_codes_is_told_when_to_come_again() {
    let desk = Desk::finished();
    desk.lock().codes.push(Some(AccountId(2)));
    let mut bob = Browser::new(&desk);
    let form = [("name", "bob@example.com"), ("password", PERSONS_PASSWORD)];
    assert_eq!(bob.post("/login", &form).await.to(), "/login/code");
    for _ in 0..10 {
        let wrong = bob.post("/login/code", &[("code", "000000")]).await;
        assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert_eq!(wrong.head("retry-after"), "");
    }
    let seen = bob.post("/login/code", &[("code", "000000")]).await;
    assert_eq!(seen.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(seen.head("retry-after"), "3600");
}

#[tokio::test]
async fn an_admin_switches_the_codes_of_somebody_else_off() {
    let desk = Desk::finished();
    let mut admin = Browser::signed_in(&desk).await;
    assert!(!admin.get("/accounts/2").await.text.contains("codes/reset"));
    desk.lock().codes.push(Some(AccountId(2)));
    assert!(admin.get("/accounts/2").await.text.contains("codes/reset"));
    let seen = admin.post("/accounts/2/codes/reset", &[]).await;
    assert_eq!(seen.to(), "/accounts/2?said=codes");
    assert!(desk.lock().codes.is_empty());
}

#[tokio::test]
async fn a_box_without_a_clock_says_that_recovery_codes_work() {
    let desk = Desk::finished();
    desk.lock().codes.push(None);
    let mut admin = Browser::new(&desk);
    let form = [("name", "admin"), ("password", ADMIN_PASSWORD)];
    admin.post("/login", &form).await;
    assert!(
        !admin
            .get("/login/code")
            .await
            .text
            .contains("does not know the time")
    );
    desk.lock().simulated = true;
    let page = admin.get("/login/code").await.text;
    assert!(
        page.contains("does not know the time") && page.contains("recovery codes works"),
        "{page}"
    );
}
