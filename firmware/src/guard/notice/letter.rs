//! What the admins read, in plain words.

use super::sent::{LIFE, Notice};
use crate::guard::words;
use proto::message::date;
use proto::message::reply::{MARK, Verb};
use proto::types::{Address, Timestamp};
use std::fmt::Write as _;
use store::{GuardAction, Trip};

/// Recipients that are named.
const SAMPLE: usize = 5;

/// A letter's subject and text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Words {
    /// One line.
    pub subject: String,
    /// Lines ended by `\n`.
    pub text: String,
}

/// The notice that an account was stopped.
#[must_use]
pub fn notice(trip: &Trip, address: &Address, at: Timestamp, page: &str) -> Words {
    let what = stopped(trip.action);
    let mut text = format!(
        "{MARK}\n\nPillarbox has {what} the account {address} on {}.\nIts password may be in wrong \
         hands, or a program that sends mail runs wild.\n\n",
        date::format(at)
    );
    let mut fact = |name: &str, value: String| {
        let _ = writeln!(text, "{name:<18}{value}"); // a String takes everything
    };
    fact("What tripped:", counted(trip));
    fact(
        "Taken before:",
        format!("{} messages in the hour before", trip.taken),
    );
    if let Some(ip) = trip.ip {
        let door = trip.protocol.map(|door| format!(" ({door})")).unwrap_or_default();
        fact("From the address:", format!("{ip}{door}"));
    }
    if !trip.networks.is_empty() {
        fact("Networks:", trip.networks.join(", "));
    }
    if !trip.recipients.is_empty() {
        let named: Vec<String> = trip
            .recipients
            .iter()
            .take(SAMPLE)
            .map(Address::to_string)
            .collect();
        fact("Recipients, some:", named.join(", "));
    }
    fact("Held:", held(trip.held));
    if trip.watched {
        fact(
            "Note:",
            "it was given back a short time ago and is watched closely".to_owned(),
        );
    }
    text.push('\n');
    text.push_str(&state(trip));
    text.push('\n');
    text.push_str(&choices(trip.action == GuardAction::Freeze, at, page));
    Words {
        subject: format!("{address} was {what}"),
        text,
    }
}

/// What was decided, for all admins; asks on where something is left to decide.
#[must_use]
pub fn decided(
    notice: &Notice,
    verb: Verb,
    by: &Address,
    done: &str,
    left: Left,
    now: Timestamp,
    page: &str,
) -> Words {
    let address = &notice.address;
    let mut text = match left {
        Left::Nothing => String::new(),
        Left::Frozen | Left::Held(_) => format!("{MARK}\n\n"),
    };
    let _ = writeln!(
        text,
        "{by} answered \"{}\" to the notice about {address} on {}.\n\n{done}",
        verb.as_str(),
        date::format(now)
    );
    match left {
        Left::Nothing => {}
        Left::Frozen => {
            text.push('\n');
            text.push_str(&choices(true, now, page));
        }
        Left::Held(count) => {
            let _ = write!(
                text,
                "\n{}\nAnswer this mail to decide about it; the first word counts:\n\n  release    lets the \
                 held mail leave.\n  discard    throws it away.\n  keep       leaves it where it is.\n\n{}",
                held(count),
                terms(now, page)
            );
        }
    }
    let subject = match verb {
        Verb::Unfreeze | Verb::Release => format!("{address} was given back"),
        Verb::Keep => format!("{address} stays as it is"),
        Verb::Discard => format!("{address}: held mail thrown away"),
    };
    Words { subject, text }
}

/// What is left to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// Nothing.
    Nothing,
    /// The account is stopped still.
    Frozen,
    /// The account works; so many queue rows are held.
    Held(u64),
}

/// The letter to an admin whose reply did nothing.
#[must_use]
pub fn nothing_done(why: &str, page: &str) -> Words {
    Words {
        subject: "Your answer changed nothing".to_owned(),
        text: format!(
            "Your answer to a notice of Pillarbox was read, but it changed nothing:\n{why}\n\nOn the page: {page}\n"
        ),
    }
}

/// Further events of accounts that the admins have just heard of.
#[must_use]
pub fn digest(address: &Address, lines: &[String], count: u32) -> Words {
    let mut text = format!("Since the last notice about {address}, this happened too:\n\n");
    for line in lines {
        let _ = writeln!(text, "  {line}");
    }
    if count as usize > lines.len() {
        let _ = writeln!(text, "  and {} more", count as usize - lines.len());
    }
    Words {
        subject: format!("{address}: {count} further events"),
        text,
    }
}

/// One event on one line.
#[must_use]
pub fn line(trip: &Trip, at: Timestamp) -> String {
    format!(
        "{}: {}, {}",
        date::format(at),
        stopped(trip.action),
        counted(trip)
    )
}

const fn stopped(action: GuardAction) -> &'static str {
    match action {
        GuardAction::Freeze => "frozen",
        GuardAction::Limit => "limited",
    }
}

fn counted(trip: &Trip) -> String {
    words::numbers(trip.counter, trip.count, trip.limit)
}

fn held(count: u64) -> String {
    match count {
        0 => "no mail waits".to_owned(),
        1 => "mail to 1 recipient waits here and does not leave".to_owned(),
        count => format!("mail to {count} recipients waits here and does not leave"),
    }
}

fn state(trip: &Trip) -> String {
    match (trip.action, trip.until) {
        (GuardAction::Freeze, _) => {
            "Nobody can log in to it now, and its open sessions were ended. Mail to it \
                                     still arrives.\n"
                .to_owned()
        }
        (GuardAction::Limit, until) => {
            let until = until.map(date::format).unwrap_or_default();
            let why = if trip.last_admin {
                "It is the last admin that works, so it was not frozen. "
            } else {
                ""
            };
            format!("{why}It sends nothing until {until}; it still reads and receives.\n")
        }
    }
}

fn choices(frozen: bool, now: Timestamp, page: &str) -> String {
    let stays = if frozen {
        "The account stays frozen."
    } else {
        "The account stays limited."
    };
    format!(
        "Have its password changed before you give it back.\n\nAnswer this mail to decide. The first word of \
         your answer counts:\n\n  unfreeze   gives the account back; held mail waits on. An empty answer\n             \
         means the same.\n  release    gives the account back and lets the held mail leave.\n  discard    throws \
         the held mail away. {stays}\n  keep       leaves everything as it is.\n\n{}",
        terms(now, page)
    )
}

fn terms(now: Timestamp, page: &str) -> String {
    format!(
        "Only you can answer, once, from the address that this mail was sent to,\nuntil {}. The same can be done at {page}.\n",
        date::format(Timestamp(now.0 + LIFE))
    )
}
