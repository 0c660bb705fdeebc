//! What one account sent within the last hour and day. Pure: the caller says what time it is.
//!
//! An entry counts from its second until `window` seconds later. It is made before the message is
//! taken over and given back if that fails, so that parallel sessions cannot pass together.

use super::networks::Network;
use super::rules::{Allowed, HOUR, window};
use crate::clock::DAY;
use proto::types::{Address, Timestamp};
use std::collections::{BTreeMap, VecDeque};
use store::{Counter, SourceClass};

/// Strange sender addresses remembered of an account that nothing stops.
const ENTRIES: usize = 10_000;

/// A message that is to be sent.
#[derive(Debug, Clone)]
pub struct Message {
    /// Where from.
    pub source: SourceClass,
    /// From which network.
    pub network: Network,
    /// How many recipients.
    pub recipients: u32,
    /// How many of these the account never wrote to.
    pub first_time: u32,
    /// The address in From.
    pub author: Option<Address>,
}

/// A limit that would be passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Over {
    /// Which.
    pub counter: Counter,
    /// How many it would be.
    pub count: u32,
    /// How many are allowed.
    pub limit: u32,
    /// When there is room again.
    pub until: Timestamp,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    at: Timestamp,
    message: Message,
}

/// The windows of one account.
#[derive(Debug, Default)]
pub struct Windows {
    numbers: u64,
    hour: VecDeque<Entry>,
    // First-time recipients, which count for a day.
    day: VecDeque<(u64, Timestamp, u32)>,
    bounces: VecDeque<(Timestamp, u32)>,
    // Senders that were refused.
    strangers: BTreeMap<Address, Timestamp>,
}

impl Windows {
    /// Counts a message in, if there is room. Returns the number to give it back by.
    ///
    /// # Errors
    /// The limit that has no room; nothing is counted then.
    pub fn enter(&mut self, now: Timestamp, message: Message, allowed: &Allowed) -> Result<u64, Over> {
        self.turn(now);
        if !allowed.exempt {
            self.judge(now, &message, allowed)?;
        }
        Ok(self.put(now, message))
    }

    /// Counts a message that was taken over at `at`, whatever the limits.
    pub fn put(&mut self, at: Timestamp, message: Message) -> u64 {
        self.numbers += 1;
        let number = self.numbers;
        if message.first_time > 0 {
            push(&mut self.day, (number, at, message.first_time));
        }
        push(&mut self.hour, Entry { number, at, message });
        number
    }

    /// Gives back what was not taken over after all.
    pub fn leave(&mut self, number: u64) {
        self.hour.retain(|entry| entry.number != number);
        self.day.retain(|(entry, ..)| *entry != number);
    }

    /// Counts hard bounces.
    ///
    /// # Errors
    /// They are too many now.
    pub fn bounce(&mut self, now: Timestamp, count: u32, allowed: &Allowed) -> Result<(), Over> {
        self.turn(now);
        push(&mut self.bounces, (now, count));
        if allowed.exempt {
            return Ok(());
        }
        let items: Vec<_> = self.bounces.iter().copied().collect();
        room(now, Counter::HardBounces, &items, 0, allowed)
    }

    /// Counts a hard bounce of `at`, whatever the limits.
    pub fn put_bounce(&mut self, at: Timestamp) {
        push(&mut self.bounces, (at, 1));
    }

    /// Counts a sender that the account may not write as.
    ///
    /// # Errors
    /// They are too many now.
    pub fn strange(&mut self, now: Timestamp, author: &Address, allowed: &Allowed) -> Result<(), Over> {
        self.turn(now);
        if self.strangers.len() < ENTRIES {
            self.strangers.insert(author.clone(), now);
        }
        if allowed.exempt {
            return Ok(());
        }
        room(now, Counter::Senders, &self.senders(), 0, allowed)
    }

    /// Whether this refused sender is counted already.
    #[must_use]
    pub fn knows_strange(&self, author: &Address) -> bool {
        self.strangers.contains_key(author)
    }

    /// Counts a refused sender of `at`, whatever the limits.
    pub fn put_strange(&mut self, at: Timestamp, author: Address) {
        if self.strangers.len() < ENTRIES {
            self.strangers.insert(author, at);
        }
    }

    /// How many there are of each.
    pub fn count(&mut self, now: Timestamp, counter: Counter) -> u32 {
        self.turn(now);
        sum(&self.items(counter))
    }

    /// New networks that the account sent from within the hour.
    #[must_use]
    pub fn new_networks(&self) -> Vec<Network> {
        let new = self.hour.iter().rev().map(|entry| &entry.message);
        let mut networks = Vec::new();
        for message in new.filter(|message| message.source == SourceClass::New) {
            if !networks.contains(&message.network) {
                networks.push(message.network);
            }
        }
        networks
    }

    /// Networks that the account sent from within the hour, the latest first.
    #[must_use]
    pub fn networks(&self) -> Vec<Network> {
        let mut networks = Vec::new();
        for entry in self.hour.iter().rev() {
            if !networks.contains(&entry.message.network) {
                networks.push(entry.message.network);
            }
        }
        networks
    }

    /// Messages within the hour.
    #[must_use]
    pub fn messages(&self) -> u32 {
        u32::try_from(self.hour.len()).unwrap_or(u32::MAX)
    }

    /// Whether nothing is counted any more.
    pub fn is_empty(&mut self, now: Timestamp) -> bool {
        self.turn(now);
        self.hour.is_empty() && self.day.is_empty() && self.bounces.is_empty() && self.strangers.is_empty()
    }

    fn judge(&self, now: Timestamp, message: &Message, allowed: &Allowed) -> Result<(), Over> {
        let messages = match message.source {
            SourceClass::Lan => Counter::LanMessages,
            SourceClass::Known => Counter::KnownMessages,
            SourceClass::New => Counter::NewMessages,
        };
        let new_network =
            message.source == SourceClass::New && !self.new_networks().contains(&message.network);
        let senders = self.senders();
        let known_sender = |author: &Address| {
            self.strangers.contains_key(author)
                || self
                    .hour
                    .iter()
                    .any(|entry| entry.message.author.as_ref() == Some(author))
        };
        let new_sender = message
            .author
            .as_ref()
            .is_some_and(|author| !known_sender(author));
        for (counter, more) in [
            (messages, 1),
            (Counter::Recipients, message.recipients),
            (Counter::FirstTimeRecipients, message.first_time),
            (Counter::NewNetworks, u32::from(new_network)),
        ] {
            if more > 0 {
                room(now, counter, &self.items(counter), more, allowed)?;
            }
        }
        if new_sender {
            room(now, Counter::Senders, &senders, 1, allowed)?;
        }
        Ok(())
    }

    // What the counter counts, oldest first.
    fn items(&self, counter: Counter) -> Vec<(Timestamp, u32)> {
        let of = |source: SourceClass| {
            let entries = self
                .hour
                .iter()
                .filter(move |entry| entry.message.source == source);
            entries.map(|entry| (entry.at, 1)).collect()
        };
        match counter {
            Counter::LanMessages => of(SourceClass::Lan),
            Counter::KnownMessages => of(SourceClass::Known),
            Counter::NewMessages => of(SourceClass::New),
            Counter::Recipients => self
                .hour
                .iter()
                .map(|entry| (entry.at, entry.message.recipients))
                .collect(),
            Counter::FirstTimeRecipients => self.day.iter().map(|(_, at, count)| (*at, *count)).collect(),
            Counter::HardBounces => self.bounces.iter().copied().collect(),
            Counter::NewNetworks => {
                let new = self
                    .hour
                    .iter()
                    .filter(|entry| entry.message.source == SourceClass::New);
                distinct(new.map(|entry| (entry.message.network, entry.at)))
            }
            Counter::Senders => self.senders(),
        }
    }

    fn senders(&self) -> Vec<(Timestamp, u32)> {
        let sent = self.hour.iter();
        let sent = sent.filter_map(|entry| Some((entry.message.author.as_ref()?, entry.at)));
        distinct(sent.chain(self.strangers.iter().map(|(author, at)| (author, *at))))
    }

    // What is too old goes. What lies in the future was counted before the clock was set back: it
    // counts from now on, so that it neither vanishes nor stays for years.
    fn turn(&mut self, now: Timestamp) {
        for entry in self.hour.iter_mut().rev().take_while(|entry| entry.at > now) {
            entry.at = now;
        }
        for (_, at, _) in self.day.iter_mut().rev().take_while(|(_, at, _)| *at > now) {
            *at = now;
        }
        for (at, _) in self.bounces.iter_mut().rev().take_while(|(at, _)| *at > now) {
            *at = now;
        }
        for at in self.strangers.values_mut() {
            *at = (*at).min(now);
        }
        let old = |at: Timestamp, window: i64| at.0 <= now.0 - window;
        while self.hour.front().is_some_and(|entry| old(entry.at, HOUR)) {
            self.hour.pop_front();
        }
        while self.day.front().is_some_and(|(_, at, _)| old(*at, DAY)) {
            self.day.pop_front();
        }
        while self.bounces.front().is_some_and(|(at, _)| old(*at, HOUR)) {
            self.bounces.pop_front();
        }
        self.strangers.retain(|_, at| !old(*at, HOUR));
    }
}

// Of an account without limits the oldest are forgotten.
fn push<T>(entries: &mut VecDeque<T>, entry: T) {
    if entries.len() >= super::rules::MOST as usize {
        entries.pop_front();
    }
    entries.push_back(entry);
}

// Each once, at the last time that it was seen; oldest first.
fn distinct<K: Ord>(seen: impl Iterator<Item = (K, Timestamp)>) -> Vec<(Timestamp, u32)> {
    let mut last = BTreeMap::new();
    for (key, at) in seen {
        let known = last.entry(key).or_insert(at);
        *known = (*known).max(at);
    }
    let mut items: Vec<_> = last.into_values().map(|at| (at, 1)).collect();
    items.sort_unstable();
    items
}

fn sum(items: &[(Timestamp, u32)]) -> u32 {
    items.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
}

// Whether `more` fit; if not, when they will.
fn room(
    now: Timestamp,
    counter: Counter,
    items: &[(Timestamp, u32)],
    more: u32,
    allowed: &Allowed,
) -> Result<(), Over> {
    let (limit, window) = (allowed.limit(counter), window(counter));
    let count = sum(items).saturating_add(more);
    if count <= limit {
        return Ok(());
    }
    let mut left = count;
    let mut until = now.plus(window);
    for (at, gone) in items {
        left = left.saturating_sub(*gone);
        if left <= limit {
            until = at.plus(window);
            break;
        }
    }
    Err(Over {
        counter,
        count,
        limit,
        until,
    })
}

#[cfg(test)]
mod tests;
