//! The hardware watchdog: resets the board when init stops feeding it.

use super::journal;
use crate::cmdline::Options;
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::fd::AsRawFd;

/// Seconds. The Raspberry Pi's can do no more than 15.
const TIMEOUT: i32 = 15;

mod ioctl {
    nix::ioctl_readwrite!(
        /// `WDIOC_SETTIMEOUT` of linux/watchdog.h.
        set_timeout, b'W', 6, i32
    );
}

/// An open watchdog. Dropping it does not stop it.
#[derive(Debug)]
pub(super) struct Watchdog {
    device: File,
}

impl Watchdog {
    /// Opens it where there is one that works.
    pub fn open(options: &Options) -> Option<Watchdog> {
        if !options.watchdog.unwrap_or_else(is_real_board) {
            journal::note("the watchdog is left alone");
            return None;
        }
        let device = OpenOptions::new().write(true).open("/dev/watchdog").ok()?;
        let mut seconds = TIMEOUT;
        // SAFETY: the kernel reads and writes one int that outlives the call.
        #[allow(unsafe_code)] // no safe wrapper of this ioctl exists
        let set = unsafe { ioctl::set_timeout(device.as_raw_fd(), &raw mut seconds) };
        if let Err(error) = set {
            journal::warn(format!("setting the watchdog's time: {error}"));
        }
        journal::note(format!("watchdog resets after {seconds} s"));
        Some(Watchdog { device })
    }

    /// Another 15 seconds.
    pub fn feed(&mut self) {
        let _ = self.device.write_all(b".");
    }

    /// Stops it, for powering off.
    pub fn stop(mut self) {
        let _ = self.device.write_all(b"V");
    }
}

/// The firmware gives every Raspberry Pi a serial number; an emulated one has none or all zeros.
fn is_real_board() -> bool {
    std::fs::read("/proc/device-tree/serial-number").is_ok_and(|serial| has_digits(&serial))
}

fn has_digits(serial: &[u8]) -> bool {
    serial
        .iter()
        .any(|octet| octet.is_ascii_hexdigit() && *octet != b'0')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn emulated_boards_have_no_serial_number() {
        for (serial, real) in [
            ("10000000a1b2c3d4\0", true),
            ("0000000000000000\0", false),
            ("\0", false),
            ("", false),
        ] {
            assert_eq!(has_digits(serial.as_bytes()), real, "{serial:?}");
        }
    }
}
