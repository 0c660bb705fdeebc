//! A submitted message: each recipient elsewhere gets one of his own with links of his own.

use super::parts::{Large, Linked};
use super::{Links, Rules};
use crate::spool::Spool;
use proto::types::{AccountId, Address, Timestamp};
use std::io;
use store::Snapshot;
use tracing::warn;

/// A message on its way out.
#[derive(Debug, Clone, Copy)]
pub struct Leaves<'a> {
    /// Who sends it.
    pub account: AccountId,
    /// As it came.
    pub spool: &'a Spool,
    /// Our name of it.
    pub id: &'a str,
    /// Its recipients elsewhere.
    pub to: &'a [Address],
    /// When.
    pub now: Timestamp,
    /// When it goes on its way: later, where its sender keeps it back (RFC 4865).
    pub leaves: Timestamp,
}

impl Links {
    /// Takes the large parts out of a message, if its sender's are to be linked and there is room.
    /// Blocks.
    ///
    /// # Errors
    /// The spool cannot be read or written. Anything else that fails leaves the message as it is.
    pub fn link(&self, snapshot: &Snapshot, leaves: &Leaves<'_>) -> io::Result<Option<Linked>> {
        let rules = match Rules::read(snapshot) {
            Ok(rules) => rules,
            Err(error) => {
                warn!(%error, "the rules of links cannot be read; attachments stay in the mail");
                return Ok(None);
            }
        };
        let Some(address) = rules.address_for(leaves.account) else {
            return Ok(None);
        };
        let to = leaves.to.iter().map(|to| (leaves.account, to.clone()));
        let large = Large {
            spool: leaves.spool,
            id: leaves.id,
            to: to.collect(),
            now: leaves.now,
            arrives: leaves.leaves,
            note: "",
        };
        self.take_out(snapshot, &rules, address, &large)
    }
}
