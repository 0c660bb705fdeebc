//! Networks that an admin always lets in, or never.

use crate::guard::Network;
use proto::types::Timestamp;
use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// Key of [`Lists`] in the settings.
pub(super) const LISTS: &str = "screen_lists";
/// Entries of both lists together.
const MOST: usize = 500;
/// Characters of a note.
const NOTE: usize = 200;

/// Which list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum List {
    /// Never screened.
    Allow,
    /// Never let in; the allow list and the office's own network come first.
    Block,
}

/// One entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// Which list it is on.
    pub list: List,
    /// Whom it is about.
    pub network: Network,
    /// Until when; `None` for ever.
    pub until: Option<Timestamp>,
    /// Why, for those who read it later.
    pub note: String,
    /// Since when.
    pub since: Timestamp,
}

impl Entry {
    /// Whether it counts at `now`.
    #[must_use]
    pub fn holds(&self, now: Timestamp) -> bool {
        self.until.is_none_or(|until| now < until)
    }
}

/// Both lists.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Lists(Vec<Entry>);

impl Lists {
    /// The entry about `ip` that counts now.
    pub(super) fn find(&self, list: List, ip: IpAddr, now: Timestamp) -> Option<&Entry> {
        self.0
            .iter()
            .find(|entry| entry.list == list && entry.holds(now) && entry.network.contains(ip))
    }

    /// Those that count now.
    pub(super) fn all(&self, now: Timestamp) -> impl Iterator<Item = &Entry> {
        self.0.iter().filter(move |entry| entry.holds(now))
    }

    /// The lists with this entry; it replaces one of the same list and network, and what has
    /// expired goes.
    ///
    /// # Errors
    /// What is wrong, in words.
    pub(super) fn with(&self, mut entry: Entry, now: Timestamp) -> Result<Self, String> {
        if !entry.holds(now) {
            return Err("the end lies in the past".to_owned());
        }
        entry.note = entry
            .note
            .trim()
            .chars()
            .filter(|c| !c.is_control())
            .take(NOTE)
            .collect();
        let mut lists = self.without(entry.list, entry.network);
        lists.0.retain(|entry| entry.holds(now));
        if lists.0.len() >= MOST {
            return Err(format!("the lists are full: at most {MOST} entries"));
        }
        lists.0.push(entry);
        Ok(lists)
    }

    /// The lists without this network.
    pub(super) fn without(&self, list: List, network: Network) -> Self {
        let mut lists = self.clone();
        lists
            .0
            .retain(|entry| entry.list != list || entry.network != network);
        lists
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(list: List, network: &str, until: Option<i64>) -> Entry {
        Entry {
            list,
            network: network.parse().unwrap(),
            until: until.map(Timestamp),
            note: " a\nnote ".to_owned(),
            since: Timestamp(0),
        }
    }

    #[test]
    fn entries_count_until_their_end_and_replace_each_other() {
        let now = Timestamp(100);
        let ip = "192.0.2.7".parse().unwrap();
        let lists = Lists::default()
            .with(entry(List::Block, "192.0.2.0/24", Some(200)), now)
            .unwrap();
        assert!(lists.find(List::Block, ip, now).is_some());
        assert!(lists.find(List::Allow, ip, now).is_none());
        assert!(lists.find(List::Block, ip, Timestamp(200)).is_none());
        let lists = lists.with(entry(List::Block, "192.0.2.9/24", None), now).unwrap();
        assert_eq!(lists.all(now).count(), 1);
        assert_eq!(lists.find(List::Block, ip, Timestamp(200)).unwrap().note, "anote");
        let past = entry(List::Allow, "192.0.2.0/24", Some(100));
        assert!(lists.with(past, now).is_err());
        let none = lists.without(List::Block, "192.0.2.0/24".parse().unwrap());
        assert_eq!(none, Lists::default());
    }

    #[test]
    fn the_lists_are_bounded() {
        let mut lists = Lists::default();
        for n in 0..u32::try_from(MOST).unwrap() {
            let network = std::net::Ipv4Addr::from(n).to_string();
            lists = lists
                .with(entry(List::Block, &network, None), Timestamp(0))
                .unwrap();
        }
        let more = entry(List::Block, "192.0.2.1", None);
        assert!(lists.with(more, Timestamp(0)).unwrap_err().contains("full"));
    }
}
