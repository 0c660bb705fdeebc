use super::*;
use crate::guard::rules::Rules;
use proptest::prelude::*;

fn allowed(limits: &[(&str, u32)]) -> Allowed {
    let mut rules = Rules::default();
    for (what, limit) in limits {
        rules.set(None, what, &limit.to_string()).unwrap();
    }
    rules.of(proto::types::AccountId(1))
}

fn message(source: SourceClass, network: &str, recipients: u32, first_time: u32) -> Message {
    Message {
        source,
        network: network.parse().unwrap(),
        recipients,
        first_time,
        author: None,
    }
}

fn new(recipients: u32) -> Message {
    message(SourceClass::New, "192.0.2.0/24", recipients, 0)
}

#[test]
fn each_counter_stops_what_is_one_too_many_and_says_until_when() {
    // Limit to try, what is sent, how often that is allowed.
    let many = |n: u32| message(SourceClass::New, &format!("10.{n}.0.0/24"), 1, 0);
    type Sent = Box<dyn Fn(u32) -> Message>;
    let table: [(&str, u32, Counter, Sent, u32); 7] = [
        ("new_messages", 15, Counter::NewMessages, Box::new(|_| new(1)), 15),
        (
            "known_messages",
            3,
            Counter::KnownMessages,
            Box::new(|_| message(SourceClass::Known, "10.0.0.0/24", 1, 0)),
            3,
        ),
        (
            "lan_messages",
            7,
            Counter::LanMessages,
            Box::new(|_| message(SourceClass::Lan, "10.0.0.0/24", 1, 0)),
            7,
        ),
        ("recipients", 10, Counter::Recipients, Box::new(|_| new(3)), 3),
        (
            "first_time_recipients",
            10,
            Counter::FirstTimeRecipients,
            Box::new(|_| message(SourceClass::Lan, "10.0.0.0/24", 4, 4)),
            2,
        ),
        ("new_networks", 4, Counter::NewNetworks, Box::new(many), 4),
        (
            "senders",
            2,
            Counter::Senders,
            Box::new(|n| Message {
                author: Some(Address::parse(&format!("a{n}@example.com")).unwrap()),
                ..new(1)
            }),
            2,
        ),
    ];
    for (what, limit, counter, sent, fits) in table {
        let allowed = allowed(&[(what, limit)]);
        let mut windows = Windows::default();
        for n in 0..fits {
            let at = Timestamp(1000 + i64::from(n));
            assert!(windows.enter(at, sent(n), &allowed).is_ok(), "{what} {n}");
        }
        let over = windows.enter(Timestamp(2000), sent(fits), &allowed).unwrap_err();
        assert_eq!((over.counter, over.limit), (counter, limit), "{what}");
        assert!(over.count > limit);
        assert_eq!(over.until, Timestamp(1000 + window(counter)), "{what}");
        let before = over.until.plus(-1);
        assert!(windows.enter(before, sent(fits), &allowed).is_err(), "{what}");
        assert!(windows.enter(over.until, sent(fits), &allowed).is_ok(), "{what}");
    }
}

#[test]
fn what_was_given_back_does_not_count() {
    let allowed = allowed(&[("new_messages", 1), ("first_time_recipients", 1)]);
    let mut windows = Windows::default();
    let sent = message(SourceClass::New, "192.0.2.0/24", 1, 1);
    let number = windows.enter(Timestamp(5), sent.clone(), &allowed).unwrap();
    windows.leave(number);
    assert!(windows.enter(Timestamp(5), sent.clone(), &allowed).is_ok());
    assert!(windows.enter(Timestamp(5), sent, &allowed).is_err());
}

#[test]
fn a_message_with_more_recipients_than_an_hour_may_have_never_leaves() {
    let allowed = allowed(&[("recipients", 10)]);
    let over = Windows::default()
        .enter(Timestamp(0), new(11), &allowed)
        .unwrap_err();
    assert_eq!(
        (over.counter, over.count, over.until),
        (Counter::Recipients, 11, Timestamp(HOUR))
    );
}

#[test]
fn bounces_and_refused_senders_are_counted_too() {
    let allowed = allowed(&[("hard_bounces", 3), ("senders", 2)]);
    let mut windows = Windows::default();
    assert!(windows.bounce(Timestamp(0), 3, &allowed).is_ok());
    let over = windows.bounce(Timestamp(1), 1, &allowed).unwrap_err();
    assert_eq!((over.count, over.limit, over.until), (4, 3, Timestamp(HOUR)));
    let stranger = |n: i64| Address::parse(&format!("s{n}@example.net")).unwrap();
    for n in [1, 2, 1, 2] {
        assert!(windows.strange(Timestamp(n), &stranger(n), &allowed).is_ok());
    }
    assert!(windows.strange(Timestamp(9), &stranger(3), &allowed).is_err());
}

#[test]
fn a_clock_that_is_set_back_neither_forgets_nor_keeps_for_years() {
    let allowed = allowed(&[("new_messages", 1)]);
    let mut windows = Windows::default();
    windows.enter(Timestamp(1_000_000_000), new(1), &allowed).unwrap();
    assert!(windows.enter(Timestamp(1000), new(1), &allowed).is_err());
    assert!(windows.enter(Timestamp(1000 + HOUR), new(1), &allowed).is_ok());
}

#[test]
fn an_exempt_account_is_counted_and_never_stopped() {
    let mut allowed = allowed(&[("new_messages", 1)]);
    allowed.exempt = true;
    let mut windows = Windows::default();
    for _ in 0..5 {
        assert!(windows.enter(Timestamp(0), new(500), &allowed).is_ok());
    }
    assert_eq!(windows.count(Timestamp(0), Counter::Recipients), 2500);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn no_window_holds_more_than_its_limit(
        limit in 1_u32..8,
        recipients in 1_u32..30,
        steps in prop::collection::vec((0_i64..900, 0_u32..6, 0_u8..3, any::<bool>()), 1..200),
    ) {
        let allowed = allowed(&[
            ("new_messages", limit), ("known_messages", limit), ("lan_messages", limit),
            ("recipients", recipients),
        ]);
        let mut windows = Windows::default();
        let mut now = Timestamp(0);
        let mut taken: Vec<(i64, SourceClass, u32)> = Vec::new();
        for (wait, to, source, lost) in steps {
            now = now.plus(wait);
            let source = [SourceClass::Lan, SourceClass::Known, SourceClass::New][usize::from(source)];
            let sent = message(source, "192.0.2.0/24", to, 0);
            if let Ok(number) = windows.enter(now, sent, &allowed) {
                if lost {
                    windows.leave(number);
                } else {
                    taken.push((now.0, source, to));
                }
            }
        }
        for (start, ..) in &taken {
            let inside = || taken.iter().filter(|(at, ..)| (*start..start + HOUR).contains(at));
            prop_assert!(inside().map(|(.., to)| to).sum::<u32>() <= recipients);
            for source in [SourceClass::Lan, SourceClass::Known, SourceClass::New] {
                let messages = inside().filter(|(_, class, _)| *class == source).count();
                prop_assert!(messages <= limit as usize);
            }
        }
    }
}
