//! Which bodies came lately, so that one that comes again is stored once. In memory only: an index
//! of every body in the file would make each delivery change a random page of it, which was 40 %
//! of all that a busy box writes to its card, to find again what almost never returns later.

use proto::types::BlobId;
use std::collections::{HashMap, VecDeque};

/// Most bodies remembered; about 100 octets each.
const BODIES: usize = 4096;

/// BLAKE3 -> blob. What it says may be outdated, since commits fail and bodies go: the reader
/// compares with the blob's own hash.
#[derive(Default)]
pub(crate) struct Recent {
    blobs: HashMap<[u8; 32], BlobId>,
    order: VecDeque<[u8; 32]>,
}

impl Recent {
    pub(super) fn find(&self, hash: &[u8; 32]) -> Option<BlobId> {
        self.blobs.get(hash).copied()
    }

    pub(super) fn remember(&mut self, hash: &[u8; 32], blob: BlobId) {
        if self.blobs.insert(*hash, blob).is_none() {
            self.order.push_back(*hash);
        }
        if self.order.len() > BODIES
            && let Some(oldest) = self.order.pop_front()
        {
            self.blobs.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_bodies_are_remembered_and_no_more_than_that() {
        let mut recent = Recent::default();
        let hash = |n: u64| *blake3::hash(&n.to_le_bytes()).as_bytes();
        let count = BODIES as u64 + 10;
        for n in 0..count {
            recent.remember(&hash(n), BlobId(n));
        }
        recent.remember(&hash(count - 1), BlobId(7));
        assert_eq!(
            (recent.find(&hash(9)), recent.find(&hash(10))),
            (None, Some(BlobId(10)))
        );
        assert_eq!(recent.find(&hash(count - 1)), Some(BlobId(7)));
        assert_eq!((recent.blobs.len(), recent.order.len()), (BODIES, BODIES));
    }
}
