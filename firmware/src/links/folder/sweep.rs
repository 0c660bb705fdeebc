//! What nobody needs goes: files that no link has, what a crash left half written, and places without
//! files.

use super::{Folder, UNFINISHED};
use crate::links::place::{MARKER, Place};
use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};
use store::{FileHash, Store};

/// An unfinished file this old is nobody's any more.
const ABANDONED: Duration = Duration::from_secs(86_400);

impl Folder {
    /// Removes every file that no link needs, and unfinished ones; `all` unfinished ones, when nobody
    /// can be writing. What is on a missing disk waits until it is back. Returns how many. Blocks.
    ///
    /// # Errors
    /// A folder cannot be read; the store failed.
    pub(in crate::links) fn sweep(&self, store: &Store, all: bool) -> anyhow::Result<usize> {
        let places = self.places();
        let mut removed = self.sweep_in(&self.0.own, store, all)?;
        for place in places.known.iter().filter(|place| place.is_here()) {
            // The others are in order, whatever is wrong with this disk.
            match self.sweep_in(&place.path(), store, all) {
                Ok(count) => removed += count,
                Err(error) => tracing::warn!(place = place.name, error = format!("{error:#}"), "not swept"),
            }
        }
        Ok(removed)
    }

    fn sweep_in(&self, folder: &Path, store: &Store, all: bool) -> anyhow::Result<usize> {
        let mut removed = 0;
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name();
            let name = name.to_string_lossy();
            if name.starts_with(UNFINISHED) {
                if all || is_abandoned(&entry) {
                    fs::remove_file(entry.path())?;
                    removed += 1;
                }
                continue;
            }
            let Ok(hash) = blake3::Hash::from_hex(name.as_bytes()) else {
                continue; // not ours
            };
            removed += usize::from(self.remove_unneeded(store, &entry.path(), hash.as_bytes())?);
        }
        if removed > 0 {
            File::open(folder)?.sync_all()?;
        }
        Ok(removed)
    }

    // While the lock is held nobody can start to count on the file, and who did is seen here or in
    // the store.
    fn remove_unneeded(&self, store: &Store, path: &Path, hash: &FileHash) -> anyhow::Result<bool> {
        let in_use = self.in_use();
        if in_use.pending.contains_key(hash) || store.snapshot()?.has_link_file(hash)? {
            return Ok(false);
        }
        match fs::remove_file(path) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the places out that are there, have no files and are not chosen. Blocks.
    pub(in crate::links) fn forget_empty(&self) -> Vec<Place> {
        let mut places = self.write();
        // Nobody can begin to write while the lock is held.
        if self.in_use().busy > 0 {
            return Vec::new();
        }
        let chosen = places.chosen.clone();
        let (empty, left) = std::mem::take(&mut places.known)
            .into_iter()
            .partition(|place| Some(&place.id) != chosen.as_ref() && place.is_here() && is_empty(place));
        places.known = left;
        empty
    }
}

fn is_empty(place: &Place) -> bool {
    fs::read_dir(place.path()).is_ok_and(|mut entries| {
        entries.all(|entry| entry.is_ok_and(|entry| entry.file_name().to_str() == Some(MARKER)))
    })
}

fn is_abandoned(entry: &fs::DirEntry) -> bool {
    let modified = entry.metadata().and_then(|facts| facts.modified());
    modified.is_ok_and(|at| {
        SystemTime::now()
            .duration_since(at)
            .is_ok_and(|age| age > ABANDONED)
    })
}
