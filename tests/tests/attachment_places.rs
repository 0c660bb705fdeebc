//! Attachments in a folder of the computer's, at the real binary: named on the command line, gone with
//! its disk, over a restart too, and back.

use serde_json::Value;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;
use tests::fake_dns::FakeDns;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::sink::{Behaviour, Sink};

type Outcome = anyhow::Result<()>;

const SIZE: usize = 300_000;

struct Bench {
    pillarbox: Pillarbox,
    sink: Sink,
    home: tempfile::TempDir,
    _dns: FakeDns,
}

impl Bench {
    fn start() -> anyhow::Result<Self> {
        let (sink, dns) = (Sink::start(Behaviour::Accept)?, FakeDns::start()?);
        dns.mx("far.example", 10, "sink.example");
        dns.host("sink.example", "127.0.0.1".parse()?);
        let port = sink.address().port().to_string();
        let options = ["--dns", &dns.address().to_string(), "--relay-port", &port];
        let bench = Self {
            pillarbox: Pillarbox::office(&["anna"], &options)?,
            sink,
            home: tempfile::tempdir()?,
            _dns: dns,
        };
        fs::create_dir(bench.disk())?;
        Ok(bench)
    }

    fn disk(&self) -> PathBuf {
        self.home.path().join("disk")
    }

    fn pull(&self) -> std::io::Result<()> {
        fs::rename(self.disk(), self.home.path().join("pulled"))?;
        fs::create_dir(self.disk())
    }

    fn plug(&self) -> std::io::Result<()> {
        fs::remove_dir(self.disk())?;
        fs::rename(self.home.path().join("pulled"), self.disk())
    }

    fn links(&self, args: &[&str]) -> anyhow::Result<Value> {
        let args = [&["links"], args, &["--json"]].concat();
        Ok(serde_json::from_str(&self.pillarbox.cli_ok(&args, "")?)?)
    }

    /// What arrives outside of a message with an attachment, the `count`th of all.
    fn send(&self, count: usize) -> anyhow::Result<String> {
        let file = self.home.path().join("message");
        let mut message = format!(
            "From: anna@{DOMAIN}\r\nTo: x@far.example\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\n\r\nHello.\r\n--B\r\n\
             Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\n"
        );
        message.extend("plans\r\n".chars().cycle().take(SIZE));
        message.push_str("\r\n--B--\r\n");
        fs::write(&file, message)?;
        let done = Command::new("curl")
            .args(["-sS", "-k", "--user", &format!("anna@{DOMAIN}:{PASSWORD}")])
            .args(["--mail-from", &format!("anna@{DOMAIN}")])
            .args(["--mail-rcpt", "x@far.example", "-T"])
            .arg(&file)
            .arg(format!(
                "smtps://127.0.0.1:{}",
                self.pillarbox.port("submissions")?
            ))
            .output()?;
        let errors = String::from_utf8_lossy(&done.stderr);
        anyhow::ensure!(done.status.success(), "{errors}");
        let caught = self.sink.wait_for(count, Duration::from_secs(60))?;
        Ok(String::from_utf8_lossy(&caught[count - 1].data).into_owned())
    }

    /// Status, Retry-After and length of what a stranger gets.
    fn fetch(&self, path: &str) -> anyhow::Result<String> {
        let port = self.pillarbox.port("links")?;
        let done = Command::new("curl")
            .args(["-sS", "-k", "-o", "/dev/null"])
            .args(["-w", "%{http_code} %header{retry-after} %{size_download}"])
            .arg(format!("https://127.0.0.1:{port}{path}"))
            .output()?;
        Ok(String::from_utf8_lossy(&done.stdout).into_owned())
    }
}

#[test]
fn a_folder_goes_with_its_disk_and_comes_back_with_every_file() -> Outcome {
    let mut bench = Bench::start()?;
    let address = "https://mail.firm.example:8443".to_owned();
    let on = ["settings", "--on", "true", "--part", "0.1"];
    // Nobody answers at this address.
    let address = ["--trusted", "true", "--address", &address];
    bench.links(&[&on[..], &address].concat())?;
    let shown = bench.links(&["folder"])?;
    assert_eq!(
        (&shown["place"], &shown["state"]),
        (&Value::from("data partition"), &Value::from("fine"))
    );
    let chosen = bench.links(&["folder", bench.disk().to_str().unwrap()])?;
    let place = PathBuf::from(chosen["path"].as_str().unwrap());
    let linked = bench.send(1)?;
    assert!(linked.len() < 20_000);
    let token = linked.replace("=\r\n", "");
    let (_, token) = token.split_once("/l/").expect("a link");
    let file = format!("/l/{}/file", &token[..22]);
    let whole = format!("200  {SIZE}");
    assert_eq!(bench.fetch(&file)?, whole);
    assert_eq!(files(&place)?, 2, "the marker and the file");

    bench.pull()?;
    for restarted in [false, true] {
        if restarted {
            bench.pillarbox.kill()?;
            bench.pillarbox.restart()?;
        }
        let gone = bench.fetch(&file)?;
        assert!(gone.starts_with("503 600 "), "{gone}");
        assert_eq!(bench.links(&["folder"])?["state"], "missing");
        assert_eq!(files(&bench.disk())?, 0, "the mount point was used");
    }
    assert!(bench.send(2)?.len() > SIZE, "the attachment stays in the mail");
    let refused = bench.pillarbox.cli(&["links", "folder", "/nonexistent"], "")?;
    assert!(!refused.status.success());
    assert!(String::from_utf8_lossy(&refused.stderr).contains("cannot be used"));

    bench.plug()?;
    assert_eq!(bench.links(&["folder"])?["state"], "fine");
    assert_eq!(bench.fetch(&file)?, whole);
    assert!(bench.send(3)?.len() < 20_000);
    bench.links(&["folder", "data"])?;
    assert_eq!(bench.fetch(&file)?, whole, "older files stay where they are");
    Ok(())
}

fn files(folder: &Path) -> std::io::Result<usize> {
    Ok(fs::read_dir(folder)?.count())
}
