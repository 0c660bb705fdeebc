//! Domains and aliases, as the pages see them.

use crate::appliance::{DkimRecord, Fault};
use proto::types::{Address, Domain};
use std::future::Future;

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

/// What the pages ask of this room. See [`crate::Appliance`] for what holds for every method.
pub trait NamesRoom: Send + Sync {
    /// Domains and aliases. Asking starts the making of keys that are missing, in the background.
    fn names(&self) -> impl Future<Output = Result<Names, Fault>> + Send;

    /// Takes mail for one more domain.
    fn add_domain(&self, domain: String, same_names: bool) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Sets a domain's rules.
    fn set_domain(&self, wish: DomainWish) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Takes no more mail for a domain; refused while it has accounts or aliases.
    fn remove_domain(&self, domain: String) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Makes an alias, or changes the one with its address.
    fn put_alias(&self, wish: AliasWish) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Removes an alias.
    fn remove_alias(&self, address: String) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Sets what may stand behind a name, as typed: a sign, or `off`.
    fn set_plus(&self, separator: String) -> impl Future<Output = Result<(), Fault>> + Send;
}
