//! Where the attachments are kept: what an admin sees of it and chooses.

use super::folder::{Folder, FolderState, Missing};
use super::place::{Place, Places};
use super::{Links, WishError};
use crate::limits::links as limits;
use crate::settings;
use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use store::{EventKind, FileHash, LinkId};
use tokio::task::spawn_blocking;

/// Key of [`Places`] among the settings.
pub const PLACES: &str = "attachment-places";

/// Where new files are to go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// To the data partition.
    Data,
    /// Into a folder of this computer.
    Folder(PathBuf),
    /// To a stick that the board has mounted.
    Stick {
        /// The id of its file system.
        id: String,
        /// Where it is mounted.
        at: PathBuf,
        /// What people call it.
        name: String,
    },
}

/// The folder as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderFacts {
    /// Where new files go; `None`: to the data partition.
    pub chosen: Option<Place>,
    /// How that place is.
    pub state: FolderState,
    /// Octets that are free there.
    pub free: u64,
    /// Places where older files are, and whether they are there.
    pub others: Vec<(Place, bool)>,
}

impl Links {
    /// Where the attachments are, looked at now.
    pub async fn folder(&self) -> FolderFacts {
        let folder = self.folder.clone();
        let look = move || {
            let Places { known, chosen } = folder.places();
            let (now, others): (Vec<_>, Vec<_>) = known
                .into_iter()
                .partition(|place| Some(&place.id) == chosen.as_ref());
            let seen = |place: Place| {
                let here = place.is_here();
                (place, here)
            };
            FolderFacts {
                chosen: now.into_iter().next(),
                state: folder.state(),
                free: folder.free().unwrap_or(0),
                others: others.into_iter().map(seen).collect(),
            }
        };
        spawn_blocking(look).await.unwrap_or_else(|error| FolderFacts {
            chosen: None,
            state: FolderState::Failing(error.to_string()),
            free: 0,
            others: Vec::new(),
        })
    }

    /// Says where new files go. The older ones stay where they are.
    ///
    /// # Errors
    /// Nothing can be written there, or it is not the place that it was.
    pub async fn choose_folder(&self, choice: Choice, by: &str) -> Result<(), WishError> {
        let _one = self.choosing.lock().await;
        let mut places = self.folder.places();
        let name = match choice {
            Choice::Data => {
                places.chosen = None;
                "data partition".to_owned()
            }
            Choice::Folder(path) => {
                let name = path.display().to_string();
                let path = spawn_blocking(move || resolved(&path)).await;
                let path = path.map_err(|error| WishError::Refused(error.to_string()))?;
                let path = path.map_err(WishError::Refused)?;
                self.take(&mut places, path, name, None).await?
            }
            Choice::Stick { id, at, name } => self.take(&mut places, at, name, Some(id)).await?,
        };
        self.put_places(places).await?;
        self.tell_of_folder(&name, &format!("was chosen by {by}"));
        self.touch();
        Ok(())
    }

    // Chooses a place that is known already, or a new one.
    async fn take(
        &self,
        places: &mut Places,
        within: PathBuf,
        name: String,
        stick: Option<String>,
    ) -> Result<String, WishError> {
        let known = places
            .known
            .iter()
            .find(|place| place.within == within && place.stick == stick);
        let full = places.known.len() >= limits::PLACES;
        let known = known.cloned();
        let made = spawn_blocking(move || match known {
            Some(place) if place.is_here() => Ok(place),
            Some(_) => Err(
                "Its folder with attachments is missing there: is it another disk, or is none \
                            mounted? Where the old one is gone for good, give it up first."
                    .to_owned(),
            ),
            None if full => Err("There are too many places with attachments already.".to_owned()),
            None => Place::make(within, name, stick)
                .map_err(|error| format!("Nothing can be written there: {error}.")),
        });
        let place = made
            .await
            .map_err(|error| WishError::Refused(error.to_string()))?
            .map_err(WishError::Refused)?;
        places.chosen = Some(place.id.clone());
        let name = place.name.clone();
        if !places.known.contains(&place) {
            places.known.push(place);
        }
        Ok(name)
    }

    /// Gives up a place that is missing for good: the links whose files were nowhere else end.
    /// Returns how many.
    ///
    /// # Errors
    /// There is no such place, it is in use, or it is there.
    pub async fn give_up_folder(&self, id: &str, by: &str) -> Result<usize, WishError> {
        let one = self.choosing.lock().await;
        let mut places = self.folder.places();
        if places.chosen.as_deref() == Some(id) {
            let words = "New attachments go there: choose another place first.";
            return Err(WishError::Refused(words.to_owned()));
        }
        let at = places.known.iter().position(|place| place.id == id);
        let place = places.known.remove(at.ok_or(WishError::Gone)?);
        let missing = place.clone();
        if spawn_blocking(move || missing.is_here()).await.unwrap_or(true) {
            let words =
                "It is there: its files are found until their links end, then it is forgotten by itself.";
            return Err(WishError::Refused(words.to_owned()));
        }
        self.put_places(places).await?;
        drop(one);
        self.tell_of_folder(&place.name, &format!("was given up by {by}"));
        self.let_lost_go(&format!("{} was given up", place.name)).await
    }

    async fn let_lost_go(&self, why: &str) -> Result<usize, WishError> {
        let (folder, files) = (self.folder.clone(), self.store.snapshot()?.link_files()?);
        let lost = spawn_blocking(move || lost(&folder, files))
            .await
            .unwrap_or_default();
        let mut count = 0;
        loop {
            let snapshot = self.store.snapshot()?;
            let links = snapshot.oldest_links(limits::AT_ONCE, |link| lost.contains(&link.file))?;
            if links.is_empty() {
                return Ok(count);
            }
            count += links.len();
            let ids: Vec<LinkId> = links.iter().map(|link| link.id).collect();
            let event = self.ledger.event(EventKind::AttachmentsRemoved {
                links: ids.len() as u64,
                why: why.to_owned(),
            });
            let now = self.clock.now();
            self.store.let_files_go(ids, now, event.clone()).await?;
            self.ledger.count(&event);
        }
    }

    /// Forgets places that have no files any more.
    pub(super) async fn forget_empty_places(&self) -> anyhow::Result<()> {
        let _one = self.choosing.lock().await;
        let folder = self.folder.clone();
        let empty = spawn_blocking(move || folder.forget_empty()).await?;
        if !empty.is_empty() {
            settings::write(&self.store, PLACES, &self.folder.places()).await?;
            // In this order: a place that is known has its marker.
            spawn_blocking(move || empty.iter().for_each(Place::remove)).await?;
        }
        Ok(())
    }

    /// The sticks that the board is to mount.
    #[must_use]
    pub fn sticks(&self) -> Vec<String> {
        self.folder.places().sticks()
    }

    // Durable before it counts: a file in a place that is forgotten would be lost.
    async fn put_places(&self, places: Places) -> Result<(), WishError> {
        settings::write(&self.store, PLACES, &places).await?;
        self.folder.set_places(places);
        Ok(())
    }

    pub(super) fn tell_of_folder(&self, folder: &str, what: &str) {
        self.ledger.record(EventKind::AttachmentFolder {
            folder: folder.to_owned(),
            what: what.to_owned(),
        });
    }
}

fn resolved(path: &Path) -> Result<PathBuf, String> {
    if !path.is_absolute() {
        return Err("Write the whole path of the folder, from / on.".to_owned());
    }
    match fs::canonicalize(path) {
        Ok(path) if path.is_dir() => Ok(path),
        Ok(_) => Err("That is no folder.".to_owned()),
        Err(error) => Err(format!("That folder cannot be used: {error}.")),
    }
}

// Files that are nowhere. What may be on another missing disk is not among them.
fn lost(folder: &Folder, files: Vec<(FileHash, u64)>) -> HashSet<FileHash> {
    files
        .into_iter()
        .filter(|(hash, size)| matches!(folder.open(hash, *size), Err(Missing::Damaged(_))))
        .map(|(hash, _)| hash)
        .collect()
}
