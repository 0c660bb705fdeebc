//! Passwords: argon2id, off the async threads, few at a time, and remembered for a while so that
//! a mail program with ten connections does not wait ten times.

use crate::limits;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD as BASE64;
use proto::types::{Secret, Timestamp};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::Semaphore;

// What OWASP asks for at least: 19 MiB, two passes, one lane.
const MEMORY: u32 = 19_456;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Why a password was not hashed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Longer than [`limits::PASSWORD`].
    #[error("the password is too long (at most {} octets)", limits::PASSWORD)]
    TooLong,
    /// The library or the random source failed.
    #[error("the password could not be hashed: {0}")]
    Failed(String),
}

/// The PHC string of a password.
///
/// # Errors
/// Too long, or no random octets.
pub async fn hash(password: Secret) -> Result<String, PasswordError> {
    if password.expose().len() > limits::PASSWORD {
        return Err(PasswordError::TooLong);
    }
    let failed = |error: &dyn std::fmt::Display| PasswordError::Failed(error.to_string());
    // New passwords are rare: one after the other, beside those that are compared.
    static ONE_AT_A_TIME: Semaphore = Semaphore::const_new(1);
    let _turn = ONE_AT_A_TIME.acquire().await.map_err(|error| failed(&error))?;
    tokio::task::spawn_blocking(move || {
        let hash: PasswordHash = argon2()
            .and_then(|argon2| argon2.hash_password(password.expose()))
            .map_err(|error| failed(&error))?;
        Ok(hash.to_string())
    })
    .await
    .map_err(|error| PasswordError::Failed(error.to_string()))?
}

fn argon2() -> Result<Argon2<'static>, argon2::password_hash::Error> {
    let params = Params::new(MEMORY, PASSES, LANES, None)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Compares passwords with hashes.
pub struct Verifier {
    at_once: Arc<Semaphore>,
    // Of those, strangers have all but one, so that people of ours need not wait behind them.
    strangers: Arc<Semaphore>,
    // Strangers who wait; more are sent away unheard.
    queue: Arc<Semaphore>,
    // Wrong passwords that come again and again: a phone with an old one costs nothing.
    refused: Mutex<HashMap<[u8; 32], Timestamp>>,
    // Compared with where there is no account, so that time does not tell.
    nobody: String,
    key: [u8; 32],
    verified: Mutex<HashMap<[u8; 32], Timestamp>>,
    #[cfg(test)]
    hashed: std::sync::atomic::AtomicU32,
}

impl Verifier {
    /// With keys of its own.
    ///
    /// # Errors
    /// The random source failed.
    pub fn new() -> Result<Self, getrandom::Error> {
        let (mut key, mut random) = ([0; 32], [0; 48]);
        getrandom::fill(&mut key)?;
        getrandom::fill(&mut random)?;
        let (salt, output) = random.split_at(16);
        let nobody = format!(
            "$argon2id$v=19$m={MEMORY},t={PASSES},p={LANES}${}${}",
            BASE64.encode(salt),
            BASE64.encode(output)
        );
        Ok(Self {
            at_once: Arc::new(Semaphore::new(limits::HASHES)),
            strangers: Arc::new(Semaphore::new(limits::HASHES - 1)),
            queue: Arc::new(Semaphore::new(limits::STRANGERS_WAITING)),
            refused: Mutex::new(HashMap::new()),
            nobody,
            key,
            verified: Mutex::new(HashMap::new()),
            #[cfg(test)]
            hashed: std::sync::atomic::AtomicU32::new(0),
        })
    }

    /// How many passwords were hashed so far: the work that [`Verifier::verify`] saves.
    #[cfg(test)]
    pub fn hashed(&self) -> u32 {
        self.hashed.load(std::sync::atomic::Ordering::Relaxed)
    }

    /// Whether the password is the one with this hash; takes as long where there is no hash. `None`:
    /// too many strangers are waiting, it was not looked at.
    pub async fn verify(
        &self,
        hash: Option<&str>,
        password: &Secret,
        now: Timestamp,
        familiar: bool,
    ) -> Option<bool> {
        if password.expose().len() > limits::PASSWORD {
            return Some(false);
        }
        let tag = self.tag(hash.unwrap_or(&self.nobody), password);
        if hash.is_some() && is_remembered(&self.verified, &tag, now) {
            return Some(true);
        }
        if is_remembered(&self.refused, &tag, now) {
            return Some(false);
        }
        let place = match familiar {
            true => None,
            false => Some((
                Arc::clone(&self.queue).try_acquire_owned().ok()?,
                Arc::clone(&self.strangers).acquire_owned().await.ok()?,
            )),
        };
        let turn = Arc::clone(&self.at_once).acquire_owned().await.ok()?;
        #[cfg(test)]
        self.hashed.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let (text, password) = (hash.unwrap_or(&self.nobody).to_owned(), password.clone());
        // The work has the places, not the one who waits for it: hanging up does not make room for more.
        let right = tokio::task::spawn_blocking(move || {
            let _places = (turn, place);
            PasswordHash::new(&text).is_ok_and(|hash| {
                Argon2::default()
                    .verify_password(password.expose(), &hash)
                    .is_ok()
            })
        });
        let right = right.await.ok()? && hash.is_some();
        let memory = if right { &self.verified } else { &self.refused };
        remember(memory, tag, now);
        Some(right)
    }

    // The hash is in the tag, so a changed password is a password never seen.
    fn tag(&self, hash: &str, password: &Secret) -> [u8; 32] {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&(hash.len() as u64).to_le_bytes());
        hasher.update(hash.as_bytes());
        hasher.update(password.expose());
        *hasher.finalize().as_bytes()
    }
}

type Memory = Mutex<HashMap<[u8; 32], Timestamp>>;

fn is_remembered(memory: &Memory, tag: &[u8; 32], now: Timestamp) -> bool {
    let memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
    memory
        .get(tag)
        .is_some_and(|until| (now.0..=now.0 + limits::VERIFIED_FOR).contains(&until.0))
}

fn remember(memory: &Memory, tag: [u8; 32], now: Timestamp) {
    let mut memory = memory.lock().unwrap_or_else(PoisonError::into_inner);
    if memory.len() >= limits::VERIFIED {
        memory.retain(|_, until| *until >= now);
    }
    if memory.len() >= limits::VERIFIED {
        memory.clear();
    }
    memory.insert(tag, now.plus(limits::VERIFIED_FOR));
}

impl std::fmt::Debug for Verifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Verifier(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text.as_bytes().to_vec())
    }

    #[tokio::test]
    async fn only_the_right_password_is_right_and_it_is_remembered_for_a_while() {
        let verifier = Verifier::new().unwrap();
        let hash = hash(secret("correct horse")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let now = Timestamp(1_000_000);
        for (hash, password, right) in [
            (Some(&hash), "wrong", false),
            (Some(&hash), "wrong", false),
            (None, "correct horse", false),
            (Some(&hash), "correct horse", true),
        ] {
            let hash = hash.map(String::as_str);
            let verified = verifier.verify(hash, &secret(password), now, true).await;
            assert_eq!(verified, Some(right), "{password}");
        }
        let tag = verifier.tag(&hash, &secret("correct horse"));
        let is_verified = |tag: &[u8; 32], now| is_remembered(&verifier.verified, tag, now);
        assert!(is_verified(&tag, now.plus(limits::VERIFIED_FOR)));
        assert!(!is_verified(&tag, now.plus(limits::VERIFIED_FOR + 1)));
        assert!(
            !is_verified(&tag, now.plus(-1)),
            "a clock set back trusts nothing"
        );
        let wrong = verifier.tag(&hash, &secret("wrong"));
        assert!(!is_verified(&wrong, now) && is_remembered(&verifier.refused, &wrong, now));
    }

    #[tokio::test]
    async fn when_too_many_strangers_wait_people_of_ours_still_come_in() {
        let verifier = Verifier::new().unwrap();
        let hash = hash(secret("correct horse")).await.unwrap();
        let now = Timestamp(1_000_000);
        let _all = verifier
            .queue
            .acquire_many(u32::try_from(limits::STRANGERS_WAITING).unwrap())
            .await
            .unwrap();
        let password = secret("correct horse");
        assert_eq!(verifier.verify(Some(&hash), &password, now, false).await, None);
        assert_eq!(
            verifier.verify(Some(&hash), &password, now, true).await,
            Some(true)
        );
        assert_eq!(
            verifier.verify(Some(&hash), &password, now, false).await,
            Some(true)
        );
    }

    #[tokio::test]
    async fn who_hangs_up_before_the_answer_makes_no_room_for_more() {
        let verifier = Verifier::new().unwrap();
        // Long work, so that it is surely not done when it is looked at.
        let long = verifier.nobody.replace("t=2", "t=60");
        let password = secret("correct horse");
        let mut asked = Box::pin(verifier.verify(Some(&long), &password, Timestamp(1_000_000), true));
        let mut waits = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(asked.as_mut().poll(&mut waits).is_pending());
        drop(asked);
        assert_eq!(verifier.at_once.available_permits(), limits::HASHES - 1);
    }

    #[test]
    fn the_hash_for_nobody_costs_what_a_real_one_costs() {
        let nobody = Verifier::new().unwrap().nobody;
        let parsed = PasswordHash::new(&nobody).unwrap();
        let params = Params::try_from(&parsed).unwrap();
        assert_eq!(
            (params.m_cost(), params.t_cost(), params.p_cost()),
            (MEMORY, PASSES, LANES)
        );
    }
}
