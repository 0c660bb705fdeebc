//! Who is let in: penalties, lists, rules, and from where mail may claim a domain.

use crate::appliance::Fault;
use proto::types::Timestamp;
use std::collections::BTreeMap;
use std::future::Future;

/// Who is shut out, and by which rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Screening {
    /// Shut out for a while, the latest first.
    pub blocked: Vec<BlockedRow>,
    /// Both lists.
    pub entries: Vec<ListEntry>,
    /// What may be set.
    pub rules: Vec<Rule>,
}

/// Somebody who is shut out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub struct BlockedRow {
    /// An address, a network or an account.
    pub who: String,
    pub why: String,
    pub since: Timestamp,
    pub until: Timestamp,
}

/// A network that is always let in, or never.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub struct ListEntry {
    /// Always; `false`: never.
    pub allow: bool,
    pub network: String,
    /// `None` for ever.
    pub until: Option<Timestamp>,
    pub note: String,
}

/// An entry to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListWish {
    /// Always let in; `false`: never.
    pub allow: bool,
    /// As typed.
    pub network: String,
    /// For how many hours; `None` for ever.
    pub hours: Option<u32>,
    /// Why.
    pub note: String,
}

/// A number that may be set, or a switch where it is 0 or 1.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub struct Rule {
    pub name: &'static str,
    /// For a person.
    pub label: &'static str,
    pub value: u32,
    pub least: u32,
    pub most: u32,
}

/// From where mail may claim a domain without a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShieldRow {
    /// The domain.
    pub domain: String,
    /// Networks, or `lan`.
    pub networks: Vec<String>,
    /// Nobody set it: it is the office's own.
    pub default: bool,
}

/// What the pages ask of this room. See [`crate::Appliance`] for what holds for every method.
pub trait ScreenRoom: Send + Sync {
    /// Who is shut out, and by which rules.
    fn screening(&self) -> impl Future<Output = Result<Screening, Fault>> + Send;

    /// Lets somebody in again, by [`BlockedRow::who`].
    fn release(&self, who: String) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Puts a network on a list.
    fn put_on_list(&self, wish: ListWish) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Takes a network off a list.
    fn take_off_list(&self, allow: bool, network: String) -> impl Future<Output = Result<(), Fault>> + Send;

    /// From where mail may claim a domain without a login; the office's own first.
    fn shield(&self) -> impl Future<Output = Result<Vec<ShieldRow>, Fault>> + Send;

    /// Binds a domain to networks, both as typed.
    fn set_shield(&self, domain: String, networks: String) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Takes a domain out of the shield's table.
    fn remove_shield(&self, domain: String) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Sets the rules by their names; a switch that is not named is off.
    fn set_screening(
        &self,
        values: BTreeMap<String, String>,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Shows the pages to everybody, not only to the office's network.
    fn show_pages_everywhere(&self) -> impl Future<Output = Result<(), Fault>> + Send;
}
