//! What the command line can have done.

use super::Request;
use crate::deliver::people;
use crate::guard;
use crate::house::House;
use crate::links::check_files;
use crate::panel;
use crate::settings::Office;
use crate::setup::{self, Setup};
use anyhow::{Context, Error, Result, ensure};
use proto::types::{Address, Domain, Secret, Timestamp};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use store::{Account, AccountState, FreezeOutcome, NewAccount, Store, StoreError};

/// Who did it, in the ledger.
pub(super) const BY: &str = "command line";

pub(super) async fn carry_out(house: &Arc<House>, request: &Request) -> Result<Value> {
    match request {
        Request::Accounts => {
            let accounts = house.store.snapshot()?.accounts()?;
            let now = house.clock.now();
            Ok(accounts.iter().map(|account| shown(account, now)).collect())
        }
        Request::CreateAccount {
            address,
            password,
            admin,
        } => create(house, address, password, *admin).await,
        Request::SetPassword { address, password } => {
            let account = find(house, address)?;
            let hash = hashed(password, &account.address).await?;
            let password = Secret::new(password.as_bytes().to_vec());
            guard::change_password(house, account.id, hash, &password).await?;
            Ok(json!({ "address": address }))
        }
        Request::Freeze { address, reason } => {
            let account = find(house, address)?;
            let outcome = house.guard.freeze(account.id, reason.clone()).await?;
            Ok(outcome_shown(address, &outcome))
        }
        Request::Unfreeze { address } => {
            let account = find(house, address)?;
            house.guard.unfreeze(account.id, BY.to_owned()).await?;
            let held = house.store.snapshot()?.held()?.remove(&account.id);
            Ok(json!({ "address": address, "held": held.unwrap_or_default() }))
        }
        Request::Guard { ask } => super::guard::carry_out(house, ask).await,
        Request::Events { account, kind, limit } => {
            house.ledger.flush().await;
            let filter = crate::ledger::events::Filter {
                account: account.clone(),
                kind: kind.clone(),
            };
            let limit = (*limit).min(crate::limits::EVENTS_SHOWN);
            let (rows, _) = crate::ledger::events::page(&house.store.snapshot()?, &filter, None, limit)?;
            Ok(serde_json::to_value(rows)?)
        }
        Request::Printer { wish } => super::printer::carry_out(house, wish).await,
        Request::Totp { ask } => super::totp::carry_out(house, ask).await,
        Request::Device { ask } => super::device::carry_out(house, ask).await,
        Request::Judge { ask } => super::judging::carry_out(house, ask).await,
        Request::Filter { ask } => super::filtering::carry_out(house, ask).await,
        Request::Domain { ask } => super::names::domains(house, ask).await,
        Request::Dkim { ask } => super::dkim::carry_out(house, ask).await,
        Request::Alias { ask } => super::names::aliases(house, ask).await,
        Request::Screening(wish) => super::screening::carry_out(house, wish, BY).await,
        Request::Links { ask } => super::links::carry_out(house, ask).await,
        Request::Clock { to, yes } => super::clock::carry_out(house, *to, *yes, BY).await,
        Request::Transport { ask } => super::transport::carry_out(house, ask).await,
        Request::Smarthost { ask } => super::smarthost::carry_out(house, ask).await,
        Request::Queue { ask } => super::queue::carry_out(house, ask).await,
        Request::Check => {
            let (data, store) = (house.data.clone(), house.store.clone());
            tokio::task::spawn_blocking(move || check(&data, &store)).await?
        }
        Request::Status => Ok(serde_json::to_value(panel::screen(house, &house.board)?)?),
        Request::Setup {
            domain,
            hostname,
            account,
            admin_password,
            password,
        } => {
            let office = Office {
                domain: Domain::parse(domain).context("the domain")?,
                hostname: Domain::parse(hostname).context("the host name")?,
            };
            let account = Address::parse(&format!("{account}@{}", office.domain))?;
            let done = json!({ "address": account, "main_password": super::device::opens(true) });
            let setup = Setup {
                office,
                admin_hash: hashed(admin_password, &account).await?,
                account_hash: hashed(password, &account).await?,
                account,
            };
            setup::finish(house, setup).await?;
            Ok(done)
        }
    }
}

async fn create(house: &House, address: &Address, password: &str, admin: bool) -> Result<Value> {
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

// Judged as on the pages.
async fn hashed(password: &str, address: &Address) -> Result<String> {
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

/// Proves that a data folder is whole: reads all of it, attachments too. Blocks for as long as that takes.
///
/// # Errors
/// The store cannot be read.
pub fn check(data: &Path, store: &Store) -> Result<Value> {
    let (mut report, files) = (store.check()?, check_files(data, store)?);
    report.faults.extend(files.faults);
    Ok(json!({
        "clean": report.is_clean(),
        "accounts": report.accounts,
        "mailboxes": report.mailboxes,
        "messages": report.messages,
        "blobs": report.blobs,
        "queued": report.queued,
        "links": report.links,
        "attachments": files.files,
        "attachments_away": files.away,
        "faults": report.faults,
    }))
}
