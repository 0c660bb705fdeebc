//! What the admin sees and does after the setup.

use crate::desk::{ADMIN_PASSWORD, BLOCKED, Browser, Desk, failed};
use axum::http::StatusCode;
use web_setup::AccountState;

const NEW: &str = "tulips in the rain";

#[tokio::test]
async fn names_that_strangers_typed_are_shown_as_text() {
    let desk = Desk::finished();
    {
        let mut inner = desk.lock();
        inner.failed.push(failed("<script>alert(1)</script>", 3));
        inner.failed.push(failed("\"><img src=x onerror=alert(1)>", 1));
        inner.accounts[0].state = AccountState::Frozen {
            since: proto::types::Timestamp(0),
            reason: "<b>because</b>".to_owned(),
        };
    }
    let mut browser = Browser::signed_in(&desk).await;
    let page = browser.get("/failed-logins").await.text;
    assert!(
        !page.contains("<script>alert") && !page.contains("<img src=x"),
        "{page}"
    );
    assert!(
        page.contains("&#60;script&#62;alert(1)&#60;/script&#62;"),
        "{page}"
    );
    for path in ["/accounts", "/accounts/1"] {
        let page = browser.get(path).await.text;
        assert!(
            !page.contains("<b>because") && page.contains("&#60;b&#62;because"),
            "{path}: {page}"
        );
    }
    let page = browser
        .post(
            "/accounts",
            &[("local", "\"><script>"), ("password", ""), ("again", "")],
        )
        .await
        .text;
    assert!(!page.contains("\"><script>"), "{page}");
    browser.cookie = None;
    let page = browser
        .post("/login", &[("name", "\"><script>"), ("password", "x")])
        .await
        .text;
    assert!(!page.contains("\"><script>"), "{page}");
}

#[tokio::test]
async fn an_account_is_frozen_with_a_reason_and_given_back() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let seen = browser.post("/accounts/2/freeze", &[("reason", "  ")]).await;
    assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(seen.text.contains("Please say why"));
    let seen = browser
        .post("/accounts/2/freeze", &[("reason", "laptop stolen")])
        .await;
    assert_eq!(seen.to(), "/accounts/2?said=frozen");
    let page = browser.get(seen.to()).await.text;
    assert!(
        page.contains("laptop stolen") && page.contains("action=\"/accounts/2/unfreeze\""),
        "{page}"
    );
    assert!(browser.get("/accounts").await.text.contains("laptop stolen"));
    let seen = browser.post("/accounts/2/unfreeze", &[]).await;
    assert_eq!(seen.to(), "/accounts/2?said=unfrozen");
    assert_eq!(desk.lock().changes, ["freeze", "unfreeze"]);
    browser.post("/accounts/2/unfreeze", &[]).await;
    assert_eq!(desk.lock().changes, ["freeze", "unfreeze"], "twice does nothing");
}

#[tokio::test]
async fn accounts_are_made_once_and_get_new_passwords() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let form = [
        ("local", "Carol"),
        ("password", NEW),
        ("again", NEW),
        ("admin", "yes"),
    ];
    let seen = browser.post("/accounts", &form).await;
    assert_eq!(seen.to(), "/accounts/3?said=created");
    assert!(browser.get(seen.to()).await.text.contains("carol@example.com"));
    assert!(desk.lock().accounts[2].admin);
    let seen = browser.post("/accounts", &form).await;
    assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(seen.text.contains("There is such an account already."));
    let seen = browser
        .post(
            "/accounts/3/password",
            &[("password", "carol@example.com"), ("again", "carol@example.com")],
        )
        .await;
    assert!(seen.text.contains("among the first"), "{}", seen.text);
    let seen = browser
        .post("/accounts/3/password", &[("password", NEW), ("again", NEW)])
        .await;
    assert_eq!(seen.to(), "/accounts/3?said=password");
    assert_eq!(desk.lock().changes, ["create account", "account password"]);
}

#[tokio::test]
async fn a_wrong_login_is_recorded_and_says_nothing_more() {
    let desk = Desk::finished();
    let mut browser = Browser::new(&desk);
    for (name, password) in [("admin", "wrong"), ("nobody", ADMIN_PASSWORD)] {
        let seen = browser
            .post("/login", &[("name", name), ("password", password)])
            .await;
        assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            seen.text.contains("do not match") && !seen.text.contains(password),
            "{}",
            seen.text
        );
        assert_eq!(browser.cookie, None);
    }
    assert_eq!(desk.lock().failed.len(), 2);
    for _ in 0..8 {
        browser
            .post("/login", &[("name", "admin"), ("password", "wrong")])
            .await;
    }
    let seen = browser
        .post("/login", &[("name", "admin"), ("password", "wrong")])
        .await;
    assert_eq!(seen.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(seen.head("retry-after"), "600");
    let blocked = [("name", BLOCKED), ("password", "any")];
    let seen = browser.post("/login", &blocked).await;
    assert_eq!(seen.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(seen.head("retry-after"), "Mon, 24 Nov 2025 16:15:00 GMT");
}

#[tokio::test]
async fn signing_out_ends_the_session_on_the_box_too() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let mut copy = browser.clone();
    assert_eq!(browser.post("/logout", &[]).await.to(), "/login");
    assert_eq!(browser.cookie, None);
    assert_eq!(copy.get("/overview").await.to(), "/login");
}

#[tokio::test]
async fn a_new_admin_password_needs_the_old_one_and_signs_the_others_out() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let mut other = browser.clone();
    other
        .post("/login", &[("name", "admin"), ("password", ADMIN_PASSWORD)])
        .await;
    let form = |current| [("current", current), ("password", NEW), ("again", NEW)];
    let seen = browser.post("/password", &form("wrong")).await;
    assert!(seen.text.contains("not the current password"), "{}", seen.text);
    assert_eq!(desk.lock().changes, [""; 0]);
    assert_eq!(
        browser.post("/password", &form(ADMIN_PASSWORD)).await.to(),
        "/password?said=changed"
    );
    assert_eq!(browser.get("/overview").await.status, StatusCode::OK);
    assert_eq!(other.get("/overview").await.to(), "/login");
}

#[tokio::test]
async fn failed_logins_are_shown_in_pages() {
    let desk = Desk::finished();
    for n in 0..120 {
        desk.lock().failed.push(failed(&format!("guess-{n}-"), 1));
    }
    let mut browser = Browser::signed_in(&desk).await;
    let first = browser.get("/failed-logins").await.text;
    assert!(first.contains("guess-0-") && first.contains("guess-49-") && !first.contains("guess-50-"));
    assert!(first.contains("href=\"/failed-logins?before=50\"") && !first.contains(">Newest<"));
    let last = browser.get("/failed-logins?before=100").await.text;
    assert!(last.contains("guess-119-") && !last.contains(">Older<") && last.contains(">Newest<"));
    assert_eq!(
        browser.get("/failed-logins?before=nonsense").await.status,
        StatusCode::OK
    );
}

#[tokio::test]
async fn the_overview_shows_the_numbers_and_refreshes_without_javascript() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let page = browser.get("/overview").await.text;
    for part in [
        "<dd>42</dd>",
        "<dd>17</dd>",
        "<dd>3</dd>",
        "12 today",
        "203.0.113.7",
        "alt=\"The panel shows: 42 received\"",
    ] {
        assert!(page.contains(part), "{part}\n{page}");
    }
    assert!(page.contains("<noscript><meta http-equiv=\"refresh\" content=\"10\"></noscript>"));
    let live = browser.get("/overview/live").await.text;
    assert!(live.contains("<dd>42</dd>") && !live.contains("<html"));
}

#[tokio::test]
async fn no_page_loads_anything_from_elsewhere_or_carries_script_in_itself() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    for route in web_setup::ROUTES.iter().filter(|r| r.method == "GET") {
        let page = browser.get(&route.path.replace("{id}", "1")).await.text;
        for bad in [
            "src=\"http",
            "href=\"http",
            "src=\"//",
            "href=\"//",
            "@import",
            "url(",
            " onclick=",
            " style=",
            "javascript:",
        ] {
            assert!(!page.contains(bad), "{}: {bad}", route.path);
        }
    }
}

#[tokio::test]
async fn a_session_ends_when_its_admin_is_no_longer_welcome() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    assert_eq!(browser.get("/overview").await.status, StatusCode::OK);
    desk.lock().admin_stamp += 1;
    assert_eq!(browser.get("/overview").await.to(), "/login");
    assert_eq!(
        browser
            .post("/accounts/1/freeze", &[("reason", "x")])
            .await
            .status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(desk.lock().changes, [""; 0]);
}

#[tokio::test]
async fn a_test_message_goes_to_an_account_of_the_box() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    assert!(
        browser
            .get("/mail-programs")
            .await
            .text
            .contains("<option value=\"2\">bob@example.com</option>")
    );
    let seen = browser.post("/mail-programs/test", &[("account", "2")]).await;
    assert_eq!(seen.to(), "/mail-programs?said=tested#test");
    assert!(
        browser
            .get("/mail-programs?said=tested")
            .await
            .text
            .contains("is in the inbox")
    );
    assert_eq!(
        browser
            .post("/mail-programs/test", &[("account", "99")])
            .await
            .status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(desk.lock().changes, ["test message"]);
}

#[tokio::test]
async fn the_board_is_switched_off_and_restarted_from_the_page() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let page = browser.get("/power").await.text;
    assert!(
        page.contains("action=\"/power-off\"") && page.contains("action=\"/restart\""),
        "{page}"
    );
    assert_eq!(browser.post("/power-off", &[]).await.to(), "/goodbye");
    assert_eq!(browser.post("/restart", &[]).await.to(), "/goodbye?restart=yes");
    assert!(
        browser
            .get("/goodbye?restart=yes")
            .await
            .text
            .contains("content=\"75;url=/\"")
    );
    assert_eq!(desk.lock().changes, ["off", "restart"]);
    desk.lock().simulated = true;
    assert!(
        !browser.get("/power").await.text.contains("action=\"/power-off\""),
        "a laptop is not ours to switch off"
    );
}

#[tokio::test]
async fn held_mail_is_shown_with_what_left_and_goes_or_is_dropped_on_a_button() {
    let desk = Desk::finished();
    desk.lock().held = 35;
    let mut browser = Browser::signed_in(&desk).await;
    let page = browser.get("/accounts/2").await.text;
    for words in [
        "<b>35</b> recipients",
        "victim@example.net",
        "&#60;mx.example.net&#62;",
        "7 <small>of 15",
        "/accounts/2/release",
        "/accounts/2/discard",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    for (way, said) in [
        ("release", "on its way"),
        ("discard", "gone"),
        ("acknowledge", "panel"),
    ] {
        let seen = browser.post(&format!("/accounts/2/{way}"), &[]).await;
        assert_eq!(seen.status, StatusCode::SEE_OTHER, "{way}");
        let page = browser.get(seen.to()).await.text;
        assert!(
            page.contains(said) && !page.contains("id=\"held\""),
            "{way}: {page}"
        );
        assert_eq!(desk.lock().changes.last(), Some(&way));
    }
    assert_eq!(
        browser.post("/accounts/9/release", &[]).await.status,
        StatusCode::NOT_FOUND
    );
}

#[tokio::test]
async fn limits_are_kept_all_together_or_refused_in_words() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    for path in ["/limits", "/accounts/2/limits"] {
        let form = browser.get(path).await.text;
        assert!(
            form.contains("name=\"new_messages\"") && form.contains("placeholder=\"15\""),
            "{form}"
        );
        let seen = browser
            .post(path, &[("new_messages", "20"), ("action", ""), ("exempt", "no")])
            .await;
        assert_eq!(
            (seen.status, seen.to()),
            (StatusCode::SEE_OTHER, format!("{path}?said=set").as_str())
        );
        let refused = browser.post(path, &[("new_messages", "0")]).await;
        assert!(refused.text.contains("from 1"), "{}", refused.text);
    }
    let set = desk.lock().limits.clone();
    assert_eq!(set.len(), 2);
    assert_eq!(set[0][1], ("action".to_owned(), "default".to_owned()));
}

#[tokio::test]
async fn an_admins_notices_go_outside_too_or_the_page_says_why_not() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let accounts = desk.lock().accounts.clone();
    let admin = accounts.iter().find(|account| account.admin).unwrap();
    let path = format!("/accounts/{}", admin.id);
    let form = format!("{path}/notices");
    let seen = browser.post(&form, &[("outside", " ann@home.example ")]).await;
    assert_eq!(seen.to(), format!("{path}?said=notices"));
    assert!(
        browser
            .get(&path)
            .await
            .text
            .contains("value=\"ann@home.example\"")
    );
    for (typed, words) in [
        ("nonsense", "name@example.com"),
        ("x@firm.example", "inside the box"),
    ] {
        let refused = browser.post(&form, &[("outside", typed)]).await.text;
        assert!(
            refused.contains(words) && refused.contains(&format!("value=\"{typed}\"")),
            "{refused}"
        );
    }
    browser.post(&form, &[("outside", "")]).await;
    assert_eq!(desk.lock().outside, None);
    let others = accounts.iter().find(|account| !account.admin).unwrap();
    assert!(
        !browser
            .get(&format!("/accounts/{}", others.id))
            .await
            .text
            .contains("id=\"notices\"")
    );
}

#[tokio::test]
async fn failed_logins_are_filtered_and_saved_as_a_table() {
    let desk = Desk::finished();
    desk.lock().failed = vec![failed("=cmd|' /C calc'!A0", 3), failed("ann", 1)];
    let mut browser = Browser::signed_in(&desk).await;
    let page = browser
        .get("/failed-logins?name=ann&door=imap&day=2026-01-31")
        .await
        .text;
    assert!(page.contains(">ann<") && !page.contains("calc"));
    assert!(
        page.contains("/failed-logins.csv?door=imap&#38;name=ann&#38;day=2026-01-31&#38;"),
        "{page}"
    );
    let refused = browser.get("/failed-logins?from=nonsense").await;
    assert_eq!(refused.status, StatusCode::CONFLICT);
    let table = browser.get("/failed-logins.csv").await.text;
    let lines: Vec<&str> = table.split("\r\n").collect();
    assert_eq!(lines.len(), 4);
    assert!(
        lines[1].contains(",\"'=cmd|' /C calc'!A0\",false,plain,true,"),
        "{}",
        lines[1]
    );
    assert!(lines[2].ends_with(",1"));
}

#[tokio::test]
async fn the_admin_sees_who_is_blocked_and_lets_them_in_again() {
    let desk = Desk::finished();
    desk.lock().screening.blocked.push(web_setup::BlockedRow {
        who: "203.0.113.7".to_owned(),
        why: "10 different <wrong> passwords".to_owned(),
        since: proto::types::Timestamp(1_764_000_000),
        until: proto::types::Timestamp(1_764_000_900),
    });
    let mut browser = Browser::signed_in(&desk).await;
    let page = browser.get("/blocked").await.text;
    assert!(page.contains("203.0.113.7") && page.contains("24 Nov 2025, 16:15:00 UTC"));
    assert!(!page.contains("<wrong>"));
    let released = browser.post("/blocked/release", &[("who", "203.0.113.7")]).await;
    assert_eq!(released.to(), "/blocked?said=released");
    let page = browser.get("/blocked?said=released").await.text;
    assert!(page.contains("Nobody is shut out for guessing") && page.contains("Let in again."));
    let entry = |network| {
        [
            ("list", "block"),
            ("network", network),
            ("hours", "24"),
            ("note", "x"),
        ]
    };
    assert_eq!(
        browser.post("/blocked/put", &entry("192.0.2.0/24")).await.to(),
        "/blocked?said=listed"
    );
    let refused = browser.post("/blocked/put", &entry("nonsense")).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("That is no network.") && refused.text.contains("value=\"nonsense\""));
    assert_eq!(
        browser.post("/blocked/remove", &entry("192.0.2.0/24")).await.to(),
        "/blocked?said=removed"
    );
    assert_eq!(
        browser.post("/blocked/rules", &[("errors", "50")]).await.to(),
        "/blocked?said=rules"
    );
    let refused = browser.post("/blocked/rules", &[("errors", "0")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(desk.lock().changes, ["release", "list", "unlist", "rules"]);
}

#[tokio::test]
async fn how_the_admins_hear_of_failed_logins_is_chosen_on_the_page() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let page = browser.get("/failed-logins").await.text;
    assert!(page.contains("<option value=\"threshold\" selected>"), "{page}");
    let set = browser.post("/failed-logins/mail", &[("mode", "each"), ("threshold", "10")]);
    assert_eq!(set.await.to(), "/failed-logins?said=mail");
    let refused = browser.post("/failed-logins/mail", &[("mode", "each"), ("threshold", "x")]);
    assert!(refused.await.text.contains("too small"));
    assert_eq!(desk.lock().changes, ["login mail"]);
}

#[tokio::test]
async fn who_is_blocked_reads_why_and_until_when() {
    let response = web_setup::blocked("guessing", Some(proto::types::Timestamp(1_764_000_900)));
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    let later = response.headers().get("retry-after").unwrap();
    assert_eq!(later, "Mon, 24 Nov 2025 16:15:00 GMT");
    let text = axum::body::to_bytes(response.into_body(), 100_000).await.unwrap();
    let text = String::from_utf8(text.to_vec()).unwrap();
    assert!(
        text.contains("blocked until 24 Nov 2025, 16:15:00 UTC. The reason: guessing."),
        "{text}"
    );
}
