//! `pillarbox domain ...` and `pillarbox alias ...`

use super::Common;
use crate::control::{AliasRequest, DomainRequest, Request};
use clap::{ArgAction, Subcommand};

/// The domains whose mail is here.
#[derive(Debug, Subcommand)]
pub(super) enum Domain {
    /// All of them, the main one first
    List(Common),
    /// Take mail for one more; its signing keys are made in the background
    Add {
        /// Such as example.com
        domain: String,
        /// Every name of the main domain is here too: mail for x@this goes to x@main
        #[arg(long)]
        same_names: bool,
        #[command(flatten)]
        with: Common,
    },
    /// Change what is set for a domain
    Set {
        /// Such as example.com
        domain: String,
        /// Whether every name of the main domain is here too
        #[arg(long, action = ArgAction::Set)]
        same_names: Option<bool>,
        /// Who gets mail for names that nobody has (spam follows: all that strangers guess arrives);
        /// empty for nobody
        #[arg(long, value_name = "ACCOUNT")]
        catch_all: Option<String>,
        #[command(flatten)]
        with: Common,
    },
    /// Take no more mail for a domain; it may have no accounts and no aliases
    Remove {
        /// Such as example.com
        domain: String,
        #[command(flatten)]
        with: Common,
    },
}

/// Addresses that stand for others; without a domain they are of the main one.
#[derive(Debug, Subcommand)]
pub(super) enum Alias {
    /// All of them
    List(Common),
    /// Make one, or change the one with this address
    Put {
        /// Such as sales@example.com
        address: String,
        /// Accounts and other aliases; several make a list
        #[arg(required = true)]
        targets: Vec<String>,
        /// The accounts behind it may write as it
        #[arg(long)]
        send_as: bool,
        #[command(flatten)]
        with: Common,
    },
    /// Remove one
    Remove {
        /// Such as sales@example.com
        address: String,
        #[command(flatten)]
        with: Common,
    },
    /// What may stand between a name and a word that does not count, as in anna+shop: shown, or set
    Plus {
        /// +, - or =, or `off`
        #[arg(allow_hyphen_values = true)]
        separator: Option<String>,
        #[command(flatten)]
        with: Common,
    },
}

impl Domain {
    /// As the running box is asked.
    pub(super) fn request(self) -> (Request, Common) {
        let (ask, with) = match self {
            Self::List(with) => (DomainRequest::List, with),
            Self::Add {
                domain: name,
                same_names,
                with,
            } => (DomainRequest::Add { name, same_names }, with),
            Self::Set {
                domain: name,
                same_names,
                catch_all,
                with,
            } => {
                let ask = DomainRequest::Set {
                    name,
                    same_names,
                    catch_all,
                };
                (ask, with)
            }
            Self::Remove { domain: name, with } => (DomainRequest::Remove { name }, with),
        };
        (Request::Domain { ask }, with)
    }
}

impl Alias {
    /// As the running box is asked.
    pub(super) fn request(self) -> (Request, Common) {
        let (ask, with) = match self {
            Self::List(with) => (AliasRequest::List, with),
            Self::Put {
                address,
                targets,
                send_as,
                with,
            } => {
                let ask = AliasRequest::Put {
                    address,
                    targets,
                    send_as,
                };
                (ask, with)
            }
            Self::Remove { address, with } => (AliasRequest::Remove { address }, with),
            Self::Plus { separator, with } => (AliasRequest::Plus { separator }, with),
        };
        (Request::Alias { ask }, with)
    }
}
