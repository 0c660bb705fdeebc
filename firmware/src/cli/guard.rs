//! `pillarbox guard ...`

use super::Common;
use super::screening::Screening;
use super::shield::Shield;
use crate::control::{GuardRequest, Request};
use anyhow::Result;
use clap::Subcommand;
use proto::types::Address;

/// What may be asked of the guard.
#[derive(Debug, Subcommand)]
pub(super) enum Guard {
    /// What the accounts sent and how they stand; with an address, what tripped and what left too
    Status {
        /// One account
        #[arg(value_parser = Address::parse)]
        address: Option<Address>,
        #[command(flatten)]
        with: Common,
    },
    /// What is allowed in the office, or to one account
    Limits {
        /// One account
        #[arg(value_parser = Address::parse)]
        address: Option<Address>,
        #[command(flatten)]
        with: Common,
    },
    /// Change what is allowed, such as new_messages=20 action=limit exempt=yes lan=10.0.0.0/8;
    /// NAME=default takes back what was set
    Set {
        /// For one account instead of the office
        #[arg(long, value_parser = Address::parse)]
        account: Option<Address>,
        /// What, and to what
        #[arg(required = true, value_name = "NAME=VALUE", value_parser = pair)]
        changes: Vec<(String, String)>,
        #[command(flatten)]
        with: Common,
    },
    /// No login anywhere, sessions cut, mail held; mail to it still accepted
    Freeze {
        /// Whom
        #[arg(value_parser = Address::parse)]
        address: Address,
        /// Why
        #[arg(long, default_value = "frozen by the admin")]
        reason: String,
        #[command(flatten)]
        with: Common,
    },
    /// Give an account back; its held mail waits for release or discard
    Unfreeze(One),
    /// Let the account's held mail go
    Release(One),
    /// Drop the account's held mail
    Discard(One),
    /// You have seen that the account is frozen: the panel shows other things again
    Acknowledge(One),
    /// From which networks mail may claim a domain without a login
    #[command(subcommand)]
    Shield(Shield),
    #[command(flatten)]
    Screening(Screening),
    /// Send an admin's notices to an address outside of the box too; without one, no longer
    Outside {
        /// Which admin
        #[arg(value_parser = Address::parse)]
        admin: Address,
        /// Where else; an answer from there counts as the admin's
        #[arg(value_parser = Address::parse)]
        address: Option<Address>,
        #[command(flatten)]
        with: Common,
    },
}

/// One account.
#[derive(Debug, clap::Args)]
pub(super) struct One {
    /// Whose
    #[arg(value_parser = Address::parse)]
    address: Address,
    #[command(flatten)]
    with: Common,
}

impl Guard {
    /// As the running box is asked.
    pub(super) fn request(self) -> Result<(Request, Common)> {
        let (ask, with) = match self {
            Self::Status { address, with } => (GuardRequest::Status { address }, with),
            Self::Limits { address, with } => (GuardRequest::Limits { address }, with),
            Self::Set {
                account,
                changes,
                with,
            } => {
                let address = account;
                (GuardRequest::Set { address, changes }, with)
            }
            Self::Freeze {
                address,
                reason,
                with,
            } => (GuardRequest::Freeze { address, reason }, with),
            Self::Unfreeze(One { address, with }) => (GuardRequest::Unfreeze { address }, with),
            Self::Release(One { address, with }) => (GuardRequest::Release { address }, with),
            Self::Discard(One { address, with }) => (GuardRequest::Discard { address }, with),
            Self::Acknowledge(One { address, with }) => (GuardRequest::Acknowledge { address }, with),
            Self::Shield(wish) => wish.request(),
            Self::Screening(wish) => return wish.request(),
            Self::Outside { admin, address, with } => (GuardRequest::Outside { admin, address }, with),
        };
        Ok((Request::Guard { ask }, with))
    }
}

fn pair(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=').ok_or("write NAME=VALUE")?;
    Ok((pair.0.to_owned(), pair.1.to_owned()))
}
