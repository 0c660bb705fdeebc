//! `serve` under PID 1: sockets that were opened for it, and the pipe to the panel and the clock.

use std::path::Path;
use tests::children::bound;
use tests::pillarbox::binary;

#[test]
fn serve_takes_its_sockets_from_process_1_and_tells_it_what_to_show_and_the_time() {
    let folder = tempfile::tempdir().unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/board.py");
    let output = bound("python3")
        .arg(script)
        .arg(binary())
        .arg(folder.path())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(
        said.contains("Unheard") || said.contains("do not understand"),
        "{said}"
    );
}
