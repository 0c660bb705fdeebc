//! Who is shut out, until when, and for how long the next time.

use super::rules::Screening;
use super::sources::keep_newest;
use crate::guard::Network;
use proto::types::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;

/// Key of the penalties in the settings.
pub(super) const PENALTIES: &str = "penalties";
/// Penalties remembered.
const MOST: usize = 4096;
/// Penalties kept over a restart, the newest; about 150 octets each.
const KEPT: usize = 1000;
/// How long after its end a penalty makes the next one longer, in seconds.
const MEMORY: i64 = 7 * 86_400;
/// So much may the clock go back without forgiving anybody, in seconds.
const SLACK: i64 = 300;

/// Who is shut out.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    /// An address or a network, from everything.
    Network(Network),
    /// An account (or a name that is none), from logins where it is not known.
    Account(String),
}

impl Subject {
    /// Whom a person means: a network, or else an account.
    #[must_use]
    pub fn named(text: &str) -> Self {
        match text.parse() {
            Ok(network) => Self::Network(network),
            Err(_) => Self::Account(text.trim().to_owned()),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(network) => network.fmt(f),
            Self::Account(name) => f.write_str(name),
        }
    }
}

/// One penalty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Penalty {
    /// Whose.
    pub subject: Subject,
    /// Why, in words.
    pub why: String,
    /// Since when.
    pub since: Timestamp,
    /// Until when.
    pub until: Timestamp,
    /// How many there were before, lately.
    pub level: u8,
}

impl Penalty {
    fn holds(&self, now: Timestamp) -> bool {
        (self.since.0 - SLACK..self.until.0).contains(&now.0)
    }
}

/// All of them, those that are over and not forgotten too.
#[derive(Debug, Default)]
pub(super) struct Penalties(HashMap<Subject, Penalty>);

impl Penalties {
    /// As they were kept.
    pub(super) fn from_kept(kept: Vec<Penalty>) -> Self {
        let entries = kept.into_iter().take(MOST);
        Self(
            entries
                .map(|penalty| (penalty.subject.clone(), penalty))
                .collect(),
        )
    }

    /// What to keep over a restart.
    pub(super) fn to_keep(&self, now: Timestamp) -> Vec<Penalty> {
        let mut kept: Vec<Penalty> = self
            .0
            .values()
            .filter(|penalty| now.0 < penalty.until.0 + MEMORY)
            .cloned()
            .collect();
        kept.sort_by_key(|penalty| std::cmp::Reverse(penalty.until));
        kept.truncate(KEPT);
        kept
    }

    /// The penalty that holds now.
    pub(super) fn of(&self, subject: &Subject, now: Timestamp) -> Option<&Penalty> {
        self.0.get(subject).filter(|penalty| penalty.holds(now))
    }

    /// The penalty of an address, or of the network around it unless it is `trusted`.
    pub(super) fn of_address(&self, ip: IpAddr, trusted: bool, now: Timestamp) -> Option<&Penalty> {
        self.of(&Subject::Network(Network::host(ip)), now).or_else(|| {
            let around = Subject::Network(Network::around(ip));
            self.of(&around, now).filter(|_| !trusted)
        })
    }

    /// Shuts somebody out, for longer than the last time.
    pub(super) fn impose(
        &mut self,
        subject: Subject,
        why: String,
        rules: &Screening,
        now: Timestamp,
    ) -> Penalty {
        let before = self.0.get(&subject);
        let before = before.filter(|before| now.0 < before.until.0 + MEMORY);
        let level = before.map_or(0, |before| before.level.saturating_add(1));
        let penalty = Penalty {
            subject: subject.clone(),
            why,
            since: now,
            until: now.plus(rules.penalty(level)),
            level,
        };
        if self.0.len() >= MOST {
            keep_newest(&mut self.0, MOST - MOST / 8, |penalty| penalty.until);
        }
        self.0.insert(subject, penalty.clone());
        penalty
    }

    /// Forgets a penalty, and that there was one.
    pub(super) fn release(&mut self, subject: &Subject) -> Option<Penalty> {
        self.0.remove(subject)
    }

    /// Those that hold now, the latest first.
    pub(super) fn all(&self, now: Timestamp) -> Vec<Penalty> {
        let mut all: Vec<Penalty> = self
            .0
            .values()
            .filter(|penalty| penalty.holds(now))
            .cloned()
            .collect();
        all.sort_by(|a, b| b.since.cmp(&a.since).then_with(|| a.subject.cmp(&b.subject)));
        all
    }

    /// How many hold now.
    pub(super) fn count(&self, now: Timestamp) -> usize {
        self.0.values().filter(|penalty| penalty.holds(now)).count()
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.0.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 86_400;

    fn subject() -> Subject {
        Subject::Network("192.0.2.1".parse().unwrap())
    }

    #[test]
    fn penalties_grow_and_are_forgotten_in_a_quiet_week() {
        let mut penalties = Penalties::default();
        let mut now = Timestamp(1_000_000);
        for seconds in [900, 3600, DAY, 2 * DAY, 2 * DAY] {
            let rules = Screening::default();
            let penalty = penalties.impose(subject(), "guessing".to_owned(), &rules, now);
            assert_eq!(penalty.until, now.plus(seconds));
            assert!(penalties.of(&subject(), penalty.until.plus(-1)).is_some());
            assert!(penalties.of(&subject(), penalty.until).is_none());
            now = penalty.until.plus(DAY);
        }
        now = now.plus(MEMORY);
        let again = penalties.impose(subject(), "guessing".to_owned(), &Screening::default(), now);
        assert_eq!(again.until, now.plus(900));
    }

    #[test]
    fn a_penalty_survives_being_written_down() {
        let mut penalties = Penalties::default();
        let now = Timestamp(1_000_000);
        penalties.impose(subject(), "guessing".to_owned(), &Screening::default(), now);
        let account = Subject::Account("ann@example.com".to_owned());
        penalties.impose(account.clone(), "guessed".to_owned(), &Screening::default(), now);
        let written = serde_json::to_string(&penalties.to_keep(now)).unwrap();
        let read = Penalties::from_kept(serde_json::from_str(&written).unwrap());
        assert_eq!(read.all(now), penalties.all(now));
        assert!(read.of(&account, now).is_some());
        assert!(read.to_keep(now.plus(MEMORY + 901)).is_empty());
    }

    #[test]
    fn the_network_around_shuts_out_strangers_only() {
        let mut penalties = Penalties::default();
        let now = Timestamp(1_000_000);
        let around = Subject::Network("192.0.2.0/24".parse().unwrap());
        penalties.impose(around, "guessing".to_owned(), &Screening::default(), now);
        let ip = "192.0.2.77".parse().unwrap();
        assert!(penalties.of_address(ip, false, now).is_some());
        assert!(penalties.of_address(ip, true, now).is_none());
        assert!(
            penalties
                .of_address("192.0.3.77".parse().unwrap(), false, now)
                .is_none()
        );
    }

    #[test]
    fn penalties_are_bounded() {
        let mut penalties = Penalties::default();
        for n in 0..10_000_u32 {
            let ip = IpAddr::from(std::net::Ipv4Addr::from(n));
            let subject = Subject::Network(Network::host(ip));
            penalties.impose(subject, String::new(), &Screening::default(), Timestamp(0));
        }
        assert!(penalties.size() <= MOST);
        assert_eq!(penalties.to_keep(Timestamp(0)).len(), KEPT);
    }
}
