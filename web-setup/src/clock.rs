//! The clock, for boxes in a network without a time server.

use crate::appliance::Fault;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use proto::types::Timestamp;
use std::future::Future;

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

#[cfg(test)]
mod tests {
    use super::*;

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
