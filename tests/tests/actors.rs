//! The ledger names the person who did something on a page, not the page.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::web::Browser;

fn json(office: &Pillarbox, args: &[&str]) -> Result<Vec<Value>> {
    Ok(serde_json::from_str(
        &office.cli_ok(&[args, &["--json"]].concat(), "")?,
    )?)
}

fn id_of(rows: &[Value], field: &str, wanted: &str) -> Result<String> {
    let row = rows
        .iter()
        .find(|row| row[field] == wanted)
        .context(wanted.to_owned())?;
    Ok(row["id"].to_string())
}

/// What was said since, and the kinds of it, newest first.
fn said(office: &Pillarbox, before: usize) -> Result<Vec<(String, String)>> {
    let rows = json(office, &["events", "--limit", "1000"])?;
    let new = rows.len().saturating_sub(before);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    Ok(rows
        .iter()
        .take(new)
        .map(|row| (text(&row["kind"]), text(&row["words"])))
        .collect())
}

#[test]
fn what_an_admin_does_on_any_page_stands_under_his_own_address() -> Result<()> {
    let office = Pillarbox::new_office(&["anna", "ben"], &[])?;
    let (anna, ben, scanner) = (
        format!("anna@{DOMAIN}"),
        format!("ben@{DOMAIN}"),
        format!("scanner@{DOMAIN}"),
    );
    let ben_id = id_of(&json(&office, &["account", "list"])?, "address", &ben)?;
    let browser = Browser::new(&format!("https://127.0.0.1:{}", office.port("https")?))?;
    browser.sign_in(&anna, PASSWORD)?;
    let before = said(&office, 0)?.len();

    let sales = format!("sales@{DOMAIN}");
    browser.submit("/names/domain/add", &[("domain", "second.example")])?;
    browser.submit(
        "/names/domain/set",
        &[
            ("domain", "second.example"),
            ("same_names", "yes"),
            ("catch_all", ""),
        ],
    )?;
    browser.submit("/names/domain/remove", &[("domain", "second.example")])?;
    browser.submit("/names/alias/put", &[("address", &sales), ("targets", &ben)])?;
    browser.submit("/names/alias/remove", &[("address", &sales)])?;
    browser.submit(
        "/printers",
        &[
            ("ip", "127.0.0.1"),
            ("from", &scanner),
            ("limit", "9"),
            ("reach", "here"),
        ],
    )?;
    let printer = id_of(&json(&office, &["printer", "list"])?, "from", &scanner)?;
    let terms = [("name", "Copier"), ("limit", "8"), ("reach", "here")];
    browser.submit(&format!("/printers/{printer}/terms"), &terms)?;
    for deed in ["pause", "resume", "remove"] {
        browser.submit(&format!("/printers/{printer}"), &[("deed", deed)])?;
    }
    browser.submit(&format!("/accounts/{ben_id}/freeze"), &[("reason", "lost phone")])?;
    for deed in ["acknowledge", "release", "discard", "unfreeze"] {
        browser.submit(&format!("/accounts/{ben_id}/{deed}"), &[("sure", "yes")])?;
    }
    let through = [
        ("host", "relay.example"),
        ("port", "587"),
        ("protection", "starttls"),
        ("domains", "far.example"),
    ];
    browser.submit("/outgoing/through", &through)?;
    browser.submit("/outgoing/direct", &[("domains", "far.example")])?;
    browser.submit("/outgoing/hold", &[("domain", "far.example")])?;
    browser.submit("/outgoing/hold", &[("domain", "far.example"), ("release", "yes")])?;
    browser.submit("/keys/rotate", &[("domain", DOMAIN)])?;
    let folder = tempfile::tempdir()?;
    let place = [
        ("place", "folder"),
        ("path", folder.path().to_str().context("a path")?),
    ];
    browser.submit("/links/folder", &place)?;

    let did = said(&office, before)?;
    for kind in [
        "name_changed",
        "printer_changed",
        "freeze_seen",
        "unfrozen",
        "way_changed",
        "queue_changed",
        "signing_keys",
        "attachment_folder",
    ] {
        let words: Vec<&String> = did
            .iter()
            .filter(|(of, _)| of == kind)
            .map(|(_, words)| words)
            .collect();
        ensure!(!words.is_empty(), "no {kind} among {did:?}");
        ensure!(
            words.iter().all(|words| words.contains(&anna)),
            "{kind}: {words:?}"
        );
    }
    ensure!(!did.iter().any(|(_, words)| words.contains(" page")), "{did:?}");

    // The login called admin is nobody's account.
    let admin = Browser::new(&format!("https://127.0.0.1:{}", office.port("https")?))?;
    admin.sign_in("admin", PASSWORD)?;
    let before = said(&office, 0)?.len();
    admin.submit("/names/alias/put", &[("address", &sales), ("targets", &ben)])?;
    let did = said(&office, before)?;
    ensure!(
        did.iter()
            .any(|(kind, words)| kind == "name_changed" && words.contains("admin's page")),
        "{did:?}"
    );
    Ok(())
}
