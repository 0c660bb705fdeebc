//! The ledger: a ring of events.

use super::{Counter, Write};
use crate::rows::to_json;
use crate::{Change, Event, StoreError};
use redb::ReadableTableMetadata;

/// Most events kept.
pub(crate) const EVENTS: u64 = 100_000;

impl Write<'_> {
    /// See [`crate::Store::record`].
    pub(crate) fn record(&mut self, events: &[Event]) -> Result<(), StoreError> {
        if events.is_empty() {
            return Ok(());
        }
        for event in events {
            let number = self.next(Counter::Event)?;
            self.edit().events.insert(number, to_json(event)?.as_slice())?;
        }
        while self.read().events.len()? > EVENTS {
            self.edit().events.pop_first()?;
        }
        self.tell(Change::Ledger);
        Ok(())
    }
}
