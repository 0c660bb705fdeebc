//! The ledger: everything that happened is recorded once, here. The log, the panel, the pages and
//! the admin's mail are drawn from the same events, so they cannot disagree.

mod counters;
pub mod events;
pub mod failed_logins;
mod fold;
pub mod reports;

pub use counters::Numbers;

use crate::clock::Clock;
use crate::limits;
use counters::Counters;
use fold::Fold;
use proto::types::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use store::{Event, EventKind, Snapshot, Store, StoreError};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::{Instant, MissedTickBehavior, interval, sleep_until};
use tracing::{error, warn};

/// Writes of the batch are at least this far apart: an event in a commit of its own costs 30 kB.
const PACE: Duration = Duration::from_secs(1);

/// Where events go. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ledger(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    clock: Clock,
    waiting: mpsc::Sender<Message>,
    counters: Mutex<Counters>,
    touched: Notify,
}

#[derive(Debug)]
enum Message {
    Event(Box<Event>),
    Flush(oneshot::Sender<()>),
}

/// The task that brings events to the store.
#[derive(Debug)]
pub struct Writer(mpsc::Receiver<Message>);

impl Ledger {
    /// A ledger whose counters go on from what the store remembers of today.
    ///
    /// # Errors
    /// The store failed.
    pub fn open(clock: Clock, snapshot: &Snapshot) -> Result<(Self, Writer), StoreError> {
        let (waiting, receiver) = mpsc::channel(limits::EVENTS_WAITING);
        let ledger = Self(Arc::new(Inner {
            counters: Mutex::new(remembered(clock.now(), snapshot)?),
            clock,
            waiting,
            touched: Notify::new(),
        }));
        Ok((ledger, Writer(receiver)))
    }

    /// Records what just happened. Never blocks, never fails: when the store cannot keep up, the
    /// event is counted and said in the log, but not kept.
    pub fn record(&self, kind: EventKind) {
        let event = self.event(kind);
        self.count(&event);
        if self.0.waiting.try_send(Message::Event(Box::new(event))).is_err() {
            warn!("the ledger is full: an event was counted but not kept");
        }
    }

    /// What happens now as an event, for an operation of the store that records it itself.
    #[must_use]
    pub fn event(&self, kind: EventKind) -> Event {
        Event {
            at: self.0.clock.now(),
            kind,
        }
    }

    /// Counts an event that the store has recorded.
    pub fn count(&self, event: &Event) {
        self.counters().count(event);
        self.0.touched.notify_one();
    }

    /// The numbers of this moment.
    #[must_use]
    pub fn numbers(&self) -> Numbers {
        let now = self.0.clock.now();
        self.counters().numbers(now)
    }

    /// Waits until something was recorded since the last call. For one listener, the panel.
    pub async fn touched(&self) {
        self.0.touched.notified().await;
    }

    /// Waits until everything recorded so far is in the store, or the writer is gone.
    pub async fn flush(&self) {
        let (done, wait) = oneshot::channel();
        if self.0.waiting.send(Message::Flush(done)).await.is_ok() {
            let _ = wait.await; // an error means that the writer is gone: nothing to wait for
        }
    }

    fn counters(&self) -> std::sync::MutexGuard<'_, Counters> {
        self.0.counters.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Writer {
    /// Brings events to the store, many in one commit, until the last [`Ledger`] is gone.
    pub async fn run(mut self, store: Store) {
        let mut batch = Vec::new();
        let mut fold = Fold::default();
        let mut next_write = Instant::now();
        let mut unfold = interval(fold::LONGEST / 4);
        unfold.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let message = tokio::select! {
                message = self.0.recv() => message,
                () = sleep_until(next_write), if !batch.is_empty() => {
                    write(&store, &mut batch).await;
                    next_write = Instant::now() + PACE;
                    continue;
                }
                _ = unfold.tick() => {
                    batch.extend(fold.due());
                    continue;
                }
            };
            match message {
                Some(Message::Event(event)) => batch.extend(fold.take(*event)),
                Some(Message::Flush(done)) => {
                    batch.extend(fold.all());
                    write(&store, &mut batch).await;
                    let _ = done.send(()); // nobody waits any more: fine
                }
                None => {
                    batch.extend(fold.all());
                    write(&store, &mut batch).await;
                    return;
                }
            }
            if batch.len() >= limits::EVENTS_AT_ONCE {
                write(&store, &mut batch).await;
                next_write = Instant::now() + PACE;
            }
        }
    }
}

async fn write(store: &Store, batch: &mut Vec<Event>) {
    if batch.is_empty() {
        return;
    }
    let events = std::mem::take(batch);
    let count = events.len();
    if let Err(error) = store.record(events).await {
        error!(%error, count, "events could not be kept");
    }
}

// Of today and of the last hour.
fn remembered(now: Timestamp, snapshot: &Snapshot) -> Result<Counters, StoreError> {
    let mut counters = Counters::at(now);
    snapshot.events_since(counters::horizon(now), usize::MAX, |event| counters.count(&event))?;
    Ok(counters)
}
