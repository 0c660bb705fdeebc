//! What waits to leave: its order, and what an admin does with it.

use crate::office::{address, assert_sound, change, delivery, due, office, outgoing, person, to_inbox, wait};
use proto::types::{AccountId, Domain, QueueId, RecipientWishes, Timestamp, Wishes};
use store::{EventKind, Freeze, Outgoing, QueueChange, QueueOrder, QueueReach, Store, StoreError};

const MAIL: &[u8] = b"Subject: hi\r\n\r\nhi\r\n";

fn freeze(store: &Store, account: AccountId) {
    let freeze = Freeze {
        account,
        reason: "too many".to_owned(),
        trip: None,
        at: Timestamp(50),
        until: Timestamp(60),
    };
    wait(store.freeze(freeze)).unwrap();
}

fn ids(items: &[store::QueueItem]) -> Vec<u64> {
    items.iter().map(|item| item.id.0).collect()
}

#[test]
fn domains_come_in_the_order_in_which_their_first_mail_is_due() {
    let (_dir, store) = office();
    for (to, at) in [
        ("a@one.example", 30),
        ("b@two.example", 20),
        ("c@one.example", 10),
        ("d@three.example", 20),
        ("e@later.example", 99),
    ] {
        wait(store.deliver(vec![outgoing(MAIL, None, to, at)])).unwrap();
    }
    let snapshot = store.snapshot().unwrap();
    let places = |after: Option<&(Timestamp, String)>, limit| {
        let places = snapshot.places_due(Timestamp(40), after, limit).unwrap();
        places
            .into_iter()
            .map(|(at, domain)| (at.0, domain))
            .collect::<Vec<_>>()
    };
    let place = |at, domain: &str| (at, domain.to_owned());
    let all = [
        place(10, "one.example"),
        place(20, "three.example"),
        place(20, "two.example"),
    ];
    assert_eq!(places(None, 9), all);
    let second = (Timestamp(20), "three.example".to_owned());
    assert_eq!(places(Some(&second), 9), all[2..]);
    assert_eq!(places(None, 2), all[..2]);
    let future = (Timestamp(90), "x.example".to_owned());
    assert_eq!(places(Some(&future), 9), [], "the clock went back");
    assert_eq!(snapshot.next_due().unwrap(), Some(Timestamp(10)));
    assert_sound(&store);
}

#[test]
fn rows_of_one_message_are_found_from_any_of_them() {
    let (_dir, store) = office();
    let row = |to: &str| Outgoing {
        owner: None,
        from: None,
        to: address(to),
        next_attempt: Timestamp(1),
        wishes: Wishes::default(),
        asked: RecipientWishes::default(),
    };
    let message = |text: &[u8], to: &[&str]| store::Delivery {
        outgoing: to.iter().map(|to| row(to)).collect(),
        ..delivery(text)
    };
    let to = ["a@one.example", "b@two.example", "c@one.example", "d@two.example"];
    wait(store.deliver(vec![message(MAIL, &to), message(b"other\r\n", &to[..1])])).unwrap();
    let snapshot = store.snapshot().unwrap();
    let at = |domain: &str, limit, skip: u64| {
        let found = snapshot
            .message_due(domain, Timestamp(9), limit, |item| item.id.0 == skip)
            .unwrap();
        ids(&found)
    };
    assert_eq!(
        at("one.example", 9, 0),
        [1, 3],
        "the other message is not among them"
    );
    assert_eq!(at("one.example", 1, 0), [1]);
    assert_eq!(at("one.example", 9, 1), [3], "what is known is left out");
    assert_eq!(at("nowhere.example", 9, 0), [0; 0]);
    for id in 1..=4 {
        let item = snapshot.queue_item(QueueId(id)).unwrap().unwrap();
        assert_eq!(ids(&snapshot.message_queued(&item, 9).unwrap()), [1, 2, 3, 4]);
    }
    let last = snapshot.queue_item(QueueId(5)).unwrap().unwrap();
    assert_eq!(ids(&snapshot.message_queued(&last, 9).unwrap()), [5]);
}

#[test]
fn an_admins_hold_and_that_of_a_frozen_account_are_lifted_each_by_itself() {
    let (_dir, store) = office();
    let ann = wait(store.create_account(person("ann"))).unwrap();
    let ben = wait(store.create_account(store::NewAccount {
        admin: true,
        ..person("ben")
    }));
    ben.unwrap();
    let rows: Vec<QueueId> = ["a@one.example", "b@two.example"]
        .iter()
        .flat_map(|to| {
            wait(store.deliver(vec![outgoing(MAIL, Some(ann), to, 1)])).unwrap()[0]
                .queued
                .clone()
        })
        .collect();
    let order = |order, rows: &[QueueId]| wait(store.change_queue(change(order, rows, 100))).unwrap().rows;
    assert_eq!(order(QueueOrder::Hold, &rows[..1]), 1);
    assert_eq!(order(QueueOrder::Hold, &rows[..1]), 0, "it is held already");
    freeze(&store, ann);
    assert_eq!(ids(&due(&store, 200)), [0; 0]);
    assert_eq!(order(QueueOrder::Retry, &rows), 0, "what is held is not tried");
    // The admin lets his go: the sender is still frozen.
    assert_eq!(order(QueueOrder::Release, &rows), 1);
    assert_eq!(ids(&due(&store, 200)), [0; 0]);
    assert_eq!(order(QueueOrder::Hold, &rows[..1]), 1);
    // The sender's mail is let go: the admin still holds one.
    assert_eq!(
        wait(store.release_held(ann, Timestamp(100), "ben".to_owned())).unwrap(),
        2
    );
    assert_eq!(
        due(&store, 200).iter().map(|item| item.id).collect::<Vec<_>>(),
        rows[1..]
    );
    assert_eq!(store.snapshot().unwrap().held().unwrap().get(&ann), None);
    assert_eq!(order(QueueOrder::Release, &rows), 1);
    assert_eq!(due(&store, 200).len(), 2);
    assert_sound(&store);
}

#[test]
fn an_order_is_one_commit_with_an_event_that_names_who_gave_it() {
    let (_dir, store) = office();
    let ann = wait(store.create_account(person("ann"))).unwrap();
    let rows: Vec<QueueId> = (0..12)
        .flat_map(|n| {
            let delivery = outgoing(MAIL, Some(ann), &format!("u{n}@one.example"), 500);
            wait(store.deliver(vec![delivery])).unwrap()[0].queued.clone()
        })
        .collect();
    assert_eq!(
        wait(store.change_queue(change(QueueOrder::Retry, &rows, 100)))
            .unwrap()
            .rows,
        12
    );
    assert_eq!(due(&store, 100).len(), 12);
    let mut delete = change(QueueOrder::Delete, &rows, 101);
    delete.notices = vec![to_inbox(b"sorry\r\n", ann)];
    assert_eq!(wait(store.change_queue(delete)).unwrap().rows, 12);
    let report = store.check().unwrap();
    assert_eq!((report.queued, report.messages), (0, 1));
    let mut again = change(QueueOrder::Delete, &rows, 102);
    assert_eq!(wait(store.change_queue(again)).unwrap().rows, 0);
    again = change(QueueOrder::Delete, &rows, 102);
    again.notices = vec![to_inbox(b"sorry\r\n", ann)];
    let told_wrong = wait(store.change_queue(again));
    assert!(matches!(told_wrong, Err(StoreError::NotFound)), "{told_wrong:?}");
    assert_eq!(store.check().unwrap().messages, 1, "nothing was done");
    let events = store.snapshot().unwrap().events(None, 9, |_| true).unwrap();
    let told: Vec<_> = events
        .iter()
        .map(|(_, event)| match &event.kind {
            EventKind::QueueChanged {
                order,
                which,
                account,
                to,
                rows,
                told,
                by,
            } => (
                *order,
                which.as_str(),
                *account,
                to.len(),
                *rows,
                *told,
                by.as_str(),
            ),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(
        told,
        [
            (QueueOrder::Delete, "these", Some(ann), 10, 12, 1, "chief"),
            (QueueOrder::Retry, "these", Some(ann), 10, 12, 0, "chief"),
        ]
    );
    assert_sound(&store);
}

#[test]
fn a_domain_is_held_for_what_comes_later_until_it_is_released() {
    let (_dir, store) = office();
    let enqueue = |to: &str| wait(store.deliver(vec![outgoing(MAIL, None, to, 1)])).unwrap()[0].queued[0];
    let first = enqueue("a@one.example");
    let order = |order, reach: QueueReach| {
        let change = QueueChange {
            reach,
            ..change(order, &[], 100)
        };
        let changed = wait(store.change_queue(change)).unwrap();
        (changed.rows, changed.domains)
    };
    let domain = |name: &str| QueueReach::Domain(Domain::parse(name).unwrap());
    let held = || -> Vec<String> {
        let held = store.snapshot().unwrap().held_domains().unwrap();
        held.iter()
            .map(|held| format!("{} by {}", held.domain, held.held.by))
            .collect()
    };
    assert_eq!(order(QueueOrder::Hold, domain("one.example")), (1, 1));
    assert_eq!(
        order(QueueOrder::Hold, domain("two.example")),
        (0, 1),
        "nothing waits there yet"
    );
    assert_eq!(
        order(QueueOrder::Hold, domain("One.Example")),
        (0, 0),
        "it is held already"
    );
    assert_eq!(held(), ["one.example by chief", "two.example by chief"]);
    let second = enqueue("b@one.example");
    let third = enqueue("c@two.example");
    let free = enqueue("d@sub.one.example");
    assert_eq!(ids(&due(&store, 200)), [free.0]);
    // One row let go changes nothing for the rest.
    assert_eq!(order(QueueOrder::Release, QueueReach::Rows(vec![first])), (1, 0));
    let fourth = enqueue("e@one.example");
    assert_eq!(ids(&due(&store, 200)), [free.0, first.0]);
    assert_sound(&store);
    assert_eq!(order(QueueOrder::Release, domain("one.example")), (2, 1));
    assert_eq!(held(), ["two.example by chief"]);
    let fifth = enqueue("f@one.example");
    let mut expected = [first, second, free, fourth, fifth].map(|id| id.0);
    let mut found = ids(&due(&store, 200));
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
    assert_eq!(order(QueueOrder::Release, QueueReach::All), (1, 1));
    assert!(held().is_empty() && ids(&due(&store, 200)).contains(&third.0));
    assert_eq!(order(QueueOrder::Hold, QueueReach::All), (6, 0));
    enqueue("g@three.example");
    assert_eq!(due(&store, 200).len(), 1, "all that waits is not all that will");
    assert_sound(&store);
}
