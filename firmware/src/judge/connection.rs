//! What the name servers know about whoever delivers a message: the name of his address, the name he
//! gave, the domain of the sender, and whether block lists name any of them.

use super::block_lists::{BlockLists, Listing, Subject};
use super::findings::Caller;
use super::rules::{BlockList, Judging, Strictness};
use crate::deliver::people::ascii;
use crate::dns::{Dns, NoRoute, ReverseName};
use crate::limits::judge as limits;
use futures_util::future::join_all;
use proto::types::{Address, Domain};
use std::net::IpAddr;
use tokio::time::timeout;

/// Whether a name or domain is good for anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// It has what it needs.
    Good,
    /// The name does not exist, or has neither mail server nor address.
    Nowhere,
    /// It says that it takes no mail (RFC 7505).
    NoMail,
    /// The name servers did not answer.
    Unknown,
    /// Nobody was asked.
    Unasked,
}

/// What a block list says about whom.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Entry {
    pub list: BlockList,
    pub subject: Subject,
    pub listing: Listing,
}

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Surroundings {
    /// The caller is no neighbour.
    pub outside: bool,
    pub reverse: ReverseName,
    pub helo: Standing,
    pub sender: Standing,
    pub lists: Vec<Entry>,
}

/// Asks everything that is set, at the same time. `outside`: the caller is no neighbour, so that his
/// address means something to the world. `author`: the one address in From.
pub async fn look(
    dns: &Dns,
    block_lists: &BlockLists,
    judging: &Judging,
    caller: &Caller<'_>,
    outside: bool,
    author: Option<&Address>,
) -> Surroundings {
    let reverse = dns.reverse_name(caller.ip); // a neighbour's too: the Received field names him
    let helo = async {
        if outside && judging.helo != Strictness::Off {
            patiently(host(dns, caller.helo, caller.ip), Standing::Unknown).await
        } else {
            Standing::Unasked
        }
    };
    let sender = async {
        match caller.from {
            Some(from) if judging.sender_domain != Strictness::Off => {
                patiently(domain(dns, from.domain()), Standing::Unknown).await
            }
            _ => Standing::Unasked,
        }
    };
    let lists = async {
        let address = outside.then_some(Subject::Address(caller.ip));
        let of_addresses = asked(dns, block_lists, &judging.lists, address.as_slice());
        let names = names(caller, outside, author);
        let of_domains = asked(dns, block_lists, &judging.domain_lists, &names);
        let (mut entries, of_domains) = tokio::join!(of_addresses, of_domains);
        entries.extend(of_domains);
        entries
    };
    let (reverse, helo, sender, lists) = tokio::join!(reverse, helo, sender, lists);
    Surroundings {
        outside,
        reverse,
        helo,
        sender,
        lists,
    }
}

// Domains that lists are asked about, each once: the one that a reader sees comes first. A neighbour's
// HELO has no meaning in the world.
fn names(caller: &Caller<'_>, outside: bool, author: Option<&Address>) -> Vec<Subject> {
    let of = |address: &Address| named(address.domain().as_str());
    let author = author.and_then(of).map(Subject::Author);
    let sender = caller.from.and_then(of).map(Subject::Sender);
    let helo = named(caller.helo).filter(|_| outside).map(Subject::Helo);
    let mut names: Vec<Subject> = Vec::new();
    for name in [author, sender, helo].into_iter().flatten() {
        if !names.iter().any(|known| known.domain() == name.domain()) {
            names.push(name);
        }
    }
    names
}

// What each of the lists says about all of these, in one entry: it counts once, however many it names.
async fn asked(dns: &Dns, block_lists: &BlockLists, lists: &[BlockList], subjects: &[Subject]) -> Vec<Entry> {
    let entries = lists.iter().map(|list| async move {
        let listings = subjects.iter().map(|subject| async move {
            let listing = block_lists.listing(dns, &list.zone, subject);
            (subject, patiently(listing, Listing::Unknown).await)
        });
        let mut listings = join_all(listings).await.into_iter();
        let mut told = listings.next()?;
        for next in listings {
            let is_named = matches!(told.1, Listing::Listed(_));
            if !is_named && (told.1 == Listing::Clean || matches!(next.1, Listing::Listed(_))) {
                told = next;
            }
        }
        Some(Entry {
            list: list.clone(),
            subject: told.0.clone(),
            listing: told.1,
        })
    });
    join_all(entries).await.into_iter().flatten().collect()
}

async fn patiently<T>(question: impl Future<Output = T>, late: T) -> T {
    timeout(limits::CHECK, question).await.unwrap_or(late)
}

// RFC 5321 4.1.1.1: a name that resolves, or the address itself in brackets.
async fn host(dns: &Dns, helo: &str, ip: IpAddr) -> Standing {
    if let Some(literal) = helo.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let literal = literal.strip_prefix("IPv6:").unwrap_or(literal);
        return match literal.parse::<IpAddr>() {
            Ok(address) if address.to_canonical() == ip => Standing::Good,
            _ => Standing::Nowhere,
        };
    }
    match named(helo) {
        Some(name) => standing(dns.has_address(name.as_str()).await),
        None => Standing::Nowhere,
    }
}

// A name that can be somebody's in the world, and no address; in ASCII.
fn named(text: &str) -> Option<Domain> {
    let name = Domain::parse(text).ok()?;
    let is_address = text.starts_with('[') || text.parse::<IpAddr>().is_ok();
    (name.as_str().contains('.') && !is_address).then(|| ascii(&name))
}

async fn domain(dns: &Dns, domain: &Domain) -> Standing {
    standing(dns.takes_mail(&ascii(domain)).await)
}

fn standing(answer: Result<(), NoRoute>) -> Standing {
    match answer {
        Ok(()) => Standing::Good,
        Err(NoRoute::NoSuchDomain(_)) => Standing::Nowhere,
        Err(NoRoute::NoMail(_)) => Standing::NoMail,
        Err(NoRoute::Unknown(..)) => Standing::Unknown,
    }
}
