//! What the queue is doing at this moment: which rows are in somebody's hands, and the pace of every
//! place. Shared by the runner, the pages and the command line; in memory only, since a crash ends
//! every try.

use super::pace::{Bounds, Met, Pace};
use super::relay::Outcome;
use crate::limits::queue::PLACES;
use proto::types::{QueueId, Timestamp};
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// Clones share it.
#[derive(Clone, Default)]
pub struct Traffic(Arc<Inner>);

#[derive(Default)]
struct Inner {
    now: Mutex<Now>,
    freed: Notify,
    /// One admin's order after the other.
    orders: tokio::sync::Mutex<()>,
}

#[derive(Default)]
struct Now {
    busy: HashSet<QueueId>,
    places: HashMap<String, Pace>,
}

/// A place that mail goes to, as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlaceNow {
    /// The domain, or the smarthost.
    pub name: String,
    /// Tries under way.
    pub running: usize,
    /// Tries at once.
    pub window: usize,
    /// Until when it is left alone, and what was met there.
    pub rest: Option<(Timestamp, String)>,
}

impl Traffic {
    /// Takes rows for an admin's order. Those that are in somebody else's hands are left out: see
    /// [`Hands::has`]. They are let go with what is returned, and the runner looks again.
    #[must_use]
    pub fn take_for_order(&self, rows: impl IntoIterator<Item = QueueId>) -> Hands {
        let mut hands = self.take(rows);
        hands.wakes = true;
        hands
    }

    /// Takes rows for the runner, which looks again anyway.
    #[must_use]
    pub fn take(&self, rows: impl IntoIterator<Item = QueueId>) -> Hands {
        let mut now = self.now();
        let rows = rows.into_iter().filter(|id| now.busy.insert(*id)).collect();
        Hands {
            traffic: self.clone(),
            rows,
            place: None,
            wakes: false,
        }
    }

    /// Takes rows for a try at a place, which is counted there.
    #[must_use]
    pub fn begin(&self, rows: impl IntoIterator<Item = QueueId>, place: &str, bounds: Bounds) -> Hands {
        let mut hands = self.take(rows);
        let mut now = self.now();
        if now.places.len() >= PLACES && !now.places.contains_key(place) {
            // What is forgotten is met again.
            now.places.retain(|_, pace| pace.running > 0);
        }
        let pace = now
            .places
            .entry(place.to_owned())
            .or_insert_with(|| Pace::new(bounds));
        pace.running += 1;
        drop(now);
        hands.place = Some(place.to_owned());
        hands
    }

    /// Whether the row is in somebody's hands.
    #[must_use]
    pub fn is_busy(&self, row: QueueId) -> bool {
        self.now().busy.contains(&row)
    }

    /// Whether a try at the place may start.
    #[must_use]
    pub fn has_room(&self, place: &str) -> bool {
        self.now().places.get(place).is_none_or(Pace::has_room)
    }

    /// Whether another try is under way at the place, so that more mail may follow soon.
    #[must_use]
    pub fn is_lively(&self, place: &str) -> bool {
        self.now().places.get(place).is_some_and(|pace| pace.running > 1)
    }

    /// What was met at the place, if it is left alone now.
    #[must_use]
    pub fn rest(&self, place: &str, at: Timestamp) -> Option<Outcome> {
        let now = self.now();
        now.places
            .get(place)?
            .rest(at)
            .map(|(_, outcome)| outcome.clone())
    }

    /// What a try at the place has met.
    pub fn learn(&self, place: &str, met: Met, at: Timestamp) {
        if let Some(pace) = self.now().places.get_mut(place) {
            pace.learn(met, at);
        }
    }

    /// Forgets the rest of a place, or of all.
    pub fn forget_rest(&self, place: Option<&str>) {
        let mut now = self.now();
        let these = now
            .places
            .iter_mut()
            .filter(|(name, _)| place.is_none_or(|place| place == *name));
        these.for_each(|(_, pace)| pace.forget_rest());
    }

    /// Places that are spoken to or left alone, by name.
    #[must_use]
    pub fn places(&self, at: Timestamp) -> Vec<PlaceNow> {
        let now = self.now();
        let shown = now.places.iter().map(|(name, pace)| PlaceNow {
            name: name.clone(),
            running: pace.running,
            window: pace.window,
            rest: pace
                .rest(at)
                .map(|(until, outcome)| (*until, outcome.words.clone())),
        });
        let mut shown: Vec<PlaceNow> = shown
            .filter(|place| place.running > 0 || place.rest.is_some())
            .collect();
        shown.sort_by(|a, b| a.name.cmp(&b.name));
        shown
    }

    /// Has the runner look again.
    pub fn wake(&self) {
        self.0.freed.notify_one();
    }

    /// Waits until an order let rows go.
    pub async fn freed(&self) {
        self.0.freed.notified().await;
    }

    /// Waits until no other order of an admin is being carried out.
    pub async fn order(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.0.orders.lock().await
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.0.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Rows in somebody's hands: nobody else sends or changes them until this goes.
pub struct Hands {
    traffic: Traffic,
    rows: HashSet<QueueId>,
    place: Option<String>,
    wakes: bool,
}

impl Hands {
    /// Whether this row is among them.
    #[must_use]
    pub fn has(&self, row: QueueId) -> bool {
        self.rows.contains(&row)
    }
}

impl Drop for Hands {
    fn drop(&mut self) {
        let mut now = self.traffic.now();
        for row in &self.rows {
            now.busy.remove(row);
        }
        if let Some(pace) = self.place.as_ref().and_then(|place| now.places.get_mut(place)) {
            pace.running = pace.running.saturating_sub(1);
        }
        drop(now);
        if self.wakes {
            self.traffic.wake();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BOUNDS: Bounds = Bounds { first: 2, most: 5 };

    #[test]
    fn a_row_is_in_one_pair_of_hands_at_a_time() {
        let traffic = Traffic::default();
        let (one, two, three) = (QueueId(1), QueueId(2), QueueId(3));
        let a_try = traffic.begin([one, two], "one.example", BOUNDS);
        let order = traffic.take([two, three]);
        assert_eq!(
            (a_try.has(two), order.has(two), order.has(three)),
            (true, false, true)
        );
        drop(order);
        assert!(traffic.is_busy(two) && !traffic.is_busy(three));
        drop(a_try);
        assert!(!traffic.is_busy(one) && !traffic.is_busy(two));
    }

    #[test]
    fn tries_are_counted_at_their_place_until_they_end() {
        let traffic = Traffic::default();
        let tries: Vec<Hands> = (0..2)
            .map(|n| traffic.begin([QueueId(n)], "one.example", BOUNDS))
            .collect();
        assert!(!traffic.has_room("one.example") && traffic.has_room("two.example"));
        drop(tries);
        assert!(traffic.has_room("one.example"));
        assert_eq!(traffic.places(Timestamp(0)), []);
    }

    #[test]
    fn no_more_places_are_remembered_than_the_limit_says() {
        let traffic = Traffic::default();
        let busy = traffic.begin([], "busy.example", BOUNDS);
        for n in 0..PLACES + 10 {
            drop(traffic.begin([], &format!("d{n}.example"), BOUNDS));
        }
        let count = traffic.now().places.len();
        assert!(count <= PLACES, "{count}");
        assert!(
            traffic.now().places.contains_key("busy.example"),
            "nobody forgets what runs"
        );
        drop(busy);
    }
}
