//! Block lists of addresses and of domains, and which way each of them answers.
//!
//! Many lists turn away whoever asks through a public resolver, some without a word: everybody is
//! clean then. So each list is tried with what a working one names and what it never names (RFC 5782 5),
//! through the network's name servers first and, where that fails, at the list's own, as a recursive
//! resolver would ask it. The network's answers about a list in a signed zone have to be proven (DNSSEC);
//! whether it is in one is found out once, not at every entry.

use crate::deliver::people::ascii;
use crate::dns::{Dns, Silence};
use crate::limits::judge as limits;
use hickory_resolver::proto::rr::{RData, RecordType};
use proto::types::Domain;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::OnceCell;
use tokio::time::Instant;

/// Longest name that can be asked for, in characters without the final dot (RFC 1035 2.3.4).
const NAME: usize = 253;

/// Whom or what a list is asked about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// The caller's address.
    Address(IpAddr),
    /// The domain in From.
    Author(Domain),
    /// The domain of MAIL FROM.
    Sender(Domain),
    /// The name in HELO.
    Helo(Domain),
}

impl Subject {
    /// What kind of list knows of it.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        match self {
            Self::Address(_) => Kind::Addresses,
            Self::Author(_) | Self::Sender(_) | Self::Helo(_) => Kind::Domains,
        }
    }

    /// The domain.
    #[must_use]
    pub const fn domain(&self) -> Option<&Domain> {
        match self {
            Self::Address(_) => None,
            Self::Author(domain) | Self::Sender(domain) | Self::Helo(domain) => Some(domain),
        }
    }

    // What stands before the list's name in the question.
    fn label(&self) -> String {
        match self {
            Self::Address(ip) => turned(*ip),
            Self::Author(domain) | Self::Sender(domain) | Self::Helo(domain) => {
                ascii(domain).as_str().to_owned()
            }
        }
    }
}

/// What a list names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[allow(missing_docs)] // the names say it
pub enum Kind {
    Addresses,
    Domains,
}

impl Kind {
    // What every such list names, and what none names, as it is asked for (RFC 5782 5).
    const fn tests(self) -> (&'static str, &'static str) {
        match self {
            Self::Addresses => ("2.0.0.127", "1.0.0.127"),
            Self::Domains => ("test", "invalid"),
        }
    }
}

/// What a list says about somebody.
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
pub struct BlockLists(Arc<Mutex<HashMap<Key, Found>>>);

// A list may know of both, and work for one of them.
type Key = (Kind, String);

#[derive(Clone)]
struct Found {
    since: Instant,
    way: Arc<OnceCell<Way>>,
}

// How a list is asked.
#[derive(Clone)]
enum Way {
    Open(Door),
    Closed(Listing),
}

// Who is asked, and whether signatures have to prove what he says.
#[derive(Clone)]
struct Door {
    dns: Dns,
    signed: bool,
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
    /// What the list `zone` says about the caller's address, or about a domain.
    pub async fn listing(&self, dns: &Dns, zone: &Domain, subject: &Subject) -> Listing {
        let listing = match self.way(dns, zone, subject.kind()).await {
            Way::Open(door) => ask(&door, zone, &subject.label()).await,
            Way::Closed(why) => return why,
        };
        if listing == Listing::RefusesUs {
            self.forget(zone, subject.kind()); // the network has changed: it is tried anew at the next message
        }
        listing
    }

    async fn way(&self, dns: &Dns, zone: &Domain, kind: Kind) -> Way {
        let way = self.cell(zone, kind);
        if let Some(way) = way.get() {
            return way.clone();
        }
        let (dns, zone) = (dns.clone(), zone.clone());
        // In a task of its own: whoever asks may give up waiting, and the next one finds the answer.
        let finding = tokio::spawn(async move { way.get_or_init(|| find(&dns, &zone, kind)).await.clone() });
        finding.await.unwrap_or(Way::Closed(Listing::Unknown))
    }

    fn cell(&self, zone: &Domain, kind: Kind) -> Arc<OnceCell<Way>> {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lists.retain(|_, found| found.is_fresh());
        if lists.len() >= 4 * limits::LISTS {
            lists.clear(); // an admin who tries many of them
        }
        let found = lists
            .entry((kind, zone.as_str().to_owned()))
            .or_insert_with(|| Found {
                since: Instant::now(),
                way: Arc::default(),
            });
        found.way.clone()
    }

    fn forget(&self, zone: &Domain, kind: Kind) {
        let mut lists = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        lists.remove(&(kind, zone.as_str().to_owned()));
    }
}

async fn find(dns: &Dns, zone: &Domain, kind: Kind) -> Way {
    let why = match test(dns, zone, kind).await {
        Ok(door) => return Way::Open(door),
        Err(why) => why,
    };
    if let Some(own) = dns.at_owner(ascii(zone).as_str()).await
        && let Ok(door) = test(&own, zone, kind).await
    {
        tracing::info!(list = %zone, "the network's name servers are turned away: its own are asked");
        return Way::Open(door);
    }
    tracing::warn!(list = %zone, ?why, "the block list does not answer as one does");
    Way::Closed(why)
}

async fn test(dns: &Dns, zone: &Domain, kind: Kind) -> Result<Door, Listing> {
    let Ok(signed) = dns.is_signed(ascii(zone).as_str()).await else {
        return Err(Listing::Unknown);
    };
    let dns = dns.clone();
    let door = Door { dns, signed };
    let (always, never) = kind.tests();
    let (always, never) = tokio::join!(ask(&door, zone, always), ask(&door, zone, never));
    match (always, never) {
        (Listing::Listed(_), Listing::Clean) => Ok(door),
        // Whoever is turned away without a word finds everybody clean.
        (Listing::Clean, _) | (_, Listing::Listed(_)) => Err(Listing::Broken),
        (Listing::Listed(_), why) | (why, _) => Err(why),
    }
}

async fn ask(door: &Door, zone: &Domain, label: &str) -> Listing {
    let question = format!("{label}.{}", ascii(zone).as_str());
    if question.len() > NAME {
        return Listing::Clean; // no list can name it
    }
    let answers = match door.signed {
        true => door.dns.ask_checked(&question, RecordType::A).await,
        false => door.dns.ask(&question, RecordType::A).await,
    };
    match answers {
        Ok(answers) => meaning(answers.iter().filter_map(RData::ip_addr)),
        Err(Silence::Nothing { .. }) => Listing::Clean,
        Err(_) => Listing::Unknown,
    }
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
fn turned(ip: IpAddr) -> String {
    let labels: Vec<String> = match ip {
        IpAddr::V4(v4) => v4.octets().iter().rev().map(u8::to_string).collect(),
        IpAddr::V6(v6) => {
            let octets = v6.octets();
            let nibbles = octets.iter().rev().flat_map(|octet| [octet & 15, octet >> 4]);
            nibbles.map(|nibble| format!("{nibble:x}")).collect()
        }
    };
    labels.join(".")
}

#[cfg(test)]
mod tests {
    use super::*;

    // RFC 5782 2.1, 2.4
    #[test]
    fn lists_are_asked_with_the_address_turned_around() {
        for (ip, name) in [
            ("192.0.2.99", "99.2.0.192"),
            (
                "2001:db8:1:2:3:4:567:89ab",
                "b.a.9.8.7.6.5.0.4.0.0.0.3.0.0.0.2.0.0.0.1.0.0.0.8.b.d.0.1.0.0.2",
            ),
        ] {
            assert_eq!(turned(ip.parse().unwrap()), name);
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
