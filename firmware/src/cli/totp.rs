//! `pillarbox account totp ...`

use super::Common;
use crate::control::{Request, TotpRequest};
use clap::Subcommand;

/// What may be done with the codes asked for at the pages.
#[derive(Debug, Subcommand)]
pub(super) enum Totp {
    /// Whether a code is asked for, and how many recovery codes are left
    Status {
        /// admin, or an account's address
        login: String,
        #[command(flatten)]
        with: Common,
    },
    /// Ask for no code any more: the phone and the recovery codes are lost
    Reset {
        /// admin, or an account's address
        login: String,
        #[command(flatten)]
        with: Common,
    },
}

impl Totp {
    /// As the running box is asked.
    pub(super) fn request(self) -> (Request, Common) {
        let (ask, with) = match self {
            Self::Status { login, with } => (TotpRequest::Status { login }, with),
            Self::Reset { login, with } => (TotpRequest::Reset { login }, with),
        };
        (Request::Totp { ask }, with)
    }
}
