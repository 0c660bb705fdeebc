//! The thread that looks after USB sticks: a stick may take its time to answer, and init must not wait
//! for it. Sticks are looked at when they are plugged in; only those that were chosen are mounted.

use super::volume::{self, Kind, Volume};
use super::{disk, journal};
use crate::layout;
use crate::wire::{Stick, StickState};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::os::unix::fs::{FileExt, PermissionsExt, lchown};
use std::path::Path;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// Between two looks at what is plugged in.
const LOOK: Duration = Duration::from_secs(1);
/// Sticks that are looked at at a time, and that may be chosen.
const MOST: usize = 16;
/// `MS_NOSYMFOLLOW` of linux/mount.h: a stick must not lead to anywhere else.
const NO_SYMBOLIC_LINKS: MsFlags = MsFlags::from_bits_retain(256);

/// The thread's near end.
#[derive(Debug)]
pub(super) struct Sticks {
    orders: Sender<Vec<String>>,
    news: Receiver<Vec<Stick>>,
}

impl Sticks {
    pub fn start() -> Sticks {
        let (orders, inbox) = channel();
        let (told, news) = channel();
        let spawned = std::thread::Builder::new()
            .name("sticks".into())
            .spawn(move || look_after(&inbox, &told));
        if let Err(error) = spawned {
            journal::warn(format!("no thread for USB sticks: {error}"));
        }
        Sticks { orders, news }
    }

    /// Mounts the sticks with these ids, now and whenever they are plugged in.
    pub fn use_these(&self, ids: Vec<String>) {
        let _ = self.orders.send(ids); // an error: there is no thread, which was said
    }

    /// The sticks that are plugged in, if that changed.
    pub fn news(&self) -> Option<Vec<Stick>> {
        self.news.try_iter().last()
    }
}

/// A disk or partition. A stick that is plugged in again is another device.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Device {
    /// Such as `sda1`.
    name: String,
    /// The kernel's number of the disk, never given twice.
    sequence: String,
    octets: u64,
}

/// A device, what is on it, and what was made of it.
struct Known {
    device: Device,
    kind: Option<Kind>,
    stick: Stick,
}

fn look_after(orders: &Receiver<Vec<String>>, told: &Sender<Vec<Stick>>) {
    let mut chosen: BTreeSet<String> = BTreeSet::new();
    let mut known: Vec<Known> = Vec::new();
    let mut last = Vec::new();
    loop {
        match orders.recv_timeout(LOOK) {
            Ok(ids) => {
                for one in known.iter_mut().filter(|one| ids.contains(&one.stick.id)) {
                    // What failed is tried once more.
                    if one.kind.is_some() && one.stick.state != StickState::Mounted {
                        one.stick.state = StickState::Seen;
                    }
                }
                chosen = ids.into_iter().take(MOST).collect(); // whatever was chosen before
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return,
        }
        take_in(&mut known, devices());
        for one in &mut known {
            if one.stick.state == StickState::Seen && chosen.contains(&one.stick.id) {
                one.stick.state = match put_up(one) {
                    Ok(()) => StickState::Mounted,
                    Err(words) => StickState::Failed(words),
                };
                journal::note(format!("USB stick {}: {:?}", one.stick.id, one.stick.state));
            }
        }
        let list: Vec<Stick> = known.iter().map(|one| one.stick.clone()).collect();
        if list != last {
            if told.send(list.clone()).is_err() {
                return;
            }
            last = list;
        }
    }
}

/// Lets go of what is gone and looks at what is new.
fn take_in(known: &mut Vec<Known>, devices: Vec<Device>) {
    known.retain(|one| {
        let here = devices.contains(&one.device);
        if !here {
            journal::note(format!("USB stick {} was pulled out", one.stick.id));
            if one.stick.state == StickState::Mounted {
                take_down(&one.stick.id);
            }
        }
        here
    });
    for device in devices {
        if known.len() < MOST && !known.iter().any(|one| one.device == device) {
            let mut one = look(device);
            if known.iter().any(|other| other.stick.id == one.stick.id) {
                one.stick.state = StickState::Failed("a copy of another stick".to_owned());
                one.stick.id = format!("copy-{}", one.device.name);
                one.kind = None;
            }
            journal::note(format!("USB stick {}: {:?}", one.stick.id, one.stick.state));
            known.push(one);
        }
    }
}

fn look(device: Device) -> Known {
    let file = File::open(Path::new("/dev").join(&device.name));
    let found = match &file {
        Ok(file) => volume::look(|buffer, at| file.read_exact_at(buffer, at)),
        Err(error) => Err(format!("it cannot be opened ({error})")),
    };
    let (kind, id, label, state) = match found {
        Ok(volume) if volume.label == layout::card::DATA_LABEL => {
            let words = "it is the card of a Pillarbox".to_owned();
            (None, id_of(&volume), volume.label, StickState::Failed(words))
        }
        Ok(volume) => (Some(volume.kind), id_of(&volume), volume.label, StickState::Seen),
        Err(words) => (
            None,
            format!("unknown-{}", device.name),
            String::new(),
            StickState::Failed(words),
        ),
    };
    Known {
        stick: Stick {
            id,
            label,
            system: kind.map_or("unknown", Kind::name).to_owned(),
            size: device.octets,
            state,
        },
        device,
        kind,
    }
}

fn id_of(volume: &Volume) -> String {
    format!("{}-{}", volume.kind.name(), volume.id)
}

/// Disks on USB, by their partitions where they have any, without the one with the data partition.
fn devices() -> Vec<Device> {
    let Ok(entries) = fs::read_dir(disk::BLOCKS) else {
        return Vec::new();
    };
    let own = disk::disk_of_data();
    let mut found: Vec<Device> = entries
        .flatten()
        .filter_map(|entry| {
            let place = fs::canonicalize(entry.path()).ok()?;
            if !place.to_str()?.contains("/usb") {
                return None;
            }
            let name = entry.file_name().into_string().ok()?;
            let is_partition = place.join("partition").exists();
            let disk = if is_partition { place.parent()? } else { &place };
            if own.as_deref() == disk.file_name()?.to_str() || (!is_partition && has_partitions(&place)) {
                return None;
            }
            let sequence = fs::read_to_string(disk.join("diskseq")).unwrap_or_default();
            let octets = disk::sectors(&name).ok()?.checked_mul(512)?;
            (octets > 0).then_some(Device {
                name,
                sequence,
                octets,
            })
        })
        .collect();
    found.sort_by(|one, other| one.name.cmp(&other.name));
    found
}

fn has_partitions(disk: &Path) -> bool {
    fs::read_dir(disk).is_ok_and(|entries| {
        entries
            .flatten()
            .any(|entry| entry.path().join("partition").exists())
    })
}

/// Mounts a stick and makes the folder for the mail server on it.
fn put_up(one: &Known) -> Result<(), String> {
    let kind = one.kind.ok_or("it has no file system")?;
    let device = Path::new("/dev").join(&one.device.name);
    let at = Path::new(layout::STICKS_DIR).join(&one.stick.id);
    let at = at.as_path();
    fs::create_dir_all(at).map_err(|error| error.to_string())?;
    let flags =
        MsFlags::MS_NOATIME | MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC | NO_SYMBOLIC_LINKS;
    let owner = layout::SERVE_UID;
    let options = match kind {
        // The kernel plays its journal. No e2fsck: init buries every child, and would take its result.
        Kind::Ext4 => "errors=remount-ro".to_owned(),
        // These file systems know no owners.
        Kind::Vfat | Kind::Exfat => format!("uid={owner},gid={owner},umask=0077,errors=remount-ro"),
    };
    let mounted = mount(
        Some(&device),
        at,
        Some(kind.name()),
        flags,
        Some(options.as_str()),
    );
    if let Err(error) = mounted {
        let _ = fs::remove_dir(at);
        return Err(format!("it cannot be mounted ({})", error.desc()));
    }
    give_folder(&layout::stick_dir(&one.stick.id)).map_err(|error| {
        take_down(&one.stick.id);
        format!("nothing can be written to it ({error})")
    })
}

fn give_folder(folder: &Path) -> std::io::Result<()> {
    if let Err(error) = fs::create_dir(folder)
        && error.kind() != std::io::ErrorKind::AlreadyExists
    {
        return Err(error);
    }
    // Of another stick's maker it might be a link to anywhere.
    let facts = fs::symlink_metadata(folder)?;
    if !facts.is_dir() {
        return Err(std::io::ErrorKind::NotADirectory.into());
    }
    use std::os::unix::fs::MetadataExt;
    if facts.uid() != layout::SERVE_UID {
        lchown(folder, Some(layout::SERVE_UID), Some(layout::SERVE_UID))?;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

fn take_down(id: &str) {
    let at = Path::new(layout::STICKS_DIR).join(id);
    // Files on it that are open are let go of by and by.
    if let Err(error) = umount2(&at, MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW) {
        journal::warn(format!("unmounting {}: {error}", at.display()));
    }
    let _ = fs::remove_dir(at);
}

/// Before the end: lets go of every stick.
pub(super) fn release() {
    for entry in fs::read_dir(layout::STICKS_DIR).into_iter().flatten().flatten() {
        let _ = umount2(&entry.path(), MntFlags::UMOUNT_NOFOLLOW);
    }
}
