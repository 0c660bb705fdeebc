//! Who is behind an address, and which addresses are whose.

use crate::settings::Office;
use proto::types::{AccountId, Address};
use store::{Account, AccountState, Snapshot, StoreError};

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

/// Finds out where mail for `address` goes.
///
/// # Errors
/// The store's file failed.
pub fn recipient(snapshot: &Snapshot, office: &Office, address: &Address) -> Result<Recipient, StoreError> {
    if *address.domain() != office.domain {
        return Ok(Recipient::Elsewhere);
    }
    // A frozen account receives as ever; a disabled one is nobody's any more.
    let account = snapshot.account_by_address(address)?;
    if let Some(account) = account.filter(|account| account.state != AccountState::Disabled) {
        return Ok(Recipient::Here(vec![account.id]));
    }
    if token(address).is_some() {
        return Ok(Recipient::Reply);
    }
    // Bounces and answers to what a printer sent: nobody else reads them.
    if !is_role(address) && !is_printer(snapshot, address)? {
        return Ok(Recipient::Unknown);
    }
    let mut admins = Vec::new();
    let mut first = None;
    for account in snapshot.accounts()? {
        if account.state == AccountState::Disabled {
            continue;
        }
        first.get_or_insert(account.id);
        if account.admin {
            admins.push(account.id);
        }
    }
    if admins.is_empty() {
        admins.extend(first);
    }
    if admins.is_empty() {
        return Ok(Recipient::Unknown);
    }
    Ok(Recipient::Here(admins))
}

/// Whether the account may write as `address`: its own, and the role addresses for admins.
#[must_use]
pub fn owns(account: &Account, office: &Office, address: &Address) -> bool {
    let own = address.key() == account.address.key();
    own || (account.admin && *address.domain() == office.domain && is_role(address))
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

fn is_role(address: &Address) -> bool {
    ROLES
        .iter()
        .any(|role| address.local().eq_ignore_ascii_case(role))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proto::types::{Domain, Timestamp};

    #[test]
    fn an_account_writes_as_itself_and_an_admin_for_the_roles() {
        let office = Office {
            domain: Domain::parse("example.com").unwrap(),
            hostname: Domain::parse("mail.example.com").unwrap(),
        };
        let account = |admin| Account {
            id: AccountId(1),
            address: Address::parse("Ann@example.com").unwrap(),
            state: AccountState::Active,
            admin,
            password_hash: String::new(),
            created: Timestamp(0),
            unfrozen_at: None,
            freeze_seen: false,
            printer: None,
        };
        for (address, user, admin) in [
            ("ann@example.com", true, true),
            ("ANN@EXAMPLE.COM", true, true),
            ("bob@example.com", false, false),
            ("ann@example.net", false, false),
            ("Postmaster@example.com", false, true),
            ("abuse@example.com", false, true),
            ("abuse@example.net", false, false),
        ] {
            let address = Address::parse(address).unwrap();
            assert_eq!(owns(&account(false), &office, &address), user, "{address}");
            assert_eq!(owns(&account(true), &office, &address), admin, "{address}");
        }
    }
}
