//! What is on a USB stick: the kind, id and label of its file system. A few sectors are read, nothing
//! of them is believed but numbers within bounds.

use super::ext4;
use std::io;

/// Octets of a sector, wherever one is counted here.
const SECTOR: u64 = 512;
/// Characters of a label that are shown.
const LABEL: usize = 32;

/// A file system that can be mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Volume {
    pub kind: Kind,
    /// Lower-case hex digits and hyphens.
    pub id: String,
    /// Without control characters; may be empty.
    pub label: String,
}

/// As mount(2) names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Ext4,
    Vfat,
    Exfat,
}

impl Kind {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ext4 => "ext4",
            Self::Vfat => "vfat",
            Self::Exfat => "exfat",
        }
    }
}

/// Looks at a disk or partition; `read` fills the buffer from an offset. Why it is of no use, in
/// words, where it is of none.
pub(super) fn look(read: impl Fn(&mut [u8], u64) -> io::Result<()>) -> Result<Volume, String> {
    let unreadable = |error: io::Error| format!("it cannot be read ({error})");
    let mut first = [0; 512];
    read(&mut first, 0).map_err(unreadable)?;
    let name = first.get(3..11).unwrap_or_default();
    if name == b"NTFS    " {
        return Err("it has NTFS, which Windows writes: give it exFAT or FAT32".to_owned());
    }
    let found = if name == b"EXFAT   " {
        exfat(&first, &read)
    } else {
        fat(&first, &read)
    };
    if let Some(volume) = found {
        return Ok(volume);
    }
    let mut superblock = vec![0; ext4::SUPERBLOCK_LENGTH];
    // What is too short for one has none.
    if read(&mut superblock, ext4::SUPERBLOCK_AT).is_ok()
        && let Some(found) = ext4::parse(&superblock)
    {
        return Ok(Volume {
            kind: Kind::Ext4,
            id: found.uuid,
            label: clean(&found.label),
        });
    }
    Err("it has no file system that is known here: give it exFAT, FAT32 or ext4".to_owned())
}

// Microsoft's "FAT: General Overview of On-Disk Format" 1.03; offsets of FAT12/16 and of FAT32.
fn fat(first: &[u8], read: &impl Fn(&mut [u8], u64) -> io::Result<()>) -> Option<Volume> {
    if first.get(510..512)? != [0x55, 0xaa] {
        return None;
    }
    let small = matches!(first.get(54..62)?, b"FAT12   " | b"FAT16   ");
    if !small && first.get(82..90)? != b"FAT32   " {
        return None;
    }
    let sector = u64::from(half(first, 11)?);
    if !matches!(sector, 512 | 1024 | 2048 | 4096) {
        return None;
    }
    let (serial, label) = if small { (39, 43) } else { (67, 71) };
    let reserved = u64::from(half(first, 14)?);
    let tables = u64::from(*first.get(16)?);
    let length = if small {
        u64::from(half(first, 22)?)
    } else {
        u64::from(word(first, 36)?)
    };
    // The root folder: after the tables; of FAT32 at its cluster, of which the second is the first.
    let beyond = if small {
        0
    } else {
        u64::from(word(first, 44)?.checked_sub(2)?) * u64::from(*first.get(13)?)
    };
    let root = (reserved + tables * length + beyond) * sector;
    let named = first.get(label..label + 11)?;
    let named = in_root(read, root, 0x20, |entry| {
        // DIR_Attr: the volume's own, and no piece of a long name.
        let own = entry.get(11).is_some_and(|attributes| attributes & 0x3f == 0x08);
        own.then(|| entry.get(..11).unwrap_or_default().to_vec())
    })
    .unwrap_or_else(|| named.to_vec());
    let named = match named.as_slice() {
        b"NO NAME    " => String::new(),
        named => clean(&String::from_utf8_lossy(named)),
    };
    Some(Volume {
        kind: Kind::Vfat,
        id: format!("{:08x}", word(first, serial)?),
        label: named,
    })
}

// Microsoft's "exFAT file system specification" 3.1 and 7.3.
fn exfat(first: &[u8], read: &impl Fn(&mut [u8], u64) -> io::Result<()>) -> Option<Volume> {
    let sector = u32::from(*first.get(108)?);
    let cluster = u32::from(*first.get(109)?);
    if !(9..=12).contains(&sector) || cluster > 25 - sector {
        return None;
    }
    let heap = u64::from(word(first, 88)?) << sector;
    let root = heap + (u64::from(word(first, 96)?.checked_sub(2)?) << (sector + cluster));
    let named = in_root(read, root, 0x20, |entry| {
        let length = usize::from(*entry.get(1)?).min(11);
        let name = entry.get(2..2 + 2 * length)?;
        (entry.first() == Some(&0x83)).then(|| name.to_vec())
    });
    let letters = named.unwrap_or_default();
    let letters = letters
        .as_chunks::<2>()
        .0
        .iter()
        .map(|pair| u16::from_le_bytes(*pair));
    let named: String = char::decode_utf16(letters)
        .map(|letter| letter.unwrap_or('\u{fffd}'))
        .collect();
    Some(Volume {
        kind: Kind::Exfat,
        id: format!("{:08x}", word(first, 100)?),
        label: clean(&named),
    })
}

// The first entry of the root folder's first sector that `found` takes.
fn in_root<T>(
    read: &impl Fn(&mut [u8], u64) -> io::Result<()>,
    at: u64,
    length: usize,
    found: impl Fn(&[u8]) -> Option<T>,
) -> Option<T> {
    let mut sector = vec![0; usize::try_from(SECTOR).ok()?];
    read(&mut sector, at).ok()?;
    sector
        .chunks_exact(length)
        .take_while(|entry| entry.first() != Some(&0))
        .find_map(found)
}

fn half(octets: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(octets.get(at..at + 2)?.try_into().ok()?))
}

fn word(octets: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(octets.get(at..at + 4)?.try_into().ok()?))
}

fn clean(label: &str) -> String {
    let label = label.trim_matches([' ', '\0']);
    label
        .chars()
        .map(|c| if c.is_control() { '\u{fffd}' } else { c })
        .take(LABEL)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_from(disk: &[u8]) -> impl Fn(&mut [u8], u64) -> io::Result<()> {
        |buffer, at| {
            let at = usize::try_from(at).map_err(io::Error::other)?;
            let from = disk.get(at..).and_then(|rest| rest.get(..buffer.len()));
            let from = from.ok_or(io::ErrorKind::UnexpectedEof)?;
            buffer.copy_from_slice(from);
            Ok(())
        }
    }

    fn look_at(disk: &[u8]) -> Result<Volume, String> {
        look(read_from(disk))
    }

    fn put(disk: &mut [u8], at: usize, octets: &[u8]) {
        disk[at..at + octets.len()].copy_from_slice(octets);
    }

    fn fat32() -> Vec<u8> {
        let mut disk = vec![0; 64 << 10];
        put(&mut disk, 11, &512_u16.to_le_bytes());
        disk[13] = 8; // sectors of a cluster
        put(&mut disk, 14, &32_u16.to_le_bytes());
        disk[16] = 2; // tables
        put(&mut disk, 36, &10_u32.to_le_bytes());
        put(&mut disk, 44, &3_u32.to_le_bytes());
        put(&mut disk, 67, &0x1234_abcd_u32.to_le_bytes());
        put(&mut disk, 71, b"NO NAME    ");
        put(&mut disk, 82, b"FAT32   ");
        put(&mut disk, 510, &[0x55, 0xaa]);
        // A piece of a long name, a folder, the label.
        let root = (32 + 2 * 10 + 8) * 512;
        put(&mut disk, root, b"Along name \x0f");
        put(&mut disk, root + 32, b"FOLDER     \x10");
        put(&mut disk, root + 64, b"PLANS      \x08");
        disk
    }

    fn exfat_disk() -> Vec<u8> {
        let mut disk = vec![0; 64 << 10];
        put(&mut disk, 3, b"EXFAT   ");
        put(&mut disk, 88, &16_u32.to_le_bytes());
        put(&mut disk, 96, &4_u32.to_le_bytes());
        put(&mut disk, 100, &0xfeed_0001_u32.to_le_bytes());
        disk[108] = 9;
        disk[109] = 3;
        put(&mut disk, 510, &[0x55, 0xaa]);
        let root = 16 * 512 + 2 * 4096;
        put(&mut disk, root, &[0x81]);
        put(&mut disk, root + 32, &[0x83, 5]);
        for (at, letter) in "Pläne".encode_utf16().enumerate() {
            put(&mut disk, root + 34 + 2 * at, &letter.to_le_bytes());
        }
        disk
    }

    fn volume(kind: Kind, id: &str, label: &str) -> Volume {
        Volume {
            kind,
            id: id.to_owned(),
            label: label.to_owned(),
        }
    }

    #[test]
    fn kind_id_and_label_are_read() {
        assert_eq!(look_at(&fat32()), Ok(volume(Kind::Vfat, "1234abcd", "PLANS")));
        let mut unnamed = fat32();
        unnamed[(32 + 2 * 10 + 8) * 512] = 0;
        assert_eq!(look_at(&unnamed), Ok(volume(Kind::Vfat, "1234abcd", "")));
        assert_eq!(
            look_at(&exfat_disk()),
            Ok(volume(Kind::Exfat, "feed0001", "Pläne"))
        );
        let mut fat16 = vec![0; 64 << 10];
        put(&mut fat16, 11, &512_u16.to_le_bytes());
        put(&mut fat16, 14, &1_u16.to_le_bytes());
        fat16[16] = 2;
        put(&mut fat16, 22, &8_u16.to_le_bytes());
        put(&mut fat16, 39, &7_u32.to_le_bytes());
        put(&mut fat16, 43, b"OLD STICK  ");
        put(&mut fat16, 54, b"FAT16   ");
        put(&mut fat16, 510, &[0x55, 0xaa]);
        assert_eq!(look_at(&fat16), Ok(volume(Kind::Vfat, "00000007", "OLD STICK")));
    }

    #[test]
    fn what_is_of_no_use_says_why() {
        let mut ntfs = vec![0; 4096];
        put(&mut ntfs, 3, b"NTFS    ");
        assert!(look_at(&ntfs).unwrap_err().contains("NTFS"));
        for nothing in [vec![0; 4096], vec![0xff; 4096]] {
            assert!(look_at(&nothing).unwrap_err().contains("no file system"));
        }
        assert!(look_at(&[]).unwrap_err().contains("cannot be read"));
    }

    #[test]
    fn nonsense_is_survived() {
        // Every octet of the first sector at its extremes: no overflow, no reading without bounds.
        for disk in [fat32(), exfat_disk()] {
            for at in 0..512 {
                for odd in [0, 1, 0x7f, 0xff] {
                    let mut disk = disk.clone();
                    disk[at] = odd;
                    if let Ok(volume) = look_at(&disk) {
                        assert!(volume.id.len() == 8 && volume.label.chars().count() <= LABEL);
                    }
                }
            }
            let mut disk = disk;
            disk[11..90].fill(0xff);
            let _ = look_at(&disk);
        }
    }
}
