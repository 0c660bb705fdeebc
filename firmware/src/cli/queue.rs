//! `pillarbox queue ...`

use super::Common;
use crate::control::{QueueRequest, Request};
use crate::deliver::orders::Which;
use clap::Subcommand;
use proto::types::Domain;
use store::QueueOrder;

/// Mail that waits to leave.
#[derive(Debug, Subcommand)]
pub(super) enum Queue {
    /// Rows, one for each recipient, the oldest first
    List {
        /// For this domain only
        #[arg(long, value_parser = Domain::parse)]
        to: Option<Domain>,
        /// Only those that are held
        #[arg(long)]
        held: bool,
        /// Most rows
        #[arg(long, default_value_t = 100)]
        limit: usize,
        #[command(flatten)]
        with: Common,
    },
    /// One row, with the others of its message
    Show {
        /// The number that `list` shows
        row: u64,
        #[command(flatten)]
        with: Common,
    },
    /// Servers that are spoken to or left alone just now
    Places(Common),
    /// Domains that all mail is held for, what comes later too
    Holds(Common),
    /// Keep mail here until it is released; with --to, what comes later for that domain too
    Hold {
        #[command(flatten)]
        which: Chosen,
        #[command(flatten)]
        with: Common,
    },
    /// Let go what was held, and hold nothing more for the domain (--to) or for any (--all); mail of a frozen account stays (see `guard release`)
    Release {
        #[command(flatten)]
        which: Chosen,
        #[command(flatten)]
        with: Common,
    },
    /// Try at once, and forget that nobody answered there
    Retry {
        #[command(flatten)]
        which: Chosen,
        #[command(flatten)]
        with: Common,
    },
    /// Drop mail unsent
    Delete {
        #[command(flatten)]
        which: Chosen,
        /// Tell the senders, as far as they want to hear of failures
        #[arg(long)]
        tell: bool,
        #[command(flatten)]
        with: Common,
    },
}

/// Which rows.
#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
pub(super) struct Chosen {
    /// This row
    #[arg(id = "row")]
    row: Option<u64>,
    /// Every recipient of the message that this row is of
    #[arg(long, value_name = "ROW")]
    message: Option<u64>,
    /// Everything for this domain
    #[arg(long, value_name = "DOMAIN", value_parser = Domain::parse)]
    to: Option<Domain>,
    /// Everything
    #[arg(long)]
    all: bool,
}

impl Chosen {
    fn which(self) -> Which {
        match (self.row, self.message, self.to) {
            (Some(row), ..) => Which::Row(row),
            (_, Some(row), _) => Which::Message(row),
            (.., Some(domain)) => Which::Domain(domain),
            (None, None, None) => Which::All,
        }
    }
}

impl Queue {
    /// As the running box is asked.
    pub(super) fn request(self) -> (Request, Common) {
        let order = |order, which: Chosen, tell| QueueRequest::Order {
            order,
            which: which.which(),
            tell,
        };
        let (ask, with) = match self {
            Self::List {
                to,
                held,
                limit,
                with,
            } => (QueueRequest::List { to, held, limit }, with),
            Self::Show { row, with } => (QueueRequest::Show { row }, with),
            Self::Places(with) => (QueueRequest::Places, with),
            Self::Holds(with) => (QueueRequest::Holds, with),
            Self::Hold { which, with } => (order(QueueOrder::Hold, which, false), with),
            Self::Release { which, with } => (order(QueueOrder::Release, which, false), with),
            Self::Retry { which, with } => (order(QueueOrder::Retry, which, false), with),
            Self::Delete { which, tell, with } => (order(QueueOrder::Delete, which, tell), with),
        };
        (Request::Queue { ask }, with)
    }
}
