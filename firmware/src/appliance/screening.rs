//! Who is shut out, and by which rules, as the pages and the command line see it.

use super::fault;
use crate::guard::Network;
use crate::guard::screen::{List, Screening, SettingError, Subject};
use crate::house::House;
use crate::ledger::reports::{self, FAILED_LOGIN_MAIL, FailedLoginMail};
use crate::settings;
use proto::types::Timestamp;
use std::collections::BTreeMap;
use web_setup::{BlockedRow, Fault, ListEntry, ListWish, LoginMail, Rule};

/// Seconds of an hour.
const HOUR: i64 = 3600;

impl From<SettingError> for Fault {
    fn from(error: SettingError) -> Self {
        match error {
            SettingError::Refused(words) => Self::Refused(format!("{words}.")),
            SettingError::Store(error) => fault(error),
        }
    }
}

pub(super) fn shown(house: &House) -> Result<web_setup::Screening, Fault> {
    let mut rules = house.screen.rules();
    let blocked = house.screen.penalties().into_iter().map(|penalty| BlockedRow {
        who: penalty.subject.to_string(),
        why: penalty.why,
        since: penalty.since,
        until: penalty.until,
    });
    let entries = house.screen.entries().into_iter().map(|entry| ListEntry {
        allow: entry.list == List::Allow,
        network: entry.network.to_string(),
        until: entry.until,
        note: entry.note,
    });
    let rules = rules.rules().into_iter().map(|rule| Rule {
        name: rule.name,
        label: rule.label,
        value: rule.value(),
        least: rule.least,
        most: rule.most,
    });
    Ok(web_setup::Screening {
        blocked: blocked.collect(),
        entries: entries.collect(),
        rules: rules.collect(),
    })
}

pub(super) fn release(house: &House, who: &str, by: &str) -> Result<(), Fault> {
    match house.screen.release(&Subject::named(who), by) {
        true => Ok(()),
        false => Err(Fault::Gone),
    }
}

pub(super) async fn put(house: &House, wish: ListWish) -> Result<(), Fault> {
    let network = network(&wish.network)?;
    let now = house.clock.now();
    let until = wish.hours.map(|hours| Timestamp(now.0 + i64::from(hours) * HOUR));
    Ok(house
        .screen
        .put(list(wish.allow), network, until, wish.note)
        .await?)
}

pub(super) async fn remove(house: &House, allow: bool, text: &str) -> Result<(), Fault> {
    match house.screen.remove(list(allow), network(text)?).await? {
        true => Ok(()),
        false => Err(Fault::Gone),
    }
}

pub(super) async fn set(house: &House, values: &BTreeMap<String, String>) -> Result<(), Fault> {
    let mut rules: Screening = house.screen.rules();
    rules.on = false;
    rules.tarpit = false;
    for (name, value) in values {
        rules
            .set(name, value)
            .map_err(|words| Fault::Refused(format!("{words}.")))?;
    }
    Ok(house.screen.set_rules(rules).await?)
}

pub(super) fn mail(house: &House) -> Result<LoginMail, Fault> {
    let snapshot = house.store.snapshot().map_err(fault)?;
    let set: Option<FailedLoginMail> = settings::read(&snapshot, FAILED_LOGIN_MAIL).map_err(fault)?;
    let FailedLoginMail { mode, threshold } = set.unwrap_or_default();
    Ok(LoginMail {
        mode: mode.name().to_owned(),
        threshold,
    })
}

pub(super) async fn set_mail(house: &House, mail: &LoginMail) -> Result<(), Fault> {
    let setting = FailedLoginMail::new(&mail.mode, mail.threshold).map_err(Fault::Refused)?;
    reports::set(house, setting).await.map_err(fault)
}

const fn list(allow: bool) -> List {
    if allow { List::Allow } else { List::Block }
}

fn network(text: &str) -> Result<Network, Fault> {
    text.parse()
        .map_err(|error| Fault::Refused(format!("Please {error}.")))
}
