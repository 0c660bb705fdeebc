//! A message from another server, for people here.

use super::people::{Recipient, recipient};
use super::{Post, fresh_id, pieces, refusal, refuse};
use crate::blocking::blocking;
use crate::facts::ConnectionFacts;
use crate::settings::{self, Office};
use crate::spool::Spool;
use proto::ask::Envelope;
use proto::message::header;
use proto::message::received::{Received, return_path};
use proto::refusal::Refusal;
use proto::types::{AccountId, Address, Flags, Timestamp};
use std::io;
use store::{Delivery, EventKind, MailCopy, Place, StoreError};

/// Received fields of a message that goes in circles (RFC 5321 6.3).
const LOOP: usize = 100;

/// Takes a message over from another server: once this returns its id, it is on the card, in the
/// inbox of every recipient.
///
/// # Errors
/// What the server has to hear. The message is then not ours.
pub async fn inbound(
    post: &Post,
    facts: &ConnectionFacts,
    envelope: &Envelope,
    spool: Spool,
) -> Result<String, Refusal> {
    let (office, accounts) = blocking(|| recipients(post, envelope))?;
    let top = blocking(|| pieces::header_of(&spool)).map_err(|error| unreadable(&error))?;
    if header::fields(&top).filter(|field| field.is("Received")).count() >= LOOP {
        refuse(post, facts, envelope, &Refusal::Loop);
        return Err(Refusal::Loop);
    }
    // What the world says about the sender (SPF, DKIM, DMARC) is to be judged here, between the
    // facts and the store.
    let name = post.dns.name_of(facts.ip()).await;
    let id = fresh_id();
    let now = post.now();
    let tls = facts.tls_words();
    let received = Received {
        helo: &envelope.helo,
        esmtp: envelope.esmtp,
        peer: Some(facts.ip()),
        name: name.as_ref().map(proto::types::Domain::as_str),
        by: office.hostname.as_str(),
        tls: tls.as_deref(),
        authenticated: false,
        id: &id,
        recipient: only(&envelope.to),
        at: now,
    };
    let trace = return_path(&envelope.from) + &received.field();
    let delivery = blocking(|| delivery(spool, trace.into_bytes(), accounts, now))
        .map_err(|error| unreadable(&error))?;
    let size = delivery.body.size();
    post.store
        .deliver(vec![delivery])
        .await
        .map_err(|error| refusal(&error))?;
    tracing::info!(connection = facts.number, id, size, "received");
    post.ledger.record(EventKind::Received {
        id: id.clone(),
        ip: facts.ip(),
        from: envelope.from.clone(),
        to: envelope.to.clone(),
        size,
    });
    Ok(id)
}

// The office and the accounts behind the recipients, each once.
fn recipients(post: &Post, envelope: &Envelope) -> Result<(Office, Vec<AccountId>), Refusal> {
    let find = || -> Result<_, StoreError> {
        let snapshot = post.store.snapshot()?;
        let Some(office) = settings::read::<Office>(&snapshot, settings::OFFICE)? else {
            return Ok(None);
        };
        let mut accounts = Vec::new();
        for address in &envelope.to {
            match recipient(&snapshot, &office, address)? {
                Recipient::Here(found) => accounts.extend(found),
                // Each was accepted at RCPT; who was switched off since then is told no.
                Recipient::Unknown | Recipient::Elsewhere => return Ok(None),
            }
        }
        accounts.sort_unstable();
        accounts.dedup();
        Ok(Some((office, accounts)))
    };
    match find() {
        Ok(found) => found.ok_or(Refusal::UnknownRecipient),
        Err(error) => Err(refusal(&error)),
    }
}

fn delivery(spool: Spool, trace: Vec<u8>, accounts: Vec<AccountId>, now: Timestamp) -> io::Result<Delivery> {
    let structure = pieces::structure(&trace, spool.reader())?;
    let copy = |account| MailCopy {
        into: Place::Inbox(account),
        flags: Flags::new(),
        date: now,
    };
    Ok(Delivery {
        body: spool.into_body(trace, 0)?,
        structure,
        copies: accounts.into_iter().map(copy).collect(),
        outgoing: Vec::new(),
        received_at: now,
    })
}

// RFC 5321 7.2: one recipient may be named; several must not learn of each other.
pub(super) const fn only(to: &[Address]) -> Option<&Address> {
    match to {
        [only] => Some(only),
        _ => None,
    }
}

pub(super) fn unreadable(error: &io::Error) -> Refusal {
    tracing::error!(%error, "the spool cannot be read");
    Refusal::Temporary
}
