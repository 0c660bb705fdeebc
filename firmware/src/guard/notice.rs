//! Tells the admins that an account was stopped, each with a token of his own to answer with. Every
//! event is told once: alone, or, soon after another one of the same account, in a digest.

mod letter;
mod sent;

pub use letter::{Left, Words, decided, nothing_done};
pub use sent::{Done, Invitation, Notice, Sent};

use super::report;
use crate::blocking::blocking;
use crate::deliver::people::{self, REPLY};
use crate::dkim;
use crate::house::House;
use crate::limits;
use crate::notify::{self, Letter};
use crate::settings::{self, Notices, Office, Outside};
use anyhow::{Context as _, ensure};
use proto::message::scan;
use proto::types::{AccountId, Address, Flags, RecipientWishes, Timestamp, Wishes};
use sent::{Folded, LIFE};
use std::time::Duration;
use store::{
    Account, Body, Change, Delivery, EventKind, GuardAction, MailCopy, Outgoing, Place, Snapshot, StoreError,
    Trip,
};
use tokio::sync::broadcast::error::RecvError;
use tracing::{error, info};

/// Events of an account within so many seconds after a notice about it are told in a digest, unless
/// it was frozen: then somebody has to decide.
const FOLD: i64 = 3600;
/// Lines of a digest.
const LINES: usize = 10;
/// How often digests are looked for.
const TICK: Duration = Duration::from_secs(60);

/// The last event looked at; whoever holds it may change [`Sent`].
pub type Seen = tokio::sync::Mutex<Option<u64>>;

/// Tells of every event as it comes. Runs as long as the box.
pub async fn watch(house: std::sync::Arc<House>) {
    let mut changes = house.store.subscribe();
    loop {
        if let Err(error) = turn(&house).await {
            error!(%error, "the admins could not be told of a stopped account");
        }
        let wait = async {
            loop {
                match changes.recv().await {
                    Ok(Change::Ledger) | Err(RecvError::Lagged(_)) => return true,
                    Ok(_) => {}
                    Err(RecvError::Closed) => return false,
                }
            }
        };
        if matches!(tokio::time::timeout(TICK, wait).await, Ok(false)) {
            return;
        }
    }
}

/// Tells of what happened since the last turn.
///
/// # Errors
/// The store failed; the next turn tries again.
pub async fn turn(house: &House) -> Result<(), StoreError> {
    let now = house.clock.now();
    let mut seen = house.notices.lock().await;
    let (mut sent, events, newest) = blocking(|| new_events(house, *seen, now))?;
    for (number, at, trip) in events {
        if sent.notices.iter().any(|notice| notice.trip == trip.id) {
            continue;
        }
        sent.seen = sent.seen.max(number);
        tell(house, &mut sent, &trip, at, now).await?;
    }
    let (due, later) = sent
        .folded
        .drain(..)
        .partition(|f: &Folded| now.0 - f.since.0 >= FOLD);
    sent.folded = later;
    if !due.is_empty() {
        let mut digests = Vec::new();
        for folded in &due {
            let words = letter::digest(&folded.address, &folded.lines, folded.count);
            digests.extend(letters(house, &words, now)?);
        }
        sent.write_with(&house.store, now, digests, Vec::new()).await?;
    }
    *seen = Some(newest);
    Ok(())
}

type Found = (Sent, Vec<(u64, Timestamp, Trip)>, u64);

// What tripped since the last look, oldest first; after a start, as far back as it matters.
fn new_events(house: &House, seen: Option<u64>, now: Timestamp) -> Result<Found, StoreError> {
    let snapshot = house.store.snapshot()?;
    let sent = Sent::read(&snapshot)?;
    let seen = seen.unwrap_or(sent.seen);
    let newest = snapshot.events(None, 1, |_| true)?;
    let newest = newest.first().map_or(seen, |(number, _)| *number);
    let mut found = report::trips(&snapshot, Some(seen))?;
    found.retain(|(_, at, _)| now.0 - at.0 < LIFE);
    found.reverse();
    Ok((sent, found, newest))
}

async fn tell(
    house: &House,
    sent: &mut Sent,
    trip: &Trip,
    at: Timestamp,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(account) = house.store.snapshot()?.account(trip.account)? else {
        return Ok(());
    };
    let recent = |notice: &Notice| notice.account == account.id && now.0 - notice.at.0 < FOLD;
    if trip.action == GuardAction::Limit && sent.notices.iter().any(recent) {
        let address = account.address;
        match sent.folded.iter_mut().find(|folded| folded.address == address) {
            Some(folded) => {
                folded.count += 1;
                if folded.lines.len() < LINES {
                    folded.lines.push(letter::line(trip, at));
                }
            }
            None => sent.folded.push(Folded {
                address,
                since: now,
                lines: vec![letter::line(trip, at)],
                count: 1,
            }),
        }
        return sent.write(&house.store, now).await;
    }
    let notice = Notice {
        trip: trip.id.clone(),
        account: account.id,
        address: account.address.clone(),
        stopped: at,
        at: now,
        invitations: Vec::new(),
        done: None,
    };
    let words = letter::notice(trip, &account.address, at, &page(house));
    invite(house, sent, notice, &words, now).await
}

/// Sends `words` to everybody who may answer `notice`, with a token each.
///
/// # Errors
/// The store failed.
pub async fn invite(
    house: &House,
    sent: &mut Sent,
    mut notice: Notice,
    words: &Words,
    now: Timestamp,
) -> Result<(), StoreError> {
    let Some(office) = house.office()? else {
        return Ok(());
    };
    let mut deliveries = Vec::new();
    for (admin, address) in invited(house, notice.account, now)? {
        let token = sent::token()?;
        let reply_to = Address::from_parts(&format!("{REPLY}{token}"), office.domain.clone())
            .map_err(|error| StoreError::Internal(error.to_string()))?;
        deliveries.push(delivery(
            house,
            &office,
            admin,
            &address,
            words,
            Some(&reply_to),
            now,
        )?);
        let hash = sent::hash(&token);
        notice.invitations.push(Invitation { hash, admin, address });
    }
    let to: Vec<Address> = notice.invitations.iter().map(|i| i.address.clone()).collect();
    let event = EventKind::Notified {
        account: notice.account,
        trip: notice.trip.clone(),
        to: to.clone(),
    };
    info!(account = %notice.account, trip = notice.trip, "the admins are told");
    sent.notices.push(notice);
    let event = house.ledger.event(event);
    sent.write_with(&house.store, now, deliveries, vec![event.clone()])
        .await?;
    house.ledger.count(&event);
    Ok(())
}

/// Where the guard's decisions can be made with a browser.
#[must_use]
pub fn page(house: &House) -> String {
    let office = house.office().ok().flatten();
    let host = office.map_or_else(
        || "pillarbox.local".to_owned(),
        |office| office.hostname.to_string(),
    );
    format!("https://{host}/accounts")
}

/// Tells everybody who may be invited, without anything to answer.
///
/// # Errors
/// The store failed.
pub async fn announce(house: &House, words: &Words, now: Timestamp) -> Result<(), StoreError> {
    house.store.deliver(letters(house, words, now)?).await?;
    Ok(())
}

/// What is to be delivered to tell everybody who may be invited.
///
/// # Errors
/// The store failed.
pub fn letters(house: &House, words: &Words, now: Timestamp) -> Result<Vec<Delivery>, StoreError> {
    let Some(office) = house.office()? else {
        return Ok(Vec::new());
    };
    let readers = readers(house, &notify::admins(house)?)?;
    let letter =
        |(admin, address): (AccountId, Address)| delivery(house, &office, admin, &address, words, None, now);
    readers.into_iter().map(letter).collect()
}

/// Where else the admin's notices go.
///
/// # Errors
/// The store failed.
pub fn outside(snapshot: &Snapshot, admin: AccountId) -> Result<Option<Address>, StoreError> {
    let notices: Notices = settings::read(snapshot, settings::NOTICES)?.unwrap_or_default();
    let mut outside = notices.outside.into_iter();
    Ok(outside
        .find(|outside| outside.admin == admin)
        .map(|outside| outside.address))
}

/// Sends an admin's notices to `address` too; `None`: no longer.
///
/// # Errors
/// Why not, in words: the address is one of ours, the account is no admin's, there are too many.
pub async fn set_outside(house: &House, admin: &Account, address: Option<Address>) -> anyhow::Result<()> {
    let office = house.office()?.context("set the box up first")?;
    ensure!(admin.admin, "{} is no admin", admin.address);
    if let Some(address) = &address {
        let inside = people::is_ours(&house.store.snapshot()?, &office, address.domain())?;
        ensure!(!inside, "{address} is inside the box");
    }
    let _lock = house.notices.lock().await;
    let mut notices: Notices =
        settings::read(&house.store.snapshot()?, settings::NOTICES)?.unwrap_or_default();
    notices.outside.retain(|outside| outside.admin != admin.id);
    notices.outside.extend(address.map(|address| Outside {
        admin: admin.id,
        address,
    }));
    ensure!(
        notices.outside.len() <= limits::OUTSIDE,
        "there are too many addresses outside"
    );
    settings::write(&house.store, settings::NOTICES, &notices).await?;
    let key = settings::NOTICES.to_owned();
    house.ledger.record(EventKind::SettingChanged { key });
    Ok(())
}

// The admins who can decide about an account: not its owner, unless he is the only one who can read
// the notice.
fn invited(
    house: &House,
    account: AccountId,
    now: Timestamp,
) -> Result<Vec<(AccountId, Address)>, StoreError> {
    let mut admins = notify::admins(house)?;
    let others = |admin: &Account| admin.id != account && admin.state.works(now);
    if admins.iter().any(others) {
        admins.retain(|admin| admin.id != account);
    }
    readers(house, &admins)
}

// Their inboxes, and where else they read.
fn readers(house: &House, admins: &[Account]) -> Result<Vec<(AccountId, Address)>, StoreError> {
    let outside: Notices = settings::read(&house.store.snapshot()?, settings::NOTICES)?.unwrap_or_default();
    let mut readers: Vec<_> = admins
        .iter()
        .map(|admin| (admin.id, admin.address.clone()))
        .collect();
    for outside in outside.outside.into_iter().take(limits::OUTSIDE) {
        if admins.iter().any(|admin| admin.id == outside.admin) {
            readers.push((outside.admin, outside.address));
        }
    }
    Ok(readers)
}

// Straight into an inbox here, past every filter and limit; or, signed, into the queue.
fn delivery(
    house: &House,
    office: &Office,
    admin: AccountId,
    address: &Address,
    words: &Words,
    reply_to: Option<&Address>,
    now: Timestamp,
) -> Result<Delivery, StoreError> {
    let letter = Letter {
        subject: &words.subject,
        text: &words.text,
        reply_to,
    };
    let mut message = notify::compose(office, address, &letter, now);
    let (mut copies, mut outgoing) = (Vec::new(), Vec::new());
    if people::is_ours(&house.store.snapshot()?, office, address.domain())? {
        copies.push(MailCopy {
            into: Place::Inbox(admin),
            flags: Flags::new(),
            date: now,
        });
    } else {
        message = dkim::signed(&house.store.snapshot()?, office, &office.domain, message)?;
        let from = Address::from_parts("postmaster", office.domain.clone());
        outgoing.push(Outgoing {
            owner: None,
            from: from.ok(),
            to: address.clone(),
            next_attempt: now,
            wishes: Wishes::default(),
            asked: RecipientWishes::default(),
        });
    }
    Ok(Delivery {
        structure: scan::structure(&message),
        body: Body::from_bytes(message),
        copies,
        outgoing,
        received_at: now,
    })
}
