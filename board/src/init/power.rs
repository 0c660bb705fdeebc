//! Going down: nothing that was promised is lost, and the panel says when the plug may be pulled.

use super::journal;
use crate::layout;
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sys::reboot::{RebootMode, reboot};

/// How the box ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    PowerOff,
    Reboot,
}

/// Writes everything to the card and lets go of it, and then of the sticks, which matter less.
pub(super) fn release_card() {
    release_data();
    super::sticks::release();
}

fn release_data() {
    nix::unistd::sync();
    if umount2(layout::DATA_DIR, MntFlags::empty()).is_ok() {
        return;
    }
    let flags = MsFlags::MS_REMOUNT | MsFlags::MS_RDONLY;
    if let Err(error) = mount(None::<&str>, layout::DATA_DIR, None::<&str>, flags, None::<&str>)
        && error != nix::Error::EINVAL
    {
        journal::warn(format!("the data partition stays mounted: {error}"));
    }
    nix::unistd::sync();
}

/// Ends. A kernel that refuses gets another chance; PID 1 must not return.
pub(super) fn end(how: End) -> ! {
    let modes = match how {
        End::PowerOff => [RebootMode::RB_POWER_OFF, RebootMode::RB_HALT_SYSTEM],
        End::Reboot => [RebootMode::RB_AUTOBOOT, RebootMode::RB_AUTOBOOT],
    };
    loop {
        for mode in modes {
            let Err(error) = reboot(mode);
            journal::warn(format!("reboot(2): {error}"));
            std::thread::sleep(std::time::Duration::from_secs(5));
        }
    }
}
