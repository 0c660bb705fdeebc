//! Bodies: one copy each, in chunks, with counted references.

use super::{Counter, Write};
use crate::schema::{CHUNK, ROOM_TAKEN};
use crate::{Body, StoreError};
use proto::types::BlobId;
use redb::ReadableTable;
use std::io::Read;

/// A body ready to be stored; the structure is encoded before the writer is asked.
pub(crate) struct NewBlob<'a> {
    pub body: &'a Body,
    pub structure: &'a [u8],
    /// Octets of the message header.
    pub header: u64,
}

impl Write<'_> {
    /// Stores a body, or finds it, and adds `references` (at least one).
    pub(super) fn keep_blob(&mut self, new: &NewBlob<'_>, references: u32) -> Result<BlobId, StoreError> {
        if let Some(id) = self.recent.find(new.body.hash())
            && self.is_blob(id, new.body)?
        {
            self.add_references(id, references)?;
            return Ok(id);
        }
        let id = BlobId(self.next(Counter::Blob)?);
        let tables = self.edit();
        let size = new.body.size();
        tables.blobs.insert(
            id.0,
            (references, size, new.header, new.body.hash(), new.structure),
        )?;
        let mut reader = new.body.reader().map_err(unreadable)?;
        for (index, length) in chunks(size)? {
            // Straight into the page: no second copy of the body in memory.
            let mut chunk = tables.chunks.insert_reserve((id.0, index), length)?;
            reader.read_exact(chunk.as_mut()).map_err(unreadable)?;
        }
        self.count_room(|taken| taken.saturating_add(footprint(size)))?;
        self.recent.remember(new.body.hash(), id);
        Ok(id)
    }

    /// Adds references to a blob that has some.
    pub(super) fn add_references(&mut self, id: BlobId, count: u32) -> Result<(), StoreError> {
        self.change_references(id, |old| old.checked_add(count)).map(drop)
    }

    /// Takes one reference away; with the last one the body goes.
    pub(super) fn drop_reference(&mut self, id: BlobId) -> Result<(), StoreError> {
        let (left, size) = self.change_references(id, |old| old.checked_sub(1))?;
        if left > 0 {
            return Ok(());
        }
        let tables = self.edit();
        tables.blobs.remove(id.0)?;
        for (index, _) in chunks(size)? {
            tables.chunks.remove((id.0, index))?;
        }
        self.count_room(|taken| taken.saturating_sub(footprint(size)))
    }

    fn count_room(&mut self, change: impl FnOnce(u64) -> u64) -> Result<(), StoreError> {
        let taken = self.read().meta.get(ROOM_TAKEN)?.map_or(0, |n| n.value());
        self.edit().meta.insert(ROOM_TAKEN, change(taken))?;
        Ok(())
    }

    /// Returns the references now, and the size.
    fn change_references(
        &mut self,
        id: BlobId,
        change: impl FnOnce(u32) -> Option<u32>,
    ) -> Result<(u32, u64), StoreError> {
        let wrong = || StoreError::Internal(format!("blob {id}'s references are wrong"));
        let blob = self.read().blobs.get(id.0)?.ok_or_else(wrong)?;
        let (references, size, header, hash, structure) = blob.value();
        let references = change(references).ok_or_else(wrong)?;
        let (hash, structure) = (*hash, structure.to_vec());
        drop(blob);
        self.edit()
            .blobs
            .insert(id.0, (references, size, header, &hash, structure.as_slice()))?;
        Ok((references, size))
    }

    fn is_blob(&self, id: BlobId, body: &Body) -> Result<bool, StoreError> {
        let blob = self.read().blobs.get(id.0)?;
        Ok(blob.is_some_and(|blob| {
            let (_, size, _, hash, _) = blob.value();
            size == body.size() && hash == body.hash()
        }))
    }
}

/// Roughly what a body takes of the file: its chunks fill whole pages, and there are rows for it.
pub(crate) fn footprint(size: u64) -> u64 {
    const PAGE: u64 = 4096;
    size.next_multiple_of(PAGE).saturating_add(PAGE / 4)
}

/// Number and length of each chunk of a body: full ones, then what is left in pieces.
pub(crate) fn chunks(size: u64) -> Result<impl Iterator<Item = (u32, usize)>, StoreError> {
    let too_big = |_| StoreError::CannotChange("the message is too big to be stored");
    let full = u32::try_from(size / CHUNK as u64).map_err(too_big)?;
    let mut left = usize::try_from(size % CHUNK as u64).unwrap_or_default();
    let pieces = std::iter::from_fn(move || {
        let piece = piece(left);
        left -= piece;
        (piece > 0).then_some(piece)
    });
    let pieces = (full..=u32::MAX).zip(pieces);
    Ok((0..full).map(|index| (index, CHUNK)).chain(pieces))
}

/// The first piece of what is left: all of it where that fills more than three quarters of its pages.
/// Their number is always a power of two, so that the rest would often leave half of them empty.
fn piece(left: usize) -> usize {
    let filling = [CHUNK / 2, CHUNK / 4, CHUNK / 8];
    let largest = filling.into_iter().find(|piece| *piece < left);
    largest.filter(|piece| left - piece <= piece / 2).unwrap_or(left)
}

/// The spool failed, not the store.
fn unreadable(error: std::io::Error) -> StoreError {
    StoreError::Internal(format!("a body could not be read: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::write::Recent;
    use redb::Database;
    use redb::backends::InMemoryBackend;

    #[test]
    fn what_is_remembered_of_a_body_is_believed_only_if_its_blob_agrees() {
        let database = Database::builder()
            .create_with_backend(InMemoryBackend::new())
            .unwrap();
        let transaction = database.begin_write().unwrap();
        let mut recent = Recent::default();
        let mut write = Write::new(&transaction, &mut recent).unwrap();
        let (one, two) = (
            Body::from_bytes(b"one".to_vec()),
            Body::from_bytes(b"two".to_vec()),
        );
        let new = |body| NewBlob {
            body,
            structure: b"",
            header: 0,
        };
        let first = write.keep_blob(&new(&one), 1).unwrap();
        // As after a commit that failed, whose numbers were given again.
        write.recent.remember(two.hash(), first);
        let second = write.keep_blob(&new(&two), 2).unwrap();
        assert_ne!(first, second);
        assert_eq!(write.keep_blob(&new(&one), 1).unwrap(), first);
        write.drop_reference(second).unwrap();
        write.drop_reference(second).unwrap();
        assert!(write.drop_reference(second).is_err());
        // It is gone, though remembered.
        assert_ne!(write.keep_blob(&new(&two), 1).unwrap(), second);
    }

    #[test]
    fn a_body_is_in_full_chunks_and_what_is_left_in_pieces_that_fill_their_pages() {
        let lengths = |size| -> Vec<usize> { chunks(size).unwrap().map(|(_, length)| length).collect() };
        for (size, expected) in [
            (0, vec![]),
            (1, vec![1]),
            (8_125, vec![8_125]),
            (9_000, vec![8_125, 875]),
            (12_187, vec![8_125, 4_062]),
            (12_188, vec![12_188]),
            (20_000, vec![16_250, 3_750]),
            (44_625, vec![32_500, 8_125, 4_000]),
            (50_000, vec![50_000]),
            (65_000, vec![65_000]),
            (102_000, vec![65_000, 32_500, 4_500]),
        ] {
            assert_eq!(lengths(size), expected, "{size}");
        }
        for size in (0..200_000).step_by(7) {
            assert_eq!(lengths(size).into_iter().sum::<usize>() as u64, size);
            let numbers = chunks(size).unwrap().map(|(number, _)| number);
            assert!(numbers.eq(0..u32::try_from(lengths(size).len()).unwrap()));
        }
        assert!(chunks(u64::MAX).is_err());
    }
}
