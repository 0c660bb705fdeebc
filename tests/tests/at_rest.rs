//! What the box takes when nobody wants anything of it.

use anyhow::{Result, bail, ensure};
use std::time::Duration;
use tests::imap::Imap;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::smtp::Smtp;

/// Octets of its own in a build for tests, which takes half as much again as a released one: less than the
/// one block of 19 MiB that a password is hashed in.
const AT_REST: u64 = 17_000_000;
/// The same if no password was judged since the start, which needs word lists that stay in memory.
const UNASKED: u64 = 10_000_000;

// It gives memory back when it gets round to it; how long that takes says nothing.
fn comes_to_rest(office: &Pillarbox, most: u64) -> Result<()> {
    for _ in 0..300 {
        if office.own_memory()? < most {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    bail!("it still takes {} octets of its own", office.own_memory()?)
}

fn use_it(office: &Pillarbox) -> Result<()> {
    let anna = format!("anna@{DOMAIN}");
    let (smtp, imaps) = (office.port("smtp")?, office.port("imaps")?);
    Smtp::connect(smtp)?.deliver("b@far.example", &anna, b"Subject: x\r\n\r\nx\r\n")?;
    // Each guess is hashed, and so is the right one.
    let refused = std::thread::scope(|scope| {
        let guess = |n: u32| {
            let anna = &anna;
            scope.spawn(move || Imap::login(imaps, anna, &format!("guess number {n}")).is_err())
        };
        let guesses: Vec<_> = (0..4).map(guess).collect();
        guesses
            .into_iter()
            .filter_map(|guess| guess.join().ok())
            .all(|refused| refused)
    });
    ensure!(refused, "a guess was right");
    ensure!(Imap::login(imaps, &anna, PASSWORD)?.count("INBOX")? > 0);
    Ok(())
}

#[test]
fn a_box_at_rest_takes_little_memory_and_has_given_back_what_passwords_were_hashed_in() -> Result<()> {
    let mut office = Pillarbox::office(&["anna"], &[])?;
    use_it(&office)?;
    comes_to_rest(&office, AT_REST)?;
    office.stop()?;
    office.restart()?;
    use_it(&office)?;
    comes_to_rest(&office, UNASKED)
}
