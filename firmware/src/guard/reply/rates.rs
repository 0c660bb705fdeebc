//! How many replies are worth the work.

use crate::guard::Network;
use proto::types::{AccountId, Timestamp};
use std::collections::HashMap;

use std::sync::{Mutex, PoisonError};

/// Sources that are counted. Notices and admins are few; strangers must not be able to crowd them out.
const COUNTED: usize = 4096;
const HOUR: i64 = 3600;

/// How many replies came lately. An honest admin sends one.
#[derive(Debug, Default)]
pub struct Rates(Mutex<HashMap<Counted, (Timestamp, u32)>>);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Counted {
    /// Replies from one place.
    Source(Network),
    /// Replies to one token, by its hash.
    Notice(String),
    /// Letters to one admin that his reply did nothing.
    Answered(AccountId),
}

impl Rates {
    /// Counts one more; whether that is still within `most` an hour.
    pub(super) fn allow(&self, what: Counted, most: u32, now: Timestamp) -> bool {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lately = |since: Timestamp| (0..HOUR).contains(&(now.0 - since.0));
        if counts.len() >= COUNTED {
            counts.retain(|_, (since, _)| lately(*since));
        }
        let stranger = matches!(what, Counted::Source(_)) && !counts.contains_key(&what);
        if stranger && counts.len() >= COUNTED {
            return false;
        }
        let entry = counts.entry(what).or_insert((now, 0));
        if !lately(entry.0) {
            *entry = (now, 0);
        }
        entry.1 += 1;
        entry.1 <= most
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_an_hour_each_and_a_flood_of_sources_takes_no_memory() {
        let rates = Rates::default();
        let notice = || Counted::Notice("a".to_owned());
        let allowed = (0..10).filter(|_| rates.allow(notice(), 3, Timestamp(0))).count();
        assert_eq!(allowed, 3);
        assert!(rates.allow(Counted::Answered(AccountId(1)), 3, Timestamp(0)));
        assert!(!rates.allow(notice(), 3, Timestamp(HOUR - 1)));
        for number in 0..20_000 {
            let source = Counted::Source(Network::source(u32::to_be_bytes(number).into()));
            rates.allow(source, 3, Timestamp(HOUR - 1));
        }
        assert_eq!(rates.0.lock().unwrap().len(), COUNTED);
        assert!(rates.allow(Counted::Notice("b".to_owned()), 3, Timestamp(HOUR - 1)));
        assert!(rates.allow(notice(), 3, Timestamp(HOUR)));
    }
}
