//! Random operations against a plain model in memory, with a client that follows the changes.

use crate::disk::Disk;
use crate::office::{assert_sound, change, due, outgoing, person, to_place, wait};
use proptest::prelude::*;
use proto::ask::{FlagChange, Want};
use proto::types::{AccountId, Flags, MailboxId, ModSeq, QueueId, SystemFlag, Timestamp, Uid};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use store::{AccountState, Options, Place, QueueOrder, Settlement, Snapshot, Store, StoreError};

const NAMES: [&str; 7] = ["INBOX", "a", "a/b", "a/b/c", "b", "b/a", "INBOX/x"];

#[derive(Debug, Clone)]
enum Step {
    Deliver {
        body: u8,
        to: Vec<(u8, u8)>,
        queue: Option<i64>,
    },
    SetFlags {
        at: (u8, u8),
        uids: Vec<u32>,
        change: u8,
        flags: u8,
    },
    Expunge {
        at: (u8, u8),
        uids: Option<Vec<u32>>,
        only_deleted: bool,
    },
    Copy {
        from: (u8, u8),
        uids: Vec<u32>,
        to: (u8, u8),
        remove: bool,
    },
    Create((u8, u8)),
    Delete((u8, u8)),
    Rename {
        from: (u8, u8),
        to: u8,
    },
    Freeze(u8, bool),
    Settle {
        nth: u8,
        retry: Option<i64>,
    },
    Order {
        nth: u8,
        order: u8,
    },
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let at = || (0..2_u8, 0..7_u8);
    let uids = || prop::collection::vec(1..8_u32, 0..4);
    prop_oneof![
        6 => (0..5_u8, prop::collection::vec(at(), 0..4), prop::option::of(0..9_i64))
            .prop_map(|(body, to, queue)| Step::Deliver { body, to, queue }),
        4 => (at(), uids(), 0..3_u8, 0..32_u8)
            .prop_map(|(at, uids, change, flags)| Step::SetFlags { at, uids, change, flags }),
        2 => (at(), prop::option::of(uids()), any::<bool>())
            .prop_map(|(at, uids, only_deleted)| Step::Expunge { at, uids, only_deleted }),
        3 => (at(), uids(), at(), any::<bool>())
            .prop_map(|(from, uids, to, remove)| Step::Copy { from, uids, to, remove }),
        2 => at().prop_map(Step::Create),
        1 => at().prop_map(Step::Delete),
        2 => (at(), 0..7_u8).prop_map(|(from, to)| Step::Rename { from, to }),
        1 => (0..2_u8, any::<bool>()).prop_map(|(who, frozen)| Step::Freeze(who, frozen)),
        2 => (any::<u8>(), prop::option::of(1996..2009_i64)).prop_map(|(nth, retry)| Step::Settle { nth, retry }),
        3 => (any::<u8>(), 0..4_u8).prop_map(|(nth, order)| Step::Order { nth, order }),
        1 => Just(Step::Reopen),
    ]
}

/// What a mailbox must hold: UID -> (body, flags).
#[derive(Debug, Clone, Default)]
struct Holding {
    last_uid: u32,
    messages: BTreeMap<u32, (u8, Flags)>,
}

impl Holding {
    fn add(&mut self, body: u8, flags: Flags) -> u32 {
        self.last_uid += 1;
        self.messages.insert(self.last_uid, (body, flags));
        self.last_uid
    }
}

#[derive(Debug, Default)]
struct Model {
    boxes: BTreeMap<(u8, String), Holding>,
    queue: BTreeMap<QueueId, (u8, u8, i64)>,
    /// By an admin.
    held: BTreeSet<QueueId>,
    frozen: [bool; 2],
}

/// The store, and a client that knows each mailbox only through `changes`.
struct World {
    disk: Disk,
    store: Option<Store>,
    accounts: Vec<AccountId>,
    model: Model,
    mirrors: BTreeMap<MailboxId, (ModSeq, BTreeMap<Uid, Flags>)>,
}

fn body_of(number: u8) -> Vec<u8> {
    // One of them spans chunks.
    let mut body = vec![b'0' + number; 3 + usize::from(number) * 20_000];
    body.extend_from_slice(b"\r\n\r\n");
    body
}

fn flags_of(bits: u8) -> Flags {
    let mut flags = Flags::new();
    for flag in SystemFlag::ALL {
        flags.set(flag, bits & flag as u8 != 0);
    }
    if bits & 3 == 3 {
        flags.add_keyword("$Odd");
    }
    flags
}

fn uids(numbers: &[u32]) -> Vec<Uid> {
    numbers.iter().map(|n| Uid(*n)).collect()
}

impl World {
    fn new() -> Self {
        let disk = Disk::new(Vec::new(), None, 0);
        let store = Store::open_with_backend(disk.clone(), &Options::default()).unwrap();
        let mut model = Model::default();
        let mut accounts = Vec::new();
        for who in 0..2 {
            accounts.push(wait(store.create_account(person(&format!("p{who}")))).unwrap());
            model.boxes.insert((who, "INBOX".to_owned()), Holding::default());
        }
        Self {
            disk,
            store: Some(store),
            accounts,
            model,
            mirrors: BTreeMap::new(),
        }
    }

    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn id(&self, (who, name): (u8, u8)) -> Option<MailboxId> {
        let account = self.accounts[usize::from(who)];
        let found = self
            .store()
            .snapshot()
            .unwrap()
            .mailbox(account, NAMES[usize::from(name)])
            .unwrap();
        let known = self.model.boxes.contains_key(&key((who, name)));
        assert_eq!(found.is_some(), known, "{}", NAMES[usize::from(name)]);
        found.map(|mailbox| mailbox.id)
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Deliver { body, to, queue } => self.deliver(body, &to, queue),
            Step::SetFlags {
                at,
                uids,
                change,
                flags,
            } => self.set_flags(at, &uids, change, &flags_of(flags)),
            Step::Expunge {
                at,
                uids,
                only_deleted,
            } => self.expunge(at, uids.as_deref(), only_deleted),
            Step::Copy {
                from,
                uids,
                to,
                remove,
            } => self.copy(from, &uids, to, remove),
            Step::Create(at) => self.create(at),
            Step::Delete(at) => self.delete(at),
            Step::Rename { from, to } => self.rename(from, to),
            Step::Freeze(who, frozen) => self.freeze(who, frozen),
            Step::Settle { nth, retry } => self.settle(nth, retry),
            Step::Order { nth, order } => self.order(nth, order),
            Step::Reopen => {
                self.store = None;
                let contents = self.disk.contents();
                self.disk = Disk::new(contents, None, 0);
                let store = Store::open_with_backend(self.disk.clone(), &Options::default());
                self.store = Some(store.unwrap());
            }
        }
    }

    fn deliver(&mut self, body: u8, to: &[(u8, u8)], queue: Option<i64>) {
        let places: Option<Vec<Place>> = to.iter().map(|at| self.id(*at).map(Place::Mailbox)).collect();
        let gone = Place::Mailbox(MailboxId(u64::MAX));
        let mut delivery = to_place(&body_of(body), &places.clone().unwrap_or_else(|| vec![gone]));
        if let Some(at) = queue {
            delivery.outgoing = outgoing(b"", Some(self.accounts[0]), "far@away.example", at).outgoing;
        }
        let delivered = wait(self.store().deliver(vec![delivery]));
        if places.is_none() {
            assert!(matches!(delivered, Err(StoreError::NotFound)));
            return;
        }
        let delivered = delivered.unwrap().remove(0);
        for (at, (_, _, uid)) in to.iter().zip(&delivered.placed) {
            let expected = self
                .model
                .boxes
                .get_mut(&key(*at))
                .unwrap()
                .add(body, Flags::new());
            assert_eq!(uid.0, expected);
        }
        self.model
            .queue
            .extend(delivered.queued.iter().map(|id| (*id, (0, body, queue.unwrap()))));
    }

    fn set_flags(&mut self, at: (u8, u8), numbers: &[u32], change: u8, flags: &Flags) {
        let Some(id) = self.id(at) else { return };
        let how = [FlagChange::Replace, FlagChange::Add, FlagChange::Remove][usize::from(change)];
        wait(
            self.store()
                .set_flags(id, uids(numbers), how, flags.clone(), None),
        )
        .unwrap();
        let mailbox = self.model.boxes.get_mut(&key(at)).unwrap();
        for number in numbers {
            if let Some((_, old)) = mailbox.messages.get_mut(number) {
                match how {
                    FlagChange::Replace => *old = flags.clone(),
                    FlagChange::Add => old.add(flags),
                    FlagChange::Remove => old.remove(flags),
                }
            }
        }
    }

    fn expunge(&mut self, at: (u8, u8), numbers: Option<&[u32]>, only_deleted: bool) {
        let Some(id) = self.id(at) else { return };
        let gone = wait(self.store().expunge(id, numbers.map(uids), only_deleted)).unwrap();
        let mailbox = self.model.boxes.get_mut(&key(at)).unwrap();
        let goes = |number: &u32, flags: &Flags| {
            numbers.is_none_or(|all| all.contains(number))
                && (!only_deleted || flags.has(SystemFlag::Deleted))
        };
        let expected: Vec<u32> = mailbox
            .messages
            .iter()
            .filter(|(n, (_, f))| goes(n, f))
            .map(|(n, _)| *n)
            .collect();
        assert_eq!(gone, uids(&expected));
        mailbox.messages.retain(|number, _| !expected.contains(number));
    }

    fn copy(&mut self, from: (u8, u8), numbers: &[u32], to: (u8, u8), remove: bool) {
        let (Some(source), Some(target)) = (self.id(from), self.id(to)) else {
            return;
        };
        let (_, pairs) = wait(self.store().copy_messages(source, uids(numbers), target, remove)).unwrap();
        let found = self.model.boxes[&key(from)].messages.clone();
        let mut expected = Vec::new();
        for (number, (body, flags)) in found.iter().filter(|(n, _)| numbers.contains(n)) {
            let new = self
                .model
                .boxes
                .get_mut(&key(to))
                .unwrap()
                .add(*body, flags.clone());
            expected.push((Uid(*number), Uid(new)));
        }
        assert_eq!(pairs, expected);
        if remove {
            let source = self.model.boxes.get_mut(&key(from)).unwrap();
            source
                .messages
                .retain(|number, _| !(numbers.contains(number) && found.contains_key(number)));
        }
    }

    fn create(&mut self, at: (u8, u8)) {
        let account = self.accounts[usize::from(at.0)];
        let known = self.id(at).is_some();
        let made = wait(
            self.store()
                .create_mailbox(account, NAMES[usize::from(at.1)], None),
        );
        assert_eq!(matches!(made, Err(StoreError::Exists)), known);
        self.model.make(at.0, NAMES[usize::from(at.1)]);
    }

    fn delete(&mut self, at: (u8, u8)) {
        let account = self.accounts[usize::from(at.0)];
        let (_, name) = key(at);
        let deleted = wait(self.store().delete_mailbox(account, &name));
        let inside = format!("{name}/");
        let children = self
            .model
            .boxes
            .keys()
            .any(|(who, n)| *who == at.0 && n.starts_with(&inside));
        if !self.model.boxes.contains_key(&key(at)) {
            assert!(matches!(deleted, Err(StoreError::NotFound)));
        } else if name == "INBOX" {
            assert!(matches!(deleted, Err(StoreError::CannotChange(_))));
        } else if children {
            assert!(matches!(deleted, Err(StoreError::HasChildren)));
        } else {
            deleted.unwrap();
            self.model.boxes.remove(&key(at));
        }
    }

    fn rename(&mut self, from: (u8, u8), to: u8) {
        let account = self.accounts[usize::from(from.0)];
        let (who, old) = key(from);
        let new = NAMES[usize::from(to)];
        let renamed = wait(self.store().rename_mailbox(account, &old, new));
        if !self.model.boxes.contains_key(&key(from)) {
            assert!(matches!(renamed, Err(StoreError::NotFound)));
        } else if self.model.boxes.contains_key(&(who, new.to_owned())) {
            assert!(matches!(renamed, Err(StoreError::Exists)));
        } else if old == "INBOX" {
            renamed.unwrap();
            self.model.make(who, new);
            let inbox = self.model.boxes.get_mut(&key(from)).unwrap();
            let moved = std::mem::take(&mut inbox.messages);
            let target = self.model.boxes.get_mut(&(who, new.to_owned())).unwrap();
            for (body, flags) in moved.into_values() {
                target.add(body, flags);
            }
        } else if new.starts_with(&format!("{old}/")) {
            assert!(matches!(renamed, Err(StoreError::CannotChange(_))));
        } else {
            renamed.unwrap();
            let inside = format!("{old}/");
            let moves = |n: &str| n == old || n.starts_with(&inside);
            let keys: Vec<_> = self
                .model
                .boxes
                .keys()
                .filter(|(w, n)| *w == who && moves(n))
                .cloned()
                .collect();
            for moved in keys {
                let mailbox = self.model.boxes.remove(&moved).unwrap();
                self.model.make_parents(who, new);
                self.model
                    .boxes
                    .insert((who, format!("{new}{}", &moved.1[old.len()..])), mailbox);
            }
        }
    }

    fn freeze(&mut self, who: u8, frozen: bool) {
        let state = if frozen {
            AccountState::Frozen {
                since: Timestamp(0),
                reason: "test".to_owned(),
            }
        } else {
            AccountState::Active
        };
        wait(
            self.store()
                .set_account_state(self.accounts[usize::from(who)], state),
        )
        .unwrap();
        self.model.frozen[usize::from(who)] = frozen;
    }

    fn settle(&mut self, nth: u8, retry: Option<i64>) {
        let count = self.model.queue.len().max(1);
        let Some(id) = self.model.queue.keys().nth(usize::from(nth) % count).copied() else {
            return;
        };
        let outcome = match retry {
            Some(at) => Settlement::Retry {
                at: Timestamp(at),
                words: "later".to_owned(),
                told: None,
            },
            None => Settlement::Failed {
                words: "no".to_owned(),
            },
        };
        wait(self.store().settle(vec![(id, outcome)], None, Vec::new())).unwrap();
        match retry {
            Some(at) => self.model.queue.get_mut(&id).unwrap().2 = at,
            None => {
                self.model.queue.remove(&id);
                self.model.held.remove(&id);
            }
        }
    }

    // An order about one row, given at 5.
    fn order(&mut self, nth: u8, order: u8) {
        let count = self.model.queue.len().max(1);
        let Some(id) = self.model.queue.keys().nth(usize::from(nth) % count).copied() else {
            return;
        };
        let orders = [
            QueueOrder::Hold,
            QueueOrder::Release,
            QueueOrder::Retry,
            QueueOrder::Delete,
        ];
        let order = orders[usize::from(order)];
        let next = self.model.queue.get_mut(&id).unwrap();
        let held = self.model.held.contains(&id);
        let differs = match order {
            QueueOrder::Hold => self.model.held.insert(id),
            QueueOrder::Release => {
                if held {
                    next.2 = 2000;
                }
                self.model.held.remove(&id)
            }
            QueueOrder::Retry => {
                let differs = !held && !self.model.frozen[0] && next.2 > 2000;
                if differs {
                    next.2 = 2000;
                }
                differs
            }
            QueueOrder::Delete => {
                self.model.held.remove(&id);
                self.model.queue.remove(&id).is_some()
            }
        };
        let change = change(order, &[id], 2000);
        let done = wait(self.store().change_queue(change)).unwrap().rows;
        assert_eq!(done, u64::from(differs), "{order:?}");
    }

    /// The store shows what the model says, and the client that follows the changes knows it too.
    fn compare(&mut self) {
        let snapshot = self.store().snapshot().unwrap();
        let mut live = BTreeMap::new();
        for ((who, name), expected) in &self.model.boxes {
            let account = self.accounts[usize::from(*who)];
            let mailbox = snapshot.mailbox(account, name).unwrap().expect("the mailbox");
            let opened = snapshot.open(mailbox.id).unwrap();
            let rows = snapshot.rows(mailbox.id, &opened.uids, Want::default()).unwrap();
            let shown: BTreeMap<u32, (u8, Flags)> = rows
                .iter()
                .map(|row| {
                    (
                        row.uid.0,
                        (first_octet(&snapshot, row.blob) - b'0', row.flags.clone()),
                    )
                })
                .collect();
            assert_eq!(shown, expected.messages, "{name}");
            assert_eq!(mailbox.uid_next.0, expected.last_uid + 1, "{name}");
            let flags = expected
                .messages
                .iter()
                .map(|(n, (_, flags))| (Uid(*n), flags.clone()))
                .collect();
            live.insert(mailbox.id, flags);
        }
        let due: Vec<QueueId> = due(self.store(), 9_999).into_iter().map(|item| item.id).collect();
        let mut expected: Vec<(i64, QueueId)> = self
            .model
            .queue
            .iter()
            .filter(|(id, _)| !self.model.frozen[0] && !self.model.held.contains(id))
            .map(|(id, row)| (row.2, *id))
            .collect();
        expected.sort_unstable();
        assert_eq!(due, expected.into_iter().map(|(_, id)| id).collect::<Vec<_>>());
        for id in live.keys() {
            self.mirrors.entry(*id).or_insert((ModSeq(0), BTreeMap::new()));
        }
        self.mirrors.retain(|id, (since, mirror)| {
            let changes = snapshot.changes(*id, *since).unwrap();
            assert_eq!(changes.gone, !live.contains_key(id));
            *since = changes.highest.unwrap_or(*since);
            changes.vanished.iter().for_each(|uid| drop(mirror.remove(uid)));
            mirror.extend(changes.touched.into_iter().map(|(uid, _, flags)| (uid, flags)));
            assert!(
                changes.gone || Some(&*mirror) == live.get(id),
                "the mirror of {id} is wrong"
            );
            !changes.gone
        });
    }
}

impl Model {
    fn make(&mut self, who: u8, name: &str) {
        self.make_parents(who, name);
        self.boxes.entry((who, name.to_owned())).or_default();
    }

    fn make_parents(&mut self, who: u8, name: &str) {
        for (at, _) in name.match_indices('/') {
            self.boxes.entry((who, name[..at].to_owned())).or_default();
        }
    }
}

fn key((who, name): (u8, u8)) -> (u8, String) {
    (who, NAMES[usize::from(name)].to_owned())
}

fn first_octet(snapshot: &Snapshot, blob: proto::types::BlobId) -> u8 {
    let mut octet = [0];
    snapshot
        .body(blob)
        .unwrap()
        .unwrap()
        .read_exact(&mut octet)
        .unwrap();
    octet[0]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn the_store_does_what_a_plain_model_does(steps in prop::collection::vec(step(), 1..40)) {
        let mut world = World::new();
        for step in steps {
            world.run(step);
            world.compare();
        }
        assert_sound(world.store());
    }
}
