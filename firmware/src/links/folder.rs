//! The attachment folder: files named by their content. A file is there, synced, with its name,
//! before a link to it is committed; it goes after the last link was let go. What a crash leaves in
//! between is swept away.

use crate::limits::PIECE;
use proto::message::body::{Decoder, Encoding};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
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
    path: PathBuf,
    /// Files whose links are not committed yet: nobody may sweep them away.
    pending: Mutex<HashMap<FileHash, usize>>,
}

/// A file in the folder that stays at least as long as this value.
#[derive(Debug)]
pub(super) struct Kept {
    pub hash: FileHash,
    pub size: u64,
    pub sha256: [u8; 32],
    folder: Folder,
}

impl Drop for Kept {
    fn drop(&mut self) {
        let mut pending = self.folder.pending();
        if let Some(count) = pending.get_mut(&self.hash) {
            *count -= 1;
            if *count == 0 {
                pending.remove(&self.hash);
            }
        }
    }
}

impl Folder {
    /// The folder at this path, which has to be there.
    pub(super) fn new(path: PathBuf) -> Self {
        Self(Arc::new(Inner {
            path,
            pending: Mutex::default(),
        }))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0.path
    }

    fn pending(&self) -> MutexGuard<'_, HashMap<FileHash, usize>> {
        self.0.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn file(&self, hash: &FileHash) -> PathBuf {
        self.0.path.join(blake3::Hash::from(*hash).to_hex().as_str())
    }

    /// Decodes a part's body into a file. When this returns, file and name are on the card. Blocks.
    ///
    /// # Errors
    /// The body cannot be read, or the file not written.
    pub(super) fn keep(&self, body: impl Read, encoding: Encoding) -> io::Result<Kept> {
        let mut draft = tempfile::Builder::new()
            .prefix(UNFINISHED)
            .tempfile_in(&self.0.path)?;
        let written = decode(body, encoding, draft.as_file_mut())?;
        draft.as_file().sync_all()?;
        // Named as pending first: from here on it is not swept away.
        *self.pending().entry(written.hash).or_default() += 1;
        let kept = Kept {
            hash: written.hash,
            size: written.size,
            sha256: written.sha256,
            folder: self.clone(),
        };
        // The same content may be there already; it is replaced by itself.
        draft
            .persist(self.file(&kept.hash))
            .map_err(|error| error.error)?;
        File::open(&self.0.path)?.sync_all()?;
        Ok(kept)
    }

    /// Opens a file for reading.
    ///
    /// # Errors
    /// It is not there, or cannot be read.
    pub(super) fn open(&self, hash: &FileHash) -> io::Result<File> {
        File::open(self.file(hash))
    }

    /// Removes every file that no link needs, and unfinished ones; `all` unfinished ones, when nobody
    /// can be writing. Returns how many. Blocks.
    ///
    /// # Errors
    /// The folder cannot be read; the store failed.
    pub(super) fn sweep(&self, store: &Store, all: bool) -> anyhow::Result<usize> {
        let mut removed = 0;
        for entry in fs::read_dir(&self.0.path)? {
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
            removed += usize::from(self.remove_unneeded(store, hash.as_bytes())?);
        }
        if removed > 0 {
            File::open(&self.0.path)?.sync_all()?;
        }
        Ok(removed)
    }

    // While the lock is held nobody can start to count on the file, and who did is seen here or in
    // the store.
    fn remove_unneeded(&self, store: &Store, hash: &FileHash) -> anyhow::Result<bool> {
        let pending = self.pending();
        if pending.contains_key(hash) || store.snapshot()?.has_link_file(hash)? {
            return Ok(false);
        }
        match fs::remove_file(self.file(hash)) {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Octets that are free where the folder is.
    pub(super) fn free(&self) -> io::Result<u64> {
        let partition = nix::sys::statvfs::statvfs(&self.0.path)?;
        Ok(partition
            .blocks_available()
            .saturating_mul(partition.fragment_size()))
    }
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
mod tests {
    use super::*;
    use store::Options;

    fn folder() -> (tempfile::TempDir, Folder, Store) {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("files");
        fs::create_dir(&path).unwrap();
        let store = Store::open(&home.path().join("store"), &Options::default()).unwrap();
        (home, Folder::new(path), store)
    }

    #[test]
    fn a_part_is_decoded_into_a_file_named_by_its_content() {
        let (_home, folder, _store) = folder();
        let kept = folder
            .keep(&b"aGVsbG8g\r\nd29ybGQ="[..], Encoding::Base64)
            .unwrap();
        assert_eq!(kept.hash, *blake3::hash(b"hello world").as_bytes());
        assert_eq!(kept.sha256, <[u8; 32]>::from(Sha256::digest(b"hello world")));
        assert_eq!(kept.size, 11);
        let mut text = String::new();
        folder
            .open(&kept.hash)
            .unwrap()
            .read_to_string(&mut text)
            .unwrap();
        assert_eq!(text, "hello world");
        // The same content again is the same file.
        let again = folder.keep(&b"hello world"[..], Encoding::Identity).unwrap();
        assert_eq!(again.hash, kept.hash);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn only_what_nobody_needs_or_is_about_to_need_is_swept_away() {
        let (_home, folder, store) = folder();
        let (first, second) = (
            folder.keep(&b"hello"[..], Encoding::Identity).unwrap(),
            folder.keep(&b"hello"[..], Encoding::Identity).unwrap(),
        );
        fs::write(folder.path().join(".new-crashed"), "half").unwrap();
        fs::write(folder.path().join("README"), "not ours").unwrap();
        assert_eq!(folder.sweep(&store, false).unwrap(), 0);
        assert_eq!(folder.sweep(&store, true).unwrap(), 1);
        drop(first);
        assert_eq!(folder.sweep(&store, true).unwrap(), 0);
        drop(second);
        assert_eq!(folder.sweep(&store, true).unwrap(), 1);
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
        assert_eq!(left.len(), 1);
    }
}
