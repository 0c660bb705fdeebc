//! The attachment folder: files named by their content, on the data partition or in a place that an
//! admin chose. A file is there, synced, with its name, before a link to it is committed; it goes
//! after the last link was let go. What a crash leaves in between is swept away.
//!
//! Choosing another place moves nothing: older files stay where they are and are found there until
//! their links end; a place without files is forgotten. While the chosen place is missing, nothing is
//! kept, and the attachments stay in their mails.

use super::damage::{Damage, Damaged};
use super::place::{Place, Places};
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use store::FileHash;

mod keep;
mod marks;
mod sweep;

pub(super) use keep::Kept;

/// What an unfinished file's name starts with.
const UNFINISHED: &str = ".new-";

/// The folder. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Folder(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// On the data partition: always there.
    own: PathBuf,
    places: RwLock<Places>,
    in_use: Mutex<Use>,
    /// Why the last file could not be kept.
    trouble: Mutex<Option<String>>,
    /// Files that were found damaged.
    damaged: Mutex<Damaged>,
}

#[derive(Debug, Default)]
struct Use {
    /// Files whose links are not committed yet: nobody may sweep them away.
    pending: HashMap<FileHash, usize>,
    /// Files that are being written or pending, wherever: no place may be forgotten.
    busy: usize,
}

/// How the folder is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderState {
    /// It takes files.
    Fine,
    /// The disk is not there.
    Missing,
    /// It takes no files, for this reason.
    Failing(String),
}

/// Why a file cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum Missing {
    /// It is on a disk that is not there.
    #[error("the disk with the file is not there")]
    Away,
    /// It is nowhere, or not what it was.
    #[error("the file is damaged: {}", .0.words())]
    Damaged(Damage),
}

/// While it lives, no place is forgotten.
#[derive(Debug)]
struct Busy(Folder);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.in_use().busy -= 1;
    }
}

impl Folder {
    /// The folder at `own`, which has to be there, and these places; what was found damaged before.
    pub(super) fn new(own: PathBuf, places: Places, damaged: Damaged) -> Self {
        Self(Arc::new(Inner {
            own,
            places: RwLock::new(places),
            in_use: Mutex::default(),
            trouble: Mutex::default(),
            damaged: Mutex::new(damaged),
        }))
    }

    /// The places as they are.
    pub(super) fn places(&self) -> Places {
        self.read().clone()
    }

    /// From now on these are the places.
    pub(super) fn set_places(&self, places: Places) {
        *self.write() = places;
        *self.trouble() = None;
    }

    fn read(&self) -> RwLockReadGuard<'_, Places> {
        self.0.places.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Places> {
        self.0.places.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn in_use(&self) -> MutexGuard<'_, Use> {
        self.0.in_use.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn trouble(&self) -> MutexGuard<'_, Option<String>> {
        self.0.trouble.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // Where new files go, as long as the second value lives.
    fn current(&self) -> (Option<Place>, Busy) {
        let places = self.read();
        self.in_use().busy += 1;
        (places.chosen().cloned(), Busy(self.clone()))
    }

    fn path_of(&self, place: Option<&Place>) -> PathBuf {
        place.map_or_else(|| self.0.own.clone(), Place::path)
    }

    /// Opens a file of this size for reading, wherever it is. Blocks.
    ///
    /// # Errors
    /// It is on a disk that is not there, or nowhere, or cannot be read.
    pub(super) fn open(&self, hash: &FileHash, size: u64) -> Result<File, Missing> {
        let places = self.places();
        let chosen = places.chosen.as_deref();
        let (first, others): (Vec<_>, Vec<_>) = places
            .known
            .iter()
            .map(Some)
            .chain([None])
            .partition(|place| place.map(|place| place.id.as_str()) == chosen);
        let known = self.damage(hash);
        let (mut away, mut damage) = (false, Damage::Gone);
        for place in first.into_iter().chain(others) {
            let opened = File::open(self.path_of(place).join(name(hash)));
            let found = opened.and_then(|file| Ok((file.metadata()?.len(), file)));
            let here = place.is_none_or(Place::is_here);
            match found {
                Ok((length, _)) if here && length != size => damage = Damage::Short,
                Ok(_) if here && known == Some(Damage::Changed) => damage = Damage::Changed,
                Ok((_, file)) if here => {
                    if matches!(known, Some(Damage::Gone | Damage::Short)) {
                        self.is_whole(hash); // its disk was at another place
                    }
                    return Ok(file);
                }
                Err(error) if here && error.kind() == io::ErrorKind::NotFound => {}
                // A disk that was pulled out a moment ago fails to be read.
                _ => away = true,
            }
        }
        Err(if away {
            Missing::Away
        } else {
            Missing::Damaged(damage)
        })
    }

    /// How the place is where new files go. Blocks.
    pub(super) fn state(&self) -> FolderState {
        let (place, _busy) = self.current();
        if place.as_ref().is_some_and(|place| !place.is_here()) {
            *self.trouble() = None; // when it is back, it is tried again
            return FolderState::Missing;
        }
        match nix::sys::statvfs::statvfs(&self.path_of(place.as_ref())) {
            Ok(disk) if disk.flags().contains(nix::sys::statvfs::FsFlags::ST_RDONLY) => {
                FolderState::Failing("it can only be read".to_owned())
            }
            Ok(_) => match &*self.trouble() {
                Some(words) => FolderState::Failing(words.clone()),
                None => FolderState::Fine,
            },
            Err(error) => FolderState::Failing(error.desc().to_owned()),
        }
    }

    /// Octets that are free where new files go; none while it is missing.
    pub(super) fn free(&self) -> io::Result<u64> {
        let (place, _busy) = self.current();
        if place.as_ref().is_some_and(|place| !place.is_here()) {
            return Ok(0);
        }
        let partition = nix::sys::statvfs::statvfs(&self.path_of(place.as_ref()))?;
        Ok(partition
            .blocks_available()
            .saturating_mul(partition.fragment_size()))
    }
}

fn name(hash: &FileHash) -> String {
    blake3::Hash::from(*hash).to_hex().to_string()
}

#[cfg(test)]
mod tests;
