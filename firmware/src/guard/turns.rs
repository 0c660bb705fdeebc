//! One address tries so many logins at once and no more, and each wrong one makes it wait.

use super::Network;
use crate::limits;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

/// How long a wrong login counts for the delay of the next one.
const MEMORY: Duration = Duration::from_secs(600);
/// The longest delay, in seconds.
const LONGEST: u32 = 3;

/// Keeps the order.
#[derive(Debug, Default)]
pub struct Turns {
    sources: Mutex<HashMap<Network, Source>>,
}

#[derive(Debug, Default)]
struct Source {
    turns: Weak<Semaphore>,
    wrong: u32,
    last: Option<Instant>,
}

impl Turns {
    /// Waits for a turn; `None` when it takes too long.
    pub async fn take(&self, ip: IpAddr) -> Option<OwnedSemaphorePermit> {
        let turns = self.of(Network::source(ip));
        timeout(limits::LOGIN_WAIT, turns.acquire_owned())
            .await
            .ok()?
            .ok()
    }

    /// Counts a wrong login: the delay it deserves.
    pub fn wrong(&self, ip: IpAddr) -> Duration {
        let mut sources = self.sources();
        let source = sources.entry(Network::source(ip)).or_default();
        if source.last.is_none_or(|last| last.elapsed() > MEMORY) {
            source.wrong = 0;
        }
        source.wrong = source.wrong.saturating_add(1);
        source.last = Some(Instant::now());
        Duration::from_secs(source.wrong.min(LONGEST).into())
    }

    fn of(&self, place: Network) -> Arc<Semaphore> {
        let mut sources = self.sources();
        if sources.len() >= limits::DELAYED && !sources.contains_key(&place) {
            sources.retain(|_, source| {
                source.turns.strong_count() > 0 || source.last.is_some_and(|last| last.elapsed() < MEMORY)
            });
            if sources.len() >= limits::DELAYED {
                // Thousands of addresses at once: those that wait keep their turns, the rest is forgotten.
                sources.retain(|_, source| source.turns.strong_count() > 0);
            }
        }
        let source = sources.entry(place).or_default();
        source.turns.upgrade().unwrap_or_else(|| {
            let turns = Arc::new(Semaphore::new(limits::LOGINS_PER_IP));
            source.turns = Arc::downgrade(&turns);
            turns
        })
    }

    fn sources(&self) -> MutexGuard<'_, HashMap<Network, Source>> {
        self.sources.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn wrong_logins_wait_longer_each_time_and_are_forgotten() {
        let turns = Turns::default();
        let ip: IpAddr = "192.0.2.1".parse().unwrap();
        let waits: Vec<u64> = (0..4).map(|_| turns.wrong(ip).as_secs()).collect();
        assert_eq!(waits, [1, 2, 3, 3]);
        assert_eq!(turns.wrong("192.0.2.2".parse().unwrap()).as_secs(), 1);
        tokio::time::advance(MEMORY * 2).await;
        assert_eq!(turns.wrong(ip).as_secs(), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_tries_only_so_many_at_once() {
        let turns = Turns::default();
        let ip: IpAddr = "192.0.2.1".parse().unwrap();
        let mut held = Vec::new();
        for _ in 0..limits::LOGINS_PER_IP {
            held.push(turns.take(ip).await.unwrap());
        }
        assert!(turns.take(ip).await.is_none());
        assert!(turns.take("192.0.2.2".parse().unwrap()).await.is_some());
        held.pop();
        assert!(turns.take(ip).await.is_some());
    }
}
