//! Device passwords: one for each phone or PC, made by the box, shown once, revoked alone.
//!
//! They are long and random, so that a fast hash keeps them: nobody guesses 140 bits, and a mail
//! program with ten connections costs nothing.

use super::networks::Network;
use super::scram::Salts;
use super::sessions::Sessions;
use crate::clock::Clock;
use crate::ledger::Ledger;
use crate::limits;
use crate::settings::{self, Passwords};
use proto::refusal::Refusal;
use proto::sasl::scram::Keys;
use proto::types::{AccountId, Secret, Timestamp};
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use store::{Account, EventKind, Snapshot, Store, StoreError};
use tokio::sync::Mutex;
use tracing::{info, warn};
use zeroize::Zeroizing;

/// Letters and digits that are not taken for one another, small because phones type those.
const LETTERS: &[u8; 32] = b"abcdefghjkmnpqrstuvwxyz123456789";
/// How many; 140 random bits.
const LENGTH: usize = 28;
/// So many stand together when it is shown.
const GROUP: usize = 4;
/// Keeps these hashes apart from every other use of the function.
const CONTEXT: &str = "pillarbox 2026 device password";
/// The last use is written at most once in so many seconds: the card wears.
const SEEN_AGAIN: i64 = 3600;

/// Counts an account's device passwords; never used twice.
pub type DeviceId = u32;

/// One device's password, without the password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// Which.
    pub id: DeviceId,
    /// What its owner calls it.
    pub name: String,
    /// When the password was made.
    pub created: Timestamp,
    /// When and from which network it was used, to the hour.
    #[serde(default)]
    pub used: Option<(Timestamp, Network)>,
    /// Hexadecimal BLAKE3 of its letters.
    hash: String,
    // For SCRAM, with hyphens and without; none of a password that is older than that.
    #[serde(default)]
    scram: Vec<Keys>,
}

impl Device {
    /// What SCRAM knows its password by.
    pub(super) fn keys(&self) -> &[Keys] {
        &self.scram
    }
}

/// What SCRAM knows a main password by.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
struct MainKeys {
    // Hexadecimal BLAKE3 of the hash that the account had with it: a changed password leaves these
    // behind, whatever was written when the plug was pulled.
    of: String,
    keys: Vec<Keys>,
}

/// An account's.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Devices {
    // The main password opens the web only since the first device password, unless it was decided.
    web_only: bool,
    // An admin decided for this account.
    decided: Option<bool>,
    // What holds for accounts that nobody decided for.
    #[serde(skip)]
    office: bool,
    /// Oldest first.
    pub list: Vec<Device>,
    last: DeviceId,
    // Only while the main password opens mail programs.
    main: Option<MainKeys>,
}

impl Devices {
    /// An account's, as stored.
    ///
    /// # Errors
    /// The store failed.
    pub fn read(snapshot: &Snapshot, account: AccountId) -> Result<Self, StoreError> {
        let devices: Self = settings::read(snapshot, &key(account))?.unwrap_or_default();
        let office: Option<Passwords> = settings::read(snapshot, settings::PASSWORDS)?;
        Ok(Self {
            office: office.unwrap_or_default().web_only,
            ..devices
        })
    }

    /// Whether the main password opens the web only, and no mail program.
    #[must_use]
    pub fn web_only(&self) -> bool {
        self.decided.unwrap_or(self.web_only || self.office)
    }

    /// What an admin decided for this account; `None`: it is as the office says.
    #[must_use]
    pub const fn decided(&self) -> Option<bool> {
        self.decided
    }

    /// Whose password this is, if it is a device's.
    #[must_use]
    pub fn find(&self, password: &Secret) -> Option<&Device> {
        let hash = hash(password)?;
        let is_it = |device: &&Device| {
            blake3::Hash::from_hex(&device.hash).is_ok_and(|stored| stored == hash) // in constant time
        };
        self.list.iter().find(is_it)
    }

    /// What SCRAM knows the main password with this hash by, if it opens mail programs.
    pub(super) fn main_keys(&self, password_hash: &str) -> Option<&Keys> {
        let main = self.main.as_ref().filter(|main| main.of == mark(password_hash))?;
        main.keys.first().filter(|_| !self.web_only())
    }

    /// Whether a session that came in with this device's password, or with the main one, may stay.
    #[must_use]
    pub fn admit(&self, device: Option<DeviceId>) -> bool {
        match device {
            None => !self.web_only(),
            Some(id) => self.list.iter().any(|device| device.id == id),
        }
    }
}

/// Makes and revokes them. One change after the other.
#[derive(Clone)]
pub struct DevicePasswords {
    store: Store,
    clock: Clock,
    sessions: Sessions,
    ledger: Ledger,
    salts: Salts,
    turn: Arc<Mutex<()>>,
}

impl DevicePasswords {
    /// Over the store's.
    #[must_use]
    pub fn new(store: Store, clock: Clock, sessions: Sessions, ledger: Ledger) -> Self {
        Self {
            salts: Salts::new(store.clone()),
            store,
            clock,
            sessions,
            ledger,
            turn: Arc::default(),
        }
    }

    pub(super) const fn salts(&self) -> &Salts {
        &self.salts
    }

    /// Keeps what SCRAM needs of a password that was just proven or set, where it is missing and
    /// the password opens mail programs. What cannot be kept is not worth a refusal: PLAIN works.
    pub(super) async fn learn(&self, account: &Account, device: Option<&Device>, password: &Secret) {
        if let Err(error) = self.try_to_learn(account, device, password).await {
            warn!(account = %account.id, %error, "SCRAM will not know a password");
        }
    }

    /// The same for a main password that was just set.
    pub async fn learn_main(&self, account: AccountId, password: &Secret) {
        let found = self
            .store
            .snapshot()
            .and_then(|snapshot| snapshot.account(account));
        if let Ok(Some(account)) = found {
            self.learn(&account, None, password).await;
        }
    }

    async fn try_to_learn(
        &self,
        account: &Account,
        device: Option<&Device>,
        password: &Secret,
    ) -> Result<(), StoreError> {
        let known = match device {
            Some(device) => !device.scram.is_empty(),
            None => {
                let devices = self.of(account.id)?;
                devices.web_only() || devices.main_keys(&account.password_hash).is_some()
            }
        };
        let ways = match device {
            Some(_) => letters_of(password).map(|letters| ways(&letters)),
            None => std::str::from_utf8(password.expose())
                .ok()
                .map(|text| vec![Zeroizing::new(text.to_owned())]),
        };
        let Some(ways) = ways.filter(|_| !known) else {
            return Ok(());
        };
        let keys = self.salts.keys(&account.address, ways).await?;
        self.change(account.id, |devices| {
            match device {
                None if devices.web_only() => {}
                None => {
                    let of = mark(&account.password_hash);
                    devices.main = Some(MainKeys { of, keys });
                }
                Some(device) => {
                    let found = devices.list.iter_mut().find(|other| other.id == device.id);
                    found.ok_or(StoreError::NotFound)?.scram = keys;
                }
            }
            Ok(())
        })
        .await
    }

    /// An account's.
    ///
    /// # Errors
    /// The store failed.
    pub fn of(&self, account: AccountId) -> Result<Devices, StoreError> {
        Devices::read(&self.store.snapshot()?, account)
    }

    /// A new password for a device. From the first one on, the account's main password opens the
    /// web only.
    ///
    /// # Errors
    /// No name, too long a name, one that is taken, too many; the store or the random source failed.
    pub async fn add(&self, account: AccountId, name: &str) -> Result<(Device, Secret), StoreError> {
        let name = name.trim();
        if name.is_empty() || name.chars().count() > limits::DEVICE_NAME || name.chars().any(char::is_control)
        {
            return Err(StoreError::CannotChange(
                "Please give the device a name of one short line.",
            ));
        }
        let letters = letters().map_err(|error| StoreError::Internal(error.to_string()))?;
        let hash = blake3::derive_key(CONTEXT, letters.as_bytes());
        let owner = self
            .store
            .snapshot()?
            .account(account)?
            .ok_or(StoreError::NotFound)?;
        let scram = self.salts.keys(&owner.address, ways(&letters)).await?;
        let device = self
            .change(account, |devices| {
                if devices.list.len() >= limits::DEVICES {
                    return Err(StoreError::CannotChange(
                        "There are as many devices as an account may have. Revoke one first.",
                    ));
                }
                if devices.list.iter().any(|device| device.name == name) {
                    return Err(StoreError::CannotChange(
                        "There is a device of that name already.",
                    ));
                }
                devices.last = devices.last.saturating_add(1);
                let device = Device {
                    id: devices.last,
                    name: name.to_owned(),
                    created: self.clock.now(),
                    used: None,
                    hash: blake3::Hash::from_bytes(hash).to_hex().to_string(),
                    scram,
                };
                if devices.last == 1 {
                    devices.web_only = true;
                    devices.main = None;
                }
                devices.list.push(device.clone());
                Ok(device)
            })
            .await?;
        info!(%account, device = device.id, "device password made");
        self.record(account, &device.name, "made");
        if device.id == 1 {
            self.sessions.cut_device(account, None, &Refusal::DevicePassword);
        }
        Ok((device, grouped(&letters)))
    }

    /// Ends a device's password and the sessions that came in with it.
    ///
    /// # Errors
    /// `NotFound`: there is no such device.
    pub async fn revoke(&self, account: AccountId, id: DeviceId) -> Result<Device, StoreError> {
        let revoked = self
            .change(account, |devices| {
                let found = devices.list.iter().position(|device| device.id == id);
                Ok(devices.list.remove(found.ok_or(StoreError::NotFound)?))
            })
            .await?;
        info!(%account, device = id, "device password revoked");
        self.record(account, &revoked.name, "revoked");
        self.sessions
            .cut_device(account, Some(id), &Refusal::BadCredentials);
        Ok(revoked)
    }

    /// Whether the main password opens the web only, or mail programs too; `None`: as the office
    /// says.
    ///
    /// # Errors
    /// The store failed.
    pub async fn set_web_only(&self, account: AccountId, decided: Option<bool>) -> Result<(), StoreError> {
        let web_only = self
            .change(account, |devices| {
                devices.decided = decided;
                let web_only = devices.web_only();
                devices.main = devices.main.take().filter(|_| !web_only);
                Ok(web_only)
            })
            .await?;
        info!(%account, ?decided, web_only, "main password");
        let what = match decided {
            Some(true) => "web_only",
            Some(false) => "everywhere",
            None => "as_the_office",
        };
        self.record(account, "", what);
        if web_only {
            self.sessions.cut_device(account, None, &Refusal::DevicePassword);
        }
        Ok(())
    }

    /// What the main password of the accounts opens that nobody decided for: the web only, as in a
    /// new box, or mail programs too until the first device password.
    ///
    /// # Errors
    /// The store failed.
    pub async fn set_office(&self, web_only: bool) -> Result<(), StoreError> {
        settings::write(&self.store, settings::PASSWORDS, &Passwords { web_only }).await?;
        info!(web_only, "main passwords of the office");
        let snapshot = self.store.snapshot()?;
        for account in snapshot.accounts()? {
            if Devices::read(&snapshot, account.id)?.web_only() {
                self.sessions
                    .cut_device(account.id, None, &Refusal::DevicePassword);
            }
        }
        Ok(())
    }

    /// Whether the main password of the accounts that nobody decided for opens the web only.
    ///
    /// # Errors
    /// The store failed.
    pub fn office(&self) -> Result<bool, StoreError> {
        let set: Option<Passwords> = settings::read(&self.store.snapshot()?, settings::PASSWORDS)?;
        Ok(set.unwrap_or_default().web_only)
    }

    /// A device came in. What cannot be written is not worth a refusal.
    pub(super) async fn used(&self, account: AccountId, device: &Device, ip: IpAddr) {
        let now = self.clock.now();
        let recently = |at: Timestamp| (now.0 - SEEN_AGAIN..=now.0).contains(&at.0);
        let known = |device: &Device| device.used.as_ref().is_some_and(|(at, _)| recently(*at));
        if known(device) {
            return;
        }
        let written = self.change(account, |devices| {
            // Its other connections came at the same time.
            let found = devices.list.iter_mut().find(|other| other.id == device.id);
            let found = found.filter(|found| !known(found)).ok_or(StoreError::NotFound)?;
            found.used = Some((now, Network::around(ip)));
            Ok(())
        });
        match written.await {
            Ok(()) | Err(StoreError::NotFound) => {}
            Err(error) => warn!(%account, %error, "a device's last use was not written"),
        }
    }

    fn record(&self, account: AccountId, name: &str, what: &str) {
        self.ledger.record(EventKind::DevicePassword {
            account,
            name: name.to_owned(),
            what: what.to_owned(),
        });
    }

    async fn change<T>(
        &self,
        account: AccountId,
        change: impl FnOnce(&mut Devices) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let _turn = self.turn.lock().await;
        let mut devices = self.of(account)?;
        let done = change(&mut devices)?;
        settings::write(&self.store, &key(account), &devices).await?;
        Ok(done)
    }
}

impl std::fmt::Debug for DevicePasswords {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("DevicePasswords(..)")
    }
}

fn key(account: AccountId) -> String {
    format!("devices/{account}")
}

// Changes with every password that is set.
fn mark(password_hash: &str) -> String {
    blake3::hash(password_hash.as_bytes()).to_hex().to_string()
}

fn hash(password: &Secret) -> Option<blake3::Hash> {
    let letters = letters_of(password)?;
    Some(blake3::Hash::from_bytes(blake3::derive_key(
        CONTEXT,
        letters.as_bytes(),
    )))
}

// Of what was typed: groups, spaces and large letters are the typist's. `None`: no device's.
fn letters_of(password: &Secret) -> Option<Zeroizing<String>> {
    let text = std::str::from_utf8(password.expose()).ok()?;
    let mut letters = Zeroizing::new(String::with_capacity(LENGTH));
    for c in text.chars().filter(|c| *c != '-' && !c.is_whitespace()) {
        let c = c.to_ascii_lowercase();
        if letters.len() == LENGTH || !LETTERS.iter().any(|letter| char::from(*letter) == c) {
            return None;
        }
        letters.push(c);
    }
    (letters.len() == LENGTH).then_some(letters)
}

// SCRAM compares what was typed letter by letter: as it is shown, and without the hyphens.
fn ways(letters: &str) -> Vec<Zeroizing<String>> {
    let shown = String::from_utf8_lossy(grouped(letters).expose()).into_owned();
    vec![Zeroizing::new(shown), Zeroizing::new(letters.to_owned())]
}

fn letters() -> Result<Zeroizing<String>, getrandom::Error> {
    let mut random = Zeroizing::new([0; LENGTH]);
    getrandom::fill(random.as_mut())?;
    let letter = |octet: &u8| LETTERS.get(usize::from(octet & 31)).copied().unwrap_or(b'a');
    let mut letters = Zeroizing::new(String::with_capacity(LENGTH));
    letters.extend(random.iter().map(|octet| char::from(letter(octet))));
    Ok(letters)
}

fn grouped(letters: &str) -> Secret {
    let mut text = String::with_capacity(LENGTH + LENGTH / GROUP);
    for (place, letter) in letters.chars().enumerate() {
        let gap = if place > 0 && place % GROUP == 0 { "-" } else { "" };
        let _ = write!(text, "{gap}{letter}"); // a String takes everything
    }
    Secret::new(text.into_bytes())
}

#[cfg(test)]
mod tests;
