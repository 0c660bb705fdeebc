//! What was made of a message from elsewhere, and why.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::iter::Sum;
use std::str::FromStr;

/// Points that speak against a message (for it, where they are negative), in tenths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct Points(pub i32);

impl Points {
    /// Most that may be set anywhere.
    pub const MOST: Self = Self(1000);

    /// Rounded to tenths.
    #[must_use]
    #[allow(clippy::cast_possible_truncation)] // clamped before
    pub fn rounded(points: f64) -> Self {
        Self((points * 10.0).round().clamp(-1000.0, 1000.0) as i32)
    }

    /// For sums with other numbers.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        f64::from(self.0) / 10.0
    }
}

/// As `3.0` or `-1.5`.
impl fmt::Display for Points {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.1}", self.as_f64())
    }
}

impl FromStr for Points {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number: Option<f64> = text.trim().parse().ok().filter(|n: &f64| n.is_finite());
        match number {
            Some(number) if number.abs() <= Self::MOST.as_f64() => Ok(Self::rounded(number)),
            _ => Err(format!("`{text}` is no number of points, such as 2.5.")),
        }
    }
}

impl Sum for Points {
    fn sum<I: Iterator<Item = Self>>(points: I) -> Self {
        Self(points.fold(0, |sum, one| sum.saturating_add(one.0)))
    }
}

/// One thing that was found out about a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// Which check found it, in one word, such as `spf`.
    pub check: String,
    /// What it adds to the points.
    #[serde(default)]
    pub points: Points,
    /// What it is, for a person.
    pub words: String,
}

impl Reason {
    /// A finding.
    #[must_use]
    pub fn new(check: &str, points: Points, words: impl Into<String>) -> Self {
        Self {
            check: check.to_owned(),
            points,
            words: words.into(),
        }
    }
}

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Placement {
    /// To the inbox.
    Inbox,
    /// To the mailbox for junk.
    Junk,
    /// To nowhere, for now: the sender was asked to come again.
    Deferred,
    /// To nowhere: the sender was told why.
    Refused,
}

impl Placement {
    /// The word for it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Junk => "junk",
            Self::Deferred => "deferred",
            Self::Refused => "refused",
        }
    }
}

/// What was made of a message.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// Where it went.
    pub placement: Placement,
    /// What decided that, for a person.
    pub because: String,
    /// The sum of all reasons' points.
    pub points: Points,
    /// From so many points on it would have been junk.
    pub junk_at: Points,
    /// Everything that was found out, in the order of the checks.
    pub reasons: Vec<Reason>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_read_as_they_are_shown() {
        for (text, tenths) in [("3", 30), ("-1.5", -15), ("0.05", 1), ("100", 1000), ("0", 0)] {
            let points: Points = text.parse().unwrap();
            assert_eq!(points, Points(tenths), "{text}");
            assert_eq!(points.to_string().parse(), Ok(points));
        }
        for text in ["", "x", "NaN", "inf", "100.1", "1e9", "3,5"] {
            assert!(text.parse::<Points>().is_err(), "{text}");
        }
    }
}
