//! Where a message waits while it is received: in memory while it is small and there is room, then in
//! a file without a name, which vanishes with its last handle whatever happens to the box.

use crate::limits::PIECE;
use proto::limits::smtp as limits;
use proto::types::Span;
use std::borrow::Cow;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub use proto::limits::smtp::IN_MEMORY;

/// What all spools of a box share: the folder of their files, and the room for them in memory and on
/// the card.
pub struct Shelf {
    folder: PathBuf,
    in_memory: AtomicUsize,
    free: Box<Measure>,
}

/// How many octets are free where the folder is.
type Measure = dyn Fn(&Path) -> io::Result<u64> + Send + Sync;

impl Shelf {
    /// One whose files are made in `folder`.
    #[must_use]
    pub fn new(folder: impl Into<PathBuf>) -> Arc<Self> {
        Self::measured(folder, Box::new(free))
    }

    /// The same; the card is measured so.
    #[must_use]
    pub fn measured(folder: impl Into<PathBuf>, free: Box<Measure>) -> Arc<Self> {
        Arc::new(Self {
            folder: folder.into(),
            in_memory: AtomicUsize::new(0),
            free,
        })
    }

    /// An empty spool.
    #[must_use]
    pub fn spool(self: &Arc<Self>) -> Spool {
        Spool {
            shelf: Arc::clone(self),
            content: Content::Memory(Vec::new()),
        }
    }

    /// Whether a message of so many octets has room: a large one needs it on the card, and what the
    /// store needs beside the mail stays free.
    #[must_use]
    pub fn has_room(&self, octets: u64) -> bool {
        octets <= IN_MEMORY as u64 || self.takes(octets).is_ok()
    }

    // A card that cannot be measured shows what it has no room for when it is written.
    fn takes(&self, octets: u64) -> io::Result<()> {
        let needed = octets.saturating_add(limits::CARD_RESERVE);
        match (self.free)(&self.folder) {
            Ok(free) if free < needed => Err(io::ErrorKind::StorageFull.into()),
            _ => Ok(()),
        }
    }

    // Room in memory, if there is so much of it.
    fn reserve(&self, octets: usize) -> bool {
        let taken = self.in_memory.fetch_add(octets, Ordering::Relaxed);
        let fits = taken.saturating_add(octets) <= limits::ALL_IN_MEMORY;
        if !fits {
            self.release(octets);
        }
        fits
    }

    fn release(&self, octets: usize) {
        self.in_memory.fetch_sub(octets, Ordering::Relaxed);
    }
}

impl std::fmt::Debug for Shelf {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shelf")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}

fn free(folder: &Path) -> io::Result<u64> {
    let disk = nix::sys::statvfs::statvfs(folder)?;
    Ok(disk.blocks_available().saturating_mul(disk.fragment_size()))
}

/// A received message, octet by octet as it came (dot-stuffing removed).
#[derive(Debug)]
pub struct Spool {
    shelf: Arc<Shelf>,
    content: Content,
}

enum Content {
    Memory(Vec<u8>),
    File { file: File, size: u64 },
}

impl Spool {
    /// Appends octets. May block on the card once the message is over [`IN_MEMORY`], or where all that
    /// wait in memory take as much as they may.
    ///
    /// # Errors
    /// The file cannot be made or written: the card is full but for the reserve, or failing. What was
    /// written before is of no use then.
    pub fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        match &mut self.content {
            Content::Memory(memory) => {
                let whole = memory.len().saturating_add(octets.len());
                if whole <= IN_MEMORY && self.shelf.reserve(octets.len()) {
                    memory.reserve_exact(
                        whole
                            .next_power_of_two()
                            .min(IN_MEMORY)
                            .saturating_sub(memory.len()),
                    );
                    memory.extend_from_slice(octets);
                    return Ok(());
                }
                self.shelf.takes(whole as u64)?;
                let mut file = tempfile::tempfile_in(&self.shelf.folder)?;
                file.write_all(memory)?;
                file.write_all(octets)?;
                self.shelf.release(memory.len());
                let size = whole as u64;
                self.content = Content::File { file, size };
            }
            Content::File { file, size } => {
                self.shelf.takes(octets.len() as u64)?;
                file.write_all(octets)?;
                *size = size.saturating_add(octets.len() as u64);
            }
        }
        Ok(())
    }

    /// Whether writing `more` octets may touch the card.
    #[must_use]
    pub fn blocks(&self, more: usize) -> bool {
        match &self.content {
            Content::Memory(memory) => {
                let all = self.shelf.in_memory.load(Ordering::Relaxed);
                memory.len().saturating_add(more) > IN_MEMORY
                    || all.saturating_add(more) > limits::ALL_IN_MEMORY
            }
            Content::File { .. } => true,
        }
    }

    /// Whether reading it touches the card.
    #[must_use]
    pub const fn is_on_card(&self) -> bool {
        matches!(self.content, Content::File { .. })
    }

    /// Octets so far.
    #[must_use]
    pub const fn size(&self) -> u64 {
        match &self.content {
            Content::Memory(memory) => memory.len() as u64,
            Content::File { size, .. } => *size,
        }
    }

    /// The message, where it is in memory.
    #[must_use]
    pub fn in_memory(&self) -> Option<&[u8]> {
        match &self.content {
            Content::Memory(memory) => Some(memory),
            Content::File { .. } => None,
        }
    }

    /// Reads it from the first octet, as often as wanted.
    #[must_use]
    pub const fn reader(&self) -> SpoolReader<'_> {
        SpoolReader { spool: self, at: 0 }
    }

    /// Reads it from that octet on.
    #[must_use]
    pub const fn reader_at(&self, at: u64) -> SpoolReader<'_> {
        SpoolReader { spool: self, at }
    }

    /// Gives all octets from that one on, piece by piece; without a copy where they are in memory.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn each_piece(&self, from: u64, mut give: impl FnMut(&[u8])) -> io::Result<()> {
        if let Some(memory) = self.in_memory() {
            let from = usize::try_from(from).unwrap_or(usize::MAX);
            give(memory.get(from..).unwrap_or_default());
            return Ok(());
        }
        let mut reader = self.reader_at(from);
        let mut piece = vec![0; PIECE];
        loop {
            match reader.read(&mut piece)? {
                0 => return Ok(()),
                count => give(piece.get(..count).unwrap_or_default()),
            }
        }
    }

    /// What stands there, as far as it is there; without a copy where it is in memory.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn span(&self, span: Span) -> io::Result<Cow<'_, [u8]>> {
        if let Some(memory) = self.in_memory() {
            let place = |at: u64| usize::try_from(at).unwrap_or(usize::MAX).min(memory.len());
            let octets = memory.get(place(span.start)..place(span.end));
            return Ok(Cow::Borrowed(octets.unwrap_or_default()));
        }
        let mut octets = Vec::new();
        let rest = self.reader_at(span.start);
        rest.take(span.len()).read_to_end(&mut octets)?;
        Ok(Cow::Owned(octets))
    }

    /// An empty spool beside this one.
    #[must_use]
    pub fn another(&self) -> Self {
        self.shelf.spool()
    }

    /// The message for the store: `prefix`, then all but the first `skip` octets. Nothing is copied
    /// but what is in memory anyway. Reads the file: may block.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn into_body(mut self, prefix: Vec<u8>, skip: u64) -> io::Result<store::Body> {
        match self.take() {
            Content::Memory(mut memory) => {
                let skip = usize::try_from(skip).unwrap_or(usize::MAX).min(memory.len());
                memory.drain(..skip);
                Ok(store::Body::with_prefix(prefix, memory))
            }
            Content::File { file, .. } => store::Body::from_file(prefix, file, skip),
        }
    }

    // Leaves nothing.
    fn take(&mut self) -> Content {
        let content = std::mem::replace(&mut self.content, Content::Memory(Vec::new()));
        if let Content::Memory(memory) = &content {
            self.shelf.release(memory.len());
        }
        content
    }

    /// The whole message in memory.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn to_vec(&self) -> io::Result<Vec<u8>> {
        let mut all = Vec::with_capacity(usize::try_from(self.size()).unwrap_or(0));
        self.reader().read_to_end(&mut all)?;
        Ok(all)
    }
}

impl Drop for Spool {
    fn drop(&mut self) {
        drop(self.take());
    }
}

impl std::fmt::Debug for Content {
    // A body never reaches a log.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Memory(memory) => write!(f, "Memory({} octets)", memory.len()),
            Self::File { size, .. } => write!(f, "File({size} octets)"),
        }
    }
}

/// Reads a [`Spool`] from the start.
#[derive(Debug)]
pub struct SpoolReader<'a> {
    spool: &'a Spool,
    at: u64,
}

impl Read for SpoolReader<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let count = match &self.spool.content {
            Content::Memory(memory) => {
                let at = usize::try_from(self.at).unwrap_or(usize::MAX);
                memory.get(at..).unwrap_or_default().read(into)?
            }
            Content::File { file, .. } => file.read_at(into, self.at)?,
        };
        self.at += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_reads_back_the_same_in_memory_and_on_the_card() {
        let folder = tempfile::tempdir().unwrap();
        for size in [0, 1, IN_MEMORY - 1, IN_MEMORY, IN_MEMORY + 1, 3 * IN_MEMORY] {
            let octets: Vec<u8> = (0..size).map(|n| u8::try_from(n % 251).unwrap()).collect();
            let mut spool = Shelf::new(folder.path()).spool();
            for piece in octets.chunks(60_001) {
                spool.write(piece).unwrap();
            }
            assert_eq!(spool.size(), size as u64);
            assert_eq!(spool.in_memory().is_some(), size <= IN_MEMORY);
            assert!(spool.to_vec().unwrap() == octets, "{size} octets");
            assert!(spool.to_vec().unwrap() == octets, "{size} octets, again");
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_body_is_the_prefix_and_what_was_not_skipped() {
        let folder = tempfile::tempdir().unwrap();
        for size in [10, 2 * IN_MEMORY] {
            let mut spool = Shelf::new(folder.path()).spool();
            spool.write(&vec![b'x'; size]).unwrap();
            spool.write(b"the end").unwrap();
            let body = spool.into_body(b"prefix ".to_vec(), size as u64).unwrap();
            let mut all = Vec::new();
            body.reader().unwrap().read_to_end(&mut all).unwrap();
            assert_eq!(all, b"prefix the end");
            assert_eq!(body.size(), all.len() as u64);
        }
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_an_error_only_for_large_messages() {
        let mut spool = Shelf::new("/nowhere/at/all").spool();
        spool.write(&vec![b'x'; IN_MEMORY]).unwrap();
        assert!(spool.write(b"x").is_err());
    }

    #[test]
    fn all_that_wait_in_memory_take_no_more_than_they_may() {
        let folder = tempfile::tempdir().unwrap();
        let shelf = Shelf::new(folder.path());
        let most = limits::ALL_IN_MEMORY / IN_MEMORY;
        let mut spools: Vec<Spool> = (0..most + 3).map(|_| shelf.spool()).collect();
        for spool in &mut spools {
            spool.write(&vec![b'x'; IN_MEMORY]).unwrap();
        }
        let on_card = spools.iter().filter(|spool| spool.is_on_card()).count();
        assert_eq!(on_card, 3);
        // Whoever is done makes room: by being dropped, by going to the store, or to the card.
        let body = spools.remove(0).into_body(Vec::new(), 0).unwrap();
        assert_eq!(body.size(), IN_MEMORY as u64);
        spools[0].write(b"x").unwrap();
        assert!(spools[0].is_on_card());
        drop(spools.remove(1));
        for kept_in_memory in [true, true, true, false] {
            let mut late = shelf.spool();
            assert!(late.blocks(IN_MEMORY) != kept_in_memory);
            late.write(&vec![b'x'; IN_MEMORY]).unwrap();
            assert!(late.is_on_card() != kept_in_memory);
            spools.push(late);
        }
        drop(spools);
        assert_eq!(shelf.in_memory.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn a_card_that_is_nearly_full_takes_small_messages_only_and_keeps_its_reserve() {
        let folder = tempfile::tempdir().unwrap();
        let free = Arc::new(std::sync::atomic::AtomicU64::new(
            limits::CARD_RESERVE + 3 * IN_MEMORY as u64,
        ));
        let seen = Arc::clone(&free);
        let shelf = Shelf::measured(folder.path(), Box::new(move |_| Ok(seen.load(Ordering::Relaxed))));
        assert!(shelf.has_room(3 * IN_MEMORY as u64) && !shelf.has_room(3 * IN_MEMORY as u64 + 1));
        let mut spool = shelf.spool();
        spool.write(&vec![b'x'; 2 * IN_MEMORY]).unwrap();
        free.store(limits::CARD_RESERVE + 9, Ordering::Relaxed);
        spool.write(b"123456789").unwrap();
        let refused = spool.write(b"1234567890").unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
        free.store(0, Ordering::Relaxed);
        assert!(shelf.has_room(IN_MEMORY as u64));
        let mut small = shelf.spool();
        small.write(&vec![b'x'; IN_MEMORY]).unwrap();
        let refused = small.write(b"x").unwrap_err();
        assert_eq!(refused.kind(), io::ErrorKind::StorageFull);
    }
}
