//! Why mail landed where it is: the stored verdict in words, the same for the page and the command line.

use proto::message::date;
use proto::types::{Address, ReversePath, Timestamp};
use serde::Serialize;
use std::fmt;
use std::net::IpAddr;
use store::{Event, EventKind, Placement, Snapshot, StoreError, Verdict};

/// A message that was judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// When.
    pub at: Timestamp,
    /// Its name in replies, Received fields and the log.
    pub id: String,
    /// Who delivered it.
    pub ip: IpAddr,
    /// What he called himself.
    pub helo: String,
    /// MAIL FROM.
    pub from: ReversePath,
    /// For whom.
    pub to: Vec<Address>,
    /// The one address in From.
    pub author: Option<Address>,
    /// What was made of it.
    pub verdict: Verdict,
}

impl Explanation {
    fn of(event: Event) -> Option<Self> {
        let EventKind::Judged {
            id,
            ip,
            helo,
            from,
            to,
            author,
            verdict,
        } = event.kind
        else {
            return None;
        };
        Some(Self {
            at: event.at,
            id,
            ip,
            helo,
            from,
            to,
            author,
            verdict: *verdict,
        })
    }

    /// Who it says it is from, for a person.
    #[must_use]
    pub fn sender(&self) -> String {
        let sender = self.author.as_ref().or(self.from.as_ref());
        sender.map_or_else(|| "nobody".to_owned(), ToString::to_string)
    }

    /// Where it went, for a person.
    #[must_use]
    pub const fn place(&self) -> &'static str {
        match self.verdict.placement {
            Placement::Inbox => "in the inbox",
            Placement::Junk => "in Junk",
            Placement::Deferred => "not taken for now",
            Placement::Refused => "refused",
        }
    }
}

/// The text that `pillarbox explain` prints.
impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let to: Vec<String> = self.to.iter().map(ToString::to_string).collect();
        writeln!(
            f,
            "Message {} from {} for {}",
            self.id,
            self.sender(),
            to.join(", ")
        )?;
        let helo = super::score::quoted(&self.helo);
        writeln!(
            f,
            "delivered by {} ({helo}) on {}",
            self.ip,
            date::format(self.at)
        )?;
        writeln!(f, "is {}. {}", self.place(), self.verdict.because)?;
        for reason in &self.verdict.reasons {
            let points = reason.points.to_string();
            writeln!(f, "  {points:>5}  {}", reason.words)?;
        }
        write!(
            f,
            "  {:>5}  in all; junk begins at {}",
            self.verdict.points.to_string(),
            self.verdict.junk_at
        )
    }
}

/// The last message of that id that was judged.
///
/// # Errors
/// The store failed.
pub fn find(snapshot: &Snapshot, wanted: &str) -> Result<Option<Explanation>, StoreError> {
    let found = snapshot.events(
        None,
        1,
        |event| matches!(&event.kind, EventKind::Judged { id, .. } if id == wanted),
    )?;
    Ok(found.into_iter().find_map(|(_, event)| Explanation::of(event)))
}

/// The last messages that were judged, the newest first.
///
/// # Errors
/// The store failed.
pub fn latest(snapshot: &Snapshot, most: usize) -> Result<Vec<Explanation>, StoreError> {
    let judged = snapshot.events(None, most, |event| matches!(event.kind, EventKind::Judged { .. }))?;
    let judged = judged.into_iter().filter_map(|(_, event)| Explanation::of(event));
    Ok(judged.collect())
}
