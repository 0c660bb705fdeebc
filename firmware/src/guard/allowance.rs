//! Who may send how much: notices that an account is misused, and stops it.
//!
//! The counts live in memory, one lock for all; a message is counted before it is taken over, so
//! neither pipelining nor parallel sessions get past a limit. After a restart they are made anew from
//! the ledger, whose `Sent` events are committed together with their messages: a crash loses none.
//! It can lose the last second's refused senders, which are recorded in batches. A ledger
//! that was flooded with more events a day than it keeps remembers less.

mod remembered;
mod stop;

use super::networks::{LAN, Lan, Network, NetworkError};
use super::rules::{Allowed, RULES, Rules};
use super::temporary;
use super::windows::{Message, Over, Windows};
use crate::blocking::blocking;
use crate::clock::{Clock, DAY};
use crate::ledger::Ledger;
use crate::settings;
use proto::refusal::Refusal;
use proto::types::{AccountId, Address, Protocol, Timestamp};
use std::collections::{HashMap, HashSet};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use store::{Account, Acquaintance, EventKind, Snapshot, SourceClass, Store, StoreError};
use tracing::{error, warn};

/// A network is known from so many seconds after the account was first seen in it.
const KNOWN_AFTER: i64 = DAY;
/// How long an account that was given back is watched twice as closely, in seconds.
pub const WATCHED_FOR: i64 = DAY;
/// Networks greeted since the start that are remembered, so that not every login is written.
const GREETED: usize = 4096;

/// Most networks that can be named as the office's.
const LANS: usize = 64;

/// Says the box's own addresses.
pub type OwnAddresses = Box<dyn Fn() -> Vec<IpAddr> + Send + Sync>;

/// Watches over what accounts send. Clones share it.
#[derive(Clone)]
pub struct Guard(Arc<Inner>);

struct Inner {
    store: Store,
    ledger: Ledger,
    clock: Clock,
    own: OwnAddresses,
    accounts: Mutex<HashMap<AccountId, Watched>>,
    greeted: Mutex<HashSet<(AccountId, Network, i64)>>,
    // One change of the rules, or of an account's state, after the other.
    changing: tokio::sync::Mutex<()>,
    // An account was stopped, or was not after all.
    decided: tokio::sync::Notify,
}

#[derive(Default)]
struct Watched {
    windows: Windows,
    // What becomes of every further message, from the moment that one was too many.
    stopped: Option<Stopped>,
}

#[derive(Clone)]
enum Stopped {
    // The store has not said yet whether it is frozen or, the last admin, limited.
    Deciding,
    Frozen { reason: String },
    Limited { until: Timestamp },
}

/// A message that somebody wants to send.
#[derive(Debug, Clone, Copy)]
pub struct Sending<'a> {
    /// Who.
    pub account: AccountId,
    /// From where.
    pub ip: IpAddr,
    /// Through which door.
    pub protocol: Protocol,
    /// The address in From.
    pub author: Option<&'a Address>,
    /// Everybody who is to get it, as named: a list is one recipient of whoever writes to it, and so many
    /// as it leads to are nobody's count. It leads to people here alone, so nothing leaves by it.
    pub recipients: &'a [Address],
    /// Those of them who are not here.
    pub elsewhere: &'a [Address],
}

/// Leave to send one message. It counts, unless it is given back with [`Guard::give_back`].
#[derive(Debug)]
pub struct Permit {
    account: AccountId,
    number: u64,
    /// Where it comes from.
    pub source: SourceClass,
    /// Recipients that the account never wrote to.
    pub first_time: u32,
    /// Whom the account meets by it.
    pub met: Vec<Acquaintance>,
}

impl Guard {
    /// A guard that remembers the last day.
    ///
    /// # Errors
    /// The store failed.
    pub fn open(store: Store, ledger: Ledger, clock: Clock, own: OwnAddresses) -> Result<Self, StoreError> {
        let accounts = remembered::windows(&store.snapshot()?, clock.now())?;
        let watched = |(account, windows)| {
            (
                account,
                Watched {
                    windows,
                    stopped: None,
                },
            )
        };
        Ok(Self(Arc::new(Inner {
            accounts: Mutex::new(accounts.into_iter().map(watched).collect()),
            greeted: Mutex::new(HashSet::new()),
            changing: tokio::sync::Mutex::new(()),
            decided: tokio::sync::Notify::new(),
            store,
            ledger,
            clock,
            own,
        })))
    }

    /// Asks leave for one message. Over a limit the account is stopped, as the rules say, before
    /// this returns.
    ///
    /// # Errors
    /// `Frozen` or `Limited`, with the reason or the time; `Temporary` when the store fails.
    pub async fn allow(&self, sending: &Sending<'_>) -> Result<Permit, Refusal> {
        loop {
            let mut decided = std::pin::pin!(self.0.decided.notified());
            decided.as_mut().enable(); // first listening, then looking
            let judged = blocking(|| self.judge(sending)).map_err(temporary)?;
            match judged {
                Judged::Leave(permit) => return Ok(permit),
                Judged::Refused(refusal) => return Err(refusal),
                Judged::Over(over, allowed) => {
                    return Err(self.stop(over, &allowed, Some(sending), sending.account).await);
                }
                Judged::Wait => decided.await,
            }
        }
    }

    /// The message was not taken over after all.
    pub fn give_back(&self, permit: &Permit) {
        if let Some(watched) = self.accounts().get_mut(&permit.account) {
            watched.windows.leave(permit.number);
        }
    }

    /// The other side will never take what the account sent, `count` times.
    pub async fn bounced(&self, account: AccountId, count: u32) {
        let counted = self.count(account, |windows, now, allowed| {
            windows.bounce(now, count, allowed)
        });
        match counted {
            Ok((Some(over), allowed)) => drop(self.stop(over, &allowed, None, account).await),
            Ok((None, _)) => {}
            Err(error) => error!(%error, "a bounce could not be counted"),
        }
    }

    /// The account wanted to write as somebody else. Gives back what it hears: `NotYourSender`, or
    /// that this was once too often.
    pub async fn strange_sender(&self, sending: &Sending<'_>) -> Refusal {
        let account = sending.account;
        let Some(author) = sending.author else {
            return Refusal::NotYourSender;
        };
        let mut known = false;
        let counted = self.count(account, |windows, now, allowed| {
            known = windows.knows_strange(author);
            windows.strange(now, author, allowed)
        });
        if !known {
            // What is counted is known again after a restart.
            self.0.ledger.record(EventKind::SenderRefused {
                account,
                ip: sending.ip,
                author: author.clone(),
            });
        }
        match counted {
            Ok((Some(over), allowed)) => match self.stop(over, &allowed, Some(sending), account).await {
                Refusal::Limited { .. } => Refusal::NotYourSender, // refused anyway, and for longer
                frozen => frozen,
            },
            Ok((None, _)) => Refusal::NotYourSender,
            Err(error) => temporary(error),
        }
    }

    /// The account logged in from there: a day later the network is a known one.
    pub fn greet(&self, account: AccountId, ip: IpAddr) {
        let now = self.0.clock.now();
        let network = Network::household(ip);
        {
            let mut greeted = self.0.greeted.lock().unwrap_or_else(PoisonError::into_inner);
            if greeted.len() >= GREETED {
                greeted.clear();
            }
            if !greeted.insert((account, network, now.0.div_euclid(DAY))) {
                return;
            }
        }
        let store = self.0.store.clone();
        tokio::spawn(async move {
            let met = vec![Acquaintance::Network(network.to_string())];
            if let Err(error) = store.meet(account, met, now).await {
                warn!(%error, "a network could not be remembered");
            }
        });
    }

    /// The rules.
    ///
    /// # Errors
    /// The store failed.
    pub fn rules(&self) -> Result<Rules, StoreError> {
        Rules::read(&self.0.store.snapshot()?)
    }

    /// Changes the rules: pairs of name and value, as [`Rules::set`] takes them, all or none. For the
    /// office `lan` is one too: networks with commas between, or `default`.
    ///
    /// # Errors
    /// Why not, in words; nothing is changed then.
    pub async fn set_rules(
        &self,
        account: Option<AccountId>,
        changes: &[(String, String)],
    ) -> Result<(), String> {
        let changed = self.change_rules(account, changes).await;
        if let Err(why) = &changed {
            self.0.ledger.record(EventKind::SettingRefused {
                key: RULES.to_owned(),
                why: why.clone(),
            });
        }
        changed
    }

    async fn change_rules(
        &self,
        account: Option<AccountId>,
        changes: &[(String, String)],
    ) -> Result<(), String> {
        let _turn = self.0.changing.lock().await;
        let mut rules = self.rules().map_err(|error| error.to_string())?;
        let mut lan = None;
        for (what, value) in changes {
            match (what.as_str(), account) {
                ("lan", None) => lan = Some(networks(value)?),
                ("lan", Some(_)) => return Err("lan is the office's, not one account's".to_owned()),
                _ => rules.set(account, what, value)?,
            }
        }
        if let Some(lan) = lan {
            self.put(LAN, &lan).await?;
        }
        self.put(RULES, &rules).await
    }

    /// The box's own addresses.
    pub(super) fn own_addresses(&self) -> Vec<IpAddr> {
        (self.0.own)()
    }

    /// Whether `ip` is in the office's network.
    ///
    /// # Errors
    /// The store failed, or the setting cannot be read.
    pub(super) fn in_office(&self, snapshot: &Snapshot, ip: IpAddr) -> Result<bool, StoreError> {
        Ok(Lan::read(snapshot)?.contains(ip, &self.own_addresses()))
    }

    /// Changes one of the guard's settings, one change after the other.
    ///
    /// # Errors
    /// What `change` says, or the store; nothing is changed then.
    pub(super) async fn change<T>(
        &self,
        key: &str,
        change: impl FnOnce(&mut T) -> Result<(), String> + Send,
    ) -> Result<(), String>
    where
        T: Default + serde::Serialize + serde::de::DeserializeOwned + Send + Sync,
    {
        let _turn = self.0.changing.lock().await;
        let snapshot = self.0.store.snapshot().map_err(|error| error.to_string())?;
        let setting = settings::read::<T>(&snapshot, key).map_err(|error| error.to_string())?;
        let mut setting = setting.unwrap_or_default();
        change(&mut setting)?;
        self.put(key, &setting).await
    }

    async fn put<T: serde::Serialize>(&self, key: &str, setting: &T) -> Result<(), String> {
        let written = settings::write(&self.0.store, key, setting).await;
        written.map_err(|error| error.to_string())?;
        let key = key.to_owned();
        self.0.ledger.record(EventKind::SettingChanged { key });
        Ok(())
    }

    /// Forgets whom nobody has met for a year.
    pub async fn tidy(&self) {
        let long_ago = self.0.clock.now().plus(-366 * DAY);
        if let Err(error) = self.0.store.forget_before(long_ago).await {
            warn!(%error, "old acquaintances could not be forgotten");
        }
        let now = self.0.clock.now();
        let empty = |watched: &mut Watched| watched.stopped.is_none() && watched.windows.is_empty(now);
        self.accounts().retain(|_, watched| !empty(watched));
    }

    /// How many of each the account has now, and what it may have.
    ///
    /// # Errors
    /// The store failed, or has no such account.
    pub fn counts(&self, account: AccountId) -> Result<(Vec<(store::Counter, u32)>, Allowed), StoreError> {
        self.with(account, |watched, now, _| {
            super::rules::COUNTERS
                .into_iter()
                .map(|counter| (counter, watched.windows.count(now, counter)))
                .collect()
        })
    }

    fn judge(&self, sending: &Sending<'_>) -> Result<Judged, StoreError> {
        let now = self.0.clock.now();
        let snapshot = self.0.store.snapshot()?;
        let rules = Rules::read(&snapshot)?;
        let account = snapshot.account(sending.account)?.ok_or(StoreError::NotFound)?;
        let allowed = allowed(&rules, &account, now);
        let (source, network) = self.source(&snapshot, sending, now)?;
        let mut met = Vec::new();
        if source != SourceClass::Lan {
            met.push(Acquaintance::Network(network.to_string()));
        }
        let mut first_time = 0_u32;
        for address in sending.elsewhere {
            let whom = Acquaintance::Recipient(address.clone());
            if !met.contains(&whom) {
                first_time += u32::from(snapshot.met(account.id, &whom)?.is_none());
                met.push(whom);
            }
        }
        let message = Message {
            source,
            network,
            recipients: u32::try_from(sending.recipients.len()).unwrap_or(u32::MAX),
            first_time,
            author: sending.author.cloned(),
        };
        let mut accounts = self.accounts();
        let watched = accounts.entry(account.id).or_default();
        match watched.stopped(now) {
            Some(Stopped::Deciding) => return Ok(Judged::Wait),
            Some(Stopped::Frozen { reason }) => return Ok(Judged::Refused(Refusal::Frozen { reason })),
            Some(Stopped::Limited { until }) => return Ok(Judged::Refused(Refusal::Limited { until })),
            None => {}
        }
        Ok(match watched.windows.enter(now, message, &allowed) {
            Ok(number) => Judged::Leave(Permit {
                account: account.id,
                number,
                source,
                first_time,
                met,
            }),
            Err(over) => {
                watched.stopped = Some(Stopped::Deciding);
                Judged::Over(over, allowed)
            }
        })
    }

    fn source(
        &self,
        snapshot: &Snapshot,
        sending: &Sending<'_>,
        now: Timestamp,
    ) -> Result<(SourceClass, Network), StoreError> {
        let network = Network::household(sending.ip);
        if self.in_office(snapshot, sending.ip)? {
            return Ok((SourceClass::Lan, network));
        }
        let met = snapshot.met(sending.account, &Acquaintance::Network(network.to_string()))?;
        let known = met.is_some_and(|(first, _)| now.0 - first.0 >= KNOWN_AFTER);
        Ok((
            if known {
                SourceClass::Known
            } else {
                SourceClass::New
            },
            network,
        ))
    }

    // Looks at one account under the lock.
    fn with<T>(
        &self,
        account: AccountId,
        look: impl FnOnce(&mut Watched, Timestamp, &Allowed) -> T,
    ) -> Result<(T, Allowed), StoreError> {
        let now = self.0.clock.now();
        let snapshot = self.0.store.snapshot()?;
        let found = snapshot.account(account)?.ok_or(StoreError::NotFound)?;
        let allowed = allowed(&Rules::read(&snapshot)?, &found, now);
        let looked = look(self.accounts().entry(account).or_default(), now, &allowed);
        Ok((looked, allowed))
    }

    // Counts something that happened anyway. Gives the limit that it passes back to one caller, who
    // has to stop the account.
    fn count(
        &self,
        account: AccountId,
        count: impl FnOnce(&mut Windows, Timestamp, &Allowed) -> Result<(), Over>,
    ) -> Result<(Option<Over>, Allowed), StoreError> {
        self.with(account, |watched, now, allowed| {
            let over = count(&mut watched.windows, now, allowed).err()?;
            if watched.stopped(now).is_some() {
                return None;
            }
            watched.stopped = Some(Stopped::Deciding);
            Some(over)
        })
    }

    fn accounts(&self) -> MutexGuard<'_, HashMap<AccountId, Watched>> {
        self.0.accounts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl std::fmt::Debug for Guard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Guard(..)")
    }
}

enum Judged {
    Leave(Permit),
    Refused(Refusal),
    Over(Over, Allowed),
    Wait,
}

impl Watched {
    // Whether it is stopped at `now`.
    fn stopped(&mut self, now: Timestamp) -> Option<Stopped> {
        if matches!(self.stopped, Some(Stopped::Limited { until }) if until <= now) {
            self.stopped = None;
        }
        self.stopped.clone()
    }
}

// Whoever was just given back is watched twice as closely.
fn allowed(rules: &Rules, account: &Account, now: Timestamp) -> Allowed {
    let allowed = rules.of(account.id);
    if let Some(printer) = &account.printer {
        return allowed.of_printer(printer.terms.limit);
    }
    if is_watched(account, now) {
        allowed.halved()
    } else {
        allowed
    }
}

/// Whether the account is under the tighter watch that follows an unfreeze.
#[must_use]
pub fn is_watched(account: &Account, now: Timestamp) -> bool {
    let since = account.unfrozen_at;
    since.is_some_and(|since| (0..WATCHED_FOR).contains(&(now.0 - since.0)))
}

fn networks(value: &str) -> Result<Lan, String> {
    if value.trim() == "default" {
        return Ok(Lan::default());
    }
    let networks: Result<Vec<Network>, NetworkError> = value.split(',').map(str::parse).collect();
    let networks = networks.map_err(|error| format!("lan: {error}, not `{value}`"))?;
    if networks.len() > LANS {
        return Err(format!("lan: at most {LANS} networks"));
    }
    Ok(Lan { networks })
}
