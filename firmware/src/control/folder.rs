//! Where attachments are kept, as the command line asks for it.

use super::carry_out::BY;
use crate::house::House;
use crate::links::{FolderState, Named, choose};
use anyhow::Result;
use board::wire::StickState;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// What may be asked; the answer shows how it is then.
#[derive(Debug, Clone, Default, Serialize, Deserialize, clap::Args)]
pub struct FolderRequest {
    /// Where new attachments go: data, stick:ID, or a folder
    #[arg(value_name = "PLACE")]
    pub place: Option<String>,
    /// Give up a place that is missing for good: links to its files end
    #[arg(long, value_name = "ID", conflicts_with = "place")]
    pub give_up: Option<String>,
}

pub(super) async fn carry_out(house: &House, ask: &FolderRequest) -> Result<Value> {
    if let Some(place) = &ask.place {
        choose(house, Named::from(place.as_str()), BY).await?;
    }
    if let Some(id) = &ask.give_up {
        house.links.give_up_folder(id, BY).await?;
    }
    let facts = house.links.folder().await;
    let others = facts.others.iter();
    Ok(json!({
        "place": facts.chosen.as_ref().map_or("data partition", |place| &place.name),
        "path": facts.chosen.as_ref().map(|place| place.path()),
        "state": match &facts.state {
            FolderState::Fine => "fine",
            FolderState::Missing => "missing",
            FolderState::Failing(_) => "failing",
        },
        "why": match &facts.state {
            FolderState::Failing(words) => Some(words),
            FolderState::Fine | FolderState::Missing => None,
        },
        "free": facts.free,
        "others": others.map(|(place, here)| json!({
            "id": place.id,
            "place": place.name,
            "here": here,
        })).collect::<Vec<_>>(),
        "sticks": house.board.sticks().iter().map(|stick| json!({
            "id": stick.id,
            "label": stick.label,
            "system": stick.system,
            "size": stick.size,
            "mounted": stick.state == StickState::Mounted,
        })).collect::<Vec<_>>(),
    }))
}
