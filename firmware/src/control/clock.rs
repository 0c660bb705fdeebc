//! What the command line can have done about the clock.

use crate::appliance::clock::set_clock;
use crate::house::House;
use anyhow::{Result, anyhow, bail};
use proto::message::date;
use proto::types::Timestamp;
use serde_json::{Value, json};

pub(super) async fn carry_out(house: &House, to: Option<Timestamp>, yes: bool, by: &str) -> Result<Value> {
    if let Some(to) = to {
        if let (Some(leap), false) = (web_setup::leap(house.clock.now(), to), yes) {
            let time = date::format(to);
            bail!("{time} is {leap} what the box thinks: if it is right, say so with --yes");
        }
        let done = set_clock(house, to, by).await;
        done.map_err(|words| anyhow!("{words}"))?;
    }
    Ok(json!({ "time": house.clock.now(), "known": house.clock.is_known() }))
}
