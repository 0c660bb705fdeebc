//! Domains and aliases on their page.

use crate::browser::Browser;
use crate::desk::Desk;
use axum::http::StatusCode;

#[tokio::test]
async fn domains_are_added_set_and_removed_and_have_their_dns_records() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let page = browser.get("/names").await.text;
    assert!(
        page.contains("example.com <span class=\"chip none\">main</span>"),
        "{page}"
    );
    assert!(
        !page.contains("/names/domain/remove\""),
        "the main one stays: {page}"
    );
    assert!(page.contains("gets spam with it"), "{page}");
    let refused = browser
        .post("/names/domain/add", &[("domain", "no domain")])
        .await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("That is no domain") && refused.text.contains("value=\"no domain\""));
    let form = [("domain", "second.example"), ("same_names", "yes")];
    let seen = browser.post("/names/domain/add", &form).await;
    assert_eq!(seen.to(), "/names?said=domain");
    let page = browser.get("/names?said=domain").await.text;
    assert!(
        page.contains("<h3>second.example</h3>") && page.contains("value=\"yes\" checked"),
        "{page}"
    );
    let form = [("domain", "second.example"), ("catch_all", "bob@example.com")];
    let seen = browser.post("/names/domain/set", &form).await;
    assert_eq!(seen.to(), "/names?said=domain");
    let page = browser.get("/names").await.text;
    assert!(
        page.contains("value=\"bob@example.com\"") && !page.contains("\" checked"),
        "{page}"
    );

    let page = browser.get("/dns").await.text;
    assert!(page.contains("<h2>For second.example</h2>"), "{page}");
    assert!(
        page.contains("mailto:postmaster@second.example") && page.contains("id=\"name-1001\""),
        "{page}"
    );
    let zone = browser.get("/zone.txt").await.text;
    for line in [
        "example.com.\t3600\tIN\tMX\t10 mail.example.com.",
        "second.example.\t3600\tIN\tMX\t10 mail.example.com.",
    ] {
        assert!(zone.lines().any(|l| l == line), "{line}\n{zone}");
    }

    let seen = browser
        .post("/names/domain/remove", &[("domain", "second.example")])
        .await;
    assert_eq!(seen.to(), "/names?said=no-domain");
    assert_eq!(desk.lock().changes, ["domain", "domain rules", "no domain"]);
}

#[tokio::test]
async fn domains_in_other_scripts_are_shown_as_people_read_them() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    browser
        .post("/names/domain/add", &[("domain", "m\u{fc}nchen.example")])
        .await;
    let alias = [
        ("address", "info@m\u{fc}nchen.example"),
        ("targets", "ada@example.com"),
    ];
    browser.post("/names/alias/put", &alias).await;
    let page = browser.get("/names").await.text;
    for part in [
        "<h3>m\u{fc}nchen.example</h3>",
        "In the DNS: <span class=\"mono\">xn--mnchen-3ya.example</span>",
        ">info@m\u{fc}nchen.example<",
        "value=\"info@xn--mnchen-3ya.example\"",
    ] {
        assert!(page.contains(part), "{part}: {page}");
    }
    assert!(
        !page.contains("In the DNS: <span class=\"mono\">example.com"),
        "{page}"
    );
}

#[tokio::test]
async fn accounts_are_made_in_any_domain_and_keep_it() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let page = browser.get("/accounts").await.text;
    assert!(!page.contains("<select name=\"domain\""), "{page}");
    browser
        .post("/names/domain/add", &[("domain", "second.example")])
        .await;
    let page = browser.get("/accounts").await.text;
    assert!(
        page.contains("<option value=\"second.example\">@second.example</option>"),
        "{page}"
    );
    let password = "tulpen-im-keller-7";
    for (local, domain, made) in [
        ("carl", "second.example", Some("carl@second.example")),
        ("dora@Second.example", "example.com", Some("dora@second.example")),
        ("emil", "example.com", Some("emil@example.com")),
        ("frieda", "third.example", Some("frieda@example.com")),
        ("gerd@third.example", "example.com", None),
    ] {
        let form = [
            ("local", local),
            ("domain", domain),
            ("password", password),
            ("again", password),
        ];
        let seen = browser.post("/accounts", &form).await;
        let newest = desk.lock().accounts.last().unwrap().address.to_string();
        match made {
            Some(made) => assert_eq!(newest, made),
            None => assert_eq!(seen.status, StatusCode::UNPROCESSABLE_ENTITY),
        }
    }
    let refused = browser
        .post("/names/domain/remove", &[("domain", "second.example")])
        .await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(refused.text.contains("There are accounts in this domain."));
}

#[tokio::test]
async fn aliases_and_the_separator_are_set_and_what_was_typed_stays() {
    let desk = Desk::finished();
    let mut browser = Browser::signed_in(&desk).await;
    let form = |address| {
        [
            ("address", address),
            ("targets", "ada@example.com"),
            ("send_as", "yes"),
        ]
    };
    let refused = browser.post("/names/alias/put", &form("<sales>")).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(
        refused.text.contains("value=\"&#60;sales&#62;\""),
        "{}",
        refused.text
    );
    assert!(
        refused.text.contains(">ada@example.com</textarea>"),
        "{}",
        refused.text
    );
    let seen = browser.post("/names/alias/put", &form("a&b+c@example.com")).await;
    assert_eq!(seen.to(), "/names?said=alias");
    let page = browser.get("/names?said=alias").await.text;
    assert!(
        page.contains("a&#38;b+c@example.com") && page.contains("who may write as it"),
        "{page}"
    );
    let (_, link) = page
        .split_once("href=\"/names?alias=")
        .expect("a way to change it");
    let (link, _) = link.split_once('#').unwrap();
    let page = browser.get(&format!("/names?alias={link}")).await.text;
    assert!(page.contains(">ada@example.com</textarea>"), "{link}: {page}");
    let seen = browser
        .post("/names/alias/remove", &[("address", "a&b+c@example.com")])
        .await;
    assert_eq!(seen.to(), "/names?said=no-alias");
    assert!(desk.lock().names.aliases.is_empty());
    let seen = browser.post("/names/plus", &[("separator", "-")]).await;
    assert_eq!(seen.to(), "/names?said=plus");
    let page = browser.get("/names?said=plus").await.text;
    assert!(page.contains("<option value=\"-\" selected>"), "{page}");
    assert_eq!(desk.lock().changes, ["alias", "no alias", "plus"]);
}
