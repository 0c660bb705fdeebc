//! What is left when the plug is pulled: after the next start every link that is not over has its file,
//! and every file a link.

use super::*;
use crate::links::Choice;
use std::fs;
use store::EventKind;

/// What stands in the attachment folder and what the store needs of it, after a restart.
pub(super) async fn restarted(trial: &Trial) -> (Vec<String>, Vec<String>) {
    let house = &trial.house;
    let links = Links::open(
        &house.data,
        house.store.clone(),
        house.ledger.clone(),
        house.clock.clone(),
    )
    .unwrap();
    links.tidy(true).await.unwrap();
    let mut there: Vec<String> = fs::read_dir(house.data.join(FOLDER))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    there.sort();
    let snapshot = house.store.snapshot().unwrap();
    let mut needed: Vec<String> = snapshot
        .link_files()
        .unwrap()
        .iter()
        .map(|(hash, _)| blake3::Hash::from(*hash).to_hex().to_string())
        .collect();
    needed.sort();
    assert_eq!(house.store.check().unwrap().faults, [""; 0]);
    let report = crate::links::check_files(&house.data, &house.store).unwrap();
    assert_eq!((report.files, report.faults), (needed.len() as u64, Vec::new()));
    (there, needed)
}

#[tokio::test]
async fn a_plug_pulled_while_a_mail_is_taken_leaves_no_orphan_and_no_dangling_link() {
    let (trial, token) = house(3600).await;
    let house = &trial.house;
    let folder = house.data.join(FOLDER);
    let keep = |octets: &'static [u8]| house.links.folder.keep(octets, Encoding::Identity).unwrap();
    let before = restarted(&trial).await;
    assert_eq!((before.0.len(), &before.0), (1, &before.1));

    for step in ["made", "half written", "written and synced, without its name"] {
        fs::write(folder.join(".new-x"), if step == "made" { "" } else { "octets" }).unwrap();
        assert_eq!(restarted(&trial).await, before, "{step}");
    }
    // Its name is on the disk or, the folder not being synced yet, is not: then nothing is there.
    for octets in ["", "half of", "never sent"] {
        let name = blake3::hash(b"never sent").to_hex().to_string();
        fs::write(folder.join(name), octets).unwrap();
        assert_eq!(
            restarted(&trial).await,
            before,
            "named, {octets:?} of it on the disk"
        );
    }
    drop(keep(b"never sent"));
    assert_eq!(
        restarted(&trial).await,
        before,
        "synced with its folder, not committed"
    );
    drop(keep(b"content"));
    assert_eq!(
        restarted(&trial).await,
        before,
        "not committed, needed by another link"
    );
    assert_eq!(found(&trial, &token, None).await, "open a.pdf");

    // Committed with its mail, and nobody told.
    let second = link_to(&trial, 3600, b"second").await;
    let after = restarted(&trial).await;
    assert_eq!((after.0.len(), &after.0), (2, &after.1));
    for token in [&token, &second] {
        assert_eq!(found(&trial, token, None).await, "open a.pdf");
    }
}

async fn let_go(trial: &Trial, ids: &[u64]) {
    let event = trial.house.ledger.event(EventKind::AttachmentsRemoved {
        links: ids.len() as u64,
        why: "test".to_owned(),
    });
    let ids = ids.iter().map(|id| LinkId(*id)).collect();
    let now = trial.house.clock.now();
    trial.house.store.let_files_go(ids, now, event).await.unwrap();
}

#[tokio::test]
async fn a_plug_pulled_while_links_end_leaves_no_orphan_and_no_dangling_link() {
    let (trial, first) = house(3600).await;
    let second = link(&trial, 3600).await; // the same file
    let other = link_to(&trial, 3600, b"other").await;
    let path = |content: &[u8]| {
        let name = blake3::hash(content).to_hex().to_string();
        trial.house.data.join(FOLDER).join(name)
    };
    let fits = async |files: usize, step: &str| {
        let (there, needed) = restarted(&trial).await;
        assert_eq!((there.len(), &there), (files, &needed), "{step}");
    };
    wish(&trial, Wish::Revoke).await.unwrap();
    fits(2, "withdrawn: it may be given back").await;
    assert_eq!(found(&trial, &first, None).await, "nothing");
    wish(&trial, Wish::Extend(1)).await.unwrap();
    fits(2, "given back").await;
    assert_eq!(found(&trial, &first, None).await, "open a.pdf");

    link_to(&trial, -1, b"expired").await;
    fits(3, "expired: it may be extended").await;
    link_to(&trial, -8 * 86_400, b"expired long ago").await;
    fits(3, "expired long ago").await;
    assert!(numbered(&trial, 5).gone.is_some());

    let_go(&trial, &[1]).await;
    fits(3, "one of two links of a file let go").await;
    assert_eq!(found(&trial, &first, None).await, "nothing");
    assert_eq!(found(&trial, &second, None).await, "open a.pdf");
    let refused = wish(&trial, Wish::Extend(1)).await;
    assert!(
        matches!(refused, Err(WishError::Refused(_))),
        "its file may be gone"
    );

    let_go(&trial, &[2]).await;
    assert!(path(b"content").exists(), "not removed yet");
    fits(2, "the last link let go, the file not removed").await;
    fs::write(path(b"content"), "content").unwrap();
    fits(2, "the file removed, and the disk does not know").await;

    trial
        .house
        .store
        .forget_links(trial.house.clock.now().plus(1))
        .await
        .unwrap();
    fits(2, "forgotten").await;
    assert_eq!(found(&trial, &second, None).await, "nothing");
    assert_eq!(found(&trial, &other, None).await, "open a.pdf");
}

#[tokio::test]
async fn a_plug_pulled_while_a_place_is_chosen_or_forgotten_loses_no_file() {
    let (trial, token) = house(3600).await;
    let disk = tempfile::tempdir().unwrap();
    let at = fs::canonicalize(disk.path()).unwrap();
    crate::links::Place::make(at.clone(), "disk".to_owned(), None).unwrap();
    let before = restarted(&trial).await;
    assert_eq!(before.0, before.1, "made, the choice not committed");

    let links = &trial.house.links;
    links
        .choose_folder(Choice::Folder(at.clone()), "test")
        .await
        .unwrap();
    let there = link_to(&trial, 3600, b"on the disk").await;
    links.choose_folder(Choice::Data, "test").await.unwrap();
    let_go(&trial, &[2]).await;
    // The file is removed and the place forgotten, its folder not: it is no place, and in nobody's way.
    restarted(&trial).await;
    let house = &trial.house;
    let (store, ledger) = (house.store.clone(), house.ledger.clone());
    let again = Links::open(&house.data, store, ledger, house.clock.clone()).unwrap();
    assert_eq!(again.folder.places().known, []);
    again.choose_folder(Choice::Folder(at), "test").await.unwrap();
    assert_eq!(found(&trial, &token, None).await, "open a.pdf");
    assert_eq!(found(&trial, &there, None).await, "nothing");
}
