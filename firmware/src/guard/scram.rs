//! What SCRAM needs beside a password: a salt for every name, whether or not it is somebody's, and
//! the keys that are kept of a password.
//!
//! An account has one salt, which follows from its address and a secret of the box: the client is
//! told the salt before it says which of the account's passwords it knows, and a stranger's name
//! gets one that looks the same.

use crate::settings;
use proto::sasl::scram::{Keys, Salt};
use proto::types::Address;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::num::NonZeroU32;
use std::sync::Arc;
use store::{Store, StoreError};
use tokio::sync::OnceCell;
use zeroize::Zeroizing;

/// Rounds of PBKDF2 (RFC 7677 4 asks for 4096 at least). One number for all passwords, because an
/// account has one salt: a main password's keys should take a thief some time, and a phone
/// computes this in a tenth of a second. Where it is changed, keys are learnt anew with PLAIN.
const ITERATIONS: NonZeroU32 = match NonZeroU32::new(50_000) {
    Some(iterations) => iterations,
    None => NonZeroU32::MIN,
};
/// Octets of a salt and of a nonce.
const SIZE: usize = 16;
/// Key of the setting.
const SETTING: &str = "scram";

/// As stored.
#[derive(Clone, Serialize, Deserialize)]
struct Secret {
    /// 64 hexadecimal digits.
    secret: String,
}

/// Makes salts. Clones share the secret.
#[derive(Clone)]
pub(super) struct Salts {
    store: Store,
    secret: Arc<OnceCell<[u8; 32]>>,
}

impl Salts {
    /// The secret is made when it is first needed.
    pub(super) fn new(store: Store) -> Self {
        Self {
            store,
            secret: Arc::default(),
        }
    }

    /// What a client is told that gives this name.
    ///
    /// # Errors
    /// The store or the random source failed.
    pub(super) async fn challenge(&self, name: &str, exporter: Option<Vec<u8>>) -> Result<Salt, StoreError> {
        let mut nonce = String::with_capacity(2 * SIZE);
        for octet in random::<SIZE>()? {
            let _ = write!(nonce, "{octet:02x}"); // a String takes everything
        }
        Ok(Salt {
            salt: self.of(name).await?,
            iterations: ITERATIONS.get(),
            nonce,
            exporter,
        })
    }

    /// The keys of an account's password, for each way to write it.
    ///
    /// # Errors
    /// The store or the random source failed.
    pub(super) async fn keys(
        &self,
        account: &Address,
        ways: Vec<Zeroizing<String>>,
    ) -> Result<Vec<Keys>, StoreError> {
        let salt = self.of(&account.key()).await?;
        let derive = move || {
            ways.iter()
                .map(|password| Keys::derive(password, &salt, ITERATIONS))
                .collect()
        };
        let keys = tokio::task::spawn_blocking(derive).await;
        keys.map_err(|error| StoreError::Internal(error.to_string()))
    }

    async fn of(&self, name: &str) -> Result<Vec<u8>, StoreError> {
        let secret = self.secret.get_or_try_init(|| self.open()).await?;
        let salt = blake3::keyed_hash(secret, name.as_bytes());
        Ok(salt.as_bytes().iter().copied().take(SIZE).collect())
    }

    async fn open(&self) -> Result<[u8; 32], StoreError> {
        if let Some(Secret { secret }) = settings::read(&self.store.snapshot()?, SETTING)? {
            let stored = blake3::Hash::from_hex(secret.as_bytes());
            return stored
                .map(|secret| *secret.as_bytes())
                .map_err(|error| StoreError::Internal(format!("setting {SETTING}: {error}")));
        }
        let made = random::<32>()?;
        let secret = blake3::Hash::from_bytes(made).to_hex().to_string();
        settings::write(&self.store, SETTING, &Secret { secret }).await?;
        Ok(made)
    }
}

fn random<const N: usize>() -> Result<[u8; N], StoreError> {
    let mut octets = [0; N];
    getrandom::fill(&mut octets).map_err(|error| StoreError::Internal(error.to_string()))?;
    Ok(octets)
}
