//! Where attachments are kept: a page for the admin, and a part of the wizard's last step.

use crate::Site;
use crate::appliance::{Appliance, Fault};
use crate::folder::{FolderDesk, FolderHealth, FolderWish, OtherPlace};
use crate::page::{Failure, Frame, Page, Posted, Said, Tab, show, show_again};
use askama::Template;
use axum::extract::Query;
use axum::response::{IntoResponse, Redirect};
use proto::message::linking::size_words;
use serde::Deserialize;

#[derive(Template)]
#[template(path = "folder.html")]
struct FolderPage {
    frame: Frame,
    said: Option<&'static str>,
    place: Option<String>,
    state: FolderHealth,
    free: String,
    others: Vec<OtherPlace>,
    choice: Choice,
}

/// The form, which the wizard has too.
#[derive(Default)]
pub(crate) struct Choice {
    /// Where it goes.
    pub(crate) to: &'static str,
    /// New attachments go to the data partition.
    pub(crate) data: bool,
    /// `None`: any folder may be named.
    pub(crate) sticks: Option<Vec<StickView>>,
    /// What was typed or is chosen.
    pub(crate) path: String,
    /// What is chosen is not there.
    pub(crate) away: bool,
    pub(crate) fault: Option<String>,
}

pub(crate) struct StickView {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) chosen: bool,
    pub(crate) fault: Option<String>,
}

impl Choice {
    pub(crate) fn new(to: &'static str, desk: &FolderDesk) -> Self {
        let view = |stick: &crate::folder::StickRow| {
            let label = if stick.label.is_empty() {
                "without a name"
            } else {
                &stick.label
            };
            StickView {
                id: stick.id.clone(),
                name: format!("{label}: {}, {}", size_words(stick.size), system(&stick.system)),
                chosen: stick.chosen,
                fault: stick.fault.clone(),
            }
        };
        Self {
            to,
            data: desk.place.is_none(),
            sticks: desk.sticks.as_ref().map(|rows| rows.iter().map(view).collect()),
            path: desk.place.clone().unwrap_or_default(),
            away: desk.state == FolderHealth::Missing,
            fault: None,
        }
    }

    /// Whether the wizard shows it unfolded: something was chosen, is wrong, or is plugged in.
    pub(crate) fn open(&self) -> bool {
        self.fault.is_some() || !self.data || self.plugged()
    }

    /// Whether any stick is plugged in.
    pub(crate) fn plugged(&self) -> bool {
        self.sticks.as_ref().is_some_and(|sticks| !sticks.is_empty())
    }

    /// Says why the wish was not granted, and keeps what was typed.
    pub(crate) fn refuse(&mut self, words: String, path: String) {
        self.fault = Some(words);
        if self.sticks.is_none() && !path.is_empty() {
            self.path = path;
            self.away = false;
        }
    }
}

// As shops and PCs name it.
fn system(name: &str) -> &str {
    match name {
        "vfat" => "FAT32",
        "exfat" => "exFAT",
        other => other,
    }
}

const PAGE: &str = "/links/folder";

async fn page<A: Appliance>(site: &Site<A>) -> Result<FolderPage, Fault> {
    let desk = site.appliance.attachment_folder().await?;
    Ok(FolderPage {
        frame: Frame::admin("Place of attachments", Tab::Outgoing),
        said: None,
        choice: Choice::new(PAGE, &desk),
        place: desk.place,
        state: desk.state,
        free: size_words(desk.free),
        others: desk.others,
    })
}

pub(crate) async fn folder<A: Appliance>(site: Site<A>, Query(said): Query<Said>) -> Page {
    let said = match said.word() {
        Some("chosen") => Some("New attachments go there. Older ones are found where they are."),
        Some("given-up") => Some("It is given up: links to files that were only there have ended."),
        _ => None,
    };
    show(&FolderPage {
        said,
        ..page(&site).await?
    })
}

/// `data`, `folder` with a path, `stick:` and its id, or `give-up:` and a place's.
#[derive(Default, Deserialize)]
pub(crate) struct FolderForm {
    #[serde(default)]
    place: String,
    #[serde(default)]
    pub(crate) path: String,
}

impl FolderForm {
    pub(crate) fn wish(&self) -> Option<FolderWish> {
        Some(match self.place.split_once(':') {
            None if self.place == "data" => FolderWish::Data,
            None if self.place == "folder" => FolderWish::Folder(self.path.trim().to_owned()),
            Some(("stick", id)) => FolderWish::Stick(id.to_owned()),
            Some(("give-up", id)) => FolderWish::GiveUp(id.to_owned()),
            _ => return None,
        })
    }
}

pub(crate) async fn set<A: Appliance>(site: Site<A>, Posted(form): Posted<FolderForm>) -> Page {
    let wish = form.wish().ok_or_else(Failure::not_found)?;
    let said = match wish {
        FolderWish::GiveUp(_) => "given-up",
        _ => "chosen",
    };
    match site.appliance.wish_folder(wish).await {
        Ok(()) => Ok(Redirect::to(&format!("{PAGE}?said={said}")).into_response()),
        Err(Fault::Refused(words)) => {
            let mut page = page(&site).await?;
            page.choice.refuse(words, form.path);
            show_again(&page)
        }
        Err(fault) => Err(fault.into()),
    }
}
