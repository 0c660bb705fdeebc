//! The doors: sockets that were handed over by PID 1, or bound here.

use anyhow::{Context, Result, bail};
use board::wire::LISTENERS;
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::os::fd::FromRawFd;

/// One open door.
#[derive(Debug)]
pub struct Door {
    /// Its name in [`LISTENERS`].
    pub name: &'static str,
    /// The socket, not blocking.
    pub socket: TcpListener,
}

/// Takes the sockets named in the environment, or binds all doors on `address` at `base` plus the
/// real port; base 0 lets the system choose each port.
///
/// # Errors
/// A port is taken or not allowed, or what was handed over makes no sense.
pub fn open(addresses: &[IpAddr], base: u16) -> Result<Vec<Door>> {
    let inherited = inherited()?;
    if !inherited.is_empty() {
        return Ok(inherited);
    }
    let mut doors = Vec::new();
    for address in addresses {
        for (name, real) in LISTENERS {
            let port = if base == 0 {
                0
            } else {
                base.checked_add(real).context("the port base is too high")?
            };
            let at = SocketAddr::new(*address, port);
            let socket = TcpListener::bind(at)
                .with_context(|| format!("cannot listen on {at} ({name}): is another Pillarbox running?"))?;
            socket.set_nonblocking(true)?;
            doors.push(Door { name, socket });
        }
    }
    Ok(doors)
}

/// The port behind each door's name.
///
/// # Errors
/// The system does not tell.
pub fn ports(doors: &[Door]) -> Result<BTreeMap<&'static str, u16>> {
    let mut ports = BTreeMap::new();
    for door in doors {
        ports.entry(door.name).or_insert(door.socket.local_addr()?.port());
    }
    Ok(ports)
}

// As systemd hands sockets over (sd_listen_fds(3)): descriptors from 3 up, names in order.
fn inherited() -> Result<Vec<Door>> {
    const FIRST: i32 = 3;
    let Ok(count) = std::env::var("LISTEN_FDS") else {
        return Ok(Vec::new());
    };
    // Meant for another process of the family.
    if std::env::var("LISTEN_PID").is_ok_and(|pid| pid != std::process::id().to_string()) {
        return Ok(Vec::new());
    }
    let count: i32 = count.parse().context("LISTEN_FDS is not a number")?;
    let names = std::env::var("LISTEN_FDNAMES").context("LISTEN_FDS without LISTEN_FDNAMES")?;
    let names: Vec<&str> = names.split(':').collect();
    if usize::try_from(count).ok() != Some(names.len()) {
        bail!("LISTEN_FDS and LISTEN_FDNAMES differ in number");
    }
    let mut doors = Vec::new();
    for (fd, name) in (FIRST..).zip(names) {
        let Some((name, _)) = LISTENERS.into_iter().find(|(known, _)| *known == name) else {
            bail!("a socket named {name} was handed over, which is no door of this box");
        };
        // SAFETY: whoever set LISTEN_FDS gave us these descriptors; this runs once, at the start,
        // and nothing else in the process takes them.
        #[allow(unsafe_code)]
        let socket = unsafe { TcpListener::from_raw_fd(fd) };
        socket
            .local_addr()
            .with_context(|| format!("descriptor {fd} ({name}) is no socket"))?;
        socket.set_nonblocking(true)?;
        doors.push(Door { name, socket });
    }
    Ok(doors)
}
