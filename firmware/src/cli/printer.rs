//! `pillarbox printer ...`

use super::Common;
use crate::control::{PrinterRequest, PrinterWish, Request};
use clap::Subcommand;
use proto::types::{AccountId, Address};
use std::net::IpAddr;

/// Printers and scanners that send without a login.
#[derive(Debug, Subcommand)]
pub(super) enum Printer {
    /// All of them, with what they sent
    List(Common),
    /// Who in the office's network was refused because no login was given
    Refused(Common),
    /// Let a device send without a login, from one address and as one sender
    Allow {
        /// Its address in the office's network
        ip: IpAddr,
        /// The only sender that it may name, such as scanner@example.com
        #[arg(value_parser = Address::parse)]
        from: Address,
        #[command(flatten)]
        wish: Wish,
        #[command(flatten)]
        with: Common,
    },
    /// Change what a device may do
    Set {
        /// The number that `list` shows
        #[arg(value_parser = number)]
        id: AccountId,
        #[command(flatten)]
        wish: Wish,
        #[command(flatten)]
        with: Common,
    },
    /// It sends nothing until it is resumed
    Pause(One),
    /// It may send again, whether it was paused, limited or frozen
    Resume(One),
    /// Let its held mail go
    Release(One),
    /// Drop its held mail
    Discard(One),
    /// Forget it
    Remove(One),
}

/// What it may do.
#[derive(Debug, clap::Args)]
pub(super) struct Wish {
    /// What people call it
    #[arg(long)]
    name: Option<String>,
    /// Messages in an hour [default: 30]
    #[arg(long)]
    limit: Option<u32>,
    /// Whether it writes to people of the office only [default: false]
    #[arg(long, value_name = "true|false", num_args = 0..=1, default_missing_value = "true")]
    here_only: Option<bool>,
}

/// One of them.
#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// The number that `list` shows
    #[arg(value_parser = number)]
    id: AccountId,
    #[command(flatten)]
    with: Common,
}

impl Printer {
    /// As the running box is asked.
    pub(super) fn request(self) -> (Request, Common) {
        let (wish, with) = match self {
            Self::List(with) => (PrinterRequest::List, with),
            Self::Refused(with) => (PrinterRequest::Refused, with),
            Self::Allow { ip, from, wish, with } => {
                let wish = wish.into();
                (PrinterRequest::Allow { ip, from, wish }, with)
            }
            Self::Set { id, wish, with } => {
                let wish = wish.into();
                (PrinterRequest::Set { id, wish }, with)
            }
            Self::Pause(One { id, with }) => (PrinterRequest::Pause { id }, with),
            Self::Resume(One { id, with }) => (PrinterRequest::Resume { id }, with),
            Self::Release(One { id, with }) => (PrinterRequest::Release { id }, with),
            Self::Discard(One { id, with }) => (PrinterRequest::Discard { id }, with),
            Self::Remove(One { id, with }) => (PrinterRequest::Remove { id }, with),
        };
        (Request::Printer { wish }, with)
    }
}

impl From<Wish> for PrinterWish {
    fn from(wish: Wish) -> Self {
        Self {
            name: wish.name,
            limit: wish.limit,
            here_only: wish.here_only,
        }
    }
}

fn number(text: &str) -> Result<AccountId, std::num::ParseIntError> {
    text.parse().map(AccountId)
}
