//! `link` on a LAN of its own: an address, a name, renewals, a pulled cable, a router that is gone.

use std::path::Path;
use tests::children::bound;
use tests::pillarbox::binary;

#[test]
fn link_gets_keeps_and_gives_back_an_address() {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/lan.py");
    let mut lan = bound("unshare");
    lan.args(["--net", "--mount"]);
    if !nix::unistd::geteuid().is_root() {
        lan.args(["--user", "--map-root-user"]);
    }
    let output = lan.arg("python3").arg(script).arg(binary()).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
}
