//! Bodies, streamed.

use super::Snapshot;
use crate::StoreError;
use crate::schema::{BLOBS, CHUNK, CHUNKS};
use proto::types::{BlobId, Span};
use redb::{OwnedAccessGuard, ReadOnlyTable};
use std::io::{self, Read};

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

/// Streams a body from its start, one chunk in memory; keeps its snapshot's state alive.
#[allow(missing_debug_implementations)]
pub struct BodyReader {
    chunks: ReadOnlyTable<(u64, u32), &'static [u8]>,
    blob: u64,
    size: u64,
    position: u64,
    current: Option<(u32, OwnedAccessGuard<&'static [u8]>)>,
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
            let wanted = usize::try_from(end - at).unwrap_or(usize::MAX).min(rest.len());
            into.extend(rest.iter().take(wanted));
            at += wanted as u64;
        }
        Ok(())
    }

    /// What the chunk that holds octet `at` has from there on; not empty.
    fn from(&mut self, at: u64) -> Result<&[u8], StoreError> {
        let damaged = || StoreError::Internal(format!("blob {} has a hole at octet {at}", self.blob));
        let index = u32::try_from(at / CHUNK as u64).map_err(|_| damaged())?;
        let skip = usize::try_from(at % CHUNK as u64).map_err(|_| damaged())?;
        let chunk = match self.current.take() {
            Some((there, chunk)) if there == index => chunk,
            _ => self.chunks.get_owned((self.blob, index))?.ok_or_else(damaged)?,
        };
        if chunk.value().len() <= skip {
            return Err(damaged());
        }
        let (_, chunk) = self.current.insert((index, chunk));
        Ok(chunk.value().get(skip..).unwrap_or_default())
    }
}

impl Read for BodyReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.size || buffer.is_empty() {
            return Ok(0);
        }
        let rest = self.from(self.position).map_err(io::Error::other)?;
        let count = rest.len().min(buffer.len());
        for (to, octet) in buffer.iter_mut().zip(rest) {
            *to = *octet;
        }
        self.position += count as u64;
        Ok(count)
    }
}
