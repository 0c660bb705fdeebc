//! Senders that an admin always takes mail from, or never.

use super::Write;
use crate::rows::{from_json, to_json};
use crate::{SenderEntry, StoreError};
use proto::types::Timestamp;
use redb::{ReadableTable, ReadableTableMetadata};

/// Most entries of both lists together.
pub(crate) const SENDERS: u64 = 5_000;
/// Most octets of one entry as it is stored.
const ENTRY: usize = 2_000;

impl Write<'_> {
    /// See [`crate::Store::put_sender`].
    pub(crate) fn put_sender(&mut self, entry: &SenderEntry) -> Result<(), StoreError> {
        let row = to_json(entry)?;
        if row.len() > ENTRY {
            return Err(StoreError::CannotChange("the entry is too long"));
        }
        let known = self.read().senders.get(entry.who.as_str())?.is_some();
        if !known && self.read().senders.len()? >= SENDERS {
            return Err(StoreError::CannotChange("there are too many entries"));
        }
        self.edit().senders.insert(entry.who.as_str(), row.as_slice())?;
        Ok(())
    }

    /// See [`crate::Store::remove_sender`].
    pub(crate) fn remove_sender(&mut self, who: &str) -> Result<bool, StoreError> {
        if self.read().senders.get(who)?.is_none() {
            return Ok(false);
        }
        self.edit().senders.remove(who)?;
        Ok(true)
    }

    /// See [`crate::Store::tidy_senders`].
    pub(crate) fn tidy_senders(&mut self, at: Timestamp) -> Result<(), StoreError> {
        let mut expired = Vec::new();
        for entry in self.read().senders.iter()? {
            let entry: SenderEntry = from_json(entry?.1.value())?;
            if !entry.holds(at) {
                expired.push(entry.who);
            }
        }
        for who in expired {
            self.edit().senders.remove(who.as_str())?;
        }
        Ok(())
    }
}
