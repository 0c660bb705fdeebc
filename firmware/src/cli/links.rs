//! `pillarbox links ...`

use super::{Common, secret_line};
use crate::control::{Changes, FolderRequest, LinksRequest, Request};
use anyhow::Result;
use clap::Subcommand;
use proto::types::Address;

/// Attachments that stay here while a link travels.
#[derive(Debug, Subcommand)]
pub(super) enum Links {
    /// Links, newest first
    List {
        /// Of this account only
        #[arg(value_parser = Address::parse)]
        address: Option<Address>,
        /// Only those with a smaller number, where there are more than are shown at a time
        #[arg(long, value_name = "ID")]
        before: Option<u64>,
        #[command(flatten)]
        with: Common,
    },
    /// Withdraw a link
    Revoke {
        /// The number that `list` shows
        id: u64,
        #[command(flatten)]
        with: Common,
    },
    /// Let a link work for some days from now, withdrawn or expired as it may be
    Extend {
        /// The number that `list` shows
        id: u64,
        /// For how many days
        #[arg(long, default_value_t = 30)]
        days: u32,
        #[command(flatten)]
        with: Common,
    },
    /// Set a link's password, read from standard input
    Password {
        /// The number that `list` shows
        id: u64,
        /// Take the password away
        #[arg(long)]
        none: bool,
        #[command(flatten)]
        with: Common,
    },
    /// Show where attachments are kept, or say where new ones go
    Folder {
        #[command(flatten)]
        ask: FolderRequest,
        #[command(flatten)]
        with: Common,
    },
    /// Ask now whether the world reaches the links
    Check {
        #[command(flatten)]
        with: Common,
    },
    /// Show what is set, or change it
    Settings {
        #[command(flatten)]
        changes: Changes,
        #[command(flatten)]
        with: Common,
    },
}

impl Links {
    /// As the running box is asked.
    pub(super) fn request(self) -> Result<(Request, Common)> {
        let (ask, with) = match self {
            Self::List {
                address,
                before,
                with,
            } => (LinksRequest::List { address, before }, with),
            Self::Revoke { id, with } => (LinksRequest::Revoke { link: id }, with),
            Self::Extend { id, days, with } => (LinksRequest::Extend { link: id, days }, with),
            Self::Password { id, none, with } => {
                let mut input = std::io::stdin().lock();
                let password = match none {
                    true => None,
                    false => Some(secret_line(&mut input, "Password of the link: ")?),
                };
                (LinksRequest::Password { link: id, password }, with)
            }
            Self::Folder { mut ask, with } => {
                ask.place = ask.place.map(whole).transpose()?;
                (LinksRequest::Folder(ask), with)
            }
            Self::Check { with } => (LinksRequest::Check, with),
            Self::Settings { changes, with } => (LinksRequest::Settings(changes), with),
        };
        Ok((Request::Links { ask }, with))
    }
}

// The box is in another folder than we are.
fn whole(place: String) -> Result<String> {
    if place == "data" || place.starts_with("stick:") {
        return Ok(place);
    }
    let path = std::path::absolute(&place)?;
    path.into_os_string()
        .into_string()
        .map_err(|_| anyhow::anyhow!("the folder's name is not UTF-8"))
}
