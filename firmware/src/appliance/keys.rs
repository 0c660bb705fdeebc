//! Signing keys for their page.

use super::shown::pair;
use super::{Appliance, fault};
use crate::blocking::blocking;
use crate::dkim::ring::{KeyLife, Retired, Ring};
use crate::dkim::rotation::{self, DomainKeys, RotationError};
use proto::types::Domain;
use tracing::error;
use web_setup::{Fault, KeyRow, Keys, NextPair, Rotated};

fn row(keys: DomainKeys, life: KeyLife) -> KeyRow {
    let DomainKeys { domain, ring } = keys;
    let due = ring.as_ref().and_then(|ring| ring.due(life));
    let next = |ring: &Ring| {
        ring.next.as_ref().map(|next| NextPair {
            selectors: next.keys.selectors(),
            soon: next.soon,
            seen: next.seen,
            records: pair(&next.keys, &domain, true),
        })
    };
    let retired = |old: &Retired| web_setup::Retired {
        selectors: old.selectors.join(" and "),
        removable: old.removable(),
    };
    let rings = || ring.iter();
    KeyRow {
        signs: rings().map(|ring| ring.current.selectors()).next(),
        since: rings().find_map(|ring| ring.since),
        due,
        next: rings().find_map(next),
        retired: rings().flat_map(|ring| &ring.retired).map(retired).collect(),
        domain,
    }
}

fn refused(error: RotationError) -> Fault {
    match error {
        RotationError::Words(words) => Fault::Refused(words),
        RotationError::Store(error) => fault(error),
        RotationError::Keys(error) => {
            error!(%error, "no signing keys");
            Fault::Internal
        }
    }
}

impl web_setup::KeysRoom for Appliance {
    async fn keys(&self) -> Result<Keys, Fault> {
        let (rows, life) =
            blocking(|| Ok((rotation::all(self.house())?, rotation::life(self.house())?))).map_err(fault)?;
        Ok(Keys {
            rows: rows.into_iter().map(|keys| row(keys, life)).collect(),
            days: life.days,
        })
    }

    async fn rotate_keys(&self, domain: String) -> Result<Rotated, Fault> {
        let domain = Domain::parse(&domain).map_err(|error| Fault::Refused(format!("{error}.")))?;
        let rotated = rotation::rotate(self.house(), &domain, &self.by()?)
            .await
            .map_err(refused)?;
        Ok(match rotated {
            rotation::Rotated::Made => Rotated::Made,
            rotation::Rotated::Waits(_) => Rotated::Waits,
            rotation::Rotated::Unsure => Rotated::Unsure,
            rotation::Rotated::Done => Rotated::Done,
        })
    }

    async fn set_key_life(&self, days: u32) -> Result<(), Fault> {
        rotation::set_life(self.house(), days).await.map_err(refused)
    }
}
