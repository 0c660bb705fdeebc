//! The Bayes filter: what this office threw into Junk, and what it took out again, says what new
//! mail is.
//!
//! One filter for the office, not one for each account: together they learn sooner. Learnt is what
//! a person showed by what he did with a message (see [`trainer`]); never what the filter itself
//! decided, or its errors would feed themselves. It says nothing before it has learnt
//! [`super::filtering::Filtering::minimum`] messages of each kind.
//!
//! How likely it is, from what is likely for each token: Robinson's and Fisher's combination. Words
//! that say nothing cancel out, and a message full of contradictions ends in the middle.

mod combine;
pub mod lexicon;
mod spread;
pub mod tokens;
pub mod trainer;

pub use combine::{Opinion, opinion};

use super::filtering::Filtering;
use store::{BayesState, Snapshot, StoreError};

/// Points for the likelihood that a message is spam; the first row that it reaches.
const POINTS: [(f64, f64); 5] = [(0.995, 6.0), (0.95, 4.0), (0.80, 2.0), (0.20, 0.0), (0.02, -1.0)];
/// Below all of them.
const LEAST: f64 = -2.0;

impl Opinion {
    /// What it adds to the points of a message.
    #[must_use]
    pub fn points(&self) -> f64 {
        let reached = POINTS.iter().find(|(from, _)| self.likelihood >= *from);
        reached.map_or(LEAST, |(_, points)| *points)
    }

    /// Why, for a person.
    #[must_use]
    pub fn words(&self) -> String {
        let percent = self.likelihood * 100.0;
        let mut words = format!("what was learnt from Junk says: spam by {percent:.1} %");
        if !self.telling.is_empty() {
            words.push_str("; most telling: ");
            words.push_str(&self.telling.join(", "));
        }
        words
    }
}

/// What was learnt, if that is enough of both kinds and is to be heard.
///
/// # Errors
/// The store failed.
pub fn has_learnt(snapshot: &Snapshot, filtering: &Filtering) -> Result<Option<BayesState>, StoreError> {
    if !filtering.bayes {
        return Ok(None);
    }
    let learnt = snapshot.bayes()?;
    let minimum = u64::from(filtering.minimum);
    Ok((learnt.spam >= minimum && learnt.ham >= minimum).then_some(learnt))
}
