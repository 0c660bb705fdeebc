//! The folder is watched for as long as the box runs: a disk that goes and comes back, and room that
//! runs out, are told on the panel, in the ledger and by mail.

use super::folder::FolderState;
use super::{Links, sticks};
use crate::clock::DAY;
use crate::house::House;
use crate::limits::links as limits;
use crate::notify;
use crate::settings;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use store::StoreError;
use tokio::time::{MissedTickBehavior, interval};
use tracing::warn;

/// Between two looks at the disk.
const LOOK: Duration = Duration::from_secs(3);
/// Looks between two counts of the room.
const COUNT: u32 = 20;
/// Looks after the start in which a disk that was not there yet may still be coming.
const COMING: u32 = 20;
/// Key of [`Told`] among the settings.
const TOLD: &str = "attachment-warnings";

/// What an admin should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Warning {
    Missing,
    Failing,
    Full,
    Scarce,
    RemovedEarly,
    Damaged,
}

/// The warnings that hold, and the day of the last letter about each, kept over a restart.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Told(BTreeMap<Warning, Once>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct Once {
    day: i64,
    holds: bool,
}

impl Told {
    /// Takes what holds now; what is to be told of it: each warning when it begins, once a day at most.
    fn due(&mut self, today: i64, now: &[Warning]) -> Vec<Warning> {
        for (warning, once) in &mut self.0 {
            once.holds &= now.contains(warning);
        }
        let mut due = Vec::new();
        for warning in now {
            let known = self.0.get(warning);
            if known.is_none_or(|once| !once.holds && once.day != today) {
                due.push(*warning);
                self.0.insert(
                    *warning,
                    Once {
                        day: today,
                        holds: true,
                    },
                );
            }
        }
        due
    }
}

/// Watches the folder.
pub async fn watch(house: Arc<House>) {
    let mut ticks = interval(LOOK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut turn = 0_u32;
    let mut coming = true;
    loop {
        ticks.tick().await;
        sticks::ask_for_ours(&house).await;
        let missing = coming && house.links.folder().await.state == FolderState::Missing;
        coming = missing && turn < COMING;
        let changed = !coming && house.links.look().await;
        if (changed || turn.is_multiple_of(COUNT))
            && let Err(error) = warn_admins(&house).await
        {
            warn!(%error, "the admins could not be told of the attachment folder");
        }
        turn = turn.saturating_add(1);
    }
}

impl Links {
    /// How the folder was when it was last looked at.
    #[must_use]
    pub fn folder_state(&self) -> FolderState {
        self.seen().clone()
    }

    /// What people call the place of new files.
    #[must_use]
    pub fn folder_name(&self) -> String {
        let places = self.folder.places();
        let chosen = places.chosen().map(|place| place.name.clone());
        chosen.unwrap_or_else(|| "data partition".to_owned())
    }

    /// Looks at the folder; `true`: it is not as it was.
    pub async fn look(&self) -> bool {
        let facts = self.folder().await;
        let before = std::mem::replace(&mut *self.seen(), facts.state.clone());
        if before == facts.state {
            return false;
        }
        let what = match facts.state {
            FolderState::Fine => {
                self.touch(); // what could not be swept there may be now
                "is there and takes files again".to_owned()
            }
            FolderState::Missing => "is missing; attachments stay in the mail".to_owned(),
            FolderState::Failing(why) => format!("takes no files ({why}); attachments stay in the mail"),
        };
        self.tell_of_folder(&self.folder_name(), &what);
        true
    }

    fn warnings(&self, free: u64) -> Result<Vec<Warning>, StoreError> {
        let mut warnings = Vec::new();
        match self.folder_state() {
            FolderState::Missing => warnings.push(Warning::Missing),
            FolderState::Failing(_) => warnings.push(Warning::Failing),
            FolderState::Fine if self.rules()?.on && free < limits::RESERVE => {
                warnings.push(Warning::Full);
            }
            FolderState::Fine => {}
        }
        if self.room()?.is_scarce() {
            warnings.push(Warning::Scarce);
        }
        if self.removed_early.load(Ordering::Relaxed) > 0 {
            warnings.push(Warning::RemovedEarly);
        }
        if self.found_damaged.load(Ordering::Relaxed) > 0 {
            warnings.push(Warning::Damaged);
        }
        Ok(warnings)
    }

    fn sentence(&self, warning: Warning, free: u64) -> Result<String, StoreError> {
        let mb = |octets: u64| octets / 1_000_000;
        let (room, name) = (self.room()?, self.folder_name());
        Ok(match warning {
            Warning::Missing => format!(
                "The disk for attachments ({name}) is missing. Attachments stay in the mail, and links to \
                 files on it say \"not available at the moment\". Plug it in again: the box knows it by its \
                 id. Nothing is lost."
            ),
            Warning::Failing => {
                format!("The disk for attachments ({name}) takes no files. Attachments stay in the mail.")
            }
            Warning::Full => format!(
                "The disk for attachments ({name}) is full: {} MB are free. Attachments stay in the mail.",
                mb(free)
            ),
            Warning::Scarce => format!(
                "The room for attachments is almost used up: {} of {} MB. When it is, the oldest ones go \
                 and their links stop working.",
                mb(room.used),
                mb(room.budget)
            ),
            Warning::RemovedEarly => format!(
                "The room for attachments was used up: {} links ended before their time, the oldest first. \
                 Give the attachments more room, or let links end earlier.",
                self.removed_early.load(Ordering::Relaxed)
            ),
            Warning::Damaged => format!(
                "{} attachments were found damaged when somebody wanted them; their links say so, and so do \
                 the pages of their senders, who have to send them again. The disk may be wearing out.",
                self.found_damaged.load(Ordering::Relaxed)
            ),
        })
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, FolderState> {
        self.seen
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

pub(super) async fn warn_admins(house: &House) -> Result<(), StoreError> {
    let links = &house.links;
    let mut told: Told = settings::read(&house.store.snapshot()?, TOLD)?.unwrap_or_default();
    let before = told.clone();
    let today = house.clock.now().0.div_euclid(DAY);
    let free = links.folder().await.free;
    let due = told.due(today, &links.warnings(free)?);
    if told == before {
        return Ok(());
    }
    // A warning that is told twice after a power cut is better than one that is not.
    if !due.is_empty() {
        let mut text = String::new();
        for warning in &due {
            text.push_str(&links.sentence(*warning, free)?);
            text.push_str("\n\n");
        }
        text.push_str("The page Large attachments says more.\n");
        if !notify::to_admins(house, "Room for large attachments", &text).await? {
            return Ok(()); // nobody is there yet: later
        }
        if due.contains(&Warning::RemovedEarly) {
            links.removed_early.store(0, Ordering::Relaxed);
        }
        if due.contains(&Warning::Damaged) {
            links.found_damaged.store(0, Ordering::Relaxed);
        }
    }
    settings::write(&house.store, TOLD, &told).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_warning_is_told_when_it_begins_and_once_a_day_at_most() {
        use Warning::{Missing, Scarce};
        let mut told = Told::default();
        assert_eq!(told.due(1, &[Missing]), [Missing]);
        assert_eq!(told.due(1, &[Missing, Scarce]), [Scarce]);
        assert_eq!(told.due(2, &[Missing, Scarce]), [], "it still holds");
        assert_eq!(told.due(2, &[Scarce]), []);
        assert_eq!(told.due(2, &[Missing, Scarce]), [Missing]);
        assert_eq!(told.due(2, &[]), []);
        assert_eq!(told.due(2, &[Missing]), [], "pulled and plugged all day");
        assert_eq!(told.due(3, &[Missing]), [Missing]);
        let kept = serde_json::to_value(&told).unwrap();
        assert_eq!(serde_json::from_value::<Told>(kept).unwrap(), told);
    }
}
