//! The main password is the web pages'; mail programs have passwords of their own, from the first day.

use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::process::Command;
use tests::imap::Imap;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::web::{self, Browser, Wishes};

fn base(office: &Pillarbox) -> Result<String> {
    Ok(format!("https://127.0.0.1:{}", office.port("https")?))
}

fn json(office: &Pillarbox, args: &[&str]) -> Result<Value> {
    let shown = office.cli_ok(&[args, &["--json"]].concat(), "")?;
    Ok(serde_json::from_str(&shown)?)
}

/// What a door for mail programs says to a name and a password: whether they came in, and its words.
fn knock(office: &Pillarbox, scheme: &str, door: &str, password: &str) -> Result<(bool, String)> {
    let url = format!("{scheme}://127.0.0.1:{}/", office.port(door)?);
    let mut curl = Command::new("curl");
    curl.args([
        "--silent",
        "--verbose",
        "--insecure",
        "--max-time",
        "20",
        &url,
        "--user",
    ]);
    curl.arg(format!("bert@{DOMAIN}:{password}"));
    // Without a command of its own curl lists the mail by POP3, and wants to send some by SMTP.
    if scheme != "pop3s" {
        curl.args(["--request", "NOOP"]);
    }
    let ran = curl.output()?;
    let said = String::from_utf8_lossy(&ran.stderr);
    Ok((ran.status.success(), said.into_owned()))
}

const DOORS: [(&str, &str, &str); 3] = [
    (
        "imaps",
        "imaps",
        "NO [ALERT] The main password opens the web pages only.",
    ),
    (
        "smtps",
        "submissions",
        "534 5.7.9 The main password opens the web pages only.",
    ),
    (
        "pop3s",
        "pop3s",
        "-ERR [AUTH] The main password opens the web pages only.",
    ),
];

#[test]
fn a_new_accounts_main_password_opens_no_mail_program_and_its_owner_makes_one_that_does() -> Result<()> {
    let office = Pillarbox::new_office(&["anna", "bert"], &[])?;
    for (scheme, door, words) in DOORS {
        let (came_in, said) = knock(&office, scheme, door, PASSWORD)?;
        ensure!(!came_in && said.contains(words), "{door}: {said}");
    }
    let refused = json(&office, &["guard", "logins"])?;
    let reasons = refused.as_array().context("no list")?;
    ensure!(
        reasons.len() == 3
            && reasons
                .iter()
                .all(|row| row["reason"] == "main password is for the web"),
        "{refused}"
    );

    let bert = Browser::new(&base(&office)?)?;
    ensure!(bert.sign_in(&format!("bert@{DOMAIN}"), PASSWORD)? == "/me");
    ensure!(bert.page("/me")?.contains("id=\"first-device\""));
    let help = bert.page("/me/mail-programs")?;
    ensure!(help.contains("not the main password"), "{help}");
    let phone = bert.make_device("/me/devices", "phone")?;
    ensure!(!bert.page("/me")?.contains("id=\"first-device\""));
    for (scheme, door, _) in DOORS {
        let (came_in, said) = knock(&office, scheme, door, &phone)?;
        ensure!(came_in, "{door}: {said}");
    }
    Ok(())
}

#[test]
fn the_wizard_leads_to_the_first_phones_password_in_one_click() -> Result<()> {
    let office = Pillarbox::start(&[])?;
    let wishes = Wishes {
        code: office.claim_code.as_deref().context("no claim code")?,
        admin_password: PASSWORD,
        domain: DOMAIN,
        local: "bert",
        password: PASSWORD,
    };
    let (admin, page) = web::set_up(&base(&office)?, &wishes)?;
    ensure!(page.contains("action=\"/accounts/1/devices\""), "{page}");
    let (came_in, said) = knock(&office, "imaps", "imaps", PASSWORD)?;
    ensure!(!came_in && said.contains("[ALERT]"), "{said}");
    let phone = admin.make_device("/accounts/1/devices", "phone")?;
    ensure!(knock(&office, "imaps", "imaps", &phone)?.0);

    // The next account is led to the same.
    let form = [("local", "cleo"), ("password", PASSWORD), ("again", PASSWORD)];
    let to = admin.submit("/accounts", &form)?;
    let page = admin.page(&to)?;
    ensure!(page.contains("action=\"/accounts/2/devices\""), "{page}");
    Ok(())
}

#[test]
fn an_account_may_have_a_wish_of_its_own_and_go_back_to_what_the_office_says() -> Result<()> {
    let office = Pillarbox::new_office(&["anna", "bert"], &[])?;
    let bert = format!("bert@{DOMAIN}");
    let main = |opens: &[&str]| json(&office, &[&["account", "device", "main", &bert], opens].concat());
    let shown = main(&[])?;
    ensure!(
        shown["main_password"] == "web" && shown["decided_by"] == "office",
        "{shown}"
    );
    let shown = main(&["everywhere"])?;
    ensure!(
        shown["main_password"] == "everywhere" && shown["decided_by"] == "account",
        "{shown}"
    );
    let mut open = Imap::login(office.port("imaps")?, &bert, PASSWORD)?;

    let admin = Browser::new(&base(&office)?)?;
    admin.sign_in("admin", PASSWORD)?;
    let page = admin.page("/accounts/2/devices")?;
    ensure!(page.contains("value=\"office\""), "{page}");
    admin.submit("/accounts/2/devices/main", &[("opens", "office")])?;
    let cut = open.response()?;
    ensure!(cut.text.contains("BYE"), "{cut:?}");
    ensure!(!knock(&office, "imaps", "imaps", PASSWORD)?.0);
    ensure!(main(&[])?["decided_by"] == "office");
    office.let_main_passwords_open_mail()?;
    ensure!(knock(&office, "imaps", "imaps", PASSWORD)?.0);
    let words = json(&office, &["events", "--kind", "device_password"])?;
    ensure!(words.to_string().contains("what the office says"), "{words}");
    Ok(())
}
