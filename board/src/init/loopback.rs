//! The way from the box to itself, which `serve` needs even when there is no network at all.

use nix::libc;
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socket};
use std::os::fd::AsRawFd;

/// Switches `lo` on; the kernel then gives it 127.0.0.1 and ::1 (netdevice(7)).
#[allow(clippy::cast_possible_truncation)] // flags and request are below 2^15; musl counts requests in int
pub(super) fn up() -> nix::Result<()> {
    let socket = socket(
        AddressFamily::Inet,
        SockType::Datagram,
        SockFlag::SOCK_CLOEXEC,
        None,
    )?;
    let flags = (libc::IFF_UP | libc::IFF_RUNNING) as i16;
    // SAFETY: an all-zero `ifreq` is valid; name and flags are set, and it outlives the call.
    #[allow(unsafe_code)] // no safe wrapper of this ioctl exists
    let result = unsafe {
        let mut request: libc::ifreq = std::mem::zeroed();
        for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
            *to = from.cast_signed() as libc::c_char;
        }
        request.ifr_ifru.ifru_flags = flags;
        libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &raw const request)
    };
    if result < 0 {
        Err(nix::Error::last())
    } else {
        Ok(())
    }
}
