//! Asking the name servers of a zone themselves, where those of the network are turned away.

use super::{Dns, NameServers, Silence};
use crate::limits::dns as limits;
use hickory_resolver::proto::rr::{RData, RecordType};
use std::net::SocketAddr;

impl Dns {
    /// The name servers of the zone that `name` is in, to be asked themselves. `None`: they cannot be found.
    ///
    /// The zone is looked for upwards: a name inside of it has no NS records (RFC 1034 4.2.1).
    pub(crate) async fn at_owner(&self, name: &str) -> Option<Self> {
        let mut zone = name.trim_end_matches('.');
        let hosts = loop {
            match self.ask(zone, RecordType::NS).await {
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
        (!servers.is_empty()).then(|| Self::new(NameServers::Fixed(servers)))
    }

    // Where name servers listen: whoever names some with a port of their own has all of them there.
    fn port(&self) -> u16 {
        match &*self.servers {
            NameServers::Fixed(servers) => servers.first().map_or(53, SocketAddr::port),
            NameServers::File(_) => 53,
        }
    }
}
