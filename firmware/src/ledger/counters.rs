//! The numbers on the panel, kept up with every event.

use crate::clock::DAY;
use crate::limits;
use proto::types::Timestamp;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use store::{Event, EventKind};

/// Minutes of an hour, seconds of a minute.
const HOUR: i64 = 60;
const MINUTE: i64 = 60;

/// What one glance should tell.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Numbers {
    /// Messages received since midnight UTC.
    pub received_today: u64,
    /// Messages sent since midnight UTC.
    pub sent_today: u64,
    /// Failed logins since midnight UTC.
    pub failed_today: u64,
    /// Failed logins in the last 60 minutes.
    pub failed_last_hour: u64,
    /// The address with most failed logins today.
    pub worst_source: Option<IpAddr>,
}

/// Counts of the present day and hour.
#[derive(Debug, Default)]
pub struct Counters {
    day: i64,
    received: u64,
    sent: u64,
    failed: u64,
    sources: HashMap<IpAddr, u64>,
    // Failed logins by minute since 1970.
    minutes: BTreeMap<i64, u64>,
}

/// Events before this moment count for nothing at `now`.
pub fn horizon(now: Timestamp) -> Timestamp {
    Timestamp((now.0.div_euclid(DAY) * DAY).min(now.0 - HOUR * MINUTE))
}

impl Counters {
    /// Nothing has happened yet on the day of `now`.
    pub fn at(now: Timestamp) -> Self {
        Self {
            day: now.0.div_euclid(DAY),
            ..Self::default()
        }
    }

    /// Counts an event; those of a day before the present one count for the hour alone.
    pub fn count(&mut self, event: &Event) {
        self.turn(event.at);
        let today = event.at.0.div_euclid(DAY) == self.day;
        match &event.kind {
            EventKind::Received { .. } if today => self.received += 1,
            EventKind::Sent { .. } if today => self.sent += 1,
            EventKind::LoginFailed { ip, count, last, .. } => {
                let count = u64::from(*count);
                let at = last.unwrap_or(event.at);
                *self.minutes.entry(at.0.div_euclid(MINUTE)).or_default() += count;
                if today {
                    self.failed += count;
                    if self.sources.len() < limits::SOURCES || self.sources.contains_key(ip) {
                        *self.sources.entry(*ip).or_default() += count;
                    }
                }
            }
            _ => {}
        }
    }

    /// The numbers at `now`.
    pub fn numbers(&mut self, now: Timestamp) -> Numbers {
        self.turn(now);
        let hour_ago = now.0.div_euclid(MINUTE) - HOUR;
        self.minutes = self.minutes.split_off(&(hour_ago + 1));
        Numbers {
            received_today: self.received,
            sent_today: self.sent,
            failed_today: self.failed,
            failed_last_hour: self.minutes.values().sum(),
            worst_source: self
                .sources
                .iter()
                .max_by_key(|(ip, count)| (**count, std::cmp::Reverse(**ip)))
                .map(|(ip, _)| *ip),
        }
    }

    // A clock set back is a new day too: what was counted in a wrong future must not stay.
    fn turn(&mut self, now: Timestamp) {
        let day = now.0.div_euclid(DAY);
        if day > self.day || self.day - day > 1 {
            let minutes = std::mem::take(&mut self.minutes);
            *self = Self {
                day,
                minutes,
                ..Self::default()
            };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::types::{Mechanism, Protocol};

    fn failed(at: i64, ip: &str) -> Event {
        Event {
            at: Timestamp(at),
            kind: EventKind::LoginFailed {
                protocol: Protocol::Imap,
                ip: ip.parse().unwrap(),
                login: "x".to_owned(),
                account: None,
                mechanism: Mechanism::Plain,
                tls: true,
                reason: "wrong password".to_owned(),
                count: 1,
                client: String::new(),
                last: None,
            },
        }
    }

    #[test]
    fn failures_are_counted_by_hour_by_day_and_by_source() {
        let noon = 20_000 * DAY + 12 * 3600;
        let mut counters = Counters::at(Timestamp(noon));
        for (at, ip) in [
            (noon - 7200, "192.0.2.1"),
            (noon - 1800, "192.0.2.1"),
            (noon - 60, "192.0.2.2"),
            (noon, "192.0.2.2"),
            (noon, "192.0.2.2"),
        ] {
            counters.count(&failed(at, ip));
        }
        let numbers = counters.numbers(Timestamp(noon));
        assert_eq!((numbers.failed_today, numbers.failed_last_hour), (5, 4));
        assert_eq!(numbers.worst_source, Some("192.0.2.2".parse().unwrap()));
        let later = counters.numbers(Timestamp(noon + 3600));
        assert_eq!((later.failed_today, later.failed_last_hour), (5, 0));
    }

    #[test]
    fn midnight_begins_a_new_day_but_not_a_new_hour() {
        let midnight = 20_000 * DAY;
        let mut counters = Counters::at(Timestamp(midnight - 60));
        counters.count(&failed(midnight - 60, "192.0.2.1"));
        let numbers = counters.numbers(Timestamp(midnight + 60));
        assert_eq!((numbers.failed_today, numbers.failed_last_hour), (0, 1));
        assert_eq!(numbers.worst_source, None);
    }

    #[test]
    fn sources_are_bounded() {
        let mut counters = Counters::at(Timestamp(0));
        for n in 0..10_000_u32 {
            counters.count(&failed(0, &std::net::Ipv4Addr::from(n).to_string()));
        }
        assert_eq!(counters.sources.len(), limits::SOURCES);
        assert_eq!(counters.numbers(Timestamp(0)).failed_today, 10_000);
    }
}
