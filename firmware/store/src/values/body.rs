//! A message body on its way in: octets in front (our Received header) and a source.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

/// A whole raw message. Its size and BLAKE3 hash are computed when it is made, so make large ones
/// off the async threads.
pub struct Body {
    prefix: Vec<u8>,
    source: Source,
    size: u64,
    hash: [u8; 32],
}

enum Source {
    Memory(Vec<u8>),
    /// Read with positions, so the file's cursor does not matter and readers do not meet.
    File {
        file: File,
        start: u64,
        end: u64,
    },
}

impl Body {
    /// A body in memory.
    #[must_use]
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        Self::with_prefix(Vec::new(), bytes)
    }

    /// `prefix` and then `bytes`.
    #[must_use]
    pub fn with_prefix(prefix: Vec<u8>, bytes: Vec<u8>) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&prefix).update(&bytes);
        let size = prefix.len() as u64 + bytes.len() as u64;
        Self {
            prefix,
            source: Source::Memory(bytes),
            size,
            hash: *hasher.finalize().as_bytes(),
        }
    }

    /// `prefix` and then the file without its first `skip` octets (a header that the prefix
    /// replaces). The file must not change afterwards.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn from_file(prefix: Vec<u8>, file: File, skip: u64) -> io::Result<Self> {
        let end = file.metadata()?.len();
        let mut body = Self {
            prefix,
            source: Source::File {
                file,
                start: skip,
                end,
            },
            size: 0,
            hash: [0; 32],
        };
        let mut hasher = blake3::Hasher::new();
        let mut reader = body.reader()?;
        let mut buffer = vec![0; 64 * 1024];
        let mut size = 0_u64;
        loop {
            let count = reader.read(&mut buffer)?;
            let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else {
                break;
            };
            hasher.update(read);
            size += read.len() as u64;
        }
        drop(reader);
        body.size = size;
        body.hash = *hasher.finalize().as_bytes();
        Ok(body)
    }

    /// Octets, the prefix included.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// BLAKE3 of all octets.
    pub(crate) const fn hash(&self) -> &[u8; 32] {
        &self.hash
    }

    /// All octets from the start; can be called again.
    ///
    /// # Errors
    /// None today; a source may fail to start.
    pub fn reader(&self) -> io::Result<impl Read + '_> {
        let source: Box<dyn Read + '_> = match &self.source {
            Source::Memory(bytes) => Box::new(bytes.as_slice()),
            Source::File { file, start, end } => Box::new(Positioned {
                file,
                at: *start,
                end: *end,
            }),
        };
        Ok(self.prefix.as_slice().chain(source))
    }
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Body({} octets)", self.size)
    }
}

struct Positioned<'a> {
    file: &'a File,
    at: u64,
    end: u64,
}

impl Read for Positioned<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end.saturating_sub(self.at)).unwrap_or(usize::MAX);
        let room = buffer.len().min(left);
        let count = match buffer.get_mut(..room) {
            Some(part) if !part.is_empty() => self.file.read_at(part, self.at)?,
            _ => 0,
        };
        self.at += count as u64;
        Ok(count)
    }
}
