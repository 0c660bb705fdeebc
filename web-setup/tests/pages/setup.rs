//! From the claim code to a mail server.

use crate::desk::{ADMIN_PASSWORD, Browser, CODE, Desk};
use axum::http::{Request, StatusCode, header};

const PASSWORD: &str = "tulips in the rain";

async fn step(browser: &mut Browser, path: &str, form: &[(&str, &str)], next: &str) {
    let seen = browser.post(path, form).await;
    assert_eq!(
        (seen.status, seen.to()),
        (StatusCode::SEE_OTHER, next),
        "{path}: {}",
        seen.text
    );
}

pub async fn walk_to_dns(browser: &mut Browser) {
    let admin = [("password", ADMIN_PASSWORD), ("again", ADMIN_PASSWORD)];
    step(browser, "/setup/admin", &admin, "/setup/office").await;
    step(
        browser,
        "/setup/office",
        &[("domain", "Bücher.example"), ("hostname", "")],
        "/setup/account",
    )
    .await;
    let account = [("local", "Ada"), ("password", PASSWORD), ("again", PASSWORD)];
    step(browser, "/setup/account", &account, "/setup/dns").await;
}

#[tokio::test]
async fn the_wizard_leads_from_the_code_to_a_mail_server() {
    let desk = Desk::default();
    let mut browser = Browser::claimed(&desk).await;
    assert_eq!(browser.get("/").await.to(), "/setup/admin");
    walk_to_dns(&mut browser).await;

    let dns = browser.get("/setup/dns").await.text;
    for part in [
        "10 mail.xn--bcher-kva.example.",
        "v=spf1 mx -all",
        "pb1r._domainkey",
        "pb1e._domainkey",
        "v=DMARC1; p=none; rua=mailto:postmaster@xn--bcher-kva.example",
        "PTR",
    ] {
        assert!(dns.contains(part), "{part}\n{dns}");
    }
    let zone = browser.get("/zone.txt").await;
    assert!(
        zone.text
            .contains("xn--bcher-kva.example.\t3600\tIN\tMX\t10 mail.xn--bcher-kva.example.")
    );
    assert_eq!(
        zone.headers[header::CONTENT_DISPOSITION],
        "attachment; filename=\"xn--bcher-kva.example.zone.txt\""
    );

    step(&mut browser, "/setup/finish", &[], "/mail-programs?said=finished").await;
    let done = browser.get("/mail-programs?said=finished").await;
    assert_eq!(done.status, StatusCode::OK, "whoever finished is signed in");
    for part in [
        "Your box is a mail server",
        "ada@xn--bcher-kva.example",
        "<b>993</b>",
        "<b>465</b>",
    ] {
        assert!(done.text.contains(part), "{part}");
    }
    assert_eq!(
        desk.lock().changes,
        ["admin password", "office", "first account", "finish"]
    );
}

#[tokio::test]
async fn a_box_that_is_set_up_from_afar_goes_on_showing_its_pages_there() {
    for (outside, changed) in [(true, true), (false, false)] {
        let desk = Desk::default();
        let mut browser = Browser::claimed(&desk).await;
        browser.outside = outside;
        walk_to_dns(&mut browser).await;
        step(&mut browser, "/setup/finish", &[], "/mail-programs?said=finished").await;
        assert_eq!(desk.lock().changes.contains(&"pages everywhere"), changed);
    }
}

#[tokio::test]
async fn the_code_and_its_sessions_die_with_the_setup() {
    let desk = Desk::default();
    let mut browser = Browser::claimed(&desk).await;
    let mut second = browser.clone();
    second.post("/claim", &[("code", CODE)]).await;
    walk_to_dns(&mut browser).await;
    assert_eq!(second.get("/setup/dns").await.status, StatusCode::OK);
    step(&mut browser, "/setup/finish", &[], "/mail-programs?said=finished").await;

    assert_eq!(second.get("/overview").await.to(), "/login");
    assert_eq!(
        second.post("/setup/admin", &[]).await.status,
        StatusCode::FORBIDDEN
    );
    let mut late = browser.clone();
    late.cookie = None;
    assert_eq!(
        late.post("/claim", &[("code", CODE)]).await.status,
        StatusCode::FORBIDDEN
    );
    assert_eq!(late.cookie, None);
}

#[tokio::test]
async fn the_wizard_is_resumed_where_it_was_left_and_no_step_is_skipped() {
    let desk = Desk::default();
    let mut browser = Browser::claimed(&desk).await;
    for early in ["/setup/office", "/setup/account", "/setup/dns"] {
        assert_eq!(browser.get(early).await.to(), "/setup/admin", "{early}");
    }
    let early = browser
        .post(
            "/setup/account",
            &[("local", "ada"), ("password", PASSWORD), ("again", PASSWORD)],
        )
        .await;
    assert_eq!(early.to(), "/setup/admin");
    assert_eq!(browser.post("/setup/finish", &[]).await.to(), "/setup/admin");
    step(
        &mut browser,
        "/setup/admin",
        &[("password", PASSWORD), ("again", PASSWORD)],
        "/setup/office",
    )
    .await;

    let mut later = Browser::claimed(&desk).await;
    assert_eq!(later.get("/").await.to(), "/setup/office");
    step(
        &mut later,
        "/setup/office",
        &[("domain", "exampel.com"), ("hostname", "mx")],
        "/setup/account",
    )
    .await;
    let again = later.get("/setup/office").await.text;
    assert!(
        again.contains("value=\"exampel.com\"") && again.contains("value=\"mx.exampel.com\""),
        "{again}"
    );
    step(
        &mut later,
        "/setup/office",
        &[("domain", "example.com")],
        "/setup/account",
    )
    .await;
    assert_eq!(
        desk.lock().progress.office.as_ref().unwrap().hostname.as_str(),
        "mail.example.com"
    );
}

#[tokio::test]
async fn what_is_typed_wrong_is_said_in_words_and_changes_nothing() {
    let desk = Desk::default();
    let mut browser = Browser::claimed(&desk).await;
    let table = [
        (
            vec![("password", "short"), ("again", "short")],
            "at least 10 characters",
        ),
        (
            vec![("password", "password123"), ("again", "password123")],
            "among the first that thieves try",
        ),
        (
            vec![("password", PASSWORD), ("again", "something else")],
            "not the same",
        ),
    ];
    for (form, words) in table {
        let seen = browser.post("/setup/admin", &form).await;
        assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(seen.text.contains(words), "{words}\n{}", seen.text);
        assert!(!seen.text.contains(form[0].1), "passwords are never shown again");
    }
    assert_eq!(desk.lock().changes, [""; 0]);
    step(
        &mut browser,
        "/setup/admin",
        &[("password", PASSWORD), ("again", PASSWORD)],
        "/setup/office",
    )
    .await;
    for (domain, words) in [
        ("nonsense", "not a complete domain name"),
        ("box.local", "only inside the office"),
    ] {
        let seen = browser.post("/setup/office", &[("domain", domain)]).await;
        assert!(
            seen.text.contains(words) && seen.text.contains(&format!("value=\"{domain}\"")),
            "{}",
            seen.text
        );
    }
    step(
        &mut browser,
        "/setup/office",
        &[("domain", "example.com")],
        "/setup/account",
    )
    .await;
    let form = [
        ("local", "postmaster"),
        ("password", PASSWORD),
        ("again", PASSWORD),
    ];
    assert!(
        browser
            .post("/setup/account", &form)
            .await
            .text
            .contains("is kept for the box")
    );
    assert_eq!(desk.lock().changes, ["admin password", "office"]);
}

#[tokio::test]
async fn the_dns_page_waits_for_the_keys_without_javascript() {
    let desk = Desk::default();
    desk.lock().keys_missing = true;
    let mut browser = Browser::claimed(&desk).await;
    walk_to_dns(&mut browser).await;
    let seen = browser.get("/setup/dns").await;
    assert!(
        seen.text.contains("<meta http-equiv=\"refresh\" content=\"2\">"),
        "{}",
        seen.text
    );
    assert_eq!(browser.post("/setup/finish", &[]).await.to(), "/setup/dns");
    assert!(!desk.lock().progress.finished);
}

#[tokio::test]
async fn wrong_codes_are_answered_in_words_and_slowed_down() {
    let desk = Desk::default();
    let mut browser = Browser::new(&desk);
    for _ in 0..5 {
        let seen = browser.post("/claim", &[("code", "WRONG")]).await;
        assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(seen.text.contains("not the code on the panel"));
    }
    let seen = browser.post("/claim", &[("code", CODE)]).await;
    assert_eq!(
        seen.status,
        StatusCode::TOO_MANY_REQUESTS,
        "even with the right one"
    );
    assert!(seen.text.contains("Please try again in"), "{}", seen.text);
    let wait: u64 = seen.head("retry-after").parse().unwrap();
    assert!((1..=61).contains(&wait), "{wait}");
    assert_eq!(browser.cookie, None);
    for n in 0..15_u8 {
        browser.ip = [192, 168, 2, n].into();
        browser.post("/claim", &[("code", "WRONG")]).await;
    }
    browser.ip = [192, 168, 3, 1].into();
    let seen = browser.post("/claim", &[("code", CODE)]).await;
    assert_eq!(seen.status, StatusCode::TOO_MANY_REQUESTS);
    assert!(seen.text.contains("takes none for"), "{}", seen.text);
    let wait: u64 = seen.head("retry-after").parse().unwrap();
    assert!((62..=3601).contains(&wait), "{wait}");
}

#[tokio::test]
async fn the_claim_page_shows_the_fingerprint_as_the_panel_does_and_never_the_code() {
    let desk = Desk::default();
    let mut browser = Browser::new(&desk);
    for ip in ["192.168.1.50", "::ffff:192.168.1.50"] {
        browser.ip = ip.parse().unwrap();
        let seen = browser.get("/").await;
        assert_eq!(seen.status, StatusCode::OK);
        assert!(
            seen.text.contains("0123 4567 89AB CDEF") && seen.text.contains(&"0123456789abcdef".repeat(4))
        );
        assert!(!seen.text.contains("/panel") && !seen.text.contains(CODE));
    }
}

#[tokio::test]
async fn plain_http_explains_the_warning_and_then_only_redirects() {
    async fn ask(desk: &Desk, request: axum::http::request::Builder) -> (StatusCode, String, String) {
        use tower::ServiceExt;
        let request = request
            .header(header::HOST, "pillarbox.local:80")
            .body(axum::body::Body::empty())
            .unwrap();
        let answer = web_setup::plain_router(desk.clone())
            .oneshot(request)
            .await
            .unwrap();
        let to = answer
            .headers()
            .get(header::LOCATION)
            .map_or("", |l| l.to_str().unwrap())
            .to_owned();
        let status = answer.status();
        let body = axum::body::to_bytes(answer.into_body(), 1 << 20).await.unwrap();
        (status, to, String::from_utf8(body.to_vec()).unwrap())
    }
    let desk = Desk::default();
    desk.lock().simulated = true;
    let (status, _, text) = ask(&desk, Request::get("/panel.png")).await;
    assert_eq!(status, StatusCode::OK);
    assert!(text.contains("href=\"https://pillarbox.local/\""), "{text}");
    let (status, ..) = ask(&desk, Request::post("/claim")).await;
    assert_eq!(status, StatusCode::FORBIDDEN);
    let (status, to, _) = ask(&Desk::finished(), Request::get("/accounts?x=1")).await;
    assert_eq!(
        (status, to.as_str()),
        (
            StatusCode::TEMPORARY_REDIRECT,
            "https://pillarbox.local/accounts?x=1"
        )
    );
}
