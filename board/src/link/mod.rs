//! The network process: a cable, an address, the time, a name. Runs with only the capabilities
//! these need and tells PID 1 what becomes of them.

mod dhcp;
mod kernel;
mod name;
mod nic;
mod report;
mod time;

use crate::wire::BoardEvent;
use kernel::Kernel;
use nic::Nic;
use report::Report;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Between two looks at the cable.
const LOOK: Duration = Duration::from_millis(500);
/// Looks without a carrier until the cable counts as out: switches blink.
const OUT: u32 = 4;

/// Runs the network; returns only on an error.
///
/// # Errors
/// When the kernel refuses the connections that all else needs.
pub fn run() -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(network())
}

async fn network() -> anyhow::Result<()> {
    let report = Arc::new(Report::from_environment());
    let kernel = Kernel::connect()?;
    let (time_servers, own) = watch::channel(Vec::new());
    let for_clock = report.clone();
    tokio::spawn(async move { time::keep_clock(own, &for_clock).await });
    tokio::spawn(watch_addresses(report));
    let _responder = name::announce()
        .inspect_err(|error| warn(format_args!("mDNS does not start: {error}")))
        .ok();
    loop {
        let nic = wait_for_cable(&kernel).await;
        note(format_args!("{} has a cable", nic.name));
        serve_cable(&kernel, &nic, &time_servers).await;
        note(format_args!("{} has lost its cable", nic.name));
        if let Err(error) = kernel.drop_addresses(&nic, None).await {
            warn(format_args!("taking addresses from {}: {error:#}", nic.name));
        }
    }
}

/// The first Ethernet device with something alive at the other end. Devices are switched on to
/// find out; USB ones may come late.
async fn wait_for_cable(kernel: &Kernel) -> Nic {
    let mut known: Vec<Nic> = Vec::new();
    loop {
        let now = nic::all();
        for nic in now.iter().filter(|nic| !known.contains(nic)) {
            if let Err(error) = kernel.up(nic.index).await {
                warn(format_args!("switching {} on: {error:#}", nic.name));
            }
        }
        if let Some(nic) = now.iter().find(|nic| nic::has_carrier(nic)) {
            return nic.clone();
        }
        known = now;
        tokio::time::sleep(LOOK).await;
    }
}

/// Keeps a lease while the cable is in.
async fn serve_cable(kernel: &Kernel, nic: &Nic, time_servers: &watch::Sender<Vec<Ipv4Addr>>) {
    let lost = async {
        let mut without = 0;
        while without < OUT {
            tokio::time::sleep(LOOK).await;
            without = if nic::has_carrier(nic) { 0 } else { without + 1 };
        }
    };
    tokio::select! {
        () = lost => {}
        () = dhcp::keep_lease(kernel, nic, time_servers) => {}
    }
}

/// Reports the addresses whenever they change, whoever changed them.
async fn watch_addresses(report: Arc<Report>) {
    let mut last: Option<Vec<IpAddr>> = None;
    loop {
        let addresses = kernel::reachable_addresses();
        if last.as_ref() != Some(&addresses) {
            report.send(&BoardEvent::Link {
                up: !addresses.is_empty(),
                addresses: addresses.clone(),
            });
            last = Some(addresses);
        }
        tokio::time::sleep(LOOK).await;
    }
}

fn note(text: fmt::Arguments<'_>) {
    eprintln!("{text}");
}

fn warn(text: fmt::Arguments<'_>) {
    eprintln!("WARN {text}");
}
