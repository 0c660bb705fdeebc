//! Codes after the password, as the pages ask for them.

use super::fault;
use crate::guard::Attempt;
use crate::house::House;
use proto::refusal::Refusal;
use proto::types::{AccountId, Mechanism, Protocol, Secret};
use std::net::IpAddr;
use store::Account;
use web_setup::{Fault, Pass, SecondFactor};

/// Whether that is the code of whose session this is.
pub(super) async fn judge(
    house: &House,
    ip: IpAddr,
    pass: Pass,
    code: &Secret,
) -> Result<Result<Option<Account>, Refusal>, Fault> {
    let login = match pass.account {
        None => "admin".to_owned(),
        Some(id) => {
            let account = house.store.snapshot().and_then(|snapshot| snapshot.account(id));
            account.map_err(fault)?.ok_or(Fault::Gone)?.address.to_string()
        }
    };
    let attempt = Attempt {
        ip,
        protocol: Protocol::Web,
        tls: true,
        mechanism: Mechanism::Code,
        client: "",
        login: &login,
    };
    Ok(house.logins.second_factor(&attempt, code).await)
}

pub(super) fn shown(house: &House, of: Option<AccountId>) -> Result<SecondFactor, Fault> {
    let enrolled = house.second_factors.of(of).map_err(fault)?;
    Ok(SecondFactor {
        since: enrolled.as_ref().map(|enrolled| enrolled.since),
        recovery_left: enrolled.map_or(0, |enrolled| enrolled.recovery_left),
        clock_known: house.second_factors.clock_is_known(),
    })
}
