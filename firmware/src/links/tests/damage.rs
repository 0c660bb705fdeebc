//! What becomes of a link whose file is damaged, and what counts as fetching it.

use super::places::letters;
use super::*;
use crate::links::watch::warn_admins;
use std::fs;
use std::path::PathBuf;
use store::EventKind;
use web_setup::LinkState;

fn file_of(trial: &Trial, content: &[u8]) -> PathBuf {
    let name = blake3::hash(content).to_hex().to_string();
    trial.house.data.join(FOLDER).join(name)
}

/// What a client gets who asks for these octets; `None`: the connection broke off.
async fn fetch(trial: &Trial, id: u64, span: (u64, u64)) -> Option<Vec<u8>> {
    let body = trial.house.links.octets(stranger(), LinkId(id), span).await;
    let octets = axum::body::to_bytes(body.ok()?, usize::MAX).await.ok()?;
    Some(octets.to_vec())
}

/// How often the ledger says that a file is damaged, and why.
async fn told(trial: &Trial) -> Vec<String> {
    trial.house.ledger.flush().await;
    let events = trial.house.store.snapshot().unwrap().events(None, 100, |_| true);
    let why = events
        .unwrap()
        .into_iter()
        .filter_map(|(_, event)| match event.kind {
            EventKind::LinkDamaged { why, .. } => Some(why),
            _ => None,
        });
    why.collect()
}

#[tokio::test]
async fn a_damaged_file_is_noticed_by_who_fetches_it_told_once_and_whole_when_it_is_sent_again() {
    let trial = Trial::new().await;
    let content = vec![7; 200_000]; // several pieces
    let token = link_to(&trial, 3600, &content).await;
    let links = &trial.house.links;
    let whole = (0, content.len() as u64);
    assert_eq!(fetch(&trial, 1, whole).await, Some(content.clone()));
    let mut octets = content.clone();
    octets[150_000] ^= 1;
    fs::write(file_of(&trial, &content), &octets).unwrap();

    // Nobody has read it yet; who does gets no end of it, and it is no download.
    assert_eq!(found(&trial, &token, None).await, "open a.pdf");
    let downloads = numbered(&trial, 1).downloads;
    assert_eq!(fetch(&trial, 1, whole).await, None);
    assert_eq!(numbered(&trial, 1).downloads, downloads);
    let before = letters(&trial);
    for _ in 0..3 {
        assert_eq!(found(&trial, &token, None).await, "damaged");
        assert_eq!(fetch(&trial, 1, whole).await, None);
        warn_admins(&trial.house).await.unwrap();
    }
    assert_eq!(links.state_of(&numbered(&trial, 1)), LinkState::Damaged);
    assert_eq!(told(&trial).await, ["its content is not what it was"]);
    assert_eq!(letters(&trial), before + 1);

    // It is known after a restart.
    links.tidy(true).await.unwrap();
    let data = trial.house.data.clone();
    let (store, ledger) = (trial.house.store.clone(), trial.house.ledger.clone());
    let again = Links::open(&data, store, ledger, trial.house.clock.clone()).unwrap();
    assert_eq!(again.state_of(&numbered(&trial, 1)), LinkState::Damaged);

    // The same attachment again is the same file: both links work.
    let second = link_to(&trial, 3600, &content).await;
    for token in [&token, &second] {
        assert_eq!(found(&trial, token, None).await, "open a.pdf");
    }
    assert_eq!(fetch(&trial, 1, whole).await, Some(content));
    links.tidy(false).await.unwrap();
    let (store, ledger) = (trial.house.store.clone(), trial.house.ledger.clone());
    let again = Links::open(&data, store, ledger, trial.house.clock.clone()).unwrap();
    assert_eq!(again.state_of(&numbered(&trial, 1)), LinkState::Works);
}

#[tokio::test]
async fn a_file_that_was_cut_short_or_taken_away_is_damaged_and_one_on_a_missing_disk_is_not() {
    for (why, cut) in [("it was cut short", true), ("it is no longer there", false)] {
        let (trial, token) = house(3600).await;
        let path = file_of(&trial, b"content");
        match cut {
            true => fs::write(&path, "con").unwrap(),
            false => fs::remove_file(&path).unwrap(),
        }
        for _ in 0..2 {
            assert_eq!(found(&trial, &token, None).await, "damaged");
        }
        assert_eq!(
            trial.house.links.state_of(&numbered(&trial, 1)),
            LinkState::Damaged
        );
        assert_eq!(told(&trial).await, [why]);
        // When it is back as it was, it works.
        fs::write(&path, "content").unwrap();
        assert_eq!(found(&trial, &token, None).await, "open a.pdf");
        assert_eq!(trial.house.links.state_of(&numbered(&trial, 1)), LinkState::Works);
    }
}

#[tokio::test]
async fn a_check_reads_every_file_that_links_need() {
    let trial = Trial::new().await;
    let contents: [&[u8]; 4] = [b"as it was", b"another one", b"cut short", b"taken away"];
    for content in contents {
        link_to(&trial, 3600, content).await;
    }
    link_to(&trial, 3600, contents[1]).await; // two links, one file
    let report = || crate::links::check_files(&trial.house.data, &trial.house.store).unwrap();
    assert_eq!((report().files, report().faults), (4, Vec::new()));
    fs::write(file_of(&trial, contents[1]), "another One").unwrap();
    fs::write(file_of(&trial, contents[2]), "cut").unwrap();
    fs::remove_file(file_of(&trial, contents[3])).unwrap();
    let mut faults = report().faults;
    faults.sort();
    assert_eq!(
        faults,
        [
            "the file of link 2, a.pdf, is damaged: its content is not what it was",
            "the file of link 3, a.pdf, is damaged: it was cut short",
            "the file of link 4, a.pdf, is damaged: it is no longer there",
        ]
    );
}

#[tokio::test]
async fn a_file_that_is_cut_short_while_it_is_fetched_is_noticed() {
    let trial = Trial::new().await;
    let content = vec![7; 200_000];
    let token = link_to(&trial, 3600, &content).await;
    let links = &trial.house.links;
    let body = links.octets(stranger(), LinkId(1), (0, 200_000)).await.unwrap();
    let path = file_of(&trial, &content);
    fs::OpenOptions::new()
        .write(true)
        .open(path)
        .unwrap()
        .set_len(100_000)
        .unwrap();
    assert!(axum::body::to_bytes(body, usize::MAX).await.is_err());
    assert_eq!(told(&trial).await, ["it was cut short"]);
    assert_eq!(found(&trial, &token, None).await, "damaged");
}

#[tokio::test]
async fn only_who_got_to_the_end_of_a_file_has_downloaded_it() {
    let trial = Trial::new().await;
    link_to(&trial, 3600, &[7; 200_000]).await;
    let count = || numbered(&trial, 1).downloads;
    for (span, counted) in [
        ((0, 1), 0),
        ((0, 150_000), 0),
        ((150_000, 50_000), 1),
        ((199_999, 1), 1),
        ((0, 200_000), 2),
    ] {
        let (_, length) = span;
        assert_eq!(fetch(&trial, 1, span).await.unwrap().len() as u64, length);
        assert_eq!(count(), counted, "{span:?}");
    }
}
