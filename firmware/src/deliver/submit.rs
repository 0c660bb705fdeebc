//! A message from one of our own people (RFC 6409).

use super::inbound::{only, unreadable};
use super::people::{self, Recipient, recipient};
use super::{Post, fixed, fresh_id, notice, pieces, refusal, refuse};
use crate::blocking::blocking;
use crate::dkim::{self, Signer};
use crate::facts::ConnectionFacts;
use crate::guard::Sending;
use crate::lines;
use crate::links::{Leaves, Linked};
use crate::settings::{self, Office};
use crate::spool::Spool;
use proto::ask::{Envelope, Identity};
use proto::limits::message::HEADER;
use proto::message::received::Received;
use proto::refusal::Refusal;
use proto::types::{Address, BodyKind, Flags, Timestamp, TlsWish};
use std::io;
use store::{
    Account, AccountState, Delivery, EventKind, MailCopy, Outgoing, Place, Snapshot, StoreError, Submission,
};

/// Takes a message over from `identity`, who logged in and may send as the envelope says. Once this
/// returns its id, the copies for people here and the queue rows for all others are on the card.
///
/// # Errors
/// What the client has to hear. The message is then not ours.
pub async fn submit(
    post: &Post,
    facts: &ConnectionFacts,
    identity: &Identity,
    envelope: &Envelope,
    spool: Spool,
) -> Result<String, Refusal> {
    let id = fresh_id();
    let now = post.now();
    let refused = |refused: &Refusal| refuse(post, facts, envelope, refused);
    // Mail that is kept back is delivered, and told of, from the queue.
    let told = match envelope.wishes.hold {
        Some(_) => None,
        None => notice::of_delivery(post, envelope, &spool, now)?,
    };
    let prepared = blocking(|| {
        let desk = Desk::open(post, identity)?;
        desk.prepare(post, facts, envelope, spool, &id, now)
    });
    let mut sending = Sending {
        account: identity.account,
        ip: facts.ip(),
        protocol: facts.protocol,
        author: None,
        recipients: &envelope.to,
        elsewhere: &[],
    };
    let ready = match prepared {
        Ok(ready) => ready,
        Err(Unfit::Stranger(author)) => {
            sending.author = Some(&author);
            let refusal = post.guard.strange_sender(&sending).await;
            refused(&refusal);
            return Err(refusal);
        }
        Err(Unfit::Refused(refusal)) => {
            refused(&refusal);
            return Err(refusal);
        }
    };
    if ready.linked.is_none() && ready.size > post.max_message {
        let refusal = Refusal::TooBig {
            limit: post.max_message,
        };
        refused(&refusal);
        return Err(refusal);
    }
    sending.author = ready.author.as_ref();
    sending.elsewhere = &ready.elsewhere;
    let mut permit = post.guard.allow(&sending).await.inspect_err(refused)?;
    let size = ready.size;
    let event = post.ledger.event(EventKind::Sent {
        id: id.clone(),
        ip: facts.ip(),
        account: identity.account,
        from: envelope.from.clone(),
        to: envelope.to.clone(),
        size,
        source: Some(permit.source),
        author: ready.author.clone(),
        first_time: permit.first_time,
    });
    let mut events = vec![event];
    let (mut links, mut files) = (Vec::new(), None);
    if let Some(mut linked) = ready.linked {
        events.extend(linked.events.drain(..).map(|event| post.ledger.event(event)));
        links = std::mem::take(&mut linked.links);
        files = Some(linked); // they may not go before their links are committed
    }
    let met = std::mem::take(&mut permit.met);
    let taken = post
        .store
        .submit(Submission {
            account: identity.account,
            at: post.now(),
            deliveries: ready.deliveries.into_iter().chain(told).collect(),
            events: events.clone(),
            met,
            links,
        })
        .await;
    if files.take().is_some() {
        post.links.touch();
    }
    if let Err(error) = taken {
        post.guard.give_back(&permit);
        return Err(refusal(&error));
    }
    for event in &events {
        post.ledger.count(event);
    }
    tracing::info!(
        connection = facts.number,
        id,
        size,
        account = identity.account.0,
        "submitted"
    );
    Ok(id)
}

// Why a message does not leave.
enum Unfit {
    Refused(Refusal),
    // Its From or its Sender is somebody else's.
    Stranger(Address),
}

impl From<Refusal> for Unfit {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

/// Whether an account in this state may send at `now`: it may have lost the right since the login.
///
/// # Errors
/// Why not.
pub fn may_send(state: &AccountState, now: Timestamp) -> Result<(), Refusal> {
    match state {
        AccountState::Active => Ok(()),
        AccountState::Limited { .. } => match state.limited_until(now) {
            Some(until) => Err(Refusal::Limited { until }),
            None => Ok(()),
        },
        AccountState::Frozen { reason, .. } => Err(Refusal::Frozen {
            reason: reason.clone(),
        }),
        AccountState::Disabled => Err(Refusal::Disabled),
    }
}

// A message that is ready to be taken over.
struct Ready {
    deliveries: Vec<Delivery>,
    // Attachments that stay here.
    linked: Option<Linked>,
    // Its recipients elsewhere.
    elsewhere: Vec<Address>,
    author: Option<Address>,
    // Octets as it came.
    size: u64,
}

// Where a message goes.
struct Recipients {
    // Of people here.
    copies: Vec<MailCopy>,
    // Of people here, kept back until its time.
    waiting: Vec<Outgoing>,
    // In the order of their linked messages.
    away: Vec<Outgoing>,
}

struct Message<'a> {
    spool: Spool,
    id: &'a str,
    now: Timestamp,
    signer: Option<&'a Signer>,
}

// What is on the desk of the one who makes a message ready: one state of the store.
struct Desk {
    snapshot: Snapshot,
    office: Office,
    account: Account,
    submission: settings::Submission,
}

impl Desk {
    fn open(post: &Post, identity: &Identity) -> Result<Self, Refusal> {
        let open = || -> Result<_, StoreError> {
            let snapshot = post.store.snapshot()?;
            let office = settings::read::<Office>(&snapshot, settings::OFFICE)?;
            let account = snapshot.account(identity.account)?;
            let (Some(office), Some(account)) = (office, account) else {
                return Err(StoreError::NotFound);
            };
            Ok(Self {
                submission: settings::read(&snapshot, settings::SUBMISSION)?.unwrap_or_default(),
                snapshot,
                office,
                account,
            })
        };
        open().map_err(|error| refusal(&error))
    }

    fn prepare(
        &self,
        post: &Post,
        facts: &ConnectionFacts,
        envelope: &Envelope,
        spool: Spool,
        id: &str,
        now: Timestamp,
    ) -> Result<Ready, Unfit> {
        may_send(&self.account.state, now)?;
        let spool = match envelope.wishes.body {
            BodyKind::Binary => lines::without_binary(spool)?,
            _ => spool,
        };
        let original = pieces::header_of(&spool).map_err(|error| unreadable(&error))?;
        if original.len() >= HEADER {
            return Err(Refusal::BadMessage("The header of the message is too long.").into());
        }
        let authors = fixed::authors(&original)?;
        let claimed = authors.iter().cloned().chain(fixed::senders(&original)?);
        for claimed in claimed {
            let own = people::owns(&self.snapshot, &self.office, &self.account, &claimed);
            if !own.map_err(|error| refusal(&error))? {
                return Err(Unfit::Stranger(claimed));
            }
        }
        // With the key of the domain that readers see: only that one makes DMARC pass (RFC 7489 3.1).
        let signer = match authors.first() {
            Some(author) => dkim::signer(&self.snapshot, &self.office, author.domain()),
            None => Ok(None),
        };
        let signer = signer.map_err(|error| refusal(&error))?;
        let fixed = fixed::header(&original, None, id, self.office.hostname.as_str());
        let (copies, outgoing) = self.address(envelope, &fixed, now)?;
        let size = spool.size();
        let mut elsewhere = Vec::new();
        for out in &outgoing {
            // What is kept back waits for people here as well, and they are no strangers.
            let ours = || people::is_ours(&self.snapshot, &self.office, out.to.domain());
            if envelope.wishes.hold.is_none() || !ours().map_err(|error| refusal(&error))? {
                elsewhere.push(out.to.clone());
            }
        }
        let make = || {
            let leaves = Leaves {
                account: self.account.id,
                spool: &spool,
                id,
                to: &elsewhere,
                now,
                leaves: envelope.wishes.hold.map_or(now, |hold| hold.ends(now)),
            };
            let mut linked = post.links.link(&self.snapshot, &leaves)?;
            let messages = linked.as_mut().map(|linked| std::mem::take(&mut linked.messages));
            let whole = Message {
                spool,
                id,
                now,
                signer: signer.as_ref(),
            };
            // People here get attachments themselves, and may be among those who wait.
            let (away, waiting) = outgoing.into_iter().partition(|out| elsewhere.contains(&out.to));
            let to = Recipients {
                copies,
                waiting,
                away,
            };
            let deliveries = self.deliveries(post, facts, envelope, whole, messages, to)?;
            Ok((deliveries, linked))
        };
        let (deliveries, linked) = make().map_err(|error| unreadable(&error))?;
        Ok(Ready {
            deliveries,
            linked,
            elsewhere,
            author: authors.into_iter().next(),
            size,
        })
    }

    // One message for all; where attachments were linked, people here get it whole, and everybody
    // elsewhere one of his own.
    fn deliveries(
        &self,
        post: &Post,
        facts: &ConnectionFacts,
        envelope: &Envelope,
        whole: Message<'_>,
        linked: Option<Vec<Spool>>,
        to: Recipients,
    ) -> io::Result<Vec<Delivery>> {
        let Recipients {
            copies,
            mut waiting,
            away,
        } = to;
        let (id, now, signer) = (whole.id, whole.now, whole.signer);
        let finish = |spool, copies, outgoing| {
            self.finish(
                post,
                facts,
                envelope,
                Message {
                    spool,
                    id,
                    now,
                    signer,
                },
                copies,
                outgoing,
            )
        };
        let Some(linked) = linked else {
            waiting.extend(away);
            return Ok(vec![finish(whole.spool, copies, waiting)?]);
        };
        let mut deliveries = Vec::with_capacity(linked.len() + 1);
        if !copies.is_empty() || !waiting.is_empty() {
            deliveries.push(finish(whole.spool, copies, waiting)?);
        }
        for (message, out) in linked.into_iter().zip(away) {
            deliveries.push(finish(message, Vec::new(), vec![out])?);
        }
        Ok(deliveries)
    }

    // A message as it leaves: its header completed, signed, with our trace field before it.
    fn finish(
        &self,
        post: &Post,
        facts: &ConnectionFacts,
        envelope: &Envelope,
        message: Message<'_>,
        copies: Vec<MailCopy>,
        outgoing: Vec<Outgoing>,
    ) -> io::Result<Delivery> {
        let Message {
            spool,
            id,
            now,
            signer,
        } = message;
        let original = pieces::header_of(&spool)?;
        // A Date that we are not sure of is worse than none.
        let date = post.clock.is_known().then_some(now);
        let header = fixed::header(&original, date, id, self.office.hostname.as_str());
        let skip = original.len() as u64;
        let mut prefix = self.received(facts, envelope, id, now).into_bytes();
        if let Some(signer) = signer {
            let body = spool.reader_at(skip);
            prefix.extend(signer.sign(&header, body).map_err(io::Error::other)?);
        }
        prefix.extend_from_slice(&header);
        let structure = pieces::structure(&prefix, &spool, skip)?;
        Ok(Delivery {
            body: spool.into_body(prefix, skip)?,
            structure,
            copies,
            outgoing,
            received_at: now,
        })
    }

    // Where it goes: one copy for each account here, one queue row for each address elsewhere.
    fn address(
        &self,
        envelope: &Envelope,
        header: &[u8],
        now: Timestamp,
    ) -> Result<(Vec<MailCopy>, Vec<Outgoing>), Refusal> {
        let mut accounts = Vec::new();
        let mut elsewhere = Vec::new();
        for address in &envelope.to {
            match recipient(&self.snapshot, &self.office, address).map_err(|error| refusal(&error))? {
                // RFC 4865: nobody sees it before its time.
                Recipient::Here(_) if envelope.wishes.hold.is_some() => elsewhere.push(address.clone()),
                Recipient::Here(found) => accounts.extend(found),
                Recipient::Unknown => return Err(Refusal::UnknownRecipient),
                Recipient::Elsewhere => elsewhere.push(address.clone()),
                Recipient::Reply => {} // the guard has read it before
            }
        }
        accounts.sort_unstable();
        accounts.dedup();
        elsewhere.sort_unstable();
        elsewhere.dedup();
        let copy = |account| MailCopy {
            into: Place::Inbox(account),
            flags: Flags::new(),
            date: now,
        };
        let mut wishes = envelope.wishes.clone();
        wishes.utf8 &= !header.is_ascii(); // RFC 6531 3.2: mail programs say it of mail that needs none, too
        // RFC 8689 4.1: the parameter of MAIL counts before the field.
        if wishes.tls == TlsWish::AsUsual && fixed::spares_tls(header) {
            wishes.tls = TlsWish::NotRequired;
        }
        let outgoing = |to: Address| Outgoing {
            owner: Some(self.account.id),
            from: envelope.from.clone(),
            asked: envelope.asked_for(&to),
            to,
            next_attempt: wishes.hold.map_or(now, |hold| hold.ends(now)),
            wishes: wishes.clone(),
        };
        Ok((
            accounts.into_iter().map(copy).collect(),
            elsewhere.into_iter().map(outgoing).collect(),
        ))
    }

    // The client's name and address are the office's business, unless the admin wants them shown.
    fn received(&self, facts: &ConnectionFacts, envelope: &Envelope, id: &str, now: Timestamp) -> String {
        let shown = self.submission.show_client_address;
        Received {
            helo: &envelope.helo,
            esmtp: envelope.esmtp,
            peer: shown.then(|| facts.ip()),
            name: None,
            by: self.office.hostname.as_str(),
            tls: facts.tls_words().as_deref(),
            authenticated: self.account.printer.is_none(),
            utf8: envelope.wishes.utf8,
            id,
            recipient: only(&envelope.to),
            at: now,
        }
        .field()
    }
}
