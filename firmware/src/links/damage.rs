//! Files that turned out to be damaged when somebody wanted them. That is told once, to the ledger and
//! the admins, and stands at the sender's link, until the same content is kept again.

use super::Links;
use crate::settings;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use store::{EventKind, FileHash, Link, StoreError};
use tracing::{error, warn};

/// Key of [`Damaged`] among the settings.
pub(super) const DAMAGED: &str = "attachments-damaged";

/// Damaged files by their names.
pub(super) type Damaged = BTreeMap<String, Damage>;

/// What is wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Damage {
    /// It is in no place, and all places are there.
    Gone,
    /// It is shorter or longer than it was.
    Short,
    /// Its octets are others.
    Changed,
    /// Its disk did not give its octets; it may the next time.
    Unreadable,
}

impl Damage {
    /// For a person.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Gone => "it is no longer there",
            Self::Short => "it was cut short",
            Self::Changed => "its content is not what it was",
            Self::Unreadable => "its disk cannot read it",
        }
    }
}

/// What a link is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// It works.
    Works,
    /// Its time is over; it may be given more.
    Expired,
    /// It was withdrawn; it may be given back.
    Withdrawn,
    /// Its file was let go.
    Gone,
    /// Its file was found damaged.
    Damaged,
}

impl Links {
    /// What a link is worth now.
    #[must_use]
    pub fn state_of(&self, link: &Link) -> LinkState {
        match (link.gone, link.revoked) {
            (Some(_), _) => LinkState::Gone,
            (None, Some(_)) => LinkState::Withdrawn,
            (None, None) if !link.works(self.clock.now()) => LinkState::Expired,
            (None, None) if self.folder.damage(&link.file).is_some() => LinkState::Damaged,
            (None, None) => LinkState::Works,
        }
    }

    /// The file of this link turned out to be damaged.
    pub(super) async fn note_damage(&self, link: &Link, damage: Damage) {
        if !self.folder.note_damage(&link.file, damage) {
            return;
        }
        warn!(
            link = link.id.0,
            name = link.name,
            damage = damage.words(),
            "an attachment is damaged"
        );
        self.ledger.record(EventKind::LinkDamaged {
            link: link.id.0,
            account: link.account,
            name: link.name.clone(),
            why: damage.words().to_owned(),
        });
        self.found_damaged.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = self.remember_damage(|_| true).await {
            error!(%error, "what is damaged is not remembered over a restart");
        }
    }

    /// Keeps over a restart what is damaged, of the files that `needed` says are needed still.
    pub(super) async fn remember_damage(&self, needed: impl Fn(&FileHash) -> bool) -> Result<(), StoreError> {
        self.folder.forget_damage(needed);
        let now = |_: Damaged| Ok::<_, StoreError>(self.folder.damaged());
        settings::change(&self.store, DAMAGED, now).await.map(drop)
    }
}
