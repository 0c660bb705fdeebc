//! What there is to say, one fact a page, trouble first.

use super::Glass;
use crate::screen::{Screen, Status};

/// Frozen accounts and troubles named on pages of their own; more are only counted.
const MOST_NAMED: usize = 4;
/// Pages one long text may take.
const MOST_PARTS: usize = 6;

/// One page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fact {
    /// A few words.
    pub title: String,
    pub body: Body,
    /// Drawn with a filled title and a mark, and shown before anything else.
    pub trouble: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Body {
    /// One big number and a line under it.
    Number { value: u64, note: String },
    /// Words, as lines that fit the glass.
    Text(Vec<String>),
    /// A QR code, where there is room for one.
    Qr(String),
}

/// The pages of a screen; never empty.
pub(crate) fn facts(screen: &Screen, glass: Glass) -> Vec<Fact> {
    match screen {
        Screen::Starting { step } => text("Pillarbox", step, false, glass),
        Screen::Claim {
            address,
            code,
            fingerprint,
        } => claim(address, code, fingerprint, glass),
        Screen::Running(status) => {
            let troubles = troubles(status, glass);
            if troubles.is_empty() {
                calm(status, glass)
            } else {
                troubles
            }
        }
        Screen::Stopped { reason } => text("Mail has stopped", reason, true, glass),
        Screen::Off => text("Pillarbox is off", "unplug me", false, glass),
    }
}

fn claim(address: &str, code: &str, fingerprint: &str, glass: Glass) -> Vec<Fact> {
    let connected = !address.is_empty() && address != "no network";
    let mut pages = Vec::new();
    if connected {
        pages.extend(text("Set up in browser", &browser_address(address), false, glass));
    } else {
        pages.extend(text("Plug in a cable", "no network", true, glass));
    }
    pages.extend(text("Set-up code", code, false, glass));
    pages.extend(text("Certificate", fingerprint, false, glass));
    if connected && glass == Glass::Large {
        let url = format!("https://{}/", browser_address(address));
        pages.push(Fact {
            title: "Scan me".into(),
            body: Body::Qr(url),
            trouble: false,
        });
    }
    pages
}

/// An IPv6 address needs its brackets in a browser.
fn browser_address(address: &str) -> String {
    if address.parse::<std::net::Ipv6Addr>().is_ok() {
        format!("[{address}]")
    } else {
        address.to_owned()
    }
}

/// What is wrong, worst first: frozen accounts, which have the glass until an admin has seen them, then
/// what `serve` says in words (mail not flowing, storage, network, the clock), failed logins.
fn troubles(status: &Status, glass: Glass) -> Vec<Fact> {
    let mut pages = Vec::new();
    for account in status.frozen.iter().take(MOST_NAMED) {
        pages.extend(text("Frozen account", account, true, glass));
    }
    if let Some(more) = status.frozen.len().checked_sub(MOST_NAMED).filter(|n| *n > 0) {
        pages.push(number("more are frozen", more as u64, String::new(), true));
    }
    if !pages.is_empty() {
        return pages;
    }
    for trouble in status.troubles.iter().take(MOST_NAMED) {
        pages.extend(text("Trouble", trouble, true, glass));
    }
    if status.failed_last_hour > 0 {
        pages.push(failed_logins(status));
        pages.extend(blocked(status));
    }
    pages
}

/// Who is shut out for it.
fn blocked(status: &Status) -> Option<Fact> {
    (status.blocked > 0).then(|| number("blocked", status.blocked, "shut out for now".into(), false))
}

/// The number is the day's, so that it also grows when an hour's old failures drop out.
pub(crate) fn failed_logins(status: &Status) -> Fact {
    let note = match &status.worst_source {
        Some(worst) => worst.clone(),
        None => format!("{} in the last hour", status.failed_last_hour),
    };
    let failed = status.failed_today.max(status.failed_last_hour);
    number(
        if failed == 1 {
            "failed login"
        } else {
            "failed logins"
        },
        failed,
        note,
        true,
    )
}

fn calm(status: &Status, glass: Glass) -> Vec<Fact> {
    let mut pages = Vec::new();
    for account in status.frozen_seen.iter().take(MOST_NAMED) {
        pages.extend(text("Frozen account", account, false, glass));
    }
    if status.held > 0 {
        pages.push(number("held", status.held, "mail of frozen people".into(), false));
    }
    pages.extend(blocked(status));
    if status.queued > 0 {
        pages.push(number(
            "wait to leave",
            status.queued,
            "mail in the queue".into(),
            false,
        ));
    }
    pages.push(number(
        "received",
        status.received_today,
        "mail in today".into(),
        false,
    ));
    pages.push(number("sent", status.sent_today, "mail out today".into(), false));
    if status.failed_today > 0 {
        pages.push(number(
            "failed logins",
            status.failed_today,
            "earlier today".into(),
            false,
        ));
    }
    let name = if status.domain.is_empty() {
        "Pillarbox"
    } else {
        &status.domain
    };
    let address = if status.address.is_empty() {
        "no network"
    } else {
        &status.address
    };
    pages.extend(text(name, address, false, glass));
    pages
}

fn number(title: &str, value: u64, note: String, trouble: bool) -> Fact {
    Fact {
        title: title.into(),
        body: Body::Number { value, note },
        trouble,
    }
}

/// Words as pages: what does not fit on one goes on to the next, under the same title.
fn text(title: &str, words: &str, trouble: bool, glass: Glass) -> Vec<Fact> {
    let words = words.trim();
    let (columns, lines) = match glass {
        Glass::Small => (19, 1),
        Glass::Large => (21, 4),
    };
    // A single long word, such as an address, is better in a narrow type than cut in two.
    let columns = if glass == Glass::Small && !words.contains(' ') {
        23
    } else {
        columns
    };
    let wrapped = wrap(words, columns);
    wrapped
        .chunks(lines)
        .take(MOST_PARTS)
        .map(|part| Fact {
            title: title.into(),
            body: Body::Text(part.to_vec()),
            trouble,
        })
        .collect()
}

/// Lines of at most `columns` characters, broken at blanks where there are any; at least one line.
pub(crate) fn wrap(words: &str, columns: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    let mut used = 0;
    for word in words.split_whitespace() {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > columns {
            lines.push(String::new());
            used = 0;
        }
        for (at, letter) in word.chars().enumerate() {
            if at == 0 && used > 0 {
                push(&mut lines, ' ');
                used += 1;
            } else if used == columns {
                lines.push(String::new());
                used = 0;
            }
            push(&mut lines, letter);
            used += 1;
        }
    }
    lines
}

fn push(lines: &mut [String], letter: char) {
    if let Some(line) = lines.last_mut() {
        line.push(letter);
    }
}
