//! Which notices went out, and whom their tokens bind: what a reply is judged by. Survives a
//! restart; only hashes of the tokens are kept.

use crate::clock::DAY;
use crate::limits;
use crate::settings;
use proto::message::reply::Verb;
use proto::types::{AccountId, Address, Timestamp};
use serde::{Deserialize, Serialize};
use store::{Delivery, Event, Snapshot, Store, StoreError};

/// Where it is kept.
const KEY: &str = "guard-notices";
/// How long a notice may be answered, in seconds.
pub const LIFE: i64 = 7 * DAY;
/// How long it is remembered, so that a late answer hears what became of it, in seconds.
const MEMORY: i64 = 30 * DAY;
/// 128 bits, five in a letter.
const LETTERS: usize = 26;

/// All that is remembered.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Sent {
    /// The last event of the ledger that was looked at when this was written.
    pub seen: u64,
    /// Oldest first.
    pub notices: Vec<Notice>,
    /// What is told later, in one letter an account.
    pub folded: Vec<Folded>,
}

/// One notice to everybody who may answer it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Notice {
    /// The event's name in the ledger.
    pub trip: String,
    /// Whose account was stopped.
    pub account: AccountId,
    /// Its address.
    pub address: Address,
    /// When it was stopped: a later freeze is not this notice's to undo.
    pub stopped: Timestamp,
    /// When the notice was written.
    pub at: Timestamp,
    /// Who may answer.
    pub invitations: Vec<Invitation>,
    /// What was decided.
    pub done: Option<Done>,
}

/// The right to answer one notice once.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Invitation {
    /// BLAKE3 of the token.
    pub hash: String,
    /// Which admin.
    pub admin: AccountId,
    /// Where the notice went.
    pub address: Address,
}

/// A decision.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Done {
    /// What.
    pub verb: Verb,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub by: Address,
}

/// Further events of an account that the admins have just heard of.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Folded {
    /// Whose.
    pub address: Address,
    /// The first one.
    pub since: Timestamp,
    /// One line each; cut.
    pub lines: Vec<String>,
    /// How many there were.
    pub count: u32,
}

impl Sent {
    /// As it is now.
    ///
    /// # Errors
    /// The store failed.
    pub fn read(snapshot: &Snapshot) -> Result<Self, StoreError> {
        Ok(settings::read(snapshot, KEY)?.unwrap_or_default())
    }

    /// Writes it, without what is too old to matter.
    ///
    /// # Errors
    /// The store failed.
    pub async fn write(&mut self, store: &Store, now: Timestamp) -> Result<(), StoreError> {
        self.shorten(now);
        settings::write(store, KEY, self).await
    }

    /// Writes it down in one commit with the notices that it remembers and what the ledger says of
    /// them: a notice goes out once, whenever the box dies.
    ///
    /// # Errors
    /// The store failed; none of it is done then.
    pub async fn write_with(
        &mut self,
        store: &Store,
        now: Timestamp,
        notices: Vec<Delivery>,
        events: Vec<Event>,
    ) -> Result<(), StoreError> {
        self.shorten(now);
        let value = serde_json::to_value(&*self)
            .map_err(|error| StoreError::Internal(format!("setting {KEY}: {error}")))?;
        store.notify(notices, KEY, value, events).await
    }

    fn shorten(&mut self, now: Timestamp) {
        self.notices.retain(|notice| now.0 - notice.at.0 <= MEMORY);
        let mut kept = 0;
        for notice in self.notices.iter().rev() {
            kept += notice.invitations.len().max(1);
            if kept > limits::TICKETS {
                let first = self.notices.iter().position(|n| std::ptr::eq(n, notice));
                self.notices.drain(..=first.unwrap_or_default());
                break;
            }
        }
    }

    /// The notice and the invitation that a token belongs to.
    #[must_use]
    pub fn find(&self, token: &str) -> Option<(usize, Notice, Invitation)> {
        let hash = hash(token);
        self.notices.iter().enumerate().find_map(|(at, notice)| {
            let invitation = notice.invitations.iter().find(|i| i.hash == hash)?;
            Some((at, notice.clone(), invitation.clone()))
        })
    }
}

impl Notice {
    /// Whether it may still be answered.
    #[must_use]
    pub const fn is_fresh(&self, now: Timestamp) -> bool {
        now.0 < self.at.0 + LIFE
    }
}

/// A new token: 128 random bits in letters and digits that survive a change of case.
///
/// # Errors
/// The random source failed.
pub fn token() -> Result<String, StoreError> {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut octets = [0; 16];
    getrandom::fill(&mut octets).map_err(|error| StoreError::Internal(error.to_string()))?;
    let mut bits = u128::from_ne_bytes(octets);
    let mut token = String::with_capacity(LETTERS);
    for _ in 0..LETTERS {
        let letter = ALPHABET.get((bits & 31) as usize).copied().unwrap_or(b'a');
        token.push(char::from(letter));
        bits >>= 5;
    }
    Ok(token)
}

/// What is kept of a token.
#[must_use]
pub fn hash(token: &str) -> String {
    blake3::derive_key(
        "pillarbox reply to a notice",
        token.to_ascii_lowercase().as_bytes(),
    )
    .iter()
    .map(|octet| format!("{octet:02x}"))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_survive_a_change_of_case() {
        let (one, other) = (token().unwrap(), token().unwrap());
        assert_eq!(one.len(), LETTERS);
        assert_ne!(one, other);
        assert_eq!(hash(&one), hash(&one.to_uppercase()));
        assert_ne!(hash(&one), hash(&one[1..]));
        assert!(!hash(&one).contains(&one));
    }
}
