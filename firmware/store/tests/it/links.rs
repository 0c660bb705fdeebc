//! Links to attachments: made with their message, changed, and let go.

use crate::office::{address, assert_sound as clean, office, outgoing, person, wait};
use proto::types::{AccountId, Timestamp};
use store::{Event, EventKind, Link, LinkChange, LinkId, NewLink, Options, Store, StoreError, Submission};

const NOW: Timestamp = Timestamp(5_000);
const LATER: Timestamp = Timestamp(9_000);

fn event(what: &str) -> Event {
    Event {
        at: NOW,
        kind: EventKind::SettingChanged { key: what.to_owned() },
    }
}

fn link(account: AccountId, token: u8, file: u8) -> NewLink {
    NewLink {
        token: [token; 32],
        file: [file; 32],
        size: u64::from(file) * 100,
        sha256: [file; 32],
        name: "a.pdf".to_owned(),
        media_type: "application/pdf".to_owned(),
        message: "m1".to_owned(),
        account,
        recipient: address("x@example.net"),
        created: NOW,
        expires: LATER,
    }
}

/// Two messages to two recipients, each with a link to the same file, and one with one of its own.
async fn sent(store: &Store) -> AccountId {
    let ann = store.create_account(person("ann")).await.unwrap();
    let to = |text: &[u8]| outgoing(text, Some(ann), "x@example.net", 5_000);
    let deliveries = vec![to(b"Subject: 1\r\n\r\none\r\n"), to(b"Subject: 2\r\n\r\ntwo\r\n")];
    let submission = Submission {
        account: ann,
        at: NOW,
        deliveries,
        events: vec![event("sent")],
        met: Vec::new(),
        links: vec![link(ann, 1, 7), link(ann, 2, 7), link(ann, 3, 8)],
    };
    let delivered = store.submit(submission).await.unwrap();
    assert!(delivered.iter().all(|one| one.queued.len() == 1));
    ann
}

fn one(store: &Store, token: u8) -> Link {
    store
        .snapshot()
        .unwrap()
        .link_by_token(&[token; 32])
        .unwrap()
        .unwrap()
}

#[test]
fn bodies_queue_rows_links_and_events_come_in_one_commit_and_survive() {
    let (dir, store) = office();
    wait(async {
        sent(&store).await;
        clean(&store);
    });
    drop(store);
    let store = Store::open(dir.path(), &Options::default()).unwrap();
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.queue_len().unwrap(), 2);
    assert_eq!(snapshot.links(None, 10, |_| true).unwrap().len(), 3);
    assert_eq!(
        snapshot.links(Some(LinkId(3)), 1, |_| true).unwrap()[0].id,
        LinkId(2)
    );
    assert_eq!(snapshot.link_files().unwrap(), [([7; 32], 700), ([8; 32], 800)]);
    assert!(snapshot.link_by_token(&[9; 32]).unwrap().is_none());
    assert_eq!(snapshot.events(None, 10, |_| true).unwrap().len(), 1);
    assert!(one(&store, 1).works(NOW) && !one(&store, 1).works(LATER));
    clean(&store);
}

#[test]
fn a_submission_that_cannot_be_taken_makes_no_links() {
    let (_dir, store) = office();
    wait(async {
        let ann = sent(&store).await;
        let again = outgoing(b"Subject: 3\r\n\r\nx\r\n", Some(ann), "x@example.net", 5_000);
        let submission = Submission {
            account: ann,
            at: NOW,
            deliveries: vec![again],
            events: Vec::new(),
            met: Vec::new(),
            links: vec![link(ann, 4, 9), link(ann, 1, 9)], // the second token is taken
        };
        assert!(store.submit(submission).await.is_err());
        let snapshot = store.snapshot().unwrap();
        assert_eq!(snapshot.queue_len().unwrap(), 2);
        assert!(!snapshot.has_link_file(&[9; 32]).unwrap());
        clean(&store);
    });
}

#[test]
fn links_are_changed_by_their_owner_and_counted() {
    let (_dir, store) = office();
    wait(async {
        let ann = sent(&store).await;
        let id = one(&store, 1).id;
        let change = |of, change| store.change_link(id, of, change, event("changed"));
        let revoke = LinkChange::Revoke(NOW);
        let stranger = change(Some(AccountId(99)), revoke.clone()).await;
        assert!(matches!(stranger, Err(StoreError::NotFound)));
        assert!(!change(Some(ann), revoke).await.unwrap().works(NOW));
        assert!(
            change(None, LinkChange::Extend(Timestamp(20_000)))
                .await
                .unwrap()
                .works(LATER)
        );
        let hash = Some("$phc".to_owned());
        let locked = change(None, LinkChange::Password(hash.clone())).await.unwrap();
        assert_eq!(locked.password_hash, hash);
        assert!(!format!("{locked:?}").contains("phc"));
        store.count_download(id, event("downloaded")).await.unwrap();
        let counted = one(&store, 1);
        assert_eq!((counted.downloads, counted.last_download), (1, Some(NOW)));
        assert_eq!(
            store
                .snapshot()
                .unwrap()
                .events(None, 10, |_| true)
                .unwrap()
                .len(),
            5
        );
        clean(&store);
    });
}

#[test]
fn a_file_goes_with_the_last_link_that_needs_it() {
    let (_dir, store) = office();
    wait(async {
        sent(&store).await;
        let (first, second) = (one(&store, 1).id, one(&store, 2).id);
        let gone = store
            .let_files_go(vec![first, LinkId(99)], NOW, event("old"))
            .await;
        assert_eq!(gone.unwrap(), [[0; 32]; 0]);
        clean(&store);
        let gone = store.let_files_go(vec![first, second], NOW, event("old")).await;
        assert_eq!(gone.unwrap(), [[7; 32]]);
        assert!(!store.snapshot().unwrap().has_link_file(&[7; 32]).unwrap());
        clean(&store);
        let extended = store
            .change_link(first, None, LinkChange::Extend(LATER), event("no"))
            .await;
        assert!(matches!(extended, Err(StoreError::CannotChange(_))));
        assert_eq!(
            store.snapshot().unwrap().oldest_links(9, |_| true).unwrap().len(),
            1
        );
        assert_eq!(store.forget_links(NOW).await.unwrap(), 0);
        assert_eq!(store.forget_links(LATER).await.unwrap(), 2);
        assert!(
            store
                .snapshot()
                .unwrap()
                .link_by_token(&[1; 32])
                .unwrap()
                .is_none()
        );
        clean(&store);
    });
}
