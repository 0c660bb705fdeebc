//! What the command line can have done about the filter, the greylist and the lists of senders.

use crate::house::House;
use crate::judge::admin;
use crate::judge::filtering::{Filtering, Greylisting};
use anyhow::Result;
use proto::types::Address;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::SenderList;

/// Rows of the greylist that are shown.
const SHOWN: usize = 100;

/// A wish about it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "filter", rename_all = "kebab-case")]
pub enum FilterRequest {
    /// What was learnt, after this is set.
    Bayes {
        /// Whether it says anything about new mail.
        on: Option<bool>,
        /// How many messages of each kind it has to learn first.
        minimum: Option<u32>,
    },
    /// Learn what is in a mailbox.
    Learn {
        /// Whose.
        account: Address,
        /// Its name.
        mailbox: String,
        /// As what.
        spam: bool,
    },
    /// Forget everything that was learnt.
    Forget,
    /// The greylist, after this is set.
    Greylist {
        /// Whom it may tell to come again.
        greylisting: Option<Greylisting>,
        /// After how many seconds.
        delay: Option<u32>,
    },
    /// Both lists of senders.
    Senders,
    /// Put a sender on a list.
    Put {
        /// Which.
        list: SenderList,
        /// Whom.
        who: String,
        /// Why.
        note: String,
        /// For so many days; `None` for ever.
        days: Option<u32>,
    },
    /// Take a sender off.
    Remove {
        /// Whom.
        who: String,
    },
}

pub(super) async fn carry_out(house: &House, wish: &FilterRequest) -> Result<Value> {
    match wish {
        FilterRequest::Bayes { on, minimum } => {
            if on.is_some() || minimum.is_some() {
                let mut filtering = Filtering::read(&house.store.snapshot()?)?;
                filtering.bayes = on.unwrap_or(filtering.bayes);
                filtering.minimum = minimum.unwrap_or(filtering.minimum);
                admin::set(house, &filtering).await?;
            }
            bayes(house)
        }
        FilterRequest::Learn {
            account,
            mailbox,
            spam,
        } => {
            let learnt = admin::learn_mailbox(house, account, mailbox, *spam).await?;
            Ok(json!({ "learnt": learnt }))
        }
        FilterRequest::Forget => {
            admin::forget(house).await?;
            bayes(house)
        }
        FilterRequest::Greylist { greylisting, delay } => {
            if greylisting.is_some() || delay.is_some() {
                let mut filtering = Filtering::read(&house.store.snapshot()?)?;
                filtering.greylisting = greylisting.unwrap_or(filtering.greylisting);
                filtering.delay = delay.unwrap_or(filtering.delay);
                admin::set(house, &filtering).await?;
            }
            greylist(house)
        }
        FilterRequest::Senders => senders(house),
        FilterRequest::Put {
            list,
            who,
            note,
            days,
        } => {
            admin::put_sender(house, *list, who, note, *days).await?;
            senders(house)
        }
        FilterRequest::Remove { who } => {
            let removed = admin::remove_sender(house, who).await?;
            anyhow::ensure!(removed, "{who} is on no list");
            senders(house)
        }
    }
}

fn bayes(house: &House) -> Result<Value> {
    let snapshot = house.store.snapshot()?;
    let (filtering, learnt) = (Filtering::read(&snapshot)?, snapshot.bayes()?);
    let minimum = u64::from(filtering.minimum);
    Ok(json!({
        "on": filtering.bayes,
        "judging": filtering.bayes && learnt.spam >= minimum && learnt.ham >= minimum,
        "minimum": filtering.minimum,
        "spam": learnt.spam,
        "ham": learnt.ham,
        "tokens": learnt.tokens,
    }))
}

fn greylist(house: &House) -> Result<Value> {
    let snapshot = house.store.snapshot()?;
    let filtering = Filtering::read(&snapshot)?;
    let state = snapshot.greylist(house.clock.now(), SHOWN)?;
    let rows = state.newest.iter();
    let rows = rows.map(|row| json!({ "who": row.key, "since": row.first }));
    Ok(json!({
        "for": filtering.greylisting,
        "delay": filtering.delay,
        "known": state.known,
        "waiting": state.waiting,
        "newest": rows.collect::<Value>(),
    }))
}

fn senders(house: &House) -> Result<Value> {
    let now = house.clock.now();
    let entries = house.store.snapshot()?.senders()?;
    let entries = entries.into_iter().filter(|entry| entry.holds(now));
    let rows = entries.map(|entry| {
        json!({
            "who": entry.who,
            "list": entry.list,
            "note": Some(entry.note).filter(|note| !note.is_empty()),
            "since": entry.since,
            "until": entry.until,
        })
    });
    Ok(rows.collect())
}
