//! What an admin does about the filter, the greylist and the lists of senders; every change is an
//! event.

use super::bayes::trainer::{self, Wish};
use super::filtering::{FILTERING, Filtering};
use super::lists::{self, Who};
use super::rules::{JUDGING, Judging};
use crate::house::House;
use crate::limits::filter::MAILBOX;
use crate::settings;
use proto::types::{Address, Uid};
use store::{EventKind, SenderList, StoreError};

/// Why it was not done.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// For a reason that the person can act on.
    #[error("{0}")]
    Refused(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Changes what is set.
///
/// # Errors
/// Nothing is changed then.
pub async fn set(house: &House, filtering: &Filtering) -> Result<(), AdminError> {
    filtering.check().map_err(AdminError::Refused)?;
    settings::write(&house.store, FILTERING, filtering).await?;
    changed(house, FILTERING.to_owned());
    Ok(())
}

/// Changes how mail is judged: names of the table with values, all or none.
///
/// # Errors
/// Nothing is changed then.
pub async fn set_judging(house: &House, values: &[(String, String)]) -> Result<(), AdminError> {
    let mut judging = Judging::read(&house.store.snapshot()?)?;
    for (name, value) in values {
        judging.set(name, value).map_err(AdminError::Refused)?;
    }
    settings::write(&house.store, JUDGING, &judging).await?;
    changed(house, JUDGING.to_owned());
    Ok(())
}

/// Puts a sender on a list, for so many days or for ever.
///
/// # Errors
/// Nothing is changed then.
pub async fn put_sender(
    house: &House,
    list: SenderList,
    who: &str,
    note: &str,
    days: Option<u32>,
) -> Result<(), AdminError> {
    let entry = lists::entry(who, list, note, days, house.clock.now()).map_err(AdminError::Refused)?;
    let who = entry.who.clone();
    match house.store.put_sender(entry).await {
        Err(StoreError::CannotChange(why)) => return Err(AdminError::Refused(format!("Not done: {why}."))),
        put => put?,
    }
    changed(house, format!("sender {who}"));
    Ok(())
}

/// Takes a sender off its list. `false`: it was on none.
///
/// # Errors
/// Nothing is changed then.
pub async fn remove_sender(house: &House, who: &str) -> Result<bool, AdminError> {
    let who: Who = who.parse().map_err(AdminError::Refused)?;
    let removed = house.store.remove_sender(who.to_string()).await?;
    if removed {
        changed(house, format!("sender {who}"));
    }
    Ok(removed)
}

/// Learns what is in a mailbox. Returns how many messages were new.
///
/// # Errors
/// There is no such mailbox, or the store failed.
pub async fn learn_mailbox(
    house: &House,
    account: &Address,
    mailbox: &str,
    spam: bool,
) -> Result<u64, AdminError> {
    let wish = {
        let snapshot = house.store.snapshot()?;
        let account_id = snapshot.account_by_address(account)?.map(|account| account.id);
        let account_id =
            account_id.ok_or_else(|| AdminError::Refused(format!("There is no account {account}.")))?;
        let found = snapshot.mailbox(account_id, mailbox)?;
        let found = found.ok_or_else(|| AdminError::Refused(format!("There is no mailbox {mailbox}.")))?;
        let mut uids: Vec<Uid> = snapshot.open(found.id)?.uids;
        uids.drain(..uids.len().saturating_sub(MAILBOX));
        Wish {
            mailbox: found.id,
            uids,
            spam,
        }
    };
    Ok(trainer::learn(&house.store, &house.clock, wish).await?)
}

/// Forgets everything that was learnt.
///
/// # Errors
/// The store failed.
pub async fn forget(house: &House) -> Result<(), AdminError> {
    house.store.unlearn_everything().await?;
    changed(house, "what the filter learnt".to_owned());
    Ok(())
}

fn changed(house: &House, key: String) {
    house.ledger.record(EventKind::SettingChanged { key });
}
