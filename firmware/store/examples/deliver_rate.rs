//! How many messages a second the store takes, and how much it writes for each:
//! `cargo run --release -p store --example deliver_rate -- [FOLDER]`.
#![allow(clippy::print_stdout, clippy::unwrap_used)] // a measuring tool talks and may give up

use proto::types::{AccountId, Address, Flags, Structure, Timestamp};
use std::time::Instant;
use store::{Body, Delivery, MailCopy, NewAccount, Options, Place, Store};

const ACCOUNTS: u64 = 10;

fn main() {
    let here = std::env::args().nth(1).unwrap_or_else(|| ".".to_owned());
    let runtime = tokio::runtime::Builder::new_multi_thread().build().unwrap();
    println!(
        "{:>8} {:>8} {:>10} {:>12} {:>12} {:>10}",
        "octets", "callers", "msg/s", "written/msg", "file/msg", "rss MiB"
    );
    for (octets, callers, each) in [
        (4_000, 1, 300),
        (4_000, 10, 300),
        (4_000, 50, 200),
        (100_000, 1, 100),
        (100_000, 10, 50),
        (100_000, 50, 20),
    ] {
        let dir = tempfile::tempdir_in(&here).unwrap();
        let store = Store::open(dir.path(), &Options::default()).unwrap();
        let accounts: Vec<AccountId> = (0..ACCOUNTS)
            .map(|n| runtime.block_on(store.create_account(person(n))).unwrap())
            .collect();
        let (written, started) = (proc("io", "write_bytes"), Instant::now());
        runtime.block_on(async {
            let callers = (0..callers).map(|caller| {
                let store = store.clone();
                let accounts = accounts.clone();
                tokio::spawn(async move {
                    for n in 0..each {
                        let account = *accounts.get(n % accounts.len()).unwrap();
                        store
                            .deliver(vec![message(caller, n, octets, account)])
                            .await
                            .unwrap();
                    }
                })
            });
            for caller in callers.collect::<Vec<_>>() {
                caller.await.unwrap();
            }
        });
        let count = u32::try_from(callers * each).unwrap();
        let took = started.elapsed().as_secs_f64();
        let written = proc("io", "write_bytes") - written;
        let file = std::fs::metadata(dir.path().join("pillarbox.redb"))
            .unwrap()
            .len();
        println!(
            "{octets:>8} {callers:>8} {:>10.0} {:>12} {:>12} {:>10.1}",
            f64::from(count) / took,
            written / u64::from(count),
            file / u64::from(count),
            f64::from(u32::try_from(proc("status", "VmRSS")).unwrap()) / 1024.0,
        );
        assert!(store.check().unwrap().is_clean());
    }
}

fn person(n: u64) -> NewAccount {
    let address = Address::parse(&format!("p{n}@office.example")).unwrap();
    NewAccount {
        address,
        password_hash: String::new(),
        admin: false,
        created: Timestamp(0),
    }
}

/// A message whose body nobody else has.
fn message(caller: usize, n: usize, octets: usize, account: AccountId) -> Delivery {
    let mut bytes = format!("Subject: {caller} {n}\r\n\r\n").into_bytes();
    let mut seed = caller as u64 * 1_000_003 + n as u64 + 1;
    while bytes.len() < octets {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        bytes.extend_from_slice(&seed.to_le_bytes());
    }
    let date = Timestamp(i64::try_from(n).unwrap());
    let copy = MailCopy {
        into: Place::Inbox(account),
        flags: Flags::new(),
        date,
    };
    let structure = Structure {
        size: bytes.len() as u64,
        ..Structure::default()
    };
    let body = Body::from_bytes(bytes);
    Delivery {
        body,
        structure,
        copies: vec![copy],
        outgoing: Vec::new(),
        received_at: date,
    }
}

/// A number out of /proc/self.
fn proc(file: &str, field: &str) -> u64 {
    let text = std::fs::read_to_string(format!("/proc/self/{file}")).unwrap();
    let line = text.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
