//! The queue at work: picks what is due, a few tries at a time, and sleeps until something changes.
//!
//! | a row is | a crash leaves it |
//! |---|---|
//! | waiting | waiting |
//! | being tried | due, as before the try |
//! | taken by the other side, not yet settled | due: sent a second time |
//! | settled | gone, or due later, with the notice committed beside it |

use super::Post;
use super::attempt::{attempt, put_off};
use super::relay::{End, Outcome, Way};
use crate::blocking::blocking;
use crate::limits::queue::{
    DUE, LAST_TRIES, RECIPIENTS, REST, SLEEP, TRIES, TRIES_AT_DOMAIN, TRIES_AT_SMARTHOST,
};
use crate::settings::{self, Office, Smarthost};
use proto::types::{QueueId, Timestamp};
use std::collections::{HashMap, HashSet};
use std::pin::pin;
use std::time::Duration;
use store::{Change, QueueItem, StoreError};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::task::{Id, JoinSet};

/// Works until `stop` is ready. What is under way then gets a few seconds to finish; the rest stays
/// queued.
pub async fn run(post: Post, stop: impl Future<Output = ()>) {
    let mut changes = post.store.subscribe();
    let mut runner = Runner::new(post);
    let mut stop = pin!(stop);
    loop {
        let sleep = runner.start_due();
        tokio::select! {
            () = &mut stop => break,
            () = runner.one_ended(), if !runner.tries.is_empty() => {}
            () = queue_changed(&mut changes) => {}
            () = tokio::time::sleep(sleep) => {}
        }
    }
    let last = async {
        while !runner.tries.is_empty() {
            runner.one_ended().await;
        }
    };
    // Cut off in the middle, the other side drops the message or we send it again.
    let _ = tokio::time::timeout(LAST_TRIES, last).await;
}

/// Tries everything that is due at this moment of the clock, once, and returns when it is settled.
pub async fn turn(post: &Post) {
    let mut runner = Runner::new(post.clone());
    loop {
        runner.start_due();
        if runner.tries.is_empty() {
            return;
        }
        runner.one_ended().await;
    }
}

async fn queue_changed(changes: &mut Receiver<Change>) {
    loop {
        match changes.recv().await {
            Ok(Change::Queue | Change::Account(_) | Change::Settings) | Err(RecvError::Lagged(_)) => return,
            Ok(_) => {}
            // The store is gone: nothing will ever change.
            Err(RecvError::Closed) => std::future::pending().await,
        }
    }
}

struct Runner {
    post: Post,
    // Each gives back what it found out about its place.
    tries: JoinSet<Option<Outcome>>,
    // What each running try holds.
    held: HashMap<Id, (String, Vec<QueueId>)>,
    busy: HashSet<QueueId>,
    // Places that could not be reached, until when, and what was met there.
    resting: HashMap<String, (Timestamp, Outcome)>,
}

impl Runner {
    fn new(post: Post) -> Self {
        Self {
            post,
            tries: JoinSet::new(),
            held: HashMap::new(),
            busy: HashSet::new(),
            resting: HashMap::new(),
        }
    }

    // Starts what is due and may start; says how long nothing more will be due.
    fn start_due(&mut self) -> Duration {
        if self.tries.len() >= TRIES {
            return Duration::from_secs(SLEEP.unsigned_abs()); // the end of a try comes first
        }
        match blocking(|| self.start()) {
            Ok(seconds) => Duration::from_secs(seconds.clamp(1, SLEEP).unsigned_abs()),
            Err(error) => {
                tracing::error!(%error, "the queue cannot be read");
                Duration::from_secs(SLEEP.unsigned_abs())
            }
        }
    }

    fn start(&mut self) -> Result<i64, StoreError> {
        let now = self.post.now();
        let snapshot = self.post.store.snapshot()?;
        let Some(office) = settings::read::<Office>(&snapshot, settings::OFFICE)? else {
            return Ok(SLEEP);
        };
        let smarthost = settings::read::<Smarthost>(&snapshot, settings::SMARTHOST)?;
        let mut due = snapshot.queue_due(now, DUE)?;
        due.retain(|item| !self.busy.contains(&item.id));
        self.resting.retain(|_, (until, _)| *until > now);
        for (way, items) in group(due, smarthost.as_ref()) {
            if self.tries.len() >= TRIES {
                break;
            }
            if let Some((_, outcome)) = self.resting.get(way.place()) {
                let (post, office, outcome) = (self.post.clone(), office.clone(), outcome.clone());
                self.hold(way.place().to_owned(), ids(&items), async move {
                    put_off(&post, &office, items, outcome).await;
                    None
                });
                continue;
            }
            let limit = match way {
                Way::Direct(_) => TRIES_AT_DOMAIN,
                Way::Smarthost(_) => TRIES_AT_SMARTHOST,
            };
            let running = self
                .held
                .values()
                .filter(|(place, _)| place == way.place())
                .count();
            if running < limit {
                let (post, office) = (self.post.clone(), office.clone());
                self.hold(way.place().to_owned(), ids(&items), async move {
                    attempt(&post, &office, way, items).await
                });
            }
        }
        // What is due but must wait is looked at again when a try ends.
        Ok(match snapshot.next_due()? {
            Some(next) if next > now => next.0.saturating_sub(now.0),
            _ => SLEEP,
        })
    }

    fn hold(
        &mut self,
        place: String,
        ids: Vec<QueueId>,
        work: impl Future<Output = Option<Outcome>> + Send + 'static,
    ) {
        self.busy.extend(&ids);
        let id = self.tries.spawn(work).id();
        self.held.insert(id, (place, ids));
    }

    // Waits until a running try ends, however it does.
    async fn one_ended(&mut self) {
        let (id, unreached) = match self.tries.join_next_with_id().await {
            Some(Ok(ended)) => ended,
            Some(Err(error)) => {
                tracing::error!(%error, "a try ended badly");
                let outcome = Outcome {
                    end: End::Later,
                    host: None,
                    words: "something is wrong with this box; its log says more".to_owned(),
                };
                (error.id(), Some(outcome)) // else the rows would be tried again at once, forever
            }
            None => return,
        };
        if let Some((place, ids)) = self.held.remove(&id) {
            for id in ids {
                self.busy.remove(&id);
            }
            if let Some(outcome) = unreached {
                let until = self.post.now().plus(REST);
                self.resting.insert(place, (until, outcome));
            }
        }
    }
}

fn ids(items: &[QueueItem]) -> Vec<QueueId> {
    items.iter().map(|item| item.id).collect()
}

// One group for each message and way, in the order in which they became due.
fn group(due: Vec<QueueItem>, smarthost: Option<&Smarthost>) -> Vec<(Way, Vec<QueueItem>)> {
    let mut groups: Vec<(Way, Vec<QueueItem>)> = Vec::new();
    let mut known = HashMap::new();
    for item in due {
        let way = match smarthost {
            Some(smarthost) => Way::Smarthost(Box::new(smarthost.clone())),
            None => Way::Direct(item.to.domain().clone()),
        };
        let key = (
            way.place().to_owned(),
            item.blob,
            item.from.clone(),
            item.wishes.clone(),
        );
        let open = known
            .get(&key)
            .and_then(|index: &usize| groups.get_mut(*index))
            .filter(|(_, items)| items.len() < RECIPIENTS);
        if let Some((_, items)) = open {
            items.push(item);
        } else {
            known.insert(key, groups.len());
            groups.push((way, vec![item]));
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::SmarthostTls;
    use proto::types::{Address, BlobId, RecipientWishes, Timestamp, Wishes};

    fn item(id: u64, blob: u64, from: Option<&str>, to: &str) -> QueueItem {
        QueueItem {
            id: QueueId(id),
            blob: BlobId(blob),
            owner: None,
            from: from.map(|from| Address::parse(from).unwrap()),
            to: Address::parse(to).unwrap(),
            created: Timestamp(0),
            next_attempt: Timestamp(0),
            attempts: 0,
            last_words: None,
            held: false,
            wishes: Wishes::default(),
            asked: RecipientWishes::default(),
            told: None,
        }
    }

    fn places(groups: &[(Way, Vec<QueueItem>)]) -> Vec<(String, Vec<u64>)> {
        let numbers = |items: &[QueueItem]| items.iter().map(|item| item.id.0).collect();
        groups
            .iter()
            .map(|(way, items)| (way.place().to_owned(), numbers(items)))
            .collect()
    }

    #[test]
    fn recipients_of_one_message_at_one_domain_go_together() {
        let ann = Some("ann@example.com");
        let due = vec![
            item(1, 1, ann, "a@one.example"),
            item(2, 1, ann, "b@two.example"),
            item(3, 1, ann, "c@One.Example"),
            item(4, 2, ann, "a@one.example"),
            item(5, 1, None, "d@one.example"),
        ];
        let groups = group(due.clone(), None);
        let place = |name: &str, ids: &[u64]| (name.to_owned(), ids.to_vec());
        assert_eq!(
            places(&groups),
            [
                place("one.example", &[1, 3]),
                place("two.example", &[2]),
                place("one.example", &[4]),
                place("one.example", &[5]),
            ]
        );
        let smarthost = Smarthost {
            host: "relay.example".to_owned(),
            port: 465,
            tls: SmarthostTls::Implicit,
            user: None,
            password: None,
            trust_any_certificate: false,
        };
        let groups = group(due, Some(&smarthost));
        let relay = |ids: &[u64]| place("relay.example", ids);
        assert_eq!(places(&groups), [relay(&[1, 2, 3]), relay(&[4]), relay(&[5])]);
    }

    #[test]
    fn no_transaction_has_more_than_a_hundred_recipients() {
        let due = (0..250)
            .map(|n| item(n, 1, None, &format!("u{n}@one.example")))
            .collect();
        let sizes: Vec<usize> = group(due, None).iter().map(|(_, items)| items.len()).collect();
        assert_eq!(sizes, [100, 100, 50]);
    }
}
