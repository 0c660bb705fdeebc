//! Accounts.

use super::{Counter, Write};
use crate::names::INBOX;
use crate::rows::{AccountRow, from_json, to_json};
use crate::{AccountState, Change, NewAccount, StoreError};
use proto::ask::SpecialUse;
use proto::types::AccountId;
use redb::ReadableTable;

/// Every account starts with these.
const MAILBOXES: [(&str, Option<SpecialUse>); 6] = [
    (INBOX, None),
    ("Drafts", Some(SpecialUse::Drafts)),
    ("Sent", Some(SpecialUse::Sent)),
    ("Junk", Some(SpecialUse::Junk)),
    ("Trash", Some(SpecialUse::Trash)),
    ("Archive", Some(SpecialUse::Archive)),
];

impl Write<'_> {
    /// See [`crate::Store::create_account`].
    pub(crate) fn create_account(&mut self, new: &NewAccount) -> Result<AccountId, StoreError> {
        let key = new.address.key();
        let taken = self.read().addresses.get(key.as_str())?.is_some();
        if taken || self.read().aliases.get(key.as_str())?.is_some() {
            return Err(StoreError::Exists);
        }
        self.demand_local(new.address.domain())?;
        let id = AccountId(self.next(Counter::Account)?);
        self.edit().addresses.insert(key.as_str(), id.0)?;
        let row = AccountRow {
            address: new.address.clone(),
            state: AccountState::Active,
            admin: new.admin,
            password_hash: new.password_hash.clone(),
            created: new.created,
            unfrozen_at: None,
            freeze_seen: false,
            printer: None,
        };
        self.put_account(id, &row)?;
        for (name, special) in MAILBOXES {
            self.make_mailbox(id, name, special)?;
        }
        Ok(id)
    }

    /// See [`crate::Store::set_account_state`].
    pub(crate) fn set_account_state(
        &mut self,
        id: AccountId,
        state: &AccountState,
    ) -> Result<(), StoreError> {
        let mut row = self.account(id)?;
        row.state = state.clone();
        self.put_account(id, &row)?;
        self.hold_queue_of(id, state.holds_mail())
    }

    /// See [`crate::Store::set_password`].
    pub(crate) fn set_password(&mut self, id: AccountId, hash: &str) -> Result<(), StoreError> {
        let mut row = self.account(id)?;
        hash.clone_into(&mut row.password_hash);
        self.put_account(id, &row)
    }

    /// The account's row, or `NotFound`.
    pub(super) fn account(&self, id: AccountId) -> Result<AccountRow, StoreError> {
        let row = self.read().accounts.get(id.0)?.ok_or(StoreError::NotFound)?;
        from_json(row.value())
    }

    pub(super) fn put_account(&mut self, id: AccountId, row: &AccountRow) -> Result<(), StoreError> {
        self.edit().accounts.insert(id.0, to_json(row)?.as_slice())?;
        self.tell(Change::Account(id));
        Ok(())
    }
}
