//! Where things are on the card and in the running system. The image builder and `init` share these.

pub mod slots;

pub use crate::wire::LISTENERS;

/// Partition sizes and places, in bytes unless said.
pub mod card {
    /// Everything is aligned to this.
    pub const ALIGN: u64 = 4 << 20;
    /// p1: firmware files, config.txt, U-Boot, boot.scr. FAT; no update ever writes it.
    pub const FIRMWARE: u64 = 64 << 20;
    /// p2 and p3: a slot (kernel, device trees, initramfs, manifest). FAT.
    pub const SLOT: u64 = 96 << 20;
    /// p4 as built; grown to the card's size at first boot. ext4.
    pub const DATA: u64 = 64 << 20;
    /// Label of the data partition.
    pub const DATA_LABEL: &str = "pillarbox-data";
}

/// Where the data partition is mounted.
pub const DATA_DIR: &str = "/data";
/// The mail server's own folder on it, owned by its uid.
pub const MAIL_DIR: &str = "/data/mail";
/// USB sticks are mounted in this folder.
pub const STICKS_DIR: &str = "/media";
/// Uid and gid of `serve` on the board.
pub const SERVE_UID: u32 = 800;
/// The host name announced by mDNS, without `.local`.
pub const HOST_NAME: &str = "pillarbox";
/// Uid and gid of `link` on the board.
pub const LINK_UID: u32 = 801;
/// Where `link` writes the name servers; `/etc/resolv.conf` points here.
pub const RESOLV_CONF: &str = "/run/link/resolv.conf";
/// In the initramfs: the kernel modules to load, in order, one path a line, below
/// `/lib/modules/<release>/` unless absolute. Options may follow after a blank.
pub const MODULES: &str = "/etc/pillarbox/modules";
/// In the initramfs: when the image was built, in Unix seconds. The clock never starts earlier.
pub const BUILT: &str = "/etc/pillarbox/built";
/// The time when it was last known, in Unix seconds.
pub const SAVED_CLOCK: &str = "/data/clock";

/// The mail server's own folder on the stick with this id.
#[must_use]
pub fn stick_dir(id: &str) -> std::path::PathBuf {
    std::path::Path::new(STICKS_DIR).join(id).join("pillarbox")
}

/// Options on the kernel's command line.
pub mod option {
    /// `96x16`, `128x64` or `none`; without it the panel is asked.
    pub const PANEL: &str = "pillarbox.panel";
    /// `on` or `off`. Without it the watchdog is used on boards that have a serial number: an emulated
    /// one has none, and resets at once when its watchdog is opened.
    pub const WATCHDOG: &str = "pillarbox.watchdog";
}
