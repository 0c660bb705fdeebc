//! What the command line can have done about judging, and told about what was judged.

use crate::house::House;
use crate::judge::admin;
use crate::judge::explain::{self, Explanation};
use crate::judge::rules::Judging;
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// Judged messages that are shown at most.
const SHOWN: usize = 1000;

/// A wish about it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "judge", rename_all = "kebab-case")]
pub enum JudgeRequest {
    /// What is set.
    Show,
    /// Set one thing.
    Set {
        /// Which.
        name: String,
        /// To what.
        value: String,
    },
    /// What was judged last.
    Recent {
        /// How many messages.
        most: usize,
    },
    /// Why a message is where it is.
    Explain {
        /// Its id, as in its Received field.
        id: String,
    },
}

pub(super) async fn carry_out(house: &House, wish: &JudgeRequest) -> Result<Value> {
    match wish {
        JudgeRequest::Show => {}
        JudgeRequest::Set { name, value } => {
            admin::set_judging(house, &[(name.clone(), value.clone())]).await?;
        }
        JudgeRequest::Recent { most } => {
            house.ledger.flush().await;
            let latest = explain::latest(&house.store.snapshot()?, (*most).min(SHOWN))?;
            return Ok(latest.iter().map(row).collect());
        }
        JudgeRequest::Explain { id } => {
            house.ledger.flush().await;
            let found = explain::find(&house.store.snapshot()?, id)?;
            let found = found.context("no message of that id was judged, or it was too long ago")?;
            let mut shown = serde_json::to_value(&found)?;
            if let Value::Object(fields) = &mut shown {
                fields.insert("words".to_owned(), Value::String(found.to_string()));
            }
            return Ok(shown);
        }
    }
    let judging = Judging::read(&house.store.snapshot()?)?;
    Ok(judging
        .table()
        .iter()
        .map(|knob| json!({ "name": knob.name, "value": knob.value, "what": knob.what }))
        .collect())
}

fn row(told: &Explanation) -> Value {
    json!({
        "id": told.id,
        "at": told.at,
        "ip": told.ip,
        "from": told.sender(),
        "to": told.to,
        "placement": told.verdict.placement,
        "points": told.verdict.points.to_string(),
    })
}
