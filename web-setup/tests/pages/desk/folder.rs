use crate::desk_state::Desk;
use web_setup::{Fault, FolderDesk, FolderWish};

impl web_setup::FolderRoom for Desk {
    async fn attachment_folder(&self) -> Result<FolderDesk, Fault> {
        Ok(self.lock().folder.clone())
    }

    async fn wish_folder(&self, wish: FolderWish) -> Result<(), Fault> {
        let name = match &wish {
            FolderWish::Folder(path) if !path.starts_with('/') => {
                return Err(Fault::Refused("Write the whole path of the folder.".to_owned()));
            }
            FolderWish::Data => None,
            FolderWish::Folder(path) => Some(path.clone()),
            FolderWish::Stick(id) => Some(format!("USB stick {id}")),
            FolderWish::GiveUp(id) => {
                let mut inner = self.change("give up");
                inner.folder.others.retain(|place| place.id != *id);
                return Ok(());
            }
        };
        let mut inner = self.change("folder");
        inner.folder.place = name;
        inner.folder_wishes.push(wish);
        Ok(())
    }
}
