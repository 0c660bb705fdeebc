//! The queue at work: goes round the domains that mail is due for, one message of each in turn, a few
//! tries at a time, and sleeps until something changes. So a domain with much mail, or a dead one,
//! never keeps mail for others waiting. What is held in memory is the names of one round and the rows
//! of the running tries, however long the queue is.
//!
//! | a row is | it is looked at | a crash leaves it |
//! |---|---|---|
//! | due | in its domain's turn | due |
//! | being tried | by its try alone; an admin can hold it, not delete it | due, as before the try |
//! | taken by the other side, not yet settled | by its try alone | due: sent a second time |
//! | waiting for its next try | when that is due, or an admin retries it | waiting |
//! | kept back by its sender (RFC 4865) | when he let it go | kept back |
//! | held because its sender is frozen | when the guard's mail of his is released or discarded | held |
//! | held by an admin, or because its domain is | when an admin releases or deletes it | held |
//! | settled, or deleted by an admin | never | gone, with the notice committed beside it |

use super::Post;
use super::attempt::{attempt, put_off};
use super::pace::{Bounds, Met};
use super::relay::{End, Outcome, Way};
use super::traffic::Hands;
use super::ways;
use crate::blocking::blocking;
use crate::limits::queue::{
    LAST_TRIES, MOST_AT_DOMAIN, MOST_AT_SMARTHOST, NOTICES, PLACES, RECIPIENTS, SLEEP, TRIES,
    TRIES_AT_DOMAIN, TRIES_AT_SMARTHOST,
};
use crate::settings::{self, Office};
use proto::types::{Timestamp, TlsWish};
use std::collections::{HashMap, VecDeque};
use std::pin::pin;
use std::time::Duration;
use store::{Change, QueueItem, Snapshot, StoreError};
use tokio::sync::broadcast::{Receiver, error::RecvError};
use tokio::task::{Id, JoinSet};

/// Works until `stop` is ready. What is under way then gets a few seconds to finish; the rest stays
/// queued.
pub async fn run(post: Post, stop: impl Future<Output = ()>) {
    let mut changes = post.store.subscribe();
    let freed = post.traffic.clone();
    let mut runner = Runner::new(post);
    let mut stop = pin!(stop);
    loop {
        let sleep = runner.start_due();
        tokio::select! {
            () = &mut stop => break,
            () = runner.one_ended(), if !runner.tries.is_empty() => {}
            () = queue_changed(&mut changes) => {}
            () = freed.freed() => {}
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
    tries: JoinSet<Met>,
    running: HashMap<Id, Running>,
    // Domains that are still to come in this round.
    round: VecDeque<String>,
    // Where the next round begins.
    seen: Option<(Timestamp, String)>,
}

// A try under way.
struct Running {
    // Where it goes, if it does not only put mail off.
    place: Option<String>,
    // The rows that it has.
    _hands: Hands,
    // Its mail has no sender.
    is_notice: bool,
}

// What holds for all that is started at one moment.
struct Moment {
    now: Timestamp,
    snapshot: Snapshot,
    office: Office,
}

impl Runner {
    fn new(post: Post) -> Self {
        Self {
            post,
            tries: JoinSet::new(),
            running: HashMap::new(),
            round: VecDeque::new(),
            seen: None,
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
        let moment = Moment {
            now,
            snapshot,
            office,
        };
        // The rest of this round, then whole ones for as long as they start anything.
        let mut started = true;
        while self.tries.len() < TRIES {
            if let Some(domain) = self.round.pop_front() {
                started |= self.start_at(&moment, &domain)?;
            } else if !std::mem::take(&mut started) || !self.next_round(&moment)? {
                break;
            }
        }
        // What is due but must wait is looked at again when a try ends.
        Ok(match moment.snapshot.next_due()? {
            Some(next) if next > now => next.0.saturating_sub(now.0),
            _ => SLEEP,
        })
    }

    // Whether any domain has mail due.
    fn next_round(&mut self, moment: &Moment) -> Result<bool, StoreError> {
        let next = |seen: Option<&(Timestamp, String)>| moment.snapshot.places_due(moment.now, seen, PLACES);
        let mut places = next(self.seen.as_ref())?;
        if places.is_empty() && self.seen.is_some() {
            places = next(None)?;
        }
        self.seen = places.last().filter(|_| places.len() >= PLACES).cloned();
        self.round = places.into_iter().map(|(_, domain)| domain).collect();
        Ok(!self.round.is_empty())
    }

    // Starts one try with the domain's next message, if there is one and its place has room.
    fn start_at(&mut self, moment: &Moment, domain: &str) -> Result<bool, StoreError> {
        let traffic = self.post.traffic.clone();
        let is_busy = |id| traffic.is_busy(id);
        let notices = self.running.values().filter(|running| running.is_notice);
        let no_more_notices = notices.count() >= NOTICES;
        let mut items = moment
            .snapshot
            .message_due(domain, moment.now, RECIPIENTS, |item| {
                is_busy(item.id) || (no_more_notices && item.from.is_none())
            })?;
        let Some(first) = items.first() else {
            return Ok(false);
        };
        let way_of = |item: &QueueItem| ways::way(&moment.snapshot, item.to.domain());
        let way = way_of(first)?;
        let place = way.place().to_owned();
        let (post, office) = (self.post.clone(), moment.office.clone());
        let is_notice = first.from.is_none();
        // What others met there, TLS that did not hold, need not stop mail that spares it (RFC 8689).
        let spares_tls = first.wishes.tls == TlsWish::NotRequired;
        if let Some(outcome) = traffic.rest(&place, moment.now).filter(|_| !spares_tls) {
            let hands = traffic.take(items.iter().map(|item| item.id));
            items.retain(|item| hands.has(item.id));
            self.hold(None, hands, is_notice, async move {
                put_off(&post, &office, items, outcome).await;
                Met::Nothing
            });
            return Ok(true);
        }
        if !traffic.has_room(&place) {
            return Ok(false);
        }
        if matches!(way, Way::Smarthost(_)) {
            // One transaction for the message's recipients at all domains.
            let rows = moment.snapshot.message_queued(first, RECIPIENTS)?;
            items = rows
                .into_iter()
                .filter(|item| !item.is_held() && item.next_attempt <= moment.now && !is_busy(item.id))
                .filter(|item| way_of(item).is_ok_and(|other| other == way))
                .take(RECIPIENTS)
                .collect();
        }
        let hands = traffic.begin(items.iter().map(|item| item.id), &place, bounds(&way));
        items.retain(|item| hands.has(item.id));
        self.hold(Some(place), hands, is_notice, async move {
            attempt(&post, &office, way, items).await
        });
        Ok(true)
    }

    fn hold(
        &mut self,
        place: Option<String>,
        hands: Hands,
        is_notice: bool,
        work: impl Future<Output = Met> + Send + 'static,
    ) {
        let id = self.tries.spawn(work).id();
        let running = Running {
            place,
            _hands: hands,
            is_notice,
        };
        self.running.insert(id, running);
    }

    // Waits until a running try ends, however it does.
    async fn one_ended(&mut self) {
        let (id, met) = match self.tries.join_next_with_id().await {
            Some(Ok(ended)) => ended,
            Some(Err(error)) => {
                tracing::error!(%error, "a try ended badly");
                let outcome = Outcome {
                    end: End::Later,
                    host: None,
                    words: "something is wrong with this box; its log says more".to_owned(),
                    protection: None,
                };
                (error.id(), Met::Nobody(outcome)) // else the rows would be tried again at once, forever
            }
            None => return,
        };
        // What was learnt stands before the rows are let go.
        let ended = self.running.remove(&id);
        if let Some(place) = ended.as_ref().and_then(|running| running.place.as_deref()) {
            self.post.traffic.learn(place, met, self.post.now());
        }
    }
}

const fn bounds(way: &Way) -> Bounds {
    match way {
        Way::Direct(_) => Bounds {
            first: TRIES_AT_DOMAIN,
            most: MOST_AT_DOMAIN,
        },
        Way::Smarthost(_) => Bounds {
            first: TRIES_AT_SMARTHOST,
            most: MOST_AT_SMARTHOST,
        },
    }
}
