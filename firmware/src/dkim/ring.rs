//! The key pairs of a domain in their turns, pure: what is due when, and what follows what.
//!
//! | a pair is | it signs | its DNS records |
//! |---|---|---|
//! | next | not yet | are to be published; until they are seen, it stays next |
//! | current | yes | have to stand |
//! | retired | no more | have to stand for [`KEPT_DAYS`] more: mail signed with it is under way |
//!
//! A ring is one setting: each change is one commit, and a crash leaves the ring before or after it.

use super::{DkimError, Keys};
use crate::clock::DAY;
use crate::limits::dkim::{EARLY_DAYS, FORGOTTEN_DAYS, KEPT_DAYS, RETIRED};
use proto::types::Timestamp;
use serde::{Deserialize, Serialize};

/// All key pairs of a domain, as they stand in the setting `dkim`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ring {
    /// What signs. Keys alone read as a ring that holds nothing else.
    #[serde(flatten)]
    pub current: Keys,
    /// Since when it does; `None`: the box has not known the time since.
    #[serde(default)]
    pub since: Option<Timestamp>,
    /// What signs after it.
    #[serde(default)]
    pub next: Option<Next>,
    /// What signed before it, newest first.
    #[serde(default)]
    pub retired: Vec<Retired>,
}

/// A pair that waits for its turn.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Next {
    /// The pair.
    pub keys: Keys,
    /// When it was made.
    pub made: Timestamp,
    /// Its turn comes as soon as its records are seen: somebody said so.
    #[serde(default)]
    pub soon: bool,
    /// Since when its records are seen; `None`: they are not.
    #[serde(default)]
    pub seen: Option<Timestamp>,
    /// When the admins were last told of it.
    pub told: Timestamp,
}

/// What is left of a pair that signed once. Its private keys are gone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retired {
    /// The names of its records, RSA first.
    pub selectors: [String; 2],
    /// Since when it does not sign.
    pub at: Timestamp,
}

impl Retired {
    /// From when on its records may be removed from the DNS.
    #[must_use]
    pub const fn removable(&self) -> Timestamp {
        self.at.plus(KEPT_DAYS * DAY)
    }
}

/// How long a pair signs, as an admin sets it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyLife {
    /// In days; 0: until somebody rotates by hand.
    pub days: u32,
}

impl Default for KeyLife {
    fn default() -> Self {
        Self { days: 180 }
    }
}

impl Ring {
    /// A ring with one pair.
    #[must_use]
    pub const fn new(current: Keys, since: Option<Timestamp>) -> Self {
        Self {
            current,
            since,
            next: None,
            retired: Vec::new(),
        }
    }

    /// When the next pair's turn is; `None`: not by the calendar.
    #[must_use]
    pub fn due(&self, life: KeyLife) -> Option<Timestamp> {
        let since = self.since.filter(|_| life.days > 0)?;
        Some(since.plus(i64::from(life.days) * DAY))
    }

    /// Whether it is time to make the next pair and to show its records.
    #[must_use]
    pub fn wants_next(&self, life: KeyLife, now: Timestamp) -> bool {
        let early = EARLY_DAYS.min(i64::from(life.days) / 2) * DAY;
        self.next.is_none() && self.due(life).is_some_and(|due| now >= due.plus(-early))
    }

    /// Whether the next pair may sign as soon as its records are seen.
    #[must_use]
    pub fn is_turn(&self, life: KeyLife, now: Timestamp) -> bool {
        let due = self.due(life).is_some_and(|due| now >= due);
        self.next.as_ref().is_some_and(|next| due || next.soon)
    }

    /// The number of the pair after all that there are: no selector is ever used for two keys.
    #[must_use]
    pub fn fresh_number(&self) -> u32 {
        let next = self.next.iter().map(|next| &next.keys.rsa.selector);
        let retired = self.retired.iter().flat_map(|retired| &retired.selectors);
        let selectors = next.chain(retired).chain([&self.current.rsa.selector]);
        let number = |selector: &String| selector.get(1..).and_then(|number| number.parse::<u32>().ok());
        selectors.filter_map(number).max().unwrap_or(0).saturating_add(1)
    }

    /// Puts a pair into the place of the next one.
    pub fn put_next(&mut self, keys: Keys, soon: bool, now: Timestamp) {
        self.next = Some(Next {
            keys,
            made: now,
            soon,
            seen: None,
            told: now,
        });
    }

    /// Gives the next pair its turn; the current one retires, without its private keys. `false`: there
    /// is none.
    pub fn rotate(&mut self, now: Timestamp) -> bool {
        let Some(next) = self.next.take() else {
            return false;
        };
        let Keys { rsa, ed25519 } = std::mem::replace(&mut self.current, next.keys);
        self.since = Some(now);
        self.retired.retain(|old| now < old.at.plus(FORGOTTEN_DAYS * DAY));
        let selectors = [rsa.selector, ed25519.selector];
        self.retired.insert(0, Retired { selectors, at: now });
        self.retired.truncate(RETIRED);
        true
    }
}

impl Keys {
    /// Makes a ring's next pair; see [`super::generate`].
    ///
    /// # Errors
    /// The system gives no random numbers.
    pub fn after(ring: &Ring) -> Result<Self, DkimError> {
        super::generate(ring.fresh_number())
    }

    /// The names of its records, as in `r1 and e1`.
    #[must_use]
    pub fn selectors(&self) -> String {
        format!("{} and {}", self.rsa.selector, self.ed25519.selector)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dkim::generate;
    use std::sync::LazyLock;

    static PAIRS: LazyLock<[Keys; 2]> = LazyLock::new(|| [generate(1).unwrap(), generate(2).unwrap()]);
    const LIFE: KeyLife = KeyLife { days: 180 };

    fn day(day: i64) -> Timestamp {
        Timestamp(day * DAY)
    }

    #[test]
    fn the_next_pair_is_made_a_month_before_its_turn() {
        let mut ring = Ring::new(PAIRS[0].clone(), Some(day(0)));
        assert!(!ring.wants_next(LIFE, day(149)) && ring.wants_next(LIFE, day(150)));
        ring.put_next(PAIRS[1].clone(), false, day(150));
        assert!(!ring.wants_next(LIFE, day(151)), "one is enough");
        assert!(!ring.is_turn(LIFE, day(179)) && ring.is_turn(LIFE, day(180)));
        let short = KeyLife { days: 30 };
        let ring = Ring::new(PAIRS[0].clone(), Some(day(0)));
        assert!(!ring.wants_next(short, day(14)) && ring.wants_next(short, day(15)));
    }

    #[test]
    fn without_a_calendar_or_a_clock_only_a_wish_rotates() {
        let never = KeyLife { days: 0 };
        let mut ring = Ring::new(PAIRS[0].clone(), Some(day(0)));
        assert!(!ring.wants_next(never, day(10_000)));
        ring.since = None;
        assert!(!ring.wants_next(LIFE, day(10_000)));
        ring.put_next(PAIRS[1].clone(), true, day(1));
        assert!(ring.is_turn(never, day(1)));
    }

    #[test]
    fn a_pair_that_retires_leaves_its_names_only_and_they_are_never_used_again() {
        let mut ring = Ring::new(PAIRS[0].clone(), Some(day(0)));
        assert!(!ring.rotate(day(1)), "there is nothing to rotate to");
        ring.put_next(PAIRS[1].clone(), true, day(1));
        assert_eq!(ring.fresh_number(), 3);
        assert!(ring.rotate(day(2)));
        assert_eq!(
            (ring.current.selectors(), ring.since),
            ("r2 and e2".to_owned(), Some(day(2)))
        );
        assert_eq!(ring.retired[0].removable(), day(16));
        let stored = serde_json::to_string(&ring).unwrap();
        assert!(!stored.contains(&PAIRS[0].rsa.private) && stored.contains("\"r1\""));
        assert_eq!(serde_json::from_str::<Ring>(&stored).unwrap(), ring);
        assert_eq!(ring.fresh_number(), 3);
        ring.put_next(PAIRS[0].clone(), true, day(300));
        ring.rotate(day(300));
        assert_eq!(ring.retired.len(), 1, "what may long be gone is forgotten");
    }

    #[test]
    fn keys_alone_read_as_a_ring() {
        let stored = serde_json::to_value(&PAIRS[0]).unwrap();
        let ring: Ring = serde_json::from_value(stored).unwrap();
        assert_eq!(ring, Ring::new(PAIRS[0].clone(), None));
    }
}
