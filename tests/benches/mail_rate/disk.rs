//! What reaches the disk, as the kernel counts it for the whole device: the file system's own writes
//! included, and those of everything else that runs.

use anyhow::{Context, Result};
use std::ops::{Add, Sub};
use std::os::unix::fs::MetadataExt;

/// Octets written, and how often the device was told to make them last.
#[derive(Debug, Clone, Copy, Default)]
pub struct Written {
    octets: u64,
    flushes: u64,
}

/// Since the machine's start, of the disk that holds the temporary folder; everything that waits is
/// written first. Zero where that is no disk.
pub fn written() -> Result<Written> {
    nix::unistd::sync();
    let device = std::fs::metadata(std::env::temp_dir())?.dev();
    let (major, minor) = (nix::sys::stat::major(device), nix::sys::stat::minor(device));
    let Ok(stat) = std::fs::read_to_string(format!("/sys/dev/block/{major}:{minor}/stat")) else {
        return Ok(Written::default());
    };
    // Documentation/block/stat.rst: sectors of 512 octets written, and flush requests.
    let field = |number: usize| -> Result<u64> {
        let field = stat.split_whitespace().nth(number).context("an older kernel")?;
        Ok(field.parse()?)
    };
    Ok(Written {
        octets: field(6)? * 512,
        flushes: field(15)?,
    })
}

impl Written {
    /// For each of so many messages, in words.
    pub fn per(self, messages: usize) -> String {
        let each = |count: u64| count as f64 / messages as f64;
        format!(
            "{:.0} kB, {:.2} times",
            each(self.octets) / 1000.0,
            each(self.flushes)
        )
    }
}

impl Add for Written {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            octets: self.octets + other.octets,
            flushes: self.flushes + other.flushes,
        }
    }
}

impl Sub for Written {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self {
            octets: self.octets - other.octets,
            flushes: self.flushes - other.flushes,
        }
    }
}
