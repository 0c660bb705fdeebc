//! The sticks that the board mounts for us.

use super::{Choice, WishError};
use crate::board_link::Board;
use crate::house::House;
use board::layout;
use board::wire::{Stick, StickState, ToBoard};
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// How long a stick may take to be mounted: less than a page may take to answer.
const MOUNTING: Duration = Duration::from_secs(45);
/// How long the board may take to try one again that it could not mount.
const TRIED_AGAIN: Duration = Duration::from_secs(3);
/// Between two looks whether it is.
const LOOK: Duration = Duration::from_millis(200);

/// Where new files are to go, as a person names it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Named {
    /// To the data partition.
    Data,
    /// Into a folder of this computer.
    Folder(PathBuf),
    /// To the stick with this id.
    Stick(String),
}

impl From<&str> for Named {
    /// `data`, `stick:` and an id, or a path.
    fn from(typed: &str) -> Self {
        match typed.strip_prefix("stick:") {
            Some(id) => Self::Stick(id.to_owned()),
            None if typed == "data" => Self::Data,
            None => Self::Folder(typed.into()),
        }
    }
}

/// Says where new files go.
///
/// # Errors
/// There is no such place, or nothing can be written there.
pub async fn choose(house: &House, named: Named, by: &str) -> Result<(), WishError> {
    let board = &house.board;
    let choice = match named {
        Named::Data => Choice::Data,
        Named::Folder(path) if board.is_simulated() => Choice::Folder(path),
        Named::Folder(_) => {
            let words = "On this box attachments go to the data partition or to a USB stick.";
            return Err(WishError::Refused(words.to_owned()));
        }
        Named::Stick(id) => {
            let mut ids = house.links.sticks();
            if !ids.contains(&id) {
                ids.push(id.clone());
            }
            let stick = mounted(board, &id, ids).await.map_err(WishError::Refused)?;
            let at = layout::stick_dir(&stick.id);
            let name = match stick.label.as_str() {
                "" => format!("USB stick {}", stick.id),
                label => format!("USB stick {label}"),
            };
            Choice::Stick { id, at, name }
        }
    };
    house.links.choose_folder(choice, by).await
}

async fn mounted(board: &Board, id: &str, ids: Vec<String>) -> Result<Stick, String> {
    let asked = Instant::now();
    board.ask(ToBoard::UseSticks { ids }).await;
    loop {
        let stick = board.sticks().into_iter().find(|stick| stick.id == id);
        match stick {
            Some(stick) if stick.state == StickState::Mounted => return Ok(stick),
            Some(Stick {
                state: StickState::Failed(words),
                ..
            }) if asked.elapsed() > TRIED_AGAIN => {
                return Err(format!("That stick cannot be used: {words}."));
            }
            None => return Err("No such stick is plugged in.".to_owned()),
            Some(_) if asked.elapsed() > MOUNTING => {
                return Err("The stick does not answer. Is it broken?".to_owned());
            }
            Some(_) => sleep(LOOK).await,
        }
    }
}

/// Asks the board for the sticks with our files, where it has not mounted them.
pub(super) async fn ask_for_ours(house: &House) {
    let ids = house.links.sticks();
    let waiting = house
        .board
        .sticks()
        .iter()
        .any(|stick| stick.state == StickState::Seen && ids.contains(&stick.id));
    if waiting {
        house.board.ask(ToBoard::UseSticks { ids }).await;
    }
}
