//! U-Boot's choice of the slot. Only its first words are waited for, not Linux.

use crate::{SOON, card_image, free_ports};
use anyhow::{Context, Result};
use board::layout::slots::{BLOCK, BootState, COPIES, Slot};
use image::card::partitions;
use image::emulator::{Emulator, Options, insert_card, wait_for};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

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
        emulator.pull_the_plug()?;
        let lines = said
            .lines()
            .filter_map(|line| line.split_once("system in partition ")?.1.trim().parse().ok());
        Ok(lines.collect())
    }

    fn write(&self, at: u64, octets: &[u8]) -> Result<()> {
        let file = File::options().write(true).open(&self.file)?;
        Ok(file.write_all_at(octets, at)?)
    }

    fn state(&self) -> Result<Option<BootState>> {
        let file = File::open(&self.file)?;
        let mut copies = [[0; BLOCK]; 2];
        for (copy, at) in copies.iter_mut().zip(COPIES) {
            file.read_exact_at(copy, at)?;
        }
        Ok(BootState::newest(&copies))
    }
}
