//! What a stranger with a link sees.

use crate::desk::{Browser, Desk, Seen};
use crate::link_rows::{SHARED, link_row, shared_file};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use web_setup::{Access, LinkState, Piece, ROUTES, Shared};

fn desk() -> Desk {
    let desk = Desk::finished();
    {
        let mut inner = desk.lock();
        inner
            .shared
            .insert("good".to_owned(), Shared::File(shared_file()));
        inner.shared.insert("locked".to_owned(), Shared::Locked);
        let stopped = Shared::Stopped("sent too much".to_owned());
        inner.shared.insert("stopped".to_owned(), stopped);
        inner.shared.insert("away".to_owned(), Shared::Away);
        inner.shared.insert("damaged".to_owned(), Shared::Damaged);
    }
    desk
}

async fn fetch(browser: &mut Browser, headers: &[(header::HeaderName, &str)]) -> Seen {
    let mut request = Request::get("/l/good/file");
    for (name, value) in headers {
        request = request.header(name, *value);
    }
    browser.send(request, Body::empty()).await
}

#[tokio::test]
async fn the_page_tells_what_the_file_is_and_has_no_script() {
    let desk = desk();
    let mut browser = Browser::new(&desk);
    let seen = browser.get("/l/good").await;
    assert_eq!(seen.status, StatusCode::OK);
    for words in [
        "Pl\u{e4}ne &#60;1&#62;.pdf",
        "<b>example.com</b> sent you this file",
        "<dd>10 bytes</dd>",
        "<dd>24 December 2026</dd>",
        &"ab".repeat(32),
        "href=\"/l/good/file\"",
    ] {
        assert!(seen.text.contains(words), "{words}: {}", seen.text);
    }
    assert!(!seen.text.contains("<script"));
    assert_eq!(seen.head("x-robots-tag"), "noindex");
    assert_eq!(seen.head("referrer-policy"), "same-origin");
    assert!(
        seen.head("content-security-policy")
            .starts_with("default-src 'none';")
    );
    assert!(desk.lock().pieces.is_empty(), "looking is not downloading");
}

#[tokio::test]
async fn the_file_is_an_attachment_that_may_do_nothing_in_a_browser() {
    let seen = fetch(&mut Browser::new(&desk()), &[]).await;
    assert_eq!((seen.status, seen.text.as_bytes()), (StatusCode::OK, SHARED));
    for (name, value) in [
        ("content-type", "application/pdf"),
        ("content-length", "10"),
        (
            "content-disposition",
            "attachment; filename=\"Pl_ne <1>.pdf\"; filename*=UTF-8''Pl%C3%A4ne%20%3C1%3E.pdf",
        ),
        ("accept-ranges", "bytes"),
        ("x-content-type-options", "nosniff"),
        ("x-robots-tag", "noindex"),
        ("cache-control", "private, no-cache"),
    ] {
        assert_eq!(seen.head(name), value);
    }
    assert!(seen.head("content-security-policy").starts_with("sandbox;"));
}

#[tokio::test]
async fn a_download_is_resumed_where_it_stopped_unless_the_file_is_another() {
    let desk = desk();
    let mut browser = Browser::new(&desk);
    let tag = fetch(&mut browser, &[]).await.head("etag").to_owned();
    let part = fetch(
        &mut browser,
        &[(header::RANGE, "bytes=4-"), (header::IF_RANGE, &tag)],
    )
    .await;
    assert_eq!(part.status, StatusCode::PARTIAL_CONTENT);
    assert_eq!(
        (part.text.as_str(), part.head("content-range")),
        ("456789", "bytes 4-9/10")
    );
    assert_eq!(part.head("content-length"), "6");
    let other = fetch(
        &mut browser,
        &[(header::RANGE, "bytes=4-"), (header::IF_RANGE, "\"x\"")],
    )
    .await;
    assert_eq!((other.status, other.text.as_bytes()), (StatusCode::OK, SHARED));
    let beyond = fetch(&mut browser, &[(header::RANGE, "bytes=10-")]).await;
    assert_eq!(beyond.status, StatusCode::RANGE_NOT_SATISFIABLE);
    assert_eq!(beyond.head("content-range"), "bytes */10");
    let piece = |start, length| Piece { start, length };
    let pieces = [piece(0, 10), piece(4, 6), piece(0, 10)];
    assert_eq!(desk.lock().pieces, pieces);
    let seen = browser.send(Request::head("/l/good/file"), Body::empty()).await;
    assert_eq!((seen.status, seen.head("content-length")), (StatusCode::OK, "10"));
    assert_eq!(
        desk.lock().pieces.len(),
        3,
        "asking for the size is not downloading"
    );
}

#[tokio::test]
async fn conditions_are_judged_before_ranges() {
    let desk = desk();
    let mut browser = Browser::new(&desk);
    let tag = fetch(&mut browser, &[]).await.head("etag").to_owned();
    let weak = format!("W/{tag}");
    let list = format!("\"x\", {tag}");
    let (none, if_match) = (header::IF_NONE_MATCH, header::IF_MATCH);
    for (condition, value, status) in [
        (&none, tag.as_str(), 304),
        (&none, &weak, 304),
        (&none, &list, 304),
        (&none, "*", 304),
        (&none, "\"x\"", 206),
        (&if_match, &tag, 206),
        (&if_match, &list, 206),
        (&if_match, "*", 206),
        (&if_match, &weak, 412),
        (&if_match, "\"x\"", 412),
    ] {
        let asked = [(condition.clone(), value), (header::RANGE, "bytes=4-")];
        let seen = fetch(&mut browser, &asked).await;
        assert_eq!(seen.status, status, "{condition}: {value}");
        if status == 304 {
            assert_eq!((seen.text.as_str(), seen.head("etag")), ("", tag.as_str()));
        }
    }
    assert_eq!(desk.lock().pieces.len(), 5, "what was not sent is no download");
}

#[tokio::test]
async fn several_ranges_at_once_and_ranges_after_a_date_get_the_whole_file() {
    let desk = desk();
    let mut browser = Browser::new(&desk);
    let date = "Sat, 01 Jan 2028 00:00:00 GMT";
    for asked in [
        &[(header::RANGE, "bytes=0-1,4-5")][..],
        &[(header::RANGE, "bytes=0-0,-1")],
        &[(header::RANGE, "bytes=4-"), (header::IF_RANGE, date)],
        &[(header::RANGE, "lines=1-2")],
    ] {
        let seen = fetch(&mut browser, asked).await;
        assert_eq!(
            (seen.status, seen.text.as_bytes()),
            (StatusCode::OK, SHARED),
            "{asked:?}"
        );
        assert_eq!(seen.head("content-range"), "");
    }
}

#[tokio::test]
async fn the_box_knows_itself_by_its_answer() {
    let desk = desk();
    for mut browser in [Browser::new(&desk), Browser::stranger(&desk)] {
        assert_eq!(browser.get("/reachable/who-am-i").await.text, "it-is-me");
        let other = browser.get("/reachable/who-are-you").await;
        assert_eq!(other.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test]
async fn a_locked_link_tells_nothing_before_its_password() {
    let desk = desk();
    let mut browser = Browser::new(&desk);
    let page = browser.get("/l/locked").await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(
        page.text.contains("password") && !page.text.contains(".pdf"),
        "{}",
        page.text
    );
    assert_eq!(browser.get("/l/locked/file").await.to(), "/l/locked");
    let opened = browser.post("/l/locked", &[("password", "sesame")]).await;
    assert_eq!((opened.status, opened.to()), (StatusCode::SEE_OTHER, "/l/locked"));
    let cookie = opened.head("set-cookie");
    assert_eq!(
        cookie,
        "pillarbox-link=key; Path=/l/locked; Max-Age=3600; HttpOnly; Secure; SameSite=Strict"
    );
    assert!(browser.get("/l/locked").await.text.contains(".pdf"));
    assert_eq!(browser.get("/l/locked/file").await.text.as_bytes(), SHARED);
}

#[tokio::test]
async fn whatever_is_wrong_with_a_link_the_answer_is_the_same() {
    let desk = desk();
    let mut browser = Browser::new(&desk);
    let nothing = browser.get("/l/other").await;
    assert_eq!(nothing.status, StatusCode::NOT_FOUND);
    for seen in [
        browser.get("/l/other/file").await,
        browser.get("/l/%2e%2e%2f%2e%2e").await,
        browser.post("/l/other", &[("password", "x")]).await,
        browser.post("/l/locked", &[("password", "x")]).await,
        browser.post("/l/good", &[("password", "x")]).await,
    ] {
        assert_eq!((seen.status, &seen.text), (nothing.status, &nothing.text));
        let names = |seen: &Seen| {
            seen.headers
                .keys()
                .map(|name| name.to_string())
                .collect::<Vec<_>>()
        };
        assert_eq!(names(&seen), names(&nothing));
    }
    let stopped = browser.get("/l/stopped").await;
    assert_eq!(stopped.status, StatusCode::FORBIDDEN);
    assert!(stopped.text.contains("is stopped: sent too much"));
    assert_eq!(
        browser.get("/l").await.status,
        StatusCode::NOT_FOUND,
        "nothing is listed"
    );
    let unclaimed = Browser::new(&Desk::default()).get("/l/good").await;
    assert_eq!(unclaimed.to(), "/");
}

#[tokio::test]
async fn the_door_for_links_opens_nothing_else_whoever_knocks() {
    let desk = desk();
    let admin = Browser::signed_in(&desk).await.cookie;
    let mut stranger = Browser::stranger(&desk);
    stranger.cookie = admin;
    let nothing = stranger.get("/nothing").await;
    assert_eq!(nothing.status, StatusCode::NOT_FOUND);
    let open = ["/style.css", "/pillarbox.svg"];
    for route in ROUTES
        .iter()
        .filter(|route| route.access != Access::Link && !open.contains(&route.path))
    {
        let path = route.path.replace("{id}", "1");
        let seen = match route.method {
            "POST" => {
                stranger
                    .post(&path, &[("name", "admin"), ("password", "x")])
                    .await
            }
            _ => stranger.get(&path).await,
        };
        assert_eq!(
            (seen.status, &seen.text),
            (nothing.status, &nothing.text),
            "{route:?}"
        );
        assert!(!seen.headers.contains_key(header::SET_COOKIE), "{route:?}");
    }
    for path in open {
        assert_eq!(stranger.get(path).await.status, StatusCode::OK);
    }
    assert!(stranger.get("/robots.txt").await.text.contains("Disallow: /\n"));
    assert_eq!(desk.lock().changes, [""; 0]);
}

#[tokio::test]
async fn the_door_for_links_shows_and_unlocks_them_like_the_pages() {
    let desk = desk();
    let (mut stranger, mut inside) = (Browser::stranger(&desk), Browser::new(&desk));
    for path in ["/l/good", "/l/locked", "/l/other", "/l/stopped", "/l/other/file"] {
        let (there, here) = (stranger.get(path).await, inside.get(path).await);
        assert_eq!((there.status, there.text), (here.status, here.text), "{path}");
        assert_eq!(there.headers, here.headers, "{path}");
    }
    assert_eq!(fetch(&mut stranger, &[]).await.text.as_bytes(), SHARED);
    let opened = stranger.post("/l/locked", &[("password", "sesame")]).await;
    assert_eq!((opened.status, opened.to()), (StatusCode::SEE_OTHER, "/l/locked"));
    assert_eq!(stranger.get("/l/locked/file").await.text.as_bytes(), SHARED);
    let unclaimed = Browser::stranger(&Desk::default()).get("/l/good").await;
    assert_eq!(unclaimed.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_file_whose_disk_is_missing_may_be_had_later() {
    let desk = desk();
    let mut browser = Browser::new(&desk);
    for path in ["/l/away", "/l/away/file"] {
        let seen = browser.get(path).await;
        assert_eq!(seen.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(seen.head("retry-after"), "600");
        assert!(
            seen.text.contains("not available at the moment") && !seen.text.contains(".pdf"),
            "{}",
            seen.text
        );
    }
    assert_eq!(desk.lock().pieces, []);
}

#[tokio::test]
async fn what_strangers_get_when_something_is_wrong_has_no_script_and_leads_nowhere() {
    let desk = desk();
    let (mut stranger, mut inside) = (Browser::stranger(&desk), Browser::new(&desk));
    for path in ["/l/other", "/l/stopped/file", "/l/away", "/reachable/x"] {
        for browser in [&mut stranger, &mut inside] {
            assert_plain(&browser.get(path).await);
        }
    }
    assert_plain(&stranger.get("/login").await);
    assert_plain(&stranger.post("/l/good/file", &[]).await);
    let large = "x".repeat(70_000);
    let seen = stranger.post("/l/locked", &[("password", &large)]).await;
    assert_eq!(seen.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert_plain(&seen);
    let beyond = axum::http::Request::get("/l/good/file").header(header::RANGE, "bytes=10-");
    let seen = stranger.send(beyond, Body::empty()).await;
    assert_eq!(seen.head("content-range"), "bytes */10");
    assert_plain(&seen);
}

fn assert_plain(seen: &Seen) {
    assert!(seen.status.is_client_error() || seen.status.is_server_error());
    let page = &seen.text;
    for word in ["<script", "href=\"/\"", "<a ", "Pillarbox", "example.com"] {
        assert!(!page.contains(word), "{word}: {page}");
    }
    assert!(
        seen.head("content-security-policy")
            .starts_with("default-src 'none';")
    );
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "same-origin"),
        ("cache-control", "no-store"),
        ("x-robots-tag", "noindex"),
    ] {
        assert_eq!(seen.head(name), value);
    }
}

#[test]
fn who_is_shut_out_is_told_why_on_a_page_that_needs_nothing_else() {
    let response = web_setup::blocked("too many <guesses>", None);
    assert_eq!(response.headers().get("retry-after"), None, "it is for ever");
    assert_eq!(response.status(), StatusCode::TOO_MANY_REQUESTS);
    let policy = response.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'unsafe-inline';"));
    assert_eq!(response.headers()["x-robots-tag"], "noindex");
    let body = axum::body::to_bytes(response.into_body(), 10_000);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let page = String::from_utf8(runtime.block_on(body).unwrap().to_vec()).unwrap();
    assert!(page.contains("too many &#60;guesses&#62;"), "{page}");
    for word in ["<script", "<a ", "<link"] {
        assert!(!page.contains(word), "{word}: {page}");
    }
}

#[tokio::test]
async fn a_file_that_is_damaged_has_to_be_sent_again() {
    let desk = desk();
    desk.lock().links = vec![link_row(1, LinkState::Damaged)];
    let mut browser = Browser::new(&desk);
    for path in ["/l/damaged", "/l/damaged/file"] {
        let seen = browser.get(path).await;
        assert_eq!(seen.status, StatusCode::GONE);
        assert!(
            seen.text.contains("ask the one who sent it to send it again") && !seen.text.contains(".pdf"),
            "{}",
            seen.text
        );
    }
    assert_eq!(desk.lock().pieces, []);
    let page = Browser::person(&desk).await.get("/me/links").await.text;
    assert!(page.contains("file damaged"), "{page}");
}
