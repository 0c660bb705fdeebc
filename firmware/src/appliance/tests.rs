//! The appliance over a real data folder.

use super::*;
use crate::board_link::Board;
use crate::clock::Clock;
use proto::types::{Domain, Timestamp};
use proto::types::{Mechanism, Protocol};
use std::collections::BTreeMap;
use store::EventKind;
use web_setup::{
    AccountsRoom as _, Appliance as _, FailedLogins, GuardRoom as _, Login, LoginFilter, LoginsRoom as _,
    Peer, ScreenRoom as _, SendingRoom as _, SignInRoom as _,
};

const NOW: i64 = 1_764_000_000;

struct Fresh {
    pages: Appliance,
    house: Arc<House>,
    _home: tempfile::TempDir,
}

fn fresh() -> Fresh {
    let home = tempfile::tempdir().unwrap();
    let clock = Clock::standing(Timestamp(NOW));
    let (board, _) = Board::from_environment(clock.clone(), 443).unwrap();
    let (house, writer) = House::open(home.path(), clock, board).unwrap();
    let house = Arc::new(house);
    tokio::spawn(writer.run(house.store.clone()));
    Fresh {
        pages: Appliance::new(Arc::clone(&house), &BTreeMap::new()),
        house,
        _home: home,
    }
}

fn secret(text: &str) -> Secret {
    Secret::new(text.into())
}

fn office(domain: &str) -> web_setup::Office {
    web_setup::Office {
        domain: Domain::parse(domain).unwrap(),
        hostname: Domain::parse(&format!("mail.{domain}")).unwrap(),
    }
}

async fn set_up(pages: &Appliance) -> Pass {
    pages
        .set_admin_password(secret("correct horse battery"))
        .await
        .unwrap();
    pages.set_office(office("exampel.com")).await.unwrap();
    pages
        .set_first_account("ada".to_owned(), secret("tulips in the rain"))
        .await
        .unwrap();
    pages.set_office(office("example.com")).await.unwrap();
    while pages.dkim().await.unwrap().is_none() {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    pages.finish().await.unwrap()
}

async fn login(pages: &Appliance, name: &str, password: &str) -> Login {
    let peer = Peer("192.0.2.7".parse().unwrap());
    pages
        .login(peer, name.to_owned(), secret(password))
        .await
        .unwrap()
}

#[tokio::test]
async fn nothing_counts_before_the_setup_is_finished_and_then_everything_does() {
    let fresh = fresh();
    let pages = &fresh.pages;
    assert_eq!(pages.progress().await.unwrap(), Progress::default());
    assert!(pages.claim_code().is_some());
    assert_eq!(
        pages.finish().await,
        Err(Fault::Refused("Something is still missing.".to_owned()))
    );

    pages.set_office(office("exampel.com")).await.unwrap();
    let progress = pages.progress().await.unwrap();
    assert_eq!(
        (progress.admin, progress.office, progress.finished),
        (false, Some(office("exampel.com")), false)
    );
    assert_eq!(fresh.house.office().unwrap(), None);
    assert_eq!(pages.accounts().await.unwrap(), []);

    set_up(pages).await;
    assert!(pages.progress().await.unwrap().finished);
    assert!(pages.claim_code().is_none());
    let accounts = pages.accounts().await.unwrap();
    let shown: Vec<_> = accounts
        .iter()
        .map(|a| (a.address.to_string(), a.admin, a.created))
        .collect();
    assert_eq!(shown, [("ada@example.com".to_owned(), true, Timestamp(NOW))]);
    let keys = pages.dkim().await.unwrap().unwrap();
    assert!(
        keys[0].text.starts_with("v=DKIM1; k=rsa; p=") && keys[1].algorithm == "ed25519",
        "{keys:?}"
    );
    let snapshot = fresh.house.store.snapshot().unwrap();
    assert_eq!(
        snapshot.setting(settings::SETUP).unwrap(),
        None,
        "the draft is gone"
    );
    assert!(pages.set_office(office("example.org")).await.is_err(), "too late");
}

#[tokio::test]
async fn a_pass_ends_with_the_password_or_the_freezing() {
    let fresh = fresh();
    let pages = &fresh.pages;
    let setup = set_up(pages).await;
    let Login::Welcome(admin) = login(pages, "admin", "correct horse battery").await else {
        panic!("admin")
    };
    let Login::Welcome(ada) = login(pages, "ada@example.com", "tulips in the rain").await else {
        panic!("ada")
    };
    assert_eq!(setup, admin);
    assert!(pages.still_welcome(admin).await.unwrap() && pages.still_welcome(ada).await.unwrap());

    let new = pages
        .set_admin_password(secret("quite another one"))
        .await
        .unwrap();
    assert!(!pages.still_welcome(admin).await.unwrap() && pages.still_welcome(new).await.unwrap());
    assert!(pages.still_welcome(ada).await.unwrap());

    let id = ada.account.unwrap();
    // The last admin could not be let out by anybody.
    let last = pages.freeze(id, "laptop stolen".to_owned()).await;
    assert!(matches!(last, Err(Fault::Refused(_))), "{last:?}");
    assert!(pages.still_welcome(ada).await.unwrap());
    let bob = Address::parse("bob@example.com").unwrap();
    pages
        .create_account(bob, secret("a chief of his own"), true)
        .await
        .unwrap();
    pages.freeze(id, "laptop stolen".to_owned()).await.unwrap();
    assert!(!pages.still_welcome(ada).await.unwrap());
    let frozen = login(pages, "ada@example.com", "tulips in the rain").await;
    assert_eq!(frozen, Login::Shut("laptop stolen".to_owned()));
    pages.unfreeze(id).await.unwrap();
    assert!(pages.still_welcome(ada).await.unwrap());
    pages
        .set_account_password(id, secret("roses in the snow"))
        .await
        .unwrap();
    assert!(!pages.still_welcome(ada).await.unwrap());
}

#[tokio::test]
async fn failed_logins_are_folded_and_paged() {
    let fresh = fresh();
    let failed = |login: &str| EventKind::LoginFailed {
        protocol: Protocol::Imap,
        ip: "192.0.2.7".parse().unwrap(),
        login: login.to_owned(),
        account: None,
        mechanism: Mechanism::Plain,
        tls: true,
        reason: "unknown account".to_owned(),
        count: 1,
        client: String::new(),
        last: None,
    };
    for (login, times) in [("old", 1), ("guess", 600), ("ada", 2), ("guess", 3)] {
        for _ in 0..times {
            fresh.house.ledger.record(failed(login));
        }
    }
    let rows = |page: &FailedLogins| -> BTreeMap<String, u64> {
        page.rows
            .iter()
            .map(|row| (row.login.clone(), row.count))
            .collect()
    };
    let counts = |rows: &[(&str, u64)]| -> BTreeMap<String, u64> {
        rows.iter()
            .map(|(name, count)| ((*name).to_owned(), *count))
            .collect()
    };
    let all = LoginFilter::default();
    let first = fresh.pages.failed_logins(all.clone(), None, 2).await.unwrap();
    assert_eq!(rows(&first), counts(&[("guess", 603), ("ada", 2)]));
    let older = fresh.pages.failed_logins(all.clone(), first.older, 2);
    let second = older.await.unwrap();
    assert_eq!(rows(&second), counts(&[("old", 1)]));
    assert_eq!(second.older, None);
    assert!(first.rows.iter().all(|row| !row.known));

    assert_eq!(login(&fresh.pages, "admin", "wrong").await, Login::Wrong);
    let page = fresh.pages.failed_logins(all, None, 1).await.unwrap();
    assert_eq!(rows(&page), counts(&[("admin", 1)]));
    assert!(
        page.rows[0].known,
        "the admin's login is no mail account, but it exists"
    );
}

#[tokio::test]
async fn failed_logins_are_found_by_what_is_known_of_them() {
    let fresh = fresh();
    let day = fresh.house.clock.now().0.div_euclid(86_400);
    for (protocol, ip, login, account) in [
        (Protocol::Imap, "192.0.2.7", "Ann@example.com", Some(AccountId(1))),
        (Protocol::Pop3, "192.0.2.8", "=cmd()", None),
        (Protocol::Submission, "2001:db8::1", "ben", None),
    ] {
        fresh.house.ledger.record(EventKind::LoginFailed {
            protocol,
            ip: ip.parse().unwrap(),
            login: login.to_owned(),
            account,
            mechanism: Mechanism::Plain,
            tls: true,
            reason: "wrong password".to_owned(),
            count: 1,
            client: String::new(),
            last: None,
        });
    }
    let any = LoginFilter::default;
    for (filter, found) in [
        (any(), 3),
        (
            LoginFilter {
                protocol: Some(Protocol::Pop3),
                ..any()
            },
            1,
        ),
        (
            LoginFilter {
                from: "192.0.2.0/24".to_owned(),
                ..any()
            },
            2,
        ),
        (
            LoginFilter {
                from: " 2001:db8::1 ".to_owned(),
                ..any()
            },
            1,
        ),
        (
            LoginFilter {
                name: "ANN@".to_owned(),
                ..any()
            },
            1,
        ),
        (
            LoginFilter {
                known: Some(true),
                ..any()
            },
            1,
        ),
        (
            LoginFilter {
                known: Some(false),
                ..any()
            },
            2,
        ),
        (
            LoginFilter {
                day: Some(day),
                ..any()
            },
            3,
        ),
        (
            LoginFilter {
                day: Some(day - 1),
                ..any()
            },
            0,
        ),
        (
            LoginFilter {
                known: Some(true),
                name: "ben".to_owned(),
                ..any()
            },
            0,
        ),
    ] {
        let page = fresh.pages.failed_logins(filter.clone(), None, 10).await.unwrap();
        assert_eq!(page.rows.len(), found, "{filter:?}");
    }
    let wrong = LoginFilter {
        from: "somewhere".to_owned(),
        ..any()
    };
    let refused = fresh.pages.failed_logins(wrong, None, 10).await;
    assert!(matches!(refused, Err(Fault::Refused(_))));
}

#[tokio::test]
async fn lists_and_rules_are_changed_on_the_page_or_refused_in_words() {
    let fresh = fresh();
    let pages = &fresh.pages;
    let wish = |network: &str| web_setup::ListWish {
        allow: false,
        network: network.to_owned(),
        hours: Some(24),
        note: "spam".to_owned(),
    };
    pages.put_on_list(wish("203.0.113.7/24")).await.unwrap();
    assert!(matches!(
        pages.put_on_list(wish("x")).await,
        Err(Fault::Refused(_))
    ));
    let seen = pages.screening().await.unwrap();
    assert_eq!(seen.entries[0].network, "203.0.113.0/24");
    assert_eq!(
        pages.glance().await.unwrap().blocked,
        0,
        "no panel before the setup"
    );
    let network = seen.entries[0].network.clone();
    pages.take_off_list(false, network.clone()).await.unwrap();
    assert_eq!(pages.take_off_list(false, network).await, Err(Fault::Gone));

    let mut values: BTreeMap<String, String> = seen
        .rules
        .iter()
        .map(|rule| (rule.name.to_owned(), rule.value.to_string()))
        .collect();
    values.insert("errors".to_owned(), "50".to_owned());
    pages.set_screening(values.clone()).await.unwrap();
    assert_eq!(fresh.house.screen.rules().errors, 50);
    values.insert("garbage".to_owned(), "1000000".to_owned());
    values.insert("errors".to_owned(), "60".to_owned());
    let Err(Fault::Refused(words)) = pages.set_screening(values).await else {
        panic!()
    };
    assert_eq!(
        words,
        "Lines that are no command: 1000000 is not between 5 and 10000."
    );
    assert_eq!(fresh.house.screen.rules().errors, 50);
}

#[tokio::test]
async fn a_test_message_is_in_the_inbox() {
    let fresh = fresh();
    set_up(&fresh.pages).await;
    let id = fresh.pages.accounts().await.unwrap()[0].id;
    fresh.pages.send_test(id).await.unwrap();
    let snapshot = fresh.house.store.snapshot().unwrap();
    let inbox = snapshot.mailbox(id, "INBOX").unwrap().unwrap();
    let opened = snapshot.open(inbox.id).unwrap();
    assert_eq!(opened.uids.len(), 1);
    assert_eq!(fresh.pages.send_test(AccountId(99)).await, Err(Fault::Gone));
}

#[tokio::test]
async fn the_panels_picture_says_in_words_what_it_shows() {
    let fresh = fresh();
    let panel = fresh.pages.panel().await.unwrap();
    assert_eq!(panel.size, (512, 256));
    assert!(panel.png.starts_with(b"\x89PNG"));
    assert!(
        panel
            .lines
            .iter()
            .any(|line| line.contains(&fresh.house.claim_code)),
        "{:?}",
        panel.lines
    );
}

#[tokio::test]
async fn a_smarthosts_password_stays_for_the_same_server_and_user_alone() {
    let fresh = fresh();
    let pages = &fresh.pages;
    let smarthost = |host: &str, user: Option<&str>, protection| web_setup::Smarthost {
        host: host.to_owned(),
        port: 587,
        protection,
        user: user.map(str::to_owned),
        trust_any_certificate: false,
    };
    let starttls = web_setup::Protection::Starttls;
    let mine = smarthost("smtp.example.net", Some("office"), starttls);
    assert!(matches!(
        pages.send_through(String::new(), mine.clone(), None).await,
        Err(Fault::Refused(_))
    ));
    pages
        .send_through(String::new(), mine.clone(), Some(secret("s3cret")))
        .await
        .unwrap();
    assert_eq!(pages.smarthost().await.unwrap(), Some(mine.clone()));
    let stored = || {
        let snapshot = fresh.house.store.snapshot().unwrap();
        settings::read::<settings::Smarthost>(&snapshot, settings::SMARTHOST).unwrap()
    };
    let mut other_port = mine.clone();
    other_port.port = 2587;
    pages.send_through(String::new(), other_port, None).await.unwrap();
    assert_eq!(stored().unwrap().password.as_deref(), Some("s3cret"));
    let mut trusting = mine.clone();
    trusting.trust_any_certificate = true;
    for elsewhere in [
        smarthost("evil.example", Some("office"), starttls),
        smarthost("smtp.example.net", Some("other"), starttls),
        trusting,
        smarthost("smtp.example.net", Some("office"), web_setup::Protection::None),
    ] {
        assert!(
            matches!(
                pages.send_through(String::new(), elsewhere.clone(), None).await,
                Err(Fault::Refused(_))
            ),
            "{elsewhere:?}"
        );
    }
    pages
        .send_through(
            String::new(),
            smarthost("nas", None, web_setup::Protection::None),
            None,
        )
        .await
        .unwrap();
    assert_eq!(stored().unwrap().password, None);
    pages.send_directly(String::new()).await.unwrap();
    assert_eq!(pages.smarthost().await.unwrap(), None);
    let again = pages.send_directly(String::new()).await;
    assert!(matches!(again, Err(Fault::Refused(_))), "{again:?}");
    fresh.house.ledger.flush().await;
    let snapshot = fresh.house.store.snapshot().unwrap();
    let filter = crate::ledger::events::Filter {
        kind: "way_changed".to_owned(),
        ..Default::default()
    };
    let (rows, _) = crate::ledger::events::page(&snapshot, &filter, None, 9).unwrap();
    let words: Vec<&str> = rows.iter().map(|row| row.words.as_str()).collect();
    assert_eq!(
        words,
        [
            "admin's page took the server for all mail away",
            "admin's page had all mail leave through nas, port 587",
            "admin's page had all mail leave through smtp.example.net, port 2587, as office",
            "admin's page had all mail leave through smtp.example.net, port 587, as office",
        ]
    );
}

#[tokio::test]
async fn a_login_with_a_second_factor_takes_both_and_a_wrong_code_is_a_failed_login() {
    let fresh = fresh();
    let pages = &fresh.pages;
    let setup = set_up(pages).await;
    let peer = Peer("192.0.2.7".parse().unwrap());
    for (name, password) in [
        ("admin", "correct horse battery"),
        ("ada@example.com", "tulips in the rain"),
    ] {
        let Login::Welcome(pass) = login(pages, name, password).await else {
            panic!("{name}")
        };
        let of = pass.account;
        let shown = pages.begin_second_factor(of).await.unwrap();
        let shown = decoded(&shown);
        let now = fresh.house.clock.now().0 / 30;
        let code = secret(&proto::totp::code(&shown, now));
        let before = pass;
        let (pass, recovery) = pages.confirm_second_factor(of, code.clone()).await.unwrap();
        assert_eq!(pages.still_welcome(before).await, Ok(false), "other browsers");
        assert_eq!(pages.still_welcome(pass).await, Ok(true), "the one that did it");
        assert_eq!(login(pages, name, password).await, Login::Code(pass));
        assert_eq!(login(pages, name, "wrong").await, Login::Wrong);
        assert_eq!(pages.login_code(peer, pass, code).await, Ok(Login::Wrong), "used");
        let used = recovery.first().unwrap().clone();
        assert_eq!(pages.login_code(peer, pass, used).await, Ok(Login::Welcome(pass)));
        assert_eq!(pages.second_factor(of).await.unwrap().recovery_left, 9);
    }
    let page = pages
        .failed_logins(LoginFilter::default(), None, 10)
        .await
        .unwrap();
    let codes = page.rows.iter().filter(|row| row.reason == "wrong code");
    assert!(
        codes
            .clone()
            .all(|row| row.mechanism == Mechanism::Code && row.known)
    );
    assert_eq!(codes.count(), 2);
    assert_eq!(pages.still_welcome(setup).await, Ok(false));
    let ended = pages.end_second_factor(peer, setup, secret("000000")).await;
    assert_eq!(ended, Ok(Login::Wrong));
    pages.reset_second_factor(AccountId(1)).await.unwrap();
    assert!(matches!(
        login(pages, "ada@example.com", "tulips in the rain").await,
        Login::Welcome(_)
    ));
    assert!(matches!(
        login(pages, "admin", "correct horse battery").await,
        Login::Code(_)
    ));
}

// Base32, as an app reads it.
fn decoded(text: &Secret) -> Vec<u8> {
    let (mut octets, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for letter in text.expose() {
        let five = match letter {
            b'A'..=b'Z' => letter - b'A',
            _ => letter - b'2' + 26,
        };
        (bits, held) = ((bits << 5 | u32::from(five)) & 0xffff, held + 5);
        if held >= 8 {
            held -= 8;
            octets.push(u8::try_from((bits >> held) & 0xff).unwrap());
        }
    }
    octets
}
