//! The shield: from which networks mail may claim to come from a domain without a login.
//!
//! Applies to port 25, where nobody logs in: to MAIL FROM and to every address in From. A network
//! that may claim a domain may still only write to people here: relaying wants a login, or a printer
//! that an admin allowed ([`super::printers`]).

use super::allowance::Guard;
use super::networks::{Lan, Network};
use crate::deliver::people::{self, ascii};
use crate::settings::{self, Office};
use proto::message::{address, header};
use proto::types::Domain;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;
use store::{Snapshot, StoreError};

/// Key of [`Shield`] in the settings.
pub const SHIELD: &str = "shield";

/// Most domains in the table.
const DOMAINS: usize = 256;
/// Most places of one domain.
const PLACES: usize = 64;

/// From where mail may claim a domain.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Place {
    /// The office's own networks, whatever they are.
    Lan,
    /// This network.
    Network(Network),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lan => f.write_str("lan"),
            Self::Network(network) => network.fmt(f),
        }
    }
}

impl FromStr for Place {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.eq_ignore_ascii_case("lan") {
            return Ok(Self::Lan);
        }
        let network = text.parse::<Network>().map(Self::Network);
        network.map_err(|_| {
            format!("`{text}` is neither a network such as 192.0.2.0/24 nor `lan`, the office's.")
        })
    }
}

impl TryFrom<String> for Place {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        place.to_string()
    }
}

/// The table. The office's own domains are bound to the LAN as long as nothing else is set for them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shield(BTreeMap<Domain, Vec<Place>>);

/// A row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shielded {
    /// The domain.
    pub domain: Domain,
    /// From where it may be claimed.
    pub places: Vec<Place>,
    /// Nobody set it: it is the office's own.
    pub default: bool,
}

impl Shield {
    /// What is set.
    ///
    /// # Errors
    /// The store failed, or the setting cannot be read.
    pub fn read(snapshot: &Snapshot) -> Result<Self, StoreError> {
        Ok(settings::read(snapshot, SHIELD)?.unwrap_or_default())
    }

    /// Every row, the office's own domains first.
    #[must_use]
    pub fn rows(&self, own: &[Domain]) -> Vec<Shielded> {
        let own: Vec<Domain> = own.iter().map(ascii).collect();
        let ours = own.iter().map(|domain| Shielded {
            domain: domain.clone(),
            places: self.places(domain, &own).unwrap_or_default().to_vec(),
            default: !self.0.contains_key(domain),
        });
        let others = self.0.iter().filter(|(domain, _)| !own.contains(domain));
        let others = others.map(|(domain, places)| Shielded {
            domain: domain.clone(),
            places: places.clone(),
            default: false,
        });
        ours.chain(others).collect()
    }

    /// Binds a domain to places, written with commas or blanks between; at least one.
    ///
    /// # Errors
    /// Why not, in words.
    pub fn set(&mut self, domain: Domain, places: &str) -> Result<(), String> {
        let words = places.split([',', ' ', '\t', '\r', '\n']);
        let places: Result<Vec<Place>, String> =
            words.filter(|word| !word.is_empty()).map(str::parse).collect();
        let mut places = places?;
        places.sort_unstable();
        places.dedup();
        if places.is_empty() {
            return Err("Name at least one network, or `lan` for the office.".to_owned());
        }
        if places.len() > PLACES {
            return Err(format!("At most {PLACES} networks for one domain."));
        }
        if domain.as_str().starts_with('[') {
            return Err("Name a domain such as example.com, not an address.".to_owned());
        }
        let domain = ascii(&domain);
        if !self.0.contains_key(&domain) && self.0.len() >= DOMAINS {
            return Err(format!("At most {DOMAINS} domains."));
        }
        self.0.insert(domain, places);
        Ok(())
    }

    /// Takes a domain out; one of the office's own is bound to the LAN again.
    ///
    /// # Errors
    /// It is not in the table.
    pub fn remove(&mut self, domain: &Domain) -> Result<(), String> {
        match self.0.remove(&ascii(domain)) {
            Some(_) => Ok(()),
            None => Err(format!("Nothing is set for {domain}.")),
        }
    }

    // Both as `ascii` spells them.
    fn places(&self, domain: &Domain, own: &[Domain]) -> Option<&[Place]> {
        let set = self.0.get(domain).map(Vec::as_slice);
        set.or_else(|| own.contains(domain).then_some(&[Place::Lan][..]))
    }
}

/// The shield as one message meets it.
#[derive(Debug)]
pub struct Doorkeeper {
    shield: Shield,
    lan: Lan,
    // The box's own addresses.
    own: Vec<IpAddr>,
    // The office's domains.
    ours: Vec<Domain>,
}

impl Doorkeeper {
    /// Whether `ip` is in the office's own network.
    #[must_use]
    pub fn is_lan(&self, ip: IpAddr) -> bool {
        self.lan.contains(ip, &self.own)
    }

    /// Whether mail from `ip`, without a login, may not claim `domain`.
    #[must_use]
    pub fn turns_away(&self, ip: IpAddr, domain: &Domain) -> bool {
        let admits = |place: &Place| match place {
            Place::Lan => self.lan.contains(ip, &self.own),
            Place::Network(network) => network.contains(ip),
        };
        let places = self.shield.places(&ascii(domain), &self.ours);
        places.is_some_and(|places| !places.iter().any(admits))
    }

    /// The first domain that a header claims in From and that `ip` may not claim. Every From field
    /// is read, and every address in it: programs do not agree on which one they show.
    #[must_use]
    pub fn false_claim(&self, ip: IpAddr, top: &[u8]) -> Option<Domain> {
        let fields = header::fields(top).filter(|field| field.is("From"));
        fields
            .flat_map(|field| address::parse_list(field.value))
            .filter_map(|entry| Domain::parse(std::str::from_utf8(&entry.host?).ok()?).ok())
            .find(|domain| self.turns_away(ip, domain))
    }
}

impl Guard {
    /// The shield at this moment.
    ///
    /// # Errors
    /// The store failed, or a setting cannot be read.
    pub fn doorkeeper(&self, snapshot: &Snapshot, office: &Office) -> Result<Doorkeeper, StoreError> {
        Ok(Doorkeeper {
            shield: Shield::read(snapshot)?,
            lan: Lan::read(snapshot)?,
            own: self.own_addresses(),
            ours: people::domains(snapshot, office)?.iter().map(ascii).collect(),
        })
    }

    /// Binds a domain to places; see [`Shield::set`].
    ///
    /// # Errors
    /// Why not, in words; nothing is changed then.
    pub async fn shield(&self, domain: Domain, places: &str) -> Result<(), String> {
        self.change(SHIELD, |shield: &mut Shield| shield.set(domain, places))
            .await
    }

    /// Takes a domain out of the table; see [`Shield::remove`].
    ///
    /// # Errors
    /// Why not, in words; nothing is changed then.
    pub async fn unshield(&self, domain: &Domain) -> Result<(), String> {
        self.change(SHIELD, |shield: &mut Shield| shield.remove(domain))
            .await
    }
}

#[cfg(test)]
mod tests;
