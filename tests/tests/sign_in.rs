//! Signing in at the pages with a browser: everybody's own pages, one-time codes, recovery codes.

use anyhow::{Context, Result, ensure};
use ring::hmac;
use std::time::{SystemTime, UNIX_EPOCH};
use tests::imap::Imap;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::web::Browser;

const NEW_PASSWORD: &str = "plums-over-the-fence-4";

struct Pages {
    office: Pillarbox,
    base: String,
}

impl Pages {
    /// With anna, who is an admin, and bert.
    fn open() -> Result<Self> {
        let office = Pillarbox::new_office(&["anna", "bert"], &[])?;
        let base = format!("https://127.0.0.1:{}", office.port("https")?);
        Ok(Self { office, base })
    }

    fn browser(&self) -> Result<Browser> {
        Browser::new(&self.base)
    }

    fn signed_in(&self, name: &str) -> Result<Browser> {
        let browser = self.browser()?;
        browser.sign_in(&format!("{name}@{DOMAIN}"), PASSWORD)?;
        Ok(browser)
    }
}

/// Whether its session is still one.
fn is_in(browser: &Browser) -> Result<bool> {
    let seen = browser.get("/me")?;
    ensure!(seen.status == 200 || seen.to == "/login", "{seen:?}");
    Ok(seen.status == 200)
}

/// An app: it knows what the page showed, and nothing of ours (RFC 6238, RFC 4226 5.3).
struct App(Vec<u8>);

impl App {
    fn scan(page: &str) -> Result<Self> {
        let (_, after) = page
            .split_once("SHA-1): <span class=\"mono\">")
            .context("no secret")?;
        let (shown, _) = after.split_once('<').context("no end of the secret")?;
        let (mut octets, mut bits, mut held) = (Vec::new(), 0_u32, 0);
        for letter in shown.bytes().filter(|letter| *letter != b' ') {
            let five = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
                .iter()
                .position(|known| *known == letter);
            (bits, held) = (bits << 5 | u32::try_from(five.context("no Base32")?)?, held + 5);
            if held >= 8 {
                held -= 8;
                octets.push(u8::try_from(bits >> held & 0xff)?);
            }
        }
        ensure!(octets.len() == 20, "{} octets", octets.len());
        Ok(Self(octets))
    }

    /// What it shows, so many half minutes from now.
    fn code(&self, later: u64) -> Result<String> {
        let step = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs() / 30 + later;
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &self.0);
        let tag = hmac::sign(&key, &step.to_be_bytes());
        let tag = tag.as_ref();
        let at = usize::from(tag[19] & 15);
        let number = u32::from_be_bytes(tag[at..at + 4].try_into()?) & 0x7fff_ffff;
        Ok(format!("{:06}", number % 1_000_000))
    }
}

fn recovery_codes(page: &str) -> Result<Vec<String>> {
    let (_, after) = page
        .split_once("id=\"recovery\"")
        .with_context(|| page.to_owned())?;
    let (list, _) = after.split_once("</ul>").context("no end of the list")?;
    let codes = list
        .split("<b>")
        .skip(1)
        .filter_map(|rest| rest.split_once("</b>"));
    Ok(codes.map(|(code, _)| code.to_owned()).collect())
}

#[test]
fn a_person_has_the_own_pages_and_none_of_the_offices() -> Result<()> {
    let pages = Pages::open()?;
    let bert = pages.signed_in("bert")?;
    for path in "/me /me/devices /me/mail-programs /me/links /me/codes".split(' ') {
        bert.page(path)?;
    }
    for path in [
        "/overview",
        "/accounts",
        "/accounts/1",
        "/events",
        "/failed-logins.csv",
        "/blocked",
    ] {
        let seen = bert.get(path)?;
        ensure!(
            seen.status != 200 && seen.to == "/",
            "{path}: {} {}",
            seen.status,
            seen.to
        );
    }
    for path in [
        "/accounts/1/freeze",
        "/accounts/2/devices/main",
        "/main-passwords",
        "/power-off",
    ] {
        let seen = bert.post(path, &[("reason", "x"), ("opens", "everywhere")])?;
        ensure!(seen.status == 403, "{path}: {}", seen.status);
    }
    // Nobody gets in without a session, or with somebody else's.
    for path in ["/me", "/me/devices", "/me/codes"] {
        ensure!(pages.browser()?.get(path)?.to == "/login", "{path}");
    }

    Ok(())
}

#[test]
fn a_person_changes_the_own_password_and_ends_a_device_until_the_account_is_frozen() -> Result<()> {
    let pages = Pages::open()?;
    // The password is changed with the old one, and the other browser has to sign in again.
    let bert = pages.signed_in("bert")?;
    let elsewhere = pages.signed_in("bert")?;
    let change = |current| {
        [
            ("current", current),
            ("password", NEW_PASSWORD),
            ("again", NEW_PASSWORD),
        ]
    };
    ensure!(bert.post("/me/password", &change("not-it-at-all-5"))?.status == 422);
    ensure!(is_in(&elsewhere)?);
    let weak = [
        ("current", PASSWORD),
        ("password", "password1234"),
        ("again", "password1234"),
    ];
    ensure!(bert.post("/me/password", &weak)?.status == 422);
    bert.submit("/me/password", &change(PASSWORD))?;
    ensure!(is_in(&bert)? && !is_in(&elsewhere)?);
    let old = pages
        .browser()?
        .post("/login", &[("name", "bert@firm.example"), ("password", PASSWORD)])?;
    ensure!(old.status == 422, "{}", old.status);
    let logins = bert.page("/me")?;
    ensure!(
        logins.contains("refused: wrong password") && logins.contains("came in"),
        "{logins}"
    );

    // A device's password and its session.
    let phone = bert.make_device("/me/devices", "phone")?;
    let mut open = Imap::login(pages.office.port("imaps")?, "bert@firm.example", &phone)?;
    ensure!(!bert.page("/me/devices")?.contains(&phone), "shown twice");
    bert.submit("/me/devices/revoke", &[("device", "1")])?;
    ensure!(open.response()?.text.contains("BYE"));

    // Frozen, the pages are shut too, and say why.
    pages.office.cli_ok(
        &[
            "account",
            "freeze",
            "bert@firm.example",
            "--reason",
            "lost laptop",
        ],
        "",
    )?;
    ensure!(!is_in(&bert)?);
    let shut = pages.browser()?.post(
        "/login",
        &[("name", "bert@firm.example"), ("password", NEW_PASSWORD)],
    )?;
    ensure!(
        shut.status == 422 && shut.page.contains("lost laptop"),
        "{}",
        shut.page
    );
    Ok(())
}

#[test]
fn a_code_is_asked_for_once_it_is_switched_on_and_every_change_signs_the_other_browsers_out() -> Result<()> {
    let pages = Pages::open()?;
    let (bert, elsewhere) = (pages.signed_in("bert")?, pages.signed_in("bert")?);
    let app = App::scan(&bert.post("/me/codes/begin", &[])?.page)?;
    let wrong = bert.post("/me/codes/confirm", &[("code", "000000")])?;
    ensure!(wrong.status == 422 && is_in(&elsewhere)?, "{}", wrong.status);
    let first = app.code(0)?;
    let on = bert.post("/me/codes/confirm", &[("code", &first)])?;
    let recovery = recovery_codes(&on.page)?;
    ensure!(recovery.len() == 10, "{recovery:?}");
    ensure!(is_in(&bert)?, "the browser in which it was done");
    ensure!(!is_in(&elsewhere)?, "a browser that never gave a code");

    // The password alone opens the page for the code and nothing else.
    let second = pages.browser()?;
    ensure!(second.sign_in("bert@firm.example", PASSWORD)? == "/login/code");
    ensure!(second.get("/me")?.to == "/login/code");
    ensure!(second.post("/me/devices", &[("name", "thief")])?.status == 403);
    let half = second.copied()?;
    for code in ["000000", first.as_str(), "aaaa-bbbb-cccc", "", "١٢٣٤٥٦"] {
        let seen = second.post("/login/code", &[("code", code)])?;
        ensure!(seen.status == 422, "{code:?}: {}", seen.status);
    }
    ensure!(second.submit("/login/code", &[("code", &app.code(1)?)])? == "/me");
    ensure!(is_in(&second)? && half.get("/me")?.status != 200);

    // A recovery code opens the door once.
    let third = pages.browser()?;
    third.sign_in("bert@firm.example", PASSWORD)?;
    let typed = recovery[0].to_uppercase().replace('-', " ");
    ensure!(third.submit("/login/code", &[("code", &typed)])? == "/me");
    ensure!(third.page("/me/codes")?.contains("Recovery codes left: <b>9</b>"));
    let fourth = pages.browser()?;
    fourth.sign_in("bert@firm.example", PASSWORD)?;
    let again = fourth.post("/login/code", &[("code", &recovery[0])])?;
    ensure!(again.status == 422, "{}", again.status);

    // Off and on again: everybody else is out each time.
    third.submit("/me/codes/off", &[("code", &recovery[1])])?;
    ensure!(is_in(&third)? && !is_in(&second)? && !is_in(&bert)?);
    ensure!(
        fourth.get("/me")?.to == "/login",
        "half a session outlived the codes"
    );
    ensure!(second.sign_in("bert@firm.example", PASSWORD)? == "/me");
    let other_app = App::scan(&third.post("/me/codes/begin", &[])?.page)?;
    ensure!(other_app.0 != app.0, "the old phone would still open the door");
    let on = third.post("/me/codes/confirm", &[("code", &other_app.code(0)?)])?;
    let fresh = recovery_codes(&on.page)?;
    ensure!(!fresh.contains(&recovery[2]) && !is_in(&second)?);

    // The phone and the codes are lost: an admin helps, on the command line or on the page.
    pages
        .office
        .cli_ok(&["account", "totp", "reset", "bert@firm.example"], "")?;
    ensure!(!is_in(&third)?, "whoever has the phone is out");
    ensure!(second.sign_in("bert@firm.example", PASSWORD)? == "/me");
    let logins = pages.office.cli_ok(&["guard", "logins", "--json"], "")?;
    ensure!(logins.contains("\"wrong code\""), "{logins}");
    let events = pages
        .office
        .cli_ok(&["events", "--kind", "second_factor", "--json"], "")?;
    for words in ["switched on by", "recovery code used by", "switched off by"] {
        ensure!(events.contains(words), "{words}: {events}");
    }
    Ok(())
}

#[test]
fn the_login_called_admin_asks_for_codes_too_and_an_admin_resets_somebody_elses() -> Result<()> {
    let pages = Pages::open()?;
    let (admin, elsewhere) = (pages.browser()?, pages.browser()?);
    for browser in [&admin, &elsewhere] {
        ensure!(browser.sign_in("admin", PASSWORD)? == "/overview");
    }
    let app = App::scan(&admin.post("/me/codes/begin", &[])?.page)?;
    admin.post("/me/codes/confirm", &[("code", &app.code(0)?)])?;
    ensure!(admin.get("/overview")?.status == 200 && elsewhere.get("/overview")?.to == "/login");
    ensure!(elsewhere.sign_in("admin", PASSWORD)? == "/login/code");
    ensure!(elsewhere.get("/overview")?.to == "/login/code");
    ensure!(elsewhere.submit("/login/code", &[("code", &app.code(1)?)])? == "/overview");

    let bert = pages.signed_in("bert")?;
    let his = App::scan(&bert.post("/me/codes/begin", &[])?.page)?;
    bert.post("/me/codes/confirm", &[("code", &his.code(0)?)])?;
    ensure!(admin.submit("/accounts/2/codes/reset", &[])? == "/accounts/2?said=codes");
    ensure!(!is_in(&bert)? && bert.sign_in("bert@firm.example", PASSWORD)? == "/me");
    ensure!(
        admin.get("/overview")?.status == 200,
        "the admin's own session is another matter"
    );
    Ok(())
}
