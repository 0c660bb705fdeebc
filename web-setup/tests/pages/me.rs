//! What people who are no admins see and change.

use crate::desk::{Browser, Desk, PERSONS_PASSWORD};
use axum::http::StatusCode;
use proto::types::Timestamp;
use web_setup::AccountState;

#[tokio::test]
async fn a_person_sees_the_own_account_and_its_logins_and_no_way_to_the_office() {
    let desk = Desk::finished();
    let mut bob = Browser::person(&desk).await;
    assert_eq!(bob.get("/").await.to(), "/me");
    assert_eq!(bob.get("/login").await.to(), "/");
    let page = bob.get("/me").await.text;
    for words in [
        "bob@example.com",
        "203.0.113.7",
        "refused: wrong password",
        "/me/devices",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    for words in ["ada@example.com", "/overview", "/accounts", "href=\"/password\""] {
        assert!(!page.contains(words), "{words}: {page}");
    }
    let help = bob.get("/me/mail-programs").await.text;
    assert!(
        help.contains("bob@example.com") && !help.contains("ada@example.com"),
        "{help}"
    );
    assert!(!help.contains("/mail-programs/test"), "{help}");
}

#[tokio::test]
async fn a_person_changes_the_own_password_with_the_old_one() {
    let desk = Desk::finished();
    let mut bob = Browser::person(&desk).await;
    let form = |current, password, again| [("current", current), ("password", password), ("again", again)];
    let new = "tulips in the rain";
    for (current, password, again, words) in [
        ("wrong", new, new, "not your current password"),
        (PERSONS_PASSWORD, new, "other", "same"),
        (
            PERSONS_PASSWORD,
            "bob@example.com",
            "bob@example.com",
            "password-fault",
        ),
    ] {
        let seen = bob.post("/me/password", &form(current, password, again)).await;
        assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(seen.text.contains(words), "{words}: {}", seen.text);
    }
    assert_eq!(desk.lock().changes, [""; 0]);
    let seen = bob.post("/me/password", &form(PERSONS_PASSWORD, new, new)).await;
    assert_eq!(seen.to(), "/me?said=password");
    assert_eq!(desk.lock().passwords.last().unwrap().0, "2");
    assert!(bob.get("/me?said=password").await.text.contains("was changed"));
}

#[tokio::test]
async fn a_person_makes_and_revokes_device_passwords_but_does_not_decide_on_the_main_one() {
    let desk = Desk::finished();
    let mut bob = Browser::person(&desk).await;
    let made = bob.post("/me/devices", &[("name", "phone")]).await.text;
    assert!(
        made.contains("made-for-it") && !made.contains("/accounts/"),
        "{made}"
    );
    assert!(!made.contains("name=\"opens\""), "{made}");
    assert!(!bob.get("/me/devices").await.text.contains("made-for-it"));
    let seen = bob.post("/me/devices/revoke", &[("device", "1")]).await;
    assert_eq!(seen.to(), "/me/devices?said=revoked");
    let seen = bob
        .post("/accounts/2/devices/main", &[("opens", "everywhere")])
        .await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
    assert!(seen.text.contains("not as an admin"), "{}", seen.text);
    assert_eq!(desk.lock().changes, ["add device", "revoke device"]);
}

#[tokio::test]
async fn a_frozen_person_hears_why_and_is_signed_out() {
    let desk = Desk::finished();
    let mut bob = Browser::person(&desk).await;
    desk.lock().accounts[1].state = AccountState::Frozen {
        since: Timestamp(1_764_000_000),
        reason: "the phone was stolen".to_owned(),
    };
    assert_eq!(bob.get("/me").await.to(), "/login");
    let form = [("name", "bob@example.com"), ("password", PERSONS_PASSWORD)];
    let seen = bob.post("/login", &form).await;
    assert!(seen.text.contains("the phone was stolen"), "{}", seen.text);
}

#[tokio::test]
async fn an_admin_with_a_mail_account_has_both() {
    let desk = Desk::finished();
    let mut ada = Browser::new(&desk);
    let form = [("name", "ada@example.com"), ("password", PERSONS_PASSWORD)];
    assert_eq!(ada.post("/login", &form).await.to(), "/overview");
    assert!(ada.get("/me").await.text.contains("href=\"/overview\""));
    // The login called admin has no account.
    let mut admin = Browser::signed_in(&desk).await;
    assert_eq!(admin.get("/me").await.to(), "/password");
}
