//! Where a message waits while it is received: in memory while it is small, then in a file
//! without a name, which vanishes with its last handle whatever happens to the box.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

/// Most octets of one message kept in memory; a larger one goes to the card.
pub const IN_MEMORY: usize = 256 * 1024;

/// A received message, octet by octet as it came (dot-stuffing removed).
#[derive(Debug)]
pub struct Spool {
    folder: Arc<Path>,
    content: Content,
}

enum Content {
    Memory(Vec<u8>),
    File { file: File, size: u64 },
}

impl Spool {
    /// An empty spool whose file, should it need one, is made in `folder`.
    #[must_use]
    pub const fn new(folder: Arc<Path>) -> Self {
        Self {
            folder,
            content: Content::Memory(Vec::new()),
        }
    }

    /// Appends octets. May block on the card once the message is over [`IN_MEMORY`].
    ///
    /// # Errors
    /// The file cannot be made or written: the card is full or failing.
    pub fn write(&mut self, octets: &[u8]) -> io::Result<()> {
        match &mut self.content {
            Content::Memory(memory) if memory.len() + octets.len() <= IN_MEMORY => {
                memory.extend_from_slice(octets);
            }
            Content::Memory(memory) => {
                let mut file = tempfile::tempfile_in(&self.folder)?;
                file.write_all(memory)?;
                file.write_all(octets)?;
                let size = (memory.len() + octets.len()) as u64;
                self.content = Content::File { file, size };
            }
            Content::File { file, size } => {
                file.write_all(octets)?;
                *size += octets.len() as u64;
            }
        }
        Ok(())
    }

    /// Whether writing `more` octets touches the card.
    #[must_use]
    pub const fn blocks(&self, more: usize) -> bool {
        match &self.content {
            Content::Memory(memory) => memory.len() + more > IN_MEMORY,
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

    /// An empty spool beside this one.
    #[must_use]
    pub fn another(&self) -> Self {
        Self::new(Arc::clone(&self.folder))
    }

    /// The message for the store: `prefix`, then all but the first `skip` octets. Nothing is copied
    /// but what is in memory anyway. Reads the file: may block.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn into_body(self, prefix: Vec<u8>, skip: u64) -> io::Result<store::Body> {
        match self.content {
            Content::Memory(mut memory) => {
                let skip = usize::try_from(skip).unwrap_or(usize::MAX).min(memory.len());
                memory.drain(..skip);
                Ok(store::Body::with_prefix(prefix, memory))
            }
            Content::File { file, .. } => store::Body::from_file(prefix, file, skip),
        }
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
            let mut spool = Spool::new(Arc::from(folder.path()));
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
            let mut spool = Spool::new(Arc::from(folder.path()));
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
        let mut spool = Spool::new(Arc::from(Path::new("/nowhere/at/all")));
        spool.write(&vec![b'x'; IN_MEMORY]).unwrap();
        assert!(spool.write(b"x").is_err());
    }
}
