//! Codes asked for after a password at the pages, as the command line asks for them.

use super::accounts::find;
use super::carry_out::BY;
use crate::guard::Owner;
use crate::house::House;
use anyhow::{Context, Result};
use proto::types::Address;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What may be asked; `login` is `admin` or an account's address.
#[derive(Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "kebab-case")]
pub enum TotpRequest {
    /// Whether a code is asked for.
    Status {
        /// Whose.
        login: String,
    },
    /// No code is asked for any more.
    Reset {
        /// Whose.
        login: String,
    },
}

pub(super) async fn carry_out(house: &House, ask: &TotpRequest) -> Result<Value> {
    match ask {
        TotpRequest::Status { login } => {
            let enrolled = house.second_factors.of(owner(house, login)?)?;
            Ok(json!({
                "login": login,
                "on": enrolled.is_some(),
                "since": enrolled.as_ref().map(|enrolled| enrolled.since),
                "recovery_left": enrolled.as_ref().map(|enrolled| enrolled.recovery_left),
            }))
        }
        TotpRequest::Reset { login } => {
            let was_on = house.second_factors.remove(owner(house, login)?, BY).await?;
            Ok(json!({ "login": login, "on": false, "was_on": was_on }))
        }
    }
}

fn owner(house: &House, login: &str) -> Result<Owner> {
    if login.eq_ignore_ascii_case("admin") {
        return Ok(None);
    }
    let address =
        Address::parse(login).with_context(|| format!("{login} is neither admin nor an address"))?;
    Ok(Some(find(house, &address)?.id))
}
