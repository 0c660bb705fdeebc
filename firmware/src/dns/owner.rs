//! The zone that a name is in: whether it is signed, and its name servers, to be asked themselves where
//! those of the network are turned away.

use super::secure::{checked, is_secure};
use super::{Checking, Dns, Dnssec, NameServers, Signed, Silence};
use crate::limits::dns as limits;
use hickory_resolver::proto::rr::{RData, RecordType};
use std::net::SocketAddr;

impl Dns {
    /// Whether signatures prove what stands in the zone that `name` is in, and this network passes them on.
    /// Waits until that is known.
    ///
    /// The zone is looked for upwards: only its own name has the record that begins it (RFC 1034 4.2.1).
    ///
    /// # Errors
    /// No answer, or a forged one.
    pub(crate) async fn is_signed(&self, name: &str) -> Result<bool, Silence> {
        let current = self.current().map_err(Silence::Failed)?;
        current.signatures.demanded(&self.checking).await;
        if self.checking.seen() != Signed::Checked {
            return Ok(false);
        }
        let mut zone = name.trim_end_matches('.');
        for _ in 0..limits::ABOVE {
            match checked(&current.signatures.resolver, zone, RecordType::SOA).await {
                Ok(start) => return Ok(is_secure(&start)),
                Err(Silence::Nothing { .. }) => {}
                Err(silence) => return Err(silence),
            }
            zone = zone.split_once('.').map_or("", |(_, above)| above);
        }
        Ok(false)
    }

    /// The name servers of the zone that `name` is in, to be asked themselves. `None`: they cannot be found.
    ///
    /// The zone is looked for upwards: a name inside of it has no NS records (RFC 1034 4.2.1).
    pub(crate) async fn at_owner(&self, name: &str) -> Option<Self> {
        let mut zone = name.trim_end_matches('.');
        let hosts = loop {
            match self.ask_checked(zone, RecordType::NS).await {
                Ok(answers) if !answers.is_empty() => break answers,
                Ok(_) | Err(Silence::Nothing { .. }) => {}
                Err(_) => return None,
            }
            zone = zone.split_once('.')?.1;
            zone.find('.')?; // no list is a top-level domain
        };
        let hosts = hosts.iter().filter_map(|answer| match answer {
            RData::NS(host) => Some(host.0.to_ascii()),
            _ => None,
        });
        let mut servers = Vec::new();
        for host in hosts.take(limits::OWNERS) {
            let addresses = self.addresses(&host).await.unwrap_or_default();
            servers.extend(addresses.into_iter().map(|ip| SocketAddr::new(ip, self.port())));
        }
        servers.truncate(limits::ADDRESSES);
        // They know nothing of the zones above, which its signatures go back to.
        let unchecked = Checking::default();
        unchecked.set(Dnssec { check: false });
        (!servers.is_empty()).then(|| Self::new(NameServers::Fixed(servers)).with(unchecked))
    }

    // Where name servers listen: whoever names some with a port of their own has all of them there.
    fn port(&self) -> u16 {
        match &*self.servers {
            NameServers::Fixed(servers) => servers.first().map_or(53, SocketAddr::port),
            NameServers::File(_) => 53,
        }
    }
}
