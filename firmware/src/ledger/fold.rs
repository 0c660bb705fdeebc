//! Equal failed logins become one event with a count: a phone with an old password tries all night.
//! So does a printer that nobody allowed; one that names a new sender each time is folded by its address.

use proto::types::{AccountId, Mechanism, Protocol, ReversePath, Timestamp};
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;
use store::{Event, EventKind};
use tokio::time::Instant;

/// The first is written at once; those that follow within so long are one event.
pub(super) const LONGEST: Duration = Duration::from_secs(60);
/// Most kinds of them at a time; further ones are written as they come.
const MOST: usize = 1024;
/// Senders of one address that are told apart; further ones are one kind.
const SENDERS: usize = 5;
/// After so long they are told apart anew.
const TOLD_APART: Duration = Duration::from_secs(3600);

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Key {
    Login {
        protocol: Protocol,
        ip: IpAddr,
        login: String,
        account: Option<AccountId>,
        mechanism: Mechanism,
        tls: bool,
        reason: String,
    },
    Relay {
        ip: IpAddr,
        from: ReversePath,
    },
    /// An address under further senders.
    Others {
        ip: IpAddr,
    },
}

#[derive(Debug)]
struct Repeated {
    since: Instant,
    waiting: Option<Event>,
}

/// Whom an address wanted to send as.
#[derive(Debug)]
struct Named {
    since: Instant,
    senders: Vec<ReversePath>,
}

/// What was seen within the last minute.
#[derive(Debug, Default)]
pub(super) struct Fold {
    seen: HashMap<Key, Repeated>,
    named: HashMap<IpAddr, Named>,
}

impl Fold {
    /// Takes an event; gives back what is to be written now.
    pub(super) fn take(&mut self, mut event: Event) -> Option<Event> {
        if let EventKind::RelayDenied { ip, from, others, .. } = &mut event.kind {
            *others = self.is_one_of_many(*ip, from);
        }
        let Some(key) = key(&event) else {
            return Some(event);
        };
        let since = Instant::now();
        match self.seen.get_mut(&key) {
            Some(repeated) if repeated.since.elapsed() < LONGEST => {
                match &mut repeated.waiting {
                    Some(waiting) => merge(waiting, event),
                    empty => *empty = Some(event),
                }
                None
            }
            Some(repeated) => {
                let before = repeated.waiting.take();
                repeated.since = since;
                match before {
                    None => Some(event),
                    Some(mut before) => {
                        merge(&mut before, event);
                        Some(before)
                    }
                }
            }
            None => {
                if self.seen.len() >= MOST {
                    self.seen.retain(|_, repeated| {
                        repeated.waiting.is_some() || repeated.since.elapsed() < LONGEST
                    });
                }
                if self.seen.len() < MOST {
                    let waiting = None;
                    self.seen.insert(key, Repeated { since, waiting });
                }
                Some(event)
            }
        }
    }

    // Whether the address has named so many senders that one more makes no difference.
    fn is_one_of_many(&mut self, ip: IpAddr, from: &ReversePath) -> bool {
        if self.named.len() >= MOST && !self.named.contains_key(&ip) {
            self.named.retain(|_, named| named.since.elapsed() < TOLD_APART);
            if self.named.len() >= MOST {
                return true;
            }
        }
        let nobody = || Named {
            since: Instant::now(),
            senders: Vec::new(),
        };
        let named = self.named.entry(ip).or_insert_with(nobody);
        if named.since.elapsed() >= TOLD_APART {
            *named = nobody();
        }
        if named.senders.contains(from) {
            return false;
        }
        if named.senders.len() >= SENDERS {
            return true;
        }
        named.senders.push(from.clone());
        false
    }

    /// What has waited long enough.
    pub(super) fn due(&mut self) -> Vec<Event> {
        let mut due = Vec::new();
        self.seen.retain(|_, repeated| {
            let over = repeated.since.elapsed() >= LONGEST;
            due.extend(repeated.waiting.take_if(|_| over));
            !over
        });
        due.sort_by_key(|event| event.at);
        due
    }

    /// Everything that waits: somebody wants to see it.
    pub(super) fn all(&mut self) -> Vec<Event> {
        let mut all: Vec<Event> = self
            .seen
            .values_mut()
            .filter_map(|repeated| repeated.waiting.take())
            .collect();
        all.sort_by_key(|event| event.at);
        all
    }
}

fn key(event: &Event) -> Option<Key> {
    match &event.kind {
        EventKind::LoginFailed {
            protocol,
            ip,
            login,
            account,
            mechanism,
            tls,
            reason,
            ..
        } => Some(Key::Login {
            protocol: *protocol,
            ip: *ip,
            login: login.clone(),
            account: *account,
            mechanism: *mechanism,
            tls: *tls,
            reason: reason.clone(),
        }),
        EventKind::RelayDenied { ip, others: true, .. } => Some(Key::Others { ip: *ip }),
        EventKind::RelayDenied { ip, from, .. } => Some(Key::Relay {
            ip: *ip,
            from: from.clone(),
        }),
        _ => None,
    }
}

// How many, and when the last of them was.
fn folded(event: &mut Event) -> Option<(&mut u32, &mut Option<Timestamp>)> {
    match &mut event.kind {
        EventKind::LoginFailed { count, last, .. } | EventKind::RelayDenied { count, last, .. } => {
            Some((count, last))
        }
        _ => None,
    }
}

fn merge(into: &mut Event, mut later: Event) {
    let at = later.at;
    let (Some((count, last)), Some((more, later_last))) = (folded(into), folded(&mut later)) else {
        return;
    };
    *count = count.saturating_add(*more);
    *last = Some(later_last.unwrap_or(at));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn failed(at: i64, login: &str) -> Event {
        Event {
            at: Timestamp(at),
            kind: EventKind::LoginFailed {
                protocol: Protocol::Imap,
                ip: "192.0.2.1".parse().unwrap(),
                login: login.to_owned(),
                account: None,
                mechanism: Mechanism::Plain,
                tls: true,
                reason: "wrong password".to_owned(),
                count: 1,
                client: String::new(),
                last: None,
            },
        }
    }

    fn shown(event: &Event) -> (i64, u32, Option<i64>) {
        let EventKind::LoginFailed { count, last, .. } = &event.kind else {
            panic!()
        };
        (event.at.0, *count, last.map(|at| at.0))
    }

    #[tokio::test(start_paused = true)]
    async fn the_first_is_written_at_once_and_the_rest_of_the_minute_is_one() {
        let mut fold = Fold::default();
        assert_eq!(shown(&fold.take(failed(0, "a")).unwrap()), (0, 1, None));
        for at in 1..40 {
            assert_eq!(fold.take(failed(at, "a")), None);
        }
        assert!(fold.take(failed(5, "b")).is_some(), "another name");
        assert_eq!(fold.due(), []);
        tokio::time::advance(LONGEST).await;
        let due: Vec<_> = fold.due().iter().map(shown).collect();
        assert_eq!(due, [(1, 39, Some(39))]);
        assert_eq!(shown(&fold.take(failed(70, "a")).unwrap()), (70, 1, None));
        assert_eq!(fold.take(failed(71, "a")), None);
        assert_eq!(fold.all().iter().map(shown).collect::<Vec<_>>(), [(71, 1, None)]);
        assert_eq!(fold.all(), []);
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_lost_and_the_table_is_bounded_whatever_comes() {
        let mut fold = Fold::default();
        let mut written = 0;
        for n in 0..10_000 {
            let taken = fold.take(failed(n, &format!("name {}", n % 3000)));
            written += taken.map_or(0, |event| shown(&event).1);
        }
        assert!(fold.seen.len() <= MOST);
        written += fold.all().iter().map(|event| shown(event).1).sum::<u32>();
        assert_eq!(written, 10_000);
    }

    fn denied(at: i64, ip: u8, from: Option<&str>) -> Event {
        Event {
            at: Timestamp(at),
            kind: EventKind::RelayDenied {
                protocol: Protocol::Smtp,
                ip: [192, 168, 1, ip].into(),
                from: from.map(|from| proto::types::Address::parse(from).unwrap()),
                others: false,
                to: None,
                count: 1,
                last: None,
            },
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_device_that_names_a_new_sender_each_time_writes_a_few_events_an_hour() {
        let mut fold = Fold::default();
        let mut written = Vec::new();
        for n in 0..3600 {
            written.extend(fold.take(denied(n, 9, Some(&format!("scan{n}@firm.example")))));
            if n % 60 == 0 {
                written.extend(fold.due());
            }
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        written.extend(fold.all());
        assert!(written.len() <= SENDERS + 62, "{}", written.len());
        let count = |event: &Event| match &event.kind {
            EventKind::RelayDenied { count, .. } => *count,
            _ => 0,
        };
        assert_eq!(written.iter().map(count).sum::<u32>(), 3600);
        // Another device and a sender that is known are told apart as ever.
        let others = |event: Option<Event>| match event.map(|event| event.kind) {
            Some(EventKind::RelayDenied { others, .. }) => Some(others),
            _ => None,
        };
        assert_eq!(others(fold.take(denied(4000, 8, None))), Some(false));
        tokio::time::advance(TOLD_APART).await;
        assert_eq!(
            others(fold.take(denied(8000, 9, Some("scan@firm.example")))),
            Some(false)
        );
    }
}
