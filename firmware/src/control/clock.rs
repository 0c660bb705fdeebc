//! What the command line can have done about the clock.

use crate::appliance::clock::set_clock;
use crate::house::House;
use anyhow::{Result, anyhow};
use proto::types::Timestamp;
use serde_json::{Value, json};

pub(super) async fn carry_out(house: &House, to: Option<Timestamp>, by: &str) -> Result<Value> {
    if let Some(to) = to {
        let done = set_clock(house, to, by).await;
        done.map_err(|words| anyhow!("{words}"))?;
    }
    Ok(json!({ "time": house.clock.now(), "known": house.clock.is_known() }))
}
