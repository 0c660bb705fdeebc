//! Block lists of addresses, and which way each of them answers.
//!
//! Many lists turn away whoever asks through a public resolver, some without a word: every address is
//! clean then. So each list is tried with what a working one names and what it never names (RFC 5782 5),
//! through the network's name servers first and, where that fails, at the list's own, as a recursive
//! resolver would ask it.

use crate::deliver::people::ascii;
use crate::dns::{Dns, Silence};
use crate::limits::judge as limits;
use hickory_resolver::proto::rr::{RData, RecordType};
use proto::types::Domain;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;
use tokio::time::Instant;

/// What every list of addresses names (RFC 5782 5).
const ALWAYS: IpAddr = IpAddr::V4(Ipv4Addr::new(127, 0, 0, 2));
/// What none names.
const NEVER: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// What a list says about an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listing {
    /// Nothing.
    Clean,
    /// It has an entry; the answer says which kind.
    Listed(IpAddr),
    /// It does not answer us, or not whoever asks for us.
    RefusesUs,
    /// It answers what no list answers: it is gone, or somebody answers in its place.
    Broken,
    /// No answer.
    Unknown,
}

/// The lists as they were found. Clones share it.
#[derive(Clone, Default)]
pub struct BlockLists(Arc<Mutex<HashMap<String, Found>>>);

#[derive(Clone)]
struct Found {
    since: Instant,
    way: Arc<OnceCell<Way>>,
}

// How a list is asked.
#[derive(Clone)]
enum Way {
    Open(Dns),
    Closed(Listing),
}

impl Found {
    fn is_fresh(&self) -> bool {
        let kept = match self.way.get() {
            Some(Way::Closed(_)) => limits::CLOSED_LIST,
            Some(Way::Open(_)) | None => limits::OPEN_LIST,
        };
        self.since.elapsed() < kept
    }
}

impl BlockLists {
    /// What the list `zone` says about an address.
    pub async fn listing(&self, dns: &Dns, zone: &Domain, ip: IpAddr) -> Listing {
        let listing = match self.way(dns, zone).await {
            Way::Open(dns) => ask(&dns, zone, ip).await,
            Way::Closed(why) => return why,
        };
        if listing == Listing::RefusesUs {
            self.forget(zone); // the network has changed: it is tried anew at the next message
        }
        listing
    }

    async fn way(&self, dns: &Dns, zone: &Domain) -> Way {
        let way = self.cell(zone);
        if let Some(way) = way.get() {
            return way.clone();
        }
        let (dns, zone) = (dns.clone(), zone.clone());
        // In a task of its own: whoever asks may give up waiting, and the next one finds the answer.
        let finding = tokio::spawn(async move { way.get_or_init(|| find(&dns, &zone)).await.clone() });
        finding.await.unwrap_or(Way::Closed(Listing::Unknown))
    }

    fn cell(&self, zone: &Domain) -> Arc<OnceCell<Way>> {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lists.retain(|_, found| found.is_fresh());
        if lists.len() >= 2 * limits::LISTS {
            lists.clear(); // an admin who tries many of them
        }
        let found = lists.entry(zone.as_str().to_owned()).or_insert_with(|| Found {
            since: Instant::now(),
            way: Arc::default(),
        });
        found.way.clone()
    }

    fn forget(&self, zone: &Domain) {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lists.remove(zone.as_str());
    }
}

async fn find(dns: &Dns, zone: &Domain) -> Way {
    let Err(why) = test(dns, zone).await else {
        return Way::Open(dns.clone());
    };
    if let Some(own) = dns.at_owner(ascii(zone).as_str()).await
        && test(&own, zone).await.is_ok()
    {
        tracing::info!(list = %zone, "the network's name servers are turned away: its own are asked");
        return Way::Open(own);
    }
    tracing::warn!(list = %zone, ?why, "the block list does not answer as one does");
    Way::Closed(why)
}

async fn test(dns: &Dns, zone: &Domain) -> Result<(), Listing> {
    let (always, never) = tokio::join!(ask(dns, zone, ALWAYS), ask(dns, zone, NEVER));
    match (always, never) {
        (Listing::Listed(_), Listing::Clean) => Ok(()),
        // Whoever is turned away without a word finds everybody clean.
        (Listing::Clean, _) | (_, Listing::Listed(_)) => Err(Listing::Broken),
        (Listing::Listed(_), why) | (why, _) => Err(why),
    }
}

async fn ask(dns: &Dns, zone: &Domain, ip: IpAddr) -> Listing {
    let answers = match dns.ask(&question(zone, ip), RecordType::A).await {
        Ok(answers) => answers,
        Err(Silence::Nothing { .. }) => return Listing::Clean,
        Err(_) => return Listing::Unknown,
    };
    meaning(answers.iter().filter_map(RData::ip_addr))
}

// RFC 5782 2.1: entries are in 127.0.0.0/8, and never 127.0.0.1. Lists that do not answer everybody
// say so with 127.255.255.x.
fn meaning(answers: impl Iterator<Item = IpAddr>) -> Listing {
    let mut found = Listing::Broken;
    for answer in answers {
        let IpAddr::V4(address) = answer else { continue };
        match address.octets() {
            [127, 255, 255, _] => return Listing::RefusesUs,
            [127, 0, 0, 1] => {}
            [127, ..] => found = Listing::Listed(answer),
            _ => return Listing::Broken,
        }
    }
    found
}

// RFC 5782 2.1 and 2.4: octets, or nibbles of IPv6, from the last to the first.
fn question(zone: &Domain, ip: IpAddr) -> String {
    let mut name = String::new();
    match ip {
        IpAddr::V4(v4) => {
            for octet in v4.octets().iter().rev() {
                name.push_str(&format!("{octet}."));
            }
        }
        IpAddr::V6(v6) => {
            for octet in v6.octets().iter().rev() {
                name.push_str(&format!("{:x}.{:x}.", octet & 15, octet >> 4));
            }
        }
    }
    name + ascii(zone).as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 5782 2.1, 2.4
    #[test]
    fn lists_are_asked_with_the_address_turned_around() {
        let zone = Domain::parse("bl.example").unwrap();
        for (ip, name) in [
            ("192.0.2.99", "99.2.0.192.bl.example"),
            (
                "2001:db8:1:2:3:4:567:89ab",
                "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2.bl.example",
            ),
        ] {
            assert_eq!(question(&zone, ip.parse().unwrap()), name);
        }
    }

    #[test]
    fn only_what_a_list_answers_is_an_entry() {
        let ip = |text: &str| text.parse::<IpAddr>().unwrap();
        for (answers, meant) in [
            (&["127.0.0.2"][..], Listing::Listed(ip("127.0.0.2"))),
            (&["127.0.0.10", "127.0.0.4"], Listing::Listed(ip("127.0.0.4"))),
            (&["127.255.255.254"], Listing::RefusesUs),
            (&["127.0.0.2", "127.255.255.255"], Listing::RefusesUs),
            (&["127.0.0.1"], Listing::Broken),
            (&["192.0.2.1"], Listing::Broken),
            (&["127.0.0.2", "192.0.2.1"], Listing::Broken),
            (&[], Listing::Broken),
        ] {
            assert_eq!(meaning(answers.iter().map(|text| ip(text))), meant, "{answers:?}");
        }
    }
}
