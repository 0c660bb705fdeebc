//! How fast mail may go to one place: as many tries at once as it bears, and none for a while where
//! nobody answers. Pure: the runner tells what it met, and asks.
//!
//! | what a try met | tries at once | rest |
//! |---|---|---|
//! | the place took mail | one more, after as many successes as there are tries | over |
//! | it answered, but took nothing | as before | over |
//! | 421, a silence, a broken connection | half | |
//! | no server could be spoken to | half | 2 minutes, twice as long each time in a row, an hour at most |

use super::backoff;
use super::relay::Outcome;
use proto::types::Timestamp;

/// What a try found out about its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Met {
    /// Nothing: it never got there.
    Nothing,
    /// The place took mail.
    Success,
    /// It answered.
    Answer,
    /// It has too much to do (RFC 5321 3.8: 421), or the connection broke off.
    Strain,
    /// Nobody could be spoken to; the outcome is the same for every other message.
    Nobody(Outcome),
}

/// How many tries at once a place starts with, and gets at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// At first.
    pub first: usize,
    /// At most.
    pub most: usize,
}

/// The pace at one place.
#[derive(Debug, Clone)]
pub struct Pace {
    bounds: Bounds,
    /// Tries under way.
    pub running: usize,
    /// Tries at once.
    pub window: usize,
    successes: usize,
    // Rests in a row.
    rests: u32,
    rest: Option<(Timestamp, Outcome)>,
}

impl Pace {
    /// Of a place that nothing is known of.
    #[must_use]
    pub const fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            running: 0,
            window: bounds.first,
            successes: 0,
            rests: 0,
            rest: None,
        }
    }

    /// Whether another try may start now.
    #[must_use]
    pub const fn has_room(&self) -> bool {
        self.running < self.window
    }

    /// Until when it is left alone, and what was met there.
    #[must_use]
    pub fn rest(&self, now: Timestamp) -> Option<&(Timestamp, Outcome)> {
        self.rest.as_ref().filter(|(until, _)| *until > now)
    }

    /// What a try that ended has met.
    pub fn learn(&mut self, met: Met, now: Timestamp) {
        match met {
            Met::Nothing => {}
            Met::Success => {
                self.answered();
                self.successes += 1;
                if self.successes >= self.window {
                    self.successes = 0;
                    self.window = (self.window + 1).min(self.bounds.most);
                }
            }
            Met::Answer => self.answered(),
            Met::Strain => self.halve(),
            Met::Nobody(outcome) => {
                self.halve();
                // Tries that ran at the same time met the same silence: it counts once.
                if self.rest(now).is_none() {
                    let until = now.plus(backoff::rest(self.rests));
                    self.rests = self.rests.saturating_add(1);
                    self.rest = Some((until, outcome));
                }
            }
        }
    }

    /// Forgets that nobody answered.
    pub fn forget_rest(&mut self) {
        (self.rests, self.rest) = (0, None);
    }

    fn answered(&mut self) {
        self.forget_rest();
    }

    fn halve(&mut self) {
        self.successes = 0;
        self.window = (self.window / 2).max(1);
    }
}

#[cfg(test)]
mod tests {
    use super::super::relay::End;
    use super::*;

    fn nobody() -> Met {
        Met::Nobody(Outcome {
            end: End::Unreached,
            host: None,
            words: "connect: refused".to_owned(),
            protection: None,
        })
    }

    fn pace() -> Pace {
        Pace::new(Bounds { first: 2, most: 5 })
    }

    #[test]
    fn a_place_that_takes_mail_gets_more_at_once_and_one_that_is_strained_half() {
        let mut pace = pace();
        let mut windows = Vec::new();
        for _ in 0..20 {
            pace.learn(Met::Success, Timestamp(0));
            windows.push(pace.window);
        }
        // Two successes at two, three at three, four at four, and never more than five.
        assert_eq!(windows[..9], [2, 3, 3, 3, 4, 4, 4, 4, 5]);
        assert_eq!(pace.window, 5);
        for (met, window) in [
            (Met::Answer, 5),
            (Met::Nothing, 5),
            (Met::Strain, 2),
            (Met::Strain, 1),
            (Met::Strain, 1),
            (Met::Success, 2),
        ] {
            pace.learn(met.clone(), Timestamp(0));
            assert_eq!(pace.window, window, "{met:?}");
        }
    }

    #[test]
    fn a_place_where_nobody_answers_rests_longer_each_time_until_somebody_does() {
        let mut pace = pace();
        let (mut now, mut minutes) = (Timestamp(0), Vec::new());
        for _ in 0..7 {
            pace.learn(nobody(), now);
            let until = pace.rest(now).unwrap().0;
            pace.learn(nobody(), now.plus(1)); // another try of the same time
            assert_eq!(pace.rest(now).unwrap().0, until);
            minutes.push((until.0 - now.0) / 60);
            assert!(pace.rest(until).is_none(), "the rest has an end");
            now = until;
        }
        assert_eq!(minutes, [2, 4, 8, 16, 32, 60, 60]);
        pace.learn(Met::Answer, now);
        pace.learn(nobody(), now);
        assert_eq!(pace.rest(now).unwrap().0, now.plus(120));
        pace.forget_rest();
        assert!(pace.rest(now).is_none());
    }

    #[test]
    fn there_is_room_for_as_many_tries_as_the_window_says() {
        let mut pace = pace();
        pace.running = 1;
        assert!(pace.has_room());
        pace.running = 2;
        assert!(!pace.has_room());
    }
}
