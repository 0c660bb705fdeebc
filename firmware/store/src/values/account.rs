//! People and devices of the office.

use super::printer::Printer;
use proto::types::{AccountId, Address, Timestamp};
use serde::{Deserialize, Serialize};

/// What an account may do now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case")]
pub enum AccountState {
    /// Everything.
    Active,
    /// Reads and receives; sends again after `until`.
    Limited {
        /// When it may send again.
        until: Timestamp,
        /// What tripped, for a person.
        reason: String,
    },
    /// Receives only. Its queued mail is held.
    Frozen {
        /// Since when.
        since: Timestamp,
        /// Why, for a person.
        reason: String,
    },
    /// Switched off by the admin; its queued mail is held.
    Disabled,
}

impl AccountState {
    /// Until when the account may not send, if that is after `now`.
    #[must_use]
    pub fn limited_until(&self, now: Timestamp) -> Option<Timestamp> {
        match self {
            Self::Limited { until, .. } => Some(*until).filter(|until| *until > now),
            _ => None,
        }
    }

    /// Whether the account may do everything at `now`: a limit ends by itself.
    #[must_use]
    pub fn works(&self, now: Timestamp) -> bool {
        !self.holds_mail() && self.limited_until(now).is_none()
    }

    /// Whether mail that the account sent waits instead of leaving.
    #[must_use]
    pub const fn holds_mail(&self) -> bool {
        matches!(self, Self::Frozen { .. } | Self::Disabled)
    }
}

/// An account as stored.
#[derive(Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub struct Account {
    pub id: AccountId,
    pub address: Address,
    pub state: AccountState,
    pub admin: bool,
    /// PHC string; never shown, not even by Debug.
    pub password_hash: String,
    pub created: Timestamp,
    /// When it was last given back; what it sent before counts no more.
    pub unfrozen_at: Option<Timestamp>,
    /// An admin has seen that it is frozen.
    pub freeze_seen: bool,
    /// It is no person's: a printer or scanner, whose `address` is the one it may send from.
    pub printer: Option<Printer>,
}

impl std::fmt::Debug for Account {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Account")
            .field("id", &self.id)
            .field("address", &self.address)
            .field("state", &self.state)
            .field("admin", &self.admin)
            .finish_non_exhaustive()
    }
}

/// An account to be made.
#[derive(Clone)]
pub struct NewAccount {
    /// Its address; taken as one account's whatever the case.
    pub address: Address,
    /// PHC string.
    pub password_hash: String,
    /// Whether it may use the admin's pages.
    pub admin: bool,
    /// When it was made.
    pub created: Timestamp,
}

impl std::fmt::Debug for NewAccount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewAccount")
            .field("address", &self.address)
            .field("admin", &self.admin)
            .finish_non_exhaustive()
    }
}

/// How many accounts are in which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[allow(missing_docs)]
pub struct AccountCounts {
    pub active: u32,
    pub limited: u32,
    pub frozen: u32,
    pub disabled: u32,
}
