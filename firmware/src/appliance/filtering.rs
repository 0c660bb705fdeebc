//! The filter, the greylist and the lists of senders as their page sees them.

use super::{Appliance, fault};
use crate::house::House;
use crate::judge::admin::{self, AdminError};
use crate::judge::filtering::Filtering;
use store::SenderList;
use web_setup::{Fault, FilterWish, GreyRow, JunkMail, SenderRow, SenderWish};

/// Rows of the greylist that are shown.
const SHOWN: usize = 20;

impl From<AdminError> for Fault {
    fn from(error: AdminError) -> Self {
        match error {
            AdminError::Refused(words) => Self::Refused(words),
            AdminError::Store(error) => fault(error),
        }
    }
}

pub(super) fn shown(house: &House) -> Result<JunkMail, Fault> {
    let now = house.clock.now();
    let snapshot = house.store.snapshot().map_err(fault)?;
    let filtering = Filtering::read(&snapshot).map_err(fault)?;
    let learnt = snapshot.bayes().map_err(fault)?;
    let grey = snapshot.greylist(now, SHOWN).map_err(fault)?;
    let senders = snapshot.senders().map_err(fault)?;
    let senders = senders.into_iter().filter(|entry| entry.holds(now));
    let senders = senders.map(|entry| SenderRow {
        allow: entry.list == SenderList::Allow,
        who: entry.who,
        note: entry.note,
        until: entry.until,
    });
    let rows = grey.newest.into_iter().map(|row| GreyRow {
        who: row.key,
        since: row.first,
    });
    Ok(JunkMail {
        set: FilterWish {
            bayes: filtering.bayes,
            minimum: filtering.minimum.to_string(),
            greylisting: filtering.greylisting.as_str().to_owned(),
            minutes: filtering.delay.div_ceil(60).to_string(),
        },
        spam: learnt.spam,
        ham: learnt.ham,
        minimum: u64::from(filtering.minimum),
        known: grey.known,
        waiting: grey.waiting,
        rows: rows.collect(),
        senders: senders.collect(),
    })
}

pub(super) async fn set(house: &House, wish: &FilterWish) -> Result<(), Fault> {
    let number = |text: &str, what: &str| {
        let number = text.trim().parse::<u32>();
        number.map_err(|_| Fault::Refused(format!("{what}: `{text}` is no number.")))
    };
    let filtering = Filtering {
        bayes: wish.bayes,
        minimum: number(&wish.minimum, "Messages of each kind")?,
        greylisting: wish.greylisting.parse().map_err(Fault::Refused)?,
        delay: number(&wish.minutes, "Minutes")?.saturating_mul(60),
    };
    Ok(admin::set(house, &filtering).await?)
}

pub(super) async fn put(house: &House, wish: &SenderWish) -> Result<(), Fault> {
    let list = if wish.allow {
        SenderList::Allow
    } else {
        SenderList::Block
    };
    Ok(admin::put_sender(house, list, &wish.who, &wish.note, wish.days).await?)
}

pub(super) async fn remove(house: &House, who: &str) -> Result<(), Fault> {
    match admin::remove_sender(house, who).await? {
        true => Ok(()),
        false => Err(Fault::Gone),
    }
}

pub(super) async fn forget(house: &House) -> Result<(), Fault> {
    Ok(admin::forget(house).await?)
}

impl web_setup::FilterRoom for Appliance {
    async fn junk_mail(&self) -> Result<web_setup::JunkMail, Fault> {
        shown(self.house())
    }

    async fn set_filtering(&self, wish: web_setup::FilterWish) -> Result<(), Fault> {
        set(self.house(), &wish).await
    }

    async fn forget_learnt(&self) -> Result<(), Fault> {
        forget(self.house()).await
    }

    async fn put_sender(&self, wish: web_setup::SenderWish) -> Result<(), Fault> {
        put(self.house(), &wish).await
    }

    async fn remove_sender(&self, who: String) -> Result<(), Fault> {
        remove(self.house(), &who).await
    }
}
