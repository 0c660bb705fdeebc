//! What the command line can have done with the outgoing queue.

use super::carry_out::BY;
use crate::deliver::orders::{self, State, Which};
use crate::house::House;
use crate::limits::queue::LISTED;
use anyhow::{Context, Result, anyhow};
use proto::types::{Domain, QueueId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{QueueItem, QueueOrder, StoreError};

/// What is asked.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "queue", rename_all = "kebab-case")]
pub enum QueueRequest {
    /// Rows, the oldest first.
    List {
        /// For this domain only.
        to: Option<Domain>,
        /// Only those that are held.
        held: bool,
        /// Most rows.
        limit: usize,
    },
    /// One row, with the others of its message.
    Show {
        /// Which.
        row: u64,
    },
    /// Places that are spoken to or left alone just now.
    Places,
    /// Domains that all mail is held for.
    Holds,
    /// An order.
    Order {
        /// What.
        order: QueueOrder,
        /// With which rows.
        which: Which,
        /// Whether senders hear of what is deleted.
        tell: bool,
    },
}

pub(super) async fn carry_out(house: &House, request: &QueueRequest) -> Result<Value> {
    let now = house.clock.now();
    match request {
        QueueRequest::List { to, held, limit } => {
            let limit = (*limit).min(LISTED);
            let mut rows = Vec::new();
            orders::each(&house.store.snapshot()?, |item| {
                let wanted = to.as_ref().is_none_or(|to| to == item.to.domain());
                if rows.len() < limit && wanted && (item.is_held() || !held) {
                    rows.push(shown(house, &item, now));
                }
            })?;
            Ok(Value::Array(rows))
        }
        QueueRequest::Show { row } => {
            let snapshot = house.store.snapshot()?;
            let item = snapshot.queue_item(QueueId(*row))?;
            let item = item.with_context(|| format!("there is no row {row}: it left, or never was"))?;
            let size = snapshot.body(item.blob)?.map(|body| body.size());
            let others = orders::message(&snapshot, *row)?;
            let others = others.iter().filter(|other| other.id != item.id);
            let mut shown = shown(house, &item, now);
            if let Value::Object(fields) = &mut shown {
                fields.insert("size".to_owned(), size.into());
                fields.insert("told".to_owned(), serde_json::to_value(item.told)?);
                let others: Vec<Value> = others
                    .map(|other| json!({ "row": other.id.0, "to": other.to }))
                    .collect();
                fields.insert("others".to_owned(), others.into());
            }
            Ok(shown)
        }
        QueueRequest::Places => {
            let places = house.traffic.places(now);
            let rows = places.into_iter().map(|place| {
                let (until, words) = place.rest.unzip();
                json!({
                    "place": place.name,
                    "sending": place.running,
                    "at_once": place.window,
                    "left_alone_until": until,
                    "words": words,
                })
            });
            Ok(rows.collect())
        }
        QueueRequest::Holds => {
            let held = orders::held_domains(&house.store.snapshot()?)?.into_iter();
            let rows = held.map(|(held, rows)| {
                json!({
                    "domain": held.domain,
                    "since": held.held.since,
                    "by": held.held.by,
                    "rows": rows,
                })
            });
            Ok(rows.collect())
        }
        QueueRequest::Order { order, which, tell } => {
            match orders::carry_out(house, which, *order, *tell, BY).await {
                Ok(done) => Ok(serde_json::to_value(done)?),
                Err(StoreError::NotFound) => Err(anyhow!("nothing waits there ({which})")),
                Err(error) => Err(error.into()),
            }
        }
    }
}

fn shown(house: &House, item: &QueueItem, now: Timestamp) -> Value {
    let (state, next) = match State::of(item, &house.traffic, now) {
        State::Sending => ("sending", None),
        State::Held => ("held", None),
        State::KeptBack(until) => ("kept-back", Some(until)),
        State::Waits(at) if at <= now => ("due", Some(at)),
        State::Waits(at) => ("waiting", Some(at)),
    };
    json!({
        "row": item.id.0,
        "state": state,
        "from": item.from,
        "to": item.to,
        "since": item.created,
        "next": next,
        "tries": item.attempts,
        "sender_frozen": item.held,
        "held_by_admin": item.held_by_admin,
        "words": item.last_words,
    })
}
