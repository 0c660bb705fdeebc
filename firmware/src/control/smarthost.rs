//! What the command line can have done about the servers that pass mail on.

use super::carry_out::BY;
use crate::appliance::outgoing::{named, set, shown};
use crate::house::House;
use anyhow::Result;
use proto::types::Secret;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use web_setup::{Protection, Smarthost};
use zeroize::Zeroize;

/// What is asked. The answer is all smarthosts.
#[derive(Serialize, Deserialize)]
#[serde(tag = "smarthost", rename_all = "kebab-case")]
pub enum SmarthostRequest {
    /// All of them.
    List,
    /// One for these domains, or for everything.
    Set {
        /// As typed; empty: everything.
        domains: String,
        /// Name or address.
        host: String,
        /// Its port.
        port: u16,
        /// `implicit`, `starttls` or `none`.
        tls: String,
        /// The login there.
        user: Option<String>,
        /// Its password; `None`: as it was.
        password: Option<String>,
        /// Whether the certificate may be anything.
        trust_any_certificate: bool,
    },
    /// One less.
    Remove {
        /// As typed; empty: the one for everything.
        domains: String,
    },
}

impl Drop for SmarthostRequest {
    fn drop(&mut self) {
        if let Self::Set {
            password: Some(password),
            ..
        } = self
        {
            password.zeroize();
        }
    }
}

pub(super) async fn carry_out(house: &House, request: &SmarthostRequest) -> Result<Value> {
    match request {
        SmarthostRequest::List => {}
        SmarthostRequest::Set {
            domains,
            host,
            port,
            tls,
            user,
            password,
            trust_any_certificate,
        } => {
            let (host, port) =
                web_setup::server_typed(host, &port.to_string()).map_err(anyhow::Error::msg)?;
            let smarthost = Smarthost {
                host,
                port,
                protection: match tls.as_str() {
                    "implicit" => Protection::Implicit,
                    "none" => Protection::None,
                    _ => Protection::Starttls,
                },
                user: user.clone(),
                trust_any_certificate: *trust_any_certificate,
            };
            let password = password
                .as_ref()
                .map(|text| Secret::new(text.clone().into_bytes()));
            set(house, domains, Some((smarthost, password)), BY).await?;
        }
        SmarthostRequest::Remove { domains } => set(house, domains, None, BY).await?,
    }
    let snapshot = house.store.snapshot()?;
    let all = shown(&snapshot)?.map(|smarthost| row("everything", &smarthost));
    let named = named(&snapshot)?;
    let named = named.iter().map(|(name, smarthost)| row(name, smarthost));
    Ok(all.into_iter().chain(named).collect())
}

fn row(domains: &str, smarthost: &Smarthost) -> Value {
    json!({
        "for": domains,
        "host": smarthost.host,
        "port": smarthost.port,
        "tls": match smarthost.protection {
            Protection::Implicit => "implicit",
            Protection::Starttls => "starttls",
            Protection::None => "none",
        },
        "user": smarthost.user,
        "trust_any_certificate": smarthost.trust_any_certificate,
    })
}
