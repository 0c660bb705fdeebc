//! The names of those who call us, by their PTR records.

use super::{Dns, Silence};
use crate::limits::dns as limits;
use hickory_resolver::proto::rr::{Name, RData, RecordType};
use proto::types::Domain;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

/// The name of a client's address, by its PTR records.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReverseName {
    /// The name has that address.
    Confirmed(Domain),
    /// It names a host that does not have that address.
    Unconfirmed(String),
    /// It has none.
    Missing,
    /// The name servers did not answer.
    Unknown,
}

impl Dns {
    /// The name of a client's address. The answer, or that there was none, is remembered for ten
    /// minutes.
    pub async fn reverse_name(&self, client: IpAddr) -> ReverseName {
        if let Some(known) = self.names.get(client) {
            return known;
        }
        let asked = tokio::time::timeout(limits::NAME, self.ask_for_name(client)).await;
        let name = asked.unwrap_or(ReverseName::Unknown);
        self.names.put(client, name.clone());
        name
    }

    async fn ask_for_name(&self, client: IpAddr) -> ReverseName {
        let answers = match self
            .ask_checked(&Name::from(client).to_ascii(), RecordType::PTR)
            .await
        {
            Ok(answers) => answers,
            Err(Silence::Nothing { .. }) => return ReverseName::Missing,
            Err(_) => return ReverseName::Unknown,
        };
        let names = answers.iter().filter_map(|answer| match answer {
            RData::PTR(name) => Some(name.to_ascii()),
            _ => None,
        });
        let kind = match client {
            IpAddr::V4(_) => RecordType::A,
            IpAddr::V6(_) => RecordType::AAAA,
        };
        let mut found = ReverseName::Missing;
        for name in names.take(limits::NAMES_OF_ONE) {
            let answers = match self.ask_checked(&name, kind).await {
                Ok(answers) => answers,
                Err(Silence::Nothing { .. }) => Arc::default(),
                Err(_) => return ReverseName::Unknown,
            };
            let mut addresses = answers.iter().filter_map(RData::ip_addr).take(limits::ADDRESSES);
            let leads_back = addresses.any(|one| one == client);
            match Domain::parse(name.trim_end_matches('.')) {
                Ok(domain) if leads_back => return ReverseName::Confirmed(domain),
                _ => found = ReverseName::Unconfirmed(name),
            }
        }
        found
    }
}

// The names of clients that called lately.
#[derive(Default)]
pub(super) struct Names(Mutex<HashMap<IpAddr, (Instant, ReverseName)>>);

impl Names {
    fn get(&self, client: IpAddr) -> Option<ReverseName> {
        let names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (at, name) = names.get(&client)?;
        (at.elapsed() < limits::REMEMBERED).then(|| name.clone())
    }

    fn put(&self, client: IpAddr, name: ReverseName) {
        let mut names = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if names.len() >= limits::NAMES {
            names.retain(|_, (at, _)| at.elapsed() < limits::REMEMBERED);
        }
        if names.len() >= limits::NAMES {
            names.clear(); // more callers than anyone needs to remember
        }
        names.insert(client, (Instant::now(), name));
    }
}
