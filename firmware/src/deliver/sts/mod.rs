//! MTA-STS (RFC 8461): what a domain says about TLS at its mail servers, over HTTPS. Policies are
//! remembered as long as they say, also across restarts: who can suppress the record of a domain must
//! not make us forget.

mod fetch;
mod policy;

pub use policy::{Mode, Policy};

use super::Post;
use super::relay::Authorities;
use crate::limits::sts as limits;
use crate::settings;
use proto::types::{Domain, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use store::{Snapshot, StoreError};

/// What was fetched, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    id: String,
    at: Timestamp,
    policy: Policy,
}

impl Known {
    fn counts(&self, now: Timestamp) -> bool {
        let age = now.0.saturating_sub(self.at.0);
        u64::try_from(age).is_ok_and(|age| age < self.policy.max_age)
    }
}

/// A policy that counts, for a person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Kept {
    /// Whose.
    pub domain: String,
    /// What follows from it.
    pub mode: Mode,
    /// The mail hosts it names.
    pub hosts: Vec<String>,
    /// When it is over, if it is not renewed.
    pub until: Timestamp,
}

/// The policies that count now, by domain.
///
/// # Errors
/// The store failed.
pub fn kept(snapshot: &Snapshot, now: Timestamp) -> Result<Vec<Kept>, StoreError> {
    let known = settings::read::<BTreeMap<String, Known>>(snapshot, settings::MTA_STS)?;
    let known = known.unwrap_or_default().into_iter();
    let kept = known
        .filter(|(_, known)| known.counts(now))
        .map(|(domain, known)| Kept {
            domain,
            mode: known.policy.mode,
            hosts: known.policy.hosts,
            until: known
                .at
                .plus(i64::try_from(known.policy.max_age).unwrap_or(i64::MAX)),
        });
    Ok(kept.collect())
}

/// The policies that are known. Clones share them.
#[derive(Clone)]
pub struct Sts(Arc<Inner>);

struct Inner {
    authorities: Authorities,
    port: u16,
    // Read from the store at the first question.
    known: Mutex<Option<BTreeMap<String, Known>>>,
    // One write after the other, each with all that is known by then.
    writing: tokio::sync::Mutex<()>,
    // Domains whose policy could not be had: with which id, and when to try again.
    failed: Mutex<HashMap<String, (String, Timestamp)>>,
}

impl Sts {
    /// Policies as the world has them.
    ///
    /// # Errors
    /// The TLS library's, in words.
    pub fn new() -> Result<Self, String> {
        Ok(Self::with(Authorities::public()?, 443))
    }

    /// Policies from this port, at servers for which these authorities vouch.
    #[must_use]
    pub fn with(authorities: Authorities, port: u16) -> Self {
        Self(Arc::new(Inner {
            authorities,
            port,
            known: Mutex::default(),
            writing: tokio::sync::Mutex::default(),
            failed: Mutex::default(),
        }))
    }

    /// Who vouches for servers.
    #[must_use]
    pub fn authorities(&self) -> &Authorities {
        &self.0.authorities
    }

    /// The policy for a domain; `None` where it has none, or none could be had.
    pub async fn policy(&self, post: &Post, domain: &Domain) -> Option<Policy> {
        let now = post.now();
        let known = match self.known(post, domain) {
            Ok(known) => known.filter(|known| known.counts(now)),
            Err(error) => {
                tracing::error!(%error, "the known MTA-STS policies cannot be read");
                None
            }
        };
        // RFC 8461 5.1: no record, or none that can be had, leaves what is known as it is.
        let texts = post.dns.texts(&format!("_mta-sts.{domain}")).await;
        let id = texts.ok().and_then(|texts| policy::id(&texts));
        let is_new = |id: &String| known.as_ref().is_none_or(|known| known.id != *id);
        let Some(id) = id.filter(is_new).filter(|id| !self.failed(domain, id, now)) else {
            return known.map(|known| known.policy);
        };
        match self.fetch(post, domain).await {
            Ok(policy) => {
                let fresh = Known {
                    id,
                    at: now,
                    policy: policy.clone(),
                };
                if let Err(error) = self.keep(post, domain, fresh).await {
                    tracing::error!(%error, "an MTA-STS policy cannot be kept");
                }
                Some(policy)
            }
            Err(why) => {
                tracing::warn!(%domain, why, "an MTA-STS policy cannot be had");
                let mut failed = self.0.failed.lock().unwrap_or_else(PoisonError::into_inner);
                failed.retain(|_, (_, until)| *until > now);
                if failed.len() < limits::DOMAINS {
                    failed.insert(domain.as_str().to_owned(), (id, now.plus(limits::AGAIN)));
                }
                known.map(|known| known.policy)
            }
        }
    }

    async fn fetch(&self, post: &Post, domain: &Domain) -> Result<Policy, String> {
        let host = format!("mta-sts.{domain}");
        let addresses = post
            .dns
            .addresses(&host)
            .await
            .map_err(|error| error.to_string())?;
        let file = fetch::fetch(&host, &addresses, self.0.port, &self.0.authorities).await?;
        Policy::parse(&file)
    }

    fn failed(&self, domain: &Domain, id: &str, now: Timestamp) -> bool {
        let failed = self.0.failed.lock().unwrap_or_else(PoisonError::into_inner);
        failed
            .get(domain.as_str())
            .is_some_and(|(known, until)| known == id && *until > now)
    }

    fn known(&self, post: &Post, domain: &Domain) -> Result<Option<Known>, StoreError> {
        let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = match &mut *known {
            Some(known) => known,
            none => {
                let stored = settings::read(&post.store.snapshot()?, settings::MTA_STS)?;
                none.insert(stored.unwrap_or_default())
            }
        };
        Ok(known.get(domain.as_str()).cloned())
    }

    // Remembers a policy, and forgets those that are over, and the oldest where there are too many.
    async fn keep(&self, post: &Post, domain: &Domain, fresh: Known) -> Result<(), StoreError> {
        let now = fresh.at;
        let _turn = self.0.writing.lock().await;
        let all = {
            let mut known = self.0.known.lock().unwrap_or_else(PoisonError::into_inner);
            let known = known.get_or_insert_default();
            known.retain(|_, known| known.counts(now));
            while known.len() >= limits::DOMAINS {
                let oldest = known.iter().min_by_key(|(_, known)| known.at);
                let Some(oldest) = oldest.map(|(domain, _)| domain.clone()) else {
                    break;
                };
                known.remove(&oldest);
            }
            known.insert(domain.as_str().to_owned(), fresh);
            fitting(known)
        };
        settings::write(&post.store, settings::MTA_STS, &all).await
    }
}

// What the store takes as one setting: where long policies are too many, the newest.
fn fitting(known: &BTreeMap<String, Known>) -> BTreeMap<String, Known> {
    let mut newest: Vec<_> = known.iter().collect();
    newest.sort_by_key(|(_, known)| std::cmp::Reverse(known.at));
    let mut octets = 0;
    let fits = newest.into_iter().take_while(|(domain, known)| {
        let hosts: usize = known.policy.hosts.iter().map(|host| host.len() + 4).sum();
        octets += domain.len() + hosts + 160;
        octets <= limits::KEPT
    });
    fits.map(|(domain, known)| (domain.clone(), known.clone()))
        .collect()
}
