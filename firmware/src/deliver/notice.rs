//! The letter that tells a sender what did not arrive (RFC 3464).

use super::people::{Recipient, recipient};
use super::relay::Outcome;
use crate::limits::queue::RETURNED_HEADER;
use crate::settings::Office;
use proto::message::dsn::{Action, Recipient as Failed, Report};
use proto::message::{header, scan};
use proto::types::{Address, Flags, RecipientWishes, Span, Timestamp, Wishes};
use store::{Body, Delivery, MailCopy, Outgoing, Place, QueueItem, Snapshot, StoreError};

/// The notice about recipients of one message that are given up, ready to be committed with their
/// settlement. `None` where nobody is to be told: mail without a sender is never answered
/// (RFC 5321 4.5.5), and a sender here whose account is gone reads nothing.
///
/// # Errors
/// The store's file failed.
pub fn of_failure(
    snapshot: &Snapshot,
    office: &Office,
    failed: &[(&QueueItem, &Outcome)],
    now: Timestamp,
) -> Result<Option<Delivery>, StoreError> {
    let Some((first, _)) = failed.first() else {
        return Ok(None);
    };
    let Some(sender) = &first.from else {
        return Ok(None);
    };
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
                wishes: Wishes::default(),
                asked: RecipientWishes::default(),
            };
            (Vec::new(), vec![outgoing])
        }
        Recipient::Unknown | Recipient::Reply => return Ok(None),
    };
    let mut top = Vec::new();
    if let Some(mut body) = snapshot.body(first.blob)? {
        body.read_span(
            Span {
                start: 0,
                end: RETURNED_HEADER,
            },
            &mut top,
        )?;
    }
    top.truncate(header::len(&top));
    let message = letter(office, sender, &top, failed, now)?;
    Ok(Some(Delivery {
        structure: scan::structure(&message),
        body: Body::from_bytes(message),
        copies,
        outgoing,
        received_at: now,
    }))
}

fn letter(
    office: &Office,
    sender: &Address,
    header: &[u8],
    failed: &[(&QueueItem, &Outcome)],
    now: Timestamp,
) -> Result<Vec<u8>, StoreError> {
    let from = Address::parse(&format!("postmaster@{}", office.domain))
        .map_err(|error| StoreError::Internal(format!("postmaster: {error}")))?;
    let recipients: Vec<Failed<'_>> = failed
        .iter()
        .map(|(item, outcome)| Failed {
            address: &item.to,
            action: Action::Failed,
            status: status(&outcome.words),
            remote: outcome.host.as_deref(),
            words: &outcome.words,
            last_attempt: Some(now),
        })
        .collect();
    let report = Report {
        host: office.hostname.as_str(),
        from: &from,
        to: sender,
        id: &super::fresh_id(),
        at: now,
        arrival: failed.first().map_or(now, |(item, _)| item.created),
        header,
        recipients: &recipients,
    };
    Ok(report.build())
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
