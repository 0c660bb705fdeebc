//! A data folder that cannot be used stops the start with words, and is left as it was.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Output};
use tests::pillarbox::{Pillarbox, binary};

/// Every file below `folder`, with its content.
fn content(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(dir) = folders.pop() {
        for entry in std::fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.is_file() && path.file_name().is_some_and(|n| n != "serve.log") {
                found.insert(path.display().to_string(), std::fs::read(&path).unwrap());
            }
        }
    }
    found
}

fn serve(folder: &Path) -> Output {
    Command::new("timeout")
        .arg("30")
        .arg(binary())
        .args(["serve", "--listen", "127.0.0.1", "--port-base", "0", "--data"])
        .arg(folder)
        .output()
        .unwrap()
}

#[test]
fn a_damaged_database_stops_the_start_and_is_left_untouched() {
    let mut pillarbox = Pillarbox::office(&["anna"], &[]).unwrap();
    pillarbox.stop().unwrap();
    let database = pillarbox.data().join("pillarbox.redb");
    let whole = std::fs::read(&database).unwrap();
    let mut garbage = whole.clone();
    garbage[..4096].fill(0x55);
    for damaged in [
        garbage,
        whole[..whole.len() / 2].to_vec(),
        b"not a database".to_vec(),
    ] {
        std::fs::write(&database, damaged).unwrap();
        let before = content(pillarbox.data());
        let output = serve(pillarbox.data());
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{words}");
        assert!(words.contains("damaged"), "{words}");
        assert!(words.contains("backup"), "it must say what to do: {words}");
        assert!(before == content(pillarbox.data()), "the folder was changed");
    }
}

#[test]
fn a_folder_in_use_stops_the_second_start() {
    let pillarbox = Pillarbox::start(&[]).unwrap();
    let output = serve(pillarbox.data());
    let words = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(1), "{words}");
    assert!(words.contains("in use") || words.contains("already"), "{words}");
}
