//! What a card looks like from outside after a board has run from it.

use anyhow::{Context, Result, ensure};
use std::path::Path;
use std::process::Command;

const SECTOR: u64 = 512;

/// The data partition reaches to the end of the card, its file system fills it, and it was let go of
/// cleanly and has no fault.
pub fn is_clean_and_has_grown(state: &Path) -> Result<()> {
    let card = state.join("card.img");
    let size = std::fs::metadata(&card)?.len();
    let (start, length) = fourth_partition(&card)?;
    ensure!(
        start + length == size,
        "the data partition ends at {} of {size}",
        start + length
    );

    let data = state.join("data.raw");
    let block = 1 << 20;
    run(Command::new("dd")
        .args(["status=none", "conv=sparse", &format!("bs={block}")])
        .arg(format!("skip={}", start / block))
        .arg(format!("if={}", card.display()))
        .arg(format!("of={}", data.display())))?;
    let header = run(sbin("dumpe2fs").arg("-h").arg(&data))?;
    let number = |key: &str| -> Result<u64> {
        let line = header
            .lines()
            .find_map(|line| line.strip_prefix(key))
            .context("a short header")?;
        Ok(line.trim().parse()?)
    };
    let filled = number("Block count:")? * number("Block size:")?;
    ensure!(
        filled > length - (8 << 20),
        "the file system has {filled} of {length} octets"
    );
    let state = header
        .lines()
        .find(|line| line.starts_with("Filesystem state:"))
        .unwrap_or_default();
    ensure!(state.ends_with(" clean"), "{state}");
    ensure!(!header.contains("needs_recovery"), "the card was not let go of");
    run(sbin("e2fsck").args(["-f", "-n"]).arg(&data)).map(drop)
}

/// Start and length in octets.
fn fourth_partition(card: &Path) -> Result<(u64, u64)> {
    let octets = {
        use std::io::Read;
        let mut first = [0; 512];
        std::fs::File::open(card)?.read_exact(&mut first)?;
        first
    };
    let entry = &octets[446 + 3 * 16..][..16];
    let sectors =
        |at: usize| -> Result<u64> { Ok(u64::from(u32::from_le_bytes(entry[at..at + 4].try_into()?))) };
    Ok((sectors(8)? * SECTOR, sectors(12)? * SECTOR))
}

fn sbin(name: &str) -> Command {
    let mut command = Command::new(name);
    command.env("PATH", "/usr/sbin:/sbin:/usr/bin:/bin");
    command
}

fn run(command: &mut Command) -> Result<String> {
    let done = command.output()?;
    let words = String::from_utf8_lossy(&done.stdout).into_owned();
    let errors = String::from_utf8_lossy(&done.stderr);
    ensure!(
        done.status.success(),
        "{:?}: {}\n{words}{errors}",
        command.get_program(),
        done.status
    );
    Ok(words)
}
