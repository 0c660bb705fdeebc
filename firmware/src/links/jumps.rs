//! Jumps of the clock. Whoever mistypes the year ends every link at once, but its file is there still
//! when the clock is right again: after a jump nothing goes for its age until the box has run for a
//! while, by a clock that nobody sets.

use super::Links;
use crate::limits::links as limits;
use crate::settings;
use serde::{Deserialize, Serialize};
use std::sync::atomic::Ordering;
use store::StoreError;
use tracing::warn;

/// Key of [`Seen`] among the settings.
pub(super) const CLOCK: &str = "attachments-clock";

/// The clock as it was looked at, kept over a restart: a jump is one then too.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Seen {
    /// What it said, in Unix seconds; none before the first look.
    at: Option<i64>,
    /// Seconds that the box has to run until a jump is believed.
    doubt: i64,
}

impl Seen {
    /// It says `now`, after the box `ran` for these seconds. While the box is off the time goes on: being
    /// off for long looks like a jump, and files stay longer than they had to.
    fn look(self, now: i64, ran: i64) -> Self {
        let expected = self.at.map_or(now, |at| at.saturating_add(ran));
        // A smaller one ends no link whose file would not have been kept for as long.
        let jumped = now.abs_diff(expected) >= limits::GRACE.unsigned_abs();
        Self {
            at: Some(now),
            doubt: if jumped {
                limits::GRACE
            } else {
                self.doubt.saturating_sub(ran).max(0)
            },
        }
    }

    /// Whether it is worth a commit where `kept` stands: what is on the disk may be a day behind, which
    /// makes a restart look like a day more without power.
    const fn is_news_to(self, kept: Self) -> bool {
        let aged = match (kept.at, self.at) {
            (Some(kept), Some(now)) => now.abs_diff(kept) >= limits::CLOCK_KEPT.unsigned_abs(),
            _ => true,
        };
        aged || (self.doubt == 0) != (kept.doubt == 0)
    }
}

impl Links {
    /// Looks at the clock; whether files may go because of what it says.
    pub(super) async fn believes_the_clock(&self) -> Result<bool, StoreError> {
        if !self.clock.is_known() {
            return Ok(false);
        }
        let (now, passed) = (self.clock.now().0, self.clock.passed());
        let ran = passed - self.looked.load(Ordering::Relaxed);
        let look = |kept: Seen| {
            let seen = kept.look(now, ran);
            Ok::<_, StoreError>(if seen.is_news_to(kept) { seen } else { kept })
        };
        let (before, kept) = settings::change(&self.store, CLOCK, look).await?;
        if kept != before {
            self.looked.store(passed, Ordering::Relaxed);
        }
        if kept.doubt > before.doubt {
            warn!(
                before = before.at,
                now, "the clock jumped; files of links that ended are kept until the box has run for a week"
            );
        }
        Ok(before.look(now, ran).doubt == 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::DAY;

    #[test]
    fn a_jump_is_doubted_until_the_box_has_run_for_as_long_as_files_are_kept() {
        const HOUR: i64 = 3600;
        const YEAR: i64 = 365 * DAY;
        // Each look: seconds that the clock moved by, that the box ran for, and whether it is believed.
        for (what, looks) in [
            ("an hour passes", &[(HOUR, HOUR, true)][..]),
            ("a restart", &[(60, 0, true)]),
            ("off over a long weekend", &[(4 * DAY, 0, true)]),
            ("off for a month", &[(30 * DAY, 0, false), (HOUR, HOUR, false)]),
            ("set right by a day", &[(DAY + HOUR, HOUR, true)]),
            (
                "years ahead",
                &[
                    (9 * YEAR, HOUR, false),
                    (6 * DAY, 6 * DAY, false),
                    (DAY, DAY, true),
                ],
            ),
            (
                "years ahead, and restarts",
                &[(9 * YEAR, HOUR, false), (6 * DAY, DAY, false)],
            ),
            (
                "corrected",
                &[
                    (9 * YEAR, HOUR, false),
                    (-9 * YEAR, HOUR, false),
                    (7 * DAY, 7 * DAY, true),
                ],
            ),
            ("years back", &[(-9 * YEAR, HOUR, false)]),
            ("nonsense", &[(i64::MAX, HOUR, false)]),
        ] {
            let mut now = 1_790_000_000;
            let mut seen = Seen::default().look(now, 0);
            assert_eq!(seen.doubt, 0, "the first look: {what}");
            for (moved, ran, believed) in looks {
                now = now.saturating_add(*moved);
                seen = seen.look(now, *ran);
                assert_eq!(seen.doubt == 0, *believed, "{what}: {moved} in {ran}");
            }
        }
    }
}
