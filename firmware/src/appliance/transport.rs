//! Transport security as its page sees it.

use super::{Appliance, fault};
use crate::blocking::blocking;
use crate::deliver::sts;
use crate::dns::{Dnssec, Signed};
use crate::house::House;
use crate::settings;
use store::{EventKind, StoreError};
use web_setup::{Fault, PolicyRow, Transport};

/// Checks signatures of names from now on, or not.
///
/// # Errors
/// The store failed; nothing has changed.
pub async fn set_dnssec(house: &House, wish: Dnssec) -> Result<(), StoreError> {
    settings::write(&house.store, settings::DNSSEC, &wish).await?;
    house.checking.set(wish);
    house.ledger.record(EventKind::SettingChanged {
        key: settings::DNSSEC.to_owned(),
    });
    Ok(())
}

impl web_setup::TransportRoom for Appliance {
    async fn transport(&self) -> Result<Transport, Fault> {
        let house = self.house();
        let kept = blocking(|| sts::kept(&house.store.snapshot()?, house.clock.now())).map_err(fault)?;
        let seen = house.checking.seen();
        Ok(Transport {
            checked: seen != Signed::Off,
            words: seen.words(),
            policies: kept
                .into_iter()
                .map(|kept| PolicyRow {
                    domain: kept.domain,
                    mode: kept.mode.as_str(),
                    hosts: kept.hosts,
                    until: kept.until,
                })
                .collect(),
        })
    }

    async fn check_signatures(&self, check: bool) -> Result<(), Fault> {
        set_dnssec(self.house(), Dnssec { check }).await.map_err(fault)
    }
}
