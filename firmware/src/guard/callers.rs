//! How many connections there are, in all and from one address.

use crate::facts::source;
use crate::limits;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Counts the connections of all doors. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Callers(Arc<Mutex<Counts>>);

#[derive(Debug, Default)]
struct Counts {
    all: usize,
    by_ip: HashMap<IpAddr, usize>,
}

/// A connection that is counted until this is dropped.
#[derive(Debug)]
pub struct Call {
    callers: Callers,
    ip: IpAddr,
}

impl Callers {
    /// Counts a connection; `None` when there are too many already.
    #[must_use]
    pub fn admit(&self, ip: IpAddr) -> Option<Call> {
        let ip = source(ip);
        let mut counts = self.counts();
        let here = counts.by_ip.get(&ip).copied().unwrap_or(0);
        if counts.all >= limits::CONNECTIONS || here >= limits::CONNECTIONS_PER_IP {
            return None;
        }
        counts.all += 1;
        counts.by_ip.insert(ip, here + 1);
        drop(counts);
        Some(Call {
            callers: self.clone(),
            ip,
        })
    }

    /// Connections now.
    #[must_use]
    pub fn count(&self) -> usize {
        self.counts().all
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        let mut counts = self.callers.counts();
        counts.all = counts.all.saturating_sub(1);
        match counts.by_ip.get_mut(&self.ip) {
            Some(here) if *here > 1 => *here -= 1,
            _ => {
                counts.by_ip.remove(&self.ip);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_address_cannot_take_all_connections() {
        let callers = Callers::default();
        let greedy: IpAddr = "192.0.2.1".parse().unwrap();
        let mut calls: Vec<Call> = (0..limits::CONNECTIONS_PER_IP)
            .map(|_| callers.admit(greedy).unwrap())
            .collect();
        assert!(callers.admit(greedy).is_none());
        let other = callers.admit("192.0.2.2".parse().unwrap());
        assert!(other.is_some());
        calls.pop();
        assert!(callers.admit(greedy).is_some());
        drop((calls, other));
        assert_eq!(callers.count(), 0);
        assert!(callers.counts().by_ip.is_empty());
    }
}
