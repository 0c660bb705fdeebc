//! What the command line can have done about transport security.

use crate::appliance::transport::set_dnssec;
use crate::deliver::sts;
use crate::dns::Dnssec;
use crate::house::House;
use anyhow::Result;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A wish about it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "transport", rename_all = "kebab-case")]
pub enum TransportRequest {
    /// Whether signatures of names are checked.
    Dnssec {
        /// From now on, if given.
        check: Option<bool>,
    },
    /// The MTA-STS policies of other domains that are known.
    Policies,
}

pub(super) async fn carry_out(house: &House, wish: &TransportRequest) -> Result<Value> {
    match wish {
        TransportRequest::Dnssec { check } => {
            if let Some(check) = *check {
                set_dnssec(house, Dnssec { check }).await?;
            }
            let seen = house.checking.seen();
            Ok(json!({ "dnssec": seen, "words": seen.words() }))
        }
        TransportRequest::Policies => {
            let kept = sts::kept(&house.store.snapshot()?, house.clock.now())?;
            Ok(serde_json::to_value(kept)?)
        }
    }
}
