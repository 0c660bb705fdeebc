//! What the pages about judging show and set.

use proto::types::Timestamp;

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
