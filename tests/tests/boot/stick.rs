//! A USB stick for attachments: chosen, pulled out in use, and plugged in again.

use crate::{ADA, ADMIN_PASSWORD, BOOT, Board, SOON, glass};
use anyhow::{Context, Result, ensure};
use image::emulator::wait_for;
use image::fat;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use tests::sink::{Behaviour, Sink};
use tests::web::{Browser, LINK_RULES};

/// The machine that runs the emulator, as the board sees it.
const HERE: &str = "10.0.2.2";
const MIB: u64 = 1 << 20;
const SIZE: u64 = 256 * MIB;
/// Where a FAT32 volume keeps its id, in octets.
const FAT_ID: u64 = 67;
/// Of [`fat::volume`]s.
const ID: &str = "vfat-50425831";
const ATTACHMENT: usize = 300_000;

#[test]
fn a_stick_keeps_attachments_and_may_be_pulled_out_at_any_time() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let stick = stick(folder.path())?;
    let outside = Sink::start(Behaviour::Accept)?;
    let board = Board::switch_on(&folder.path().join("board"))?;
    let code = board.claim_code()?;
    let phone = crate::wizard::set_up(&board.wizard(), &code)?;
    let browser = Browser::new(&board.wizard())?;
    browser.sign_in("admin", ADMIN_PASSWORD)?;
    let port = outside.address().port().to_string();
    let through = [("host", HERE), ("port", &port), ("protection", "none")];
    browser.submit("/outgoing/through", &through)?;
    browser.submit("/links/rules", LINK_RULES)?;
    tell_the_time(&browser)?;

    board.emulator.plug_stick(&stick)?;
    the_page_says(&browser, "PLANS: 267.3 MB, FAT32")?;
    browser.submit("/links/folder", &[("place", &format!("stick:{ID}"))])?;
    the_page_says(
        &browser,
        "New attachments go to <b class=\"stranger\">USB stick PLANS</b>",
    )?;
    let linked = send(&board, &phone, &outside, 1)?;
    ensure!(linked.len() < 20_000, "the attachment is in the mail");
    let link = path_of_link(&linked)?;
    let file = format!("{link}/file");
    ensure!(is_whole(&browser, &file)?, "another file");

    board.emulator.pull_stick()?;
    let away = wait_for("the link to be away", SOON, || {
        Ok((browser.get(&file)?.status == 503).then_some(()))
    });
    away.with_context(|| board.emulator.serial())?;
    the_page_says(&browser, "It is missing. Attachments stay in their mails")?;
    wait_for("the missing stick on the panel", SOON, || {
        Ok(glass::shows_trouble(&glass::read(&board.emulator.panel()?)?, MISSING).then_some(()))
    })?;
    another_stick_is_not_taken_for_it(&board, &browser, &stick, &file)?;
    let whole = send(&board, &phone, &outside, 2)?;
    ensure!(whole.len() > ATTACHMENT, "the attachment is not in the mail");

    board.emulator.plug_stick(&stick)?;
    let back = wait_for("the link to work again", SOON, || {
        Ok((is_whole(&browser, &file)?).then_some(()))
    });
    back.with_context(|| board.emulator.serial())?;
    the_page_says(&browser, "are free there")?;
    ensure!(
        send(&board, &phone, &outside, 3)?.len() < 20_000,
        "the attachment is in the mail"
    );
    board.power_off()?;
    a_board_switched_on_with_the_stick_in_knows_it(&folder.path().join("board"), &stick, &file)?;
    let mut volume = vec![0; usize::try_from(SIZE - MIB)?];
    File::open(&stick)?.read_exact_at(&mut volume, MIB)?;
    let names: Vec<String> = fat::files(&mut volume)?.into_keys().collect();
    ensure!(names.contains(&"holiday.txt".to_owned()), "{names:?}");
    let kept = names
        .iter()
        .filter(|name| name.starts_with("pillarbox/pillarbox-"));
    ensure!(kept.count() == 2, "a marker and one file: {names:?}");
    Ok(())
}

fn another_stick_is_not_taken_for_it(
    board: &Board,
    browser: &Browser,
    stick: &Path,
    file: &str,
) -> Result<()> {
    let other = stick.with_file_name("other.img");
    std::fs::copy(stick, &other)?;
    let disk = File::options().write(true).open(&other)?;
    disk.write_all_at(b"\x01\x02\x03\x04", MIB + FAT_ID)?;
    board.emulator.plug_stick(&other)?;
    the_page_says(browser, "What is plugged in now is another stick")?;
    ensure!(
        browser.get(file)?.status == 503,
        "it took a file from another stick"
    );
    board.emulator.pull_stick()
}

/// Also after a start at which it was there before the mail server.
fn a_board_switched_on_with_the_stick_in_knows_it(folder: &Path, stick: &Path, file: &str) -> Result<()> {
    let board = Board::power(folder)?;
    board.emulator.plug_stick(stick)?;
    let browser = Browser::new(&board.wizard())?;
    let there = wait_for("the link to work after a start", BOOT, || {
        Ok(is_whole(&browser, file).unwrap_or(false).then_some(()))
    });
    there.with_context(|| board.emulator.serial())?;
    board.power_off()
}

/// No link is made before the box knows until when it works, and there may be no time server here.
fn tell_the_time(browser: &Browser) -> Result<()> {
    let now = jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M:%S").to_string();
    browser.submit("/clock", &[("time", &now)])?;
    let page = browser.page("/clock")?;
    ensure!(!page.contains("That may be wrong."), "{page}");
    Ok(())
}

const MISSING: &str = "USB stick PLANS missing: attachments stay in the mail";

/// As bought: one partition, FAT32, with somebody's file on it.
fn stick(folder: &Path) -> Result<PathBuf> {
    let path = folder.join("stick.img");
    let file = File::create(&path)?;
    file.set_len(SIZE)?;
    let mut table = [0; 512];
    let (start, length) = (MIB / 512, (SIZE - MIB) / 512);
    table[446 + 4] = 0x0c; // FAT32
    table[446 + 8..446 + 12].copy_from_slice(&u32::try_from(start)?.to_le_bytes());
    table[446 + 12..446 + 16].copy_from_slice(&u32::try_from(length)?.to_le_bytes());
    table[510..].copy_from_slice(&[0x55, 0xaa]);
    file.write_all_at(&table, 0)?;
    let files = fat::Files::from([("holiday.txt".to_owned(), b"sun".to_vec())]);
    file.write_all_at(&fat::volume(SIZE - MIB, "PLANS", &files)?, MIB)?;
    Ok(path)
}

fn content() -> Vec<u8> {
    b"plans\r\n".iter().copied().cycle().take(ATTACHMENT).collect()
}

/// What arrives outside of a message with an attachment, the `count`th of all.
fn send(board: &Board, phone: &str, outside: &Sink, count: usize) -> Result<String> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("message");
    let mut message = format!(
        "From: {ADA}\r\nTo: x@far.example\r\nSubject: {count}\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\n\r\nHello.\r\n--B\r\n\
         Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\n"
    )
    .into_bytes();
    message.extend(content());
    message.extend_from_slice(b"\r\n--B--\r\n");
    std::fs::write(&file, message)?;
    let mut curl = Command::new("curl");
    curl.args(["-sS", "-k", "--max-time", "120", "--mail-from", ADA])
        .args([
            "--mail-rcpt",
            "x@far.example",
            "--user",
            &format!("{ADA}:{phone}"),
        ])
        .arg("--upload-file")
        .arg(&file)
        .arg(format!("smtps://127.0.0.1:{}", board.port(465)));
    let done = curl.output()?;
    ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    let caught = outside.wait_for(count, SOON)?;
    let last = caught.last().context("nothing was caught")?;
    Ok(String::from_utf8_lossy(&last.data).into_owned())
}

fn is_whole(browser: &Browser, file: &str) -> Result<bool> {
    let seen = browser.get(file)?;
    Ok(seen.status == 200 && seen.page.as_bytes() == content())
}

fn path_of_link(message: &str) -> Result<String> {
    // Quoted-printable may break the line in the token.
    let message = message.replace("=\r\n", "");
    let (_, rest) = message
        .split_once("https://mail.firm.example/l/")
        .context("no link")?;
    Ok(format!("/l/{}", rest.get(..22).context("a short token")?))
}

fn the_page_says(browser: &Browser, words: &str) -> Result<()> {
    let mut page = String::new();
    let said = wait_for("the page to say so", SOON, || {
        page = browser.page("/links/folder")?;
        Ok(page.contains(words).then_some(()))
    });
    said.with_context(|| format!("{words:?} is not in {page}"))
}
