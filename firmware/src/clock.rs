//! The time, and whether it can be trusted. The board has no battery: it may wake up in the past.

use proto::types::Timestamp;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Seconds of a day.
pub const DAY: i64 = 86_400;

/// The clock that everything in the box reads. Clones tell the same time.
#[derive(Debug, Clone)]
pub struct Clock(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    // Standing still at a moment that a test moves, or running with the system.
    set: Option<AtomicI64>,
    // Seconds that passed on a standing clock.
    passed: AtomicI64,
    started: Instant,
    known: AtomicBool,
}

impl Clock {
    /// The system's clock, taken as right until the board says otherwise.
    #[must_use]
    pub fn system() -> Self {
        Self(Arc::new(Inner {
            set: None,
            passed: AtomicI64::new(0),
            started: Instant::now(),
            known: AtomicBool::new(true),
        }))
    }

    /// A clock that stands at `at` until [`Clock::set`] moves it: a week of retries in a second.
    #[must_use]
    pub fn standing(at: Timestamp) -> Self {
        Self(Arc::new(Inner {
            set: Some(AtomicI64::new(at.0)),
            passed: AtomicI64::new(0),
            started: Instant::now(),
            known: AtomicBool::new(true),
        }))
    }

    /// Now.
    #[must_use]
    pub fn now(&self) -> Timestamp {
        match &self.0.set {
            Some(at) => Timestamp(at.load(Ordering::Relaxed)),
            None => SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(Timestamp(0), |since| {
                    Timestamp(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
                }),
        }
    }

    /// Seconds since it was made, whatever was done to the time meanwhile.
    #[must_use]
    pub fn passed(&self) -> i64 {
        match &self.0.set {
            Some(_) => self.0.passed.load(Ordering::Relaxed),
            None => i64::try_from(self.0.started.elapsed().as_secs()).unwrap_or(i64::MAX),
        }
    }

    /// Time passes on a standing clock until then; the system's clock is not ours to move.
    pub fn set(&self, to: Timestamp) {
        let passed = to.0.saturating_sub(self.now().0).max(0);
        self.0.passed.fetch_add(passed, Ordering::Relaxed);
        self.jump(to);
    }

    /// Somebody sets a standing clock: no time passes.
    pub fn jump(&self, to: Timestamp) {
        if let Some(at) = &self.0.set {
            at.store(to.0, Ordering::Relaxed);
        }
    }

    /// Whether the time can be trusted. DKIM, expiry and retry times depend on it.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.0.known.load(Ordering::Relaxed)
    }

    /// What the board says about the time.
    pub fn set_known(&self, known: bool) {
        self.0.known.store(known, Ordering::Relaxed);
    }
}
