//! How much memory it takes to link an attachment of a very large message.

use anyhow::{Context, ensure};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::process::Command;
use std::time::Duration;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};

/// Octets of the message.
const SIZE: u64 = 500_000_000;
/// The most that it may take, in kB: the board has 512 MB for everything.
const MOST: u64 = 64_000;

/// The most memory of its own, in kB, while the message becomes links. curl is the mail program.
pub fn peak() -> anyhow::Result<u64> {
    // What was linked stays queued: nobody answers at that port.
    let options = ["--dns", "127.0.0.1:9", "--relay-port", "9"];
    let pillarbox = Pillarbox::office(&["anna"], &options)?;
    let address = format!("https://mail.{DOMAIN}");
    pillarbox.cli_ok(&["links", "settings", "--on", "true", "--address", &address], "")?;
    let folder = tempfile::tempdir()?;
    let message = folder.path().join("message.eml");
    write_message(&mut BufWriter::new(File::create(&message)?))?;
    let sender = format!("anna@{DOMAIN}");
    let mut curl = Command::new("curl")
        .args(["-sS", "-k", "--user", &format!("{sender}:{PASSWORD}")])
        .args(["--mail-from", &sender, "--mail-rcpt", "x@one.example"])
        .args(["--mail-rcpt", "y@two.example", "--mail-rcpt", &sender, "-T"])
        .arg(&message)
        .arg(format!("smtps://127.0.0.1:{}", pillarbox.port("submissions")?))
        .spawn()
        .context("curl")?;
    let mut most = 0;
    while curl.try_wait()?.is_none() {
        most = most.max(pillarbox.own_memory()? / 1024);
        std::thread::sleep(Duration::from_millis(20));
    }
    ensure!(curl.wait()?.success(), "the message was not taken");
    let links = pillarbox.cli_ok(&["links", "list"], "")?;
    ensure!(links.lines().count() == 2, "it was not linked: {links}");
    ensure!(most < MOST, "it took {most} kB");
    Ok(most)
}

fn write_message(file: &mut impl Write) -> anyhow::Result<()> {
    write!(
        file,
        "From: anna@{DOMAIN}\r\nSubject: Film\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\n\r\nLook.\r\n--B\r\n\
         Content-Type: video/mp4; name=film.mp4\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename=film.mp4\r\n\r\n"
    )?;
    for line in 0..SIZE / 78 {
        write!(file, "{line:076}\r\n")?;
    }
    Ok(write!(file, "--B--\r\n")?)
}
