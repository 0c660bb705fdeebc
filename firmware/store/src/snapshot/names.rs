//! Domains and aliases.

use super::Snapshot;
use crate::rows::from_json;
use crate::schema::{ALIASES, DOMAINS, SETTINGS};
use crate::{Alias, DomainRules, LocalDomain, OFFICE, StoreError};
use proto::types::{Address, Domain};
use redb::ReadableTable;
use serde::Deserialize;

/// What the store reads of the setting [`OFFICE`].
#[derive(Deserialize)]
struct Main {
    domain: Domain,
}

/// The main domain; `None` before the box is set up. The setting's text is JSON.
pub(crate) fn main_domain(
    settings: &impl ReadableTable<&'static str, &'static [u8]>,
) -> Result<Option<Domain>, StoreError> {
    let Some(office) = settings.get(OFFICE)? else {
        return Ok(None);
    };
    Ok(Some(from_json::<Main>(office.value())?.domain))
}

#[allow(clippy::missing_errors_doc)] // the file failed, or a row is damaged
impl Snapshot {
    /// What is set for a domain, as A-labels; `None`: nothing, or it is not one of ours.
    pub fn domain_rules(&self, domain: &Domain) -> Result<Option<DomainRules>, StoreError> {
        let row = self.transaction.open_table(DOMAINS)?.get(domain.as_str())?;
        row.map(|row| from_json(row.value())).transpose()
    }

    /// Whether addresses of this domain, as A-labels, may be given out. Before the box is set up
    /// nobody knows its domain, and any will do.
    pub(crate) fn is_local(&self, domain: &Domain) -> Result<bool, StoreError> {
        let main = main_domain(&self.transaction.open_table(SETTINGS)?)?;
        let further = || Ok::<_, StoreError>(self.domain_rules(domain)?.is_some());
        Ok(main.is_none_or(|main| main == *domain) || further()?)
    }

    /// Every domain that has a row: the further ones, and the main one where something is set for it.
    pub fn domains(&self) -> Result<Vec<LocalDomain>, StoreError> {
        let table = self.transaction.open_table(DOMAINS)?;
        let domains = table.iter()?.map(|entry| {
            let (domain, rules) = entry?;
            let domain = Domain::parse(domain.value());
            Ok(LocalDomain {
                domain: domain.map_err(|error| StoreError::Internal(format!("a domain: {error}")))?,
                rules: from_json(rules.value())?,
            })
        });
        domains.collect()
    }

    /// The alias with this address, whatever the case.
    pub fn alias(&self, address: &Address) -> Result<Option<Alias>, StoreError> {
        let row = self
            .transaction
            .open_table(ALIASES)?
            .get(address.key().as_str())?;
        row.map(|row| from_json(row.value())).transpose()
    }

    /// All aliases, by address.
    pub fn aliases(&self) -> Result<Vec<Alias>, StoreError> {
        let table = self.transaction.open_table(ALIASES)?;
        table.iter()?.map(|entry| from_json(entry?.1.value())).collect()
    }
}
