//! The command line as a person at a shell uses it.

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
