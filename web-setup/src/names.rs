//! Domains and aliases, as the pages see them.

use crate::appliance::DkimRecord;
use proto::types::{Address, Domain};

/// All names of the box.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    /// The main domain first.
    pub domains: Vec<DomainRow>,
    /// By address.
    pub aliases: Vec<AliasRow>,
    /// What may stand between a name and a word that does not count, or `off`.
    pub separator: String,
}

/// A domain whose mail is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainRow {
    /// As A-labels.
    pub domain: Domain,
    /// Whether it is the main one.
    pub main: bool,
    /// Whether every name of the main one is here too.
    pub same_names: bool,
    /// Who gets what nobody else gets.
    pub catch_all: Option<Address>,
    /// Its signing keys; `None` while they are being made.
    pub dkim: Option<Vec<DkimRecord>>,
}

/// An address that stands for others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasRow {
    /// The address.
    pub address: Address,
    /// Accounts and other aliases.
    pub targets: Vec<Address>,
    /// Whether the accounts behind it may write as it.
    pub send_as: bool,
}

/// An alias to be made or changed, as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AliasWish {
    /// Without a domain it is the main one's.
    pub address: String,
    /// With commas, blanks or line ends between.
    pub targets: String,
    /// Whether the accounts behind it may write as it.
    pub send_as: bool,
}

/// What is to be set for a domain, as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DomainWish {
    /// Which.
    pub domain: String,
    /// Whether every name of the main one is here too.
    pub same_names: bool,
    /// Who gets what nobody else gets; empty for nobody.
    pub catch_all: String,
}
