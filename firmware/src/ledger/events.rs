//! The ledger in words: one line an event, for the page and the command line.

use crate::guard::words;
use proto::message::date;
use proto::types::{AccountId, Address, ReversePath, Timestamp};
use serde_json::Value;
use std::collections::HashMap;
use store::{Event, EventKind, KeyStep, NameChange, QueueOrder, Snapshot, StoreError};

/// Events read at a time.
const PORTION: usize = 256;
/// Characters of one line.
const LINE: usize = 400;

/// Which events are wanted; what is left empty takes all.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Of the account, or the printers, with this address.
    pub account: String,
    /// Of this kind, such as `frozen`.
    pub kind: String,
}

/// An event in words.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Row {
    /// When; the first of those that are folded.
    pub at: Timestamp,
    /// What, as the ledger names it.
    pub kind: String,
    /// Whose account it is about, by its address; a number where it is gone.
    pub account: Option<String>,
    /// What happened. Parts of it are strangers' words.
    pub words: String,
}

/// At most `limit` rows older than event `before`, newest first, and where to go on.
///
/// # Errors
/// The store failed.
pub fn page(
    snapshot: &Snapshot,
    filter: &Filter,
    mut before: Option<u64>,
    limit: usize,
) -> Result<(Vec<Row>, Option<u64>), StoreError> {
    let names: HashMap<AccountId, String> = snapshot
        .people_and_printers()?
        .into_iter()
        .map(|account| (account.id, account.address.to_string()))
        .collect();
    let wanted = Address::parse(filter.account.trim())
        .ok()
        .map(|address| address.key());
    let of_account = |id: Option<AccountId>| {
        let name = id.and_then(|id| names.get(&id));
        let key = name
            .and_then(|name| Address::parse(name).ok())
            .map(|name| name.key());
        filter.account.trim().is_empty() || (key.is_some() && key == wanted)
    };
    let kind = filter.kind.trim();
    let takes = |event: &Event| {
        let (name, account) = parts(&event.kind);
        (kind.is_empty() || name == kind) && of_account(account)
    };
    let mut rows = Vec::new();
    while rows.len() < limit {
        let portion = PORTION.min(limit - rows.len());
        let events = snapshot.events(before, portion, takes)?;
        let last = events.len() < portion;
        for (number, event) in events {
            before = Some(number);
            rows.push(row(&event, &names));
        }
        if last {
            return Ok((rows, None));
        }
    }
    Ok((rows, before))
}

fn row(event: &Event, names: &HashMap<AccountId, String>) -> Row {
    let (kind, account) = parts(&event.kind);
    let words = of_people(&event.kind)
        .or_else(|| of_links(&event.kind))
        .or_else(|| of_mail(&event.kind))
        .unwrap_or_else(|| "something that a later version wrote down".to_owned());
    let words = words.chars().map(|c| if c.is_control() { ' ' } else { c });
    Row {
        at: event.at,
        kind,
        account: account.map(|id| names.get(&id).cloned().unwrap_or_else(|| id.to_string())),
        words: words.take(LINE).collect(),
    }
}

// The kind's name, and the account that it is about.
fn parts(kind: &EventKind) -> (String, Option<AccountId>) {
    let Ok(Value::Object(mut fields)) = serde_json::to_value(kind) else {
        return (String::new(), None);
    };
    let name = match fields.remove("kind") {
        Some(Value::String(name)) => name,
        _ => String::new(),
    };
    let account = fields.remove("account").and_then(|id| id.as_u64()).map(AccountId);
    (name, account)
}

fn times(count: u32) -> String {
    if count == 1 {
        String::new()
    } else {
        format!(", {count} times")
    }
}

fn list(addresses: &[Address]) -> String {
    let first = addresses
        .first()
        .map_or_else(|| "nobody".to_owned(), ToString::to_string);
    match addresses.len() {
        0 | 1 => first,
        count => format!("{first} and {} more", count - 1),
    }
}

// What people did, and what was done to accounts.
fn of_people(kind: &EventKind) -> Option<String> {
    Some(match kind {
        EventKind::LoginFailed {
            protocol,
            ip,
            login,
            reason,
            client,
            count,
            ..
        } => {
            let with = if client.is_empty() {
                String::new()
            } else {
                format!(" with {client}")
            };
            format!("{login} from {ip} at {protocol}{with}: {reason}{}", times(*count))
        }
        EventKind::LoginOk { protocol, ip, .. } => format!("came in from {ip} at {protocol}"),
        EventKind::AdminCameIn { ip, .. } => format!("the admin came in from {ip} at the pages"),
        EventKind::Tripped(trip) => words::numbers(trip.counter, trip.count, trip.limit),
        EventKind::Frozen { reason, held, .. } => format!("frozen: {reason}; {held} held"),
        EventKind::LastAdminLimited { reason, until, .. } => {
            format!("the last admin, limited until {}: {reason}", date::format(*until))
        }
        EventKind::Unfrozen { by, .. } => format!("given back by {by}"),
        EventKind::FreezeSeen { by, .. } => format!("{by} has seen that it is frozen"),
        EventKind::HeldReleased { by, count, .. } => format!("{count} held released by {by}"),
        EventKind::HeldDiscarded { by, count, .. } => format!("{count} held discarded by {by}"),
        EventKind::Notified { to, .. } => format!("told {}", list(to)),
        EventKind::Reply { by, ip, words, .. } => {
            let by = by
                .as_ref()
                .map_or_else(|| "somebody".to_owned(), ToString::to_string);
            format!("{by} from {ip} answered a notice: {words}")
        }
        EventKind::RelayDenied {
            ip,
            from,
            others,
            to,
            count,
            ..
        } => {
            let from = from
                .as_ref()
                .map_or_else(|| "nobody".to_owned(), ToString::to_string);
            let others = if *others { " and others" } else { "" };
            let to = to.as_ref().map_or_else(String::new, |to| format!(" to {to}"));
            format!(
                "{from}{others} at {ip} wanted to send{to} without a login{}",
                times(*count)
            )
        }
        EventKind::PrinterChanged {
            ip, from, by, what, ..
        } => {
            format!("the device {from} at {ip} was {what} by {by}")
        }
        EventKind::SenderRefused { ip, author, .. } => format!("wanted to write as {author} from {ip}"),
        EventKind::DevicePassword { name, what, .. } => match what.as_str() {
            "web_only" => "the main password opens the web pages only".to_owned(),
            "everywhere" => "the main password opens mail programs too".to_owned(),
            "as_the_office" => "the main password opens what the office says".to_owned(),
            what => format!("the password of the device {name} was {what}"),
        },
        EventKind::Blocked { who, why, until } => {
            format!("{who} is shut out until {}: {why}", date::format(*until))
        }
        EventKind::Released { who, by } => format!("{who} was let in again by {by}"),
        EventKind::Started { version } => format!("the box started, version {version}"),
        EventKind::SettingChanged { key } => format!("the setting {key} was changed"),
        EventKind::ClockSet { before, by } => {
            format!("{by} set the clock; it said {}", date::format(*before))
        }
        EventKind::SettingRefused { key, why } => format!("the setting {key} stays as it is: {why}"),
        EventKind::SecondFactor { what, by, .. } => format!("codes after the password: {what} by {by}"),
        EventKind::SigningKeys {
            domain,
            selectors,
            step,
            by,
        } => match step {
            KeyStep::Made => {
                format!("the signing keys {selectors} of {domain} were made by {by}: publish their records")
            }
            KeyStep::Waits => format!("the signing keys {selectors} of {domain} wait for their DNS records"),
            KeyStep::Begun => format!("mail of {domain} is signed with {selectors}, decided by {by}"),
        },
        EventKind::NameChanged { name, done, by } => {
            let done = match done {
                NameChange::Added => "added",
                NameChange::Changed => "changed",
                NameChange::Removed => "removed",
            };
            format!("{name} was {done} by {by}")
        }
        _ => return None,
    })
}

// What became of attachments.
fn of_links(kind: &EventKind) -> Option<String> {
    Some(match kind {
        EventKind::AttachmentsLinked { to, files, size, .. } => {
            format!(
                "{files} attachments of {size} octets stayed here, links went to {}",
                list(to)
            )
        }
        EventKind::LinkDownloaded {
            link, recipient, ip, ..
        } => format!("link {link} of {recipient} was used from {ip}"),
        EventKind::LinkChanged { link, what, by, .. } => format!("link {link} was {what} by {by}"),
        EventKind::LinkDamaged { link, name, why, .. } => {
            format!("the file of link {link}, {name}, is damaged: {why}")
        }
        EventKind::LinksChecked {
            address,
            reach,
            words,
        } => format!("whether the world reaches {address}: {reach}; {words}"),
        EventKind::AttachmentsRemoved { links, why } => {
            format!("the attachments of {links} links were removed: {why}")
        }
        EventKind::AttachmentFolder { folder, what } => format!("place of attachments: {folder} {what}"),
        _ => return None,
    })
}

// What became of mail.
fn of_mail(kind: &EventKind) -> Option<String> {
    Some(match kind {
        EventKind::Received {
            id,
            ip,
            from,
            to,
            size,
            ..
        } => {
            let (from, to) = (sender(from), list(to));
            format!("{id}: took {size} octets from {from} for {to} from {ip}")
        }
        EventKind::Judged {
            id,
            ip,
            from,
            to,
            verdict,
            ..
        } => {
            let (from, to, landed) = (sender(from), list(to), verdict.placement.as_str());
            format!(
                "{id} from {from} for {to} from {ip}: {landed}. {}",
                verdict.because
            )
        }
        EventKind::Refused {
            protocol,
            ip,
            from,
            to,
            words,
        } => {
            let to = to.as_ref().map_or_else(String::new, |to| format!(" for {to}"));
            format!("{} at {ip} by {protocol}{to} was told: {words}", sender(from))
        }
        EventKind::Sent { ip, to, size, .. } => format!("sent {size} octets to {} from {ip}", list(to)),
        EventKind::Relayed {
            to,
            host,
            words,
            protection,
            ..
        } => match protection {
            Some(protection) => format!("{host} took mail for {to} ({protection}): {words}"),
            None => format!("{host} took mail for {to}: {words}"),
        },
        EventKind::Deferred { to, words, next, .. } => {
            format!("mail for {to} waits until {}: {words}", date::format(*next))
        }
        EventKind::QueueChanged {
            order,
            which,
            to,
            rows,
            told,
            by,
            ..
        } => {
            let done = done(*order, *told > 0);
            if *rows == 0 {
                return Some(format!("{by} {done} mail ({which}); none of it waited"));
            }
            let recipients = if *rows == 1 { "recipient" } else { "recipients" };
            format!(
                "{by} {done} waiting mail for {rows} {recipients} ({which}): {}",
                list(to)
            )
        }
        EventKind::WayChanged { mail, through, by } => match through {
            Some(server) => format!("{by} had {mail} leave through {server}"),
            None => format!("{by} took the server for {mail} away"),
        },
        EventKind::Bounced {
            hard,
            from,
            to,
            words,
            ..
        } => {
            let why = if *hard {
                "was not taken"
            } else {
                "could not be delivered in time"
            };
            format!("mail of {} for {to} {why}: {words}", sender(from))
        }
        _ => return None,
    })
}

// What somebody did to mail that waits.
const fn done(order: QueueOrder, told: bool) -> &'static str {
    match order {
        QueueOrder::Hold => "held",
        QueueOrder::Release => "released",
        QueueOrder::Retry => "had tried at once",
        QueueOrder::Delete if told => "deleted, and told the sender of,",
        QueueOrder::Delete => "deleted",
    }
}

fn sender(from: &ReversePath) -> String {
    from.as_ref().map_or_else(|| "<>".to_owned(), ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::Trial;

    #[tokio::test]
    async fn events_are_told_in_words_by_account_and_kind_page_by_page() {
        let trial = Trial::new().await;
        let ledger = &trial.house.ledger;
        for n in 0..5 {
            ledger.record(EventKind::Unfrozen {
                account: trial.anna,
                by: format!("chief{n}"),
            });
        }
        ledger.record(EventKind::Released {
            who: "192.0.2.1".to_owned(),
            by: "x\r\ny".to_owned(),
        });
        ledger.record(EventKind::Unfrozen {
            account: AccountId(999),
            by: "chief".to_owned(),
        });
        ledger.flush().await;
        let snapshot = trial.house.store.snapshot().unwrap();
        let all = Filter::default();
        let (rows, older) = page(&snapshot, &all, None, 100).unwrap();
        assert_eq!((rows.len(), older), (7, None));
        assert_eq!(rows[0].account.as_deref(), Some("999"));
        assert_eq!(rows[1].words, "192.0.2.1 was let in again by x  y");
        let annas = Filter {
            account: "Anna@firm.example".to_owned(),
            kind: "unfrozen".to_owned(),
        };
        let (rows, older) = page(&snapshot, &annas, None, 3).unwrap();
        let words: Vec<&str> = rows.iter().map(|row| row.words.as_str()).collect();
        assert_eq!(
            words,
            [
                "given back by chief4",
                "given back by chief3",
                "given back by chief2"
            ]
        );
        let (rows, older) = page(&snapshot, &annas, older, 3).unwrap();
        assert_eq!((rows.len(), older), (2, None));
        for (account, kind) in [("nobody@firm.example", ""), ("rubbish", ""), ("", "rubbish")] {
            let (account, kind) = (account.to_owned(), kind.to_owned());
            let (rows, _) = page(&snapshot, &Filter { account, kind }, None, 10).unwrap();
            assert_eq!(rows, []);
        }
    }

    #[test]
    fn mail_is_told_of_in_sentences() {
        let to = |text: &str| Address::parse(text).unwrap();
        let (ann, bob) = (to("ann@firm.example"), to("bob@far.example"));
        let ip = "192.0.2.9".parse().unwrap();
        for (kind, words) in [
            (
                EventKind::Received {
                    id: "x1".to_owned(),
                    ip,
                    from: Some(bob.clone()),
                    to: vec![ann.clone(), to("berta@firm.example")],
                    size: 12,
                },
                "x1: took 12 octets from bob@far.example for ann@firm.example and 1 more from 192.0.2.9",
            ),
            (
                EventKind::Bounced {
                    queue: proto::types::QueueId(1),
                    account: None,
                    hard: true,
                    from: None,
                    to: bob.clone(),
                    words: "550 no".to_owned(),
                },
                "mail of <> for bob@far.example was not taken: 550 no",
            ),
            (
                EventKind::Deferred {
                    queue: proto::types::QueueId(1),
                    to: bob,
                    words: "451 later".to_owned(),
                    next: Timestamp(0),
                },
                "mail for bob@far.example waits until Thu, 1 Jan 1970 00:00:00 +0000: 451 later",
            ),
        ] {
            assert_eq!(of_mail(&kind).as_deref(), Some(words));
            assert_eq!(of_people(&kind), None);
        }
        let kind = EventKind::NameChanged {
            name: "second.example".to_owned(),
            done: NameChange::Added,
            by: "admin".to_owned(),
        };
        assert_eq!(
            of_people(&kind).as_deref(),
            Some("second.example was added by admin")
        );
        assert_eq!(of_mail(&kind), None);
    }
}
