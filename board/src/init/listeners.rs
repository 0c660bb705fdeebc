//! The sockets on ports below 1024, opened while init may, and handed to `serve`.

use super::journal;
use crate::wire::LISTENERS;
use nix::sys::socket::{
    AddressFamily, Backlog, SockFlag, SockType, SockaddrIn6, bind, listen, setsockopt, socket, sockopt,
};
use std::net::{Ipv6Addr, SocketAddrV6};
use std::os::fd::{AsRawFd, OwnedFd};

const BACKLOG: i32 = 128;

/// One open door.
#[derive(Debug)]
pub(super) struct Listener {
    /// As in [`LISTENERS`].
    pub name: &'static str,
    pub socket: OwnedFd,
}

/// Opens all doors, each for IPv4 and IPv6 at once. They stay open while `serve` restarts, so
/// clients wait a moment instead of being refused.
pub(super) fn open_all() -> Vec<Listener> {
    let open = |(name, port)| match open(port) {
        Ok(socket) => Some(Listener { name, socket }),
        Err(error) => {
            journal::warn(format!("port {port}: {error}"));
            None
        }
    };
    LISTENERS.into_iter().filter_map(open).collect()
}

fn open(port: u16) -> nix::Result<OwnedFd> {
    let socket = socket(
        AddressFamily::Inet6,
        SockType::Stream,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    setsockopt(&socket, sockopt::Ipv6V6Only, &false)?;
    setsockopt(&socket, sockopt::ReuseAddr, &true)?;
    let address = SocketAddrV6::new(Ipv6Addr::UNSPECIFIED, port, 0, 0);
    bind(socket.as_raw_fd(), &SockaddrIn6::from(address))?;
    listen(&socket, Backlog::new(BACKLOG)?)?;
    Ok(socket)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_door_takes_both_kinds_of_address() {
        let socket = open(0).unwrap();
        let listener = std::net::TcpListener::from(socket);
        let port = listener.local_addr().unwrap().port();
        std::net::TcpStream::connect(("127.0.0.1", port)).unwrap();
        assert!(listener.accept().is_ok());
    }
}
