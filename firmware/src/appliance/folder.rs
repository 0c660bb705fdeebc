//! Where attachments are kept, as the pages see it.

use super::{Appliance, fault};
use crate::house::House;
use crate::links::{FolderState, Named, WishError, choose};
use board::wire::StickState;
use web_setup::{Fault, FolderDesk, FolderHealth, FolderRoom, FolderWish, OtherPlace, StickRow};

impl FolderRoom for Appliance {
    async fn attachment_folder(&self) -> Result<FolderDesk, Fault> {
        Ok(desk(self.house()).await)
    }

    async fn wish_folder(&self, wish: FolderWish) -> Result<(), Fault> {
        let (house, by) = (self.house(), self.by()?);
        let done = match wish {
            FolderWish::Data => choose(house, Named::Data, &by).await,
            FolderWish::Folder(path) => choose(house, Named::Folder(path.into()), &by).await,
            FolderWish::Stick(id) => choose(house, Named::Stick(id), &by).await,
            FolderWish::GiveUp(id) => house.links.give_up_folder(&id, &by).await.map(drop),
        };
        done.map_err(|error| match error {
            WishError::Refused(words) => Fault::Refused(words),
            WishError::Gone => Fault::Gone,
            WishError::Store(error) => fault(error),
        })
    }
}

async fn desk(house: &House) -> FolderDesk {
    let facts = house.links.folder().await;
    let chosen = facts.chosen.as_ref().and_then(|place| place.stick.clone());
    let row = |stick: board::wire::Stick| StickRow {
        chosen: chosen.as_ref() == Some(&stick.id),
        fault: match stick.state {
            StickState::Failed(words) => Some(words),
            StickState::Seen | StickState::Mounted => None,
        },
        id: stick.id,
        label: stick.label,
        system: stick.system,
        size: stick.size,
    };
    let board = &house.board;
    FolderDesk {
        place: facts.chosen.map(|place| place.name),
        state: match facts.state {
            FolderState::Fine => FolderHealth::Fine,
            FolderState::Missing => FolderHealth::Missing,
            FolderState::Failing(words) => FolderHealth::Failing(words),
        },
        free: facts.free,
        others: facts
            .others
            .into_iter()
            .map(|(place, here)| OtherPlace {
                id: place.id,
                name: place.name,
                here,
            })
            .collect(),
        sticks: (!board.is_simulated()).then(|| board.sticks().into_iter().map(row).collect()),
    }
}
