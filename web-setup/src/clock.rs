//! The clock, for boxes in a network without a time server.

use crate::appliance::Fault;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use proto::types::Timestamp;
use std::future::Future;

/// Seconds of a day.
const DAY: u64 = 86_400;
/// Days by which the clock may be set off without being asked: no mail or file of a link goes for that.
const NEAR_ENOUGH: u64 = 7;

/// What the clock says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockSeen {
    /// The time, as far as the box knows.
    pub now: Timestamp,
    /// Whether it can be trusted.
    pub known: bool,
}

/// What the pages ask of this room. See [`crate::Appliance`] for what holds for every method.
pub trait ClockRoom: Send + Sync {
    /// What it says.
    fn clock(&self) -> ClockSeen;

    /// Sets it.
    fn set_clock(&self, at: Timestamp) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// A time as people type it, in UTC: `2026-11-24 19:05`, with seconds or without.
#[must_use]
pub fn time_typed(typed: &str) -> Option<Timestamp> {
    let typed: DateTime = typed.trim().trim_end_matches(['Z', 'z']).parse().ok()?;
    let at = TimeZone::UTC.to_timestamp(typed).ok()?;
    Some(Timestamp(at.as_second()))
}

/// How far a time is from what the box thinks, in words such as `9 years after`; `None` where it is near
/// enough to be set without asking once more.
#[must_use]
pub fn leap(now: Timestamp, to: Timestamp) -> Option<String> {
    let days = to.0.abs_diff(now.0) / DAY;
    if days < NEAR_ENOUGH {
        return None;
    }
    let (count, unit) = match days {
        0..60 => (days, "days"),
        60..730 => (days / 30, "months"),
        _ => (days / 365, "years"),
    };
    let side = if to > now { "after" } else { "before" };
    Some(format!("{count} {unit} {side}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_time_far_from_what_the_box_thinks_is_asked_about() {
        for (days, words) in [
            (0, None),
            (6, None),
            (-6, None),
            (7, Some("7 days after")),
            (-59, Some("59 days before")),
            (90, Some("3 months after")),
            (-400, Some("13 months before")),
            (9 * 365 + 2, Some("9 years after")),
        ] {
            let now = Timestamp(1_795_547_100);
            let to = now.plus(days * 86_400);
            assert_eq!(leap(now, to).as_deref(), words, "{days}");
        }
    }

    #[test]
    fn a_time_is_read_as_people_type_it() {
        for (typed, at) in [
            ("2026-11-24 19:05", Some(1_795_547_100)),
            (" 2026-11-24 19:05:30 ", Some(1_795_547_130)),
            ("2026-11-24T19:05:30Z", Some(1_795_547_130)),
            ("", None),
            ("19:05", None),
            ("2026-13-24 19:05", None),
            ("2026-11-24 25:05", None),
            ("yesterday", None),
        ] {
            assert_eq!(time_typed(typed), at.map(Timestamp), "{typed:?}");
        }
    }
}
