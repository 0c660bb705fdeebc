//! The data partition: found, grown, checked, mounted.

use super::{ext4, journal, mbr};
use crate::layout;
use anyhow::{Context, Result, bail};
use nix::mount::{MsFlags, mount};
use std::fs::{self, File, OpenOptions};
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Disks and partitions, by name.
pub(super) const BLOCKS: &str = "/sys/class/block";
const CHECKER: &str = "/sbin/e2fsck";
/// What a file system may be smaller than its partition without being grown: one alignment step.
const SLACK: u64 = layout::card::ALIGN;

const WAIT_FOR_DRIVER: Duration = Duration::from_secs(30);

/// The partition that holds the mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DataPartition {
    /// Such as `mmcblk0p4`.
    pub name: String,
    /// Such as `mmcblk0`.
    disk: String,
}

impl DataPartition {
    fn is_on_card(&self) -> bool {
        self.disk.starts_with("mmcblk")
    }

    fn device(&self) -> PathBuf {
        Path::new("/dev").join(&self.name)
    }
}

/// Waits for the data partition: drivers find the card in their own time. When none has the label
/// until then, the card's fourth partition is taken: its label may be what is damaged, and the check
/// that follows knows where ext4 keeps its copies.
pub(super) fn wait_for_data(limit: Duration) -> Option<DataPartition> {
    let end = Instant::now() + limit;
    loop {
        let found = fourth_partitions();
        let labelled = found.iter().find(|partition| has_label(partition));
        if labelled.is_some() {
            return labelled.cloned();
        }
        if Instant::now() >= end {
            return found.into_iter().find(DataPartition::is_on_card);
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// The fourth partitions of all disks; those of SD cards before those of USB disks.
fn fourth_partitions() -> Vec<DataPartition> {
    let Ok(entries) = fs::read_dir(BLOCKS) else {
        return Vec::new();
    };
    let mut found: Vec<DataPartition> = entries
        .flatten()
        .filter_map(|entry| {
            let place = fs::canonicalize(entry.path()).ok()?;
            let number = fs::read_to_string(place.join("partition")).ok()?;
            let name = entry.file_name().into_string().ok()?;
            let disk = place.parent()?.file_name()?.to_str()?.to_owned();
            (number.trim().parse() == Ok(mbr::DATA)).then_some(DataPartition { name, disk })
        })
        .collect();
    found.sort_by_key(|partition| (!partition.is_on_card(), partition.disk.clone()));
    found
}

fn has_label(partition: &DataPartition) -> bool {
    superblock(&partition.device()).is_ok_and(|found| found.label == layout::card::DATA_LABEL)
}

fn superblock(device: &Path) -> Result<ext4::Superblock> {
    let mut octets = [0; ext4::SUPERBLOCK_LENGTH];
    File::open(device)?.read_exact_at(&mut octets, ext4::SUPERBLOCK_AT)?;
    ext4::parse(&octets).context("no ext4 file system")
}

/// Makes the partition as large as the card allows. The table is one sector, so the card writes the
/// old one or the new one.
pub(super) fn grow_partition(partition: &DataPartition) -> Result<()> {
    let disk = OpenOptions::new()
        .read(true)
        .write(true)
        .open(Path::new("/dev").join(&partition.disk))?;
    let mut table = [0; 512];
    disk.read_exact_at(&mut table, 0)?;
    let Some((table, extent)) = mbr::grown(&table, sectors(&partition.disk)?) else {
        return Ok(());
    };
    disk.write_all_at(&table, 0)?;
    disk.sync_all()?;
    resize_in_kernel(&disk, extent)?;
    journal::note(format!("data partition grown to {} MiB", extent.length / 2048));
    Ok(())
}

/// `struct blkpg_partition` and `struct blkpg_ioctl_arg` of linux/blkpg.h.
#[repr(C)]
struct BlkpgPartition {
    start: i64,
    length: i64,
    number: i32,
    names: [u8; 128],
}

#[repr(C)]
struct BlkpgArgument {
    operation: i32,
    flags: i32,
    length: i32,
    data: *const BlkpgPartition,
}

mod ioctl {
    nix::ioctl_write_ptr_bad!(
        /// `BLKPG` of linux/blkpg.h.
        blkpg, 0x1269, super::BlkpgArgument
    );
}

fn resize_in_kernel(disk: &File, extent: mbr::Extent) -> Result<()> {
    const RESIZE: i32 = 3;
    let partition = BlkpgPartition {
        start: i64::try_from(extent.start * 512)?,
        length: i64::try_from(extent.length * 512)?,
        number: i32::try_from(mbr::DATA)?,
        names: [0; 128],
    };
    let argument = BlkpgArgument {
        operation: RESIZE,
        flags: 0,
        length: i32::try_from(size_of::<BlkpgPartition>())?,
        data: &raw const partition,
    };
    // SAFETY: both structures are laid out as linux/blkpg.h has them and outlive the call.
    #[allow(unsafe_code)] // no safe wrapper of this ioctl exists
    unsafe { ioctl::blkpg(disk.as_raw_fd(), &raw const argument) }.context("telling the kernel")?;
    Ok(())
}

/// Size of a disk or partition in sectors of 512 octets.
pub(super) fn sectors(name: &str) -> Result<u64> {
    let path = Path::new(BLOCKS).join(name).join("size");
    fs::read_to_string(&path)?
        .trim()
        .parse()
        .with_context(|| path.display().to_string())
}

/// Checks the file system; quick when it was unmounted cleanly or its journal is whole.
///
/// # Errors
/// When it is so damaged that mounting it could lose more.
pub(super) fn check(partition: &DataPartition) -> Result<()> {
    // A third time, since a run that takes a copy of the superblock ends before the repair.
    for (step, option) in ["-p", "-fy", "-fy"].into_iter().enumerate() {
        // e2fsck(8): the exit code is a sum; 1 errors corrected, 2 restart advised, 4 errors left.
        let code = match run_checker(&partition.device(), option) {
            Ok(code) => code,
            Err(error) => {
                journal::warn(format!("{CHECKER}: {error}"));
                return Ok(()); // the kernel replays the journal by itself
            }
        };
        if code != 0 {
            journal::warn(format!("{CHECKER} {option}: {code}"));
        }
        if code & !3 == 0 {
            return Ok(());
        }
        if step == 0 {
            journal::warn("the data partition has errors; repairing what can be repaired");
        }
    }
    bail!("the card's data is damaged; keep the card, the mail may be saved")
}

/// The disk with the data partition, once that is mounted, such as `mmcblk0`.
pub(super) fn disk_of_data() -> Option<String> {
    let mounts = fs::read_to_string("/proc/self/mounts").ok()?;
    let mut lines = mounts.lines().map(|line| line.split(' '));
    let device = lines.find_map(|mut words| {
        let device = words.next()?.strip_prefix("/dev/")?;
        (words.next() == Some(layout::DATA_DIR)).then_some(device)
    })?;
    let place = fs::canonicalize(Path::new(BLOCKS).join(device)).ok()?;
    Some(place.parent()?.file_name()?.to_str()?.to_owned())
}

fn run_checker(device: &Path, option: &str) -> std::io::Result<i32> {
    let mut command = Command::new(CHECKER);
    command.arg(option).arg(device).env_clear().stdin(Stdio::null());
    let output = command.output()?;
    for line in String::from_utf8_lossy(&output.stdout)
        .lines()
        .chain(String::from_utf8_lossy(&output.stderr).lines())
    {
        journal::write("e2fsck", journal::Rank::Notice, line);
    }
    Ok(output.status.code().unwrap_or(128))
}

/// Mounts it and makes the folder of the mail server.
pub(super) fn mount_data(partition: &DataPartition) -> Result<()> {
    fs::create_dir_all(layout::DATA_DIR)?;
    let flags = MsFlags::MS_NOATIME | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    // Barriers and ordered data are the default; without them an fsync would promise too much.
    wait_for_driver();
    mount(
        Some(&partition.device()),
        layout::DATA_DIR,
        Some("ext4"),
        flags,
        Some("errors=remount-ro"),
    )
    .context("mounting the data partition")?;
    if let Err(error) = grow_file_system(partition) {
        journal::warn(format!("growing the file system: {error:#}"));
    }
    fs::create_dir_all(layout::MAIL_DIR)?;
    chown(layout::MAIL_DIR, Some(layout::SERVE_UID), Some(layout::SERVE_UID))?;
    fs::set_permissions(layout::MAIL_DIR, fs::Permissions::from_mode(0o700))?;
    Ok(())
}

/// The driver of ext4 may still be loading; without it mount(2) says ENODEV.
fn wait_for_driver() {
    let end = Instant::now() + WAIT_FOR_DRIVER;
    let loaded = || fs::read_to_string("/proc/filesystems").is_ok_and(|list| list.contains("\text4\n"));
    while !loaded() && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Compares sizes at every start, so that a power cut on the way costs nothing.
fn grow_file_system(partition: &DataPartition) -> Result<()> {
    let found = superblock(&partition.device())?;
    let octets = sectors(&partition.name)? * 512;
    if found.blocks * found.block_size + SLACK > octets {
        return Ok(());
    }
    ext4::resize(&File::open(layout::DATA_DIR)?, octets / found.block_size)?;
    journal::note(format!("file system grown to {} MiB", octets >> 20));
    Ok(())
}
