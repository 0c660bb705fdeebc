//! What a card looks like from outside after a board has run from it.

use anyhow::{Context, Result, ensure};
use std::path::{Path, PathBuf};
use std::process::Command;

const SECTOR: u64 = 512;
const MIB: u64 = 1 << 20;

/// The board let go of the data partition before it ended, and it has grown.
pub fn is_clean_and_has_grown(state: &Path) -> Result<()> {
    let data = data_partition(state)?;
    let header = header(&data)?;
    let said = header.lines().find(|line| line.starts_with("Filesystem state:"));
    let said = said.unwrap_or_default();
    ensure!(said.ends_with(" clean"), "{said}");
    ensure!(!header.contains("needs_recovery"), "the card was not let go of");
    has_grown(state)
}

/// The data partition reaches to the end of the card and its file system fills it. Once its journal is
/// played it has no fault, wherever the plug was pulled.
pub fn has_grown(state: &Path) -> Result<()> {
    let data = data_partition(state)?;
    let length = std::fs::metadata(&data)?.len();
    // Exit status 1 says that the journal was played.
    sbin("e2fsck").arg("-p").arg(&data).output()?;
    run(sbin("e2fsck").args(["-f", "-n"]).arg(&data))?;
    let header = header(&data)?;
    let number = |key: &str| -> Result<u64> {
        let value = header.lines().find_map(|line| line.strip_prefix(key));
        Ok(value.context("a short header")?.trim().parse()?)
    };
    let filled = number("Block count:")? * number("Block size:")?;
    ensure!(
        filled > length - (8 << 20),
        "the file system has {filled} of {length} octets"
    );
    Ok(())
}

/// A copy of the data partition, which must end where the card does.
fn data_partition(state: &Path) -> Result<PathBuf> {
    let card = state.join("card.img");
    let size = std::fs::metadata(&card)?.len();
    let (start, length) = fourth_partition(&card)?;
    let end = start + length;
    ensure!(end == size, "the data partition ends at {end} of {size}");
    let data = state.join("data.raw");
    run(Command::new("dd")
        .args(["status=none", "conv=sparse", &format!("bs={MIB}")])
        .arg(format!("skip={}", start / MIB))
        .arg(format!("if={}", card.display()))
        .arg(format!("of={}", data.display())))?;
    Ok(data)
}

fn header(data: &Path) -> Result<String> {
    run(sbin("dumpe2fs").arg("-h").arg(data))
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
