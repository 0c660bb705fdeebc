//! The second factor of a login at the pages: a code of an app (RFC 6238), each once, or one of ten
//! recovery codes, each once. They belong to a mail account or to the login called admin.
//!
//! A board that does not know the time cannot judge an app's code: recovery codes need no clock.

use crate::clock::Clock;
use crate::ledger::Ledger;
use crate::limits;
use crate::settings;
use proto::totp;
use proto::types::{AccountId, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, PoisonError};
use store::{EventKind, Store, StoreError};
use tokio::sync::Mutex;
use tracing::info;
use zeroize::{Zeroize, Zeroizing};

/// Letters and digits that are not taken for one another.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz123456789";
/// Of a recovery code; 60 random bits.
const LENGTH: usize = 12;
/// Keeps these hashes apart from every other use of the function.
const CONTEXT: &str = "pillarbox 2026 recovery code";

/// Whose it is; `None`: the login called admin.
pub type Owner = Option<AccountId>;

/// As stored.
#[derive(Clone, Serialize, Deserialize)]
struct Stored {
    /// Hexadecimal.
    secret: String,
    since: Timestamp,
    /// The step of the last code that counted.
    last: i64,
    /// Hexadecimal BLAKE3 of those that were not used yet.
    recovery: Vec<String>,
}

impl Drop for Stored {
    fn drop(&mut self) {
        self.secret.zeroize();
    }
}

/// What an owner sees of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Enrolled {
    /// Since when a code is asked for.
    pub since: Timestamp,
    /// Recovery codes that are left.
    pub recovery_left: usize,
}

/// What a code was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// Right, and used up.
    Right,
    /// Wrong, or used before.
    Wrong,
    /// So many were wrong that app's codes are not looked at for a while; recovery codes are.
    TooMany,
}

/// A secret that was shown, and when.
type Shown = (Zeroizing<[u8; totp::SECRET]>, Timestamp);

/// All of them. Clones share them.
#[derive(Clone)]
pub struct SecondFactors {
    store: Store,
    clock: Clock,
    ledger: Ledger,
    // One change after the other; the secrets shown to owners who have not typed a code yet.
    turn: Arc<Mutex<HashMap<Owner, Shown>>>,
    misses: Arc<std::sync::Mutex<HashMap<Owner, (Timestamp, u32)>>>,
}

impl SecondFactors {
    /// Over the store's.
    #[must_use]
    pub fn new(store: Store, clock: Clock, ledger: Ledger) -> Self {
        Self {
            store,
            clock,
            ledger,
            turn: Arc::default(),
            misses: Arc::default(),
        }
    }

    /// Whether a code is asked for, and what is left.
    ///
    /// # Errors
    /// The store failed.
    pub fn of(&self, owner: Owner) -> Result<Option<Enrolled>, StoreError> {
        Ok(self.read(owner)?.map(|stored| Enrolled {
            since: stored.since,
            recovery_left: stored.recovery.len(),
        }))
    }

    /// Changes when codes are switched on or off, and with nothing else: what a session stands on.
    ///
    /// # Errors
    /// The store failed.
    pub fn stamp(&self, owner: Owner) -> Result<Option<blake3::Hash>, StoreError> {
        let stored = self.read(owner)?;
        Ok(stored.map(|stored| blake3::hash(stored.secret.as_bytes())))
    }

    /// The secret for the owner's app, in Base32; the same one until it is confirmed or a quarter
    /// of an hour has passed.
    ///
    /// # Errors
    /// It is on already, the time is not known, or the random source failed.
    pub async fn begin(&self, owner: Owner) -> Result<Secret, StoreError> {
        let mut shown = self.turn.lock().await;
        if self.read(owner)?.is_some() {
            return Err(StoreError::CannotChange("Codes are asked for already."));
        }
        if !self.clock.is_known() {
            return Err(StoreError::CannotChange(
                "The box does not know the time yet, and codes depend on it. Please try again later.",
            ));
        }
        let now = self.clock.now();
        shown.retain(|_, (_, since)| (since.0..since.0 + limits::ENROLMENT).contains(&now.0));
        if shown.len() >= limits::ENROLMENTS && !shown.contains_key(&owner) {
            shown.clear();
        }
        if let Entry::Vacant(place) = shown.entry(owner) {
            let mut secret = Zeroizing::new([0; totp::SECRET]);
            fill(secret.as_mut())?;
            place.insert((secret, now));
        }
        let secret = shown.get(&owner).map(|(secret, _)| totp::base32(secret.as_ref()));
        Ok(Secret::new(secret.unwrap_or_default().into_bytes()))
    }

    /// From now on codes are asked for: the app has shown a right one. The recovery codes, which
    /// are never seen again.
    ///
    /// # Errors
    /// A wrong code, or nothing was begun; the store or the random source failed.
    pub async fn confirm(&self, owner: Owner, code: &str) -> Result<Vec<Secret>, StoreError> {
        let mut shown = self.turn.lock().await;
        let now = self.clock.now();
        let (secret, _) = shown.get(&owner).ok_or(StoreError::CannotChange(
            "That took too long. Please begin again.",
        ))?;
        let last = totp::step_of(secret.as_ref(), &typed(code), now, i64::MIN).ok_or(
            StoreError::CannotChange("That is not the code that the app shows now. Is its time right?"),
        )?;
        let codes = (0..limits::RECOVERY_CODES)
            .map(|_| recovery_code())
            .collect::<Result<Vec<_>, _>>()?;
        let stored = Stored {
            secret: hex(secret.as_ref()),
            since: now,
            last,
            recovery: codes.iter().map(|code| print(code)).collect(),
        };
        settings::write(&self.store, &key(owner), &stored).await?;
        shown.remove(&owner);
        self.say(owner, "switched on", "its owner");
        let shown = |code: &Zeroizing<String>| {
            let mut text = code.to_string();
            text.insert(LENGTH / 3 * 2, '-');
            text.insert(LENGTH / 3, '-');
            Secret::new(text.into_bytes())
        };
        Ok(codes.iter().map(shown).collect())
    }

    /// Judges a code of the app or a recovery code; a right one is used up before this returns.
    ///
    /// # Errors
    /// `NotFound`: no code is asked for; the store failed.
    pub async fn judge(&self, owner: Owner, code: &str) -> Result<Judgement, StoreError> {
        let _turn = self.turn.lock().await;
        let mut stored = self.read(owner)?.ok_or(StoreError::NotFound)?;
        let now = self.clock.now();
        let code = typed(code);
        if code.len() == LENGTH {
            let print = print(&code);
            let found = stored.recovery.iter().position(|kept| {
                // In constant time.
                blake3::Hash::from_hex(kept).ok() == blake3::Hash::from_hex(&print).ok()
            });
            if let Some(found) = found {
                stored.recovery.remove(found);
                settings::write(&self.store, &key(owner), &stored).await?;
                self.say(owner, "recovery code used", "its owner");
                return Ok(Judgement::Right);
            }
            return Ok(self.missed(owner, now));
        }
        if self.too_many(owner, now) {
            return Ok(Judgement::TooMany);
        }
        let secret = Zeroizing::new(unhex(&stored.secret)?);
        let Some(step) = totp::step_of(&secret, &code, now, stored.last) else {
            return Ok(self.missed(owner, now));
        };
        stored.last = step;
        settings::write(&self.store, &key(owner), &stored).await?;
        Ok(Judgement::Right)
    }

    /// Codes are asked for no longer; whether they were.
    ///
    /// # Errors
    /// The store failed.
    pub async fn remove(&self, owner: Owner, by: &str) -> Result<bool, StoreError> {
        let _turn = self.turn.lock().await;
        let was = self.read(owner)?.is_some();
        if was {
            self.store.remove_setting(&key(owner)).await?;
            self.say(owner, "switched off", by);
        }
        Ok(was)
    }

    /// Whether the time is known, without which an app's code cannot be judged.
    #[must_use]
    pub fn clock_is_known(&self) -> bool {
        self.clock.is_known()
    }

    fn read(&self, owner: Owner) -> Result<Option<Stored>, StoreError> {
        settings::read(&self.store.snapshot()?, &key(owner))
    }

    fn say(&self, owner: Owner, what: &str, by: &str) {
        info!(account = owner.map(|id| id.0), what, by, "second factor");
        self.ledger.record(EventKind::SecondFactor {
            account: owner,
            what: what.to_owned(),
            by: by.to_owned(),
        });
    }

    fn too_many(&self, owner: Owner, now: Timestamp) -> bool {
        let misses = self.misses.lock().unwrap_or_else(PoisonError::into_inner);
        let missed = misses.get(&owner);
        missed.is_some_and(|(since, count)| counts(*since, now) && *count >= limits::WRONG_CODES)
    }

    fn missed(&self, owner: Owner, now: Timestamp) -> Judgement {
        let mut misses = self.misses.lock().unwrap_or_else(PoisonError::into_inner);
        misses.retain(|_, (since, _)| counts(*since, now));
        let miss = misses.entry(owner).or_insert((now, 0));
        miss.1 = miss.1.saturating_add(1);
        Judgement::Wrong
    }
}

impl std::fmt::Debug for SecondFactors {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SecondFactors(..)")
    }
}

fn counts(since: Timestamp, now: Timestamp) -> bool {
    (since.0..since.0 + limits::WRONG_CODES_WINDOW).contains(&now.0)
}

fn key(owner: Owner) -> String {
    owner.map_or_else(
        || "second-factor/admin".to_owned(),
        |account| format!("second-factor/{account}"),
    )
}

// Groups, spaces and large letters are the typist's.
fn typed(code: &str) -> Zeroizing<String> {
    let kept = code.chars().filter(|c| *c != '-' && !c.is_whitespace());
    Zeroizing::new(kept.take(LENGTH + 1).collect::<String>().to_ascii_lowercase())
}

fn print(code: &str) -> String {
    let hash = blake3::derive_key(CONTEXT, code.as_bytes());
    blake3::Hash::from_bytes(hash).to_hex().to_string()
}

fn recovery_code() -> Result<Zeroizing<String>, StoreError> {
    let mut random = Zeroizing::new([0; LENGTH]);
    fill(random.as_mut())?;
    let letter = |octet: &u8| LETTERS.get(usize::from(octet & 31)).copied().unwrap_or(b'a');
    Ok(Zeroizing::new(
        random.iter().map(|octet| char::from(letter(octet))).collect(),
    ))
}

fn fill(octets: &mut [u8]) -> Result<(), StoreError> {
    getrandom::fill(octets).map_err(|error| StoreError::Internal(error.to_string()))
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn unhex(text: &str) -> Result<Vec<u8>, StoreError> {
    let octet = |at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok();
    let octets: Option<Vec<u8>> = (0..text.len()).step_by(2).map(octet).collect();
    octets.ok_or_else(|| StoreError::Internal("a second factor cannot be read".to_owned()))
}

#[cfg(test)]
mod tests;
