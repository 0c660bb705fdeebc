//! A small office to test with.

use proto::types::{
    AccountId, Address, Flags, MailboxId, Part, QueueId, RecipientWishes, Span, Structure, Timestamp, Wishes,
};
use store::{
    Body, Delivery, MailCopy, NewAccount, Options, Outgoing, Place, QueueChange, QueueItem, QueueOrder,
    QueueReach, Store,
};
use tempfile::TempDir;

/// A fresh folder and its store.
pub fn office() -> (TempDir, Store) {
    let dir = tempfile::tempdir().expect("a temp folder");
    let store = Store::open(dir.path(), &Options::default()).expect("opens");
    (dir, store)
}

/// Runs a future to its end.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .expect("a runtime")
        .block_on(future)
}

pub fn address(text: &str) -> Address {
    Address::parse(text).expect("an address")
}

pub fn person(name: &str) -> NewAccount {
    NewAccount {
        address: address(&format!("{name}@office.example")),
        password_hash: format!("$hash-of-{name}"),
        admin: false,
        created: Timestamp(1_000),
    }
}

pub fn structure(bytes: &[u8]) -> Structure {
    let end = bytes
        .windows(4)
        .position(|w| w == b"\r\n\r\n")
        .map_or(bytes.len(), |at| at + 4) as u64;
    let size = bytes.len() as u64;
    let root = Part {
        header: Span { start: 0, end },
        body: Span {
            start: end,
            end: size,
        },
        ..Part::default()
    };
    Structure {
        size,
        root,
        ..Structure::default()
    }
}

/// A delivery of these octets without any recipient yet.
pub fn delivery(bytes: &[u8]) -> Delivery {
    Delivery {
        body: Body::from_bytes(bytes.to_vec()),
        structure: structure(bytes),
        copies: Vec::new(),
        outgoing: Vec::new(),
        received_at: Timestamp(2_000),
    }
}

pub fn to_place(bytes: &[u8], places: &[Place]) -> Delivery {
    let copy = |into: &Place| MailCopy {
        into: *into,
        flags: Flags::new(),
        date: Timestamp(2_000),
    };
    Delivery {
        copies: places.iter().map(copy).collect(),
        ..delivery(bytes)
    }
}

pub fn to_inbox(bytes: &[u8], account: AccountId) -> Delivery {
    to_place(bytes, &[Place::Inbox(account)])
}

pub fn outgoing(bytes: &[u8], owner: Option<AccountId>, to: &str, at: i64) -> Delivery {
    let row = Outgoing {
        owner,
        from: None,
        to: address(to),
        next_attempt: Timestamp(at),
        wishes: Wishes::default(),
        asked: RecipientWishes::default(),
    };
    Delivery {
        outgoing: vec![row],
        ..delivery(bytes)
    }
}

pub fn inbox(store: &Store, account: AccountId) -> MailboxId {
    named(store, account, "INBOX")
}

pub fn named(store: &Store, account: AccountId, name: &str) -> MailboxId {
    store
        .snapshot()
        .unwrap()
        .mailbox(account, name)
        .unwrap()
        .expect("the mailbox")
        .id
}

/// An order about these rows.
pub fn change(order: QueueOrder, rows: &[QueueId], at: i64) -> QueueChange {
    QueueChange {
        order,
        reach: QueueReach::Rows(rows.to_vec()),
        notices: Vec::new(),
        links: Vec::new(),
        which: "these".to_owned(),
        at: Timestamp(at),
        by: "chief".to_owned(),
    }
}

/// What is due, the longest due first, found as the queue's runner finds it: domain by domain, message
/// by message.
pub fn due(store: &Store, now: i64) -> Vec<QueueItem> {
    let (snapshot, now) = (store.snapshot().unwrap(), Timestamp(now));
    let mut found: Vec<QueueItem> = Vec::new();
    let mut after = None;
    while let Some(place) = snapshot.places_due(now, after.as_ref(), 1).unwrap().pop() {
        loop {
            let known = |due: &QueueItem| found.iter().any(|item| item.id == due.id);
            let message = snapshot.message_due(&place.1, now, 3, known).unwrap();
            if message.is_empty() {
                break;
            }
            found.extend(message);
        }
        after = Some(place);
    }
    found.sort_by_key(|item| (item.next_attempt, item.id));
    found
}

/// Fails with the faults unless there are none.
pub fn assert_sound(store: &Store) {
    let report = store.check().expect("checks");
    assert!(report.is_clean(), "{:#?}", report.faults);
}
