//! Reading: one state of everything.

mod body;
mod filter;
mod ledger;
mod links;
mod mail;
mod names;
mod queue;

pub use body::BodyReader;
pub(crate) use names::main_domain;

use crate::rows::{AccountRow, from_json};
use crate::schema::{ACCOUNTS, ADDRESSES, SETTINGS};
use crate::{Account, AccountCounts, AccountState, StoreError};
use proto::types::{AccountId, Address};
use redb::{ReadTransaction, ReadableTable};
use serde::de::DeserializeOwned;

/// One state of the store. Every read blocks on cached pages or the card. Do not keep it while
/// waiting for a peer: the pages that it sees cannot be reused meanwhile, so the file grows.
///
/// Every method fails if the file does; other errors are named where there are some.
#[allow(missing_debug_implementations)]
pub struct Snapshot {
    pub(crate) transaction: ReadTransaction,
}

#[allow(clippy::missing_errors_doc)] // said above, once
impl Snapshot {
    /// An account.
    pub fn account(&self, id: AccountId) -> Result<Option<Account>, StoreError> {
        let row = self.transaction.open_table(ACCOUNTS)?.get(id.0)?;
        row.map(|row| Ok(from_json::<AccountRow>(row.value())?.show(id)))
            .transpose()
    }

    /// The account with this address, whatever the case.
    pub fn account_by_address(&self, address: &Address) -> Result<Option<Account>, StoreError> {
        match self
            .transaction
            .open_table(ADDRESSES)?
            .get(address.key().as_str())?
        {
            Some(id) => self.account(AccountId(id.value())),
            None => Ok(None),
        }
    }

    /// People's accounts, oldest first.
    pub fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        let mut accounts = self.people_and_printers()?;
        accounts.retain(|account| account.printer.is_none());
        Ok(accounts)
    }

    /// Printers and scanners, oldest first.
    pub fn printers(&self) -> Result<Vec<Account>, StoreError> {
        let mut accounts = self.people_and_printers()?;
        accounts.retain(|account| account.printer.is_some());
        Ok(accounts)
    }

    /// All of both, oldest first.
    pub fn people_and_printers(&self) -> Result<Vec<Account>, StoreError> {
        let table = self.transaction.open_table(ACCOUNTS)?;
        let accounts = table.iter()?.map(|entry| {
            let (id, row) = entry?;
            Ok(from_json::<AccountRow>(row.value())?.show(AccountId(id.value())))
        });
        accounts.collect()
    }

    /// How many accounts, printers included, are in which state.
    pub fn account_counts(&self) -> Result<AccountCounts, StoreError> {
        let mut counts = AccountCounts::default();
        for account in self.people_and_printers()? {
            match account.state {
                AccountState::Active => counts.active += 1,
                AccountState::Limited { .. } => counts.limited += 1,
                AccountState::Frozen { .. } => counts.frozen += 1,
                AccountState::Disabled => counts.disabled += 1,
            }
        }
        Ok(counts)
    }

    /// A setting.
    pub fn setting(&self, key: &str) -> Result<Option<serde_json::Value>, StoreError> {
        self.setting_as(key)
    }

    /// A setting as what it is; an error names the key of one that is something else.
    pub fn setting_as<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>, StoreError> {
        let stored = self.transaction.open_table(SETTINGS)?.get(key)?;
        let read = stored
            .map(|json| serde_json::from_slice(json.value()))
            .transpose();
        read.map_err(|error| StoreError::Internal(format!("setting {key}: {error}")))
    }

    /// Settings whose keys begin so, by key: at most `limit`. Keys come without what they begin with.
    pub fn settings_under(
        &self,
        prefix: &str,
        limit: usize,
    ) -> Result<Vec<(String, serde_json::Value)>, StoreError> {
        let table = self.transaction.open_table(SETTINGS)?;
        let mut found = Vec::new();
        for entry in table.range(prefix..)?.take(limit) {
            let (key, json) = entry?;
            let Some(rest) = key.value().strip_prefix(prefix) else {
                break;
            };
            found.push((rest.to_owned(), from_json(json.value())?));
        }
        Ok(found)
    }
}
