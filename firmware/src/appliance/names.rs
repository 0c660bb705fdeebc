//! Domains and aliases as their page sees them.

use super::{Appliance, fault, records};
use crate::dkim::ring::Ring;
use crate::house::House;
use crate::names::{self, NameError};
use crate::settings;
use std::sync::Arc;
use store::StoreError;
use web_setup::{AliasRow, AliasWish, DomainRow, DomainWish, Fault, Names};

/// All of them; keys that are missing are begun to be made.
fn shown(house: &Arc<House>) -> Result<Names, Fault> {
    let names = names::names(house).map_err(refused)?;
    let snapshot = house.store.snapshot().map_err(fault)?;
    let row = |local: store::LocalDomain| -> Result<DomainRow, StoreError> {
        let keys = settings::dkim_of(&names.office, &local.domain);
        let ring: Option<Ring> = settings::read(&snapshot, &keys)?;
        let catcher = local.rules.catch_all.map(|id| snapshot.account(id)).transpose()?;
        Ok(DomainRow {
            main: local.domain == names.office.domain,
            same_names: local.rules.same_names,
            catch_all: catcher.flatten().map(|account| account.address),
            dkim: ring.map(|ring| records(&ring, &local.domain)),
            domain: local.domain,
        })
    };
    let domains = names.domains.into_iter().map(row);
    let domains = domains.collect::<Result<Vec<_>, _>>().map_err(fault)?;
    if domains.iter().any(|row| row.dkim.is_none()) {
        names::make_keys(house);
    }
    let alias = |alias: store::Alias| AliasRow {
        address: alias.address,
        targets: alias.targets,
        send_as: alias.send_as,
    };
    Ok(Names {
        domains,
        aliases: names.aliases.into_iter().map(alias).collect(),
        separator: names
            .plus
            .separator
            .map_or_else(|| "off".to_owned(), String::from),
    })
}

fn refused(error: NameError) -> Fault {
    match error {
        NameError::Words(words) => Fault::Refused(words),
        NameError::Store(error) => fault(error),
    }
}

impl web_setup::NamesRoom for Appliance {
    async fn names(&self) -> Result<Names, Fault> {
        shown(&self.inner.house)
    }

    async fn add_domain(&self, domain: String, same_names: bool) -> Result<(), Fault> {
        let added = names::add_domain(&self.inner.house, &domain, same_names, &self.by()?).await;
        added.map_err(refused)
    }

    async fn set_domain(&self, wish: DomainWish) -> Result<(), Fault> {
        let rules = names::DomainWish {
            same_names: Some(wish.same_names),
            catch_all: Some(wish.catch_all),
        };
        let set = names::set_domain(self.house(), &wish.domain, &rules, &self.by()?).await;
        set.map_err(refused)
    }

    async fn remove_domain(&self, domain: String) -> Result<(), Fault> {
        let removed = names::remove_domain(self.house(), &domain, &self.by()?).await;
        removed.map_err(refused)
    }

    async fn put_alias(&self, wish: AliasWish) -> Result<(), Fault> {
        let wish = names::AliasWish {
            address: wish.address,
            targets: wish.targets,
            send_as: wish.send_as,
        };
        let put = names::put_alias(self.house(), &wish, &self.by()?).await;
        put.map_err(refused)
    }

    async fn remove_alias(&self, address: String) -> Result<(), Fault> {
        let removed = names::remove_alias(self.house(), &address, &self.by()?).await;
        removed.map_err(refused)
    }

    async fn set_plus(&self, separator: String) -> Result<(), Fault> {
        names::set_plus(self.house(), &separator).await.map_err(refused)
    }
}
