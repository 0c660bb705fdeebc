//! What is on the card and where it came from.

use crate::fat::Files;
use crate::packages::{Package, sha256};
use anyhow::Result;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Stored in every slot as `manifest.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Pillarbox's own version.
    pub pillarbox: String,
    /// The kernel's release, as `uname -r` says it.
    pub kernel: String,
    /// Debian's packages that anything here was taken from.
    pub packages: Vec<Package>,
    /// Every other file beside the manifest, and the sum of its octets.
    pub files: BTreeMap<String, String>,
}

impl Manifest {
    /// Of these files.
    pub fn new(kernel: &str, packages: &[Package], files: &Files) -> Manifest {
        Manifest {
            pillarbox: env!("CARGO_PKG_VERSION").to_owned(),
            kernel: kernel.to_owned(),
            packages: packages.to_vec(),
            files: files
                .iter()
                .map(|(path, data)| (path.clone(), sha256(data)))
                .collect(),
        }
    }

    /// As it is stored.
    pub fn encode(&self) -> Result<Vec<u8>> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }

    /// The paths whose octets are not those of the manifest, or are missing or unknown to it.
    pub fn differences(&self, files: &Files) -> Vec<String> {
        let found: BTreeMap<String, String> = files
            .iter()
            .map(|(path, data)| (path.clone(), sha256(data)))
            .collect();
        let all = self.files.keys().chain(found.keys());
        let mut differing: Vec<String> = all
            .filter(|path| self.files.get(*path) != found.get(*path))
            .cloned()
            .collect();
        differing.sort_unstable();
        differing.dedup();
        differing
    }
}

/// The manifest's name in a slot.
pub const NAME: &str = "manifest.json";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_changed_missing_or_added_file_is_named() {
        let mut files = Files::from([
            ("a".to_owned(), b"1".to_vec()),
            ("b".to_owned(), b"2".to_vec()),
            ("c".to_owned(), b"3".to_vec()),
        ]);
        let manifest = Manifest::new("6.12", &[], &files);
        assert!(manifest.differences(&files).is_empty());
        files.insert("a".to_owned(), b"other".to_vec());
        files.remove("b");
        files.insert("d".to_owned(), Vec::new());
        assert_eq!(manifest.differences(&files), ["a", "b", "d"]);
        let read: Manifest = serde_json::from_slice(&manifest.encode().unwrap()).unwrap();
        assert_eq!(read, manifest);
    }
}
