//! The page of printers and scanners.

use crate::desk::{Browser, Desk};
use axum::http::StatusCode;
use proto::types::{Address, Timestamp};
use web_setup::Tried;

fn tried(ip: &str, from: &str, fits: bool) -> Tried {
    Tried {
        ip: ip.parse().unwrap(),
        from: Some(Address::parse(from).unwrap()),
        others: false,
        fits,
        to: None,
        count: 4,
        first: Timestamp(0),
        last: Timestamp(60),
    }
}

#[tokio::test]
async fn a_device_that_was_refused_is_allowed_with_one_click() {
    let desk = Desk::finished();
    desk.lock().printers.domain = "firm.example".to_owned();
    let nobody = Tried {
        from: None,
        ..tried("192.168.1.7", "x@firm.example", false)
    };
    let many = Tried {
        others: true,
        ..tried("192.168.1.6", "scan1@firm.example", true)
    };
    desk.lock().printers.tried = vec![
        nobody,
        many,
        tried("192.168.1.9", "scanner@firm.example", true),
        tried("192.168.1.8", "scanner@elsewhere.example", false),
    ];
    let mut browser = Browser::signed_in(&desk).await;
    let page = browser.get("/printers").await.text;
    assert_eq!(page.matches("<button>Allow</button>").count(), 1, "{page}");
    for words in [
        "its sender has to be of firm.example",
        "nobody (&lt;&gt;)",
        "scan1@firm.example and many others",
        "always the same, and of firm.example",
    ] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let click = [("ip", "192.168.1.9"), ("from", "scanner@firm.example")];
    let seen = browser.post("/printers", &click).await;
    assert_eq!(seen.to(), "/printers?said=allowed");
    let page = browser.get("/printers?said=allowed").await.text;
    assert!(
        page.contains("at most 30") && !page.contains("<button>Allow</button>"),
        "{page}"
    );
}

#[tokio::test]
async fn a_device_is_typed_in_paused_resumed_and_removed() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    for (ip, limit) in [("nonsense", "5"), ("192.168.1.9", "many")] {
        let form = [("ip", ip), ("from", "scanner@firm.example"), ("limit", limit)];
        let refused = browser.post("/printers", &form).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(
            refused.text.contains(&format!("value=\"{ip}\"")),
            "{}",
            refused.text
        );
    }
    let form = [
        ("ip", "192.168.1.9"),
        ("from", "scanner@firm.example"),
        ("name", "<b>Copier"),
        ("limit", "5"),
        ("reach", "here"),
    ];
    assert_eq!(
        browser.post("/printers", &form).await.to(),
        "/printers?said=allowed"
    );
    let page = browser.get("/printers").await.text;
    for words in ["&#60;b&#62;Copier", "at most 5", "the office only"] {
        assert!(page.contains(words), "{words}: {page}");
    }
    let terms = |limit, reach| [("name", "Copier"), ("limit", limit), ("reach", reach)];
    for (path, limit, reach) in [
        ("/printers/1/terms", "many", "here"),
        ("/printers/1/terms", "1001", "here"),
        ("/printers/1/terms", "5", "nowhere"),
        ("/printers/9/terms", "5", "here"),
    ] {
        let refused = browser.post(path, &terms(limit, reach)).await;
        assert!(refused.status.is_client_error(), "{path} {limit} {reach}");
    }
    let set = browser.post("/printers/1/terms", &terms("7", "everywhere")).await;
    assert_eq!(set.to(), "/printers?said=changed");
    let page = browser.get("/printers?said=changed").await.text;
    assert!(
        page.contains("at most 7") && page.contains(">everybody<"),
        "{page}"
    );
    let seen = browser.post("/printers/1", &[("deed", "pause")]).await;
    assert_eq!(seen.to(), "/printers?said=pause");
    let page = browser.get("/printers").await.text;
    assert!(
        page.contains("paused") && page.contains("Let it send again"),
        "{page}"
    );
    assert_eq!(
        browser.post("/printers/1", &[("deed", "resume")]).await.to(),
        "/printers?said=resume"
    );
    desk.lock().printers.list[0].held = 2;
    let refused = browser.post("/printers/1", &[("deed", "remove")]).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("Mail of this device is held.") && refused.text.contains("2 held"));
    for (path, deed) in [
        ("/printers/1", "sing"),
        ("/printers/x", "pause"),
        ("/printers/9", "pause"),
    ] {
        let refused = browser.post(path, &[("deed", deed)]).await;
        assert!(refused.status.is_client_error(), "{path} {deed}");
    }
    let changes = ["allow printer", "set printer", "act on printer", "act on printer"];
    assert_eq!(desk.lock().changes, changes);
}
