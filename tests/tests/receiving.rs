//! The real binary takes mail in all the ways that SMTP knows, from many at once.

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use std::net::{Ipv4Addr, SocketAddr};
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

// Counted in octets of memory that are the process's own.
fn memory(pid: u32) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("RssAnon"));
    let kilobytes = line
        .and_then(|line| line.split_whitespace().nth(1))
        .context("no RssAnon")?;
    Ok(kilobytes.parse::<u64>()? * 1024)
}

const CONNECTIONS: u8 = 200;
const ROUND: usize = 384 * 1024;

async fn begun(port: u16, number: u8) -> Result<BufReader<TcpStream>> {
    let socket = TcpSocket::new_v4()?;
    // No single address may have so many.
    let from = Ipv4Addr::new(127, 0, 0, 2 + number % 4);
    socket.bind(SocketAddr::from((from, 0)))?;
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let mut stream = BufReader::new(socket.connect(to).await?);
    let envelope = format!(
        "HELO c.example\r\nMAIL FROM:<b{number}@far.example>\r\nRCPT TO:<{}>\r\nDATA\r\n",
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

#[tokio::test]
async fn two_hundred_messages_at_once_take_no_more_memory_the_longer_they_get() -> Result<()> {
    let office = Pillarbox::office(&["anna"], &[])?;
    let port = office.port("smtp")?;
    let mut streams = Vec::new();
    for number in 0..CONNECTIONS {
        streams.push(begun(port, number).await?);
    }
    // First everybody gets a file and full buffers.
    for _ in 0..2 {
        more(&mut streams).await?;
    }
    let before = memory(office.pid())?;
    for _ in 0..3 {
        more(&mut streams).await?;
    }
    let after = memory(office.pid())?;
    // 230 MB came in between. A box that was behind its callers is still taking its buffers then.
    let grown = after.saturating_sub(before) / 1_000_000;
    ensure!(grown < 64, "{before} octets grew to {after}");
    ensure!(after < 120_000_000, "{after} octets");
    for stream in &mut streams {
        stream.write_all(b".\r\nQUIT\r\n").await?;
    }
    for stream in &mut streams {
        let mut line = String::new();
        stream.read_line(&mut line).await?;
        ensure!(line.starts_with("250 "), "{line}");
    }
    ensure!(inbox(&office)?.count("INBOX")? == u32::from(CONNECTIONS));
    println!(
        "{CONNECTIONS} connections: {} MB, after 230 MB more {} MB",
        before / 1_000_000,
        after / 1_000_000
    );
    Ok(())
}
