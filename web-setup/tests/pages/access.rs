//! Who may do what, tried on every route there is.

use crate::desk::{ADMIN_PASSWORD, Browser, Desk};
use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use proto::types::Timestamp;
use web_setup::{Access, JudgedMail, ROUTES, WaitState, Waiting};

const FORM: &[(&str, &str)] = &[
    ("password", "tulips in the rain"),
    ("again", "tulips in the rain"),
    ("current", ADMIN_PASSWORD),
    ("domain", "example.org"),
    ("local", "mallory"),
    ("reason", "because"),
    ("account", "1"),
    ("host", "smtp.example.net"),
    ("port", "587"),
    ("protection", "starttls"),
    ("user", "office"),
    ("mode", "each"),
    ("threshold", "5"),
    ("name", "Mallory's phone"),
    ("device", "1"),
    ("opens", "everywhere"),
    ("who", "203.0.113.7"),
    ("list", "block"),
    ("network", "203.0.113.0/24"),
    ("code", "123456"),
    ("outside", "ann@home.example"),
    ("ip", "192.168.1.9"),
    ("from", "scanner@example.com"),
    ("deed", "pause"),
    ("limit", "5"),
    ("check", "on"),
    ("reach", "here"),
    ("linked", "no"),
    ("link", "1"),
    ("days", "7"),
    ("part", "5"),
    ("address", "sales@example.com"),
    ("targets", "ada@example.com"),
    ("separator", "-"),
    ("place", "data"),
    ("scope", "row"),
    ("order", "hold"),
    ("time", "2026-11-24 19:05"),
    ("sure", "yes"),
];

async fn ask(browser: &mut Browser, method: &str, path: &str) -> (StatusCode, String) {
    let path = path.replace("{id}", "1").replace("{deed}", "extend");
    let seen = if method == "POST" {
        browser.post(&path, FORM).await
    } else {
        browser.get(&path).await
    };
    (seen.status, seen.to().to_owned())
}

#[tokio::test]
async fn without_code_or_login_no_route_shows_or_changes_anything() {
    for (desk, door) in [(Desk::default(), "/"), (Desk::finished(), "/login")] {
        desk.lock().simulated = true;
        let before = desk.lock().accounts.clone();
        for cookie in [
            None,
            Some("__Host-pillarbox="),
            Some("__Host-pillarbox=0000"),
            Some("pillarbox=1"),
        ] {
            for route in ROUTES.iter().filter(|r| {
                !matches!(
                    r.access,
                    Access::Open | Access::Claim | Access::SignIn | Access::Link
                )
            }) {
                let mut browser = Browser::new(&desk);
                browser.cookie = cookie.map(str::to_owned);
                let (status, to) = ask(&mut browser, route.method, route.path).await;
                if route.method == "POST" {
                    assert_eq!(status, StatusCode::FORBIDDEN, "{route:?}");
                } else {
                    assert_eq!((status, to.as_str()), (StatusCode::SEE_OTHER, door), "{route:?}");
                }
            }
        }
        assert_eq!(desk.lock().changes, [""; 0]);
        assert_eq!(desk.lock().accounts, before);
    }
}

#[tokio::test]
async fn outside_of_the_office_only_links_answer_even_to_an_admin() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    browser.outside = true;
    for route in ROUTES {
        let (status, _) = ask(&mut browser, route.method, route.path).await;
        let open = route.access == Access::Link || (route.access == Access::Open && route.path != "/");
        assert_eq!(status == StatusCode::FORBIDDEN, !open, "{route:?}: {status}");
    }
    assert_eq!(desk.lock().changes, [""; 0]);
    let page = browser.get("/").await.text;
    assert!(page.contains("These pages are for the office"), "{page}");
}

#[tokio::test]
async fn every_post_but_the_doors_asks_for_a_session() {
    for route in ROUTES.iter().filter(|r| r.method == "POST") {
        let door = matches!(
            (route.path, route.access),
            ("/claim", Access::Claim) | ("/login", Access::SignIn) | ("/l/{token}", Access::Link)
        );
        let closed = matches!(
            route.access,
            Access::Setup | Access::Admin | Access::Owner | Access::Person | Access::Code
        );
        assert!(door || closed, "{route:?}");
    }
}

#[tokio::test]
async fn the_admin_reaches_every_route_and_setup_is_over() {
    for route in ROUTES {
        let desk = Desk::finished();
        let mut judged = JudgedMail::default();
        judged.row.id = "1".to_owned();
        desk.lock().judged.push(judged);
        desk.lock().outgoing.push(Waiting {
            id: 1,
            from: None,
            to: proto::types::Address::parse("x@example.net").unwrap(),
            since: Timestamp(0),
            state: WaitState::Sending,
            tries: 0,
            words: None,
        });
        let mut browser = Browser::signed_in(&desk).await;
        let (status, _) = ask(&mut browser, route.method, route.path).await;
        match route.access {
            Access::Setup | Access::Claim | Access::Code if route.method == "POST" => {
                assert_eq!(status, StatusCode::FORBIDDEN, "{route:?}")
            }
            Access::Setup | Access::Claim | Access::Code => {
                assert_eq!(status, StatusCode::SEE_OTHER, "{route:?}")
            }
            _ if route.path == "/login" || route.access == Access::Link => {}
            _ => assert!(
                status.is_success() || status.is_redirection(),
                "{route:?}: {status}"
            ),
        }
        let setup_changed = ["office", "first account", "finish"]
            .iter()
            .any(|c| desk.lock().changes.contains(c));
        assert!(!setup_changed, "{route:?}");
    }
}

#[tokio::test]
async fn a_person_reaches_the_own_pages_and_none_of_the_admins() {
    for route in ROUTES {
        let desk = Desk::finished();
        let mut browser = Browser::person(&desk).await;
        let (status, to) = ask(&mut browser, route.method, route.path).await;
        match route.access {
            // The form has the admin's password as the current one.
            Access::Person if route.path == "/me/password" => {
                assert_eq!(status, StatusCode::UNPROCESSABLE_ENTITY)
            }
            Access::Person => assert!(
                status.is_success() || status.is_redirection(),
                "{route:?}: {status}"
            ),
            Access::Open | Access::SignIn | Access::Link => {}
            _ if route.method == "POST" => assert_eq!(status, StatusCode::FORBIDDEN, "{route:?}"),
            _ => assert_eq!((status, to.as_str()), (StatusCode::SEE_OTHER, "/"), "{route:?}"),
        }
        if route.access != Access::Person && route.access != Access::Link {
            assert_eq!(desk.lock().changes, [""; 0], "{route:?}");
        }
    }
}

#[tokio::test]
async fn the_password_alone_reaches_nothing_but_the_page_for_the_code() {
    for route in ROUTES {
        let desk = Desk::finished();
        desk.lock().codes.push(None);
        let mut browser = Browser::new(&desk);
        let form = [("name", "admin"), ("password", ADMIN_PASSWORD)];
        assert_eq!(browser.post("/login", &form).await.to(), "/login/code");
        let (status, to) = ask(&mut browser, route.method, route.path).await;
        match route.access {
            Access::Code | Access::Open | Access::SignIn | Access::Link => {}
            _ if route.method == "POST" => assert_eq!(status, StatusCode::FORBIDDEN, "{route:?}"),
            _ => assert_eq!(
                (status, to.as_str()),
                (StatusCode::SEE_OTHER, "/login/code"),
                "{route:?}"
            ),
        }
        if route.access != Access::Link {
            assert_eq!(desk.lock().changes, [""; 0], "{route:?}");
        }
    }
}

#[tokio::test]
async fn the_setup_session_does_not_reach_the_admins_pages() {
    let desk = Desk::default();
    let browser = Browser::claimed(&desk).await;
    for route in ROUTES.iter().filter(|r| {
        matches!(
            r.access,
            Access::Admin | Access::Person | Access::Code | Access::Panel | Access::SignIn
        )
    }) {
        let (status, _) = ask(&mut browser.clone(), route.method, route.path).await;
        let refused = if route.method == "POST" {
            StatusCode::FORBIDDEN
        } else {
            StatusCode::SEE_OTHER
        };
        assert_eq!(status, refused, "{route:?}");
    }
    assert_eq!(desk.lock().changes, [""; 0]);
}

#[tokio::test]
async fn the_panel_with_the_code_is_shown_only_to_this_machine_and_only_when_simulated() {
    for (simulated, ip, host, shown) in [
        (true, "127.0.0.1", "127.0.0.1:10443", true),
        (true, "::1", "[::1]:10443", true),
        (true, "::1", "[::1]", true),
        (true, "::ffff:127.0.0.1", "localhost", true),
        (true, "192.168.1.50", "127.0.0.1:10443", false),
        (true, "127.0.0.1", "mail.example.com", false),
        (true, "127.0.0.1", "localhost.evil.example", false),
        (false, "127.0.0.1", "127.0.0.1:10443", false),
    ] {
        let desk = Desk::default();
        desk.lock().simulated = simulated;
        let mut browser = Browser::new(&desk);
        browser.ip = ip.parse().unwrap();
        browser.host = host;
        for path in ["/panel", "/panel/live", "/panel.png"] {
            let seen = browser.get(path).await.status == StatusCode::OK;
            assert_eq!(seen, shown, "{simulated} {ip} {host} {path}");
        }
        let front = browser.get("/").await.text;
        assert_eq!(front.contains("/panel.png"), shown, "{simulated} {ip} {host}");
        let passed_on = Request::get("/panel.png").header("x-forwarded-for", "203.0.113.7");
        assert_ne!(
            browser.send(passed_on, Body::empty()).await.status,
            StatusCode::OK,
            "a proxy of this machine"
        );
    }
}

#[tokio::test]
async fn forms_from_other_sites_are_refused() {
    let desk = Desk::finished();
    let browser = Browser::signed_in(&desk).await;
    for (name, value) in [
        ("sec-fetch-site", "cross-site"),
        ("sec-fetch-site", "same-site"),
        ("origin", "https://evil.example"),
        ("origin", "null"),
    ] {
        let request = Request::post("/accounts/1/freeze")
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(name, value);
        let seen = browser.clone().send(request, "reason=x").await;
        assert_eq!(seen.status, StatusCode::FORBIDDEN, "{name}: {value}");
        assert!(seen.text.contains("another site"), "{}", seen.text);
    }
    assert_eq!(desk.lock().changes, [""; 0]);
}

#[tokio::test]
async fn browsers_are_told_to_be_strict_on_every_answer() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let paths = ROUTES
        .iter()
        .filter(|r| r.method == "GET")
        .map(|r| (r.path.replace("{id}", "1"), r.access));
    for (path, access) in paths.chain([("/nothing".to_owned(), Access::Open)]) {
        let headers = browser.get(&path).await.headers;
        let csp = headers[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        let from = if access == Access::Link {
            "'none'"
        } else {
            "'self'"
        };
        assert!(
            csp.contains(&format!("default-src {from}")) && csp.contains("frame-ancestors 'none'"),
            "{path}"
        );
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff", "{path}");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store", "{path}");
        assert_eq!(headers["cross-origin-resource-policy"], "same-origin", "{path}");
    }
}

#[tokio::test]
async fn the_cookie_is_for_tls_this_host_and_no_script() {
    let desk = Desk::default();
    let seen = Browser::new(&desk).post("/claim", &[("code", "k7qm2wxz")]).await;
    let set = seen.headers[header::SET_COOKIE].to_str().unwrap().to_owned();
    let (pair, rules) = set.split_once("; ").unwrap();
    assert_eq!(rules, "Path=/; Secure; HttpOnly; SameSite=Strict");
    assert_eq!(pair.strip_prefix("__Host-pillarbox=").unwrap().len(), 64);
}

#[tokio::test]
async fn errors_are_pages_in_plain_words() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let head = browser.send(Request::head("/overview"), Body::empty()).await;
    assert_eq!((head.status, head.text.as_str()), (StatusCode::OK, ""));
    let table = [
        ("GET", "/nothing", "", StatusCode::NOT_FOUND),
        ("GET", "/accounts/99", "", StatusCode::NOT_FOUND),
        ("GET", "/accounts/x", "", StatusCode::NOT_FOUND),
        ("POST", "/overview", "", StatusCode::METHOD_NOT_ALLOWED),
        ("DELETE", "/accounts", "", StatusCode::METHOD_NOT_ALLOWED),
        ("POST", "/accounts/1/freeze", "", StatusCode::UNPROCESSABLE_ENTITY),
    ];
    for (method, path, body, status) in table {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let seen = browser.send(request, body).await;
        assert_eq!(seen.status, status, "{method} {path}");
        assert!(seen.text.contains("<h1>"), "{method} {path}: {}", seen.text);
    }
    let request =
        Request::post("/accounts/1/freeze").header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let seen = browser
        .send(request, "reason=".to_owned() + &"x".repeat(web_setup::BODY_LIMIT))
        .await;
    assert_eq!(seen.status, StatusCode::PAYLOAD_TOO_LARGE);
    assert!(seen.text.contains("That is too much"), "{}", seen.text);
    assert_eq!(desk.lock().changes, [""; 0]);
}
