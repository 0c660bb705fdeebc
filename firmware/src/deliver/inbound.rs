//! A message from another server, for people here.

use super::people::{Recipient, recipient};
use super::{Post, fresh_id, notice, pieces, refusal, refuse};
use crate::blocking::{blocking, blocking_if};
use crate::facts::ConnectionFacts;
use crate::guard::shield::Doorkeeper;
use crate::judge::fields::without_forged;
use crate::judge::filtering::Filtering;
use crate::judge::rules::Judging;
use crate::judge::score::quoted;
use crate::judge::{Case, JudgeError, Judged, judge};
use crate::limits::HOPS;
use crate::limits::judge::RECIPIENTS as RECIPIENTS_KEPT;
use crate::lines;
use crate::links::{Arrives, Linked};
use crate::settings::{self, Office};
use crate::spool::Spool;
use proto::ask::{Envelope, SpecialUse};
use proto::limits::message::HEADER;
use proto::message::header;
use proto::message::received::{Received, return_path};
use proto::refusal::Refusal;
use proto::types::{AccountId, Address, BodyKind, Domain, Flags, Structure, SystemFlag, Timestamp};
use std::io;
use store::{Delivery, EventKind, MailCopy, Place, Placement, StoreError};

/// Takes a message over from another server: once this returns its id, it is on the card, in the
/// inbox or the Junk of every recipient.
///
/// # Errors
/// What the server has to hear. The message is then not ours.
pub async fn inbound(
    post: &Post,
    facts: &ConnectionFacts,
    envelope: &Envelope,
    spool: Spool,
) -> Result<String, Refusal> {
    let receiver = blocking(|| Receiver::read(post, envelope))?;
    let top =
        blocking_if(spool.is_on_card(), || pieces::header_of(&spool)).map_err(|error| unreadable(&error))?;
    let arrival = Arrival {
        facts,
        envelope,
        name: None,
        id: fresh_id(),
        at: post.now(),
    };
    arrival
        .look(&top, &receiver.doorkeeper)
        .inspect_err(|refusal| refuse(post, facts, envelope, refusal))?;
    let structure = blocking_if(spool.is_on_card(), || pieces::structure(&[], &spool, 0))
        .map_err(|error| unreadable(&error))?;
    let case = Case {
        facts,
        envelope,
        office: &receiver.office,
        judging: &receiver.judging,
        filtering: &receiver.filtering,
        lan: receiver.doorkeeper.is_lan(facts.ip()),
        top: &top,
        structure: &structure,
        spool: &spool,
        at: arrival.at,
    };
    let judged = judge(post, &case).await.map_err(|error| match error {
        JudgeError::Store(error) => refusal(&error),
        JudgeError::Spool(error) => unreadable(&error),
    })?;
    let arrival = Arrival {
        name: judged.name.clone(),
        ..arrival
    };
    let placement = judged.verdict.placement;
    let verdict = arrival.record(&judged);
    if let Some(refused) = judged.refusal {
        refuse(post, facts, envelope, &refused);
        post.ledger.record(verdict);
        return Err(refused);
    }
    // To tell whoever stands in MAIL FROM would let a forger have us write to strangers.
    let told = match judged.answerable {
        true => notice::of_delivery(post, envelope, &spool, arrival.at)?,
        false => None,
    };
    let (spool, structure) = match envelope.wishes.body {
        BodyKind::Binary => (blocking(|| lines::without_binary(spool))?, None),
        _ => (spool, Some(structure)),
    };
    let size = spool.size();
    let desk = Desk {
        office: &receiver.office,
        fields: &judged.fields,
        placement,
    };
    let message = Message { spool, structure };
    blocking(|| arrival.prepare(post, &desk, message, receiver.accounts))
        .map_err(|error| unreadable(&error))?
        .commit(post, told)
        .await
        .map_err(|error| refusal(&error))?;
    let id = arrival.id;
    tracing::info!(
        connection = facts.number,
        id,
        size,
        placement = placement.as_str(),
        "received"
    );
    post.ledger.record(EventKind::Received {
        id: id.clone(),
        ip: facts.ip(),
        from: envelope.from.clone(),
        to: envelope.to.clone(),
        size,
    });
    post.ledger.record(verdict);
    Ok(id)
}

// What becomes of a message that was judged.
struct Desk<'a> {
    office: &'a Office,
    // The judge's trace fields.
    fields: &'a str,
    placement: Placement,
}

// What goes to somebody, and how it is made where that is known.
struct Message {
    spool: Spool,
    structure: Option<Structure>,
}

// Ready to be committed.
struct Ready {
    deliveries: Vec<Delivery>,
    linked: Option<Linked>,
}

impl Ready {
    async fn commit(mut self, post: &Post, told: Option<Delivery>) -> Result<(), StoreError> {
        self.deliveries.extend(told);
        let Some(mut linked) = self.linked else {
            return post.store.deliver(self.deliveries).await.map(drop);
        };
        let events: Vec<_> = linked
            .events
            .drain(..)
            .map(|event| post.ledger.event(event))
            .collect();
        let links = std::mem::take(&mut linked.links);
        post.store
            .deliver_linked(self.deliveries, links, events.clone())
            .await?;
        drop(linked); // its files may not go before their links are committed
        post.links.touch();
        for event in &events {
            post.ledger.count(event);
        }
        Ok(())
    }
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
    // What goes before the message, and how much of its own beginning that replaces.
    fn prefix(&self, office: &Office, top: &[u8], fields: &str) -> (Vec<u8>, u64) {
        let mut prefix = return_path(&self.envelope.from);
        prefix.push_str(fields);
        prefix.push_str(&self.received(office));
        let mut prefix = prefix.into_bytes();
        match without_forged(top, office.hostname.as_str()) {
            Some(clean) => {
                prefix.extend_from_slice(&clean);
                (prefix, top.len() as u64)
            }
            None => (prefix, 0),
        }
    }

    // Whole for everybody; whoever wants large attachments as links gets it so in the inbox, and whole
    // in the archive.
    fn prepare(
        &self,
        post: &Post,
        desk: &Desk<'_>,
        message: Message,
        accounts: Vec<AccountId>,
    ) -> io::Result<Ready> {
        let arrives = Arrives {
            spool: &message.spool,
            id: &self.id,
            accounts: &accounts,
            now: self.at,
        };
        let linked = match desk.placement {
            Placement::Inbox => post.links.link_arrival(&arrives)?,
            _ => None,
        };
        let (linking, mut linked) = linked.map_or((Vec::new(), None), |(who, linked)| (who, Some(linked)));
        let messages = linked
            .as_mut()
            .map_or_else(Vec::new, |linked| std::mem::take(&mut linked.messages));
        let mut deliveries = Vec::with_capacity(messages.len() + 1);
        for (account, spool) in linking.iter().zip(messages) {
            let small = Message {
                spool,
                structure: None,
            };
            deliveries.push(self.delivery(desk, small, vec![self.copy(Place::Inbox(*account))])?);
        }
        let whole = accounts.iter().map(|account| {
            if linking.contains(account) {
                return MailCopy {
                    flags: Flags::new().with(SystemFlag::Seen),
                    ..self.copy(Place::Special(*account, SpecialUse::Archive))
                };
            }
            self.copy(match desk.placement {
                Placement::Junk => Place::Special(*account, SpecialUse::Junk),
                _ => Place::Inbox(*account),
            })
        });
        deliveries.push(self.delivery(desk, message, whole.collect())?);
        Ok(Ready { deliveries, linked })
    }

    fn copy(&self, into: Place) -> MailCopy {
        MailCopy {
            into,
            flags: Flags::new(),
            date: self.at,
        }
    }

    fn delivery(&self, desk: &Desk<'_>, message: Message, copies: Vec<MailCopy>) -> io::Result<Delivery> {
        let Message { spool, structure } = message;
        let top = pieces::header_of(&spool)?;
        let (prefix, skip) = self.prefix(desk.office, &top, desk.fields);
        let structure = match structure {
            Some(known) => known.with_fields(prefix.len() as u64, skip),
            None => pieces::structure(&prefix, &spool, skip)?,
        };
        Ok(Delivery {
            body: spool.into_body(prefix, skip)?,
            structure,
            copies,
            outgoing: Vec::new(),
            received_at: self.at,
        })
    }

    // The verdict as the ledger keeps it.
    fn record(&self, judged: &Judged) -> EventKind {
        EventKind::Judged {
            id: self.id.clone(),
            ip: self.facts.ip(),
            helo: quoted(&self.envelope.helo),
            from: self.envelope.from.clone(),
            to: self.envelope.to.iter().take(RECIPIENTS_KEPT).cloned().collect(),
            author: judged.sender.author.clone(),
            verdict: Box::new(judged.verdict.clone()),
        }
    }

    // By what its header says.
    fn look(&self, top: &[u8], doorkeeper: &Doorkeeper) -> Result<(), Refusal> {
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

    // RFC 5321 4.4: where it came from.
    fn received(&self, office: &Office) -> String {
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
        received.field()
    }
}

// Whom the message is for, and what holds there when it comes.
struct Receiver {
    office: Office,
    // Behind the recipients, each once.
    accounts: Vec<AccountId>,
    doorkeeper: Doorkeeper,
    judging: Judging,
    filtering: Filtering,
}

impl Receiver {
    fn read(post: &Post, envelope: &Envelope) -> Result<Self, Refusal> {
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
            Ok(Some(Self {
                doorkeeper: post.guard.doorkeeper(&snapshot, &office)?,
                judging: Judging::read(&snapshot)?,
                filtering: Filtering::read(&snapshot)?,
                office,
                accounts,
            }))
        };
        match find() {
            Ok(found) => found.ok_or(Refusal::UnknownRecipient),
            Err(error) => Err(refusal(&error)),
        }
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
