//! What was seen from where, for a while: different guesses, and bad manners. Bounded, whatever
//! the world sends.

use crate::guard::Network;
use proto::types::Timestamp;
use std::collections::HashMap;
use std::hash::Hash;

/// Sources remembered; when there are more, those not heard of for longest are forgotten.
pub(super) const SOURCES: usize = 4096;
/// Guesses remembered of one source.
pub(super) const GUESSES: usize = 1000;
/// Bad manners that cost nothing.
const FREE: u32 = 3;
/// The first delay, in milliseconds; each further one is twice as long.
const SHORTEST: u64 = 250;
/// How often it doubles: up to 8 seconds.
const DOUBLINGS: u32 = 5;

/// Who is counted.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    /// An address, or what is around it.
    Network(Network),
    /// The fingerprint of an account or of a name that is none.
    Account(u64),
}

/// Bad manners that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Offence {
    /// A recipient that does not exist, or elsewhere without a login.
    Recipient,
    /// RSET.
    Reset,
    /// A line that is no command.
    Garbage,
    /// A command that was refused.
    Error,
    /// A link that does not work.
    Link,
}

/// A wrong password, as a fingerprint.
#[derive(Debug, Clone, Copy)]
struct Guess {
    print: u64,
    account: u64,
    at: Timestamp,
}

/// Something that is counted from its first time until the window has passed.
#[derive(Debug, Clone, Copy, Default)]
struct Tally {
    since: Timestamp,
    count: u32,
}

impl Tally {
    fn count(&mut self, now: Timestamp, window: i64) -> u32 {
        if !(self.since.0..self.since.0 + window).contains(&now.0) {
            *self = Self { since: now, count: 0 };
        }
        self.count = self.count.saturating_add(1);
        self.count
    }
}

#[derive(Debug, Default)]
struct Source {
    guesses: Vec<Guess>,
    connections: Tally,
    offences: [Tally; 5],
    bad_manners: Tally,
    last: Timestamp,
}

/// All of them.
#[derive(Debug, Default)]
pub(super) struct Sources(HashMap<Key, Source>);

impl Sources {
    /// Counts a wrong password; how many different ones there were within `window` seconds.
    pub(super) fn guess(
        &mut self,
        key: Key,
        (account, print): (u64, u64),
        now: Timestamp,
        window: i64,
    ) -> u32 {
        let guesses = &mut self.of(key, now).guesses;
        guesses.retain(|guess| (guess.at.0..guess.at.0 + window).contains(&now.0));
        match guesses.iter_mut().find(|guess| guess.print == print) {
            Some(again) => again.at = now,
            None => guesses.push(Guess {
                print,
                account,
                at: now,
            }),
        }
        guesses.truncate(GUESSES);
        u32::try_from(guesses.len()).unwrap_or(u32::MAX)
    }

    /// The right password came after all: the wrong ones for that account count no more.
    pub(super) fn forgive(&mut self, key: &Key, account: u64) {
        if let Some(source) = self.0.get_mut(key) {
            source.guesses.retain(|guess| guess.account != account);
        }
    }

    /// Counts a connection; how many there were in this minute, and when it is over.
    pub(super) fn connection(&mut self, key: Key, now: Timestamp) -> (u32, Timestamp) {
        const MINUTE: i64 = 60;
        let connections = &mut self.of(key, now).connections;
        let count = connections.count(now, MINUTE);
        (count, connections.since.plus(MINUTE))
    }

    /// Counts bad manners: how often this one, and how often any, within `window` seconds.
    pub(super) fn offence(&mut self, key: Key, offence: Offence, now: Timestamp, window: i64) -> (u32, u32) {
        let source = self.of(key, now);
        let all = source.bad_manners.count(now, window);
        let [recipients, resets, garbage, errors, links] = &mut source.offences;
        let tally = match offence {
            Offence::Recipient => recipients,
            Offence::Reset => resets,
            Offence::Garbage => garbage,
            Offence::Error => errors,
            Offence::Link => links,
        };
        (tally.count(now, window), all)
    }

    /// Begins to count anew.
    pub(super) fn forget(&mut self, key: &Key) {
        self.0.remove(key);
    }

    fn of(&mut self, key: Key, now: Timestamp) -> &mut Source {
        if self.0.len() >= SOURCES && !self.0.contains_key(&key) {
            keep_newest(&mut self.0, SOURCES - SOURCES / 8, |source| source.last);
        }
        let source = self.0.entry(key).or_default();
        source.last = now;
        source
    }

    /// How many, and how many guesses of all.
    #[cfg(test)]
    pub(super) fn size(&self) -> (usize, usize) {
        let guesses = self.0.values().map(|source| source.guesses.len()).sum();
        (self.0.len(), guesses)
    }
}

/// Forgets all but about `most`, the oldest first.
pub(super) fn keep_newest<K: Eq + Hash, V>(
    map: &mut HashMap<K, V>,
    most: usize,
    age: impl Fn(&V) -> Timestamp,
) {
    if map.len() <= most {
        return;
    }
    let mut times: Vec<Timestamp> = map.values().map(&age).collect();
    let surplus = times.len() - most;
    let (_, last_to_go, _) = times.select_nth_unstable(surplus - 1);
    let last_to_go = *last_to_go;
    // Many of the same second: enough of them go, not all.
    let mut left = surplus;
    map.retain(|_, value| {
        let goes = left > 0 && age(value) <= last_to_go;
        left -= usize::from(goes);
        !goes
    });
}

/// How long the answer to bad manners waits, in milliseconds, after so many of them.
pub(super) fn tarpit(count: u32) -> u64 {
    match count.checked_sub(FREE + 1) {
        None => 0,
        Some(over) => SHORTEST << over.min(DOUBLINGS),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(ip: &str) -> Key {
        Key::Network(Network::host(ip.parse().unwrap()))
    }

    #[test]
    fn the_same_wrong_password_counts_once_and_is_forgotten() {
        let mut sources = Sources::default();
        for (at, print, counted) in [
            (0, 1, 1),
            (1, 1, 1),
            (2, 2, 2),
            (3, 3, 3),
            (50, 1, 3),
            (101, 1, 3), // 2 is of second 2, 3 of second 3
            (103, 4, 2), // they are gone, 1 was renewed
        ] {
            let count = sources.guess(host("192.0.2.1"), (7, print), Timestamp(at), 100);
            assert_eq!(count, counted, "at {at}");
        }
        sources.forgive(&host("192.0.2.1"), 7);
        let count = sources.guess(host("192.0.2.1"), (8, 9), Timestamp(104), 100);
        assert_eq!(count, 1);
    }

    #[test]
    fn every_kind_of_bad_manners_has_its_own_count_and_window() {
        let mut sources = Sources::default();
        let mut offend =
            |offence, at: i64| sources.offence(host("192.0.2.1"), offence, Timestamp(1000 + at), 100);
        assert_eq!(offend(Offence::Recipient, 0), (1, 1));
        assert_eq!(offend(Offence::Recipient, 99), (2, 2));
        assert_eq!(offend(Offence::Reset, 99), (1, 3));
        assert_eq!(offend(Offence::Recipient, 100), (1, 1));
        assert_eq!(offend(Offence::Reset, 100), (2, 2));
        assert_eq!(offend(Offence::Garbage, 100), (1, 3));
        assert_eq!(offend(Offence::Error, 101), (1, 4));
        assert_eq!(
            offend(Offence::Error, -99),
            (1, 1),
            "a clock set back begins anew"
        );
    }

    #[test]
    fn connections_are_counted_by_the_minute() {
        let mut sources = Sources::default();
        for (at, count, until) in [(1010, 1, 1070), (1069, 2, 1070), (1070, 1, 1130)] {
            let counted = sources.connection(host("192.0.2.1"), Timestamp(at));
            assert_eq!(counted, (count, Timestamp(until)));
        }
    }

    #[test]
    fn the_wait_grows_and_has_an_end() {
        let waits: Vec<u64> = [0, 3, 4, 5, 8, 9, 10, u32::MAX].map(tarpit).to_vec();
        assert_eq!(waits, [0, 0, 250, 500, 4000, 8000, 8000, 8000]);
    }

    #[test]
    fn sources_and_guesses_are_bounded_and_the_oldest_go() {
        let mut sources = Sources::default();
        for n in 0..20_000_u32 {
            let ip = std::net::Ipv4Addr::from(n).to_string();
            sources.guess(host(&ip), (0, 1), Timestamp((n / 1000).into()), 100);
        }
        assert!(sources.size().0 <= SOURCES);
        assert!(sources.0.contains_key(&host("0.0.78.31")), "the newest stays"); // 19,999
        for print in 0..20_000 {
            sources.guess(host("192.0.2.1"), (0, print), Timestamp(20), 100);
        }
        assert!(sources.size().1 <= SOURCES + GUESSES);
    }
}
