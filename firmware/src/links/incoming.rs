//! A message from the world for somebody who wants large attachments as links: a phone, a slow line.
//! The message itself stays whole, in the account's archive, so that nothing is lost when a link ends.

use super::parts::{Large, Linked};
use super::{Links, Rules};
use crate::spool::Spool;
use proto::types::{AccountId, Address, Timestamp};
use std::io;
use store::{Snapshot, StoreError};
use tracing::warn;

/// What stands below the links.
const NOTE: &str = "The message as it came, with its attachments, is in your Archive.";

/// A message that came in.
#[derive(Debug, Clone, Copy)]
pub struct Arrives<'a> {
    /// As it came.
    pub spool: &'a Spool,
    /// Our name of it.
    pub id: &'a str,
    /// Whose inboxes it goes to.
    pub accounts: &'a [AccountId],
    /// When.
    pub now: Timestamp,
}

impl Links {
    /// Takes the large parts out of a message for those who want that: who they are, and what each of
    /// them gets. Blocks.
    ///
    /// # Errors
    /// The spool cannot be read or written. Anything else that fails leaves the message as it is.
    pub fn link_arrival(&self, arrives: &Arrives<'_>) -> io::Result<Option<(Vec<AccountId>, Linked)>> {
        let read = || {
            let snapshot = self.store.snapshot()?;
            let rules = Rules::read(&snapshot)?;
            let to = who_wants(&snapshot, &rules, arrives.accounts)?;
            Ok::<_, StoreError>((snapshot, rules, to))
        };
        let (snapshot, rules, to) = match read() {
            Ok(read) => read,
            Err(error) => {
                warn!(%error, "who wants links cannot be read; attachments stay in the mail");
                return Ok(None);
            }
        };
        let Some(address) = rules.address.as_deref() else {
            return Ok(None);
        };
        let accounts = to.iter().map(|(account, _)| *account).collect();
        let large = Large {
            spool: arrives.spool,
            id: arrives.id,
            to,
            now: arrives.now,
            arrives: arrives.now,
            note: NOTE,
        };
        let linked = self.take_out(&snapshot, &rules, address, &large)?;
        Ok(linked.map(|linked| (accounts, linked)))
    }
}

fn who_wants(
    snapshot: &Snapshot,
    rules: &Rules,
    accounts: &[AccountId],
) -> Result<Vec<(AccountId, Address)>, StoreError> {
    let mut to = Vec::new();
    for account in accounts.iter().filter(|account| rules.takes_out_for(**account)) {
        if let Some(account) = snapshot.account(*account)? {
            to.push((account.id, account.address));
        }
    }
    Ok(to)
}
