//! Who is behind an address, and which addresses are whose.
//!
//! An address is looked up as it stands; then, where its domain has the same names as the main one,
//! there; then without what follows the separator (`ann+shop` is `ann`, RFC 5233 1). The first that is
//! an account or an alias decides. Names that nobody has: the roles go to the admins, the rest to the
//! account that catches all, where one is set for the domain.

use crate::settings::{self, Office, Plus};
use proto::types::{AccountId, Address, Domain};
use std::collections::BTreeSet;
use store::{Account, AccountState, Alias, DomainRules, Snapshot, StoreError};

/// Local parts that every domain has to answer at (RFC 5321 4.5.1, RFC 2142 4).
const ROLES: [&str; 2] = ["postmaster", "abuse"];

/// Where mail for an address goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Recipient {
    /// To these accounts; at least one.
    Here(Vec<AccountId>),
    /// The domain is ours, the name is nobody's.
    Unknown,
    /// To another domain.
    Elsewhere,
    /// To the guard: somebody answers one of its notices. Whether it is a good answer is not said here.
    Reply,
}

/// How the local part of a notice's Reply-To starts; its token follows.
pub const REPLY: &str = "release+";

/// Every domain whose addresses are here, the main one first.
///
/// # Errors
/// The store's file failed.
pub fn domains(snapshot: &Snapshot, office: &Office) -> Result<Vec<Domain>, StoreError> {
    let further = snapshot.domains()?.into_iter().map(|local| local.domain);
    let further = further.filter(|domain| *domain != office.domain);
    Ok(std::iter::once(office.domain.clone()).chain(further).collect())
}

/// Whether addresses of this domain are here.
///
/// # Errors
/// The store's file failed.
pub fn is_ours(snapshot: &Snapshot, office: &Office, domain: &Domain) -> Result<bool, StoreError> {
    let domain = ascii(domain);
    Ok(domain == office.domain || snapshot.domain_rules(&domain)?.is_some())
}

/// Finds out where mail for `address` goes.
///
/// # Errors
/// The store's file failed.
pub fn recipient(snapshot: &Snapshot, office: &Office, address: &Address) -> Result<Recipient, StoreError> {
    let address = spelt(address);
    let rules = snapshot.domain_rules(address.domain())?;
    let is_main = *address.domain() == office.domain;
    if !is_main && rules.is_none() {
        return Ok(Recipient::Elsewhere);
    }
    let rules = rules.unwrap_or_default();
    let is_reply = token(&address).is_some();
    if is_reply && is_main {
        return Ok(Recipient::Reply);
    }
    let name = Name::find(snapshot, office, &address, &rules)?;
    let here = match &name {
        Some(name) => working(name.accounts(snapshot)?),
        None => Vec::new(),
    };
    if !here.is_empty() {
        return Ok(Recipient::Here(here));
    }
    // Bounces and answers to what a printer sent: nobody else reads them.
    if is_role(&address) || (name.is_none() && is_printer(snapshot, &address)?) {
        let admins = admins(snapshot)?;
        return Ok(if admins.is_empty() {
            Recipient::Unknown
        } else {
            Recipient::Here(admins)
        });
    }
    // Whoever was switched off is not caught, and the guard's names are not guessed at.
    if name.is_some() || is_reply {
        return Ok(Recipient::Unknown);
    }
    let catcher = rules.catch_all.map(|id| snapshot.account(id)).transpose()?;
    let caught = working(catcher.flatten().into_iter().collect());
    Ok(if caught.is_empty() {
        Recipient::Unknown
    } else {
        Recipient::Here(caught)
    })
}

/// Whether the account may write as `address`: its own, with anything behind the separator; an alias
/// of its own that may be written as; the role addresses for admins.
///
/// # Errors
/// The store's file failed.
pub fn owns(
    snapshot: &Snapshot,
    office: &Office,
    account: &Account,
    address: &Address,
) -> Result<bool, StoreError> {
    let address = spelt(address);
    let rules = snapshot.domain_rules(address.domain())?;
    if *address.domain() != office.domain && rules.is_none() {
        return Ok(false);
    }
    let own = address.key() == spelt(&account.address).key();
    if own || (account.admin && is_role(&address)) {
        return Ok(true);
    }
    match Name::find(snapshot, office, &address, &rules.unwrap_or_default())? {
        Some(Name::Alias(alias)) if !alias.send_as => Ok(false),
        Some(name) => {
            let accounts = name.accounts(snapshot)?;
            Ok(accounts.iter().any(|behind| behind.id == account.id))
        }
        None => Ok(false),
    }
}

/// The token in a notice's reply address, good or not.
#[must_use]
pub fn token(address: &Address) -> Option<&str> {
    let (start, token) = address.local().split_at_checked(REPLY.len())?;
    start.eq_ignore_ascii_case(REPLY).then_some(token)
}

fn is_printer(snapshot: &Snapshot, address: &Address) -> Result<bool, StoreError> {
    let key = address.key();
    Ok(snapshot
        .printers()?
        .iter()
        .any(|printer| printer.address.key() == key))
}

/// One domain, however it is spelt (RFC 5890 2.3.2.4).
#[must_use]
pub fn ascii(domain: &Domain) -> Domain {
    if domain.as_str().is_ascii() {
        return domain.clone();
    }
    let ascii = idna::domain_to_ascii(domain.as_str()).ok();
    let ascii = ascii.and_then(|ascii| Domain::parse(&ascii).ok());
    ascii.unwrap_or_else(|| domain.clone())
}

/// The address with its domain as the store spells it.
#[must_use]
pub fn spelt(address: &Address) -> Address {
    let spelt = Address::from_parts(address.local(), ascii(address.domain()));
    spelt.unwrap_or_else(|_| address.clone())
}

// What an address is.
enum Name {
    Account(Account),
    Alias(Alias),
}

impl Name {
    fn find(
        snapshot: &Snapshot,
        office: &Office,
        address: &Address,
        rules: &DomainRules,
    ) -> Result<Option<Self>, StoreError> {
        let plus: Plus = settings::read(snapshot, settings::PLUS)?.unwrap_or_default();
        let whole = address.local();
        let base = plus.separator.and_then(|separator| whole.split_once(separator));
        let base = base.map(|(base, _)| base).filter(|base| !base.is_empty());
        let main = rules.same_names.then_some(&office.domain);
        for local in std::iter::once(whole).chain(base) {
            for domain in std::iter::once(address.domain()).chain(main) {
                let Ok(address) = Address::from_parts(local, domain.clone()) else {
                    continue;
                };
                if let Some(account) = snapshot.account_by_address(&address)? {
                    return Ok(Some(Self::Account(account)));
                }
                if let Some(alias) = snapshot.alias(&address)? {
                    return Ok(Some(Self::Alias(alias)));
                }
            }
        }
        Ok(None)
    }

    // The accounts behind it, each once. The store keeps aliases from leading back to themselves;
    // whatever it holds, each address is looked at once.
    fn accounts(&self, snapshot: &Snapshot) -> Result<Vec<Account>, StoreError> {
        let alias = match self {
            Self::Account(account) => return Ok(vec![account.clone()]),
            Self::Alias(alias) => alias,
        };
        let mut accounts = Vec::new();
        let mut seen = BTreeSet::from([alias.address.key()]);
        let mut to_see = alias.targets.clone();
        while let Some(target) = to_see.pop() {
            if !seen.insert(target.key()) {
                continue;
            }
            if let Some(account) = snapshot.account_by_address(&target)? {
                accounts.push(account);
            } else if let Some(alias) = snapshot.alias(&target)? {
                to_see.extend(alias.targets);
            }
        }
        Ok(accounts)
    }
}

// A frozen account receives as ever; a disabled one is nobody's any more.
fn working(accounts: Vec<Account>) -> Vec<AccountId> {
    let working = |account: &Account| account.state != AccountState::Disabled;
    let mut ids: Vec<_> = accounts
        .iter()
        .filter(|a| working(a))
        .map(|account| account.id)
        .collect();
    ids.sort_unstable();
    ids
}

// The admins, or who was here first.
fn admins(snapshot: &Snapshot) -> Result<Vec<AccountId>, StoreError> {
    let mut accounts = snapshot.accounts()?;
    accounts.retain(|account| account.state != AccountState::Disabled);
    let admins: Vec<_> = accounts.iter().filter(|account| account.admin).collect();
    if admins.is_empty() {
        return Ok(accounts.first().map(|account| account.id).into_iter().collect());
    }
    Ok(admins.iter().map(|account| account.id).collect())
}

fn is_role(address: &Address) -> bool {
    ROLES
        .iter()
        .any(|role| address.local().eq_ignore_ascii_case(role))
}

#[cfg(test)]
mod tests;
