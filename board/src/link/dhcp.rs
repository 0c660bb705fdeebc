//! The board's address: DHCP for IPv4 (IPv6 configures itself in the kernel).

use super::kernel::{Kernel, Route};
use super::nic::Nic;
use crate::layout;
use anyhow::{Context, Result};
use mozim::{DhcpV4Client, DhcpV4Config, DhcpV4Lease, DhcpV4State};
use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::time::Duration;
use tokio::sync::watch;

/// Seconds for one attempt to get a lease.
const PATIENCE: u32 = 60;
const PAUSE: Duration = Duration::from_secs(5);
/// musl's resolver looks at no more.
const MOST_NAME_SERVERS: usize = 3;
const MOST_ROUTES: usize = 32;

/// Keeps a lease on the device; never returns. `time_servers` hears of those the lease names.
pub(super) async fn keep_lease(kernel: &Kernel, nic: &Nic, time_servers: &watch::Sender<Vec<Ipv4Addr>>) {
    loop {
        if let Err(error) = hold(kernel, nic, time_servers).await {
            super::warn(format_args!("DHCP on {}: {error:#}", nic.name));
        }
        // The lease is over or there was none: nobody may keep using its address.
        if let Err(error) = kernel.drop_addresses(nic, None).await {
            super::warn(format_args!("taking addresses from {}: {error:#}", nic.name));
        }
        tokio::time::sleep(PAUSE).await;
    }
}

async fn hold(kernel: &Kernel, nic: &Nic, time_servers: &watch::Sender<Vec<Ipv4Addr>>) -> Result<()> {
    let mut config = DhcpV4Config::new(&nic.name);
    config.set_iface_index(nic.index).set_iface_mac_raw(&nic.mac)?;
    config
        .set_host_name(layout::HOST_NAME)
        .use_mac_as_client_id()
        .set_timeout_sec(PATIENCE);
    let mut client = DhcpV4Client::init(config, None).await?;
    let mut last: Option<DhcpV4Lease> = None;
    loop {
        match client.run().await? {
            DhcpV4State::Done(lease) if last.as_ref() != Some(&*lease) => {
                apply(kernel, nic, &lease).await?;
                time_servers.send_replace(lease.ntp_srvs.clone().unwrap_or_default());
                if last.is_none_or(|last| last.yiaddr != lease.yiaddr) {
                    super::note(format_args!(
                        "{} has {}/{}",
                        nic.name,
                        lease.yiaddr,
                        lease.prefix_length()
                    ));
                }
                last = Some(*lease);
            }
            // RFC 2131 4.4.5: the lease ran out, and with it the right to the address.
            DhcpV4State::InitReboot if last.is_some() => {
                super::warn(format_args!("the lease on {} has ended", nic.name));
                kernel.drop_addresses(nic, None).await?;
                last = None;
            }
            _ => {}
        }
    }
}

async fn apply(kernel: &Kernel, nic: &Nic, lease: &DhcpV4Lease) -> Result<()> {
    kernel
        .set_address(nic, lease.yiaddr, lease.prefix_length())
        .await
        .context("setting the address")?;
    for route in routes(lease) {
        kernel
            .set_route(nic, &route)
            .await
            .with_context(|| format!("setting the route {route:?}"))?;
    }
    let text = resolv_conf(lease.dns_srvs.as_deref().unwrap_or_default());
    let new = format!("{}.new", layout::RESOLV_CONF);
    std::fs::write(&new, text)
        .and_then(|()| std::fs::rename(&new, layout::RESOLV_CONF))
        .context("naming the name servers")
}

/// RFC 3442: with classless routes the router option is ignored.
fn routes(lease: &DhcpV4Lease) -> Vec<Route> {
    if let Some(classless) = &lease.classless_routes {
        let mut routes: Vec<Route> = classless
            .iter()
            .take(MOST_ROUTES)
            .map(|r| Route {
                to: r.destination,
                prefix: r.prefix_length,
                gateway: r.router,
            })
            .collect();
        // A route through a router needs the way to that router first.
        routes.sort_by_key(|route| !route.gateway.is_unspecified());
        return routes;
    }
    let gateway = lease.gateways.as_ref().and_then(|list| list.first());
    gateway
        .map(|gateway| Route {
            to: Ipv4Addr::UNSPECIFIED,
            prefix: 0,
            gateway: *gateway,
        })
        .into_iter()
        .collect()
}

fn resolv_conf(servers: &[Ipv4Addr]) -> String {
    let mut text = String::new();
    for server in servers.iter().take(MOST_NAME_SERVERS) {
        let _ = writeln!(text, "nameserver {server}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_gives_the_default_route_of_its_first_router() {
        let mut lease = DhcpV4Lease::default();
        assert_eq!(routes(&lease), []);
        lease.gateways = Some(vec![Ipv4Addr::new(192, 168, 1, 1), Ipv4Addr::new(192, 168, 1, 2)]);
        let default = Route {
            to: Ipv4Addr::UNSPECIFIED,
            prefix: 0,
            gateway: Ipv4Addr::new(192, 168, 1, 1),
        };
        assert_eq!(routes(&lease), [default]);
        lease.classless_routes = Some(vec![]);
        assert_eq!(routes(&lease), [], "RFC 3442");
    }

    #[test]
    fn name_servers_are_written_as_the_resolver_reads_them() {
        let servers: Vec<Ipv4Addr> = (1..=5).map(|n| Ipv4Addr::new(10, 0, 0, n)).collect();
        assert_eq!(
            resolv_conf(&servers),
            "nameserver 10.0.0.1\nnameserver 10.0.0.2\nnameserver 10.0.0.3\n"
        );
        assert_eq!(resolv_conf(&[]), "");
    }
}
