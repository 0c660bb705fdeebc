//! File systems that exist only in memory, and the few files the C library looks for.

use super::journal;
use crate::layout;
use nix::mount::{MsFlags, mount};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::Path;

/// What is mounted where: type, place, flags, options.
fn table() -> [(&'static str, &'static str, MsFlags, Option<&'static str>); 5] {
    let tight = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    [
        (
            "devtmpfs",
            "/dev",
            MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC,
            Some("mode=0755"),
        ),
        ("proc", "/proc", tight, None),
        ("sysfs", "/sys", tight, None),
        ("tmpfs", "/run", tight, Some("mode=0755,size=16m")),
        ("tmpfs", "/tmp", tight, Some("mode=1777,size=64m")),
    ]
}

/// Mounts everything; what fails is logged, since init must go on to say so on the panel.
pub(super) fn memory() {
    for (kind, place, flags, options) in table() {
        let _ = fs::create_dir_all(place);
        match mount(Some(kind), place, Some(kind), flags, options) {
            // EBUSY: the kernel mounted it already.
            Ok(()) | Err(nix::Error::EBUSY) => {}
            Err(error) => journal::warn(format!("mounting {place}: {error}")),
        }
    }
}

/// `/etc`, `/run/link` and the kernel's settings.
pub(super) fn files() {
    let link_dir = Path::new(layout::RESOLV_CONF)
        .parent()
        .unwrap_or(Path::new("/run"));
    let run = || -> std::io::Result<()> {
        fs::create_dir_all("/etc")?;
        fs::create_dir_all(layout::STICKS_DIR)?;
        fs::create_dir_all(link_dir)?;
        chown(link_dir, Some(layout::LINK_UID), Some(layout::LINK_UID))?;
        fs::set_permissions(link_dir, fs::Permissions::from_mode(0o755))?;
        let _ = fs::remove_file("/etc/resolv.conf");
        symlink(layout::RESOLV_CONF, "/etc/resolv.conf")?;
        fs::write("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
    };
    if let Err(error) = run() {
        journal::warn(format!("preparing /etc: {error}"));
    }
    for (setting, value) in [
        // A kernel that dies starts again instead of standing still; ten seconds to read why.
        ("kernel/panic", "10"),
        ("kernel/panic_on_oops", "1"),
        ("kernel/printk_devkmsg", "on"),
        ("kernel/kptr_restrict", "2"),
        ("kernel/dmesg_restrict", "1"),
        ("kernel/unprivileged_bpf_disabled", "1"),
        ("vm/overcommit_memory", "0"),
        ("net/ipv4/tcp_syncookies", "1"),
        ("net/ipv4/conf/all/rp_filter", "2"),
        ("net/ipv4/conf/all/accept_redirects", "0"),
        ("net/ipv6/conf/all/accept_redirects", "0"),
    ] {
        if let Err(error) = fs::write(format!("/proc/sys/{setting}"), value) {
            journal::write("init", journal::Rank::Debug, &format!("{setting}: {error}"));
        }
    }
    if let Err(error) = nix::unistd::sethostname(layout::HOST_NAME) {
        journal::warn(format!("setting the host name: {error}"));
    }
}
