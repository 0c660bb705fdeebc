//! The card: partition table, boot state, three FAT volumes and the data partition.

use crate::fat::{self, Files};
use crate::tool;
use anyhow::{Context, Result, bail};
use board::layout::card::{ALIGN, DATA, DATA_LABEL, FIRMWARE, SLOT};
use board::layout::slots::{BLOCK, BootState, COPIES};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::process::Command;

const SECTOR: u64 = 512;
const ENTRY: usize = 16;
const TABLE_AT: usize = 446;
/// The data partition can grow to this by its file system's reserved descriptors.
const DATA_LIMIT: u64 = 1 << 40;
/// Journal of the data partition, in MiB: fixed when it is made, so sized for a grown card.
const JOURNAL_MIB: u32 = 16;

/// A partition's place on the card, in octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Partition {
    /// From the start of the card.
    pub start: u64,
    /// Its size.
    pub size: u64,
    kind: u8,
}

/// The four partitions, as built.
pub fn partitions() -> [Partition; 4] {
    let (fat, linux) = (0x0c, 0x83);
    let mut next = ALIGN;
    [(FIRMWARE, fat), (SLOT, fat), (SLOT, fat), (DATA, linux)].map(|(size, kind)| {
        let start = next;
        next = (start + size).next_multiple_of(ALIGN);
        Partition { start, size, kind }
    })
}

/// Size of the card as built.
pub fn size() -> u64 {
    partitions()
        .iter()
        .map(|partition| partition.start + partition.size)
        .max()
        .unwrap_or_default()
}

/// Writes a card image. It is sparse: parts that are zero take no room on the builder's disk.
pub fn write(out: &Path, firmware: &Files, slot: &Files) -> Result<()> {
    let mut file = File::options()
        .read(true)
        .write(true)
        .create(true)
        .truncate(true)
        .open(out)?;
    file.set_len(size())?;
    file.write_all(&partition_table(&partitions())?)?;
    for at in COPIES {
        file.seek(SeekFrom::Start(at))?;
        file.write_all(&BootState::AS_BUILT.encode())?;
    }
    let [one, two, three, data] = partitions();
    write_sparse(
        &mut file,
        one.start,
        &fat::volume(one.size, "PILLARBOX", firmware)?,
    )?;
    // Both slots hold the same system, so that a card with a bad spot in one still boots.
    write_sparse(&mut file, two.start, &fat::volume(two.size, "SLOT-A", slot)?)?;
    write_sparse(&mut file, three.start, &fat::volume(three.size, "SLOT-B", slot)?)?;
    file.sync_all()?;
    make_data(out, data)
}

/// Reads the FAT volume of a partition, numbered from 1, of a card image.
pub fn read_volume(card: &Path, number: usize) -> Result<Files> {
    let place = partitions()
        .into_iter()
        .nth(number - 1)
        .context("no such partition")?;
    let mut file = File::open(card).with_context(|| card.display().to_string())?;
    file.seek(SeekFrom::Start(place.start))?;
    let mut volume = vec![0; usize::try_from(place.size)?];
    file.read_exact(&mut volume)?;
    fat::files(&mut volume)
}

fn make_data(card: &Path, place: Partition) -> Result<()> {
    let block = 4096;
    let mut mke2fs = Command::new("mke2fs");
    mke2fs.env(
        "PATH",
        "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin",
    );
    mke2fs.args([
        "-q", "-F", "-t", "ext4", "-L", DATA_LABEL, "-m", "1", "-I", "256", "-i", "65536",
    ]);
    mke2fs.arg("-b").arg(block.to_string());
    mke2fs.arg("-J").arg(format!("size={JOURNAL_MIB}"));
    mke2fs.arg("-E").arg(format!(
        "offset={},resize={},root_owner=0:0,lazy_itable_init=0,lazy_journal_init=0,nodiscard",
        place.start,
        DATA_LIMIT / block
    ));
    mke2fs.arg(card).arg((place.size / block).to_string());
    tool::output(&mut mke2fs).map(drop)
}

/// An MBR. The firmware of the older boards knows no GPT.
fn partition_table(partitions: &[Partition; 4]) -> Result<[u8; 512]> {
    let mut sector = [0; BLOCK];
    let mut put = |at: usize, octets: &[u8]| {
        sector
            .iter_mut()
            .skip(at)
            .zip(octets)
            .for_each(|(to, from)| *to = *from);
    };
    put(440, &0x5042_5831_u32.to_le_bytes());
    for (index, partition) in partitions.iter().enumerate() {
        if !partition.start.is_multiple_of(ALIGN) {
            bail!("partition {} is not aligned", index + 1);
        }
        let active = if index == 0 { 0x80 } else { 0 };
        let no_chs = [0xfe, 0xff, 0xff];
        let at = TABLE_AT + index * ENTRY;
        put(at, &[active]);
        put(at + 1, &no_chs);
        put(at + 4, &[partition.kind]);
        put(at + 5, &no_chs);
        put(at + 8, &u32::try_from(partition.start / SECTOR)?.to_le_bytes());
        put(at + 12, &u32::try_from(partition.size / SECTOR)?.to_le_bytes());
    }
    put(510, &[0x55, 0xaa]);
    Ok(sector)
}

fn write_sparse(file: &mut File, start: u64, octets: &[u8]) -> Result<()> {
    const PIECE: usize = 64 << 10;
    for (index, piece) in octets.chunks(PIECE).enumerate() {
        if piece.iter().any(|octet| *octet != 0) {
            file.seek(SeekFrom::Start(start + (index * PIECE) as u64))?;
            file.write_all(piece)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn partitions_follow_each_other_after_the_gap_with_the_boot_state() {
        let places = partitions();
        assert!(
            COPIES
                .iter()
                .all(|at| *at >= SECTOR && at + BLOCK as u64 <= places[0].start)
        );
        for pair in places.windows(2) {
            assert!(pair[0].start + pair[0].size <= pair[1].start);
        }
        assert!(size() < 500 << 20);
    }

    #[test]
    fn the_table_says_what_the_layout_says() {
        let table = partition_table(&partitions()).unwrap();
        let entry = &table[446..462];
        assert_eq!(entry[0], 0x80, "the firmware partition is the active one");
        assert_eq!(entry[4], 0x0c);
        assert_eq!(entry[8..12], 8192_u32.to_le_bytes());
        assert_eq!(entry[12..16], (64 * 2048_u32).to_le_bytes());
        assert_eq!(table[446 + 48 + 4], 0x83);
        assert_eq!(table[510..], [0x55, 0xaa]);
    }

    #[test]
    fn a_written_card_has_its_files_its_state_and_a_clean_data_partition() {
        let folder = tempfile::tempdir().unwrap();
        let card = folder.path().join("card.img");
        let firmware = Files::from([("config.txt".to_owned(), b"x".to_vec())]);
        let slot = Files::from([("kernel.gz".to_owned(), vec![9; 100_000])]);
        write(&card, &firmware, &slot).unwrap();
        assert_eq!(read_volume(&card, 1).unwrap(), firmware);
        assert_eq!(read_volume(&card, 2).unwrap(), slot);
        assert_eq!(read_volume(&card, 3).unwrap(), slot);

        let octets = std::fs::read(&card).unwrap();
        assert_eq!(octets.len() as u64, size());
        let copies = COPIES.map(|at| {
            let at = usize::try_from(at).unwrap();
            octets[at..at + BLOCK].try_into().unwrap()
        });
        assert_eq!(BootState::newest(&copies), Some(BootState::AS_BUILT));
        let super_block = usize::try_from(partitions()[3].start).unwrap() + 1024;
        assert_eq!(
            octets[super_block + 56..super_block + 58],
            [0x53, 0xef],
            "ext4's magic"
        );
        assert_eq!(octets[super_block + 58], 1, "clean");
        assert_eq!(
            &octets[super_block + 120..super_block + 134],
            DATA_LABEL.as_bytes()
        );
    }
}
