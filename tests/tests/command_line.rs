//! The command line as a person at a shell uses it.

use nix::pty::openpty;
use nix::sys::termios::{LocalFlags, tcgetattr};
use std::fs::File;
use std::io::{Read, Write};
use std::process::{Command, Stdio};
use tests::pillarbox::binary;

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
