//! What the command line can have done about the shield.

use crate::deliver::people;
use crate::guard::shield::{Shield, Shielded};
use crate::house::House;
use anyhow::{Context, Result, anyhow};
use proto::types::Domain;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A wish about it. The answer is the whole table.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "shield", rename_all = "kebab-case")]
pub enum ShieldRequest {
    /// The table.
    List,
    /// Bind a domain to networks.
    Set {
        /// The domain.
        domain: Domain,
        /// Networks, or `lan`, with commas between.
        places: String,
    },
    /// Take a domain out.
    Remove {
        /// The domain.
        domain: Domain,
    },
}

pub(super) async fn carry_out(house: &House, wish: &ShieldRequest) -> Result<Value> {
    let office = house.office()?.context("set the box up first")?;
    let guard = &house.guard;
    match wish {
        ShieldRequest::List => Ok(()),
        ShieldRequest::Set { domain, places } => guard.shield(domain.clone(), places).await,
        ShieldRequest::Remove { domain } => guard.unshield(domain).await,
    }
    .map_err(|words| anyhow!(words))?;
    let snapshot = house.store.snapshot()?;
    let shield = Shield::read(&snapshot)?;
    let domains = people::domains(&snapshot, &office)?;
    Ok(shield.rows(&domains).iter().map(row).collect())
}

fn row(row: &Shielded) -> Value {
    json!({ "domain": row.domain, "networks": row.places, "default": row.default })
}
