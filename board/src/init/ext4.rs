//! What init must know of ext4: its label, its id, its size, and how to make it grow while mounted.

use std::fmt::Write as _;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;

/// Where the superblock is, and how much of it is read.
pub(super) const SUPERBLOCK_AT: u64 = 1024;
pub(super) const SUPERBLOCK_LENGTH: usize = 1024;

const INCOMPAT_64BIT: u32 = 0x80;

/// The parts of a superblock that matter here (kernel: Documentation/filesystems/ext4/super.rst).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Superblock {
    pub label: String,
    /// 32 hex digits.
    pub uuid: String,
    pub blocks: u64,
    /// Octets.
    pub block_size: u64,
}

/// Reads a superblock; none if this is not ext4.
pub(super) fn parse(octets: &[u8]) -> Option<Superblock> {
    let word =
        |at: usize| -> Option<u32> { Some(u32::from_le_bytes(octets.get(at..at + 4)?.try_into().ok()?)) };
    if octets.get(0x38..0x3a)? != [0x53, 0xef] {
        return None;
    }
    let label = octets.get(0x78..0x88)?.split(|octet| *octet == 0).next()?;
    let uuid = octets
        .get(0x68..0x78)?
        .iter()
        .fold(String::new(), |mut text, octet| {
            let _ = write!(text, "{octet:02x}"); // writing to a String cannot fail
            text
        });
    let high = if word(0x60)? & INCOMPAT_64BIT != 0 {
        word(0x150)?
    } else {
        0
    };
    Some(Superblock {
        label: String::from_utf8_lossy(label).into_owned(),
        uuid,
        blocks: u64::from(high) << 32 | u64::from(word(0x4)?),
        block_size: 1024_u64
            .checked_shl(word(0x18)?)
            .filter(|size| (1024..=65536).contains(size))?,
    })
}

mod ioctl {
    nix::ioctl_write_ptr!(
        /// `EXT4_IOC_RESIZE_FS` of the kernel's ext4.h: the new size in blocks.
        resize, b'f', 16, u64
    );
}

/// Grows the mounted file system that `root` is open on.
pub(super) fn resize(root: &File, blocks: u64) -> io::Result<()> {
    // SAFETY: the kernel reads one u64 from a pointer that is valid during the call.
    #[allow(unsafe_code)] // no safe wrapper of this ioctl exists
    unsafe { ioctl::resize(root.as_raw_fd(), &raw const blocks) }?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn superblock() -> Vec<u8> {
        let mut octets = vec![0; SUPERBLOCK_LENGTH];
        octets[0x4..0x8].copy_from_slice(&16_384_u32.to_le_bytes());
        octets[0x18] = 2;
        octets[0x38..0x3a].copy_from_slice(&[0x53, 0xef]);
        octets[0x68] = 0xab;
        octets[0x78..0x86].copy_from_slice(b"pillarbox-data");
        octets[0x150] = 1;
        octets
    }

    #[test]
    fn size_and_label_are_read() {
        let mut octets = superblock();
        let expected = Superblock {
            label: crate::layout::card::DATA_LABEL.into(),
            uuid: format!("ab{}", "0".repeat(30)),
            blocks: 16_384,
            block_size: 4096,
        };
        assert_eq!(parse(&octets), Some(expected.clone()));
        octets[0x60] = 0x80;
        assert_eq!(
            parse(&octets).unwrap().blocks,
            (1 << 32) + 16_384,
            "64-bit file systems"
        );
    }

    #[test]
    fn other_things_are_not_ext4() {
        let mut octets = superblock();
        octets[0x38] = 0;
        assert_eq!(parse(&octets), None);
        assert_eq!(parse(&superblock()[..100]), None);
        let mut odd = superblock();
        odd[0x18] = 40;
        assert_eq!(parse(&odd), None);
    }
}
