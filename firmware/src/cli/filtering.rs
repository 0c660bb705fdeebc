//! `pillarbox bayes ...`, `pillarbox greylist ...`, `pillarbox senders ...`

use super::Common;
use crate::control::{FilterRequest, Request};
use crate::judge::filtering::Greylisting;
use clap::{Subcommand, ValueEnum};
use proto::types::Address;
use store::SenderList;

/// What the filter learnt from Junk.
#[derive(Debug, Subcommand)]
pub(super) enum Bayes {
    /// How much was learnt, and whether it counts
    Status(Common),
    /// Learn what is in a mailbox
    Train {
        /// Whose
        #[arg(value_parser = Address::parse)]
        address: Address,
        /// Such as Junk
        mailbox: String,
        /// As what
        kind: Kind,
        #[command(flatten)]
        with: Common,
    },
    /// Forget everything that was learnt
    Forget(Common),
    /// Change how it counts
    Set {
        /// Whether it says anything about new mail; learning goes on either way
        #[arg(long)]
        on: Option<bool>,
        /// Messages of each kind that it has to learn first
        #[arg(long)]
        minimum: Option<u32>,
        #[command(flatten)]
        with: Common,
    },
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Kind {
    /// Unwanted
    Spam,
    /// Wanted
    Ham,
}

impl Bayes {
    /// As the running box is asked.
    pub(super) fn request(self) -> (Request, Common) {
        let (ask, with) = match self {
            Self::Status(with) => {
                let (on, minimum) = (None, None);
                (FilterRequest::Bayes { on, minimum }, with)
            }
            Self::Train {
                address,
                mailbox,
                kind,
                with,
            } => {
                let learn = FilterRequest::Learn {
                    account: address,
                    mailbox,
                    spam: kind == Kind::Spam,
                };
                (learn, with)
            }
            Self::Forget(with) => (FilterRequest::Forget, with),
            Self::Set { on, minimum, with } => (FilterRequest::Bayes { on, minimum }, with),
        };
        (Request::Filter { ask }, with)
    }
}

/// Strangers who are asked to come again.
#[derive(Debug, Subcommand)]
pub(super) enum Greylist {
    /// How many wait, how many are known, and the newest who wait
    Status(Common),
    /// Change whom it is for
    Set {
        /// off, suspicious (whose mail looks bad) or strangers (all of them)
        #[arg(long = "for", value_parser = greylisting)]
        greylisting: Option<Greylisting>,
        /// Seconds after which they may come again
        #[arg(long)]
        delay: Option<u32>,
        #[command(flatten)]
        with: Common,
    },
}

impl Greylist {
    /// As the running box is asked.
    pub(super) fn request(self) -> (Request, Common) {
        let (greylisting, delay, with) = match self {
            Self::Status(with) => (None, None, with),
            Self::Set {
                greylisting,
                delay,
                with,
            } => (greylisting, delay, with),
        };
        let ask = FilterRequest::Greylist { greylisting, delay };
        (Request::Filter { ask }, with)
    }
}

fn greylisting(text: &str) -> Result<Greylisting, String> {
    text.parse()
}

/// Senders that mail is always taken from, or never.
#[derive(Debug, Subcommand)]
pub(super) enum Senders {
    /// Both lists
    List(Common),
    /// Always take mail from a sender who is proven (DKIM, or SPF with the same From)
    Allow(Entry),
    /// Never take mail that names a sender
    Block(Entry),
    /// Take a sender off
    Remove {
        /// As `list` shows it
        who: String,
        #[command(flatten)]
        with: Common,
    },
}

/// A sender and why.
#[derive(Debug, clap::Args)]
pub(super) struct Entry {
    /// ann@example.com, example.com, or .example.com for it and all below it
    who: String,
    /// Why
    #[arg(long, default_value = "")]
    note: String,
    /// For so many days; without it, for ever
    #[arg(long)]
    days: Option<u32>,
    #[command(flatten)]
    with: Common,
}

impl Senders {
    /// As the running box is asked.
    pub(super) fn request(self) -> (Request, Common) {
        let (ask, with) = match self {
            Self::List(with) => (FilterRequest::Senders, with),
            Self::Allow(entry) => entry.request(SenderList::Allow),
            Self::Block(entry) => entry.request(SenderList::Block),
            Self::Remove { who, with } => (FilterRequest::Remove { who }, with),
        };
        (Request::Filter { ask }, with)
    }
}

impl Entry {
    fn request(self, list: SenderList) -> (FilterRequest, Common) {
        let Self {
            who,
            note,
            days,
            with,
        } = self;
        let put = FilterRequest::Put {
            list,
            who,
            note,
            days,
        };
        (put, with)
    }
}
