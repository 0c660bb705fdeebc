//! One place for attachments: a folder of the box's own, made within a disk or folder that somebody
//! chose. A marker in it has the place's id, so that a disk which is not there is never taken for an
//! empty folder, nor another one for it.

use crate::house::private_folder;
use serde::{Deserialize, Serialize};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read, Write as _};
use std::path::{Path, PathBuf};

/// The file with the id.
pub(super) const MARKER: &str = ".pillarbox-attachments";
/// Octets of an id, written as twice as many hex digits.
const ID: usize = 8;

/// A place that was chosen once, and is remembered while files of links are in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// Random: it tells this place from every other one.
    pub id: String,
    /// What was chosen; the place is a folder in it.
    pub within: PathBuf,
    /// What people call it.
    pub name: String,
    /// The id of the stick's file system, where it is on one that the board mounts.
    #[serde(default)]
    pub stick: Option<String>,
}

/// Every place there is besides the folder on the data partition.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Places {
    /// Id of the one where new files go; `None`: to the data partition.
    pub chosen: Option<String>,
    /// All of them, that one among them.
    pub known: Vec<Place>,
}

impl Places {
    /// Where new files go; `None`: to the data partition.
    #[must_use]
    pub fn chosen(&self) -> Option<&Place> {
        let id = self.chosen.as_ref()?;
        self.known.iter().find(|place| place.id == *id)
    }

    /// The sticks that the board is to mount.
    #[must_use]
    pub fn sticks(&self) -> Vec<String> {
        self.known
            .iter()
            .filter_map(|place| place.stick.clone())
            .collect()
    }
}

impl Place {
    /// Makes a place; when this returns, it is on the disk.
    ///
    /// # Errors
    /// Nothing can be written there.
    pub(super) fn make(within: PathBuf, name: String, stick: Option<String>) -> io::Result<Self> {
        let mut octets = [0; ID];
        getrandom::fill(&mut octets).map_err(|error| io::Error::other(error.to_string()))?;
        let mut id = String::new();
        for octet in octets {
            let _ = write!(id, "{octet:02x}"); // writing to a String cannot fail
        }
        let place = Self {
            id,
            within,
            name,
            stick,
        };
        let path = place.path();
        private_folder(&path)?;
        let mut marker = File::create_new(path.join(MARKER))?;
        writeln!(marker, "{}", place.id)?;
        marker.sync_all()?;
        for folder in [&path, &place.within] {
            File::open(folder)?.sync_all()?;
        }
        Ok(place)
    }

    /// Where its files are.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        self.within.join(format!("pillarbox-{}", self.id))
    }

    /// Whether it is there, and is the one it should be. Blocks.
    pub(super) fn is_here(&self) -> bool {
        id_in(&self.path()).is_ok_and(|id| id == self.id)
    }

    /// Takes an empty place away; one that is not empty stays as it is.
    pub(super) fn remove(&self) {
        let path = self.path();
        let others = fs::read_dir(&path).is_ok_and(|entries| entries.count() > 1);
        if !others && fs::remove_file(path.join(MARKER)).is_ok() {
            let _ = fs::remove_dir(&path); // an empty folder does no harm
        }
    }
}

fn id_in(folder: &Path) -> io::Result<String> {
    let mut text = String::new();
    let longest = 2 * ID as u64 + 1;
    File::open(folder.join(MARKER))?
        .take(longest)
        .read_to_string(&mut text)?;
    Ok(text.trim_end().to_owned())
}
