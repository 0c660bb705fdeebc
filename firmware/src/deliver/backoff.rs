//! When to try again, and when to give up (RFC 5321 4.5.4.1).

use crate::clock::DAY;
use proto::types::Timestamp;

/// Minutes to wait after the first, second, ... try; the last one repeats.
const MINUTES: [i64; 7] = [5, 15, 30, 60, 120, 240, 360];
/// How long mail is tried: RFC 5321 4.5.4.1 asks for four to five days.
const PATIENCE: i64 = 5 * DAY;
/// How long a place where nobody answered is left alone the first time, and at most.
const REST: i64 = 120;
const LONGEST_REST: i64 = 3600;
/// Age at which a sender hears that his mail is late, and how long until he hears it again.
const LATE: i64 = 4 * 3600;
const LATE_AGAIN: i64 = DAY;
/// Tries before that, whatever the clock says.
const LATE_TRIES: u32 = 4;
/// Tries before giving up, however old the mail seems: a clock that was wrong must not bounce it.
const LEAST_TRIES: u32 = 8;

/// When to try again after the `tries`th try failed at `now`. `random` spreads what came together
/// by up to a tenth, so that it does not return together.
#[must_use]
pub fn next_try(now: Timestamp, tries: u32, random: u32) -> Timestamp {
    let index = usize::try_from(tries.saturating_sub(1)).unwrap_or(usize::MAX);
    let minutes = MINUTES.get(index).or(MINUTES.last()).copied().unwrap_or(60);
    let seconds = minutes * 60;
    now.plus(seconds + seconds / 10 * i64::from(random % 1000) / 1000)
}

/// How long a place where nobody answers is left alone, in seconds, after so many rests in a row: what
/// is due for it is put off at once, and mail for other places need not queue up behind it.
#[must_use]
pub fn rest(before: u32) -> i64 {
    REST.saturating_mul(1_i64.checked_shl(before.min(16)).unwrap_or(1))
        .min(LONGEST_REST)
}

/// Whether mail taken at `created` is given up after its `tries`th try failed at `now`.
#[must_use]
pub const fn gives_up(created: Timestamp, now: Timestamp, tries: u32) -> bool {
    tries >= LEAST_TRIES && now.0.saturating_sub(created.0) >= PATIENCE
}

/// Until when mail that could go from `since` on is tried.
#[must_use]
pub const fn ends(since: Timestamp) -> Timestamp {
    since.plus(PATIENCE)
}

/// Whether the sender is to be told that mail, which could go from `since` on, is late; `told` is when
/// he last was.
#[must_use]
pub fn is_late(since: Timestamp, told: Option<Timestamp>, now: Timestamp, tries: u32) -> bool {
    let age = |from: Timestamp| now.0.saturating_sub(from.0);
    tries >= LATE_TRIES && age(since) >= LATE && told.is_none_or(|told| age(told) >= LATE_AGAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_from_minutes_to_hours() {
        let waits: Vec<i64> = (1..=9)
            .map(|tries| next_try(Timestamp(0), tries, 0).0 / 60)
            .collect();
        assert_eq!(waits, [5, 15, 30, 60, 120, 240, 360, 360, 360]);
    }

    #[test]
    fn five_days_of_failures_are_about_25_tries() {
        let (mut now, mut tries) = (Timestamp(1_000_000), 1);
        while !gives_up(Timestamp(1_000_000), now, tries) {
            now = next_try(now, tries, 500);
            tries += 1;
        }
        assert!((20..30).contains(&tries), "{tries}");
        assert!(now.0 - 1_000_000 < PATIENCE + 7 * 3600);
    }

    #[test]
    fn a_clock_that_jumps_does_not_give_mail_up_early() {
        let fifty_years = Timestamp(50 * 365 * DAY);
        assert!(!gives_up(Timestamp(0), fifty_years, 1));
        assert!(!gives_up(Timestamp(0), fifty_years, 7));
    }

    #[test]
    fn a_sender_is_told_after_four_hours_and_then_once_a_day() {
        let (mut now, mut told, mut tries) = (Timestamp(0), None, 1);
        let mut hours = Vec::new();
        while !gives_up(Timestamp(0), now, tries) {
            if is_late(Timestamp(0), told, now, tries) {
                told = Some(now);
                hours.push(now.0 / 3600);
            }
            now = next_try(now, tries, 0);
            tries += 1;
        }
        assert!(
            hours.first().is_some_and(|first| (4..8).contains(first)),
            "{hours:?}"
        );
        assert!(
            hours
                .windows(2)
                .all(|pair| (24..31).contains(&(pair[1] - pair[0]))),
            "{hours:?}"
        );
        assert!(hours.len() >= 4, "{hours:?}");
        let jump = Timestamp(50 * 365 * DAY);
        assert!(
            !is_late(Timestamp(0), None, jump, 1),
            "a clock that was wrong frightens nobody"
        );
    }

    proptest::proptest! {
        #[test]
        fn the_next_try_is_later_but_within_seven_hours(tries: u32, random: u32) {
            let wait = next_try(Timestamp(0), tries, random).0;
            proptest::prop_assert!((300..7 * 3600).contains(&wait));
        }
    }
}
