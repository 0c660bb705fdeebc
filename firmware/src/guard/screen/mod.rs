//! Screening: strangers who guess passwords or misbehave are shut out for a while, longer each
//! time; the office itself never is.
//!
//! What counts is *different* wrong passwords. A phone that keeps an old one is one guess however
//! often it comes, so it shuts out nobody who shares its address.

mod keep;
mod lists;
mod penalties;
mod rules;
mod sources;
#[cfg(test)]
mod stuffing;
#[cfg(test)]
mod tests;
mod trust;

pub use keep::keep;
pub use lists::{Entry, List};
pub use penalties::{Penalty, Subject};
pub use rules::{Rule, SCREENING, Screening};
pub use sources::Offence;

use super::networks::{Lan, Network};
use crate::clock::Clock;
use crate::ledger::Ledger;
use crate::settings;
use lists::{LISTS, Lists};
use penalties::{PENALTIES, Penalties};
use proto::refusal::Refusal;
use proto::types::{AccountId, Secret, Timestamp};
use sources::{Key, Sources};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::{EventKind, Snapshot, Store, StoreError};
use tokio::sync::Notify;
use tracing::{info, warn};
use trust::Trust;

/// So many times more is allowed where somebody of ours has logged in: many people, one address.
const TRUSTED: u32 = 5;
/// So many times over the connections a minute, and it is a penalty.
const FLOOD: u32 = 5;

/// Why an address is shut out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Blocked {
    /// Why, for the one who is shut out.
    pub why: String,
    /// Until when; `None` for ever.
    pub until: Option<Timestamp>,
}

impl From<Blocked> for Refusal {
    fn from(Blocked { why, until }: Blocked) -> Self {
        Self::Blocked { why, until }
    }
}

/// What becomes of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is taken.
    Welcome,
    /// The caller is told why not.
    Blocked(Blocked),
    /// He was told often enough in this minute.
    Dropped,
}

/// The account that somebody tries to log in to, or a name that is none: both are counted alike.
#[derive(Debug, Clone)]
pub struct Target {
    print: u64,
    name: String,
}

/// Keeps count of everybody. Clones share it.
#[derive(Clone)]
pub struct Screen(Arc<Inner>);

struct Inner {
    clock: Clock,
    ledger: Ledger,
    store: Store,
    // Passwords are remembered as fingerprints with a key that nobody else ever had.
    key: [u8; 32],
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    rules: Screening,
    lan: Lan,
    own: Vec<IpAddr>,
    lists: Lists,
    sources: Sources,
    penalties: Penalties,
    trust: Trust,
}

impl State {
    fn is_exempt(&self, ip: IpAddr, now: Timestamp) -> bool {
        self.lan.contains(ip, &self.own) || self.lists.find(List::Allow, ip, now).is_some()
    }

    fn blocked(&self, ip: IpAddr, now: Timestamp) -> Option<Blocked> {
        if self.is_exempt(ip, now) {
            return None;
        }
        if let Some(entry) = self.lists.find(List::Block, ip, now) {
            let why = if entry.note.is_empty() {
                "an administrator blocked it".to_owned()
            } else {
                format!("an administrator blocked it: {}", entry.note)
            };
            return Some(Blocked {
                why,
                until: entry.until,
            });
        }
        if !self.rules.on {
            return None;
        }
        let trusted = self.trust.address(ip, now);
        self.penalties
            .of_address(ip, trusted, now)
            .map(|penalty| Blocked {
                why: penalty.why.clone(),
                until: Some(penalty.until),
            })
    }

    // How much more than a stranger this address may do.
    fn patience(&self, ip: IpAddr, now: Timestamp) -> u32 {
        if self.trust.address(ip, now) { TRUSTED } else { 1 }
    }
}

impl Screen {
    /// A screen that goes on where it was before a restart.
    ///
    /// # Errors
    /// No random octets, or the store failed.
    pub fn open(clock: Clock, ledger: Ledger, store: Store) -> anyhow::Result<Self> {
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| anyhow::anyhow!("no random numbers: {error}"))?;
        let snapshot = store.snapshot()?;
        let kept = settings::read(&snapshot, PENALTIES)?.unwrap_or_default();
        let state = State {
            penalties: Penalties::from_kept(kept),
            trust: Trust::remembered(&snapshot, clock.now())?,
            ..State::default()
        };
        let screen = Self(Arc::new(Inner {
            clock,
            ledger,
            store,
            key,
            state: Mutex::new(state),
            changed: Notify::new(),
        }));
        screen.read(&snapshot)?;
        Ok(screen)
    }

    /// Reads the settings again.
    fn read(&self, snapshot: &Snapshot) -> Result<(), StoreError> {
        let rules = settings::read(snapshot, SCREENING)?.unwrap_or_default();
        let lists = settings::read(snapshot, LISTS)?.unwrap_or_default();
        let lan = Lan::read(snapshot)?;
        let mut state = self.state();
        state.rules = rules;
        state.lists = lists;
        state.lan = lan;
        Ok(())
    }

    /// Why and until when an address is shut out, if it is.
    #[must_use]
    pub fn blocked(&self, ip: IpAddr) -> Option<Blocked> {
        let now = self.now();
        self.state().blocked(ip, now)
    }

    /// Whether somebody there may use the pages, and sign in at them.
    #[must_use]
    pub fn may_see_pages(&self, ip: IpAddr) -> bool {
        let now = self.now();
        let state = self.state();
        !state.rules.pages_inside || state.is_exempt(ip, now)
    }

    /// Counts a connection.
    #[must_use]
    pub fn connection(&self, ip: IpAddr) -> Verdict {
        let now = self.now();
        let mut state = self.state();
        if state.is_exempt(ip, now) {
            return Verdict::Welcome;
        }
        let blocked = state.blocked(ip, now);
        let key = Key::Network(Network::source(ip));
        let (count, until) = state.sources.connection(key, now);
        let most = state.rules.connections_per_minute * state.patience(ip, now);
        if blocked.is_some() || !state.rules.on || count <= most {
            return match blocked {
                Some(_) if count > most => Verdict::Dropped,
                Some(blocked) => Verdict::Blocked(blocked),
                None => Verdict::Welcome,
            };
        }
        let why = format!("more than {most} connections in a minute");
        Verdict::Blocked(if count > most.saturating_mul(FLOOD) {
            self.impose(&mut state, Subject::Network(Network::source(ip)), why, now)
        } else {
            Blocked {
                why,
                until: Some(until),
            }
        })
    }

    /// Who is meant by a login: an account of ours, or a name that is nobody's.
    #[must_use]
    pub fn target(&self, account: Option<(AccountId, String)>, login: &str) -> Target {
        match account {
            Some((id, name)) => Target {
                print: self.print(&[b"account", &id.0.to_le_bytes()]),
                name,
            },
            None => {
                let name = login.trim().to_lowercase();
                Target {
                    print: self.print(&[b"name", name.as_bytes()]),
                    name,
                }
            }
        }
    }

    /// Whether a login may be tried at all, before a password is looked at.
    ///
    /// # Errors
    /// The address is shut out, or the account is guarded and was never used from there.
    pub fn may_try(&self, ip: IpAddr, target: &Target) -> Result<(), Blocked> {
        let now = self.now();
        let state = self.state();
        if let Some(blocked) = state.blocked(ip, now) {
            return Err(blocked);
        }
        if !state.rules.on || state.is_exempt(ip, now) || state.trust.place(target.print, ip, now) {
            return Ok(());
        }
        let subject = Subject::Account(target.name.clone());
        match state.penalties.of(&subject, now) {
            None => Ok(()),
            Some(penalty) => Err(Blocked {
                why: format!("for this account there were {}", penalty.why),
                until: Some(penalty.until),
            }),
        }
    }

    /// Whether an address is in the office.
    #[must_use]
    pub fn is_home(&self, ip: IpAddr) -> bool {
        let state = self.state();
        state.lan.contains(ip, &state.own)
    }

    /// Whether the account came from around there for the first time since the start.
    #[must_use]
    pub fn is_first(&self, account: AccountId, ip: IpAddr) -> bool {
        let now = self.now();
        self.state().trust.is_first(account, ip, now)
    }

    /// Whether somebody who logs in from there is likely one of ours: in the office, or where the
    /// account was used before.
    #[must_use]
    pub fn is_familiar(&self, ip: IpAddr, target: &Target) -> bool {
        let now = self.now();
        let state = self.state();
        state.is_exempt(ip, now) || state.trust.place(target.print, ip, now)
    }

    /// Counts a wrong password. The penalty, where this one was one too many.
    #[must_use]
    pub fn wrong(&self, ip: IpAddr, target: &Target, password: &Secret) -> Option<Blocked> {
        let print = self.print(&[b"guess", &target.print.to_le_bytes(), password.expose()]);
        let guess = (target.print, print);
        let now = self.now();
        let mut state = self.state();
        if !state.rules.on || state.is_exempt(ip, now) {
            return None;
        }
        let rules = state.rules;
        let window = rules.window();
        let trusted = state.trust.address(ip, now);
        let mut over = None;
        let mut counted = vec![(
            Subject::Network(Network::source(ip)),
            Key::Network(Network::source(ip)),
            rules.address_passwords * state.patience(ip, now),
        )];
        let around = Network::around(ip);
        if !trusted && around != Network::source(ip) {
            counted.push((
                Subject::Network(around),
                Key::Network(around),
                rules.network_passwords,
            ));
        }
        if !state.trust.place(target.print, ip, now) {
            counted.push((
                Subject::Account(target.name.clone()),
                Key::Account(target.print),
                rules.account_passwords,
            ));
        }
        for (subject, key, most) in counted {
            let count = state.sources.guess(key.clone(), guess, now, window);
            if count >= most {
                state.sources.forget(&key);
                let why = format!(
                    "{count} different wrong passwords within {} minutes",
                    rules.window_minutes
                );
                let blocked = self.impose(&mut state, subject, why, now);
                over.get_or_insert(blocked);
            }
        }
        over
    }

    /// Somebody came in: what was mistyped before is forgiven, and the place is trusted a while.
    pub fn right(&self, ip: IpAddr, target: &Target) {
        let now = self.now();
        let mut state = self.state();
        for network in [Network::source(ip), Network::around(ip)] {
            state.sources.forgive(&Key::Network(network), target.print);
        }
        state.trust.learn(target.print, ip, now);
    }

    /// The account was used around there before the start.
    pub fn recall(&self, ip: IpAddr, target: &Target) {
        let now = self.now();
        self.state().trust.learn_place(target.print, ip, now);
    }

    /// Counts bad manners of somebody who is not logged in: how long the answer should wait, and
    /// the penalty, where this was one too many.
    #[must_use]
    pub fn offence(&self, ip: IpAddr, offence: Offence) -> (Duration, Option<Blocked>) {
        let now = self.now();
        let mut state = self.state();
        if !state.rules.on || state.is_exempt(ip, now) {
            return (Duration::ZERO, None);
        }
        let rules = state.rules;
        let key = Key::Network(Network::source(ip));
        let (count, all) = state.sources.offence(key.clone(), offence, now, rules.window());
        let (most, what) = match offence {
            Offence::Recipient => (rules.failed_recipients, "recipients that do not exist"),
            Offence::Reset => (rules.resets, "RSET commands"),
            Offence::Garbage => (rules.garbage, "lines that are no command"),
            Offence::Error => (rules.errors, "refused commands"),
            Offence::Link => (rules.failed_recipients, "links that do not work"),
        };
        let blocked = (count > most * state.patience(ip, now)).then(|| {
            state.sources.forget(&key);
            let why = format!("{count} {what} within {} minutes", rules.window_minutes);
            self.impose(&mut state, Subject::Network(Network::source(ip)), why, now)
        });
        // Resets alone are nothing bad: big senders reset between two messages.
        let waits = rules.tarpit && blocked.is_none() && offence != Offence::Reset;
        let wait = if waits { sources::tarpit(all) } else { 0 };
        (Duration::from_millis(wait), blocked)
    }

    fn impose(&self, state: &mut State, subject: Subject, why: String, now: Timestamp) -> Blocked {
        let penalty = state.penalties.impose(subject, why, &state.rules.clone(), now);
        warn!(
            "blocked: {:?} until={} reason={:?}",
            penalty.subject.to_string(),
            proto::message::date::format(penalty.until),
            penalty.why
        );
        self.0.ledger.record(EventKind::Blocked {
            who: penalty.subject.to_string(),
            why: penalty.why.clone(),
            until: penalty.until,
        });
        self.0.changed.notify_one();
        Blocked {
            why: penalty.why,
            until: Some(penalty.until),
        }
    }

    /// Everybody who is shut out by a penalty now, the latest first.
    #[must_use]
    pub fn penalties(&self) -> Vec<Penalty> {
        let now = self.now();
        self.state().penalties.all(now)
    }

    /// How many are shut out now: penalties and entries of the block list.
    #[must_use]
    pub fn count(&self) -> u64 {
        let now = self.now();
        let state = self.state();
        let listed = state.lists.all(now).filter(|entry| entry.list == List::Block);
        (listed.count() + state.penalties.count(now)) as u64
    }

    /// Ends a penalty and forgets that there was one; `false`: there was none.
    pub fn release(&self, subject: &Subject, by: &str) -> bool {
        let released = {
            let mut state = self.state();
            if let Subject::Network(network) = subject {
                state.sources.forget(&Key::Network(*network));
            }
            state.penalties.release(subject)
        };
        let Some(penalty) = released else { return false };
        info!(who = ?penalty.subject.to_string(), by, "released");
        self.0.ledger.record(EventKind::Released {
            who: penalty.subject.to_string(),
            by: by.to_owned(),
        });
        self.0.changed.notify_one();
        true
    }

    /// The entries of both lists that count now.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let now = self.now();
        self.state().lists.all(now).cloned().collect()
    }

    /// Puts a network on a list; `until` is `None` for ever.
    ///
    /// # Errors
    /// Why not, in words; or the store failed.
    pub async fn put(
        &self,
        list: List,
        network: Network,
        until: Option<Timestamp>,
        note: String,
    ) -> Result<(), SettingError> {
        let now = self.now();
        let entry = Entry {
            list,
            network,
            until,
            note,
            since: now,
        };
        let lists = self.state().lists.with(entry, now);
        self.set_lists(lists.map_err(SettingError::Refused)?).await
    }

    /// Takes a network off a list; `false`: it was not on it.
    ///
    /// # Errors
    /// The store failed.
    pub async fn remove(&self, list: List, network: Network) -> Result<bool, SettingError> {
        let (before, lists) = {
            let state = self.state();
            (state.lists.clone(), state.lists.without(list, network))
        };
        if before == lists {
            return Ok(false);
        }
        self.set_lists(lists).await?;
        Ok(true)
    }

    async fn set_lists(&self, lists: Lists) -> Result<(), SettingError> {
        settings::write(&self.0.store, LISTS, &lists).await?;
        self.state().lists = lists;
        self.say_changed(LISTS);
        Ok(())
    }

    /// How strict it is.
    #[must_use]
    pub fn rules(&self) -> Screening {
        self.state().rules
    }

    /// Changes the rules; what makes no sense changes nothing, and is recorded.
    ///
    /// # Errors
    /// What `change` or the check of all of them says, or the store failed.
    pub async fn change_rules(
        &self,
        change: impl FnOnce(&mut Screening) -> Result<(), String>,
    ) -> Result<Screening, SettingError> {
        let mut rules = self.rules();
        if let Err(why) = change(&mut rules).and_then(|()| rules.check()) {
            self.0.ledger.record(EventKind::SettingRefused {
                key: SCREENING.to_owned(),
                why: why.clone(),
            });
            return Err(SettingError::Refused(why));
        }
        settings::write(&self.0.store, SCREENING, &rules).await?;
        self.state().rules = rules;
        self.say_changed(SCREENING);
        Ok(rules)
    }

    fn say_changed(&self, key: &str) {
        let key = key.to_owned();
        self.0.ledger.record(EventKind::SettingChanged { key });
    }

    fn print(&self, parts: &[&[u8]]) -> u64 {
        let mut hasher = blake3::Hasher::new_keyed(&self.0.key);
        for part in parts {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part);
        }
        let [a, b, c, d, e, f, g, h, ..] = *hasher.finalize().as_bytes();
        u64::from_le_bytes([a, b, c, d, e, f, g, h])
    }

    fn now(&self) -> Timestamp {
        self.0.clock.now()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a setting was not changed.
#[derive(Debug, thiserror::Error)]
pub enum SettingError {
    /// It makes no sense; in words for the admin.
    #[error("{0}")]
    Refused(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl std::fmt::Debug for Screen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Screen(..)")
    }
}
