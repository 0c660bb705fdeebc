//! Where people of ours have logged in lately.

use super::sources::keep_newest;
use crate::guard::Network;
use proto::types::{AccountId, Timestamp};
use std::collections::HashMap;
use std::net::IpAddr;
use store::{Event, EventKind, Snapshot, StoreError};

/// How long a login is remembered, in seconds.
const MEMORY: i64 = 30 * 86_400;
/// Logins remembered of either kind.
const MOST: usize = 4096;
/// Logins looked through after a restart.
const LOOKED: usize = 5000;

/// Addresses, and which account was used in which network.
#[derive(Debug, Default)]
pub(super) struct Trust {
    addresses: HashMap<Network, Timestamp>,
    places: HashMap<(u64, Network), Timestamp>,
    greeted: HashMap<(AccountId, Network), Timestamp>,
}

impl Trust {
    /// The addresses of the latest logins in the ledger. Accounts have new fingerprints after a
    /// restart, so their places are learnt anew.
    pub(super) fn remembered(snapshot: &Snapshot, now: Timestamp) -> Result<Self, StoreError> {
        let mut trust = Self::default();
        let is_login = |event: &Event| matches!(event.kind, EventKind::LoginOk { .. });
        for (_, event) in snapshot.events(None, LOOKED, is_login)? {
            if let EventKind::LoginOk { ip, .. } = event.kind
                && event.at <= now
            {
                let at = trust.addresses.entry(Network::source(ip)).or_default();
                *at = event.at.max(*at);
            }
        }
        keep_newest(&mut trust.addresses, MOST, |at| *at);
        Ok(trust)
    }

    pub(super) fn learn(&mut self, account: u64, ip: IpAddr, now: Timestamp) {
        self.addresses.insert(Network::source(ip), now);
        if self.addresses.len() > MOST {
            keep_newest(&mut self.addresses, MOST - MOST / 8, |at| *at);
        }
        self.learn_place(account, ip, now);
    }

    pub(super) fn learn_place(&mut self, account: u64, ip: IpAddr, now: Timestamp) {
        self.places.insert((account, Network::around(ip)), now);
        if self.places.len() > MOST {
            keep_newest(&mut self.places, MOST - MOST / 8, |at| *at);
        }
    }

    /// Whether the account came from around there for the first time.
    pub(super) fn is_first(&mut self, account: AccountId, ip: IpAddr, now: Timestamp) -> bool {
        if self.greeted.len() >= MOST {
            keep_newest(&mut self.greeted, MOST - MOST / 8, |at| *at);
        }
        let key = (account, Network::around(ip));
        self.greeted.insert(key, now).is_none()
    }

    #[cfg(test)]
    pub(super) fn size(&self) -> usize {
        self.addresses.len() + self.places.len()
    }

    /// Whether anybody of ours logged in from there.
    pub(super) fn address(&self, ip: IpAddr, now: Timestamp) -> bool {
        self.addresses
            .get(&Network::source(ip))
            .is_some_and(|at| recent(*at, now))
    }

    /// Whether this account was used around there.
    pub(super) fn place(&self, account: u64, ip: IpAddr, now: Timestamp) -> bool {
        self.places
            .get(&(account, Network::around(ip)))
            .is_some_and(|at| recent(*at, now))
    }
}

fn recent(at: Timestamp, now: Timestamp) -> bool {
    now.0 < at.0 + MEMORY
}
