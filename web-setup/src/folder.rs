//! Where attachments are kept, as the admin sees and chooses it.

use crate::appliance::Fault;
use std::future::Future;

/// The attachment folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FolderDesk {
    /// What people call the place; `None`: the data partition.
    pub place: Option<String>,
    /// How it is.
    pub state: FolderHealth,
    /// Octets that are free there.
    pub free: u64,
    /// Places where older files are.
    pub others: Vec<OtherPlace>,
    /// The sticks that are plugged in; `None`: this is a computer, where any folder can be named.
    pub sticks: Option<Vec<StickRow>>,
}

impl FolderDesk {
    /// What people call the places with files that are not there.
    #[must_use]
    pub fn missing(&self) -> Vec<&str> {
        let now = self
            .place
            .as_deref()
            .filter(|_| self.state == FolderHealth::Missing);
        let others = self.others.iter().filter(|place| !place.here);
        now.into_iter()
            .chain(others.map(|place| place.name.as_str()))
            .collect()
    }
}

/// How a place is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum FolderHealth {
    /// It takes files.
    #[default]
    Fine,
    /// Its disk is not there.
    Missing,
    /// It takes none, for this reason.
    Failing(String),
}

/// A place where older files are until their links end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtherPlace {
    /// Its id.
    pub id: String,
    /// What people call it.
    pub name: String,
    /// Whether its disk is there.
    pub here: bool,
}

/// A stick that is plugged in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StickRow {
    /// The id of its file system.
    pub id: String,
    /// Its label; may be empty.
    pub label: String,
    /// Such as `exfat`.
    pub system: String,
    /// In octets.
    pub size: u64,
    /// Whether new attachments go there.
    pub chosen: bool,
    /// Why it cannot be used.
    pub fault: Option<String>,
}

/// What is wished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FolderWish {
    /// New attachments go to the data partition.
    Data,
    /// Into this folder of the computer.
    Folder(String),
    /// To the stick with this id.
    Stick(String),
    /// The place with this id is gone for good.
    GiveUp(String),
}

/// What the pages ask of this room. See [`crate::Appliance`] for what holds for every method.
pub trait FolderRoom: Send + Sync {
    /// Where attachments are kept.
    fn attachment_folder(&self) -> impl Future<Output = Result<FolderDesk, Fault>> + Send;

    /// Chooses where new ones go, or gives a place up.
    fn wish_folder(&self, wish: FolderWish) -> impl Future<Output = Result<(), Fault>> + Send;
}
