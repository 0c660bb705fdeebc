//! How many connections there are, in all and from one address.

use super::Network;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

const BETWEEN_COMPLAINTS: Duration = Duration::from_secs(30);

/// Counts the connections of some doors. Clones share it.
#[derive(Debug, Clone)]
pub struct Callers(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    all: usize,
    each: usize,
    counts: Mutex<Counts>,
}

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_source: HashMap<Network, usize>,
    complained: Option<Instant>,
}

/// A connection that is counted until this is dropped.
#[derive(Debug)]
pub struct Call {
    callers: Callers,
    source: Network,
}

impl Callers {
    /// At most `all` connections, and at most `each` from one address.
    #[must_use]
    pub fn new(all: usize, each: usize) -> Self {
        Self(Arc::new(Inner {
            all,
            each,
            counts: Mutex::default(),
        }))
    }

    /// Counts a connection; `None` when there are too many already.
    #[must_use]
    pub fn admit(&self, ip: IpAddr) -> Option<Call> {
        let source = Network::source(ip);
        let mut counts = self.counts();
        let here = counts.by_source.get(&source).copied().unwrap_or(0);
        if counts.all >= self.0.all || here >= self.0.each {
            return None;
        }
        counts.all += 1;
        counts.by_source.insert(source, here + 1);
        drop(counts);
        Some(Call {
            callers: self.clone(),
            source,
        })
    }

    /// Whether it is time to say again that there are too many: a flood must not flood the log.
    #[must_use]
    pub fn may_complain(&self) -> bool {
        let now = Instant::now();
        let mut counts = self.counts();
        let may = counts
            .complained
            .is_none_or(|at| now.duration_since(at) >= BETWEEN_COMPLAINTS);
        if may {
            counts.complained = Some(now);
        }
        may
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut counts = self.callers.counts();
        counts.all = counts.all.saturating_sub(1);
        match counts.by_source.get_mut(&self.source) {
            Some(here) if *here > 1 => *here -= 1,
            _ => {
                counts.by_source.remove(&self.source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_is_said_once() {
        let callers = Callers::new(1, 1);
        assert!(callers.may_complain());
        assert!(!callers.may_complain());
    }

    #[test]
    fn one_address_cannot_take_all_connections() {
        let callers = Callers::new(10, 3);
        let greedy: IpAddr = "192.0.2.1".parse().unwrap();
        let mut calls: Vec<Call> = (0..3).map(|_| callers.admit(greedy).unwrap()).collect();
        assert!(callers.admit(greedy).is_none());
        let other = callers.admit("192.0.2.2".parse().unwrap());
        assert!(other.is_some());
        calls.pop();
        assert!(callers.admit(greedy).is_some());
        drop((calls, other));
        assert_eq!(callers.counts().all, 0);
        assert!(callers.counts().by_source.is_empty());
    }
}
