//! Stopping accounts, holding their mail, and whom they met.

use crate::office::{address, due, office, outgoing, person, wait};
use proto::types::{AccountId, Protocol, Timestamp};
use store::{
    AccountState, Acquaintance, Counter, EventKind, Freeze, FreezeOutcome, GuardAction, NewAccount, Store,
    Trip,
};

const MAIL: &[u8] = b"Subject: x\r\n\r\nx\r\n";
const NOW: Timestamp = Timestamp(5_000);

fn freeze(account: AccountId, action: GuardAction) -> Freeze {
    Freeze {
        account,
        at: NOW,
        reason: "too many".to_owned(),
        trip: Some(Trip {
            id: "abc".to_owned(),
            account,
            counter: Counter::NewMessages,
            count: 16,
            limit: 15,
            window: 3600,
            action,
            until: None,
            last_admin: false,
            ip: Some("192.0.2.1".parse().unwrap()),
            networks: vec!["192.0.2.0/24".to_owned()],
            protocol: Some(Protocol::Submission),
            recipients: Vec::new(),
            taken: 15,
            held: 0,
            watched: false,
        }),
        until: NOW.plus(60),
    }
}

fn events(store: &Store) -> Vec<EventKind> {
    let events = store.snapshot().unwrap().events(None, 100, |_| true).unwrap();
    events.into_iter().rev().map(|(_, event)| event.kind).collect()
}

fn state(store: &Store, id: AccountId) -> AccountState {
    store.snapshot().unwrap().account(id).unwrap().unwrap().state
}

fn admin(name: &str) -> NewAccount {
    NewAccount {
        admin: true,
        ..person(name)
    }
}

#[test]
fn a_freeze_holds_the_queue_and_says_so_in_one_commit() {
    let (_dir, store) = office();
    let ann = wait(store.create_account(person("ann"))).unwrap();
    let ben = wait(store.create_account(person("ben"))).unwrap();
    for owner in [ann, ann, ben] {
        wait(store.deliver(vec![outgoing(MAIL, Some(owner), "a@far.example", 1)])).unwrap();
    }
    let outcome = wait(store.freeze(freeze(ann, GuardAction::Freeze))).unwrap();
    assert_eq!(outcome, FreezeOutcome::Frozen { held: 2 });
    let again = wait(store.freeze(freeze(ann, GuardAction::Freeze))).unwrap();
    assert_eq!(again, FreezeOutcome::Already);
    let snapshot = store.snapshot().unwrap();
    assert_eq!(
        (snapshot.held_len().unwrap(), snapshot.held().unwrap()[&ann]),
        (2, 2)
    );
    assert_eq!(due(&store, NOW.0).len(), 1);
    let [
        EventKind::Tripped(trip),
        EventKind::Frozen {
            held: 2,
            trip: Some(id),
            ..
        },
    ] = &events(&store)[..]
    else {
        panic!("{:?}", events(&store))
    };
    assert_eq!((trip.held, &trip.id), (2, id));

    assert!(wait(store.freeze_seen(ann, NOW, "ben".to_owned())).unwrap());
    assert!(!wait(store.freeze_seen(ann, NOW, "ben".to_owned())).unwrap());
    assert!(wait(store.unfreeze(ann, NOW, "ben".to_owned())).unwrap());
    assert!(!wait(store.unfreeze(ann, NOW, "ben".to_owned())).unwrap());
    assert_eq!(
        store.snapshot().unwrap().held_len().unwrap(),
        2,
        "held until somebody decides"
    );
    assert_eq!(wait(store.release_held(ann, NOW, "ben".to_owned())).unwrap(), 2);
    assert_eq!(
        wait(store.discard_held(ann, Vec::new(), NOW, "ben".to_owned())).unwrap(),
        0
    );
    assert_eq!(due(&store, NOW.0).len(), 3);
    assert!(matches!(
        events(&store).last(),
        Some(EventKind::HeldReleased { count: 2, .. })
    ));
    assert!(store.check().unwrap().is_clean());
}

#[test]
fn of_two_admins_frozen_at_once_one_stays_to_let_the_other_out() {
    let (_dir, store) = office();
    let ann = wait(store.create_account(admin("ann"))).unwrap();
    let ben = wait(store.create_account(admin("ben"))).unwrap();
    let outcomes = wait(async {
        let both = [ann, ben].map(|id| {
            let store = store.clone();
            tokio::spawn(async move { store.freeze(freeze(id, GuardAction::Freeze)).await.unwrap() })
        });
        let [one, other] = both;
        [one.await.unwrap(), other.await.unwrap()]
    });
    let limited = FreezeOutcome::Limited {
        until: NOW.plus(60),
        last_admin: true,
    };
    assert!(
        outcomes.contains(&FreezeOutcome::Frozen { held: 0 }),
        "{outcomes:?}"
    );
    assert!(outcomes.contains(&limited), "{outcomes:?}");
    // By hand too, and it is written down.
    let last = if state(&store, ann).holds_mail() { ben } else { ann };
    let by_hand = Freeze {
        trip: None,
        ..freeze(last, GuardAction::Freeze)
    };
    assert_eq!(wait(store.freeze(by_hand)).unwrap(), limited);
    assert!(matches!(
        events(&store).last(),
        Some(EventKind::LastAdminLimited { account, .. }) if *account == last
    ));
    let states = [state(&store, ann), state(&store, ben)];
    let stopped = states.iter().filter(|state| state.holds_mail()).count();
    assert_eq!(stopped, 1, "{states:?}");
}

#[test]
fn acquaintances_are_remembered_until_they_are_forgotten() {
    let (_dir, store) = office();
    let ann = wait(store.create_account(person("ann"))).unwrap();
    let network = Acquaintance::Network("192.0.2.0/24".to_owned());
    let friend = Acquaintance::Recipient(address("Friend@far.example"));
    let meet = |at| wait(store.meet(ann, vec![network.clone(), friend.clone()], Timestamp(at))).unwrap();
    let met = |whom: &Acquaintance| store.snapshot().unwrap().met(ann, whom).unwrap();
    meet(1_000);
    meet(2_000);
    assert_eq!(
        met(&network),
        Some((Timestamp(1_000), Timestamp(1_000))),
        "twice a day is once"
    );
    meet(100_000);
    assert_eq!(met(&friend), Some((Timestamp(1_000), Timestamp(100_000))));
    meet(500); // the clock was set back: what lies in the future is not believed
    assert_eq!(met(&network), Some((Timestamp(500), Timestamp(500))));
    wait(store.forget(ann, vec![friend.clone()])).unwrap();
    assert_eq!(met(&friend), None);
    wait(store.forget_before(Timestamp(501))).unwrap();
    assert_eq!(met(&network), None);
}

#[test]
fn an_account_knows_so_many_and_forgets_the_oldest_first() {
    let (_dir, store) = office();
    let ann = wait(store.create_account(person("ann"))).unwrap();
    let met = |n: i64| Acquaintance::Recipient(address(&format!("x{n}@elsewhere.example")));
    for portion in 0..21 {
        let those = (0..500).map(|n| met(portion * 500 + n)).collect();
        wait(store.meet(ann, those, Timestamp(1_000 + portion))).unwrap();
    }
    wait(store.forget_before(Timestamp(1))).unwrap();
    let snapshot = store.snapshot().unwrap();
    let known = (0..10_500).filter(|n| snapshot.met(ann, &met(*n)).unwrap().is_some());
    let known: Vec<i64> = known.collect();
    assert_eq!((known.len(), known[0]), (10_000, 500));
}
