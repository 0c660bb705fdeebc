//! What the name servers know about whoever delivers a message: the name of his address, the name he
//! gave, the domain of the sender, and whether lists name his address.

use super::rules::{BlockList, Judging, Strictness};
use crate::deliver::people::ascii;
use crate::dns::{Dns, NoRoute, ReverseName, Silence};
use crate::limits::judge as limits;
use futures_util::future::join_all;
use hickory_resolver::proto::rr::{RData, RecordType};
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
            let listing = patiently(listing(dns, &list.zone, ip), Listing::Unknown).await;
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

async fn listing(dns: &Dns, zone: &Domain, ip: IpAddr) -> Listing {
    let answers = match dns.ask(&question(zone, ip), RecordType::A).await {
        Ok(answers) => answers,
        Err(Silence::Nothing { .. }) => return Listing::Clean,
        Err(Silence::Failed(_)) => return Listing::Unknown,
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
