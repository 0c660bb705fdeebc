//! The two processes under init, and what each may do.

use super::child::{Child, Recipe};
use super::journal;
use super::listeners::Listener;
use crate::layout;
use landlock::{
    ABI, Access, AccessFs, CompatLevel, Compatible, Ruleset, RulesetAttr, RulesetCreatedAttr,
    path_beneath_rules,
};
use std::io;
use std::os::fd::{AsFd, OwnedFd};

// linux/capability.h
const NET_BIND_SERVICE: u64 = 1 << 10;
const NET_ADMIN: u64 = 1 << 12;
const NET_RAW: u64 = 1 << 13;
const SYS_TIME: u64 = 1 << 25;

/// The mail server: no capabilities, its own folder, the sockets it was handed.
pub(super) fn start_serve(listeners: &[Listener]) -> io::Result<Child> {
    let names: Vec<&str> = listeners.iter().map(|listener| listener.name).collect();
    Child::start(&Recipe {
        arguments: vec!["serve", "--data", layout::MAIL_DIR],
        environment: vec![
            ("LISTEN_FDS", names.len().to_string()),
            ("LISTEN_FDNAMES", names.join(":")),
            ("HOME", layout::MAIL_DIR.to_owned()),
        ],
        uid: layout::SERVE_UID,
        capabilities: 0,
        descriptors: listeners.iter().map(|listener| listener.socket.as_fd()).collect(),
        rules: rules(
            &["/etc", "/run/link", "/dev/urandom"],
            // What is mounted below the folder of sticks later on is in the rule, too.
            &[layout::MAIL_DIR, layout::STICKS_DIR, "/dev/null"],
        ),
        open_files: 8192,
    })
}

/// The network process: addresses, the clock, and the ports of DHCP and mDNS.
pub(super) fn start_link() -> io::Result<Child> {
    Child::start(&Recipe {
        arguments: vec!["link"],
        environment: vec![],
        uid: layout::LINK_UID,
        capabilities: NET_BIND_SERVICE | NET_ADMIN | NET_RAW | SYS_TIME,
        descriptors: vec![],
        rules: rules(
            &["/etc", "/proc", "/sys", "/dev/urandom"],
            &["/run/link", "/dev/null"],
        ),
        open_files: 256,
    })
}

/// A ruleset as strict as the kernel knows; none on a kernel without Landlock.
fn rules(read: &[&str], write: &[&str]) -> Option<OwnedFd> {
    let abi = ABI::V5;
    // The roles are this binary, started once more after the rules hold.
    let program = std::env::current_exe().ok();
    let make = || -> Result<Option<OwnedFd>, landlock::RulesetError> {
        let ruleset = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(abi))?
            .create()?
            .add_rules(path_beneath_rules(
                program,
                AccessFs::ReadFile | AccessFs::Execute,
            ))?
            .add_rules(path_beneath_rules(
                read,
                AccessFs::from_read(abi) & !AccessFs::Execute,
            ))?
            .add_rules(path_beneath_rules(
                write,
                AccessFs::from_all(abi) & !AccessFs::Execute,
            ))?;
        Ok(ruleset.into())
    };
    match make() {
        Ok(rules) => rules,
        Err(error) => {
            journal::warn(format!("Landlock: {error}"));
            None
        }
    }
}
