//! The very image on an emulated Raspberry Pi 3, through U-Boot, as it would run from a flashed card.
//! `scripts/test` builds the image first and turns the feature on.
#![cfg(feature = "boot")]

mod card;
mod glass;
mod slots;
mod stick;
mod wizard;

use anyhow::{Context, Result};
use image::emulator::{Emulator, Options, wait_for};
use std::io::Read;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::sleep;
use std::time::{Duration, Instant};
use tests::imap::Imap;
use tests::load::Load;
use tests::smtp::Smtp;

const DOMAIN: &str = "firm.example";
const ADA: &str = "ada@firm.example";
const PASSWORD: &str = "correct-horse-7";
const ADMIN_PASSWORD: &str = "battery-staple-9";
/// From power to a mail server; an emulated processor on a busy machine needs many of a real one's.
const BOOT: Duration = Duration::from_secs(240);
const SOON: Duration = Duration::from_secs(60);

#[test]
fn a_flashed_card_becomes_a_mail_server_and_keeps_what_it_accepted() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let board = Board::switch_on(folder.path())?;
    let code = board.claim_code()?;
    let phone = wizard::set_up(&board.wizard(), &code)?;

    a_message_goes_in_and_comes_out(&board, &phone)?;
    a_wrong_password_shows_on_the_panel(&board)?;
    let accepted = the_plug_is_pulled_in_the_middle_of_deliveries(board)?;

    let board = Board::switch_on(folder.path())?;
    every_accepted_message_is_there(&board, &phone, &accepted)?;
    board.power_off()?;
    card::is_clean_and_has_grown(folder.path())
}

#[test]
fn a_first_start_cut_short_while_the_card_grows_is_made_up_for_by_the_next() -> Result<()> {
    for words in ["data partition grown", "file system grown"] {
        let folder = tempfile::tempdir()?;
        let board = Board::power(folder.path())?;
        let grown = wait_for(words, BOOT, || {
            Ok(board.emulator.serial().contains(words).then_some(()))
        });
        grown.with_context(|| board.emulator.serial())?;
        board.emulator.pull_the_plug()?;
        let board = Board::switch_on(folder.path())?;
        board.claim_code()?;
        board.emulator.pull_the_plug()?;
        card::has_grown(folder.path())?;
    }
    Ok(())
}

/// A board, its card in `folder`, with ports of its own.
struct Board {
    emulator: Emulator,
    ports: u16,
}

impl Board {
    /// Switches on and waits until it is a mail server.
    fn switch_on(folder: &Path) -> Result<Board> {
        let started = Instant::now();
        let board = Board::power(folder)?;
        let up = wait_for("the board's port 25", BOOT, || Ok(board.greets().then_some(())));
        up.with_context(|| board.emulator.serial())?;
        eprintln!("from power to SMTP: {:.1} s", started.elapsed().as_secs_f32());
        Ok(board)
    }

    fn power(folder: &Path) -> Result<Board> {
        let ports = free_ports()?;
        let options = Options {
            card: card_image(),
            state: folder.to_path_buf(),
            fresh: false,
            port_base: ports,
        };
        let emulator = Emulator::start(&options)?;
        Ok(Board { emulator, ports })
    }

    /// Whether port 25 greets. QEMU takes connections before the board does and lets them hang, so
    /// each is given a second only.
    fn greets(&self) -> bool {
        let greeting = || -> std::io::Result<[u8; 4]> {
            let mut stream = TcpStream::connect(("127.0.0.1", self.port(25)))?;
            stream.set_read_timeout(Some(Duration::from_secs(1)))?;
            let mut first = [0; 4];
            stream.read_exact(&mut first)?;
            Ok(first)
        };
        greeting().is_ok_and(|first| first == *b"220 ")
    }

    fn port(&self, real: u16) -> u16 {
        self.ports + real
    }

    fn wizard(&self) -> String {
        format!("https://127.0.0.1:{}", self.port(443))
    }

    /// Read from the pixels of the panel, as the person in front of the box does.
    fn claim_code(&self) -> Result<String> {
        let code = wait_for("the claim code on the panel", SOON, || {
            Ok(glass::claim_code(&glass::read(&self.emulator.panel()?)?))
        });
        code.with_context(|| self.emulator.serial())
    }

    fn power_off(mut self) -> Result<()> {
        wizard::power_off(&self.wizard())?;
        let ended = wait_for("the board to power off", SOON, || self.emulator.ended());
        let status = ended.with_context(|| self.emulator.serial())?;
        anyhow::ensure!(status.success(), "QEMU ended with {status}");
        Ok(())
    }
}

fn a_message_goes_in_and_comes_out(board: &Board, phone: &str) -> Result<()> {
    let message = "From: <eve@far.example>\r\nTo: <ada@firm.example>\r\nSubject: hello\r\n\r\nIt works.\r\n";
    Smtp::connect(board.port(25))?.deliver("eve@far.example", ADA, message.as_bytes())?;
    let mut imap = Imap::login(board.port(993), ADA, phone)?;
    imap.ok("SELECT INBOX")?;
    let body = imap.body(1)?;
    assert!(
        body.ends_with(message.as_bytes()),
        "{}",
        String::from_utf8_lossy(&body)
    );
    Ok(())
}

fn a_wrong_password_shows_on_the_panel(board: &Board) -> Result<()> {
    let shown = || glass::read(&board.emulator.panel()?);
    assert!(!glass::shows_failed_logins(&shown()?, 1), "before anyone failed");
    assert!(
        Imap::login(board.port(993), ADA, "guessed").is_err(),
        "a wrong password logs in"
    );
    let seen = wait_for("the failed login on the panel", SOON, || {
        Ok(glass::shows_failed_logins(&shown()?, 1).then_some(()))
    });
    seen.with_context(|| {
        shown()
            .map(|picture| picture.to_lines().join("\n"))
            .unwrap_or_default()
    })
}

/// Returns the Message-IDs that were answered 250.
fn the_plug_is_pulled_in_the_middle_of_deliveries(board: Board) -> Result<Vec<String>> {
    let load = Load {
        port: board.port(25),
        to: ADA.to_owned(),
        connections: 4,
        messages: 100_000,
        size: 4_000,
    };
    let stop = AtomicBool::new(false);
    let accepted = std::thread::scope(|scope| {
        let senders = scope.spawn(|| load.run("plug", &stop));
        sleep(Duration::from_secs(8));
        // The senders go on until the connection dies under them.
        let pulled = board.emulator.pull_the_plug();
        sleep(Duration::from_secs(1));
        stop.store(true, Ordering::Relaxed);
        pulled.map(|()| senders.join().expect("the senders end"))
    })?;
    eprintln!("{} messages accepted before the plug was pulled", accepted.len());
    assert!(
        accepted.len() >= 10,
        "too few to prove anything: {}",
        accepted.len()
    );
    Ok(accepted)
}

fn every_accepted_message_is_there(board: &Board, phone: &str, accepted: &[String]) -> Result<()> {
    let mut imap = Imap::login(board.port(993), ADA, phone)?;
    let count = imap.count("INBOX")?;
    imap.ok("SELECT INBOX")?;
    let mut found = String::new();
    for response in imap.ok(&format!("FETCH 1:{count} BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]"))? {
        for literal in response.literals {
            found.push_str(&String::from_utf8_lossy(&literal));
        }
    }
    let missing: Vec<&String> = accepted
        .iter()
        .filter(|id| !found.contains(&format!("<{id}>")))
        .collect();
    assert!(missing.is_empty(), "accepted and lost: {missing:?}");
    Ok(())
}

/// Where `scripts/image` puts it.
fn card_image() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../out/pillarbox.img");
    std::env::var_os("PILLARBOX_CARD").map_or(built, PathBuf::from)
}

/// A base above which all the ports that the board needs are free.
fn free_ports() -> Result<u16> {
    let free = |base: u16| {
        let all = board::layout::LISTENERS;
        all.iter()
            .all(|(_, port)| TcpListener::bind(("127.0.0.1", base + port)).is_ok())
    };
    // Below the ports that outgoing connections get; neighbours in time start at different places.
    let first = u16::try_from(std::process::id() % 13)?;
    let mut bases = (0..13).map(|step| 11_000 + (first + step) % 13 * 1_000);
    bases
        .find(|base| free(*base))
        .context("no free ports on this machine")
}
