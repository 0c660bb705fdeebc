//! The command line as a person at a shell uses it.

use nix::pty::openpty;
use nix::sys::termios::{LocalFlags, tcgetattr};
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use tests::pillarbox::{Pillarbox, binary};

#[test]
fn whoever_has_seen_enough_closes_the_pipe_and_hears_no_complaint() {
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader); // as `head` does
    let mut command = Command::new(binary());
    let command = command.arg("version").stdout(writer).stderr(Stdio::piped());
    let output = command.output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaint.is_empty(), "{complaint}");
}

#[test]
fn a_password_that_is_typed_is_not_shown() {
    let terminal = openpty(None, None).unwrap();
    let shows = || {
        tcgetattr(&terminal.slave)
            .unwrap()
            .local_flags
            .contains(LocalFlags::ECHO)
    };
    assert!(shows());
    let folder = tempfile::tempdir().unwrap();
    let slave = || terminal.slave.try_clone().unwrap();
    let mut command = Command::new(binary());
    command.args(["account", "password", "anna@firm.example", "--data"]);
    command.arg(folder.path());
    command.stdin(slave()).stdout(slave()).stderr(slave());
    let mut child = command.spawn().unwrap();
    drop(command);
    let mut keyboard = File::from(terminal.master.try_clone().unwrap());
    let (mut heard, mut piece) = (String::new(), [0; 4096]);
    let mut hear_until = |end: &str| {
        while !heard.contains(end) {
            let count = keyboard.read(&mut piece).unwrap();
            heard.push_str(&String::from_utf8_lossy(&piece[..count]));
        }
        heard.clone()
    };
    hear_until("New password: ");
    File::from(terminal.master.try_clone().unwrap())
        .write_all(b"correct horse\n")
        .unwrap();
    // There is no box; the password comes first all the same.
    let heard = hear_until("pillarbox: ");
    assert!(!heard.contains("horse"), "{heard}");
    assert!(!child.wait().unwrap().success());
    assert!(shows(), "the terminal is as it was");
}

#[test]
fn a_time_years_from_what_the_box_thinks_is_asked_about_once_more() {
    let pillarbox = Pillarbox::start(&[]).unwrap();
    let set = |args: &[&str]| {
        let output = pillarbox.cli(&[&["clock"], args].concat(), "").unwrap();
        assert!(!output.status.success());
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    let words = set(&["2150-11-24 19:05"]);
    assert!(
        words.contains("years after what the box thinks") && words.contains("--yes"),
        "{words}"
    );
    // On a computer the clock is not the box's to set, however sure one is.
    let words = set(&["2150-11-24 19:05", "--yes"]);
    assert!(words.contains("set it there"), "{words}");
    let words = set(&["--yes"]);
    assert!(words.contains("required"), "{words}");
}
