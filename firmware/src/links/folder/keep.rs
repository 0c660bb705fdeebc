//! A part's body becomes a file.

use super::{Busy, Folder, Missing, UNFINISHED, name};
use crate::limits::PIECE;
use proto::message::body::{Decoder, Encoding};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use store::FileHash;

/// A file in the folder that stays at least as long as this value.
#[derive(Debug)]
pub(in crate::links) struct Kept {
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

impl Folder {
    /// Decodes a part's body into a file. When this returns, file and name are on the disk. Blocks.
    ///
    /// # Errors
    /// The body cannot be read, or the file not written; the chosen place is missing.
    pub(in crate::links) fn keep(&self, body: impl Read, encoding: Encoding) -> io::Result<Kept> {
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
