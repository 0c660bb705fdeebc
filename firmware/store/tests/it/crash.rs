//! Power cuts: what was acknowledged is there, once, and nothing is half there.

use crate::disk::{Dice, Disk};
use crate::office::{assert_sound, outgoing, person, to_place, wait};
use proto::ask::FlagChange;
use proto::types::{AccountId, Flags, MailboxId, QueueId, SystemFlag, Timestamp, Uid};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use store::{Options, Place, Settlement, Snapshot, Store};

/// What the office knows of its mail: by the number that stands in each body.
#[derive(Default)]
struct Known {
    delivered: BTreeMap<u64, (MailboxId, Uid)>,
    /// Asked for, never answered: may be there or not.
    perhaps: BTreeSet<u64>,
    expunged: BTreeSet<u64>,
    seen: BTreeSet<u64>,
    queued: BTreeSet<QueueId>,
    settled: BTreeSet<QueueId>,
    last_number: u64,
}

fn body_of(number: u64) -> Vec<u8> {
    // Sizes around a page, a chunk, and several chunks.
    let fill = [10, 4_000, 9_000, 65_100, 200_000][usize::try_from(number % 5).unwrap()];
    let mut body = format!("X-Number: {number}\r\n\r\n").into_bytes();
    body.resize(body.len() + fill, u8::try_from(number % 251).unwrap());
    body
}

/// Works until the power goes or `rounds` are done.
async fn work(store: &Store, accounts: &[AccountId], known: &mut Known, dice: &mut Dice, rounds: u64) {
    for _ in 0..rounds {
        let done = match dice.below(10) {
            0..=5 => deliver_several(store, accounts, known, dice).await,
            6 => see(store, known, dice).await,
            7 => expunge(store, known, dice).await,
            _ => settle(store, known).await,
        };
        if done.is_none() {
            return;
        }
    }
}

/// Several callers at once, so that they share commits. `None`: the power is gone.
async fn deliver_several(
    store: &Store,
    accounts: &[AccountId],
    known: &mut Known,
    dice: &mut Dice,
) -> Option<()> {
    let mut callers = Vec::new();
    for _ in 0..=dice.below(6) {
        known.last_number += 1;
        let number = known.last_number;
        let account = accounts[usize::try_from(dice.below(accounts.len() as u64)).unwrap()];
        let mut delivery = to_place(&body_of(number), &[Place::Inbox(account)]);
        if dice.below(3) == 0 {
            delivery.outgoing = outgoing(&[], Some(account), "far@away.example", 5).outgoing;
        }
        let store = store.clone();
        known.perhaps.insert(number);
        callers.push((
            number,
            tokio::spawn(async move { store.deliver(vec![delivery]).await }),
        ));
    }
    let mut lost = false;
    for (number, caller) in callers {
        let Ok(delivered) = caller.await.unwrap() else {
            lost = true;
            continue;
        };
        known.perhaps.remove(&number);
        let (mailbox, _, uid) = delivered[0].placed[0];
        known.delivered.insert(number, (mailbox, uid));
        known.queued.extend(&delivered[0].queued);
    }
    (!lost).then_some(())
}

async fn see(store: &Store, known: &mut Known, dice: &mut Dice) -> Option<()> {
    let Some((number, (mailbox, uid))) = pick(known, dice) else {
        return Some(());
    };
    let seen = Flags::new().with(SystemFlag::Seen);
    store
        .set_flags(mailbox, vec![uid], FlagChange::Add, seen, None)
        .await
        .ok()?;
    known.seen.insert(number);
    Some(())
}

async fn expunge(store: &Store, known: &mut Known, dice: &mut Dice) -> Option<()> {
    let Some((number, (mailbox, uid))) = pick(known, dice) else {
        return Some(());
    };
    known.delivered.remove(&number);
    known.seen.remove(&number);
    known.perhaps.insert(number); // until it is answered
    store.expunge(mailbox, Some(vec![uid]), false).await.ok()?;
    known.perhaps.remove(&number);
    known.expunged.insert(number);
    Some(())
}

async fn settle(store: &Store, known: &mut Known) -> Option<()> {
    let Some(id) = known.queued.pop_first() else {
        return Some(());
    };
    let outcome = Settlement::Delivered {
        words: "ok".to_owned(),
    };
    if store.settle(vec![(id, outcome)], None, Vec::new()).await.is_err() {
        return None; // it may be settled or not
    }
    known.settled.insert(id);
    Some(())
}

fn pick(known: &Known, dice: &mut Dice) -> Option<(u64, (MailboxId, Uid))> {
    let count = known.delivered.len() as u64;
    let nth = usize::try_from(dice.below(count.max(1))).unwrap();
    known
        .delivered
        .iter()
        .nth(nth)
        .map(|(number, place)| (*number, *place))
}

/// Everything acknowledged is there, once, whole; nothing else that was not at least asked for.
fn verify(snapshot: &Snapshot, accounts: &[AccountId], known: &mut Known) {
    let mut found = BTreeMap::new();
    for account in accounts {
        let inbox = snapshot.mailbox(*account, "INBOX").unwrap().unwrap().id;
        let uids = snapshot.open(inbox).unwrap().uids;
        for row in snapshot.rows(inbox, &uids, proto::ask::Want::default()).unwrap() {
            let mut body = Vec::new();
            snapshot
                .body(row.blob)
                .unwrap()
                .unwrap()
                .read_to_end(&mut body)
                .unwrap();
            let text = String::from_utf8_lossy(&body);
            let number: u64 = text
                .lines()
                .next()
                .unwrap()
                .strip_prefix("X-Number: ")
                .unwrap()
                .parse()
                .unwrap();
            assert_eq!(body, body_of(number));
            let twice = found.insert(number, (inbox, row.uid));
            assert_eq!(twice, None, "message {number} is there twice");
            if known.seen.contains(&number) {
                assert!(row.flags.has(SystemFlag::Seen), "message {number} lost its flag");
            }
        }
    }
    for (number, place) in &known.delivered {
        assert_eq!(
            found.get(number),
            Some(place),
            "message {number} was acknowledged"
        );
    }
    for (number, place) in found {
        assert!(!known.expunged.contains(&number), "message {number} came back");
        let expected = known.delivered.contains_key(&number) || known.perhaps.remove(&number);
        assert!(expected, "message {number} came from nowhere");
        known.delivered.insert(number, place);
    }
    known.perhaps.clear();
    let queued: BTreeSet<QueueId> = snapshot
        .queue(None, 100_000)
        .unwrap()
        .into_iter()
        .map(|i| i.id)
        .collect();
    assert!(
        known.queued.is_subset(&queued),
        "an acknowledged queue row is gone"
    );
    assert!(
        known.settled.is_disjoint(&queued),
        "a settled queue row came back"
    );
}

/// Cuts the power at a random sync, again and again on the same disk.
fn live_through_power_cuts(seed: u64) {
    let mut dice = Dice(seed);
    let options = Options {
        cache_bytes: 1024 * 1024,
    };
    let disk = Disk::new(Vec::new(), None, seed);
    let store = Store::open_with_backend(disk.clone(), &options).unwrap();
    let people = (0..3).map(|n| wait(store.create_account(person(&format!("p{n}")))).unwrap());
    let accounts: Vec<AccountId> = people.collect();
    drop(store);
    let mut contents = disk.contents();
    let mut known = Known::default();
    for _ in 0..4 {
        let disk = Disk::new(contents, Some(dice.below(40)), dice.roll());
        match Store::open_with_backend(disk.clone(), &options) {
            Ok(store) => {
                verify(&store.snapshot().unwrap(), &accounts, &mut known);
                wait(work(&store, &accounts, &mut known, &mut dice, 30));
            }
            Err(error) => assert!(disk.is_off(), "{error}"),
        }
        contents = disk.contents();
        let store = Store::open_with_backend(Disk::new(contents.clone(), None, 0), &options).unwrap();
        assert_sound(&store);
        verify(&store.snapshot().unwrap(), &accounts, &mut known);
    }
}

#[test]
fn nothing_acknowledged_is_lost_or_doubled_by_power_cuts() {
    for seed in 0..40 {
        let outcome = std::panic::catch_unwind(|| live_through_power_cuts(seed));
        assert!(outcome.is_ok(), "seed {seed}");
    }
}

#[test]
fn a_cut_while_the_store_is_made_leaves_nothing_or_all_of_it() {
    for syncs in 0..20 {
        let disk = Disk::new(Vec::new(), Some(syncs), syncs);
        let Ok(store) = Store::open_with_backend(disk.clone(), &Options::default()) else {
            assert!(disk.is_off());
            continue;
        };
        let account = wait(store.create_account(person("ann"))).ok();
        drop(store);
        let again =
            Store::open_with_backend(Disk::new(disk.contents(), None, 0), &Options::default()).unwrap();
        let there = again.snapshot().unwrap().accounts().unwrap().len();
        assert!(there >= usize::from(account.is_some()));
        assert_sound(&again);
    }
}

#[test]
fn after_a_lost_disk_every_operation_fails_and_none_hangs() {
    let disk = Disk::new(Vec::new(), Some(12), 1);
    let store = Store::open_with_backend(disk, &Options::default()).unwrap();
    let mut failed = 0;
    for n in 0..20 {
        failed += usize::from(wait(store.create_account(person(&format!("p{n}")))).is_err());
    }
    assert!(failed > 5, "{failed}");
    assert!(wait(store.put_setting("k", serde_json::json!(Timestamp(1)))).is_err());
}
