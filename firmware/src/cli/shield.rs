//! `pillarbox guard shield ...`

use super::Common;
use crate::control::{GuardRequest, ShieldRequest};
use clap::Subcommand;
use proto::types::Domain;

/// From which networks mail may claim a domain without a login.
#[derive(Debug, Subcommand)]
pub(super) enum Shield {
    /// The table
    List(Common),
    /// Bind a domain to networks, instead of those it is bound to
    Set {
        /// Such as example.com
        #[arg(value_parser = Domain::parse)]
        domain: Domain,
        /// Networks such as 192.0.2.0/24, or `lan` for the office's own
        #[arg(required = true)]
        networks: Vec<String>,
        #[command(flatten)]
        with: Common,
    },
    /// Take a domain out of the table; the office's own is bound to the LAN again
    Remove {
        /// Such as example.com
        #[arg(value_parser = Domain::parse)]
        domain: Domain,
        #[command(flatten)]
        with: Common,
    },
}

impl Shield {
    /// As the running box is asked.
    pub(super) fn request(self) -> (GuardRequest, Common) {
        let (wish, with) = match self {
            Self::List(with) => (ShieldRequest::List, with),
            Self::Set {
                domain,
                networks,
                with,
            } => {
                let places = networks.join(",");
                (ShieldRequest::Set { domain, places }, with)
            }
            Self::Remove { domain, with } => (ShieldRequest::Remove { domain }, with),
        };
        (GuardRequest::Shield { wish }, with)
    }
}
