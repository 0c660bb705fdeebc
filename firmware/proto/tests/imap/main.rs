//! The IMAP session, run on transcripts, tables and chance.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing
)] // tests may

mod chance;
mod driver;
mod limits;
mod transcript;
mod world;

use transcript::{Cut, run};

#[test]
fn transcripts_hold_however_their_octets_are_cut() {
    let folder = format!("{}/tests/imap/transcripts", env!("CARGO_MANIFEST_DIR"));
    let mut files: Vec<_> = std::fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(files.len() > 10, "the transcripts are missing");
    let mut failed = Vec::new();
    for file in files {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let holds = std::panic::catch_unwind(|| {
            for cut in [
                Cut::Whole,
                Cut::Bytes,
                Cut::Pieces(1),
                Cut::Pieces(2),
                Cut::Pieces(3),
            ] {
                run(&name, &text, cut);
            }
        });
        if holds.is_err() {
            failed.push(name);
        }
    }
    assert!(failed.is_empty(), "these do not hold: {failed:?}");
}
