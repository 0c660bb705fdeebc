//! The part of `pillarbox guard` about failed logins and who is shut out.

use super::Common;
use crate::control::{Request, Screening as Wish};
use crate::guard::Network;
use crate::guard::screen::List;
use anyhow::{Context, Result};
use clap::Subcommand;
use proto::types::Protocol;

/// Seconds of a day.
const DAY: i64 = 86_400;

#[derive(Debug, Subcommand)]
pub(super) enum Screening {
    /// Failed logins, newest first, equal ones folded
    Logins {
        /// smtp, submission, imap, pop3 or web
        #[arg(long, value_parser = protocol)]
        protocol: Option<Protocol>,
        /// From this address or network
        #[arg(long, value_name = "NETWORK", default_value = "")]
        from: String,
        /// The name contains this
        #[arg(long, default_value = "")]
        account: String,
        /// Only names that exist, or only others
        #[arg(long, value_name = "true|false")]
        known: Option<bool>,
        /// On this day (UTC), such as 2026-07-31
        #[arg(long)]
        day: Option<String>,
        /// Most rows
        #[arg(long, default_value_t = 100)]
        limit: usize,
        #[command(flatten)]
        with: Common,
    },
    /// Who is shut out now, why, and until when
    Blocked(Common),
    /// The allow list and the block list
    Lists(Common),
    /// Never let a network in
    Block(Entry),
    /// Always let a network in, unscreened
    Allow(Entry),
    /// Take a network off a list
    Remove {
        /// Which list
        #[arg(value_parser = list)]
        list: List,
        /// Such as 192.0.2.0/24
        network: Network,
        #[command(flatten)]
        with: Common,
    },
    /// Let somebody in again before the time
    Unblock {
        /// An address, a network or an account, as `blocked` shows it
        who: String,
        #[command(flatten)]
        with: Common,
    },
    /// How the admins hear of failed logins by mail
    Mail {
        /// off, each, threshold or digest
        #[arg(long)]
        mode: Option<String>,
        /// Failed logins from one address on one day that are worth a letter
        #[arg(long)]
        threshold: Option<u32>,
        #[command(flatten)]
        with: Common,
    },
    /// How strict the screening is
    Rules {
        /// Change one first
        #[arg(long, value_name = "NAME=NUMBER")]
        set: Vec<String>,
        #[command(flatten)]
        with: Common,
    },
}

#[derive(Debug, clap::Args)]
pub(super) struct Entry {
    /// Such as 192.0.2.0/24, or one address
    network: Network,
    /// For how long, such as 30m, 12h or 7d; for ever without it
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    r#for: Option<i64>,
    /// Why
    #[arg(long, default_value = "")]
    note: String,
    #[command(flatten)]
    with: Common,
}

impl Screening {
    /// What to ask the box.
    pub(super) fn request(self) -> Result<(Request, Common)> {
        let (wish, with) = match self {
            Self::Logins {
                protocol,
                from,
                account,
                known,
                day,
                limit,
                with,
            } => {
                let day = day.as_deref().map(day_number).transpose()?;
                let name = account;
                let wish = Wish::Logins {
                    protocol,
                    from,
                    name,
                    known,
                    day,
                    limit,
                };
                (wish, with)
            }
            Self::Blocked(with) => (Wish::Blocked, with),
            Self::Lists(with) => (Wish::Lists, with),
            Self::Block(entry) => entry.put(List::Block),
            Self::Allow(entry) => entry.put(List::Allow),
            Self::Remove { list, network, with } => (Wish::Remove { list, network }, with),
            Self::Unblock { who, with } => (Wish::Release { who }, with),
            Self::Mail {
                mode,
                threshold,
                with,
            } => (Wish::Mail { mode, threshold }, with),
            Self::Rules { set, with } => {
                let pair = |text: &String| {
                    let (name, number) = text.split_once('=').context("write NAME=NUMBER")?;
                    Ok((name.to_owned(), number.to_owned()))
                };
                let set = set.iter().map(pair).collect::<Result<_>>()?;
                (Wish::Rules { set }, with)
            }
        };
        Ok((Request::Screening(wish), with))
    }
}

impl Entry {
    fn put(self, list: List) -> (Wish, Common) {
        let wish = Wish::Put {
            list,
            network: self.network,
            seconds: self.r#for,
            note: self.note,
        };
        (wish, self.with)
    }
}

fn day_number(day: &str) -> Result<i64> {
    let day: jiff::civil::Date = day.parse().context("write the day such as 2026-07-31")?;
    let midnight = jiff::tz::Offset::UTC.to_timestamp(day.at(0, 0, 0, 0))?;
    Ok(midnight.as_second().div_euclid(DAY))
}

fn protocol(text: &str) -> Result<Protocol, String> {
    [
        Protocol::Smtp,
        Protocol::Submission,
        Protocol::Imap,
        Protocol::Pop3,
        Protocol::Web,
    ]
    .into_iter()
    .find(|protocol| protocol.as_str() == text)
    .ok_or_else(|| "smtp, submission, imap, pop3 or web".to_owned())
}

fn list(text: &str) -> Result<List, String> {
    match text {
        "allow" => Ok(List::Allow),
        "block" => Ok(List::Block),
        _ => Err("allow or block".to_owned()),
    }
}

fn seconds(text: &str) -> Result<i64, String> {
    const MOST: i64 = 3650 * DAY;
    let units = [('m', 60), ('h', 3600), ('d', DAY)];
    let found = units
        .iter()
        .find_map(|(name, unit)| Some((text.strip_suffix(*name)?, unit)));
    let (number, unit) = found.ok_or_else(|| "write 30m, 12h or 7d".to_owned())?;
    let number: i64 = number.parse().map_err(|_| "write 30m, 12h or 7d".to_owned())?;
    number
        .checked_mul(*unit)
        .filter(|seconds| (1..=MOST).contains(seconds))
        .ok_or_else(|| "at most ten years".to_owned())
}
