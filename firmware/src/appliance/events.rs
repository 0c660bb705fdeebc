//! What happened, in words.

use super::{Appliance, fault};
use crate::blocking::blocking;
use crate::ledger::events;
use web_setup::Fault;

impl web_setup::EventsRoom for Appliance {
    async fn events(
        &self,
        filter: web_setup::EventFilter,
        before: Option<u64>,
        limit: usize,
    ) -> Result<web_setup::Events, Fault> {
        self.house().ledger.flush().await;
        let snapshot = self.house().store.snapshot().map_err(fault)?;
        let filter = events::Filter {
            account: filter.account,
            kind: filter.kind,
        };
        let (rows, older) = blocking(|| events::page(&snapshot, &filter, before, limit)).map_err(fault)?;
        let rows = rows.into_iter().map(|row| web_setup::EventRow {
            at: row.at,
            kind: row.kind,
            account: row.account,
            words: row.words,
        });
        Ok(web_setup::Events {
            rows: rows.collect(),
            older,
        })
    }
}
