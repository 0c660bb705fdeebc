//! Files that turned out to be damaged when somebody wanted them. That is told once, to the ledger and
//! the admins, and stands at the sender's link, until the same content is kept again.

use super::folder::{Folder, Missing};
use super::{FOLDER, Links, PLACES};
use crate::settings;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::atomic::Ordering;
use store::{EventKind, FileHash, Link, Store, StoreError};
use tracing::{error, warn};
use web_setup::LinkState;

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

/// What a look at all files found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FilesReport {
    /// Files that links need.
    pub files: u64,
    /// Of them, those on disks that are not there: nobody can say.
    pub away: u64,
    /// What is wrong with others, in words.
    pub faults: Vec<String>,
}

/// Reads every file that links need, in the places that this data folder knows. Blocks for as long as
/// that takes.
///
/// # Errors
/// The store failed.
pub fn check_files(data: &Path, store: &Store) -> Result<FilesReport, StoreError> {
    let snapshot = store.snapshot()?;
    let places = settings::read(&snapshot, PLACES)?.unwrap_or_default();
    let folder = Folder::new(data.join(FOLDER), places, Damaged::new());
    let mut report = FilesReport::default();
    for (hash, size) in snapshot.link_files()? {
        report.files += 1;
        let damage = match folder.open(&hash, size).map(hash_of) {
            Ok(Ok(found)) if found == hash => continue,
            Ok(Ok(_)) => Damage::Changed,
            Ok(Err(_)) => Damage::Unreadable,
            Err(Missing::Damaged(damage)) => damage,
            Err(Missing::Away) => {
                report.away += 1;
                continue;
            }
        };
        // In a box that runs its last link may have ended meanwhile.
        if !store.snapshot()?.has_link_file(&hash)? {
            continue;
        }
        for link in snapshot.oldest_links(1, |link| link.file == hash)? {
            let (id, name, why) = (link.id.0, link.name, damage.words());
            report
                .faults
                .push(format!("the file of link {id}, {name}, is damaged: {why}"));
        }
    }
    Ok(report)
}

fn hash_of(file: File) -> io::Result<FileHash> {
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(file)?;
    Ok(*hasher.finalize().as_bytes())
}
