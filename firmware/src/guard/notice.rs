//! Tells the admins that an account was stopped, each with a token of his own to answer with. Every
//! event is told once: alone, or, soon after another one of the same account, in a digest.

mod letter;
mod sent;

pub use letter::{Left, Words, decided, nothing_done};
pub use sent::{Done, Invitation, Notice, Sent};

use crate::blocking::blocking;
use crate::deliver::people::REPLY;
use crate::dkim::{Keys, Signer};
use crate::house::House;
use crate::limits;
use crate::notify::{self, Letter};
use crate::settings::{self, Notices, Office};
use proto::message::{header, scan};
use proto::types::{AccountId, Address, Flags, Timestamp};
use sent::{Folded, LIFE};
use std::time::Duration;
use store::{
    Body, Change, Delivery, Event, EventKind, GuardAction, MailCopy, Outgoing, Place, StoreError, Trip,
};
use tokio::sync::broadcast::error::RecvError;
use tracing::{error, info};

/// Events of an account within so many seconds after a notice about it are told in a digest, unless
/// it was frozen: then somebody has to decide.
const FOLD: i64 = 3600;
/// Lines of a digest.
const LINES: usize = 50;
/// How often digests are looked for.
const TICK: Duration = Duration::from_secs(60);
/// Events of the ledger that are looked at in one go.
const PORTION: usize = 256;

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
        for folded in &due {
            let words = letter::digest(&folded.address, &folded.lines, folded.count);
            notify::to_admins(house, &words.subject, &words.text).await?;
        }
        sent.write(&house.store, now).await?;
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
    let mut found = Vec::new();
    let mut newest = seen;
    let mut before = None;
    loop {
        let events = snapshot.events(before, PORTION, |_| true)?;
        let full = events.len() == PORTION;
        for (number, Event { at, kind }) in events {
            newest = newest.max(number);
            if number <= seen || at.0 < now.0 - LIFE {
                found.reverse();
                return Ok((sent, found, newest));
            }
            before = Some(number);
            if let EventKind::Tripped(trip) = kind {
                found.push((number, at, *trip));
            }
        }
        if !full {
            found.reverse();
            return Ok((sent, found, newest));
        }
    }
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
    for (admin, address) in invited(house, notice.account)? {
        let token = sent::token()?;
        let reply_to = Address::from_parts(&format!("{REPLY}{token}"), office.domain.clone())
            .map_err(|error| StoreError::Internal(error.to_string()))?;
        deliveries.push(delivery(house, &office, admin, &address, words, &reply_to, now)?);
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
    // Should the box die in between, the notice goes out again with other tokens: better than never.
    house.store.deliver(deliveries).await?;
    sent.notices.push(notice);
    sent.write(&house.store, now).await?;
    house.ledger.record(event);
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

// The admins, and where else they read. Whose account it is does not decide about it, unless he is
// the only one there is to be told.
fn invited(house: &House, account: AccountId) -> Result<Vec<(AccountId, Address)>, StoreError> {
    let mut admins = notify::admins(house)?;
    if admins.iter().any(|admin| admin.id != account) {
        admins.retain(|admin| admin.id != account);
    }
    let outside: Notices = settings::read(&house.store.snapshot()?, settings::NOTICES)?.unwrap_or_default();
    let mut invited: Vec<_> = admins
        .iter()
        .map(|admin| (admin.id, admin.address.clone()))
        .collect();
    for outside in outside.outside.into_iter().take(limits::OUTSIDE) {
        if admins.iter().any(|admin| admin.id == outside.admin) {
            invited.push((outside.admin, outside.address));
        }
    }
    Ok(invited)
}

// Straight into an inbox here, past every filter and limit; or, signed, into the queue.
fn delivery(
    house: &House,
    office: &Office,
    admin: AccountId,
    address: &Address,
    words: &Words,
    reply_to: &Address,
    now: Timestamp,
) -> Result<Delivery, StoreError> {
    let letter = Letter {
        subject: &words.subject,
        text: &words.text,
        reply_to: Some(reply_to),
    };
    let mut message = notify::compose(office, address, &letter, now);
    let (mut copies, mut outgoing) = (Vec::new(), Vec::new());
    if *address.domain() == office.domain {
        copies.push(MailCopy {
            into: Place::Inbox(admin),
            flags: Flags::new(),
            date: now,
        });
    } else {
        message = signed(house, office, message)?;
        let from = Address::from_parts("postmaster", office.domain.clone());
        outgoing.push(Outgoing {
            owner: None,
            from: from.ok(),
            to: address.clone(),
            next_attempt: now,
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

fn signed(house: &House, office: &Office, message: Vec<u8>) -> Result<Vec<u8>, StoreError> {
    let keys: Option<Keys> = settings::read(&house.store.snapshot()?, settings::DKIM)?;
    let Some(keys) = keys else { return Ok(message) };
    let (top, body) = message
        .split_at_checked(header::len(&message))
        .unwrap_or((&message, &[]));
    let signed = Signer::new(&keys, &office.domain).and_then(|signer| signer.sign(top, body));
    let mut signed = signed.map_err(|error| StoreError::Internal(error.to_string()))?;
    signed.extend_from_slice(&message);
    Ok(signed)
}
