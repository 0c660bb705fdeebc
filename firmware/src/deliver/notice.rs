//! The letter that tells a sender what became of his message (RFC 3461 6, RFC 3464).
//!
//! | NOTIFY | failed | late | delivered here, or passed on to a server that tells nothing |
//! |---|---|---|---|
//! | not said | told | told | not told |
//! | NEVER | not told | not told | not told |
//! | SUCCESS, FAILURE, DELAY | told where named | told where named | told where named |

use super::people::{Recipient, is_ours, recipient};
use super::{Post, pieces, refusal};
use crate::blocking::{blocking, blocking_if};
use crate::dkim;
use crate::limits::queue::{RETURNED, RETURNED_HEADER};
use crate::settings::{self, Office};
use crate::spool::Spool;
use proto::ask::Envelope;
use proto::message::dsn::{Action, Recipient as Line, Report};
use proto::message::{header, scan};
use proto::refusal::Refusal;
use proto::types::{
    Address, BlobId, Domain, Flags, RecipientWishes, Returned, ReversePath, Span, Timestamp, Wishes,
};
use store::{Body, Delivery, MailCopy, Outgoing, Place, Snapshot, StoreError};

/// A message that its sender may have to hear of.
pub struct About<'a> {
    /// Its MAIL FROM.
    pub from: &'a ReversePath,
    /// What he asked for.
    pub wishes: &'a Wishes,
    /// When it was taken.
    pub arrival: Timestamp,
    /// The message.
    pub content: Content<'a>,
}

/// Where the message is.
pub enum Content<'a> {
    /// In the store.
    Stored(BlobId),
    /// On its way there; its header.
    Header(&'a [u8]),
}

/// What became of one recipient.
pub struct Fate<'a> {
    /// Who it is.
    pub to: &'a Address,
    /// What was asked for him.
    pub asked: &'a RecipientWishes,
    /// What happened.
    pub action: Action,
    /// The server that was asked.
    pub host: Option<&'a str>,
    /// What it, or we, said.
    pub words: &'a str,
}

impl Fate<'_> {
    const fn is_wanted(&self) -> bool {
        match self.action {
            Action::Failed | Action::GivenUp { .. } => self.asked.notify.of_failure(),
            Action::Delayed { .. } => self.asked.notify.of_delay(),
            Action::Delivered | Action::Relayed => self.asked.notify.of_success(),
        }
    }
}

/// The notice about these recipients of one message, ready to be committed with what happened to
/// them. `None` where nobody is to be told: nobody asked, mail without a sender is never answered
/// (RFC 5321 4.5.5), and a sender here whose account is gone reads nothing.
///
/// # Errors
/// The store's file failed.
pub fn notice(
    snapshot: &Snapshot,
    office: &Office,
    about: &About<'_>,
    mut fates: Vec<Fate<'_>>,
    now: Timestamp,
) -> Result<Option<Delivery>, StoreError> {
    fates.retain(Fate::is_wanted);
    let Some(sender) = about.from.as_ref().filter(|_| !fates.is_empty()) else {
        return Ok(None);
    };
    let wide = |address: &Address| !address.local().is_ascii();
    let utf8 = about.wishes.utf8 || wide(sender) || fates.iter().any(|fate| wide(fate.to));
    let (copies, outgoing) = match recipient(snapshot, office, sender)? {
        Recipient::Here(accounts) => {
            let copy = |account| MailCopy {
                into: Place::Inbox(account),
                flags: Flags::new(),
                date: now,
            };
            (accounts.into_iter().map(copy).collect(), Vec::new())
        }
        Recipient::Elsewhere => {
            let outgoing = Outgoing {
                owner: None,
                from: None,
                to: sender.clone(),
                next_attempt: now,
                wishes: Wishes {
                    utf8,
                    tls: about.wishes.tls, // RFC 8689 5
                    ..Wishes::default()
                },
                asked: RecipientWishes::default(),
            };
            (Vec::new(), vec![outgoing])
        }
        Recipient::Unknown | Recipient::Reply => return Ok(None),
    };
    // RFC 3461 4.3: the whole message goes back with a failure only; RFC 8689 5: and never what
    // must not be read on its way. What is large is not sent about a second time.
    let is_failure = |fate: &Fate<'_>| matches!(fate.action, Action::Failed | Action::GivenUp { .. });
    let failed = fates.iter().any(is_failure);
    let full = failed && about.wishes.returned == Some(Returned::Full) && !about.wishes.requires_tls();
    let (octets, whole) = returned(snapshot, &about.content, full)?;
    let domain = domain(snapshot, office, sender, &fates)?;
    let addresses = (domain, sender);
    let mut message = letter(office, addresses, about, &fates, (&octets, whole, utf8), now)?;
    if !outgoing.is_empty() {
        message = dkim::signed(snapshot, office, domain, message)?;
    }
    Ok(Some(Delivery {
        structure: scan::structure(&message),
        body: Body::from_bytes(message),
        copies,
        outgoing,
        received_at: now,
    }))
}

/// The notice for those who asked to be told that their message is in a mailbox here, to be
/// committed with the message. Blocks where somebody did.
///
/// # Errors
/// What the peer has to hear.
pub fn of_delivery(
    post: &Post,
    envelope: &Envelope,
    spool: &Spool,
    now: Timestamp,
) -> Result<Option<Delivery>, Refusal> {
    if envelope.asked.values().all(|asked| !asked.notify.of_success()) {
        return Ok(None);
    }
    let top = blocking_if(spool.is_on_card(), || pieces::header_of(spool));
    let top = top.map_err(|error| super::inbound::unreadable(&error))?;
    let find = || -> Result<_, StoreError> {
        let snapshot = post.store.snapshot()?;
        let Some(office) = settings::read::<Office>(&snapshot, settings::OFFICE)? else {
            return Ok(None);
        };
        let mut fates = Vec::new();
        for (to, asked) in &envelope.asked {
            if matches!(recipient(&snapshot, &office, to)?, Recipient::Here(_)) {
                fates.push(Fate {
                    to,
                    asked,
                    action: Action::Delivered,
                    host: None,
                    words: "",
                });
            }
        }
        let about = About {
            from: &envelope.from,
            wishes: &envelope.wishes,
            arrival: now,
            content: Content::Header(&top),
        };
        notice(&snapshot, &office, &about, fates, now)
    };
    blocking(find).map_err(|error| refusal(&error))
}

// What goes back, and whether that is the whole message.
fn returned(snapshot: &Snapshot, content: &Content<'_>, full: bool) -> Result<(Vec<u8>, bool), StoreError> {
    let blob = match content {
        Content::Stored(blob) => *blob,
        Content::Header(top) => return Ok((top.to_vec(), false)),
    };
    let mut octets = Vec::new();
    let Some(mut body) = snapshot.body(blob)? else {
        return Ok((octets, false));
    };
    let whole = full && body.size() <= RETURNED;
    let end = if whole { RETURNED } else { RETURNED_HEADER };
    body.read_span(Span { start: 0, end }, &mut octets)?;
    if !whole {
        octets.truncate(header::len(&octets));
    }
    Ok((octets, whole))
}

// Whose postmaster writes: the sender's own, else that of whom he wrote to, else the main domain's.
fn domain<'a>(
    snapshot: &Snapshot,
    office: &'a Office,
    sender: &'a Address,
    fates: &[Fate<'a>],
) -> Result<&'a Domain, StoreError> {
    let addressed = fates.first().map(|fate| fate.to.domain());
    for domain in std::iter::once(sender.domain()).chain(addressed) {
        if is_ours(snapshot, office, domain)? {
            return Ok(domain);
        }
    }
    Ok(&office.domain)
}

fn letter(
    office: &Office,
    (domain, sender): (&Domain, &Address),
    about: &About<'_>,
    fates: &[Fate<'_>],
    (returned, whole, utf8): (&[u8], bool, bool),
    now: Timestamp,
) -> Result<Vec<u8>, StoreError> {
    let from = Address::from_parts("postmaster", domain.clone())
        .map_err(|error| StoreError::Internal(format!("postmaster: {error}")))?;
    let recipients: Vec<Line<'_>> = fates.iter().map(|fate| fate.line(now)).collect();
    let report = Report {
        host: office.hostname.as_str(),
        from: &from,
        to: sender,
        id: &super::fresh_id(),
        at: now,
        arrival: about.arrival,
        envelope_id: about.wishes.envelope_id.as_ref(),
        hold: about.wishes.hold,
        utf8,
        header: returned,
        whole: whole.then_some(returned),
        recipients: &recipients,
    };
    Ok(report.build())
}

impl<'a> Fate<'a> {
    fn line(&self, now: Timestamp) -> Line<'a> {
        Line {
            address: self.to,
            original: self.asked.original.as_ref(),
            action: self.action,
            status: status(self.words),
            remote: self.host,
            words: self.words,
            last_attempt: (self.action != Action::Delivered).then_some(now),
        }
    }
}

// The enhanced status code at the start of a server's or our words, after its reply code (RFC 2034).
fn status(words: &str) -> &str {
    let code = |word: &&str| {
        let mut fields = word.split('.');
        let numeric = |field: Option<&str>| {
            field.is_some_and(|f| !f.is_empty() && f.bytes().all(|o| o.is_ascii_digit()))
        };
        numeric(fields.next()) && numeric(fields.next()) && numeric(fields.next()) && fields.next().is_none()
    };
    words.split_whitespace().take(2).find(code).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::status;

    #[test]
    fn status_codes_are_found_in_what_servers_say() {
        for (words, found) in [
            ("550 5.1.1 no such user", "5.1.1"),
            ("5.1.2 the domain x.example does not exist", "5.1.2"),
            ("550 no such user at 1.2.3", ""),
            ("connect: refused", ""),
            ("550 192.0.2.1 is blocked", ""),
            ("", ""),
        ] {
            assert_eq!(status(words), found, "{words}");
        }
    }
}
