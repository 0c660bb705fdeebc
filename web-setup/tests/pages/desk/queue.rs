use crate::desk_state::Desk;
use proto::types::{Domain, Timestamp};
use web_setup::{Fault, HeldDomain, QueueDeed, QueueDone, QueuePlace, QueueScope, Queued};

impl web_setup::QueueRoom for Desk {
    async fn queued(&self, id: u64) -> Result<Queued, Fault> {
        let waiting = self.lock().outgoing.clone();
        let row = waiting
            .iter()
            .find(|row| row.id == id)
            .ok_or(Fault::Gone)?
            .clone();
        let with = |row: &&web_setup::Waiting| row.from == waiting[0].from;
        Ok(Queued {
            size: 2_000_000,
            message: waiting.iter().filter(with).cloned().collect(),
            at_domain: waiting.len() as u64,
            total: waiting.len() as u64,
            row,
        })
    }

    async fn places(&self) -> Result<Vec<QueuePlace>, Fault> {
        Ok(self.lock().places.clone())
    }

    async fn order(&self, id: u64, scope: QueueScope, deed: QueueDeed) -> Result<QueueDone, Fault> {
        if self.lock().outgoing.iter().all(|row| row.id != id) {
            return Err(Fault::Gone);
        }
        assert!(self.by.is_some_and(|by| by.admin));
        self.change("queue").orders.push((id, scope, deed));
        Ok(QueueDone { rows: 3, sending: 2 })
    }

    async fn held_domains(&self) -> Result<Vec<HeldDomain>, Fault> {
        Ok(self.lock().held_domains.clone())
    }

    async fn hold_domain(&self, domain: Domain, hold: bool) -> Result<QueueDone, Fault> {
        assert!(self.by.is_some_and(|by| by.admin));
        let mut state = self.change("held domain");
        let before = state.held_domains.len();
        state.held_domains.retain(|held| held.domain != domain);
        if hold {
            state.held_domains.push(HeldDomain {
                domain,
                since: Timestamp(1_764_000_000),
                by: "ada@example.com".to_owned(),
                rows: 4,
            });
        } else if state.held_domains.len() == before {
            return Err(Fault::Gone);
        }
        Ok(QueueDone { rows: 4, sending: 0 })
    }
}
