//! What the command line can have done about signing keys.

use super::carry_out::BY;
use crate::dkim::ring::{KeyLife, Next, Ring};
use crate::dkim::rotation::{self, DomainKeys, Rotated};
use crate::dkim::{Keys, dns_records};
use crate::house::House;
use anyhow::{Context, Result};
use proto::types::Domain;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A wish about them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "dkim", rename_all = "kebab-case")]
pub enum DkimRequest {
    /// The keys of every domain.
    Status,
    /// New keys for a domain.
    Rotate {
        /// `None`: the main one.
        domain: Option<Domain>,
    },
    /// How long a pair signs.
    Life {
        /// In days; 0: until somebody rotates by hand; `None`: it is asked for.
        days: Option<u32>,
    },
}

pub(super) async fn carry_out(house: &House, wish: &DkimRequest) -> Result<Value> {
    match wish {
        DkimRequest::Status => {
            let (all, life) = (rotation::all(house)?, rotation::life(house)?);
            Ok(all.iter().map(|keys| shown(keys, life)).collect())
        }
        DkimRequest::Rotate { domain } => {
            let office = house.office()?.context("set the box up first")?;
            let domain = domain.as_ref().unwrap_or(&office.domain);
            let rotated = rotation::rotate(house, domain, BY).await?;
            let (state, missing) = match rotated {
                Rotated::Made => ("made", None),
                Rotated::Waits(missing) => ("waits", Some(missing)),
                Rotated::Unsure => ("unsure", None),
                Rotated::Done => ("done", None),
            };
            let all = rotation::all(house)?;
            let keys = all.iter().find(|keys| keys.domain == *domain);
            let shown = keys.map(|keys| shown(keys, rotation::life(house).unwrap_or_default()));
            Ok(json!({ "rotated": state, "missing": missing, "keys": shown }))
        }
        DkimRequest::Life { days } => {
            if let Some(days) = days {
                rotation::set_life(house, *days).await?;
            }
            Ok(json!({ "days": rotation::life(house)?.days }))
        }
    }
}

fn shown(keys: &DomainKeys, life: KeyLife) -> Value {
    let domain = &keys.domain;
    let Some(ring) = &keys.ring else {
        return json!({ "domain": domain, "signs": null });
    };
    let next = ring.next.as_ref();
    let retired = ring
        .retired
        .iter()
        .map(|old| json!({ "selectors": old.selectors, "since": old.at, "removable": old.removable() }));
    json!({
        "domain": domain,
        "signs": ring.current.selectors(),
        "since": ring.since,
        "due": ring.due(life),
        "next": next.map(|next| next_shown(next, ring, domain)),
        "retired": retired.collect::<Vec<_>>(),
        "records": records(&ring.current, domain),
    })
}

fn next_shown(next: &Next, ring: &Ring, domain: &Domain) -> Value {
    json!({
        "selectors": next.keys.selectors(),
        "made": next.made,
        "soon": next.soon,
        "seen": next.seen,
        "after": ring.current.selectors(),
        "records": records(&next.keys, domain),
    })
}

fn records(keys: &Keys, domain: &Domain) -> Vec<Value> {
    let records = dns_records(keys, domain).into_iter();
    records
        .map(|record| json!({ "name": record.name, "text": record.text }))
        .collect()
}
