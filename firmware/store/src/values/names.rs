//! Domains whose addresses are here, and addresses that stand for others.

use proto::types::{AccountId, Address, Domain, Timestamp};
use serde::{Deserialize, Serialize};

/// A domain of the office. The main one stands in the setting [`crate::OFFICE`]; it has a row only
/// where something is set for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalDomain {
    /// As A-labels.
    pub domain: Domain,
    /// What is set for it.
    pub rules: DomainRules,
}

/// How mail for a domain is taken.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct DomainRules {
    /// Every name of the main domain is here too.
    pub same_names: bool,
    /// Who gets mail for names that nobody has; `None`: it is refused.
    pub catch_all: Option<AccountId>,
}

/// An address that stands for others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Alias {
    /// The address; taken as one whatever the case.
    pub address: Address,
    /// Accounts and other aliases, each once.
    pub targets: Vec<Address>,
    /// Whether the accounts behind it may write as it.
    #[serde(default)]
    pub send_as: bool,
    /// When it was made.
    pub created: Timestamp,
}
