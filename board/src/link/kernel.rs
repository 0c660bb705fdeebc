//! Addresses and routes, by rtnetlink.

use super::nic::Nic;
use anyhow::Result;
use futures_util::TryStreamExt;
use rtnetlink::packet_route::AddressFamily;
use rtnetlink::packet_route::address::AddressAttribute;
use rtnetlink::{Handle, LinkUnspec, RouteMessageBuilder};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A way into a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Route {
    pub to: Ipv4Addr,
    pub prefix: u8,
    pub gateway: Ipv4Addr,
}

/// The kernel's network configuration.
#[derive(Debug, Clone)]
pub(super) struct Kernel {
    handle: Handle,
}

impl Kernel {
    /// Opens the connection, which lives as long as the runtime.
    pub fn connect() -> Result<Kernel> {
        let (connection, handle, _) = rtnetlink::new_connection()?;
        tokio::spawn(connection);
        Ok(Kernel { handle })
    }

    pub async fn up(&self, index: u32) -> Result<()> {
        let change = LinkUnspec::new_with_index(index).up().build();
        Ok(self.handle.link().set(change).execute().await?)
    }

    /// Gives the device its address and takes away any other IPv4 address.
    pub async fn set_address(&self, nic: &Nic, address: Ipv4Addr, prefix: u8) -> Result<()> {
        self.drop_addresses(nic, Some(address)).await?;
        let add = self.handle.address().add(nic.index, IpAddr::V4(address), prefix);
        Ok(add.replace().execute().await?)
    }

    /// Takes the device's IPv4 addresses away, and with them its routes, except `keep`.
    pub async fn drop_addresses(&self, nic: &Nic, keep: Option<Ipv4Addr>) -> Result<()> {
        let mut list = self
            .handle
            .address()
            .get()
            .set_link_index_filter(nic.index)
            .execute();
        while let Some(message) = list.try_next().await? {
            if message.header.family != AddressFamily::Inet {
                continue;
            }
            let kept = message.attributes.iter().any(
                |attribute| matches!((attribute, keep), (AddressAttribute::Local(IpAddr::V4(a)), Some(k)) if *a == k),
            );
            if !kept {
                self.handle.address().del(message).execute().await?;
            }
        }
        Ok(())
    }

    pub async fn set_route(&self, nic: &Nic, route: &Route) -> Result<()> {
        let mut builder = RouteMessageBuilder::<Ipv4Addr>::new()
            .destination_prefix(route.to, route.prefix)
            .output_interface(nic.index);
        if !route.gateway.is_unspecified() {
            builder = builder.gateway(route.gateway);
        }
        Ok(self
            .handle
            .route()
            .add(builder.build())
            .replace()
            .execute()
            .await?)
    }
}

/// The board's addresses that others can reach.
pub(super) fn reachable_addresses() -> Vec<IpAddr> {
    let Ok(list) = nix::ifaddrs::getifaddrs() else {
        return Vec::new();
    };
    let mut addresses: Vec<IpAddr> = list
        .filter_map(|entry| entry.address)
        .filter_map(
            |address| match (address.as_sockaddr_in(), address.as_sockaddr_in6()) {
                (Some(v4), _) => Some(IpAddr::V4(v4.ip())),
                (_, Some(v6)) => Some(IpAddr::V6(v6.ip())),
                _ => None,
            },
        )
        .filter(is_reachable)
        .collect();
    addresses.sort();
    addresses.dedup();
    addresses
}

fn is_reachable(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !v4.is_loopback() && !v4.is_link_local(),
        IpAddr::V6(v6) => *v6 != Ipv6Addr::LOCALHOST && !v6.is_unicast_link_local(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_the_wire_alone_are_not_reported() {
        for (address, reachable) in [
            ("127.0.0.1", false),
            ("169.254.3.4", false),
            ("192.168.1.20", true),
            ("::1", false),
            ("fe80::1", false),
            ("fd00::20", true),
            ("2001:db8::20", true),
        ] {
            assert_eq!(is_reachable(&address.parse().unwrap()), reachable, "{address}");
        }
    }
}
