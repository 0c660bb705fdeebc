//! Domains, aliases and what may stand behind a name, as an admin changes them: by the page and by
//! the command line alike. What was typed is read here; what must never be wrong is proven by the store.

use crate::deliver::people::{self, ascii, spelt};
use crate::house::House;
use crate::settings::{self, Office, Plus};
use crate::setup;
use proto::types::{Address, Domain};
use std::sync::Arc;
use store::{Alias, DomainRules, EventKind, LocalDomain, StoreError};
use tracing::error;

/// What may separate a name from what follows it. No letter, digit or dot: names are full of them.
const SEPARATORS: [char; 3] = ['+', '-', '='];

/// Why a name was not changed.
#[derive(Debug, thiserror::Error)]
pub enum NameError {
    /// What was typed cannot be; for a person.
    #[error("{0}")]
    Words(String),
    /// The store's answer.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// All names of the box.
#[derive(Debug)]
pub struct Names {
    /// The office, whose domain is the main one.
    pub office: Office,
    /// The main domain first.
    pub domains: Vec<LocalDomain>,
    /// By address.
    pub aliases: Vec<Alias>,
    /// What may stand behind a name.
    pub plus: Plus,
}

/// What is to become of a domain's rules; `None` leaves it as it is.
#[derive(Debug, Default)]
pub struct DomainWish {
    /// Whether every name of the main domain is here too.
    pub same_names: Option<bool>,
    /// Which account gets what nobody else gets, as typed; empty for none.
    pub catch_all: Option<String>,
}

/// An alias as it is typed.
#[derive(Debug)]
pub struct AliasWish {
    /// Without a domain it is the main one's.
    pub address: String,
    /// Addresses with commas, blanks or line ends between, the same way.
    pub targets: String,
    /// Whether the accounts behind it may write as it.
    pub send_as: bool,
}

/// All of them.
///
/// # Errors
/// The box is not set up, or the store failed.
pub fn names(house: &House) -> Result<Names, NameError> {
    let snapshot = house.store.snapshot()?;
    let office = office(house)?;
    let rules = |domain: Domain| -> Result<LocalDomain, StoreError> {
        let rules = snapshot.domain_rules(&domain)?.unwrap_or_default();
        Ok(LocalDomain { domain, rules })
    };
    let domains = people::domains(&snapshot, &office)?;
    Ok(Names {
        domains: domains.into_iter().map(rules).collect::<Result<_, _>>()?,
        aliases: snapshot.aliases()?,
        plus: settings::read(&snapshot, settings::PLUS)?.unwrap_or_default(),
        office,
    })
}

/// Adds a domain; its keys are made beside everything else.
///
/// # Errors
/// See [`NameError`].
pub async fn add_domain(
    house: &Arc<House>,
    typed: &str,
    same_names: bool,
    by: &str,
) -> Result<(), NameError> {
    let domain = domain(typed)?;
    let office = office(house)?;
    let _turn = house.naming.lock().await;
    if people::is_ours(&house.store.snapshot()?, &office, &domain)? {
        return Err(words(format!("{domain} is a domain of this box already.")));
    }
    let rules = DomainRules {
        same_names,
        catch_all: None,
    };
    let local = LocalDomain { domain, rules };
    house
        .store
        .put_domain(local, house.clock.now(), by.to_owned())
        .await?;
    make_keys(house);
    Ok(())
}

/// Changes what is set for a domain.
///
/// # Errors
/// See [`NameError`].
pub async fn set_domain(house: &House, typed: &str, wish: &DomainWish, by: &str) -> Result<(), NameError> {
    let domain = domain(typed)?;
    let office = office(house)?;
    let _turn = house.naming.lock().await;
    let snapshot = house.store.snapshot()?;
    if !people::is_ours(&snapshot, &office, &domain)? {
        return Err(words(format!("{domain} is no domain of this box.")));
    }
    let mut rules = snapshot.domain_rules(&domain)?.unwrap_or_default();
    if let Some(same_names) = wish.same_names {
        rules.same_names = same_names;
    }
    match wish.catch_all.as_deref().map(str::trim) {
        None => {}
        Some("") => rules.catch_all = None,
        Some(typed) => {
            let address = address(typed, &office)?;
            let account = snapshot.account_by_address(&address)?;
            let account = account.ok_or_else(|| words(format!("There is no account {address}.")))?;
            rules.catch_all = Some(account.id);
        }
    }
    let local = LocalDomain { domain, rules };
    house
        .store
        .put_domain(local, house.clock.now(), by.to_owned())
        .await?;
    Ok(())
}

/// Takes a domain away, with its keys.
///
/// # Errors
/// See [`NameError`]: it holds accounts or aliases, or is the main one.
pub async fn remove_domain(house: &House, typed: &str, by: &str) -> Result<(), NameError> {
    let domain = domain(typed)?;
    let office = office(house)?;
    let _turn = house.naming.lock().await;
    let keys = settings::dkim_of(&office, &domain);
    let _keys = house.key_making.lock().await; // nobody writes them again
    house
        .store
        .remove_domain(domain, house.clock.now(), by.to_owned())
        .await?;
    house.store.remove_setting(&keys).await?;
    Ok(())
}

/// Makes an alias, or changes the one with this address.
///
/// # Errors
/// See [`NameError`].
pub async fn put_alias(house: &House, wish: &AliasWish, by: &str) -> Result<(), NameError> {
    let office = office(house)?;
    let own = address(&wish.address, &office)?;
    if people::token(&own).is_some() {
        return Err(words(format!(
            "{own} is kept for answers to the guard's notices."
        )));
    }
    let snapshot = house.store.snapshot()?;
    let typed = wish.targets.split([',', ';', ' ', '\t', '\r', '\n']);
    let mut targets = Vec::new();
    for typed in typed.filter(|typed| !typed.is_empty()) {
        let target = address(typed, &office)?;
        // The box forwards nothing: SPF of the sender's domain would speak against it.
        if !people::is_ours(&snapshot, &office, target.domain())? {
            return Err(words(format!(
                "{target} is outside of this box: an alias leads to accounts and aliases here."
            )));
        }
        let there = snapshot.account_by_address(&target)?.is_some() || snapshot.alias(&target)?.is_some();
        if !there {
            return Err(words(format!(
                "There is neither an account nor an alias {target}."
            )));
        }
        targets.push(target);
    }
    let created = house.clock.now();
    let alias = Alias {
        address: own,
        targets,
        send_as: wish.send_as,
        created,
    };
    match house.store.put_alias(alias, created, by.to_owned()).await {
        Err(StoreError::Exists) => Err(words("There is an account with this address.".to_owned())),
        put => Ok(put?),
    }
}

/// Removes an alias.
///
/// # Errors
/// See [`NameError`].
pub async fn remove_alias(house: &House, typed: &str, by: &str) -> Result<(), NameError> {
    let address = address(typed, &office(house)?)?;
    house
        .store
        .remove_alias(address, house.clock.now(), by.to_owned())
        .await?;
    Ok(())
}

/// Sets what may stand behind a name: one of `+`, `-`, `=`, or `off`.
///
/// # Errors
/// See [`NameError`].
pub async fn set_plus(house: &House, typed: &str) -> Result<(), NameError> {
    let mut signs = typed.trim().chars();
    let separator = match (signs.next(), signs.next()) {
        (Some(sign), None) if SEPARATORS.contains(&sign) => Some(sign),
        _ if typed.trim() == "off" => None,
        _ => return Err(words("A separator is +, - or =, or `off`.".to_owned())),
    };
    settings::write(&house.store, settings::PLUS, &Plus { separator }).await?;
    let key = settings::PLUS.to_owned();
    house.ledger.record(EventKind::SettingChanged { key });
    Ok(())
}

/// Makes the DKIM keys that are missing, beside everything else.
pub fn make_keys(house: &Arc<House>) {
    let house = Arc::clone(house);
    tokio::spawn(async move {
        if let Err(error) = setup::ensure_keys(&house).await {
            error!(error = format!("{error:#}"), "no DKIM keys");
        }
    });
}

fn office(house: &House) -> Result<Office, NameError> {
    let office = house.office()?;
    office.ok_or_else(|| words("Set the box up first.".to_owned()))
}

fn words(words: String) -> NameError {
    NameError::Words(words)
}

// A name with two labels at least (RFC 5321 2.3.5 wants a full name), in the form that DNS has.
fn domain(typed: &str) -> Result<Domain, NameError> {
    let typed = typed.trim().trim_start_matches('@');
    let domain = Domain::parse(typed).ok().map(|domain| ascii(&domain));
    let full = |domain: &Domain| {
        let name = domain.as_str();
        name.is_ascii() && name.contains('.') && !name.contains(['[', '_'])
    };
    domain
        .filter(full)
        .ok_or_else(|| words("That is no domain, such as example.com.".to_owned()))
}

fn address(typed: &str, office: &Office) -> Result<Address, NameError> {
    let typed = typed.trim();
    let parsed = if typed.contains('@') {
        Address::parse(typed)
    } else {
        Address::parse(&format!("{typed}@{}", office.domain))
    };
    let parsed = parsed.map_err(|error| words(format!("`{typed}`: {error}.")))?;
    Ok(spelt(&parsed))
}
