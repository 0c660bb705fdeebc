//! The pages of links: the office's and an account's.

use crate::desk::{Browser, Desk};
use crate::link_rows::link_row;
use axum::http::StatusCode;
use proto::types::Timestamp;
use web_setup::{AccountState, LinkCheck, LinkState, LinkWish};

const RULES: &[(&str, &str)] = &[
    ("on", "1"),
    ("address", "https://mail.example.com"),
    ("part", "5"),
    ("message", "10"),
    ("days", "30"),
    ("budget", "2000"),
    ("exempt", "image/*"),
];

#[tokio::test]
async fn the_office_says_when_attachments_become_links() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let page = browser.get("/links").await.text;
    assert!(
        page.contains("This is off: attachments stay in the mail"),
        "{page}"
    );
    assert!(
        page.contains("3 files take 1.9 GB of 2.0 GB") && page.contains("almost used up"),
        "{page}"
    );
    assert!(page.contains("href=\"/accounts/2/links\">bob@example.com"));
    assert_eq!(browser.post("/links/rules", RULES).await.to(), "/links?said=set");
    assert_eq!(desk.lock().link_rules.exempt, "image/*");
    let page = browser.get("/links?said=set").await.text;
    assert!(
        !page.contains("This is off") && page.contains("counts for the next message"),
        "{page}"
    );
    let refused = browser.post("/links/rules", &[("part", "nonsense")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("is no number") && refused.text.contains("value=\"nonsense\""));
}

#[tokio::test]
async fn an_accounts_links_are_listed_extended_locked_and_withdrawn() {
    let desk = Desk::finished();
    desk.lock().links = vec![link_row(1, LinkState::Works), link_row(2, LinkState::Gone)];
    let mut browser = Browser::signed_in(&desk).await;
    let page = browser.get("/accounts/2/links").await.text;
    assert!(
        page.contains("&#60;b&#62;.pdf") && page.contains("x@example.net"),
        "{page}"
    );
    assert!(
        page.contains("2 times, last on") && page.contains("file gone"),
        "{page}"
    );
    assert_eq!(
        page.matches("/links/revoke").count(),
        1,
        "what is gone cannot be withdrawn"
    );
    for (path, form, said) in [
        ("extend", &[("link", "1"), ("days", "7")][..], "extend"),
        ("revoke", &[("link", "1")], "revoke"),
        ("password", &[("link", "1"), ("password", "sesame")], "password"),
        ("password", &[("link", "1"), ("password", "")], "open"),
    ] {
        let seen = browser.post(&format!("/accounts/2/links/{path}"), form).await;
        assert_eq!(seen.to(), format!("/accounts/2/links?said={said}"));
    }
    let sesame = proto::types::Secret::new(b"sesame".to_vec());
    let wishes = [
        LinkWish::Extend(7),
        LinkWish::Revoke,
        LinkWish::Password(Some(sesame)),
        LinkWish::Password(None),
    ];
    assert_eq!(desk.lock().link_wishes, wishes);
    let seen = browser
        .post("/accounts/2/links/extend", &[("link", "1"), ("days", "x")])
        .await;
    assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(seen.text.contains("1 to 365 days"));
    let other = browser.post("/accounts/2/links/else", &[("link", "1")]).await;
    assert_eq!(other.status, StatusCode::NOT_FOUND);
    for link in ["9", "x"] {
        let seen = browser.post("/accounts/2/links/revoke", &[("link", link)]).await;
        assert_eq!(seen.status, StatusCode::NOT_FOUND);
    }
    let seen = browser
        .post("/accounts/2/links/switch", &[("linked", "no")])
        .await;
    assert_eq!(seen.to(), "/accounts/2/links?said=set");
    let page = browser.get("/accounts/2/links").await.text;
    assert!(
        page.contains("New attachments stay in the mail: it is a test."),
        "{page}"
    );
    // What does not fit on one page stands on the next.
    assert!(page.contains("href=\"/accounts/2/links?before=1\""), "{page}");
    let older = browser.get("/accounts/2/links?before=1").await.text;
    assert!(
        !older.contains("?before=") && !older.contains("link-1"),
        "{older}"
    );
}

#[tokio::test]
async fn a_person_changes_the_own_links_and_decides_nothing_for_the_office() {
    let desk = Desk::finished();
    let mut bob = Browser::person(&desk).await;
    let page = bob.get("/me/links").await.text;
    assert!(
        page.contains("bob@example.com") && page.contains("/me/links/revoke"),
        "{page}"
    );
    assert!(!page.contains("/accounts/") && !page.contains("switch"), "{page}");
    let seen = bob
        .post("/me/links/extend", &[("link", "1"), ("days", "7")])
        .await;
    assert_eq!(seen.to(), "/me/links?said=extend");
    assert_eq!(desk.lock().link_wishes, [LinkWish::Extend(7)]);
    let seen = bob.post("/accounts/2/links/revoke", &[("link", "1")]).await;
    assert_eq!(seen.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn the_page_says_whether_the_world_gets_here_and_what_that_means() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    browser.post("/links/rules", RULES).await;
    let page = browser.get("/links").await.text;
    assert!(
        page.contains("Nobody has looked yet") && page.contains("port 8443"),
        "{page}"
    );
    assert_eq!(
        browser.post("/links/check", &[]).await.to(),
        "/links?said=checked"
    );
    assert!(desk.lock().changes.contains(&"link check"));
    let held_back = "Attachments stay in the mail for now";
    for (reached, chip, stays) in [
        (Some(true), ">yes<", false),
        (None, ">unknown<", false),
        (Some(false), ">no<", true),
    ] {
        desk.lock().link_check = Some(LinkCheck {
            reached,
            words: "at 203.0.113.7 <somebody> else answers".to_owned(),
            at: Timestamp(1_764_000_000),
        });
        let page = browser.get("/links").await.text;
        assert!(
            page.contains(chip) && page.contains("&#60;somebody&#62; else"),
            "{page}"
        );
        assert_eq!(page.contains(held_back), stays, "{page}");
    }
    browser
        .post("/links/rules", &[RULES, &[("trusted", "1")]].concat())
        .await;
    assert!(!browser.get("/links").await.text.contains(held_back));
}

#[tokio::test]
async fn an_admin_lets_the_links_of_mail_from_the_world_begin_and_end() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let page = browser.get("/accounts/2/links").await.text;
    assert!(page.contains("comes with its attachments"), "{page}");
    for (answer, on) in [("yes", true), ("no", false)] {
        let seen = browser
            .post("/accounts/2/links/switch", &[("incoming", answer)])
            .await;
        assert_eq!(seen.to(), "/accounts/2/links?said=set");
        assert_eq!(desk.lock().links_incoming, on);
        let page = browser.get("/accounts/2/links").await.text;
        assert_eq!(page.contains("is in its Archive"), on, "{page}");
    }
    assert!(!desk.lock().links_off, "the other direction is as it was");
}

#[tokio::test]
async fn the_links_of_a_stopped_account_say_that_they_give_nothing() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let says = "whoever opens one of its links is told so";
    assert!(!browser.get("/accounts/2/links").await.text.contains(says));
    let frozen = AccountState::Frozen {
        since: Timestamp(0),
        reason: "sent <b>too much".to_owned(),
    };
    for (state, why) in [
        (frozen, "This account is frozen: sent &#60;b&#62;too much."),
        (AccountState::Disabled, "This account is switched off."),
    ] {
        desk.lock().accounts[1].state = state;
        let page = browser.get("/accounts/2/links").await.text;
        assert!(page.contains(why) && page.contains(says), "{page}");
    }
}
