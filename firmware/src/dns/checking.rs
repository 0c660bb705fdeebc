//! Whether answers have to be proven: whether an admin wants it, and whether this network lets us.

use super::Silence;
use super::secure::{is_secure, lookup};
use crate::limits::dns as limits;
use crate::settings;
use hickory_resolver::TokioResolver;
use hickory_resolver::proto::rr::RecordType;
use serde::{Deserialize, Serialize};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use store::{Snapshot, StoreError};

/// What an admin wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Dnssec {
    /// Whether signatures are asked for and checked.
    pub check: bool,
}

impl Default for Dnssec {
    fn default() -> Self {
        Self { check: true }
    }
}

impl Dnssec {
    /// What is stored.
    ///
    /// # Errors
    /// The store failed.
    pub fn read(snapshot: &Snapshot) -> Result<Self, StoreError> {
        Ok(settings::read(snapshot, settings::DNSSEC)?.unwrap_or_default())
    }
}

/// What is known about signatures in this network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Signed {
    /// They are not looked at.
    Off,
    /// No mail was sent yet, or no name server answered.
    #[default]
    Unknown,
    /// The name servers leave them out.
    Missing,
    /// They are there and are checked.
    Checked,
    /// They were there within a day, and are demanded though they are missing now.
    Lost,
}

impl Signed {
    /// For a person.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::Off => "Signatures of names (DNSSEC) are not checked: DANE is off.",
            Self::Unknown => {
                "Not known yet whether the name servers pass signatures on (DNSSEC): no mail was sent, or no name server answered."
            }
            Self::Missing => {
                "The name servers of this network leave signatures out (DNSSEC): DANE is off. Name servers that pass them on, those of the router's provider or others, would bring it back."
            }
            Self::Checked => "Signatures of names are checked (DNSSEC): DANE is on.",
            Self::Lost => {
                "The name servers passed signatures on within a day, and do not now (DNSSEC). Mail to other domains waits, for somebody may be hiding them. If the network has changed, switch the check off."
            }
        }
    }
}

/// Whether signatures are to be checked, and what became of it. Clones share it.
#[derive(Clone, Default)]
pub struct Checking(Arc<Wanted>);

#[derive(Default)]
struct Wanted {
    off: AtomicBool,
    seen: Mutex<Signed>,
}

impl Checking {
    /// From now on signatures are checked, or not.
    pub fn set(&self, wish: Dnssec) {
        self.0.off.store(!wish.check, Ordering::Relaxed);
    }

    /// What is known.
    #[must_use]
    pub fn seen(&self) -> Signed {
        if self.0.off.load(Ordering::Relaxed) {
            return Signed::Off;
        }
        *self.0.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn saw(&self, signed: Signed) {
        *self.0.seen.lock().unwrap_or_else(PoisonError::into_inner) = signed;
    }
}

/// A resolver that checks signatures, and whether there are any to check.
pub(super) struct Signatures {
    pub(super) resolver: TokioResolver,
    known: tokio::sync::Mutex<Known>,
}

#[derive(Default)]
struct Known {
    // Not looked again before.
    next: Option<Instant>,
    // When the root's records came with their signatures last.
    good: Option<Instant>,
}

impl Signatures {
    pub(super) fn new(resolver: TokioResolver) -> Self {
        Self {
            resolver,
            known: tokio::sync::Mutex::default(),
        }
    }

    // Whether it is time to look again, and nobody is looking.
    pub(super) fn are_due(&self) -> bool {
        let due = |known: &Known| known.next.is_none_or(|next| next <= Instant::now());
        self.known.try_lock().is_ok_and(|known| due(&known))
    }

    // Whether answers have to be proven. Those who come together wait for one look.
    pub(super) async fn demanded(&self, checking: &Checking) -> bool {
        if checking.seen() == Signed::Off {
            return false;
        }
        let mut known = self.known.lock().await;
        let now = Instant::now();
        if known.next.is_none_or(|next| next <= now) {
            let (wait, missing) = match lookup(&self.resolver, ".", RecordType::SOA).await {
                Ok(start) if is_secure(&start) => {
                    known.good = Some(now);
                    (limits::SIGNED_AGAIN, Signed::Missing)
                }
                Ok(_) | Err(Silence::Nothing { .. }) => (limits::SIGNED_AGAIN, Signed::Missing),
                // Or the clock is not set yet.
                Err(Silence::Forged) => (limits::SIGNED_SOON, Signed::Missing),
                Err(Silence::Failed(_)) => (limits::SIGNED_SOON, Signed::Unknown),
            };
            known.next = now.checked_add(wait);
            checking.saw(match known.good {
                Some(good) if good == now => Signed::Checked,
                Some(good) if good.elapsed() < limits::DEMANDED => Signed::Lost,
                _ => missing,
            });
        }
        known.good.is_some_and(|good| good.elapsed() < limits::DEMANDED)
    }
}
