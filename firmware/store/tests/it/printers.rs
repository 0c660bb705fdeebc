//! Printers: accounts without a password, an entry among the addresses, or mailboxes.

use crate::office::{address, assert_sound, office, outgoing, person, wait};
use proto::types::{AccountId, Timestamp};
use store::{
    Account, AccountState, Event, EventKind, NewPrinter, Options, Printer, SourceClass, Store, StoreError,
    Submission, Terms,
};

const MAIL: &[u8] = b"From: scanner@office.example\r\n\r\nx\r\n";

fn scanner(ip: &str) -> NewPrinter {
    NewPrinter {
        ip: ip.parse().unwrap(),
        address: address("scanner@office.example"),
        terms: Terms {
            name: "Copier".to_owned(),
            limit: 30,
            here_only: false,
        },
        created: Timestamp(1_000),
    }
}

fn printer(store: &Store, id: AccountId) -> Printer {
    let account: Account = store.snapshot().unwrap().account(id).unwrap().unwrap();
    account.printer.unwrap()
}

fn send(store: &Store, id: AccountId, at: i64) {
    let event = Event {
        at: Timestamp(at),
        kind: EventKind::Sent {
            id: "x".to_owned(),
            ip: "192.168.1.9".parse().unwrap(),
            account: id,
            from: Some(address("scanner@office.example")),
            to: vec![address("a@b.example")],
            size: 1,
            source: Some(SourceClass::Lan),
            author: None,
            first_time: 0,
        },
    };
    let delivery = outgoing(MAIL, Some(id), "a@b.example", at);
    let submission = Submission {
        account: id,
        at: Timestamp(at),
        deliveries: vec![delivery],
        events: vec![event],
        met: Vec::new(),
        links: Vec::new(),
    };
    wait(store.submit(submission)).unwrap();
}

#[test]
fn a_printer_is_no_person_shares_a_sender_and_is_counted_with_its_mail() {
    let (dir, store) = office();
    let ann = wait(store.create_account(person("scanner"))).unwrap();
    let id = wait(store.create_printer(scanner("192.168.1.9"))).unwrap();
    let other = wait(store.create_printer(scanner("192.168.1.10"))).unwrap();
    let twice = wait(store.create_printer(scanner("192.168.1.9")));
    assert!(matches!(twice, Err(StoreError::Exists)));
    let snapshot = store.snapshot().unwrap();
    let people: Vec<_> = snapshot.accounts().unwrap().iter().map(|one| one.id).collect();
    let printers: Vec<_> = snapshot.printers().unwrap().iter().map(|one| one.id).collect();
    assert_eq!((people, printers), (vec![ann], vec![id, other]));
    let found = snapshot
        .account_by_address(&address("scanner@office.example"))
        .unwrap();
    assert_eq!(found.map(|account| account.id), Some(ann));
    drop(snapshot);
    send(&store, id, 5_000);
    send(&store, id, 6_000);
    assert_sound(&store);
    drop(store);
    let store = Store::open(dir.path(), &Options::default()).unwrap();
    let seen = printer(&store, id);
    assert_eq!((seen.sent, seen.used), (2, Some(Timestamp(6_000))));
    assert_eq!(printer(&store, other).sent, 0);
    let terms = Terms {
        here_only: true,
        ..seen.terms
    };
    wait(store.set_printer(id, terms.clone())).unwrap();
    assert_eq!(printer(&store, id).terms, terms);
    let person = wait(store.set_printer(ann, terms));
    assert!(matches!(person, Err(StoreError::NotFound)));
}

#[test]
fn a_printer_is_forgotten_once_nothing_of_it_is_held_and_its_mail_goes_on() {
    let (_dir, store) = office();
    let ann = wait(store.create_account(person("ann"))).unwrap();
    let id = wait(store.create_printer(scanner("192.168.1.9"))).unwrap();
    send(&store, id, 5_000);
    wait(store.set_account_state(id, AccountState::Disabled)).unwrap();
    let held = wait(store.remove_printer(id));
    assert!(matches!(held, Err(StoreError::CannotChange(_))));
    wait(store.set_account_state(id, AccountState::Active)).unwrap();
    wait(store.remove_printer(id)).unwrap();
    assert!(matches!(
        wait(store.remove_printer(id)),
        Err(StoreError::NotFound)
    ));
    assert!(matches!(
        wait(store.remove_printer(ann)),
        Err(StoreError::NotFound)
    ));
    let queue = store.snapshot().unwrap().queue(None, 10).unwrap();
    assert_eq!((queue.len(), queue[0].owner, queue[0].held), (1, None, false));
    assert_sound(&store);
}
