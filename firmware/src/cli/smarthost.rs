//! `pillarbox smarthost ...`

use super::{Common, secret_line};
use crate::control::{Request, SmarthostRequest};
use anyhow::Result;
use clap::Subcommand;

/// Servers that pass outgoing mail on.
#[derive(Debug, Subcommand)]
pub(super) enum Smarthosts {
    /// All of them
    List(Common),
    /// Send all mail, or that for some domains, through a server; its password is read from standard input
    Set {
        /// Name or address
        host: String,
        /// Only mail for this domain; with a dot in front for all domains under it too
        #[arg(long = "for", value_name = "DOMAIN", default_value = "")]
        domains: String,
        /// Its port
        #[arg(long, default_value_t = 587)]
        port: u16,
        /// How the connection is protected
        #[arg(long, default_value = "starttls", value_parser = ["starttls", "implicit", "none"])]
        tls: String,
        /// The login there, if it wants one
        #[arg(long)]
        user: Option<String>,
        /// Keep the password that is stored for this server and user
        #[arg(long, requires = "user")]
        same_password: bool,
        /// Trust it even if its certificate cannot be verified
        #[arg(long)]
        trust_any_certificate: bool,
        #[command(flatten)]
        with: Common,
    },
    /// Take the one for everything away, or that for some domains
    Remove {
        /// For this domain, as `list` shows it
        #[arg(long = "for", value_name = "DOMAIN", default_value = "")]
        domains: String,
        #[command(flatten)]
        with: Common,
    },
}

impl Smarthosts {
    /// As the running box is asked.
    pub(super) fn request(self) -> Result<(Request, Common)> {
        let (ask, with) = match self {
            Self::List(with) => (SmarthostRequest::List, with),
            Self::Set {
                host,
                domains,
                port,
                tls,
                user,
                same_password,
                trust_any_certificate,
                with,
            } => {
                let password = match user.is_some() && !same_password {
                    true => Some(secret_line(&mut std::io::stdin().lock(), "Password there: ")?),
                    false => None,
                };
                let ask = SmarthostRequest::Set {
                    domains,
                    host,
                    port,
                    tls,
                    user,
                    password,
                    trust_any_certificate,
                };
                (ask, with)
            }
            Self::Remove { domains, with } => (SmarthostRequest::Remove { domains }, with),
        };
        Ok((Request::Smarthost { ask }, with))
    }
}
