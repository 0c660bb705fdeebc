//! A stored message, piece by piece. Each piece is read from a snapshot of its own: a slow server
//! must not keep old pages of the store from being used again.

use super::problem::Problem;
use crate::limits::PIECE;
use proto::types::{BlobId, Span};
use store::{Store, StoreError};

/// Reads a body from its start, once.
pub struct Pieces {
    store: Store,
    blob: BlobId,
    size: u64,
    at: u64,
}

impl Pieces {
    /// The body, if it is there.
    ///
    /// # Errors
    /// The store's file failed.
    pub fn open(store: Store, blob: BlobId) -> Result<Option<Self>, StoreError> {
        let Some(body) = store.snapshot()?.body(blob)? else {
            return Ok(None);
        };
        let size = body.size();
        Ok(Some(Self {
            store,
            blob,
            size,
            at: 0,
        }))
    }

    /// Octets in all.
    #[must_use]
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Goes back to the start, for another server.
    pub const fn rewind(&mut self) {
        self.at = 0;
    }

    /// The next piece; `None` at the end.
    ///
    /// # Errors
    /// The store's file failed, or the body is gone.
    pub async fn next(&mut self) -> Result<Option<Vec<u8>>, Problem> {
        if self.at >= self.size {
            return Ok(None);
        }
        let start = self.at;
        let end = self.size.min(start.saturating_add(PIECE as u64));
        let (store, blob) = (self.store.clone(), self.blob);
        let read = tokio::task::spawn_blocking(move || {
            let mut piece = Vec::with_capacity(PIECE);
            match store.snapshot()?.body(blob)? {
                Some(mut body) => body.read_span(Span { start, end }, &mut piece)?,
                None => return Err(StoreError::NotFound),
            }
            Ok(piece)
        });
        let piece = match read.await {
            Ok(Ok(piece)) if piece.is_empty() => Err("the message ends early".to_owned()),
            Ok(Ok(piece)) => Ok(piece),
            Ok(Err(error)) => Err(error.to_string()),
            Err(error) => Err(error.to_string()),
        };
        let piece = piece.map_err(|why| Problem::later(format!("the message cannot be read: {why}")))?;
        self.at = self.at.saturating_add(piece.len() as u64);
        Ok(Some(piece))
    }
}
