//! What the command line can have done about domains and aliases.

use super::carry_out::BY;
use crate::house::House;
use crate::names::{self, AliasWish, DomainWish};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::sync::Arc;

/// A wish about a domain. The answer is all domains.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "domain", rename_all = "kebab-case")]
pub enum DomainRequest {
    /// All of them.
    List,
    /// One more.
    Add {
        /// As typed.
        name: String,
        /// Whether every name of the main domain is here too.
        same_names: bool,
    },
    /// Other rules for one.
    Set {
        /// As typed.
        name: String,
        /// `None`: as it is.
        same_names: Option<bool>,
        /// Who gets mail for names that nobody has; empty: nobody; `None`: as it is.
        catch_all: Option<String>,
    },
    /// One less.
    Remove {
        /// As typed.
        name: String,
    },
}

/// A wish about an alias. The answer is all aliases.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "alias", rename_all = "kebab-case")]
pub enum AliasRequest {
    /// All of them.
    List,
    /// A new one, or another form of one.
    Put {
        /// As typed.
        address: String,
        /// As typed.
        targets: Vec<String>,
        /// Whether the accounts behind it may write as it.
        send_as: bool,
    },
    /// One less.
    Remove {
        /// As typed.
        address: String,
    },
    /// What may stand behind a name; `None`: it is asked for.
    Plus {
        /// The separator, or `off`.
        separator: Option<String>,
    },
}

pub(super) async fn domains(house: &Arc<House>, wish: &DomainRequest) -> Result<Value> {
    match wish {
        DomainRequest::List => {}
        DomainRequest::Add { name, same_names } => names::add_domain(house, name, *same_names, BY).await?,
        DomainRequest::Set {
            name,
            same_names,
            catch_all,
        } => {
            let wish = DomainWish {
                same_names: *same_names,
                catch_all: catch_all.clone(),
            };
            names::set_domain(house, name, &wish, BY).await?;
        }
        DomainRequest::Remove { name } => names::remove_domain(house, name, BY).await?,
    }
    let names = names::names(house)?;
    let snapshot = house.store.snapshot()?;
    let mut shown = Vec::new();
    for local in &names.domains {
        let catcher = local.rules.catch_all.map(|id| snapshot.account(id)).transpose()?;
        let keys = crate::settings::dkim_of(&names.office, &local.domain);
        shown.push(json!({
            "domain": local.domain,
            "main": local.domain == names.office.domain,
            "same_names": local.rules.same_names,
            "catch_all": catcher.flatten().map(|account| account.address),
            "keys": snapshot.setting(&keys)?.is_some(),
        }));
    }
    Ok(shown.into())
}

pub(super) async fn aliases(house: &House, wish: &AliasRequest) -> Result<Value> {
    match wish {
        AliasRequest::List => {}
        AliasRequest::Put {
            address,
            targets,
            send_as,
        } => {
            let wish = AliasWish {
                address: address.clone(),
                targets: targets.join(","),
                send_as: *send_as,
            };
            names::put_alias(house, &wish, BY).await?;
        }
        AliasRequest::Remove { address } => names::remove_alias(house, address, BY).await?,
        AliasRequest::Plus { separator } => {
            if let Some(separator) = separator {
                names::set_plus(house, separator).await?;
            }
            let separator = names::names(house)?.plus.separator;
            return Ok(json!({ "separator": separator.map_or_else(|| "off".to_owned(), String::from) }));
        }
    }
    let aliases = names::names(house)?.aliases;
    let shown = aliases.iter().map(|alias| {
        json!({
            "address": alias.address,
            "targets": alias.targets,
            "send_as": alias.send_as,
            "created": alias.created,
        })
    });
    Ok(shown.collect())
}
