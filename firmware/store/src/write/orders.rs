//! An admin's orders about mail that waits, and the domains that all mail is held for.

use super::Write;
use super::deliver::Prepared;
use crate::rows::{QueueRow, Row, get, to_json};
use crate::{Change, DomainHold, EventKind, QueueChange, QueueChanged, QueueOrder, QueueReach, StoreError};
use proto::types::{Domain, QueueId};
use redb::{ReadableTable, ReadableTableMetadata};
use std::collections::BTreeSet;

/// Most recipients that the event of an order names.
const NAMED: usize = 10;
/// Most domains that all mail is held for.
pub(crate) const HELD_DOMAINS: u64 = 1000;

impl Write<'_> {
    /// See [`crate::Store::change_queue`].
    pub(crate) fn change_queue(
        &mut self,
        change: &QueueChange,
        notices: &[Prepared],
    ) -> Result<QueueChanged, StoreError> {
        let rows = self.reached(&change.reach, !notices.is_empty())?;
        self.deliver(notices)?;
        let (mut to, mut owners) = (Vec::new(), BTreeSet::new());
        let mut changed = QueueChanged {
            rows: 0,
            domains: self.change_holds(change)?,
        };
        for (id, row) in rows {
            if !self.carry_out(change, id, &row)? {
                continue;
            }
            changed.rows += 1;
            owners.insert(row.owner);
            if to.len() < NAMED {
                to.push(row.to);
            }
        }
        if changed == QueueChanged::default() {
            return Ok(changed);
        }
        self.tell(Change::Queue);
        self.end_links(&change.links, change.at, &change.by)?;
        let account = owners.pop_first().flatten().filter(|_| owners.is_empty());
        self.say(
            change.at,
            EventKind::QueueChanged {
                order: change.order,
                which: change.which.clone(),
                account,
                to,
                rows: changed.rows,
                told: notices.len() as u64,
                by: change.by.clone(),
            },
        )?;
        Ok(changed)
    }

    // The rows as they are in this commit: none that came a moment ago is left out.
    fn reached(&self, reach: &QueueReach, all_there: bool) -> Result<Vec<(QueueId, QueueRow)>, StoreError> {
        let queue = &self.read().queue;
        let mut rows = Vec::new();
        if let QueueReach::Rows(ids) = reach {
            for id in ids {
                match get::<QueueRow>(queue, id.0)? {
                    Some(row) => rows.push((*id, row)),
                    None if all_there => return Err(StoreError::NotFound), // it may have left: its sender would be told wrong
                    None => {}
                }
            }
            return Ok(rows);
        }
        for entry in queue.iter()? {
            let (id, bytes) = entry?;
            let row = QueueRow::decode(bytes.value())?;
            if !matches!(reach, QueueReach::Domain(domain) if domain != row.to.domain()) {
                rows.push((QueueId(id.value()), row));
            }
        }
        Ok(rows)
    }

    // How many domains' holds began or ended.
    fn change_holds(&mut self, change: &QueueChange) -> Result<u64, StoreError> {
        let count = self.read().held_domains.len()?;
        match (&change.reach, change.order) {
            (QueueReach::Domain(domain), QueueOrder::Hold) if !self.holds_domain(domain)? => {
                if count >= HELD_DOMAINS {
                    return Err(StoreError::CannotChange(
                        "mail is held for too many domains already",
                    ));
                }
                let hold = DomainHold {
                    since: change.at,
                    by: change.by.clone(),
                };
                let hold = to_json(&hold)?;
                self.edit()
                    .held_domains
                    .insert(domain.as_str(), hold.as_slice())?;
                Ok(1)
            }
            (QueueReach::Domain(domain), QueueOrder::Release) if self.holds_domain(domain)? => {
                self.edit().held_domains.remove(domain.as_str())?;
                Ok(1)
            }
            (QueueReach::All, QueueOrder::Release) if count > 0 => {
                self.edit().held_domains.retain(|_, _| false)?;
                Ok(count)
            }
            _ => Ok(0),
        }
    }

    /// Whether an admin holds all mail for the domain.
    pub(super) fn holds_domain(&self, domain: &Domain) -> Result<bool, StoreError> {
        Ok(self.read().held_domains.get(domain.as_str())?.is_some())
    }

    // Whether there was anything to do.
    fn carry_out(&mut self, change: &QueueChange, id: QueueId, row: &QueueRow) -> Result<bool, StoreError> {
        if change.order == QueueOrder::Delete {
            self.remove_queue_row(id, row)?;
            return Ok(true);
        }
        let hold = row.wishes.hold;
        let at_once = hold.map_or(change.at, |hold| hold.ends(row.created).max(change.at)); // RFC 4865
        let mut next = row.clone();
        match change.order {
            QueueOrder::Hold => next.held_by_admin = true,
            QueueOrder::Release if row.held_by_admin => {
                next.held_by_admin = false;
                next.next_attempt = at_once;
                next.attempts = 0; // the time that it was held does not give it up
            }
            QueueOrder::Retry if !row.is_held() => next.next_attempt = row.next_attempt.min(at_once),
            QueueOrder::Release | QueueOrder::Retry | QueueOrder::Delete => {}
        }
        let differs = next != *row;
        if differs {
            self.change_queue_row(id, row, &next)?;
        }
        Ok(differs)
    }
}
