//! `pillarbox dkim ...`

use super::Common;
use crate::control::{DkimRequest, Request};
use clap::Subcommand;
use proto::types::Domain;

/// The keys that sign mail, and their turns.
#[derive(Debug, Subcommand)]
pub(super) enum Dkim {
    /// Which keys sign, which do so next, and their DNS records
    Status(Common),
    /// Make the next keys of a domain, or have them sign: as soon as their records are seen in the DNS
    Rotate {
        /// Such as example.com; the main one where none is named
        #[arg(value_parser = Domain::parse)]
        domain: Option<Domain>,
        #[command(flatten)]
        with: Common,
    },
    /// How many days keys sign before the next ones take over: shown, or set
    Life {
        /// 30 to 3650, or 0: until they are rotated by hand
        days: Option<u32>,
        #[command(flatten)]
        with: Common,
    },
}

impl Dkim {
    /// As the running box is asked.
    pub(super) fn request(self) -> (Request, Common) {
        let (ask, with) = match self {
            Self::Status(with) => (DkimRequest::Status, with),
            Self::Rotate { domain, with } => (DkimRequest::Rotate { domain }, with),
            Self::Life { days, with } => (DkimRequest::Life { days }, with),
        };
        (Request::Dkim { ask }, with)
    }
}
