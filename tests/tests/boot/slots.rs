//! U-Boot's choice of the slot. Only its first words are waited for, not Linux.

use crate::{SOON, card_image, free_ports};
use anyhow::{Context, Result, ensure};
use board::layout::slots::{BLOCK, BootState, COPIES, Slot};
use image::card::partitions;
use image::emulator::{Emulator, Options, insert_card, wait_for};
use std::path::{Path, PathBuf};
use std::process::Command;

#[test]
fn a_new_system_is_tried_as_often_as_said_and_then_the_old_one_returns() -> Result<()> {
    let card = Card::new()?;
    let old = BootState {
        sequence: 7,
        good: Slot::A,
        trying: Some((Slot::B, 2)),
    };
    card.write(COPIES[1], &old.encode())?;
    let tried = |left| BootState {
        trying: Some((Slot::B, left)),
        ..old
    };
    for (sequence, left) in [(8, 1), (9, 0)] {
        assert_eq!(card.boot()?, [3]);
        let expected = BootState {
            sequence,
            ..tried(left)
        };
        assert_eq!(card.state()?, Some(expected));
    }
    assert_eq!(card.boot()?, [2]);
    assert_eq!(
        card.state()?,
        Some(BootState {
            sequence: 9,
            ..tried(0)
        })
    );
    Ok(())
}

#[test]
fn the_newer_whole_copy_counts_and_without_any_the_first_slot_starts() -> Result<()> {
    let card = Card::new()?;
    let newer = BootState {
        sequence: 2,
        good: Slot::B,
        trying: None,
    };
    card.write(COPIES[1], &newer.encode())?;
    assert_eq!(card.boot()?, [3]);
    let mut torn = newer.encode();
    torn[BLOCK - 1] ^= 1;
    card.write(COPIES[1], &torn)?;
    assert_eq!(card.boot()?, [2], "the first copy is as built");
    card.write(COPIES[0], &torn)?;
    assert_eq!(card.boot()?, [2]);
    Ok(())
}

#[test]
fn a_slot_that_cannot_be_read_gives_way_to_the_other() -> Result<()> {
    let card = Card::new()?;
    card.write(partitions()[1].start, &[0; BLOCK])?;
    let started = card.boot_until("Starting kernel")?;
    assert_eq!(started, [2, 3]);
    Ok(())
}

/// A card of its own, in no board yet.
struct Card {
    folder: tempfile::TempDir,
    file: PathBuf,
}

impl Card {
    fn new() -> Result<Card> {
        let folder = tempfile::tempdir()?;
        let file = insert_card(&card_image(), folder.path(), true)?;
        Ok(Card { folder, file })
    }

    /// The partitions that U-Boot started from, until it loads from one.
    fn boot(&self) -> Result<Vec<u32>> {
        self.boot_until("Pillarbox: starting the system in partition")
    }

    fn boot_until(&self, words: &str) -> Result<Vec<u32>> {
        let options = Options {
            card: card_image(),
            state: self.folder.path().to_path_buf(),
            fresh: false,
            port_base: free_ports()?,
        };
        let emulator = Emulator::start(&options)?;
        let said = wait_for("U-Boot", SOON, || {
            let log = emulator.serial();
            Ok(log
                .split_once(words)
                .and_then(|(_, rest)| rest.contains('\n').then_some(log.clone())))
        });
        let said = said.with_context(|| emulator.serial())?;
        emulator.stop()?;
        let lines = said
            .lines()
            .filter_map(|line| line.split_once("system in partition ")?.1.trim().parse().ok());
        Ok(lines.collect())
    }

    fn write(&self, at: u64, octets: &[u8]) -> Result<()> {
        let data = self.folder.path().join("octets");
        std::fs::write(&data, octets)?;
        self.qemu_io(&format!("write -s {} {at} {}", data.display(), octets.len()))
            .map(drop)
    }

    fn state(&self) -> Result<Option<BootState>> {
        let mut copies = [[0; BLOCK]; 2];
        for (copy, at) in copies.iter_mut().zip(COPIES) {
            let dump = self.qemu_io(&format!("read -v {at} {BLOCK}"))?;
            let octets: Vec<u8> = dump.lines().flat_map(dumped).collect();
            *copy = octets.try_into().ok().context("a short dump")?;
        }
        Ok(BootState::newest(&copies))
    }

    fn qemu_io(&self, command: &str) -> Result<String> {
        let file: &Path = &self.file;
        let done = Command::new("qemu-io")
            .arg("-c")
            .arg(command)
            .arg(file)
            .output()?;
        let words = String::from_utf8_lossy(&done.stdout).into_owned();
        ensure!(
            done.status.success(),
            "{command}: {words}{}",
            String::from_utf8_lossy(&done.stderr)
        );
        Ok(words)
    }
}

/// The octets of a line such as `00100000:  50 42 58 53  PBXS`.
fn dumped(line: &str) -> Vec<u8> {
    let Some((address, rest)) = line.split_once(":  ") else {
        return Vec::new();
    };
    if u64::from_str_radix(address, 16).is_err() {
        return Vec::new();
    }
    rest.split(' ')
        .take(16)
        .map_while(|word| u8::from_str_radix(word, 16).ok())
        .collect()
}
