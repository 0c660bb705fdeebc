//! Bodies, streamed.

use super::Snapshot;
use crate::StoreError;
use crate::rows::{Row, StructureRow};
use crate::schema::{BLOBS, BlobValue, CHUNK, CHUNKS};
use proto::ask::Want;
use proto::types::{BlobId, Span, Structure};
use redb::{OwnedAccessGuard, ReadOnlyTable};
use std::io::{self, Read};

/// Most octets of a header in a row.
const HEADER: u64 = 1024 * 1024;

impl Snapshot {
    /// A body to read from.
    ///
    /// # Errors
    /// The file failed.
    pub fn body(&self, blob: BlobId) -> Result<Option<BodyReader>, StoreError> {
        let Some(row) = self.transaction.open_table(BLOBS)?.get(blob.0)? else {
            return Ok(None);
        };
        let (_, size, ..) = row.value();
        let chunks = self.transaction.open_table(CHUNKS)?;
        Ok(Some(BodyReader {
            chunks,
            blob: blob.0,
            size,
            position: 0,
            current: None,
        }))
    }
}

/// What stands beside a blob.
pub(super) struct Beside {
    pub structure: Option<Box<Structure>>,
    pub header: Option<Vec<u8>>,
}

/// The tables of bodies, opened once for many rows.
pub(super) struct Bodies {
    blobs: ReadOnlyTable<u64, BlobValue>,
    chunks: ReadOnlyTable<(u64, u32), &'static [u8]>,
}

impl Bodies {
    pub(super) fn open(snapshot: &Snapshot) -> Result<Self, StoreError> {
        let transaction = &snapshot.transaction;
        Ok(Self {
            blobs: transaction.open_table(BLOBS)?,
            chunks: transaction.open_table(CHUNKS)?,
        })
    }

    /// What is wanted of a blob.
    pub(super) fn beside(&self, blob: BlobId, want: Want) -> Result<Beside, StoreError> {
        if !want.structure && !want.header {
            return Ok(Beside {
                structure: None,
                header: None,
            });
        }
        let missing = || StoreError::Internal(format!("blob {blob} is missing"));
        let row = self.blobs.get(blob.0)?.ok_or_else(missing)?;
        let (_, _, header, _, structure) = row.value();
        let structure = want
            .structure
            .then(|| StructureRow::decode(structure))
            .transpose()?;
        let header = want
            .header
            .then(|| self.start(blob, header.min(HEADER)))
            .transpose()?;
        Ok(Beside {
            structure: structure.map(|row| Box::new(row.0)),
            header,
        })
    }

    /// The first octets of a body.
    fn start(&self, blob: BlobId, octets: u64) -> Result<Vec<u8>, StoreError> {
        let wanted = usize::try_from(octets).unwrap_or(usize::MAX);
        let mut start = Vec::new();
        for entry in self.chunks.range((blob.0, 0)..=(blob.0, u32::MAX))? {
            let (_, chunk) = entry?;
            let chunk = chunk.value();
            start.extend_from_slice(chunk.get(..wanted.saturating_sub(start.len())).unwrap_or(chunk));
            if start.len() >= wanted {
                break;
            }
        }
        Ok(start)
    }
}

/// Streams a body from its start, one chunk in memory; keeps its snapshot's state alive.
#[allow(missing_debug_implementations)]
pub struct BodyReader {
    chunks: ReadOnlyTable<(u64, u32), &'static [u8]>,
    blob: u64,
    size: u64,
    position: u64,
    current: Option<Chunk>,
}

/// A chunk, and the octet of the body that it begins with.
struct Chunk {
    start: u64,
    octets: OwnedAccessGuard<&'static [u8]>,
}

impl Chunk {
    /// What it has from octet `at` of the body on; empty if it does not hold that.
    fn from(&self, at: u64) -> &[u8] {
        let skip = at.checked_sub(self.start).map(usize::try_from);
        let rest = skip.and_then(|skip| self.octets.value().get(skip.ok()?..));
        rest.unwrap_or_default()
    }
}

impl BodyReader {
    /// Octets of the whole body.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends the octets of `span` that the body has; touches only the chunks they are in. The
    /// position of `Read` stays where it is.
    ///
    /// # Errors
    /// The file failed.
    pub fn read_span(&mut self, span: Span, into: &mut Vec<u8>) -> Result<(), StoreError> {
        let end = span.end.min(self.size);
        let mut at = span.start;
        while at < end {
            let rest = self.from(at)?;
            let wanted = usize::try_from(end - at).unwrap_or(usize::MAX);
            let part = rest.get(..wanted).unwrap_or(rest);
            into.extend_from_slice(part);
            at += part.len() as u64;
        }
        Ok(())
    }

    /// What the chunk that holds octet `at` has from there on; not empty.
    fn from(&mut self, at: u64) -> Result<&[u8], StoreError> {
        let current = self.current.take().filter(|chunk| !chunk.from(at).is_empty());
        let chunk = current.map_or_else(|| self.find(at), Ok)?;
        Ok(self.current.insert(chunk).from(at))
    }

    fn find(&self, at: u64) -> Result<Chunk, StoreError> {
        let damaged = || StoreError::Internal(format!("blob {} has a hole at octet {at}", self.blob));
        // Full ones are found at once; those after them are walked through, a few at most.
        let full = CHUNK as u64;
        let first = (at / full).min(self.size / full);
        let (mut index, mut start) = (u32::try_from(first).map_err(|_| damaged())?, first * full);
        loop {
            let octets = self.chunks.get_owned((self.blob, index))?.ok_or_else(damaged)?;
            let length = octets.value().len() as u64;
            let chunk = Chunk { start, octets };
            if !chunk.from(at).is_empty() {
                return Ok(chunk);
            }
            start += length;
            index = index.checked_add(1).ok_or_else(damaged)?;
        }
    }
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.size || buffer.is_empty() {
            return Ok(0);
        }
        let rest = self.from(self.position).map_err(io::Error::other)?;
        // Reading from a slice is copying as much as fits.
        let count = (&mut &*rest).read(buffer)?;
        self.position += count as u64;
        Ok(count)
    }
}
