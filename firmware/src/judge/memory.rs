//! What the box remembers, asked about one message: the lists of senders and the filter first, then,
//! knowing what everything else made of the message, the greylist.

use super::bayes::tokens::{self, Token};
use super::bayes::{self, Opinion};
use super::filtering::Filtering;
use super::grey::{self, Greyed, Visit};
use super::lists;
use super::sender::Sender;
use crate::spool::Spool;
use proto::refusal::Refusal;
use proto::types::{Structure, Timestamp};
use std::io::{self, Read};
use store::{SenderEntry, SenderList, Snapshot, Store, StoreError};

/// Points of a proven sender on the allow list: nothing else outweighs them.
pub const ALLOWED: f64 = -100.0;

/// What is remembered about a message and who sent it.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Remembered {
    /// The entry of the lists that holds.
    pub listed: Option<SenderEntry>,
    /// What was learnt says.
    pub opinion: Option<Opinion>,
}

/// One thing that is remembered, with what it adds to the points.
#[derive(Debug, Clone, PartialEq)]
pub struct Finding {
    /// Names it in headers: one word.
    pub name: &'static str,
    /// More is worse.
    pub points: f64,
    /// Why, for a person.
    pub words: String,
}

impl Remembered {
    /// Asks the lists and the filter.
    ///
    /// # Errors
    /// The store failed.
    pub fn about(
        snapshot: &Snapshot,
        filtering: &Filtering,
        sender: &Sender,
        tokens: &[Token],
        now: Timestamp,
    ) -> Result<Self, StoreError> {
        let listed = lists::find(snapshot, sender, now)?;
        let opinion = match &listed {
            Some(_) => None, // a person has said it
            None => bayes::judge(snapshot, filtering, tokens)?,
        };
        Ok(Self { listed, opinion })
    }

    /// A proven sender on the allow list.
    #[must_use]
    pub fn is_allowed(&self) -> bool {
        self.is_on(SenderList::Allow)
    }

    /// What a sender on the block list hears.
    #[must_use]
    pub fn refusal(&self) -> Option<Refusal> {
        let listed = self.listed.as_ref().filter(|_| self.is_on(SenderList::Block))?;
        Some(Refusal::Unwanted {
            who: listed.who.clone(),
        })
    }

    /// What there is to say, with points.
    #[must_use]
    pub fn findings(&self) -> Vec<Finding> {
        let listed = self.listed.as_ref().map(|entry| match entry.list {
            SenderList::Allow => Finding {
                name: "allow-list",
                points: ALLOWED,
                words: format!("{} is on the allow list, and the sender is proven", entry.who),
            },
            SenderList::Block => Finding {
                name: "block-list",
                points: -ALLOWED,
                words: format!("{} is on the block list", entry.who),
            },
        });
        let learnt = self.opinion.as_ref().map(|opinion| Finding {
            name: "bayes",
            points: opinion.points(),
            words: opinion.words(),
        });
        listed.into_iter().chain(learnt).collect()
    }

    fn is_on(&self, list: SenderList) -> bool {
        self.listed.as_ref().is_some_and(|entry| entry.list == list)
    }
}

/// The tokens of a message that waits in a spool. `structure` counts its octets from `prefix` more
/// that will stand before it. May block on the card.
///
/// # Errors
/// The spool cannot be read.
pub fn tokens_of(spool: &Spool, structure: &Structure, prefix: u64) -> io::Result<Vec<Token>> {
    tokens::of(structure, |span| {
        let start = span.start.saturating_sub(prefix);
        let end = span.end.saturating_sub(prefix);
        let mut octets = Vec::new();
        let part = spool.reader_at(start).take(end.saturating_sub(start));
        part.take(tokens::TEXT).read_to_end(&mut octets)?;
        Ok(octets)
    })
}

/// Asks the greylist about a message that nothing else refused.
///
/// # Errors
/// `Greylisted`: the sender has to come again; `Temporary`: the store failed.
pub async fn greet(
    store: &Store,
    filtering: &Filtering,
    visit: &Visit<'_>,
    now: Timestamp,
) -> Result<Finding, Refusal> {
    match grey::decide(store, filtering, visit, now).await {
        Ok(Greyed::Welcome(known)) => Ok(Finding {
            name: "greylist",
            points: 0.0,
            words: format!("not asked to come again: {}", known.words()),
        }),
        Ok(Greyed::Wait(until)) => Err(Refusal::Greylisted { until }),
        Err(error) => {
            tracing::error!(%error, "the greylist cannot be read");
            Err(Refusal::Temporary)
        }
    }
}
