//! `pillarbox account device ...`

use super::Common;
use crate::control::{DeviceRequest, Opens, Request};
use crate::guard::DeviceId;
use clap::{Subcommand, ValueEnum};
use proto::types::Address;

/// What may be done with the passwords of phones and PCs.
#[derive(Debug, Subcommand)]
pub(super) enum Devices {
    /// All devices of an account, with their last use (to the hour) and its network
    List {
        /// Whose
        #[arg(value_parser = Address::parse)]
        address: Address,
        #[command(flatten)]
        with: Common,
    },
    /// Make a password for a device; it is shown this once. From the first on, the account's main
    /// password opens the web only, as in a new box from the start
    Add {
        /// Whose
        #[arg(value_parser = Address::parse)]
        address: Address,
        /// What its owner calls it, such as "Anna's phone"
        name: String,
        #[command(flatten)]
        with: Common,
    },
    /// End a device's password and the sessions that came in with it
    Revoke {
        /// Whose
        #[arg(value_parser = Address::parse)]
        address: Address,
        /// The number that `list` shows
        id: DeviceId,
        #[command(flatten)]
        with: Common,
    },
    /// What main passwords open in the whole office, but for accounts that have a wish of their own
    Office {
        /// The web pages only, as in a new box; or mail programs too, until the account's first
        /// device password. Without it: what is set
        opens: Option<OfficeOpens>,
        #[command(flatten)]
        with: Common,
    },
    /// What the account's main password opens
    Main {
        /// Whose
        #[arg(value_parser = Address::parse)]
        address: Address,
        /// The web pages only, mail programs too, or what the office says. Without it: what is set
        opens: Option<Opens>,
        #[command(flatten)]
        with: Common,
    },
}

/// What main passwords open that nobody decided for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum OfficeOpens {
    /// The web pages only
    Web,
    /// Mail programs too
    Everywhere,
}

impl Devices {
    /// As the running box is asked.
    pub(super) fn request(self) -> (Request, Common) {
        let (ask, with) = match self {
            Self::List { address, with } => (DeviceRequest::List { address }, with),
            Self::Add { address, name, with } => (DeviceRequest::Add { address, name }, with),
            Self::Revoke { address, id, with } => (DeviceRequest::Revoke { address, id }, with),
            Self::Office { opens, with } => {
                let web_only = opens.map(|opens| opens == OfficeOpens::Web);
                (DeviceRequest::Office { web_only }, with)
            }
            Self::Main { address, opens, with } => (DeviceRequest::Main { address, set: opens }, with),
        };
        (Request::Device { ask }, with)
    }
}
