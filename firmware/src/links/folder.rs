//! The attachment folder: files named by their content, on the data partition or in a place that an
//! admin chose. A file is there, synced, with its name, before a link to it is committed; it goes
//! after the last link was let go. What a crash leaves in between is swept away.
//!
//! Choosing another place moves nothing: older files stay where they are and are found there until
//! their links end; a place without files is forgotten. While the chosen place is missing, nothing is
//! kept, and the attachments stay in their mails.

use super::damage::{Damage, Damaged};
use super::place::{MARKER, Place, Places};
use crate::limits::PIECE;
use crate::limits::links as limits;
use proto::message::body::{Decoder, Encoding};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::time::{Duration, SystemTime};
use store::{FileHash, Store};

/// What an unfinished file's name starts with.
const UNFINISHED: &str = ".new-";
/// An unfinished file this old is nobody's any more.
const ABANDONED: Duration = Duration::from_secs(86_400);

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

/// A file in the folder that stays at least as long as this value.
#[derive(Debug)]
pub(super) struct Kept {
    pub hash: FileHash,
    pub size: u64,
    pub sha256: [u8; 32],
    folder: Folder,
    _busy: Busy,
}

impl Drop for Kept {
    fn drop(&mut self) {
        let mut in_use = self.folder.in_use();
        if let Some(count) = in_use.pending.get_mut(&self.hash) {
            *count -= 1;
            if *count == 0 {
                in_use.pending.remove(&self.hash);
            }
        }
    }
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

    /// Decodes a part's body into a file. When this returns, file and name are on the disk. Blocks.
    ///
    /// # Errors
    /// The body cannot be read, or the file not written; the chosen place is missing.
    pub(super) fn keep(&self, body: impl Read, encoding: Encoding) -> io::Result<Kept> {
        let (place, busy) = self.current();
        if place.as_ref().is_some_and(|place| !place.is_here()) {
            return Err(io::Error::new(io::ErrorKind::NotFound, Missing::Away));
        }
        let kept = self.keep_in(&self.path_of(place.as_ref()), busy, body, encoding);
        *self.trouble() = kept.as_ref().err().map(ToString::to_string);
        kept
    }

    fn keep_in(&self, path: &Path, busy: Busy, body: impl Read, encoding: Encoding) -> io::Result<Kept> {
        let mut draft = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(path)?;
        let written = decode(body, encoding, draft.as_file_mut())?;
        draft.as_file().sync_all()?;
        // Named as pending first: from here on it is not swept away.
        *self.in_use().pending.entry(written.hash).or_default() += 1;
        let kept = Kept {
            hash: written.hash,
            size: written.size,
            sha256: written.sha256,
            folder: self.clone(),
            _busy: busy,
        };
        // The same content may be there already; it is replaced by itself.
        let file = draft
            .persist(path.join(name(&kept.hash)))
            .map_err(|error| error.error)?;
        // FAT writes a name anew for an empty file, and fills it in with the file.
        file.sync_all()?;
        File::open(path)?.sync_all()?;
        self.is_whole(&kept.hash);
        Ok(kept)
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

    fn marks(&self) -> MutexGuard<'_, Damaged> {
        self.0.damaged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was found wrong with a file when it was wanted last.
    pub(super) fn damage(&self, hash: &FileHash) -> Option<Damage> {
        let marks = self.marks();
        if marks.is_empty() {
            return None; // as almost always
        }
        marks.get(&name(hash)).copied()
    }

    /// A file is damaged. `false`: that is known, or so many are that nobody counts them.
    pub(super) fn note_damage(&self, hash: &FileHash, damage: Damage) -> bool {
        let mut marks = self.marks();
        let full = marks.len() >= limits::DAMAGED && !marks.contains_key(&name(hash));
        !full && marks.insert(name(hash), damage).is_none()
    }

    /// A file is what it should be.
    pub(super) fn is_whole(&self, hash: &FileHash) {
        let mut marks = self.marks();
        if !marks.is_empty() {
            marks.remove(&name(hash));
        }
    }

    /// Every file that is damaged.
    pub(super) fn damaged(&self) -> Damaged {
        self.marks().clone()
    }

    /// Forgets the damaged files that are not `needed`.
    pub(super) fn forget_damage(&self, needed: impl Fn(&FileHash) -> bool) {
        let of = |name: &str| blake3::Hash::from_hex(name).ok();
        self.marks()
            .retain(|name, _| of(name).is_some_and(|hash| needed(hash.as_bytes())));
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

    /// Removes every file that no link needs, and unfinished ones; `all` unfinished ones, when nobody
    /// can be writing. What is on a missing disk waits until it is back. Returns how many. Blocks.
    ///
    /// # Errors
    /// A folder cannot be read; the store failed.
    pub(super) fn sweep(&self, store: &Store, all: bool) -> anyhow::Result<usize> {
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
    pub(super) fn forget_empty(&self) -> Vec<Place> {
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

struct Written {
    hash: FileHash,
    size: u64,
    sha256: [u8; 32],
}

// In pieces: memory stays flat however large the part.
fn decode(mut body: impl Read, encoding: Encoding, file: &mut File) -> io::Result<Written> {
    let mut decoder = Decoder::new(encoding);
    let (mut blake3, mut sha256) = (blake3::Hasher::new(), Sha256::new());
    let (mut piece, mut decoded) = (vec![0; PIECE], Vec::with_capacity(PIECE));
    let mut size = 0;
    loop {
        let count = body.read(&mut piece)?;
        decoder.push(piece.get(..count).unwrap_or_default(), &mut decoded);
        if count == 0 {
            std::mem::replace(&mut decoder, Decoder::new(Encoding::Identity)).finish(&mut decoded);
        }
        blake3.update(&decoded);
        sha256.update(&decoded);
        file.write_all(&decoded)?;
        size += decoded.len() as u64;
        decoded.clear();
        if count == 0 {
            break;
        }
    }
    Ok(Written {
        hash: *blake3.finalize().as_bytes(),
        size,
        sha256: sha256.finalize().into(),
    })
}

#[cfg(test)]
mod tests;
