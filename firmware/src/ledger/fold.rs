//! Equal failed logins become one event with a count: a phone with an old password tries all night.
//! So does a printer that nobody allowed.

use proto::types::{AccountId, Address, Mechanism, Protocol, Timestamp};
use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;
use store::{Event, EventKind};
use tokio::time::Instant;

/// The first is written at once; those that follow within so long are one event.
pub(super) const LONGEST: Duration = Duration::from_secs(60);
/// Most kinds of them at a time; further ones are written as they come.
const MOST: usize = 1024;

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
        from: Address,
    },
}

#[derive(Debug)]
struct Repeated {
    since: Instant,
    waiting: Option<Event>,
}

/// What was seen within the last minute.
#[derive(Debug, Default)]
pub(super) struct Fold(HashMap<Key, Repeated>);

impl Fold {
    /// Takes an event; gives back what is to be written now.
    pub(super) fn take(&mut self, event: Event) -> Option<Event> {
        let Some(key) = key(&event) else {
            return Some(event);
        };
        let since = Instant::now();
        match self.0.get_mut(&key) {
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
                if self.0.len() >= MOST {
                    self.0.retain(|_, repeated| {
                        repeated.waiting.is_some() || repeated.since.elapsed() < LONGEST
                    });
                }
                if self.0.len() < MOST {
                    let waiting = None;
                    self.0.insert(key, Repeated { since, waiting });
                }
                Some(event)
            }
        }
    }

    /// What has waited long enough.
    pub(super) fn due(&mut self) -> Vec<Event> {
        let mut due = Vec::new();
        self.0.retain(|_, repeated| {
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
            .0
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
        assert!(fold.0.len() <= MOST);
        written += fold.all().iter().map(|event| shown(event).1).sum::<u32>();
        assert_eq!(written, 10_000);
    }
}
