//! One try: a message and some of its recipients go one way, and the queue learns how it ended.
//!
//! What a crash leaves: the rows stay as they are until `settle` commits. Between the other side's
//! 250 and that commit lies the one moment in which a crash makes us send a second time.

use super::notice::{self, About, Content, Fate};
use super::pace::Met;
use super::people::{Recipient, recipient};
use super::relay::{self, End, Errand, Outcome, Pieces, Way};
use super::{Post, backoff};
use crate::blocking::blocking;
use crate::limits::queue::SETTLE;
use crate::settings::Office;
use proto::message::dsn::Action;
use proto::types::{AccountId, Timestamp};
use std::collections::BTreeMap;
use std::time::Duration;
use store::{Delivery, Event, EventKind, Place, QueueItem, Settlement, Snapshot, StoreError};

/// Sends one message to the recipients in `items` (same body, same sender, same way) and settles
/// them. Returns only when the store knows: a row that was delivered must never be due again.
/// Gives back what it found out about the place.
pub async fn attempt(post: &Post, office: &Office, way: Way, mut items: Vec<QueueItem>) -> Met {
    // Between the look at the queue and this moment its owner may have been frozen, an admin may have
    // held or deleted it, or another try may have ended.
    let here = blocking(|| {
        keep_due(post, &mut items);
        take_local(post, office, &mut items)
    });
    if !here.is_empty() {
        settle(post, office, &here).await;
    }
    let Some(first) = items.first() else {
        return Met::Nothing;
    };
    let outcomes = match blocking(|| Pieces::open(post.store.clone(), first.blob)) {
        Ok(Some(body)) => {
            let errand = Errand {
                way,
                helo: office.hostname.clone(),
                from: first.from.clone(),
                to: items.iter().map(|item| item.to.clone()).collect(),
                wishes: first.wishes.clone(),
                asked: items.iter().map(|item| item.asked.clone()).collect(),
                body,
            };
            relay::send(post, errand).await
        }
        Ok(None) => alike(
            &items,
            End::Never,
            "the message is not in the store any more".to_owned(),
        ),
        Err(error) => alike(&items, End::Later, error.to_string()),
    };
    let met = met(&outcomes);
    let ended: Vec<(QueueItem, Outcome)> = items.into_iter().zip(outcomes).collect();
    settle(post, office, &ended).await;
    met
}

fn met(outcomes: &[Outcome]) -> Met {
    let any = |what: &dyn Fn(&Outcome) -> bool| outcomes.iter().any(what);
    match outcomes.first() {
        Some(outcome) if outcome.end == End::Unreached => Met::Nobody(outcome.clone()),
        _ if any(&is_strain) => Met::Strain,
        _ if any(&|outcome| matches!(outcome.end, End::Delivered | End::Relayed)) => Met::Success,
        _ if any(&|outcome| outcome.host.is_some()) => Met::Answer,
        _ => Met::Nothing,
    }
}

// RFC 5321 3.8: 421 ends a session. Words without any code are ours, of a connection that broke off.
fn is_strain(outcome: &Outcome) -> bool {
    let code = outcome.words.get(..3).unwrap_or_default();
    let is_code = code.len() == 3 && code.bytes().all(|octet| octet.is_ascii_digit());
    outcome.end == End::Later && outcome.host.is_some() && (code == "421" || !is_code)
}

fn keep_due(post: &Post, items: &mut Vec<QueueItem>) {
    // Where the store fails, the body cannot be read either.
    let Ok(snapshot) = post.store.snapshot() else {
        return;
    };
    let now = post.now();
    let is_due = |item: &QueueItem| !item.is_held() && item.next_attempt <= now;
    items.retain(|item| matches!(snapshot.queue_item(item.id), Ok(Some(item)) if is_due(&item)));
}

// Mail that was kept back (RFC 4865) may be for people here. It needs no server.
fn take_local(post: &Post, office: &Office, items: &mut Vec<QueueItem>) -> Vec<(QueueItem, Outcome)> {
    let Ok(snapshot) = post.store.snapshot() else {
        return Vec::new();
    };
    let is_local =
        |item: &mut QueueItem| matches!(recipient(&snapshot, office, &item.to), Ok(Recipient::Here(_)));
    let here = items.extract_if(.., is_local);
    here.map(|item| {
        let outcome = Outcome {
            end: End::Here,
            host: None,
            words: String::new(),
            protection: None,
        };
        (item, outcome)
    })
    .collect()
}

/// Settles `items` with what another message that way has just met.
pub async fn put_off(post: &Post, office: &Office, items: Vec<QueueItem>, outcome: Outcome) {
    let ended: Vec<(QueueItem, Outcome)> = items.into_iter().map(|item| (item, outcome.clone())).collect();
    settle(post, office, &ended).await;
}

fn alike(items: &[QueueItem], end: End, words: String) -> Vec<Outcome> {
    tracing::error!(words, "a queued message cannot be read");
    let outcome = Outcome {
        end,
        host: None,
        words,
        protection: None,
    };
    vec![outcome; items.len()]
}

// Commits the outcomes with their events, and the notice about those that failed, for as long as it takes.
async fn settle(post: &Post, office: &Office, ended: &[(QueueItem, Outcome)]) {
    let mut pause = Duration::from_secs(1);
    loop {
        match try_settle(post, office, ended).await {
            Ok(()) => return tell_guard(post, ended).await,
            // All rows are gone: the admin discarded them meanwhile.
            Err(StoreError::NotFound) if blocking(|| are_gone(post, ended)) => return,
            Err(error) => tracing::error!(%error, "the queue could not be brought up to date"),
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(SETTLE);
    }
}

fn are_gone(post: &Post, ended: &[(QueueItem, Outcome)]) -> bool {
    let is_gone = |snapshot: &Snapshot, item: &QueueItem| matches!(snapshot.queue_item(item.id), Ok(None));
    match post.store.snapshot() {
        Ok(snapshot) => ended.iter().all(|(item, _)| is_gone(&snapshot, item)),
        Err(_) => false,
    }
}

async fn try_settle(post: &Post, office: &Office, ended: &[(QueueItem, Outcome)]) -> Result<(), StoreError> {
    let now = post.now();
    // One for all: recipients of one message stay together.
    let random = getrandom::u32().unwrap_or(0);
    let (settled, notice) = blocking(|| {
        let snapshot = post.store.snapshot()?;
        let mut settled = Vec::with_capacity(ended.len());
        for (item, outcome) in ended {
            settled.push(match outcome.end {
                End::Here => placed(&snapshot, office, item, now)?,
                _ => settlement(item, outcome, now, random),
            });
        }
        let notice = tell(&snapshot, office, ended, &settled, now)?;
        Ok::<_, StoreError>((settled, notice))
    })?;
    let events = ended.iter().zip(&settled).map(|((item, outcome), settled)| {
        let event = event(office, item, outcome, settled);
        post.ledger.event(event)
    });
    let events: Vec<Event> = events.collect();
    let rows = ended.iter().zip(settled);
    let rows = rows.map(|((item, _), settled)| (item.id, settled)).collect();
    post.store.settle(rows, notice, events.clone()).await?;
    for ((item, outcome), event) in ended.iter().zip(&events) {
        post.ledger.count(event);
        tracing::info!(queue = item.id.0, outcome = ?outcome.end, words = outcome.words, "queue");
    }
    Ok(())
}

// What the sender hears of it (RFC 3461 6).
fn tell(
    snapshot: &Snapshot,
    office: &Office,
    ended: &[(QueueItem, Outcome)],
    settled: &[Settlement],
    now: Timestamp,
) -> Result<Option<Delivery>, StoreError> {
    let Some((first, _)) = ended.first() else {
        return Ok(None);
    };
    let rows = ended.iter().zip(settled);
    let fates = rows
        .filter_map(|((item, outcome), settled)| fate(item, outcome, settled))
        .collect();
    let about = About {
        from: &first.from,
        wishes: &first.wishes,
        arrival: first.created,
        content: Content::Stored(first.blob),
    };
    notice::notice(snapshot, office, &about, fates, now)
}

fn fate<'a>(item: &'a QueueItem, outcome: &'a Outcome, settled: &Settlement) -> Option<Fate<'a>> {
    let action = match settled {
        Settlement::Failed { .. } if matches!(outcome.end, End::Later | End::Unreached) => {
            Action::GivenUp { since: item.since() }
        }
        Settlement::Failed { .. } => Action::Failed,
        Settlement::Retry { told: Some(_), .. } => Action::Delayed {
            until: backoff::ends(item.since()),
        },
        Settlement::Placed { .. } => Action::Delivered,
        Settlement::Delivered { .. } if outcome.end == End::Relayed => Action::Relayed,
        // The next server tells what becomes of it; or it goes on by itself.
        Settlement::Delivered { .. } | Settlement::Retry { .. } => return None,
    };
    Some(Fate {
        to: &item.to,
        asked: &item.asked,
        action,
        host: outcome.host.as_deref(),
        words: &outcome.words,
    })
}

fn placed(
    snapshot: &Snapshot,
    office: &Office,
    item: &QueueItem,
    now: Timestamp,
) -> Result<Settlement, StoreError> {
    Ok(match recipient(snapshot, office, &item.to)? {
        Recipient::Here(accounts) => Settlement::Placed {
            into: accounts.into_iter().map(Place::Inbox).collect(),
            date: now,
        },
        // Nobody's since a moment ago.
        _ => Settlement::Failed {
            words: "5.1.1 there is no such person here any more".to_owned(),
        },
    })
}

fn settlement(item: &QueueItem, outcome: &Outcome, now: Timestamp, random: u32) -> Settlement {
    let words = match &outcome.host {
        Some(host) => format!("{host}: {}", outcome.words),
        None => outcome.words.clone(),
    };
    let tries = item.attempts.saturating_add(1);
    match outcome.end {
        End::Delivered | End::Relayed | End::Here => Settlement::Delivered { words },
        End::Never => Settlement::Failed { words },
        End::Later | End::Unreached if backoff::gives_up(item.since(), now, tries) => {
            Settlement::Failed { words }
        }
        End::Later | End::Unreached => {
            let late = item.asked.notify.of_delay()
                && item.from.is_some()
                && backoff::is_late(item.since(), item.told, now, tries);
            Settlement::Retry {
                at: backoff::next_try(now, tries, random),
                words,
                told: late.then_some(now),
            }
        }
    }
}

// A hijacker's lists are old: much of what he sends nobody will ever take.
async fn tell_guard(post: &Post, ended: &[(QueueItem, Outcome)]) {
    let mut bounced: BTreeMap<AccountId, u32> = BTreeMap::new();
    for (item, outcome) in ended {
        if let Some(owner) = item.owner.filter(|_| outcome.end == End::Never) {
            *bounced.entry(owner).or_default() += 1;
        }
    }
    for (owner, count) in bounced {
        post.guard.bounced(owner, count).await;
    }
}

fn event(office: &Office, item: &QueueItem, outcome: &Outcome, settled: &Settlement) -> EventKind {
    let (queue, to) = (item.id, item.to.clone());
    match settled {
        Settlement::Delivered { .. } => EventKind::Relayed {
            queue,
            account: item.owner,
            to,
            host: outcome.host.clone().unwrap_or_default(),
            words: outcome.words.clone(),
            protection: outcome.protection.map(|p| p.to_string()),
        },
        Settlement::Placed { .. } => EventKind::Relayed {
            queue,
            account: item.owner,
            to,
            host: office.hostname.to_string(),
            words: "put into the mailbox here".to_owned(),
            protection: None,
        },
        Settlement::Retry { at, words, .. } => EventKind::Deferred {
            queue,
            to,
            words: words.clone(),
            next: *at,
        },
        Settlement::Failed { words } => EventKind::Bounced {
            queue,
            account: item.owner,
            hard: outcome.end == End::Never,
            from: item.from.clone(),
            to,
            words: words.clone(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::DAY;
    use proto::types::{Address, BlobId, QueueId, RecipientWishes, Wishes};

    #[test]
    fn outcomes_become_settlements_by_age_and_kind() {
        let now = Timestamp(100 * DAY);
        let item = |age_days: i64, attempts| QueueItem {
            id: QueueId(1),
            blob: BlobId(1),
            owner: None,
            from: None,
            to: Address::parse("a@example.net").unwrap(),
            created: now.plus(-age_days * DAY),
            next_attempt: now,
            attempts,
            last_words: None,
            held: false,
            wishes: Wishes::default(),
            asked: RecipientWishes::default(),
            told: None,
            held_by_admin: false,
        };
        let outcome = |end| Outcome {
            end,
            host: Some("mx.example.net".to_owned()),
            words: "words".to_owned(),
            protection: None,
        };
        let settle = |age, attempts, end| settlement(&item(age, attempts), &outcome(end), now, 7);
        let words = "mx.example.net: words".to_owned();
        assert_eq!(
            settle(0, 0, End::Delivered),
            Settlement::Delivered { words: words.clone() }
        );
        assert_eq!(
            settle(0, 0, End::Never),
            Settlement::Failed { words: words.clone() }
        );
        assert_eq!(settle(5, 20, End::Later), Settlement::Failed { words });
        let Settlement::Retry { at, .. } = settle(0, 0, End::Later) else {
            panic!("given up at once")
        };
        assert!((300..=330).contains(&(at.0 - now.0)));
        assert!(matches!(settle(4, 20, End::Later), Settlement::Retry { .. }));
        assert!(matches!(settle(9, 2, End::Later), Settlement::Retry { .. }));
    }

    #[test]
    fn what_a_try_met_is_seen_from_its_outcomes() {
        let outcome = |end, host: Option<&str>, words: &str| Outcome {
            end,
            host: host.map(str::to_owned),
            words: words.to_owned(),
            protection: None,
        };
        let mx = Some("mx.example.net");
        let refused = outcome(End::Unreached, mx, "connect: refused");
        for (outcomes, expected) in [
            (vec![], Met::Nothing),
            (
                vec![outcome(End::Later, None, "4.4.3 no name server")],
                Met::Nothing,
            ),
            (vec![refused.clone()], Met::Nobody(refused)),
            (vec![outcome(End::Later, mx, "421 4.3.2 too busy")], Met::Strain),
            (vec![outcome(End::Later, mx, "no reply in time")], Met::Strain),
            (vec![outcome(End::Later, mx, "450 4.7.1 greylisted")], Met::Answer),
            (vec![outcome(End::Never, mx, "550 5.1.1 who?")], Met::Answer),
            (
                vec![
                    outcome(End::Never, mx, "550 5.1.1 who?"),
                    outcome(End::Relayed, mx, "250 ok"),
                ],
                Met::Success,
            ),
        ] {
            assert_eq!(met(&outcomes), expected, "{outcomes:?}");
        }
    }
}
