//! Logins without the password: SCRAM.
//!
//! A wrong proof looks different every time, so it cannot be told whether it is the same old
//! password again. Therefore all wrong proofs for one account from one place count as one guess:
//! an old phone never locks out an office. What could be guessed, a main password, is looked at
//! for a few wrong proofs an hour from one place and then no more; the passwords of devices, which
//! nobody guesses, always are.

use super::{Attempt, Entered, Logins, Visitor, shut};
use crate::guard::device::Device;
use crate::guard::{Network, temporary};
use crate::limits;
use proto::refusal::Refusal;
use proto::sasl::scram::{Proof, Salt, Signature};
use proto::types::{AccountId, Secret, Timestamp};
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

/// Wrong proofs, counted from the first for an hour.
#[derive(Default)]
pub(super) struct Misses(Mutex<HashMap<(AccountId, Network), (Timestamp, u32)>>);

impl Misses {
    fn too_many(&self, account: AccountId, ip: IpAddr, now: Timestamp) -> bool {
        let misses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let missed = misses.get(&(account, Network::source(ip)));
        missed.is_some_and(|(since, count)| counts(*since, now) && *count >= limits::SCRAM_MISSES)
    }

    fn add(&self, account: AccountId, ip: IpAddr, now: Timestamp) {
        let mut misses = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if misses.len() >= limits::DELAYED {
            misses.retain(|_, (since, _)| counts(*since, now));
        }
        if misses.len() >= limits::DELAYED {
            misses.clear();
        }
        let miss = misses.entry((account, Network::source(ip))).or_insert((now, 0));
        if !counts(miss.0, now) {
            *miss = (now, 0);
        }
        miss.1 = miss.1.saturating_add(1);
    }
}

fn counts(since: Timestamp, now: Timestamp) -> bool {
    (since.0..since.0 + limits::SCRAM_WINDOW).contains(&now.0)
}

impl Logins {
    /// What a client is told that wants to prove a password of this name: the same, whether or not
    /// there is such an account.
    ///
    /// # Errors
    /// `Temporary` when the store fails.
    pub async fn salt(&self, login: &str, exporter: Option<Vec<u8>>) -> Result<Salt, Refusal> {
        let name = match self.find(login).map_err(temporary)? {
            Some(account) => account.address.key(),
            None => self.full(login).map_err(temporary)?,
        };
        let salt = self.devices.salts().challenge(&name, exporter).await;
        salt.map_err(temporary)
    }

    /// Judges the proof of a mail account's password, and proves in turn that it is known here.
    ///
    /// # Errors
    /// As [`Logins::login`]. A password whose keys are not kept is a wrong one.
    pub async fn prove(&self, attempt: &Attempt<'_>, proof: &Proof) -> Result<(Entered, Signature), Refusal> {
        let Visitor {
            account,
            target,
            _turn,
        } = self.approach(attempt).await?;
        let id = account.as_ref().map(|account| account.id);
        if !proof.bound {
            let reason = "wrong channel binding";
            return Err(self.refuse(attempt, id, reason, Refusal::BadCredentials).await);
        }
        let one_guess = Secret::new(format!("scram {}", Network::source(attempt.ip)).into_bytes());
        let Some(account) = account else {
            let refusal = self.wrong(attempt, &target, &one_guess);
            return Err(self.refuse(attempt, None, "unknown account", refusal).await);
        };
        let now = self.clock.now();
        let devices = self.devices_for(attempt, id).map_err(temporary)?;
        let known = |device: &'_ Device| device.keys().iter().find_map(|keys| proof.check(keys));
        let with_device = devices
            .list
            .iter()
            .find_map(|device| Some((device, known(device)?)));
        let main = devices.main_keys(&account.password_hash);
        let looked_at = main.filter(|_| !self.misses.too_many(account.id, attempt.ip, now));
        let found = match with_device {
            Some((device, signature)) => Some((Some(device), signature)),
            None => looked_at
                .and_then(|keys| proof.check(keys))
                .map(|signature| (None, signature)),
        };
        let Some((device, signature)) = found else {
            if main.is_some() && looked_at.is_none() {
                let refusal = Refusal::Throttled;
                return Err(self.refuse(attempt, id, "too many wrong proofs", refusal).await);
            }
            self.misses.add(account.id, attempt.ip, now);
            let refusal = self.wrong(attempt, &target, &one_guess);
            return Err(self.refuse(attempt, id, "wrong password", refusal).await);
        };
        if let Some((reason, refusal)) = shut(&account.state) {
            return Err(self.refuse(attempt, id, reason, refusal).await);
        }
        self.screen.right(attempt.ip, &target);
        Ok((self.enter(attempt, account, device).await, signature))
    }
}

#[cfg(test)]
mod tests;
