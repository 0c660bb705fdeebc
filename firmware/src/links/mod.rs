//! Attachments that stay here while a link travels: at submission a large part becomes a file in the
//! attachment folder, and each recipient elsewhere gets a link of his own in its place.
//!
//! | at this moment | a crash leaves |
//! |---|---|
//! | file half written | an unfinished file; swept away at the start |
//! | file synced, message not committed | a file without a link; swept away at the start |
//! | committed | message, queue rows and links to files that are there |
//! | links let go, file not removed | a file without a link; swept away |

mod choice;
mod damage;
mod desk;
mod fetch;
mod folder;
mod incoming;
mod jumps;
mod outgoing;
mod parts;
mod place;
mod reach;
mod settings;
mod sticks;
#[cfg(test)]
mod tests;
mod token;
mod unsent;
mod upkeep;
mod visit;
mod watch;

pub use choice::{Choice, FolderFacts, PLACES};
pub use damage::{FilesReport, check_files};
pub use desk::{Wish, WishError, in_megabytes, megabytes};
pub use folder::FolderState;
pub use incoming::Arrives;
pub use outgoing::Leaves;
pub use parts::Linked;
pub use place::{Place, Places};
pub use reach::{Checked, Reach};
pub use settings::{LINKS, Rules};
pub use sticks::{Named, choose};
pub use unsent::links_of_queued;
pub use visit::Found;
pub use watch::watch;

use crate::clock::Clock;
use crate::house::private_folder;
use crate::ledger::Ledger;
use anyhow::{Context, Result, anyhow};
use damage::DAMAGED;
use fetch::Fetches;
use folder::Folder;
use reach::Inquiry;
use std::path::Path;
use std::sync::atomic::{AtomicI64, AtomicU64};
use std::sync::{Arc, Mutex};
use store::{Store, StoreError};
use tokio::sync::Notify;

/// The name in the data folder of the one where attachments are until another place is chosen.
const FOLDER: &str = "attachments";

/// Links and their files. Clones share them.
#[derive(Clone)]
pub struct Links {
    store: Store,
    ledger: Ledger,
    clock: Clock,
    folder: Folder,
    touched: Arc<Notify>,
    /// One choice of a place after the other.
    choosing: Arc<tokio::sync::Mutex<()>>,
    /// How the folder was when it was last looked at.
    seen: Arc<Mutex<FolderState>>,
    /// Links that ended before their time and that no admin was told of.
    removed_early: Arc<AtomicU64>,
    /// Files that were found damaged and that no admin was told of.
    found_damaged: Arc<AtomicU64>,
    /// When what is kept of the clock was seen, by [`Clock::passed`].
    looked: Arc<AtomicI64>,
    fetches: Arc<Fetches>,
    inquiry: Arc<Inquiry>,
    /// Signs what says that a password was given.
    key: Arc<[u8; 32]>,
}

/// What the attachments take of their room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Room {
    /// How many files.
    pub files: u64,
    /// Octets of them.
    pub used: u64,
    /// Octets that they may have.
    pub budget: u64,
}

impl Room {
    /// Whether the oldest attachments will soon have to go.
    #[must_use]
    pub const fn is_scarce(&self) -> bool {
        self.used / 4 > self.budget / 5
    }
}

impl Links {
    /// Opens the attachment folder of this data folder, made where it is missing.
    ///
    /// # Errors
    /// It can neither be made nor used.
    pub fn open(data: &Path, store: Store, ledger: Ledger, clock: Clock) -> Result<Self> {
        let path = data.join(FOLDER);
        private_folder(&path).with_context(|| format!("cannot make {}", path.display()))?;
        let snapshot = store.snapshot()?;
        let places = crate::settings::read(&snapshot, PLACES)?.unwrap_or_default();
        let damaged = crate::settings::read(&snapshot, DAMAGED)?.unwrap_or_default();
        drop(snapshot);
        let mut key = [0; 32];
        getrandom::fill(&mut key).map_err(|error| anyhow!("no random numbers: {error}"))?;
        Ok(Self {
            key: Arc::new(key),
            looked: Arc::new(AtomicI64::new(clock.passed())),
            store,
            ledger,
            clock,
            folder: Folder::new(path, places, damaged),
            touched: Arc::default(),
            choosing: Arc::default(),
            seen: Arc::new(Mutex::new(FolderState::Fine)),
            removed_early: Arc::default(),
            found_damaged: Arc::default(),
            fetches: Arc::default(),
            inquiry: Arc::default(),
        })
    }

    /// Links were committed: the budget may be passed.
    pub fn touch(&self) {
        self.touched.notify_one();
    }

    /// What the attachments take.
    ///
    /// # Errors
    /// The store failed.
    pub fn room(&self) -> Result<Room, StoreError> {
        let snapshot = self.store.snapshot()?;
        let files = snapshot.link_files()?;
        Ok(Room {
            files: files.len() as u64,
            used: files.iter().map(|(_, size)| size).sum(),
            budget: Rules::read(&snapshot)?.budget,
        })
    }
}

impl std::fmt::Debug for Links {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Links")
            .field("folder", &self.folder)
            .finish_non_exhaustive()
    }
}
