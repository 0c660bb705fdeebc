//! What the command line can have done.

use super::{Request, accounts};
use crate::house::House;
use crate::ledger::events;
use crate::limits;
use crate::links::check_files;
use crate::panel;
use crate::settings::Office;
use crate::setup::{self, Setup};
use anyhow::{Context, Result};
use proto::types::{Address, Domain};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use store::Store;

/// Who did it, in the ledger.
pub(super) const BY: &str = "command line";

pub(super) async fn carry_out(house: &Arc<House>, request: &Request) -> Result<Value> {
    match request {
        Request::Accounts => accounts::all(house),
        Request::CreateAccount {
            address,
            password,
            admin,
        } => accounts::create(house, address, password, *admin).await,
        Request::SetPassword { address, password } => accounts::set_password(house, address, password).await,
        Request::Freeze { address, reason } => accounts::freeze(house, address, reason).await,
        Request::Unfreeze { address } => accounts::unfreeze(house, address).await,
        Request::Guard { ask } => super::guard::carry_out(house, ask).await,
        Request::Events { account, kind, limit } => {
            let filter = events::Filter {
                account: account.clone(),
                kind: kind.clone(),
            };
            said(house, &filter, *limit).await
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
            set_up(house, office, account, admin_password, password).await
        }
    }
}

// The events, newest first.
async fn said(house: &House, filter: &events::Filter, limit: usize) -> Result<Value> {
    house.ledger.flush().await;
    let limit = limit.min(limits::EVENTS_SHOWN);
    let (rows, _) = events::page(&house.store.snapshot()?, filter, None, limit)?;
    Ok(serde_json::to_value(rows)?)
}

async fn set_up(
    house: &Arc<House>,
    office: Office,
    local: &str,
    admin_password: &str,
    password: &str,
) -> Result<Value> {
    let account = Address::parse(&format!("{local}@{}", office.domain))?;
    let done = json!({ "address": account, "main_password": super::device::opens(true) });
    let setup = Setup {
        office,
        admin_hash: accounts::hashed(admin_password, &account).await?,
        account_hash: accounts::hashed(password, &account).await?,
        account,
    };
    setup::finish(house, setup).await?;
    Ok(done)
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
