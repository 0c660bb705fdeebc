//! One recipient's waiting mail for its page, and what an admin has done with it.

use super::outgoing::row;
use super::{Appliance, fault};
use crate::blocking::blocking;
use crate::deliver::orders::{self, Which};
use crate::house::House;
use proto::types::{Domain, QueueId};
use store::{QueueOrder, StoreError};
use web_setup::{Fault, HeldDomain, QueueDeed, QueueDone, QueuePlace, QueueScope, Queued};

fn queued(house: &House, id: u64) -> Result<Option<Queued>, StoreError> {
    let snapshot = house.store.snapshot()?;
    let Some(item) = snapshot.queue_item(QueueId(id))? else {
        return Ok(None);
    };
    let message = orders::message(&snapshot, id)?;
    let mut at_domain = 0;
    orders::each(&snapshot, |other| {
        at_domain += u64::from(other.to.domain() == item.to.domain());
    })?;
    Ok(Some(Queued {
        size: snapshot.body(item.blob)?.map_or(0, |body| body.size()),
        message: message.into_iter().map(|item| row(house, item)).collect(),
        at_domain,
        total: snapshot.queue_len()?,
        row: row(house, item),
    }))
}

fn domain_of(house: &House, id: u64) -> Result<Option<Domain>, StoreError> {
    let item = house.store.snapshot()?.queue_item(QueueId(id))?;
    Ok(item.map(|item| item.to.domain().clone()))
}

impl Appliance {
    async fn carry_out(&self, which: &Which, deed: QueueDeed) -> Result<QueueDone, Fault> {
        let by = self.by()?;
        let (order, tell) = match deed {
            QueueDeed::Hold => (QueueOrder::Hold, false),
            QueueDeed::Release => (QueueOrder::Release, false),
            QueueDeed::Retry => (QueueOrder::Retry, false),
            QueueDeed::Delete { tell } => (QueueOrder::Delete, tell),
        };
        match orders::carry_out(self.house(), which, order, tell, &by).await {
            Ok(done) => Ok(QueueDone {
                rows: done.rows,
                sending: done.sending,
            }),
            Err(StoreError::NotFound) => Err(Fault::Gone),
            Err(error) => Err(fault(error)),
        }
    }
}

impl web_setup::QueueRoom for Appliance {
    async fn queued(&self, id: u64) -> Result<Queued, Fault> {
        let found = blocking(|| queued(self.house(), id)).map_err(fault)?;
        found.ok_or(Fault::Gone)
    }

    async fn places(&self) -> Result<Vec<QueuePlace>, Fault> {
        let house = self.house();
        let places = house.traffic.places(house.clock.now()).into_iter();
        let shown = places.map(|place| QueuePlace {
            name: place.name,
            sending: place.running,
            at_once: place.window,
            rest: place.rest,
        });
        Ok(shown.collect())
    }

    async fn order(&self, id: u64, scope: QueueScope, deed: QueueDeed) -> Result<QueueDone, Fault> {
        let which = match scope {
            QueueScope::Row => Which::Row(id),
            QueueScope::Message => Which::Message(id),
            QueueScope::Domain => {
                let domain = blocking(|| domain_of(self.house(), id)).map_err(fault)?;
                Which::Domain(domain.ok_or(Fault::Gone)?)
            }
            QueueScope::All => Which::All,
        };
        self.carry_out(&which, deed).await
    }

    async fn held_domains(&self) -> Result<Vec<HeldDomain>, Fault> {
        let held = blocking(|| orders::held_domains(&self.house().store.snapshot()?)).map_err(fault)?;
        let shown = held.into_iter().map(|(held, rows)| HeldDomain {
            domain: held.domain,
            since: held.held.since,
            by: held.held.by,
            rows,
        });
        Ok(shown.collect())
    }

    async fn hold_domain(&self, domain: Domain, hold: bool) -> Result<QueueDone, Fault> {
        let deed = if hold { QueueDeed::Hold } else { QueueDeed::Release };
        self.carry_out(&Which::Domain(domain), deed).await
    }
}
