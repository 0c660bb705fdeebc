//! Printers and scanners.

use super::{Counter, Write};
use crate::rows::{AccountRow, QueueRow, Row, from_json};
use crate::{AccountState, Change, NewPrinter, Printer, StoreError, Terms};
use proto::types::{AccountId, QueueId, Timestamp};
use redb::ReadableTable;

impl Write<'_> {
    /// See [`crate::Store::create_printer`].
    pub(crate) fn create_printer(&mut self, new: &NewPrinter) -> Result<AccountId, StoreError> {
        self.demand_local(new.address.domain())?;
        for entry in self.read().accounts.iter()? {
            let row: AccountRow = from_json(entry?.1.value())?;
            let same_place = row.printer.is_some_and(|printer| printer.ip == new.ip);
            if same_place && row.address.key() == new.address.key() {
                return Err(StoreError::Exists);
            }
        }
        let id = AccountId(self.next(Counter::Account)?);
        let row = AccountRow {
            address: new.address.clone(),
            state: AccountState::Active,
            admin: false,
            password_hash: String::new(),
            created: new.created,
            unfrozen_at: None,
            freeze_seen: false,
            printer: Some(Printer {
                ip: new.ip,
                terms: new.terms.clone(),
                sent: 0,
                used: None,
            }),
        };
        self.put_account(id, &row)?;
        Ok(id)
    }

    /// See [`crate::Store::set_printer`].
    pub(crate) fn set_printer(&mut self, id: AccountId, terms: &Terms) -> Result<(), StoreError> {
        let mut row = self.account(id)?;
        let printer = row.printer.as_mut().ok_or(StoreError::NotFound)?;
        printer.terms.clone_from(terms);
        self.put_account(id, &row)
    }

    /// See [`crate::Store::remove_printer`].
    pub(crate) fn remove_printer(&mut self, id: AccountId) -> Result<(), StoreError> {
        if self.account(id)?.printer.is_none() {
            return Err(StoreError::NotFound);
        }
        let mut rows = Vec::new();
        for entry in self.read().queue.iter()? {
            let (number, bytes) = entry?;
            let row = QueueRow::decode(bytes.value())?;
            if row.owner == Some(id) {
                rows.push((QueueId(number.value()), row));
            }
        }
        if rows.iter().any(|(_, row)| row.held) {
            return Err(StoreError::CannotChange(
                "Mail of this device is held. Release or discard it first.",
            ));
        }
        for (number, row) in rows {
            let next = QueueRow {
                owner: None,
                ..row.clone()
            };
            self.change_queue_row(number, &row, &next)?;
        }
        self.edit().accounts.remove(id.0)?;
        self.edit()
            .acquaintances
            .retain_in((id.0, "")..(id.0.saturating_add(1), ""), |_, _| false)?;
        self.tell(Change::Account(id));
        Ok(())
    }

    /// Counts a message of a printer; of a person's account nothing is kept here.
    pub(super) fn printer_sent(&mut self, id: AccountId, at: Timestamp) -> Result<(), StoreError> {
        let mut row = self.account(id)?;
        let Some(printer) = row.printer.as_mut() else {
            return Ok(());
        };
        printer.sent = printer.sent.saturating_add(1);
        printer.used = Some(at);
        self.put_account(id, &row)
    }
}
