//! What a message, an account and a folder go through.

use crate::office::{
    address, assert_sound, due, inbox, named, office, outgoing, person, to_inbox, to_place, wait,
};
use proto::ask::{FlagChange, SpecialUse, Want};
use proto::types::{AccountId, Flags, ModSeq, Span, SystemFlag, Timestamp, Uid};
use std::io::Read;
use store::{AccountState, Body, Change, Event, EventKind, Options, Place, Settlement, Store, StoreError};

const MAIL: &[u8] = b"Subject: hello\r\n\r\nbody\r\n";

#[test]
fn a_delivered_message_is_read_back_after_reopening() {
    let (dir, store) = office();
    let account = wait(store.create_account(person("ann"))).unwrap();
    let delivered = wait(store.deliver(vec![to_inbox(MAIL, account)])).unwrap();
    let (mailbox, _, uid) = delivered[0].placed[0];
    drop(store);

    let store = Store::open(dir.path(), &Options::default()).unwrap();
    let snapshot = store.snapshot().unwrap();
    let opened = snapshot.open(mailbox).unwrap();
    assert_eq!(opened.uids, [uid]);
    assert_eq!(opened.first_unseen, Some(uid));
    assert_eq!(opened.mailbox.size, MAIL.len() as u64);
    let rows = snapshot
        .rows(
            mailbox,
            &[uid, Uid(99)],
            Want {
                structure: true,
                header: true,
            },
        )
        .unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].header.as_deref(), Some(&b"Subject: hello\r\n\r\n"[..]));
    assert_eq!(rows[0].structure.as_ref().unwrap().size, MAIL.len() as u64);
    let mut body = Vec::new();
    snapshot
        .body(rows[0].blob)
        .unwrap()
        .unwrap()
        .read_to_end(&mut body)
        .unwrap();
    assert_eq!(body, MAIL);
    assert_sound(&store);
}

#[test]
fn a_body_over_many_chunks_comes_back_whole_and_in_spans() {
    let (_dir, store) = office();
    let account = wait(store.create_account(person("ann"))).unwrap();
    let big: Vec<u8> = (0..302_501_u32).flat_map(|n| n.to_le_bytes()).collect();
    let delivered = wait(store.deliver(vec![to_inbox(&big, account)])).unwrap();
    let mut reader = store
        .snapshot()
        .unwrap()
        .body(delivered[0].blob.unwrap())
        .unwrap()
        .unwrap();
    assert_eq!(reader.size(), big.len() as u64);
    for (start, end) in [
        (0, 10),
        (64_990, 65_010),
        (65_000, 130_000),
        (1_202_490, 1_202_510), // the last chunk but one ends here
        (1_202_500, 1_202_501),
        (1_209_990, 9_999_999),
        (1_210_004, 9_999_999),
        (7, 7),
    ] {
        let mut span = Vec::new();
        reader
            .read_span(
                Span {
                    start: start as u64,
                    end: end as u64,
                },
                &mut span,
            )
            .unwrap();
        let expected = &big[start..big.len().min(end)];
        assert_eq!(span, expected, "{start}..{end}");
    }
    let mut whole = Vec::new();
    reader.read_to_end(&mut whole).unwrap();
    assert_eq!(whole, big);
}

#[test]
fn ten_recipients_share_one_body_and_the_last_one_takes_it_along() {
    let (_dir, store) = office();
    let mut places = Vec::new();
    for n in 0..10 {
        places.push(Place::Inbox(
            wait(store.create_account(person(&format!("p{n}")))).unwrap(),
        ));
    }
    let first = wait(store.deliver(vec![to_place(MAIL, &places)]))
        .unwrap()
        .remove(0);
    let again = wait(store.deliver(vec![to_place(MAIL, &places[..1])]))
        .unwrap()
        .remove(0);
    assert_eq!(first.blob, again.blob);
    assert_eq!(store.check().unwrap().blobs, 1);
    let everything = first.placed.iter().chain(&again.placed);
    for (left, (mailbox, _, uid)) in everything.enumerate() {
        assert_eq!(store.check().unwrap().blobs, 1, "{left} gone");
        wait(store.expunge(*mailbox, Some(vec![*uid]), false)).unwrap();
        assert_sound(&store);
    }
    assert_eq!(store.check().unwrap().blobs, 0);
    assert!(
        store
            .snapshot()
            .unwrap()
            .body(first.blob.unwrap())
            .unwrap()
            .is_none()
    );
}

#[test]
fn flags_follow_the_change_and_unchanged_since_protects() {
    let (_dir, store) = office();
    let account = wait(store.create_account(person("ann"))).unwrap();
    let mailbox = inbox(&store, account);
    wait(store.deliver(vec![to_inbox(b"1", account), to_inbox(b"2", account)])).unwrap();
    let before = store
        .snapshot()
        .unwrap()
        .open(mailbox)
        .unwrap()
        .mailbox
        .highest_modseq;
    let seen = Flags::new().with(SystemFlag::Seen);
    let set = |uids: Vec<Uid>, since| {
        wait(store.set_flags(mailbox, uids, FlagChange::Add, seen.clone(), since)).unwrap()
    };
    assert_eq!(set(vec![Uid(1), Uid(7)], None), []);
    assert_eq!(set(vec![Uid(1), Uid(2)], Some(before)), [Uid(1)]);
    let changes = store.snapshot().unwrap().changes(mailbox, before).unwrap();
    assert_eq!(changes.highest, Some(ModSeq(before.0 + 2)));
    assert_eq!(
        changes.touched.iter().map(|t| t.0).collect::<Vec<_>>(),
        [Uid(1), Uid(2)]
    );
    // Nothing changes, so nothing is news.
    assert_eq!(set(vec![Uid(1)], None), []);
    let state = store
        .snapshot()
        .unwrap()
        .mailbox(account, "inbox")
        .unwrap()
        .unwrap();
    assert_eq!((state.unseen, state.highest_modseq), (0, ModSeq(before.0 + 2)));
    assert_sound(&store);
}

#[test]
fn expunged_uids_vanish_and_are_never_given_again() {
    let (_dir, store) = office();
    let account = wait(store.create_account(person("ann"))).unwrap();
    let mailbox = inbox(&store, account);
    for body in [b"1", b"2", b"3"] {
        wait(store.deliver(vec![to_inbox(body, account)])).unwrap();
    }
    let before = store
        .snapshot()
        .unwrap()
        .open(mailbox)
        .unwrap()
        .mailbox
        .highest_modseq;
    let deleted = Flags::new().with(SystemFlag::Deleted);
    wait(store.set_flags(mailbox, vec![Uid(2), Uid(3)], FlagChange::Replace, deleted, None)).unwrap();
    assert_eq!(
        wait(store.expunge(mailbox, Some(vec![Uid(3), Uid(1)]), true)).unwrap(),
        [Uid(3)]
    );
    assert_eq!(wait(store.expunge(mailbox, None, true)).unwrap(), [Uid(2)]);
    assert_eq!(wait(store.expunge(mailbox, None, true)).unwrap(), []);
    let changes = store.snapshot().unwrap().changes(mailbox, before).unwrap();
    assert_eq!(changes.vanished, [Uid(2), Uid(3)]);
    assert!(changes.touched.is_empty());
    let next = wait(store.deliver(vec![to_inbox(b"4", account)])).unwrap();
    assert_eq!(next[0].placed[0].2, Uid(4));
    assert_sound(&store);
}

#[test]
fn moving_takes_messages_along_even_into_the_same_mailbox() {
    let (_dir, store) = office();
    let account = wait(store.create_account(person("ann"))).unwrap();
    let (from, to) = (inbox(&store, account), named(&store, account, "Archive"));
    wait(store.deliver(vec![to_inbox(b"1", account), to_inbox(b"2", account)])).unwrap();
    let (_, copied) = wait(store.copy_messages(from, vec![Uid(2), Uid(1), Uid(5)], to, false)).unwrap();
    assert_eq!(copied, [(Uid(1), Uid(1)), (Uid(2), Uid(2))]);
    let (_, moved) = wait(store.copy_messages(from, vec![Uid(1)], from, true)).unwrap();
    assert_eq!(moved, [(Uid(1), Uid(3))]);
    let (_, moved) = wait(store.copy_messages(from, vec![Uid(3)], to, true)).unwrap();
    assert_eq!(moved, [(Uid(3), Uid(3))]);
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.open(from).unwrap().uids, [Uid(2)]);
    assert_eq!(snapshot.open(to).unwrap().uids, [Uid(1), Uid(2), Uid(3)]);
    assert_sound(&store);
}

#[test]
fn mailboxes_are_made_renamed_and_deleted_as_rfc_9051_says() {
    let (_dir, store) = office();
    let account = wait(store.create_account(person("ann"))).unwrap();
    let names = || -> Vec<String> {
        let all = store.snapshot().unwrap().mailboxes(account).unwrap();
        let fixed = ["Archive", "Drafts", "INBOX", "Junk", "Sent", "Trash"];
        all.into_iter()
            .map(|m| m.name)
            .filter(|n| !fixed.contains(&n.as_str()))
            .collect()
    };
    wait(store.create_mailbox(account, "a/b/c/", None)).unwrap();
    assert_eq!(names(), ["a", "a/b", "a/b/c"]);
    assert!(matches!(
        wait(store.create_mailbox(account, "a/b", None)),
        Err(StoreError::Exists)
    ));
    assert!(matches!(
        wait(store.create_mailbox(account, "inBox", None)),
        Err(StoreError::Exists)
    ));
    for bad in [
        "",
        "/",
        "/a",
        "a//b",
        "a\u{7}",
        "a*",
        &"x".repeat(256),
        &"a/".repeat(20),
        &"abc/".repeat(400),
    ] {
        let refused = wait(store.create_mailbox(account, bad, None));
        assert!(matches!(refused, Err(StoreError::CannotChange(_))), "{bad:?}");
    }
    assert!(matches!(
        wait(store.delete_mailbox(account, "a/b")),
        Err(StoreError::HasChildren)
    ));
    assert!(matches!(
        wait(store.delete_mailbox(account, "INBOX")),
        Err(StoreError::CannotChange(_))
    ));
    assert!(matches!(
        wait(store.delete_mailbox(account, "zz")),
        Err(StoreError::NotFound)
    ));
    assert!(matches!(
        wait(store.rename_mailbox(account, "a", "a/b/x")),
        Err(StoreError::CannotChange(_))
    ));
    assert!(matches!(
        wait(store.rename_mailbox(account, "a", "Sent")),
        Err(StoreError::Exists)
    ));
    let moved = named(&store, account, "a/b/c");
    wait(store.rename_mailbox(account, "a/b", "x/y")).unwrap();
    assert_eq!(names(), ["a", "x", "x/y", "x/y/c"]);
    assert_eq!(named(&store, account, "x/y/c"), moved);
    wait(store.deliver(vec![to_place(MAIL, &[Place::Mailbox(moved)])])).unwrap();
    let before = store.snapshot().unwrap().open(moved).unwrap().mailbox;
    wait(store.delete_mailbox(account, "x/y/c")).unwrap();
    assert!(store.snapshot().unwrap().changes(moved, ModSeq(0)).unwrap().gone);
    wait(store.create_mailbox(account, "x/y/c", None)).unwrap();
    let after = store
        .snapshot()
        .unwrap()
        .mailbox(account, "x/y/c")
        .unwrap()
        .unwrap();
    assert!(after.uid_validity > before.uid_validity && after.id != before.id);
    assert_eq!(store.check().unwrap().blobs, 0);
    assert_sound(&store);
}

#[test]
fn renaming_the_inbox_moves_its_messages_and_leaves_it() {
    let (_dir, store) = office();
    let account = wait(store.create_account(person("ann"))).unwrap();
    wait(store.create_mailbox(account, "inbox/child", None)).unwrap();
    wait(store.deliver(vec![to_inbox(MAIL, account)])).unwrap();
    wait(store.rename_mailbox(account, "INBOX", "old/mail")).unwrap();
    let snapshot = store.snapshot().unwrap();
    let count = |name| snapshot.mailbox(account, name).unwrap().map(|m| m.messages);
    assert_eq!(count("INBOX"), Some(0));
    assert_eq!(count("old/mail"), Some(1));
    assert_eq!(count("INBOX/child"), Some(0));
    assert_sound(&store);
}

#[test]
fn an_address_is_one_accounts_whatever_its_case() {
    let (_dir, store) = office();
    let id = wait(store.create_account(person("Ann"))).unwrap();
    assert!(matches!(
        wait(store.create_account(person("aNN"))),
        Err(StoreError::Exists)
    ));
    let snapshot = store.snapshot().unwrap();
    let found = snapshot
        .account_by_address(&address("ANN@office.example"))
        .unwrap()
        .unwrap();
    assert_eq!(found.id, id);
    assert!(!format!("{found:?}").contains("$hash"));
    assert!(!format!("{:?}", person("ann")).contains("$hash"));
    let special: Vec<_> = snapshot
        .mailboxes(id)
        .unwrap()
        .into_iter()
        .filter_map(|m| m.special_use)
        .collect();
    use SpecialUse::{Archive, Drafts, Junk, Sent, Trash};
    assert_eq!(special, [Archive, Drafts, Junk, Sent, Trash]);
}

#[test]
fn a_delivery_to_a_place_that_is_gone_leaves_nothing_behind() {
    let (_dir, store) = office();
    let account = wait(store.create_account(person("ann"))).unwrap();
    let nobody = proto::types::AccountId(77);
    let two = vec![to_inbox(b"good", account), to_inbox(b"bad", nobody)];
    assert!(matches!(wait(store.deliver(two)), Err(StoreError::NotFound)));
    let report = store.check().unwrap();
    assert_eq!((report.messages, report.blobs), (0, 0));
    assert_sound(&store);
}

#[test]
fn special_mail_falls_back_to_the_inbox() {
    let (_dir, store) = office();
    let account = wait(store.create_account(person("ann"))).unwrap();
    let junk = |body: &[u8]| {
        let place = Place::Special(account, SpecialUse::Junk);
        wait(store.deliver(vec![to_place(body, &[place])])).unwrap()[0].placed[0].0
    };
    assert_eq!(junk(b"1"), named(&store, account, "Junk"));
    wait(store.delete_mailbox(account, "Junk")).unwrap();
    assert_eq!(junk(b"2"), inbox(&store, account));
}

#[test]
fn the_queue_retries_bounces_and_forgets() {
    let (_dir, store) = office();
    let account = wait(store.create_account(person("ann"))).unwrap();
    let queue =
        |to: &str, at| wait(store.deliver(vec![outgoing(MAIL, Some(account), to, at)])).unwrap()[0].queued[0];
    let (late, soon) = (queue("a@far.example", 200), queue("b@far.example", 100));
    let due = |now| -> Vec<_> {
        let due = due(&store, now);
        due.into_iter().map(|item| item.id).collect()
    };
    assert_eq!(due(99), []);
    assert_eq!(due(200), [soon, late]);
    let settle = |outcomes: &[_], bounce| wait(store.settle(outcomes.to_vec(), bounce, Vec::new()));
    let retry = Settlement::Retry {
        at: Timestamp(300),
        words: "busy".repeat(1000),
        told: Some(Timestamp(150)),
    };
    settle(&[(soon, retry)], None).unwrap();
    let item = store.snapshot().unwrap().queue_item(soon).unwrap().unwrap();
    assert_eq!((item.attempts, item.last_words.unwrap().len()), (1, 1000));
    assert_eq!(item.told, Some(Timestamp(150)));
    assert_eq!(
        store.snapshot().unwrap().next_due().unwrap(),
        Some(Timestamp(200))
    );
    let failed = (
        soon,
        Settlement::Failed {
            words: "no".to_owned(),
        },
    );
    let delivered = (
        late,
        Settlement::Delivered {
            words: "ok".to_owned(),
        },
    );
    settle(std::slice::from_ref(&failed), Some(to_inbox(b"sorry", account))).unwrap();
    assert!(matches!(
        settle(std::slice::from_ref(&failed), None),
        Err(StoreError::NotFound)
    ));
    settle(&[failed, delivered], None).unwrap();
    let report = store.check().unwrap();
    assert_eq!((report.queued, report.messages, report.blobs), (0, 1, 1));
    assert_sound(&store);
}

#[test]
fn mail_of_a_frozen_account_is_held_until_it_is_released() {
    let (_dir, store) = office();
    let account = wait(store.create_account(person("ann"))).unwrap();
    let send = || wait(store.deliver(vec![outgoing(MAIL, Some(account), "a@far.example", 1)])).unwrap();
    send();
    let frozen = AccountState::Frozen {
        since: Timestamp(5),
        reason: "too many".to_owned(),
    };
    wait(store.set_account_state(account, frozen)).unwrap();
    send();
    let due = || due(&store, 9).len();
    assert_eq!((due(), store.snapshot().unwrap().queue_len().unwrap()), (0, 2));
    assert_eq!(store.snapshot().unwrap().account_counts().unwrap().frozen, 1);
    assert_sound(&store);
    wait(store.set_account_state(account, AccountState::Active)).unwrap();
    assert_eq!(due(), 2);
    let all: Vec<_> = store
        .snapshot()
        .unwrap()
        .queue(None, 9)
        .unwrap()
        .into_iter()
        .map(|i| i.id)
        .collect();
    assert_eq!(wait(store.discard_queued(all)).unwrap(), 2);
    assert_eq!(store.check().unwrap().blobs, 0);
    assert_sound(&store);
}

#[test]
fn changes_are_published_once_they_can_be_read() {
    let (_dir, store) = office();
    let account = wait(store.create_account(person("ann"))).unwrap();
    let mailbox = inbox(&store, account);
    let mut news = store.subscribe();
    wait(store.deliver(vec![to_inbox(b"1", account), to_inbox(b"2", account)])).unwrap();
    let Change::Mailbox {
        modseq,
        mailbox: told,
        ..
    } = news.try_recv().unwrap()
    else {
        panic!("other news")
    };
    assert_eq!(told, mailbox);
    assert_eq!(
        store
            .snapshot()
            .unwrap()
            .open(mailbox)
            .unwrap()
            .mailbox
            .highest_modseq,
        modseq
    );
    assert!(
        news.try_recv().is_err(),
        "two deliveries of one commit are one piece of news"
    );
    let refused = wait(store.deliver(vec![to_inbox(b"3", proto::types::AccountId(9))]));
    assert!(refused.is_err() && news.try_recv().is_err());
    wait(store.put_setting("office", serde_json::json!({"domain": "office.example"}))).unwrap();
    assert_eq!(news.try_recv(), Ok(Change::Settings));
    let office = store.snapshot().unwrap().setting("office").unwrap().unwrap();
    assert_eq!(office["domain"], "office.example");
    wait(store.remove_setting("office")).unwrap();
    assert_eq!(store.snapshot().unwrap().setting("office").unwrap(), None);
}

#[test]
fn a_setting_is_replaced_only_where_it_is_as_it_was_read() {
    let (_dir, store) = office();
    let value = |n: u64| serde_json::json!({ "n": n });
    let stored = || store.snapshot().unwrap().setting("k").unwrap();
    for (before, after, done) in [
        (Some(value(1)), value(2), false),
        (None, value(1), true),
        (None, value(2), false),
        (Some(value(2)), value(3), false),
        (Some(value(1)), value(2), true),
    ] {
        let there = stored();
        let replaced = wait(store.replace_setting("k", before, after.clone())).unwrap();
        assert_eq!(replaced, done);
        assert_eq!(stored(), if done { Some(after) } else { there });
    }
    let long = serde_json::json!("x".repeat(300_000));
    assert!(wait(store.replace_setting("k", stored(), long)).is_err());
    assert_eq!(stored(), Some(value(2)));
}

#[test]
fn a_snapshot_keeps_seeing_its_state_while_everything_is_removed() {
    let (_dir, store) = office();
    let account = wait(store.create_account(person("ann"))).unwrap();
    let mailbox = inbox(&store, account);
    let big = vec![7_u8; 200_000];
    wait(store.deliver(vec![to_inbox(&big, account)])).unwrap();
    let snapshot = store.snapshot().unwrap();
    let blob = snapshot.rows(mailbox, &[Uid(1)], Want::default()).unwrap()[0].blob;
    let mut reader = snapshot.body(blob).unwrap().unwrap();
    drop(snapshot);
    wait(store.expunge(mailbox, None, false)).unwrap();
    for n in 0..20_u8 {
        wait(store.deliver(vec![to_inbox(&[n; 70_000], account)])).unwrap();
    }
    let mut body = Vec::new();
    reader.read_to_end(&mut body).unwrap();
    assert_eq!(body, big);
}

#[test]
fn a_body_from_a_file_is_its_prefix_and_the_rest_of_the_file() {
    let (dir, store) = office();
    let account = wait(store.create_account(person("ann"))).unwrap();
    let path = dir.path().join("spool");
    std::fs::write(&path, [b"old header", &[b'x'; 150_000][..]].concat()).unwrap();
    let body = || {
        Body::from_file(
            b"new: 1\r\n\r\n".to_vec(),
            std::fs::File::open(&path).unwrap(),
            10,
        )
        .unwrap()
    };
    assert_eq!(body().size(), 150_010);
    let delivery = |body| store::Delivery {
        body,
        ..to_inbox(b"", account)
    };
    let blob = wait(store.deliver(vec![delivery(body())])).unwrap()[0]
        .blob
        .unwrap();
    let mut whole = Vec::new();
    store
        .snapshot()
        .unwrap()
        .body(blob)
        .unwrap()
        .unwrap()
        .read_to_end(&mut whole)
        .unwrap();
    assert!(whole.starts_with(b"new: 1\r\n\r\nxxx") && whole.len() == 150_010);
    // A spool that shrinks under us must not become a message.
    let gone = Body::from_file(Vec::new(), std::fs::File::open(&path).unwrap(), 0).unwrap();
    std::fs::write(&path, b"short").unwrap();
    assert!(wait(store.deliver(vec![delivery(gone)])).is_err());
    assert_eq!(store.check().unwrap().messages, 1);
    assert_sound(&store);
}

#[test]
fn a_new_store_gives_no_mailbox_the_uid_validity_that_it_had_in_another() {
    let validity = || {
        let (_dir, store) = office();
        let account = wait(store.create_account(person("anna"))).unwrap();
        let inbox = store.snapshot().unwrap().mailbox(account, "INBOX").unwrap();
        inbox.unwrap().uid_validity
    };
    assert_ne!(validity(), validity());
}

#[test]
fn a_look_back_goes_past_events_of_a_clock_that_was_wrong_and_ends_at_older_ones() {
    let (_dir, store) = office();
    let at = |at| Event {
        at: Timestamp(at),
        kind: EventKind::Started {
            version: String::new(),
        },
    };
    // Long ago; then a day with a while at a wrong time in it.
    let times = (0..600).map(|_| 5).chain([1000, 1001, 7, 8, 1002]);
    wait(store.record(times.map(at).collect())).unwrap();
    let snapshot = store.snapshot().unwrap();
    let seen = |most| {
        let mut seen = Vec::new();
        let look = |event: Event| seen.push(event.at.0);
        snapshot.events_since(Timestamp(1000), most, look).unwrap();
        seen
    };
    assert_eq!(seen(usize::MAX), [1002, 1001, 1000]);
    assert_eq!(seen(4), [1002, 1001]);
    let newest = snapshot.events(None, 1, |_| true).unwrap()[0].0;
    let mut after = Vec::new();
    let look = |number, event: Event| after.push((newest - number, event.at.0));
    snapshot.events_after(Some(newest - 2), 100, look).unwrap();
    assert_eq!(after, [(0, 1002), (1, 8)]);
}

#[test]
fn events_come_newest_first_by_pages() {
    let (_dir, store) = office();
    let started = |n| Event {
        at: Timestamp(n),
        kind: EventKind::Started {
            version: n.to_string(),
        },
    };
    wait(store.record((0..10).map(started).collect())).unwrap();
    let page = |before, limit| -> Vec<(u64, i64)> {
        let even = |event: &Event| event.at.0 % 2 == 0;
        let events = store.snapshot().unwrap().events(before, limit, even).unwrap();
        events
            .into_iter()
            .map(|(number, event)| (number, event.at.0))
            .collect()
    };
    assert_eq!(page(None, 2), [(9, 8), (7, 6)]);
    assert_eq!(page(Some(7), 9), [(5, 4), (3, 2), (1, 0)]);
}

#[test]
fn mail_that_waited_for_people_here_becomes_a_copy_of_the_same_body() {
    let (_dir, store) = office();
    let hire = |name| wait(store.create_account(person(name))).unwrap();
    let (ann, ben) = (hire("ann"), hire("ben"));
    let queued = wait(store.deliver(vec![outgoing(MAIL, Some(ann), "ben@example.com", 100)])).unwrap();
    let id = queued[0].queued[0];
    let into = |place| Settlement::Placed {
        into: vec![place],
        date: Timestamp(100),
    };
    let gone = Place::Inbox(AccountId(99));
    let notice = || Some(to_inbox(b"Subject: delivered\r\n\r\n", ann));
    let event = Event {
        at: Timestamp(100),
        kind: EventKind::Started {
            version: "settled".to_owned(),
        },
    };
    let settle = |place| wait(store.settle(vec![(id, into(place))], notice(), vec![event.clone()]));
    let recorded = || store.snapshot().unwrap().events(None, 9, |_| true).unwrap().len();
    assert!(settle(gone).is_err());
    assert_eq!(
        (store.check().unwrap().queued, recorded()),
        (1, 0),
        "nothing was changed"
    );
    settle(Place::Inbox(ben)).unwrap();
    assert_eq!(recorded(), 1);
    let report = store.check().unwrap();
    assert!(report.is_clean(), "{report:?}");
    assert_eq!((report.queued, report.messages, report.blobs), (0, 2, 2));
    let snapshot = store.snapshot().unwrap();
    let mailbox = inbox(&store, ben);
    let uids = snapshot.open(mailbox).unwrap().uids;
    let rows = snapshot.rows(mailbox, &uids, Want::default()).unwrap();
    assert_eq!((rows.len(), Some(rows[0].blob)), (1, queued[0].blob));
}

#[test]
fn the_ledger_keeps_the_newest_hundred_thousand_events() {
    let (_dir, store) = office();
    let started = |n| Event {
        at: Timestamp(n),
        kind: EventKind::Started {
            version: String::new(),
        },
    };
    wait(store.record((0..100_003).map(started).collect())).unwrap();
    let snapshot = store.snapshot().unwrap();
    assert_eq!(snapshot.events(None, 1, |_| true).unwrap()[0].0, 100_003);
    assert_eq!(snapshot.events(Some(5), 9, |_| true).unwrap().len(), 1);
    assert_sound(&store);
}
