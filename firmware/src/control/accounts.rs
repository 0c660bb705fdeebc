//! Accounts, as the command line asks for them.

use super::carry_out::BY;
use crate::deliver::people;
use crate::guard;
use crate::house::House;
use anyhow::{Context, Error, Result, ensure};
use proto::types::{Address, Secret, Timestamp};
use serde_json::{Value, json};
use store::{Account, AccountState, FreezeOutcome, NewAccount, StoreError};

pub(super) fn all(house: &House) -> Result<Value> {
    let accounts = house.store.snapshot()?.accounts()?;
    let now = house.clock.now();
    Ok(accounts.iter().map(|account| shown(account, now)).collect())
}

pub(super) async fn create(house: &House, address: &Address, password: &str, admin: bool) -> Result<Value> {
    house.office()?.context("set the box up first")?;
    ensure!(
        people::token(address).is_none(),
        "{address} is kept for answers to the guard's notices"
    );
    let account = NewAccount {
        address: address.clone(),
        password_hash: hashed(password, address).await?,
        admin,
        created: house.clock.now(),
    };
    let id = match house.store.create_account(account).await {
        Err(StoreError::Exists) => anyhow::bail!("{address} exists already, as an account or an alias"),
        created => created?,
    };
    let password = Secret::new(password.as_bytes().to_vec());
    house.devices.learn_main(id, &password).await;
    let opens = super::device::opens(house.devices.of(id)?.web_only());
    Ok(json!({ "id": id, "address": address, "main_password": opens }))
}

pub(super) async fn set_password(house: &House, address: &Address, password: &str) -> Result<Value> {
    let account = find(house, address)?;
    let hash = hashed(password, &account.address).await?;
    let password = Secret::new(password.as_bytes().to_vec());
    guard::change_password(house, account.id, hash, &password).await?;
    Ok(json!({ "address": address }))
}

pub(super) async fn freeze(house: &House, address: &Address, reason: &str) -> Result<Value> {
    let account = find(house, address)?;
    let outcome = house.guard.freeze(account.id, reason.to_owned()).await?;
    Ok(outcome_shown(address, &outcome))
}

pub(super) async fn unfreeze(house: &House, address: &Address) -> Result<Value> {
    let account = find(house, address)?;
    house.guard.unfreeze(account.id, BY.to_owned()).await?;
    let held = house.store.snapshot()?.held()?.remove(&account.id);
    Ok(json!({ "address": address, "held": held.unwrap_or_default() }))
}

// Judged as on the pages.
pub(super) async fn hashed(password: &str, address: &Address) -> Result<String> {
    ensure!(!password.is_empty(), "the password is empty");
    let also = [address.local(), address.domain().as_str()];
    web_setup::good_password(password.as_bytes(), &also).map_err(Error::msg)?;
    Ok(guard::hash(Secret::new(password.as_bytes().to_vec())).await?)
}

pub(super) fn find(house: &House, address: &Address) -> Result<Account> {
    let account = house.store.snapshot()?.account_by_address(address)?;
    account.with_context(|| format!("there is no account {address}"))
}

pub(super) fn outcome_shown(address: &Address, outcome: &FreezeOutcome) -> Value {
    match outcome {
        FreezeOutcome::Frozen { held } => json!({ "address": address, "state": "frozen", "held": held }),
        FreezeOutcome::Limited { until, last_admin } => json!({
            "address": address, "state": "limited", "until": until, "last_admin": last_admin,
        }),
        FreezeOutcome::Already => json!({ "address": address, "state": "unchanged" }),
    }
}

fn shown(account: &Account, now: Timestamp) -> Value {
    let limited = account.state.limited_until(now).is_some();
    let (state, reason) = match &account.state {
        AccountState::Limited { reason, .. } if limited => ("limited", Some(reason)),
        AccountState::Active | AccountState::Limited { .. } => ("active", None),
        AccountState::Frozen { reason, .. } => ("frozen", Some(reason)),
        AccountState::Disabled => ("disabled", None),
    };
    json!({
        "id": account.id,
        "address": account.address,
        "state": state,
        "reason": reason,
        "admin": account.admin,
        "created": account.created,
    })
}
