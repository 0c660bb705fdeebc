//! What the name servers know about whoever delivers a message: the name of his address, the name he
//! gave, the domain of the sender, and whether lists name his address.

use super::block_lists::{BlockLists, Listing};
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

/// All of it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Surroundings {
    /// The caller is no neighbour.
    pub outside: bool,
    pub reverse: ReverseName,
    pub helo: Standing,
    pub sender: Standing,
    pub lists: Vec<(BlockList, Listing)>,
}

/// Asks everything that is set, at the same time. `outside`: the caller is no neighbour, so that his
/// address means something to the world.
pub async fn look(
    dns: &Dns,
    block_lists: &BlockLists,
    judging: &Judging,
    ip: IpAddr,
    outside: bool,
    helo: &str,
    from: Option<&Address>,
) -> Surroundings {
    let reverse = dns.reverse_name(ip); // a neighbour's too: the Received field names him
    let helo = async {
        if outside && judging.helo != Strictness::Off {
            patiently(host(dns, helo, ip), Standing::Unknown).await
        } else {
            Standing::Unasked
        }
    };
    let sender = async {
        match from {
            Some(from) if judging.sender_domain != Strictness::Off => {
                patiently(domain(dns, from.domain()), Standing::Unknown).await
            }
            _ => Standing::Unasked,
        }
    };
    let lists = async {
        let asked = judging.lists.iter().filter(|_| outside);
        let asked = asked.map(|list| async move {
            let listing = patiently(block_lists.listing(dns, &list.zone, ip), Listing::Unknown).await;
            (list.clone(), listing)
        });
        join_all(asked).await
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
    match Domain::parse(helo) {
        Ok(name) if name.as_str().contains('.') && helo.parse::<IpAddr>().is_err() => {
            standing(dns.addresses(ascii(&name).as_str()).await.map(|_| ()))
        }
        _ => Standing::Nowhere,
    }
}

async fn domain(dns: &Dns, domain: &Domain) -> Standing {
    let domain = ascii(domain);
    match dns.mail_hosts(&domain).await {
        // RFC 5321 5.1: without MX records its own address counts.
        Ok(hosts) if hosts == [crate::dns::MailHost::Name(domain.to_string())] => {
            standing(dns.addresses(domain.as_str()).await.map(|_| ()))
        }
        other => standing(other.map(|_| ())),
    }
}

fn standing(answer: Result<(), NoRoute>) -> Standing {
    match answer {
        Ok(()) => Standing::Good,
        Err(NoRoute::NoSuchDomain(_)) => Standing::Nowhere,
        Err(NoRoute::NoMail(_)) => Standing::NoMail,
        Err(NoRoute::Unknown(..)) => Standing::Unknown,
    }
}
