//! Domains and aliases.

use super::Write;
use crate::rows::{AccountRow, from_json, to_json};
use crate::snapshot::main_domain;
use crate::{Alias, Change, EventKind, LocalDomain, NameChange, StoreError};
use proto::types::{Address, Domain, Timestamp};
use redb::{ReadableTable, ReadableTableMetadata};

/// Most domains.
const DOMAINS: u64 = 100;
/// Longest domain in octets: its name is also the key of settings.
const DOMAIN: usize = 90;
/// Most aliases.
const ALIASES: u64 = 2_000;
/// Most targets of one.
const TARGETS: usize = 200;

impl Write<'_> {
    /// See [`crate::Store::put_domain`].
    pub(crate) fn put_domain(
        &mut self,
        domain: &LocalDomain,
        at: Timestamp,
        by: &str,
    ) -> Result<(), StoreError> {
        let LocalDomain { domain, rules } = domain;
        if domain.as_str().len() > DOMAIN || domain.as_str().starts_with('[') {
            return Err(StoreError::CannotChange(
                "That is no domain for mail, or too long.",
            ));
        }
        let is_main = main_domain(&self.read().settings)?.as_ref() == Some(domain);
        if is_main && rules.same_names {
            return Err(StoreError::CannotChange(
                "The main domain has its own names: others can have the same, not it.",
            ));
        }
        if let Some(account) = rules.catch_all {
            let there = self.read().accounts.get(account.0)?.is_some();
            if !there {
                return Err(StoreError::CannotChange("There is no such account."));
            }
        }
        let known = self.read().domains.get(domain.as_str())?.is_some();
        if !known && self.read().domains.len()? >= DOMAINS {
            return Err(StoreError::CannotChange(
                "There are as many domains as a box may have.",
            ));
        }
        let row = to_json(rules)?;
        self.edit().domains.insert(domain.as_str(), row.as_slice())?;
        let done = if known || is_main {
            NameChange::Changed
        } else {
            NameChange::Added
        };
        self.named(domain.to_string(), done, at, by)
    }

    /// See [`crate::Store::remove_domain`].
    pub(crate) fn remove_domain(
        &mut self,
        domain: &Domain,
        at: Timestamp,
        by: &str,
    ) -> Result<(), StoreError> {
        if main_domain(&self.read().settings)?.as_ref() == Some(domain) {
            return Err(StoreError::CannotChange("The main domain stays."));
        }
        if self.read().domains.get(domain.as_str())?.is_none() {
            return Err(StoreError::NotFound);
        }
        let suffix = format!("@{domain}");
        for entry in self.read().accounts.iter()? {
            let account: AccountRow = from_json(entry?.1.value())?;
            if account.address.domain() == domain {
                return Err(StoreError::CannotChange(
                    "There are accounts or printers in this domain; it has to stay as long as they do.",
                ));
            }
        }
        for entry in self.read().aliases.iter()? {
            if entry?.0.value().ends_with(&suffix) {
                return Err(StoreError::CannotChange(
                    "There are aliases in this domain. Remove them first.",
                ));
            }
        }
        self.edit().domains.remove(domain.as_str())?;
        self.named(domain.to_string(), NameChange::Removed, at, by)
    }

    /// See [`crate::Store::put_alias`].
    pub(crate) fn put_alias(&mut self, alias: &Alias, at: Timestamp, by: &str) -> Result<(), StoreError> {
        let key = alias.address.key();
        if self.read().addresses.get(key.as_str())?.is_some() {
            return Err(StoreError::Exists);
        }
        self.demand_local(alias.address.domain())?;
        let mut alias = alias.clone();
        alias.targets.sort_by_key(Address::key);
        alias.targets.dedup_by_key(|target| target.key());
        if alias.targets.is_empty() || alias.targets.len() > TARGETS {
            return Err(StoreError::CannotChange(
                "An alias leads to one address at least and to 200 at most.",
            ));
        }
        for target in &alias.targets {
            let key = target.key();
            let account = self.read().addresses.get(key.as_str())?.is_some();
            if !account && self.read().aliases.get(key.as_str())?.is_none() {
                return Err(StoreError::CannotChange(
                    "An alias leads to accounts and other aliases of this box, and one of these is neither.",
                ));
            }
        }
        let all = self.all_aliases()?;
        if leads_to(&all, &alias, &alias.address) {
            return Err(StoreError::CannotChange("The alias would lead back to itself."));
        }
        let known = self.read().aliases.get(key.as_str())?.is_some();
        if !known && self.read().aliases.len()? >= ALIASES {
            return Err(StoreError::CannotChange(
                "There are as many aliases as a box may have.",
            ));
        }
        self.edit()
            .aliases
            .insert(key.as_str(), to_json(&alias)?.as_slice())?;
        let done = if known {
            NameChange::Changed
        } else {
            NameChange::Added
        };
        self.named(alias.address.to_string(), done, at, by)
    }

    /// See [`crate::Store::remove_alias`].
    pub(crate) fn remove_alias(
        &mut self,
        address: &Address,
        at: Timestamp,
        by: &str,
    ) -> Result<(), StoreError> {
        let key = address.key();
        if self.read().aliases.get(key.as_str())?.is_none() {
            return Err(StoreError::NotFound);
        }
        let all = self.all_aliases()?;
        let leads_here = |alias: &Alias| alias.targets.iter().any(|target| target.key() == key);
        if all.iter().any(leads_here) {
            return Err(StoreError::CannotChange(
                "Another alias leads to this one. Change that one first.",
            ));
        }
        self.edit().aliases.remove(key.as_str())?;
        self.named(address.to_string(), NameChange::Removed, at, by)
    }

    /// Before the box is set up nobody knows its domain, and any will do.
    pub(super) fn demand_local(&self, domain: &Domain) -> Result<(), StoreError> {
        let main = main_domain(&self.read().settings)?;
        if main.is_none_or(|main| main == *domain) || self.read().domains.get(domain.as_str())?.is_some() {
            return Ok(());
        }
        Err(StoreError::CannotChange(
            "The address is in no domain of this box.",
        ))
    }

    fn all_aliases(&self) -> Result<Vec<Alias>, StoreError> {
        let aliases = self.read().aliases.iter()?;
        aliases.map(|entry| from_json(entry?.1.value())).collect()
    }

    fn named(&mut self, name: String, done: NameChange, at: Timestamp, by: &str) -> Result<(), StoreError> {
        self.tell(Change::Settings);
        let by = by.to_owned();
        self.say(at, EventKind::NameChanged { name, done, by })
    }
}

/// Whether an alias leads, over others, to `address`. Each is looked at once.
pub(crate) fn leads_to(all: &[Alias], alias: &Alias, address: &Address) -> bool {
    let goal = address.key();
    let mut to_see: Vec<String> = alias.targets.iter().map(Address::key).collect();
    let mut seen = std::collections::BTreeSet::new();
    while let Some(key) = to_see.pop() {
        if key == goal {
            return true;
        }
        if seen.insert(key.clone())
            && let Some(next) = all.iter().find(|alias| alias.address.key() == key)
        {
            to_see.extend(next.targets.iter().map(Address::key));
        }
    }
    false
}
