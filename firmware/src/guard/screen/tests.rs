use super::*;
use crate::ledger::Writer;
use proto::types::Protocol;
use std::net::Ipv4Addr;
use store::Options;

const START: Timestamp = Timestamp(1_700_000_000);
const MINUTE: i64 = 60;

struct Bench {
    screen: Screen,
    clock: Clock,
    ledger: Ledger,
    store: Store,
    _folder: tempfile::TempDir,
}

fn bench() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &Options::default()).unwrap();
    let clock = Clock::standing(START);
    let (ledger, writer) = Ledger::open(clock.clone(), &store.snapshot().unwrap()).unwrap();
    tokio::spawn(Writer::run(writer, store.clone()));
    Bench {
        screen: Screen::open(clock.clone(), ledger.clone(), store.clone()).unwrap(),
        clock,
        ledger,
        store,
        _folder: folder,
    }
}

impl Bench {
    fn wait(&self, seconds: i64) {
        self.clock.set(self.clock.now().plus(seconds));
    }

    fn wrong(&self, from: &str, who: &str, password: &str) -> Option<Blocked> {
        let target = self.target(who);
        self.screen.wrong(ip(from), &target, &secret(password))
    }

    fn right(&self, from: &str, who: &str) {
        self.screen.right(ip(from), &self.target(who));
    }

    fn may_try(&self, from: &str, who: &str) -> bool {
        self.screen.may_try(ip(from), &self.target(who)).is_ok()
    }

    // Names with a number are accounts of ours.
    fn target(&self, who: &str) -> Target {
        let digits: String = who.chars().filter(char::is_ascii_digit).collect();
        let account = digits.parse().ok().map(|id| (AccountId(id), who.to_owned()));
        self.screen.target(account, who)
    }

    fn blocked(&self, from: &str) -> Option<Blocked> {
        self.screen.blocked(ip(from))
    }
}

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

fn secret(text: &str) -> Secret {
    Secret::new(text.as_bytes().to_vec())
}

#[tokio::test]
async fn ten_different_wrong_passwords_shut_an_address_out_for_longer_each_time() {
    let bench = bench();
    for minutes in [15, 60, 1440, 2880, 2880] {
        for n in 0..9 {
            assert_eq!(bench.wrong("192.0.2.1", "ann1", &format!("guess {n}")), None);
        }
        assert_eq!(
            bench.wrong("192.0.2.1", "ann1", "guess 8"),
            None,
            "the same again"
        );
        let blocked = bench.wrong("192.0.2.1", "ann1", "guess 9").unwrap();
        let end = bench.clock.now().plus(minutes * MINUTE);
        assert_eq!(blocked.until, Some(end));
        assert_eq!(blocked.why, "10 different wrong passwords within 60 minutes");
        assert_eq!(bench.blocked("192.0.2.1"), Some(blocked));
        assert_eq!(bench.blocked("192.0.2.2"), None);
        bench.clock.set(end);
        assert_eq!(bench.blocked("192.0.2.1"), None);
    }
}

#[tokio::test]
async fn guesses_that_lie_further_apart_than_the_window_shut_nobody_out() {
    let bench = bench();
    for n in 0..100 {
        assert_eq!(bench.wrong("192.0.2.1", "ann1", &format!("guess {n}")), None);
        bench.wait(7 * MINUTE);
    }
}

#[tokio::test]
async fn one_phone_with_an_old_password_never_shuts_an_office_out() {
    let bench = bench();
    let office = "198.51.100.7";
    for round in 0..500 {
        assert_eq!(bench.wrong(office, "phone31", "last year's"), None);
        // Thirty people come and go, and one of them mistypes now and then.
        let who = format!("user{}", round % 30);
        if round % 3 == 0 {
            assert_eq!(bench.wrong(office, &who, &format!("typo {round}")), None);
        }
        bench.right(office, &who);
        assert!(bench.may_try(office, "phone31") && bench.may_try(office, &who));
        bench.wait(20);
    }
    assert_eq!(bench.screen.penalties(), []);
}

#[tokio::test]
async fn an_office_that_is_home_to_a_guesser_has_five_times_the_patience_but_not_for_ever() {
    let bench = bench();
    bench.right("198.51.100.7", "ann1");
    for n in 0..49 {
        assert_eq!(bench.wrong("198.51.100.7", &format!("user{n}"), "summer"), None);
    }
    assert!(bench.wrong("198.51.100.7", "user49", "summer").is_some());
}

#[tokio::test]
async fn a_network_that_guesses_together_is_shut_out_but_not_those_of_ours_in_it() {
    let bench = bench();
    bench.right("192.0.2.99", "ann1");
    for n in 0..30 {
        let from = format!("192.0.2.{}", n % 10 + 1);
        let blocked = bench.wrong(&from, &format!("user{n}"), "summer");
        assert_eq!(blocked.is_some(), n == 29, "{n}");
    }
    assert!(bench.blocked("192.0.2.77").is_some());
    assert_eq!(bench.blocked("192.0.2.99"), None);
    assert_eq!(bench.blocked("192.0.3.77"), None);
}

#[tokio::test]
async fn whoever_has_a_whole_network_of_ipv6_is_one_party() {
    let bench = bench();
    for n in 0..10 {
        let blocked = bench.wrong(&format!("2001:db8:1:2::{n}"), &format!("user{n}"), "summer");
        assert_eq!(blocked.is_some(), n == 9, "{n}");
    }
    assert!(bench.blocked("2001:db8:1:2:ffff::1").is_some());
    assert_eq!(bench.blocked("2001:db8:1:3::1"), None);
    assert_eq!(
        bench.screen.penalties()[0].subject.to_string(),
        "2001:db8:1:2::/64"
    );
}

#[tokio::test]
async fn an_account_that_all_the_world_guesses_at_is_open_only_where_it_was_used_before() {
    let bench = bench();
    bench.right("198.51.100.7", "ann1");
    for n in 0..30_u8 {
        let from = Ipv4Addr::new(203, n, 0, 1).to_string();
        let blocked = bench.wrong(&from, "ann1", &format!("guess {n}"));
        assert_eq!(blocked.is_some(), n == 29);
    }
    assert!(!bench.may_try("203.99.0.1", "ann1"));
    assert!(bench.may_try("203.99.0.1", "ben2"), "another account");
    assert!(bench.may_try("198.51.100.7", "ann1"), "where it was used before");
    assert!(bench.may_try("192.168.1.5", "ann1"), "in the office");
    assert_eq!(bench.blocked("203.99.0.1"), None);
    bench.wait(15 * MINUTE);
    assert!(bench.may_try("203.99.0.1", "ann1"));
}

#[tokio::test]
async fn the_office_itself_is_never_shut_out() {
    let bench = bench();
    bench.screen.set_own(vec![ip("2001:db8:5::10")]);
    for from in [
        "127.0.0.1",
        "10.1.2.3",
        "192.168.0.9",
        "fe80::1",
        "::1",
        "2001:db8:5::99",
    ] {
        for n in 0..2000 {
            assert_eq!(
                bench.wrong(from, &format!("user{n}"), &format!("guess {n}")),
                None
            );
            assert_eq!(
                bench.screen.offence(ip(from), Offence::Garbage),
                (Duration::ZERO, None)
            );
            assert_eq!(bench.screen.connection(ip(from)), Verdict::Welcome);
        }
    }
    assert_eq!(bench.screen.penalties(), []);
}

#[tokio::test]
async fn bad_manners_wait_longer_and_end_in_a_penalty() {
    for (offence, free, why, waits) in [
        (
            Offence::Recipient,
            30,
            "31 recipients that do not exist within 60 minutes",
            true,
        ),
        (Offence::Reset, 100, "101 RSET commands within 60 minutes", false),
        (
            Offence::Garbage,
            30,
            "31 lines that are no command within 60 minutes",
            true,
        ),
        (
            Offence::Error,
            100,
            "101 refused commands within 60 minutes",
            true,
        ),
    ] {
        let bench = bench();
        let mut last = Duration::ZERO;
        for n in 0..free {
            let (wait, blocked) = bench.screen.offence(ip("192.0.2.1"), offence);
            assert_eq!(blocked, None, "{n}");
            assert!(wait >= last && wait <= Duration::from_secs(8));
            last = wait;
        }
        assert_eq!(last > Duration::from_secs(1), waits, "{offence:?}");
        let (wait, blocked) = bench.screen.offence(ip("192.0.2.1"), offence);
        assert_eq!((wait, blocked.unwrap().why.as_str()), (Duration::ZERO, why));
        assert!(bench.blocked("192.0.2.1").is_some());
    }
}

#[tokio::test]
async fn too_many_connections_are_turned_away_for_a_minute_and_a_flood_for_longer() {
    let bench = bench();
    let connect = || bench.screen.connection(ip("192.0.2.1"));
    for _ in 0..120 {
        assert_eq!(connect(), Verdict::Welcome);
    }
    let Verdict::Blocked(blocked) = connect() else {
        panic!()
    };
    assert_eq!(blocked.until, Some(START.plus(MINUTE)));
    assert_eq!(blocked.why, "more than 120 connections in a minute");
    assert_eq!(bench.screen.penalties(), []);
    bench.wait(MINUTE);
    assert_eq!(connect(), Verdict::Welcome);
    for _ in 0..599 {
        assert!(connect() != Verdict::Dropped);
    }
    let Verdict::Blocked(flood) = connect() else {
        panic!()
    };
    assert_eq!(flood.until, Some(bench.clock.now().plus(15 * MINUTE)));
    assert_eq!(connect(), Verdict::Dropped);
    bench.wait(MINUTE);
    assert_eq!(connect(), Verdict::Blocked(flood), "he is told again");
}

#[tokio::test]
async fn penalties_and_lists_survive_a_restart_and_a_release_forgives() {
    let bench = bench();
    for n in 0..10 {
        let _ = bench.wrong("192.0.2.1", "ann1", &format!("guess {n}"));
    }
    let network: Network = "203.0.113.0/24".parse().unwrap();
    let screen = &bench.screen;
    screen
        .put(List::Block, network, None, "spam".to_owned())
        .await
        .unwrap();
    screen.save().await.unwrap();
    let again = Screen::open(bench.clock.clone(), bench.ledger.clone(), bench.store.clone()).unwrap();
    assert_eq!(again.penalties(), screen.penalties());
    assert_eq!(again.blocked(ip("192.0.2.1")), screen.blocked(ip("192.0.2.1")));
    assert_eq!(again.count(), 2);
    let listed = again.blocked(ip("203.0.113.9")).unwrap();
    assert_eq!(
        (listed.why.as_str(), listed.until),
        ("an administrator blocked it: spam", None)
    );
    let subject = again.penalties()[0].subject.clone();
    assert!(again.release(&subject, "test") && !again.release(&subject, "test"));
    assert_eq!(again.blocked(ip("192.0.2.1")), None);
    assert!(again.remove(List::Block, network).await.unwrap());
    assert_eq!(again.count(), 0);
    bench.ledger.flush().await;
    let events = bench
        .store
        .snapshot()
        .unwrap()
        .events(None, 100, |_| true)
        .unwrap();
    let said: Vec<String> = events
        .into_iter()
        .rev()
        .filter_map(|(_, event)| match event.kind {
            EventKind::Blocked { who, why, .. } => Some(format!("{who}: {why}")),
            EventKind::Released { who, by } => Some(format!("{who} by {by}")),
            _ => None,
        })
        .collect();
    assert_eq!(
        said,
        [
            "192.0.2.1: 10 different wrong passwords within 60 minutes",
            "192.0.2.1 by test"
        ]
    );
}

#[tokio::test]
async fn the_allow_list_comes_before_everything() {
    let bench = bench();
    let screen = &bench.screen;
    let all = "0.0.0.0/0".parse().unwrap();
    screen.put(List::Block, all, None, String::new()).await.unwrap();
    let friend = "192.0.2.0/24".parse().unwrap();
    screen
        .put(List::Allow, friend, Some(START.plus(60)), String::new())
        .await
        .unwrap();
    assert!(bench.blocked("203.0.113.9").is_some());
    assert_eq!(bench.blocked("192.0.2.9"), None);
    assert_eq!(
        bench.blocked("192.168.1.1"),
        None,
        "nobody shuts himself out of the office"
    );
    for n in 0..100 {
        assert_eq!(bench.wrong("192.0.2.9", "ann1", &format!("guess {n}")), None);
    }
    bench.wait(60);
    assert!(bench.blocked("192.0.2.9").is_some());
}

#[tokio::test]
async fn switched_off_it_counts_nothing_and_settings_out_of_range_change_nothing() {
    let bench = bench();
    let screen = &bench.screen;
    let wrong = |rules: &mut Screening| {
        rules.garbage = 0;
        Ok(())
    };
    assert!(matches!(
        screen.change_rules(wrong).await,
        Err(SettingError::Refused(_))
    ));
    assert_eq!(screen.rules(), Screening::default());
    let off = |rules: &mut Screening| {
        rules.on = false;
        Ok(())
    };
    screen.change_rules(off).await.unwrap();
    for n in 0..100 {
        assert_eq!(bench.wrong("192.0.2.1", "ann1", &format!("guess {n}")), None);
        assert_eq!(
            screen.offence(ip("192.0.2.1"), Offence::Garbage),
            (Duration::ZERO, None)
        );
    }
}

#[tokio::test]
async fn after_a_restart_addresses_of_ours_are_still_trusted() {
    let bench = bench();
    bench.ledger.record(EventKind::LoginOk {
        protocol: Protocol::Imap,
        ip: ip("198.51.100.7"),
        account: AccountId(1),
        mechanism: proto::types::Mechanism::Plain,
        tls: true,
    });
    bench.ledger.flush().await;
    let again = Screen::open(bench.clock.clone(), bench.ledger.clone(), bench.store.clone()).unwrap();
    let now = bench.clock.now();
    assert!(again.state().trust.address(ip("198.51.100.7"), now));
    assert!(!again.state().trust.address(ip("198.51.100.8"), now));
}

#[tokio::test]
async fn whatever_comes_the_tables_stay_small() {
    let bench = bench();
    for n in 0..30_000_u32 {
        let from = IpAddr::from(Ipv4Addr::from(0x2000_0000 + n * 77));
        let target = bench.screen.target(None, &format!("name {n}"));
        let _ = bench.screen.wrong(from, &target, &secret(&n.to_string()));
        let _ = bench.screen.offence(from, Offence::Error);
        bench.screen.right(from, &target);
    }
    let state = bench.screen.state();
    let (sources, guesses) = state.sources.size();
    assert!(sources <= sources::SOURCES, "{sources}");
    assert!(guesses <= 3 * sources::SOURCES, "{guesses}");
    assert!(state.trust.size() <= 2 * 4096, "{}", state.trust.size());
}
