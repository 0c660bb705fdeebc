//! Where attachments are kept, and what happens when that is not there.

use super::*;
use crate::links::outgoing::Leaves;
use crate::links::watch::warn_admins;
use crate::links::{Choice, FolderState, Rules};
use crate::settings;
use std::fs;
use std::path::{Path, PathBuf};
use store::{EventKind, Snapshot};

/// A disk that can be pulled out and plugged in again.
struct Disk {
    home: tempfile::TempDir,
}

impl Disk {
    fn new() -> Self {
        let disk = Self {
            home: tempfile::tempdir().unwrap(),
        };
        fs::create_dir(disk.at()).unwrap();
        disk
    }

    fn at(&self) -> PathBuf {
        fs::canonicalize(self.home.path()).unwrap().join("disk")
    }

    fn pull(&self) {
        fs::rename(self.at(), self.home.path().join("pulled")).unwrap();
        fs::create_dir(self.at()).unwrap();
    }

    fn plug(&self) {
        fs::remove_dir(self.at()).unwrap();
        fs::rename(self.home.path().join("pulled"), self.at()).unwrap();
    }
}

async fn choose(trial: &Trial, path: &Path) -> Result<(), WishError> {
    let choice = Choice::Folder(path.to_owned());
    trial.house.links.choose_folder(choice, "test").await
}

async fn on(trial: &Trial) {
    let rules = Rules {
        on: true,
        address: Some("https://mail.firm.example".to_owned()),
        part: 100_000,
        ..Rules::default()
    };
    let set = |known: &mut Rules| known.clone_from(&rules);
    trial.house.links.change_rules(set).await.unwrap();
}

/// Whether the attachment of a large message is linked.
fn links_attachment(trial: &Trial) -> bool {
    let mut spool = trial.house.new_spool();
    let head = "From: anna@firm.example\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=B\r\n\r\n\
                --B\r\n\r\nHello.\r\n--B\r\nContent-Type: application/pdf; name=a.pdf\r\n\
                Content-Disposition: attachment; filename=a.pdf\r\n\r\n";
    spool.write(head.as_bytes()).unwrap();
    spool.write(&b"plans\r\n".repeat(30_000)).unwrap();
    spool.write(b"--B--\r\n").unwrap();
    let to = [Address::parse("x@example.net").unwrap()];
    let leaves = Leaves {
        account: trial.anna,
        spool: &spool,
        id: "m2",
        to: &to,
        now: trial.house.clock.now(),
        leaves: trial.house.clock.now(),
    };
    let links = &trial.house.links;
    let linked = links.link(&snapshot(trial), &leaves).unwrap();
    linked.is_some()
}

fn snapshot(trial: &Trial) -> Snapshot {
    trial.house.store.snapshot().unwrap()
}

async fn told(trial: &Trial) -> Vec<String> {
    trial.house.ledger.flush().await;
    let events = snapshot(trial).events(None, 100, |_| true).unwrap();
    let mut told: Vec<String> = events
        .into_iter()
        .filter_map(|(_, event)| match event.kind {
            EventKind::AttachmentFolder { what, .. } => Some(what),
            _ => None,
        })
        .collect();
    told.reverse();
    told
}

/// Letters in the admin's inbox.
pub(super) fn letters(trial: &Trial) -> usize {
    let snapshot = snapshot(trial);
    let inbox = snapshot.mailbox(trial.anna, "INBOX").unwrap().unwrap();
    snapshot.open(inbox.id).unwrap().uids.len()
}

#[tokio::test]
async fn a_disk_is_pulled_out_and_plugged_in_again() {
    let disk = Disk::new();
    let trial = Trial::new().await;
    on(&trial).await;
    choose(&trial, &disk.at()).await.unwrap();
    let token = link(&trial, 3600).await;
    assert_eq!(found(&trial, &token, None).await, "open a.pdf");
    assert!(links_attachment(&trial));
    let links = &trial.house.links;
    assert!(!links.look().await, "nothing is new");

    disk.pull();
    assert!(!links_attachment(&trial), "it stays in the mail");
    assert_eq!(found(&trial, &token, None).await, "away");
    assert!(links.look().await);
    assert_eq!(links.folder_state(), FolderState::Missing);
    links.tidy(false).await.unwrap();
    let before = letters(&trial);
    for _ in 0..3 {
        warn_admins(&trial.house).await.unwrap();
    }
    assert_eq!(letters(&trial), before + 1, "the admins are told once");

    disk.plug();
    assert!(links.look().await);
    assert_eq!(links.folder_state(), FolderState::Fine);
    assert_eq!(found(&trial, &token, None).await, "open a.pdf");
    assert!(links_attachment(&trial));
    assert_eq!(
        told(&trial).await,
        [
            "was chosen by test",
            "is missing; attachments stay in the mail",
            "is there and takes files again"
        ]
    );
}

#[tokio::test]
async fn a_choice_is_kept_over_a_restart_and_moves_nothing() {
    let (first, second) = (Disk::new(), Disk::new());
    let (trial, token) = house(3600).await;
    choose(&trial, &first.at()).await.unwrap();
    let on_first = link(&trial, 3600).await;
    choose(&trial, &second.at()).await.unwrap();
    // The same folder again is the same place.
    choose(&trial, &first.at()).await.unwrap();
    let stored: crate::links::Places = settings::read(&snapshot(&trial), crate::links::PLACES)
        .unwrap()
        .unwrap();
    assert_eq!(stored, trial.house.links.folder.places());
    assert_eq!(stored.known.len(), 2);
    assert_eq!(stored.chosen().unwrap().within, first.at());
    trial
        .house
        .links
        .choose_folder(Choice::Data, "test")
        .await
        .unwrap();
    for token in [&token, &on_first] {
        assert_eq!(found(&trial, token, None).await, "open a.pdf");
    }
    // The second has no files: it is forgotten and left as it was.
    trial.house.links.tidy(false).await.unwrap();
    assert_eq!(trial.house.links.folder().await.others.len(), 1);
    assert_eq!(fs::read_dir(second.at()).unwrap().count(), 0);
}

#[tokio::test]
async fn what_is_no_place_is_refused_in_words() {
    let disk = Disk::new();
    let trial = Trial::new().await;
    let file = disk.at().join("file");
    fs::write(&file, "x").unwrap();
    for (path, words) in [
        (Path::new("relative"), "the whole path"),
        (Path::new("/nonexistent/disk"), "cannot be used"),
        (&file, "is no folder"),
        (Path::new("/proc"), "Nothing can be written there"),
    ] {
        let refused = choose(&trial, path).await.unwrap_err().to_string();
        assert!(refused.contains(words), "{refused}");
    }
    choose(&trial, &disk.at()).await.unwrap();
    let links = &trial.house.links;
    let id = links.folder.places().known[0].id.clone();
    let refused = links.give_up_folder(&id, "test").await.unwrap_err();
    assert!(refused.to_string().contains("choose another place first"));
    disk.pull();
    // Its empty mount point is not taken for a new place.
    let refused = choose(&trial, &disk.at()).await.unwrap_err().to_string();
    assert!(refused.contains("missing there"), "{refused}");
    assert!(matches!(
        links.give_up_folder("nonsense", "test").await,
        Err(WishError::Gone)
    ));
}

#[tokio::test]
async fn a_disk_that_is_gone_for_good_is_given_up_with_its_links_only() {
    let disk = Disk::new();
    let (trial, token) = house(3600).await;
    choose(&trial, &disk.at()).await.unwrap();
    // The first one's content is in both places.
    let both = link(&trial, 3600).await;
    let lost = link_to(&trial, 3600, b"only on the disk").await;
    let links = &trial.house.links;
    let id = links.folder.places().known[0].id.clone();
    links.choose_folder(Choice::Data, "test").await.unwrap();
    let refused = links.give_up_folder(&id, "test").await.unwrap_err();
    assert!(refused.to_string().contains("It is there"));
    disk.pull();
    assert_eq!(found(&trial, &lost, None).await, "away");
    assert_eq!(links.give_up_folder(&id, "test").await.unwrap(), 1);
    assert_eq!(found(&trial, &lost, None).await, "nothing");
    for token in [&token, &both] {
        assert_eq!(found(&trial, token, None).await, "open a.pdf");
    }
    assert_eq!(trial.house.store.check().unwrap().faults, [""; 0]);
}

#[tokio::test]
async fn links_that_end_before_their_time_are_told() {
    let (trial, token) = house(3600).await;
    let links = &trial.house.links;
    let small = Rules {
        budget: 1,
        ..Rules::default()
    };
    settings::write(&trial.house.store, crate::links::LINKS, &small)
        .await
        .unwrap();
    let before = letters(&trial);
    links.tidy(false).await.unwrap();
    assert_eq!(found(&trial, &token, None).await, "nothing");
    for _ in 0..3 {
        warn_admins(&trial.house).await.unwrap();
    }
    assert_eq!(letters(&trial), before + 1);
}
