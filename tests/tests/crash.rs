//! The plug is pulled under load: everything that was answered 250 is there, and the store is whole.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tests::imap::Imap;
use tests::load::Load;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};

const ROUNDS: u32 = 10;

#[test]
fn ten_kills_under_load_lose_nothing_that_was_acknowledged() {
    let mut pillarbox = Pillarbox::office(&["anna"], &[]).unwrap();
    let anna = format!("anna@{DOMAIN}");
    let mut accepted = Vec::new();
    for round in 0..ROUNDS {
        // Message sizes on both sides of the memory spool, and one connection as well as many.
        let (connections, size) = [(10, 4_000), (1, 4_000), (5, 100_000), (3, 600_000)][round as usize % 4];
        let load = Load {
            port: pillarbox.port("smtp").unwrap(),
            to: anna.clone(),
            connections,
            messages: u32::MAX,
            size,
        };
        let stop = AtomicBool::new(false);
        let ids = std::thread::scope(|scope| {
            let sender = scope.spawn(|| load.run(&format!("round{round}"), &stop));
            std::thread::sleep(Duration::from_millis(300 + u64::from(round) * 70));
            pillarbox.kill().unwrap();
            stop.store(true, Ordering::Relaxed);
            sender.join().unwrap()
        });
        assert!(
            !ids.is_empty(),
            "round {round} was killed before it accepted anything"
        );
        accepted.extend(ids);
        pillarbox.restart().unwrap();
    }

    let found = message_ids(&pillarbox, &anna);
    let missing: Vec<_> = accepted.iter().filter(|id| !found.contains_key(*id)).collect();
    assert!(
        missing.is_empty(),
        "{} of {} lost: {missing:?}",
        missing.len(),
        accepted.len()
    );
    let twice: Vec<_> = found.iter().filter(|(_, count)| **count > 1).collect();
    assert!(twice.is_empty(), "delivered more than once: {twice:?}");
    pillarbox.cli_ok(&["check"], "").unwrap();
    pillarbox.kill().unwrap();
    pillarbox.cli_ok(&["check"], "").unwrap();
}

/// How often each Message-ID stands in the inbox.
fn message_ids(pillarbox: &Pillarbox, user: &str) -> HashMap<String, u32> {
    let mut imap = Imap::login(pillarbox.port("imaps").unwrap(), user, PASSWORD).unwrap();
    imap.ok("SELECT INBOX").unwrap();
    let mut found = HashMap::new();
    for row in imap
        .ok("FETCH 1:* (BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)])")
        .unwrap()
    {
        for literal in row.literals {
            let text = String::from_utf8_lossy(&literal).into_owned();
            if let Some(id) = text.split(['<', '>']).nth(1) {
                *found.entry(id.to_owned()).or_default() += 1;
            }
        }
    }
    found
}
