//! A headless Chromium goes through the pages of links: the recipient's from the link in the mail, the
//! sender's, and the admin's.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::Duration;
use tests::fake_dns::FakeDns;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::sink::{Behaviour, Sink};

const HOST: &str = "mail.firm.example";
const SIZE: usize = 300_000;
/// Four scripts, one of them from right to left.
const NAME: &str = "建築 план תוכנית Pläne.pdf";

struct Bench {
    pillarbox: Pillarbox,
    sink: Sink,
    _dns: FakeDns,
}

impl Bench {
    fn start() -> anyhow::Result<Self> {
        let (sink, dns) = (Sink::start(Behaviour::Accept)?, FakeDns::start()?);
        dns.mx("one.example", 10, "sink.example");
        for host in ["sink.example", HOST] {
            dns.host(host, "127.0.0.1".parse()?);
        }
        let port = sink.address().port().to_string();
        let options = ["--dns", &dns.address().to_string(), "--relay-port", &port];
        let pillarbox = Pillarbox::office(&["anna", "ben"], &options)?;
        let address = format!("https://{HOST}:{}", pillarbox.port("links")?);
        let on = [
            "links",
            "settings",
            "--on",
            "true",
            "--part",
            "0.1",
            "--address",
            &address,
        ];
        pillarbox.cli_ok(&on, "")?;
        Ok(Self {
            pillarbox,
            sink,
            _dns: dns,
        })
    }

    /// What arrives outside of ben's message with this file, the `count`th of all.
    fn send(&self, name: &str, content: &[u8], count: usize) -> anyhow::Result<String> {
        let folder = tempfile::tempdir()?;
        let file = folder.path().join("message.eml");
        std::fs::write(&file, message(name, content))?;
        let ben = format!("ben@{DOMAIN}");
        let done = Command::new("curl")
            .args(["-sS", "-k", "--user", &format!("{ben}:{PASSWORD}"), "-T"])
            .arg(&file)
            .args(["--mail-from", &ben, "--mail-rcpt", "x@one.example"])
            .arg(format!(
                "smtps://127.0.0.1:{}",
                self.pillarbox.port("submissions")?
            ))
            .output()?;
        anyhow::ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        let caught = self.sink.wait_for(count, Duration::from_secs(60))?;
        Ok(String::from_utf8_lossy(&caught[count - 1].data).replace("=\r\n", ""))
    }
}

fn message(name: &str, content: &[u8]) -> String {
    let coded = name.bytes().fold(String::new(), |mut coded, octet| {
        let _ = write!(coded, "%{octet:02X}");
        coded
    });
    let mut message = format!(
        "From: ben@{DOMAIN}\r\nTo: x@one.example\r\nSubject: Plans\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\n\r\nLook.\r\n--B\r\n\
         Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\
         Content-Disposition: attachment; filename*=utf-8''{coded}\r\n\r\n"
    );
    for line in content.chunks(57) {
        message.push_str(&STANDARD.encode(line));
        message.push_str("\r\n");
    }
    message.push_str("--B--\r\n");
    message
}

fn sha256(content: &[u8]) -> String {
    let hash = ring::digest::digest(&ring::digest::SHA256, content);
    hash.as_ref().iter().fold(String::new(), |mut hex, octet| {
        let _ = write!(hex, "{octet:02x}");
        hex
    })
}

#[test]
fn recipient_sender_and_admin_find_their_pages_and_each_change_takes_effect() -> anyhow::Result<()> {
    let bench = Bench::start()?;
    let content: Vec<u8> = b"plans\r\n".iter().copied().cycle().take(SIZE).collect();
    let mail = bench.send(NAME, &content, 1)?;
    let (_, link) = mail.split_once("https://").expect("a link");
    let link = format!("https://{}", link.split_whitespace().next().unwrap());
    let clients = Path::new(env!("CARGO_MANIFEST_DIR")).join("clients");
    let base = format!("https://127.0.0.1:{}", bench.pillarbox.port("https")?);
    let ben = format!("ben@{DOMAIN}");
    let output = Command::new("python3")
        .arg(clients.join("links.py"))
        .args([&base, &link, NAME, &sha256(&content), &ben, PASSWORD])
        .arg(clients.join("../../target/pictures"))
        .output()?;
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );

    // The admin had ben's stay in the mail, and everybody's drawings.
    let cli = |args: &[&str]| bench.pillarbox.cli_ok(args, "");
    cli(&["account", "unfreeze", &ben])?;
    assert!(bench.send("a.pdf", &content, 2)?.len() > SIZE);
    cli(&["links", "settings", "--account", &ben, "--linked", "true"])?;
    assert!(bench.send("a.dwg", &content, 3)?.len() > SIZE);
    assert!(bench.send("a.pdf", &content, 4)?.len() < 10_000);
    Ok(())
}
