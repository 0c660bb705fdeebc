//! Outgoing mail for its page: what waits, and the server that passes it on.

use super::{Appliance, fault};
use crate::blocking::blocking;
use crate::deliver::orders::State;
use crate::deliver::ways;
use crate::house::House;
use crate::limits::queue::SMARTHOSTS;
use crate::settings::{self, SmarthostTls};
use proto::types::Secret;
use store::EventKind;
use store::{QueueItem, Snapshot, Store, StoreError};
use web_setup::{Fault, Outgoing, Protection, Smarthost, WaitState, Waiting};

/// The oldest rows of the queue.
///
/// # Errors
/// The store failed.
pub fn waiting(house: &House, limit: usize) -> Result<Outgoing, StoreError> {
    let snapshot = house.store.snapshot()?;
    let rows = snapshot.queue(None, limit)?;
    let rows = rows.into_iter().map(|item| row(house, item));
    Ok(Outgoing {
        rows: rows.collect(),
        total: snapshot.queue_len()?,
    })
}

/// A row as the pages show it.
pub(super) fn row(house: &House, item: QueueItem) -> Waiting {
    Waiting {
        state: match State::of(&item, &house.traffic, house.clock.now()) {
            State::Sending => WaitState::Sending,
            State::Held => WaitState::Held {
                by_admin: item.held_by_admin,
                frozen: item.held,
            },
            State::KeptBack(until) => WaitState::KeptBack(until),
            State::Waits(at) => WaitState::Waits(at),
        },
        id: item.id.0,
        from: item.from,
        to: item.to,
        since: item.created,
        tries: item.attempts,
        words: item.last_words,
    }
}

/// The smarthost for everything as the page shows it: without its password.
///
/// # Errors
/// The store failed.
pub fn shown(snapshot: &Snapshot) -> Result<Option<Smarthost>, StoreError> {
    let stored = settings::read::<settings::Smarthost>(snapshot, settings::SMARTHOST)?;
    Ok(stored.map(without_password))
}

/// The smarthosts for some domains, with the names of these.
///
/// # Errors
/// The store failed.
pub fn named(snapshot: &Snapshot) -> Result<Vec<(String, Smarthost)>, StoreError> {
    let stored = snapshot.settings_under(&ways::key(Some("")), SMARTHOSTS)?;
    let read = stored.into_iter().map(|(name, value)| {
        let stored: settings::Smarthost = serde_json::from_value(value)
            .map_err(|error| StoreError::Internal(format!("the smarthost for {name}: {error}")))?;
        Ok((name, without_password(stored)))
    });
    read.collect()
}

fn without_password(stored: settings::Smarthost) -> Smarthost {
    Smarthost {
        host: stored.host,
        port: stored.port,
        protection: match stored.tls {
            SmarthostTls::Implicit => Protection::Implicit,
            SmarthostTls::Starttls => Protection::Starttls,
            SmarthostTls::None => Protection::None,
        },
        user: stored.user,
        trust_any_certificate: stored.trust_any_certificate,
    }
}

/// Keeps the smarthost for the domains of this name, or for everything. Without a password, the stored one stays for the same server and user: it
/// must not be possible to have it sent to another.
///
/// # Errors
/// A login without a password, or one that would go over the network in clear; too many smarthosts.
pub async fn keep(
    store: &Store,
    name: Option<&str>,
    smarthost: Smarthost,
    password: Option<Secret>,
) -> Result<(), Fault> {
    let key = ways::key(name);
    let before = blocking(|| {
        let snapshot = store.snapshot()?;
        let stored = settings::read::<settings::Smarthost>(&snapshot, &key)?;
        Ok::<_, StoreError>((stored, named(&snapshot)?.len()))
    });
    let (before, count) = before.map_err(super::fault)?;
    if name.is_some() && before.is_none() && count >= SMARTHOSTS {
        return Err(refused("There are too many servers for some domains already."));
    }
    let tls = match smarthost.protection {
        Protection::Implicit => SmarthostTls::Implicit,
        Protection::Starttls => SmarthostTls::Starttls,
        Protection::None if smarthost.user.is_some() => {
            return Err(refused("A password is never sent without TLS."));
        }
        Protection::None => SmarthostTls::None,
    };
    let password = match (&smarthost.user, password) {
        (None, _) => None,
        (Some(_), Some(password)) => match String::from_utf8(password.expose().to_vec()) {
            Ok(password) => Some(password),
            Err(_) => return Err(refused("Please use letters, digits and signs.")),
        },
        (Some(_), None) => match stored_password(before, &smarthost) {
            Some(password) => Some(password),
            None => return Err(refused("Please type the password for that server and user.")),
        },
    };
    let setting = settings::Smarthost {
        host: smarthost.host,
        port: smarthost.port,
        tls,
        user: smarthost.user,
        password,
        trust_any_certificate: smarthost.trust_any_certificate,
    };
    settings::write(store, &key, &setting).await.map_err(super::fault)
}

fn stored_password(stored: Option<settings::Smarthost>, smarthost: &Smarthost) -> Option<String> {
    let same = stored.filter(|stored| {
        stored.host == smarthost.host
            && stored.user == smarthost.user
            && stored.trust_any_certificate >= smarthost.trust_any_certificate
    });
    same.and_then(|stored| stored.password)
}

fn refused(words: &str) -> Fault {
    Fault::Refused(words.to_owned())
}

/// Sets the smarthost for what was typed, nothing meaning everything, or takes it away; with its event.
///
/// # Errors
/// As [`keep`]; that is no domain, or has no smarthost to take away.
pub async fn set(
    house: &House,
    typed: &str,
    smarthost: Option<(Smarthost, Option<Secret>)>,
    by: &str,
) -> Result<(), Fault> {
    let name = match typed.trim() {
        "" => None,
        typed => Some(ways::named(typed).map_err(Fault::Refused)?),
    };
    let key = ways::key(name.as_deref());
    let through = match smarthost {
        Some((smarthost, password)) => {
            let server = format!("{}, port {}", smarthost.host, smarthost.port);
            let through = match &smarthost.user {
                Some(user) => format!("{server}, as {user}"),
                None => server,
            };
            keep(&house.store, name.as_deref(), smarthost, password).await?;
            Some(through)
        }
        None => {
            let stored = blocking(|| house.store.snapshot()?.setting(&key));
            if stored.map_err(fault)?.is_none() {
                return Err(refused("No server is set for that mail."));
            }
            house.store.remove_setting(&key).await.map_err(fault)?;
            None
        }
    };
    house.ledger.record(EventKind::WayChanged {
        mail: name.map_or_else(|| "all mail".to_owned(), |name| format!("mail for {name}")),
        through,
        by: by.to_owned(),
    });
    Ok(())
}

impl web_setup::SendingRoom for Appliance {
    async fn outgoing(&self, limit: usize) -> Result<Outgoing, Fault> {
        let house = self.house();
        blocking(|| waiting(house, limit)).map_err(fault)
    }

    async fn smarthost(&self) -> Result<Option<Smarthost>, Fault> {
        let house = self.house();
        blocking(|| shown(&house.store.snapshot()?)).map_err(fault)
    }

    async fn smarthosts(&self) -> Result<Vec<(String, Smarthost)>, Fault> {
        let house = self.house();
        blocking(|| named(&house.store.snapshot()?)).map_err(fault)
    }

    async fn send_through(
        &self,
        domains: String,
        smarthost: Smarthost,
        password: Option<Secret>,
    ) -> Result<(), Fault> {
        set(self.house(), &domains, Some((smarthost, password)), &self.by()?).await
    }

    async fn send_directly(&self, domains: String) -> Result<(), Fault> {
        set(self.house(), &domains, None, &self.by()?).await
    }
}
