//! A message from another server, for people here.

use super::people::{Recipient, recipient};
use super::{Post, fresh_id, notice, pieces, refusal, refuse};
use crate::blocking::blocking;
use crate::facts::ConnectionFacts;
use crate::guard::shield::Doorkeeper;
use crate::limits::HOPS;
use crate::lines;
use crate::settings::{self, Office};
use crate::spool::Spool;
use proto::ask::Envelope;
use proto::limits::message::HEADER;
use proto::message::header;
use proto::message::received::{Received, return_path};
use proto::refusal::Refusal;
use proto::types::{AccountId, Address, BodyKind, Domain, Flags, Timestamp};
use std::io;
use store::{Delivery, EventKind, MailCopy, Place, StoreError};

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
    let arrival = Arrival {
        facts,
        envelope,
        name: post.dns.name_of(facts.ip()).await,
        id: fresh_id(),
        at: post.now(),
    };
    // What the world says about the sender (SPF, DKIM, DMARC) is to be judged here, between the
    // facts and the store.
    let told = blocking(|| notice::of_delivery(post, envelope, &spool, arrival.at))?;
    let delivery = blocking(|| arrival.prepare(post, spool))?;
    let size = delivery.body.size();
    post.store
        .deliver(std::iter::once(delivery).chain(told).collect())
        .await
        .map_err(|error| refusal(&error))?;
    let id = arrival.id;
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

// What came in binary as lines, with its header.
fn without_binary(spool: Spool) -> Result<(Spool, Vec<u8>), Refusal> {
    let spool = lines::without_binary(spool)?;
    let top = pieces::header_of(&spool).map_err(|error| unreadable(&error))?;
    Ok((spool, top))
}

// A message at the door, and what is known about it.
struct Arrival<'a> {
    facts: &'a ConnectionFacts,
    envelope: &'a Envelope,
    // The client's confirmed name.
    name: Option<Domain>,
    id: String,
    at: Timestamp,
}

impl Arrival<'_> {
    fn prepare(&self, post: &Post, spool: Spool) -> Result<Delivery, Refusal> {
        let (office, accounts, doorkeeper) = recipients(post, self.envelope)?;
        let top = pieces::header_of(&spool).map_err(|error| unreadable(&error))?;
        self.judge(&top, &doorkeeper)
            .inspect_err(|refusal| refuse(post, self.facts, self.envelope, refusal))?;
        let spool = match self.envelope.wishes.body {
            BodyKind::Binary => lines::without_binary(spool)?,
            _ => spool,
        };
        let trace = self.trace(&office).into_bytes();
        let finish = || -> io::Result<Delivery> {
            let structure = pieces::structure(&trace, spool.reader())?;
            let copy = |account| MailCopy {
                into: Place::Inbox(account),
                flags: Flags::new(),
                date: self.at,
            };
            Ok(Delivery {
                body: spool.into_body(trace, 0)?,
                structure,
                copies: accounts.into_iter().map(copy).collect(),
                outgoing: Vec::new(),
                received_at: self.at,
            })
        };
        finish().map_err(|error| unreadable(&error))
    }

    // By what its header says.
    fn judge(&self, top: &[u8], doorkeeper: &Doorkeeper) -> Result<(), Refusal> {
        if header::fields(top).filter(|field| field.is("Received")).count() >= HOPS {
            return Err(Refusal::Loop);
        }
        if let Some(domain) = doorkeeper.false_claim(self.facts.ip(), top) {
            return Err(Refusal::Shielded { domain });
        }
        // Who knows what stands in the rest of it.
        if top.len() >= HEADER {
            return Err(Refusal::BadMessage("The header of the message is too long."));
        }
        Ok(())
    }

    // RFC 5321 4.4: where it came from, and to whom a notice about it would go.
    fn trace(&self, office: &Office) -> String {
        let tls = self.facts.tls_words();
        let received = Received {
            helo: &self.envelope.helo,
            esmtp: self.envelope.esmtp,
            peer: Some(self.facts.ip()),
            name: self.name.as_ref().map(Domain::as_str),
            by: office.hostname.as_str(),
            tls: tls.as_deref(),
            authenticated: false,
            utf8: self.envelope.wishes.utf8,
            id: &self.id,
            recipient: only(&self.envelope.to),
            at: self.at,
        };
        return_path(&self.envelope.from) + &received.field()
    }
}

// The office, the accounts behind the recipients, each once, and the shield.
fn recipients(post: &Post, envelope: &Envelope) -> Result<(Office, Vec<AccountId>, Doorkeeper), Refusal> {
    let find = || -> Result<_, StoreError> {
        let snapshot = post.store.snapshot()?;
        let Some(office) = settings::read::<Office>(&snapshot, settings::OFFICE)? else {
            return Ok(None);
        };
        let mut accounts = Vec::new();
        for address in &envelope.to {
            match recipient(&snapshot, &office, address)? {
                Recipient::Here(found) => accounts.extend(found),
                Recipient::Reply => {} // the guard has read it before
                // Each was accepted at RCPT; who was switched off since then is told no.
                Recipient::Unknown | Recipient::Elsewhere => return Ok(None),
            }
        }
        accounts.sort_unstable();
        accounts.dedup();
        let doorkeeper = post.guard.doorkeeper(&snapshot, &office)?;
        Ok(Some((office, accounts, doorkeeper)))
    };
    match find() {
        Ok(found) => found.ok_or(Refusal::UnknownRecipient),
        Err(error) => Err(refusal(&error)),
    }
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
