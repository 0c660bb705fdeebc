//! The office's accounts.

use crate::appliance::Fault;
use crate::sign_in::Pass;
use proto::types::{AccountId, Address, Secret, Timestamp};
use std::future::Future;

/// An account as the admin sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub id: AccountId,
    /// Its address.
    pub address: Address,
    /// Whether it may use the admin's pages and gets the mail for postmaster.
    pub admin: bool,
    /// What it may do.
    pub state: AccountState,
    /// When it was made.
    pub created: Timestamp,
}

/// What an account may do, in the words of the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountState {
    /// Everything.
    Active,
    /// Receive and read; sending is held back for a while.
    Limited,
    /// Receive only.
    Frozen {
        /// Since when.
        since: Timestamp,
        /// Why.
        reason: String,
    },
    /// Nothing.
    Disabled,
}

/// What the pages ask of this room. See [`crate::Appliance`] for what holds for every method.
pub trait AccountsRoom: Send + Sync {
    /// All accounts, by address.
    fn accounts(&self) -> impl Future<Output = Result<Vec<Account>, Fault>> + Send;

    /// Puts a test message into an account's inbox.
    fn send_test(&self, to: AccountId) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Makes an account.
    fn create_account(
        &self,
        address: Address,
        password: Secret,
        admin: bool,
    ) -> impl Future<Output = Result<AccountId, Fault>> + Send;

    /// Changes an account's password; its open sessions end. The pass for who did so, if it is the
    /// account's own.
    fn set_account_password(
        &self,
        id: AccountId,
        password: Secret,
    ) -> impl Future<Output = Result<Pass, Fault>> + Send;
}
