//! Key pairs take turns (see [`super::ring`]): every hour the box looks which domain's next pair is to
//! be made, and which one may sign because its records are seen in the DNS.
//!
//! Each step is one commit with its event and the letters about it.

use super::letter;
use super::published::{Published, published};
use super::ring::{KeyLife, Ring};
use super::{DkimError, Keys};
use crate::clock::DAY;
use crate::deliver::people;
use crate::guard::notice::{self, Words};
use crate::house::House;
use crate::limits::dkim::{LIFE_DAYS, REMIND_DAYS, TICK};
use crate::settings::{self, DKIM_LIFE, Office};
use proto::types::{Domain, Timestamp};
use std::sync::Arc;
use store::{EventKind, KeyStep, StoreError};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{error, info};

/// Who acts when nobody asked.
const BY_ITSELF: &str = "the calendar";

/// Why keys were not rotated.
#[derive(Debug, thiserror::Error)]
pub enum RotationError {
    /// What was asked for cannot be; for a person.
    #[error("{0}")]
    Words(String),
    /// The store's answer.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// No keys could be made.
    #[error(transparent)]
    Keys(#[from] DkimError),
}

/// What became of a wish to rotate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rotated {
    /// The next pair was made. Its turn comes when its records are seen.
    Made,
    /// This record of the next pair is not seen yet.
    Waits(String),
    /// The name servers do not answer.
    Unsure,
    /// The next pair signs.
    Done,
}

/// The keys of one domain.
#[derive(Debug, Clone)]
pub struct DomainKeys {
    /// Whose.
    pub domain: Domain,
    /// `None` while they are being made.
    pub ring: Option<Ring>,
}

/// Looks every hour, as long as the box runs.
pub async fn watch(house: Arc<House>) {
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        if let Err(error) = turn(&house).await {
            error!(%error, "the signing keys could not be looked after");
        }
    }
}

/// Looks after the keys of every domain once.
///
/// # Errors
/// The store failed, or no keys could be made; the next turn tries again.
pub async fn turn(house: &House) -> Result<(), RotationError> {
    let Some(office) = house.office()?.filter(|_| house.clock.is_known()) else {
        return Ok(());
    };
    let life = life(house)?;
    for domain in people::domains(&house.store.snapshot()?, &office)? {
        let _turn = house.key_making.lock().await;
        // Without keys, or removed meanwhile.
        if let Some(place) = Place::open(house, &office, domain)? {
            place.look_after(life).await?;
        }
    }
    Ok(())
}

/// Rotates the keys of a domain: makes the next pair where there is none, and has it sign as soon as
/// its records are seen, which may be now.
///
/// # Errors
/// See [`RotationError`].
pub async fn rotate(house: &House, domain: &Domain, by: &str) -> Result<Rotated, RotationError> {
    let words = |words: &str| RotationError::Words(words.to_owned());
    let office = house.office()?.ok_or_else(|| words("Set the box up first."))?;
    if !house.clock.is_known() {
        return Err(words("The box does not know the time yet."));
    }
    let _turn = house.key_making.lock().await;
    let place = Place::open(house, &office, people::ascii(domain))?;
    let mut place = place.ok_or_else(|| RotationError::Words(format!("There are no keys of {domain}.")))?;
    let Some(next) = &mut place.ring.next else {
        place.make(true, by).await?;
        return Ok(Rotated::Made);
    };
    if !next.soon {
        next.soon = true;
        place.keep().await?;
    }
    place.look(true, by).await
}

/// Sets how long a pair signs, in days; 0: until somebody rotates by hand.
///
/// # Errors
/// See [`RotationError`].
pub async fn set_life(house: &House, days: u32) -> Result<(), RotationError> {
    if days != 0 && !LIFE_DAYS.contains(&days) {
        let (least, most) = (LIFE_DAYS.start(), LIFE_DAYS.end());
        let words = format!("Keys sign for {least} to {most} days, or for 0: until you rotate them.");
        return Err(RotationError::Words(words));
    }
    settings::write(&house.store, DKIM_LIFE, &KeyLife { days }).await?;
    let key = DKIM_LIFE.to_owned();
    house.ledger.record(EventKind::SettingChanged { key });
    Ok(())
}

/// How long a pair signs.
///
/// # Errors
/// The store failed.
pub fn life(house: &House) -> Result<KeyLife, StoreError> {
    Ok(settings::read(&house.store.snapshot()?, DKIM_LIFE)?.unwrap_or_default())
}

/// The keys of every domain, the main one's first.
///
/// # Errors
/// The store failed.
pub fn all(house: &House) -> Result<Vec<DomainKeys>, StoreError> {
    let Some(office) = house.office()? else {
        return Ok(Vec::new());
    };
    let snapshot = house.store.snapshot()?;
    let keys = |domain: Domain| -> Result<DomainKeys, StoreError> {
        let ring = settings::read(&snapshot, &settings::dkim_of(&office, &domain))?;
        Ok(DomainKeys { domain, ring })
    };
    people::domains(&snapshot, &office)?
        .into_iter()
        .map(keys)
        .collect()
}

/// Domains whose next pair could sign but for its records, which are not seen.
///
/// # Errors
/// The store failed.
pub fn overdue(house: &House) -> Result<Vec<Domain>, StoreError> {
    let (life, now) = (life(house)?, house.clock.now());
    let mut all = all(house)?;
    all.retain(|keys| {
        let unseen = |ring: &Ring| ring.next.as_ref().is_some_and(|next| next.seen.is_none());
        let waits = |ring: &Ring| unseen(ring) && ring.due(life).is_some_and(|due| now >= due);
        keys.ring.as_ref().is_some_and(waits)
    });
    Ok(all.into_iter().map(|keys| keys.domain).collect())
}

// A domain's ring, to be changed by whoever holds `key_making`.
struct Place<'a> {
    house: &'a House,
    domain: Domain,
    key: String,
    ring: Ring,
    now: Timestamp,
}

impl<'a> Place<'a> {
    fn open(house: &'a House, office: &Office, domain: Domain) -> Result<Option<Self>, StoreError> {
        let snapshot = house.store.snapshot()?;
        if !people::is_ours(&snapshot, office, &domain)? {
            return Ok(None);
        }
        let key = settings::dkim_of(office, &domain);
        let ring: Option<Ring> = settings::read(&snapshot, &key)?;
        Ok(ring.map(|ring| Self {
            house,
            domain,
            key,
            ring,
            now: house.clock.now(),
        }))
    }

    async fn look_after(mut self, life: KeyLife) -> Result<(), RotationError> {
        if self.ring.since.is_none() {
            self.ring.since = Some(self.now);
            self.keep().await?;
        }
        if self.ring.wants_next(life, self.now) {
            return self.make(false, BY_ITSELF).await;
        }
        if self.ring.next.is_none() {
            return Ok(());
        }
        let is_turn = self.ring.is_turn(life, self.now);
        let outcome = self.look(is_turn, BY_ITSELF).await?;
        let told = self.ring.next.as_ref().map_or(self.now, |next| next.told);
        let late = self.now.0.saturating_sub(told.0) >= REMIND_DAYS * DAY;
        match outcome {
            Rotated::Waits(missing) if is_turn && late => self.remind(&missing).await,
            _ => Ok(()),
        }
    }

    async fn make(&mut self, soon: bool, by: &str) -> Result<(), RotationError> {
        let ring = self.ring.clone();
        let made = tokio::task::spawn_blocking(move || Keys::after(&ring)).await;
        let keys = made.map_err(|error| StoreError::Internal(error.to_string()))??;
        let due = self.ring.due(life(self.house)?).filter(|_| !soon);
        let words = letter::made(&self.domain, &keys, &self.ring.current, due);
        let selectors = keys.selectors();
        self.ring.put_next(keys, soon, self.now);
        Ok(self.commit(KeyStep::Made, selectors, by, &words).await?)
    }

    // Looks for the next pair's records, and gives it its turn if it may have it.
    async fn look(&mut self, is_turn: bool, by: &str) -> Result<Rotated, RotationError> {
        let Some(next) = &mut self.ring.next else {
            return Ok(Rotated::Unsure);
        };
        let seen = match published(&self.house.dns, &next.keys, &self.domain).await {
            Published::Unknown => return Ok(Rotated::Unsure),
            Published::Yes if is_turn => {
                self.begin(by).await?;
                return Ok(Rotated::Done);
            }
            Published::Yes => None,
            Published::No(missing) => Some(missing),
        };
        let since = seen.is_none().then(|| next.seen.unwrap_or(self.now));
        if next.seen != since {
            next.seen = since;
            self.keep().await?;
        }
        Ok(seen.map_or(Rotated::Made, Rotated::Waits))
    }

    async fn begin(&mut self, by: &str) -> Result<(), StoreError> {
        self.ring.rotate(self.now);
        let selectors = self.ring.current.selectors();
        let words = letter::begun(&self.domain, &self.ring);
        self.commit(KeyStep::Begun, selectors, by, &words).await
    }

    async fn remind(&mut self, missing: &str) -> Result<(), RotationError> {
        let Some(next) = &mut self.ring.next else {
            return Ok(());
        };
        next.told = self.now;
        let selectors = next.keys.selectors();
        let words = letter::waits(&self.domain, &next.keys, missing);
        Ok(self.commit(KeyStep::Waits, selectors, BY_ITSELF, &words).await?)
    }

    async fn keep(&self) -> Result<(), StoreError> {
        settings::write(&self.house.store, &self.key, &self.ring).await
    }

    // The ring, its event and the letters about it, in one commit.
    async fn commit(
        &self,
        step: KeyStep,
        selectors: String,
        by: &str,
        words: &Words,
    ) -> Result<(), StoreError> {
        let event = EventKind::SigningKeys {
            domain: self.domain.clone(),
            selectors,
            step,
            by: by.to_owned(),
        };
        let event = self.house.ledger.event(event);
        let value = serde_json::to_value(&self.ring)
            .map_err(|error| StoreError::Internal(format!("setting {}: {error}", self.key)))?;
        let letters = notice::letters(self.house, words, self.now)?;
        let store = &self.house.store;
        store
            .notify(letters, &self.key, value, vec![event.clone()])
            .await?;
        self.house.ledger.count(&event);
        info!(domain = %self.domain, ?step, "signing keys");
        Ok(())
    }
}
