//! Taking messages over: body, copies and queue rows together.

use super::blobs::NewBlob;
use super::{Counter, Write};
use crate::names::INBOX;
use crate::rows::{MessageRow, QueueRow, Row, StructureRow};
use crate::{Change, Delivered, Delivery, Outgoing, Place, StoreError};
use proto::ask::SpecialUse;
use proto::types::{AccountId, BlobId, MailboxId, ModSeq, QueueId, Timestamp};

/// A delivery with what can be worked out before the writer is asked.
pub(crate) struct Prepared {
    delivery: Delivery,
    structure: Vec<u8>,
}

impl Prepared {
    pub(crate) fn new(mut delivery: Delivery) -> Result<Self, StoreError> {
        let row = StructureRow(std::mem::take(&mut delivery.structure));
        let structure = row.encode()?;
        delivery.structure = row.0;
        Ok(Self { delivery, structure })
    }

    /// Octets that it will add, roughly.
    pub(crate) fn octets(&self) -> u64 {
        self.delivery
            .body
            .size()
            .saturating_add(self.structure.len() as u64)
    }
}

impl Write<'_> {
    /// See [`crate::Store::notify`].
    pub(crate) fn notify(
        &mut self,
        notices: &[Prepared],
        key: &str,
        value: &serde_json::Value,
        events: &[crate::Event],
    ) -> Result<(), StoreError> {
        self.deliver(notices)?;
        self.put_setting(key, value)?;
        self.record(events)
    }

    /// See [`crate::Store::deliver`].
    pub(crate) fn deliver(&mut self, deliveries: &[Prepared]) -> Result<Vec<Delivered>, StoreError> {
        // Every place first: one that is missing must be found before anything is written.
        let mut places = Vec::with_capacity(deliveries.len());
        for prepared in deliveries {
            let Delivery { copies, outgoing, .. } = &prepared.delivery;
            let targets: Result<Vec<_>, _> = copies.iter().map(|copy| self.resolve(copy.into)).collect();
            let held: Result<Vec<_>, _> = outgoing.iter().map(|out| self.is_held(out.owner)).collect();
            places.push((targets?, held?));
        }
        deliveries
            .iter()
            .zip(places)
            .map(|(prepared, (targets, held))| self.deliver_one(prepared, &targets, &held))
            .collect()
    }

    fn deliver_one(
        &mut self,
        prepared: &Prepared,
        targets: &[MailboxId],
        held: &[bool],
    ) -> Result<Delivered, StoreError> {
        let delivery = &prepared.delivery;
        let references = u32::try_from(delivery.copies.len() + delivery.outgoing.len())
            .map_err(|_| StoreError::CannotChange("too many recipients"))?;
        if references == 0 {
            return Ok(Delivered {
                blob: None,
                placed: Vec::new(),
                queued: Vec::new(),
            });
        }
        let size = delivery.body.size();
        let header = delivery.structure.root.header.end.min(size);
        let new = NewBlob {
            body: &delivery.body,
            structure: &prepared.structure,
            header,
        };
        let blob = self.keep_blob(&new, references)?;
        let mut placed = Vec::with_capacity(targets.len());
        for (copy, mailbox) in delivery.copies.iter().zip(targets) {
            let mut row = self.mailbox(*mailbox)?;
            let modseq = row.next_modseq();
            let message = MessageRow {
                blob,
                modseq: ModSeq(0),
                flags: copy.flags.clone(),
                size,
                date: copy.date,
            };
            let uid = self.append(*mailbox, &mut row, modseq, message)?;
            self.put_mailbox(*mailbox, &row)?;
            placed.push((*mailbox, row.uid_validity, uid));
        }
        let mut queued = Vec::with_capacity(held.len());
        for (outgoing, held) in delivery.outgoing.iter().zip(held) {
            queued.push(self.enqueue(outgoing, blob, delivery.received_at, *held)?);
        }
        Ok(Delivered {
            blob: Some(blob),
            placed,
            queued,
        })
    }

    fn enqueue(
        &mut self,
        outgoing: &Outgoing,
        blob: BlobId,
        created: Timestamp,
        held: bool,
    ) -> Result<QueueId, StoreError> {
        let id = QueueId(self.next(Counter::Queue)?);
        let row = QueueRow {
            blob,
            owner: outgoing.owner,
            from: outgoing.from.clone(),
            to: outgoing.to.clone(),
            created,
            next_attempt: outgoing.next_attempt,
            attempts: 0,
            last_words: None,
            held,
            wishes: outgoing.wishes.clone(),
            asked: outgoing.asked.clone(),
            told: None,
            held_by_admin: self.holds_domain(outgoing.to.domain())?,
        };
        self.add_queue_row(id, &row)?;
        self.tell(Change::Queue);
        Ok(id)
    }

    /// Mail of a frozen owner waits, however it came in.
    fn is_held(&self, owner: Option<AccountId>) -> Result<bool, StoreError> {
        let Some(owner) = owner else { return Ok(false) };
        let row = self.account(owner)?;
        Ok(row.state.holds_mail())
    }

    pub(super) fn resolve(&self, place: Place) -> Result<MailboxId, StoreError> {
        match place {
            Place::Mailbox(id) => self.mailbox(id).map(|_| id),
            Place::Inbox(account) => self.mailbox_named(account, INBOX),
            Place::Special(account, special) => match self.special(account, special)? {
                Some(id) => Ok(id),
                None => self.mailbox_named(account, INBOX),
            },
        }
    }

    fn special(&self, account: AccountId, special: SpecialUse) -> Result<Option<MailboxId>, StoreError> {
        for (_, id) in self.mailbox_names(account)? {
            if self.mailbox(id)?.special == Some(special) {
                return Ok(Some(id));
            }
        }
        Ok(None)
    }
}
