//! The walls of the house: which crate may name which, what each room must not do, how big a
//! file or a function may grow. DESIGN: a wrong arrow is a failing test, not a review comment.

use std::path::{Path, PathBuf};

const MAX_FILE_LINES: usize = 800;
const MAX_FUNCTION_LINES: usize = 100;

struct Source {
    path: PathBuf,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("tests/ has a parent")
        .to_path_buf()
}

/// Every Rust file below `folder`, without build output.
fn sources(folder: &str) -> Vec<Source> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(dir) = folders.pop() {
        for entry in std::fs::read_dir(&dir).expect("a readable folder") {
            let path = entry.expect("a readable entry").path();
            let name = path
                .file_name()
                .unwrap_or_default()
                .to_string_lossy()
                .into_owned();
            if path.is_dir() && name != "target" && name != "out" && !name.starts_with('.') {
                folders.push(path);
            } else if name.ends_with(".rs") {
                let text = std::fs::read_to_string(&path).expect("UTF-8 source");
                found.push(Source { path, text });
            }
        }
    }
    assert!(!found.is_empty(), "no sources below {folder}");
    found
}

/// The lines that are code: comments and what follows the first `#[cfg(test)]` are left out.
fn product_lines(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    source
        .text
        .lines()
        .enumerate()
        .take_while(|(_, line)| !line.contains("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(n, line)| (n + 1, line))
}

fn is_test_file(path: &Path) -> bool {
    path.components()
        .any(|c| matches!(c.as_os_str().to_str(), Some("tests" | "benches" | "examples")))
        || path
            .file_stem()
            .is_some_and(|s| s == "tests" || s.to_string_lossy().ends_with("_tests"))
}

/// Fails with every product line below `folder` that contains one of `words`.
fn forbid(folder: &str, words: &[&str], why: &str) {
    let mut faults = String::new();
    for source in sources(folder).iter().filter(|s| !is_test_file(&s.path)) {
        for (number, line) in product_lines(source) {
            if let Some(word) = words.iter().find(|w| line.contains(*w)) {
                faults.push_str(&format!("{}:{number}: `{word}`\n", source.path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{why}\n{faults}");
}

/// The workspace crates that `manifest` names in `[dependencies]`.
fn own_dependencies(manifest: &str) -> Vec<String> {
    const OURS: [&str; 7] = [
        "proto",
        "store",
        "firmware",
        "board",
        "web-setup",
        "image",
        "tests",
    ];
    let text = std::fs::read_to_string(root().join(manifest)).expect("a manifest");
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines() {
        if line.starts_with('[') {
            inside = line == "[dependencies]";
        } else if inside {
            let name = line.split(['.', '=', ' ']).next().unwrap_or_default();
            if OURS.contains(&name) {
                found.push(name.to_owned());
            }
        }
    }
    found.sort();
    found
}

#[test]
fn crates_depend_only_along_the_arrows() {
    let arrows: [(&str, &[&str]); 6] = [
        ("firmware/proto/Cargo.toml", &[]),
        ("firmware/store/Cargo.toml", &["proto"]),
        ("board/Cargo.toml", &[]),
        ("web-setup/Cargo.toml", &["proto", "store"]),
        ("image/Cargo.toml", &["board"]),
        ("firmware/Cargo.toml", &["board", "proto", "store", "web-setup"]),
    ];
    for (manifest, allowed) in arrows {
        for name in own_dependencies(manifest) {
            assert!(
                allowed.contains(&name.as_str()),
                "{manifest} must not depend on {name}"
            );
        }
    }
}

#[test]
fn only_the_store_names_redb() {
    for folder in [
        "firmware/src",
        "firmware/proto",
        "board",
        "web-setup",
        "image",
        "tests/src",
    ] {
        forbid(folder, &["redb::"], "redb is the store's own business");
    }
}

#[test]
fn proto_has_no_socket_file_thread_or_clock() {
    let words = [
        "std::fs",
        "std::net::Tcp",
        "std::net::Udp",
        "std::thread",
        "tokio",
        "SystemTime",
        "Instant::",
        "::now()",
    ];
    forbid(
        "firmware/proto/src",
        &words,
        "proto is pure: the driver does the I/O and says the time",
    );
}

#[test]
fn the_board_knows_no_mail() {
    forbid(
        "board/src",
        &["proto::", "store::", "mail_auth", "MailboxId"],
        "PID 1 parses nothing that a stranger sent",
    );
}

#[test]
fn the_image_uses_only_the_boards_layout() {
    for source in sources("image/src") {
        for (number, line) in product_lines(&source) {
            if line.contains("board::") {
                assert!(
                    line.contains("board::layout"),
                    "{}:{number}: {line}",
                    source.path.display()
                );
            }
        }
    }
}

#[test]
fn no_module_has_a_name_that_says_nothing() {
    let words = ["util", "utils", "common", "helpers", "manager", "misc"];
    for source in sources(".") {
        let stem = source
            .path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        assert!(
            !words.contains(&stem.as_str()),
            "{}: say what it is",
            source.path.display()
        );
        for word in words {
            let inline = format!("mod {word} {{");
            assert!(
                !source.text.contains(&inline) || source.path.ends_with("tidy.rs"),
                "{}",
                source.path.display()
            );
        }
    }
}

#[test]
fn files_and_functions_stay_small() {
    let mut faults = String::new();
    for source in sources(".") {
        let lines = source.text.lines().count();
        if lines > MAX_FILE_LINES {
            faults.push_str(&format!("{}: {lines} lines\n", source.path.display()));
        }
        for (start, length) in functions(&source.text) {
            if length > MAX_FUNCTION_LINES {
                faults.push_str(&format!(
                    "{}:{start}: a function of {length} lines\n",
                    source.path.display()
                ));
            }
        }
    }
    assert!(faults.is_empty(), "too big to read:\n{faults}");
}

/// Start and length of each function, found by the indentation that rustfmt guarantees.
fn functions(text: &str) -> Vec<(usize, usize)> {
    let lines: Vec<&str> = text.lines().collect();
    let mut found = Vec::new();
    for (start, line) in lines.iter().enumerate() {
        let body = line.trim_start();
        let indent = line.len() - body.len();
        let is_function = [
            "fn ",
            "pub fn ",
            "async fn ",
            "pub async fn ",
            "pub(crate) fn ",
            "pub(super) fn ",
        ]
        .iter()
        .any(|p| body.starts_with(p));
        if !is_function || body.ends_with(';') || body.ends_with('}') {
            continue;
        }
        let close = format!("{}}}", " ".repeat(indent));
        if let Some(length) = lines[start..].iter().position(|l| *l == close) {
            found.push((start + 1, length + 1));
        }
    }
    found
}

#[test]
fn functions_are_measured_from_their_first_line_to_their_closing_brace() {
    let text = "impl A {\n    fn a(&self) {\n        b();\n    }\n}\nfn one() {}\n";
    assert_eq!(functions(text), [(2, 3)]);
}
