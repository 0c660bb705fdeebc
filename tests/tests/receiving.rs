//! The real binary takes mail in all the ways that SMTP knows, from many at once.

use anyhow::{Context, Result, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::MetadataExt;
use std::time::Duration;
use store::{Options, Store};
use tests::imap::Imap;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::smtp::Smtp;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpSocket, TcpStream};

fn anna() -> String {
    format!("anna@{DOMAIN}")
}

fn inbox(office: &Pillarbox) -> Result<Imap> {
    let mut imap = Imap::login(office.port("imaps")?, &anna(), PASSWORD)?;
    imap.ok("SELECT INBOX")?;
    Ok(imap)
}

#[test]
fn a_binary_message_in_pieces_is_read_back_whole_in_base64() -> Result<()> {
    let office = Pillarbox::office(&["anna"], &[])?;
    let content: Vec<u8> = (0..600_000_u32).map(|n| (n * 7 % 251) as u8).collect();
    let mut message = b"Subject: picture\r\nMIME-Version: 1.0\r\nContent-Type: image/png\r\n\
        Content-Transfer-Encoding: binary\r\n\r\n"
        .to_vec();
    message.extend_from_slice(&content);
    let mut smtp = Smtp::connect(office.port("smtp")?)?;
    // All at once, as pipelining allows; what cannot be told from commands is counted.
    let mut sent = format!(
        "MAIL FROM:<b@far.example> BODY=BINARYMIME\r\nRCPT TO:<{}>\r\n",
        anna()
    )
    .into_bytes();
    let pieces: Vec<&[u8]> = message.chunks(100_003).collect();
    for (number, piece) in (1..).zip(&pieces) {
        let last = if number == pieces.len() { " LAST" } else { "" };
        sent.extend_from_slice(format!("BDAT {}{last}\r\n", piece.len()).as_bytes());
        sent.extend_from_slice(piece);
    }
    smtp.send(&sent)?;
    for _ in 0..pieces.len() + 2 {
        smtp.expect("250")?;
    }
    let mut imap = inbox(&office)?;
    let text = String::from_utf8(imap.body(1)?)?;
    let (header, body) = text.split_once("\r\n\r\n").context("no body")?;
    ensure!(header.contains("Content-Transfer-Encoding: base64"), "{header}");
    ensure!(
        BASE64.decode(body.replace("\r\n", ""))? == content,
        "the picture is another"
    );
    Ok(())
}

#[test]
fn a_sender_who_asks_is_told_and_one_who_asks_for_silence_is_not() -> Result<()> {
    let mut office = Pillarbox::office(&["anna"], &["--dns", "127.0.0.1:9"])?;
    let mut smtp = Smtp::connect(office.port("smtp")?)?;
    for (from, notify) in [("b@far.example", "NEVER"), ("b@far.example", "SUCCESS,DELAY")] {
        smtp.command(&format!("MAIL FROM:<{from}> RET=HDRS ENVID=A+2B1"), "250")?;
        smtp.command(
            &format!(
                "RCPT TO:<{}> NOTIFY={notify} ORCPT=rfc822;Anna@old.example",
                anna()
            ),
            "250",
        )?;
        smtp.send(b"BDAT 14 LAST\r\nSubject: x\r\n\r\n")?;
        smtp.expect("250")?;
    }
    ensure!(inbox(&office)?.count("INBOX")? == 2);
    office.stop()?;
    let store = Store::open(office.data(), &Options::default())?;
    let queue = store.snapshot()?.queue(None, 9)?;
    ensure!(queue.len() == 1 && queue[0].from.is_none(), "{queue:?}");
    ensure!(queue[0].to.to_string() == "b@far.example");
    ensure!(store.check()?.is_clean());
    Ok(())
}

const CONNECTIONS: u8 = 200;
const ROUND: usize = 384 * 1024;
/// Octets of memory that one connection in the middle of a message may take: the one buffer of 64 KiB that
/// is read into and cut in, and the session, some 30 KiB of them.
const EACH: u64 = 112 * 1024;
/// Octets of all messages together that may wait in memory until they go to the card.
const WAITING: u64 = proto::limits::smtp::ALL_IN_MEMORY as u64;
/// What the stacks of the 64 threads take that write to the card, in a build for tests.
const STACKS: u64 = 64 * 320 * 1024;

async fn begun(port: u16, number: u8) -> Result<BufReader<TcpStream>> {
    let socket = TcpSocket::new_v4()?;
    // No single address may have so many.
    let from = Ipv4Addr::new(127, 0, 0, 2 + number % 4);
    socket.bind(SocketAddr::from((from, 0)))?;
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = BufReader::new(socket.connect(to).await?);
    let envelope = format!(
        "EHLO c.example\r\nMAIL FROM:<b{number}@far.example> SIZE=52428800\r\nRCPT TO:<{}>\r\nDATA\r\n",
        anna()
    );
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    stream.write_all(envelope.as_bytes()).await?;
    while !line.starts_with("354") {
        line.clear();
        ensure!(stream.read_line(&mut line).await? > 0, "the connection ended");
        ensure!(line.starts_with(['2', '3']), "{line}");
    }
    stream.write_all(b"Subject: large\r\n\r\n").await?;
    Ok(stream)
}

async fn more(streams: &mut [BufReader<TcpStream>]) -> Result<()> {
    let lines = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcd\r\n".repeat(ROUND / 64);
    for stream in streams {
        stream.write_all(lines.as_bytes()).await?;
    }
    Ok(())
}

// The files without a name that the box has open in its spool, and their octets on the disk.
fn spooled(office: &Pillarbox) -> Result<(usize, u64)> {
    let folder = office.data().join("spool");
    let (mut files, mut octets) = (0, 0);
    for open in std::fs::read_dir(format!("/proc/{}/fd", office.pid()))? {
        let open = open?.path();
        let Ok(name) = std::fs::read_link(&open) else {
            continue;
        };
        if name.starts_with(&folder) {
            files += 1;
            octets += std::fs::metadata(&open).map_or(0, |file| file.blocks() * 512);
        }
    }
    Ok((files, octets))
}

// Waits until the box has done something; how long that takes says nothing.
async fn until(mut done: impl FnMut() -> Result<bool>) -> Result<()> {
    for _ in 0..600 {
        if done()? {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("it never came to that")
}

#[tokio::test]
async fn two_hundred_messages_at_once_take_no_more_memory_the_longer_they_get_and_leave_nothing() -> Result<()>
{
    let office = Pillarbox::office(&["anna"], &[])?;
    let port = office.port("smtp")?;
    let idle = office.own_memory()?;
    let mut streams = Vec::new();
    for number in 0..CONNECTIONS {
        streams.push(begun(port, number).await?);
    }
    // First everybody gets a file and full buffers.
    let everybody = u64::from(CONNECTIONS);
    for _ in 0..2 {
        more(&mut streams).await?;
    }
    let all_came = |rounds: u64| {
        let came = everybody * rounds * ROUND as u64;
        // (The last piece of each may still be in a socket.)
        let least = came - everybody * 256 * 1024;
        let office = &office;
        until(move || Ok(spooled(office)?.1 >= least))
    };
    all_came(2).await?;
    let before = office.own_memory()?;
    let bound = idle + everybody * EACH + WAITING + STACKS;
    ensure!(before < bound, "{idle} octets grew to {before}, over {bound}");
    for _ in 0..3 {
        more(&mut streams).await?;
    }
    all_came(5).await?;
    let after = office.own_memory()?;
    let (files, octets) = spooled(&office)?;
    println!(
        "idle {idle}, {CONNECTIONS} connections {before}, after {} MB more {after}; on the disk {octets}",
        3 * everybody * ROUND as u64 / 1_000_000
    );
    // 230 MB came in between: memory does not know of them. (Some of the threads may have started late.)
    ensure!(after < before + STACKS, "{before} octets grew to {after}");
    ensure!(after < bound, "{after} octets");
    // The disk holds what came and nothing else, in files that no crash can leave behind.
    let came = everybody * (5 * ROUND as u64 + 64 * 1024);
    ensure!(
        files == usize::from(CONNECTIONS) && octets <= came,
        "{files} files, {octets} octets"
    );
    ensure!(std::fs::read_dir(office.data().join("spool"))?.count() == 0);
    // Every other one breaks off; the rest comes to its end.
    let mut number = 0;
    streams.retain(|_| {
        number += 1;
        number % 2 == 0
    });
    until(|| Ok(spooled(&office)?.0 == streams.len())).await?;
    for stream in &mut streams {
        stream.write_all(b".\r\nQUIT\r\n").await?;
    }
    for stream in &mut streams {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        ensure!(line.starts_with("250 "), "{line}");
    }
    ensure!(inbox(&office)?.count("INBOX")? == u32::from(CONNECTIONS) / 2);
    ensure!(spooled(&office)? == (0, 0));
    Ok(())
}
