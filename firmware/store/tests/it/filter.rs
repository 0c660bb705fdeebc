//! What the judges of inbound mail remember.

use crate::office::{assert_sound, office, wait};
use proptest::prelude::*;
use proto::types::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use store::{GreyAnswer, Lesson, Options, SenderEntry, SenderList, Store, StoreError, TokenCount};

const NOW: Timestamp = Timestamp(1_000_000);

fn lesson(message: u8, spam: bool, tokens: &[u64]) -> Lesson {
    Lesson {
        message: [message; 32],
        spam,
        tokens: tokens.to_vec(),
        at: NOW,
    }
}

fn counted(store: &Store, tokens: &[u64]) -> Vec<(u32, u32)> {
    let learnt: HashMap<u64, TokenCount> = store.snapshot().unwrap().learnt_tokens().unwrap();
    let pair = |token| learnt.get(token).map_or((0, 0), |count| (count.spam, count.ham));
    tokens.iter().map(pair).collect()
}

#[test]
fn a_message_is_learnt_once_and_changes_sides() {
    let (_dir, store) = office();
    let once = lesson(1, true, &[1, 2]);
    assert_eq!(wait(store.learn(vec![once.clone(), once.clone()])).unwrap(), 1);
    assert_eq!(wait(store.learn(vec![once])).unwrap(), 0);
    assert_eq!(counted(&store, &[1, 2, 3]), [(1, 0), (1, 0), (0, 0)]);
    assert_eq!(wait(store.learn(vec![lesson(1, false, &[1, 2])])).unwrap(), 1);
    assert_eq!(counted(&store, &[1, 2]), [(0, 1), (0, 1)]);
    let state = store.snapshot().unwrap().bayes().unwrap();
    assert_eq!((state.spam, state.ham, state.tokens), (0, 1, 2));
    assert_eq!(store.snapshot().unwrap().learnt(&[1; 32]).unwrap(), Some(false));
    assert_sound(&store);
    wait(store.unlearn_everything()).unwrap();
    let after = store.snapshot().unwrap().bayes().unwrap();
    assert_eq!((after.spam, after.ham, after.tokens), (0, 0, 0));
    assert!(after.version > state.version);
    assert_eq!(store.snapshot().unwrap().learnt(&[1; 32]).unwrap(), None);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn the_counts_are_those_of_what_was_learnt_last(
        lessons in prop::collection::vec((0u8..6, any::<bool>()), 0..30), at_once in 1usize..5,
    ) {
        // Message n has the tokens 0..=n.
        let tokens = |message: u8| (0..=u64::from(message)).collect::<Vec<_>>();
        let (_dir, store) = office();
        let mut model = BTreeMap::new();
        for some in lessons.chunks(at_once) {
            let some: Vec<_> = some.iter().map(|(m, spam)| lesson(*m, *spam, &tokens(*m))).collect();
            model.extend(some.iter().map(|lesson| (lesson.message[0], lesson.spam)));
            wait(store.learn(some)).unwrap();
        }
        for token in 0u8..6 {
            let with = |wanted: bool| model.iter().filter(|(m, spam)| **m >= token && **spam == wanted).count();
            let expected = (u32::try_from(with(true)).unwrap(), u32::try_from(with(false)).unwrap());
            prop_assert_eq!(counted(&store, &[token.into()]), [expected]);
        }
        assert_sound(&store);
    }
}

#[test]
fn rare_old_tokens_make_room_for_new_ones() {
    let (_dir, store) = office();
    let old = |at, message, tokens: std::ops::Range<u64>| Lesson {
        message: [message; 32],
        spam: true,
        tokens: tokens.collect(),
        at: Timestamp(at),
    };
    wait(store.learn(vec![old(0, 1, 0..1000), old(0, 2, 0..1000)])).unwrap(); // common
    wait(store.learn(vec![old(86_400, 3, 1000..2000)])).unwrap(); // rare and old
    for n in 0..5u8 {
        let from = 2000 + u64::from(n) * 30_000;
        wait(store.learn(vec![
            old(20 * 86_400, 4, 0..0),
            old(20 * 86_400, 10 + n, from..from + 30_000),
        ]))
        .unwrap();
    }
    assert!(counted(&store, &[0, 999]).iter().all(|count| *count == (2, 0)));
    assert!(
        counted(&store, &[1000, 1999])
            .iter()
            .all(|count| *count == (0, 0))
    );
    let state = store.snapshot().unwrap().bayes().unwrap();
    assert!(state.tokens <= 150_000 && state.tokens > 100_000, "{state:?}");
    assert_sound(&store);
}

#[test]
fn whoever_comes_again_after_the_time_is_let_in_and_stays_known() {
    let (dir, store) = office();
    let ask = |store: &Store, at: i64| wait(store.greylist("key".to_owned(), NOW.plus(at), 300)).unwrap();
    let wait_until = GreyAnswer::Wait { until: NOW.plus(300) };
    assert_eq!(ask(&store, 0), wait_until);
    assert_eq!(ask(&store, 299), wait_until);
    assert!(
        !store
            .snapshot()
            .unwrap()
            .was_let_in("key", NOW.plus(299))
            .unwrap()
    );
    drop(store);
    let store = Store::open(dir.path(), &Options::default()).unwrap(); // a restart forgets nobody
    assert_eq!(ask(&store, 300), GreyAnswer::Pass);
    assert!(
        store
            .snapshot()
            .unwrap()
            .was_let_in("key", NOW.plus(300))
            .unwrap()
    );
    let later = GreyAnswer::KNOWN;
    assert_eq!(ask(&store, later), GreyAnswer::Pass);
    assert_eq!(ask(&store, 2 * later), GreyAnswer::Pass);
    let long_after = 3 * later + 1;
    assert_eq!(
        ask(&store, long_after),
        GreyAnswer::Wait {
            until: NOW.plus(long_after + 300)
        }
    );
    // One that comes too late begins anew, and so does one from before the clock was set.
    let late = long_after + GreyAnswer::RETRY + 1;
    assert_eq!(
        ask(&store, late),
        GreyAnswer::Wait {
            until: NOW.plus(late + 300)
        }
    );
    assert_eq!(
        ask(&store, -999),
        GreyAnswer::Wait {
            until: NOW.plus(-999 + 300)
        }
    );
    wait(store.tidy_senders(NOW.plus(10 * later))).unwrap();
    let state = store.snapshot().unwrap().greylist(NOW, 10).unwrap();
    assert_eq!((state.known, state.waiting), (0, 0));
}

#[test]
fn a_flood_of_strangers_costs_no_known_sender_his_place() {
    let (_dir, store) = office();
    wait(store.never_greylist(vec!["friend".to_owned()], NOW)).unwrap();
    wait(async {
        let mut asked = Vec::new();
        for n in 0..20_100 {
            asked.push(store.greylist(format!("stranger {n}"), NOW.plus(n), 300));
            if asked.len() == 100 {
                for answer in futures_of(std::mem::take(&mut asked)).await {
                    answer.unwrap();
                }
            }
        }
    });
    let snapshot = store.snapshot().unwrap();
    assert!(snapshot.was_let_in("friend", NOW.plus(30_000)).unwrap());
    let state = snapshot.greylist(NOW.plus(20_200), 3).unwrap();
    assert!(
        state.waiting <= 20_000 && state.waiting > 15_000,
        "{}",
        state.waiting
    );
    let newest: Vec<_> = state.newest.iter().map(|row| row.key.as_str()).collect();
    assert_eq!(newest, ["stranger 20099", "stranger 20098", "stranger 20097"]);
    assert_sound(&store);
}

// All at once, so that they share commits.
async fn futures_of<F>(futures: Vec<F>) -> Vec<F::Output>
where
    F: Future + Send,
{
    let mut futures: Vec<_> = futures.into_iter().map(Box::pin).collect();
    let mut outputs = Vec::new();
    std::future::poll_fn(|context| {
        let mut waiting = Vec::new();
        for mut future in std::mem::take(&mut futures) {
            match future.as_mut().poll(context) {
                std::task::Poll::Ready(output) => outputs.push(output),
                std::task::Poll::Pending => waiting.push(future),
            }
        }
        futures = waiting;
        if futures.is_empty() {
            std::task::Poll::Ready(())
        } else {
            std::task::Poll::Pending
        }
    })
    .await;
    outputs
}

#[test]
fn senders_are_listed_once_and_expire() {
    let (_dir, store) = office();
    let entry = |who: &str, list, until| SenderEntry {
        who: who.to_owned(),
        list,
        note: "why".to_owned(),
        since: NOW,
        until,
    };
    let short = Some(NOW.plus(60));
    wait(store.put_sender(entry("a.example", SenderList::Allow, None))).unwrap();
    wait(store.put_sender(entry("b.example", SenderList::Block, short))).unwrap();
    wait(store.put_sender(entry("a.example", SenderList::Block, None))).unwrap();
    let names = |store: &Store| -> BTreeSet<(String, SenderList)> {
        let senders = store.snapshot().unwrap().senders().unwrap();
        senders.into_iter().map(|entry| (entry.who, entry.list)).collect()
    };
    assert_eq!(
        names(&store),
        BTreeSet::from([
            ("a.example".to_owned(), SenderList::Block),
            ("b.example".to_owned(), SenderList::Block)
        ])
    );
    wait(store.tidy_senders(NOW.plus(60))).unwrap();
    assert_eq!(names(&store).len(), 1);
    assert!(wait(store.remove_sender("a.example".to_owned())).unwrap());
    assert!(!wait(store.remove_sender("a.example".to_owned())).unwrap());
    let long = SenderEntry {
        note: "x".repeat(3000),
        ..entry("c.example", SenderList::Block, None)
    };
    assert!(matches!(
        wait(store.put_sender(long)),
        Err(StoreError::CannotChange(_))
    ));
}
