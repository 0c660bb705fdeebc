//! Who is shut out, and by which rules, as the pages and the command line see it.

use super::{Appliance, fault};
use crate::guard::Network;
use crate::guard::screen::{List, Screening, SettingError, Subject};
use crate::house::House;
use proto::types::Timestamp;
use std::collections::BTreeMap;
use web_setup::{BlockedRow, Fault, ListEntry, ListWish, Rule};

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
    let change = |rules: &mut Screening| {
        rules.on = false;
        rules.tarpit = false;
        rules.pages_inside = false;
        values.iter().try_for_each(|(name, value)| rules.set(name, value))
    };
    house.screen.change_rules(change).await?;
    Ok(())
}

const fn list(allow: bool) -> List {
    if allow { List::Allow } else { List::Block }
}

fn network(text: &str) -> Result<Network, Fault> {
    text.parse()
        .map_err(|error| Fault::Refused(format!("Please {error}.")))
}

impl web_setup::ScreenRoom for Appliance {
    async fn screening(&self) -> Result<web_setup::Screening, Fault> {
        shown(self.house())
    }

    async fn release(&self, who: String) -> Result<(), Fault> {
        release(self.house(), &who, &self.by()?)
    }

    async fn put_on_list(&self, wish: web_setup::ListWish) -> Result<(), Fault> {
        put(self.house(), wish).await
    }

    async fn take_off_list(&self, allow: bool, network: String) -> Result<(), Fault> {
        remove(self.house(), allow, &network).await
    }

    async fn shield(&self) -> Result<Vec<web_setup::ShieldRow>, Fault> {
        super::shield::rows(self.house())
    }

    async fn set_shield(&self, domain: String, networks: String) -> Result<(), Fault> {
        super::shield::set(self.house(), &domain, &networks).await
    }

    async fn remove_shield(&self, domain: String) -> Result<(), Fault> {
        super::shield::remove(self.house(), &domain).await
    }

    async fn set_screening(&self, values: BTreeMap<String, String>) -> Result<(), Fault> {
        set(self.house(), &values).await
    }

    async fn show_pages_everywhere(&self) -> Result<(), Fault> {
        let change = |rules: &mut Screening| {
            rules.pages_inside = false;
            Ok(())
        };
        self.house().screen.change_rules(change).await?;
        Ok(())
    }
}
