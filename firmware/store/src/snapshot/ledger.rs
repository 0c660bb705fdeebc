//! The ledger, read from its newest event back.

use super::Snapshot;
use crate::rows::from_json;
use crate::schema::EVENTS;
use crate::{Event, StoreError};
use proto::types::Timestamp;
use std::ops::{Bound, ControlFlow, RangeBounds};

/// So many events in a row that are too old end a look back. A few do not: the clock may have been
/// wrong for a while.
const TOO_OLD: usize = 256;

#[allow(clippy::missing_errors_doc)] // said at `Snapshot`
impl Snapshot {
    /// Events with their sequence numbers, newest first, older than `before`, that `filter` takes.
    pub fn events(
        &self,
        before: Option<u64>,
        limit: usize,
        mut filter: impl FnMut(&Event) -> bool,
    ) -> Result<Vec<(u64, Event)>, StoreError> {
        let mut events = Vec::new();
        if limit == 0 {
            return Ok(events);
        }
        self.look_back(..before.unwrap_or(u64::MAX), |number, event| {
            if filter(&event) {
                events.push((number, event));
            }
            go_on(events.len() < limit)
        })?;
        Ok(events)
    }

    /// Shows what happened since a time, newest first, among the `most` newest events.
    pub fn events_since(
        &self,
        since: Timestamp,
        most: usize,
        mut look: impl FnMut(Event),
    ) -> Result<(), StoreError> {
        let (mut seen, mut too_old) = (0, 0);
        self.look_back(.., |_, event| {
            seen += 1;
            if event.at < since {
                too_old += 1;
            } else {
                too_old = 0;
                look(event);
            }
            go_on(seen < most && too_old < TOO_OLD)
        })
    }

    /// Shows what is younger than event `after`, newest first, among the `most` newest events.
    pub fn events_after(
        &self,
        after: Option<u64>,
        most: usize,
        mut look: impl FnMut(u64, Event),
    ) -> Result<(), StoreError> {
        let mut seen = 0;
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        self.look_back((start, Bound::Unbounded), |number, event| {
            seen += 1;
            look(number, event);
            go_on(seen < most)
        })
    }

    fn look_back(
        &self,
        numbers: impl RangeBounds<u64>,
        mut look: impl FnMut(u64, Event) -> ControlFlow<()>,
    ) -> Result<(), StoreError> {
        let ledger = self.transaction.open_table(EVENTS)?;
        for entry in ledger.range(numbers)?.rev() {
            let (number, json) = entry?;
            if look(number.value(), from_json(json.value())?).is_break() {
                break;
            }
        }
        Ok(())
    }
}

const fn go_on(on: bool) -> ControlFlow<()> {
    if on {
        ControlFlow::Continue(())
    } else {
        ControlFlow::Break(())
    }
}
