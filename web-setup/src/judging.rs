//! What the pages about judging show and set.

use crate::appliance::Fault;
use proto::types::Timestamp;
use std::future::Future;

/// One thing that may be set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Knob {
    /// Its name.
    pub name: String,
    /// What it is, for a person.
    pub what: String,
    /// How it stands.
    pub value: String,
}

/// A message that was judged.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JudgedRow {
    /// Its id.
    pub id: String,
    /// When.
    pub at: Timestamp,
    /// Who it says it is from.
    pub from: String,
    /// For whom.
    pub to: String,
    /// Where it went, such as `in Junk`.
    pub place: String,
    /// Its points.
    pub points: String,
}

/// Why a message is where it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct JudgedMail {
    /// The message.
    pub row: JudgedRow,
    /// Who delivered it.
    pub ip: String,
    /// What he called himself.
    pub helo: String,
    /// What decided.
    pub because: String,
    /// From so many points on mail is junk.
    pub junk_at: String,
    /// Everything that was found out.
    pub reasons: Vec<ReasonRow>,
}

/// One thing that was found out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReasonRow {
    /// What it adds.
    pub points: String,
    /// What it is.
    pub words: String,
}

/// What the pages ask of this room. See [`crate::Appliance`] for what holds for every method.
pub trait JudgeRoom: Send + Sync {
    /// How mail is judged.
    fn judging(&self) -> impl Future<Output = Result<Vec<Knob>, Fault>> + Send;

    /// Sets how mail is judged: names of knobs with values, all or none.
    fn set_judging(&self, values: Vec<(String, String)>) -> impl Future<Output = Result<(), Fault>> + Send;

    /// The last messages that were judged, the newest first.
    fn judged(&self) -> impl Future<Output = Result<Vec<JudgedRow>, Fault>> + Send;

    /// Why a message is where it is.
    fn explanation(&self, id: String) -> impl Future<Output = Result<JudgedMail, Fault>> + Send;
}
