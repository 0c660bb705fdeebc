//! The whole way of a large attachment at the real binary: out by SMTP, back by HTTPS with curl, and
//! what is left when the plug is pulled.

#[path = "link_downloads/order.rs"]
mod order;
#[path = "link_downloads/unsent.rs"]
mod unsent;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proto::types::Timestamp;
use serde_json::Value;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime};
use store::{Event, EventKind, LinkChange, LinkId, Options, Store};
use tests::fake_dns::FakeDns;
use tests::imap::Imap;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::sink::{Behaviour, Sink};
use tests::smtp::Smtp;

const HOST: &str = "mail.firm.example";

/// An office with anna and ben whose attachments over 0.1 MB become links, and the world's mail server.
struct Bench {
    pillarbox: Pillarbox,
    sink: Sink,
    folder: tempfile::TempDir,
    _dns: FakeDns,
}

impl Bench {
    fn start() -> Self {
        let (sink, dns) = (Sink::start(Behaviour::Accept).unwrap(), FakeDns::start().unwrap());
        for domain in ["one.example", "two.example"] {
            dns.mx(domain, 10, "sink.example");
        }
        for host in ["sink.example", HOST] {
            dns.host(host, "127.0.0.1".parse().unwrap());
        }
        let port = sink.address().port().to_string();
        let options = ["--dns", &dns.address().to_string(), "--relay-port", &port];
        let pillarbox = Pillarbox::office(&["anna", "ben"], &options).unwrap();
        let this = Self {
            pillarbox,
            sink,
            folder: tempfile::tempdir().unwrap(),
            _dns: dns,
        };
        this.cli(&[
            "links",
            "settings",
            "--on",
            "true",
            "--part",
            "0.1",
            "--address",
            &this.address(),
        ]);
        this
    }

    fn address(&self) -> String {
        format!("https://{HOST}:{}", self.pillarbox.port("links").unwrap())
    }

    fn cli(&self, args: &[&str]) -> Value {
        let args = [args, &["--json"]].concat();
        serde_json::from_str(&self.pillarbox.cli_ok(&args, "sesame\n").unwrap()).unwrap()
    }

    /// anna sends a file with this content; curl is the mail program.
    fn send(&self, content: &[u8], to: &[&str]) -> std::process::Child {
        let mut message = format!(
            "From: anna@{DOMAIN}\r\nTo: x@one.example\r\nSubject: Film\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\n\r\nLook.\r\n--B\r\n\
             Content-Type: video/mp4; name=film.mp4\r\nContent-Transfer-Encoding: base64\r\n\
             Content-Disposition: attachment; filename=film.mp4\r\n\r\n"
        );
        for line in content.chunks(57) {
            message.push_str(&STANDARD.encode(line));
            message.push_str("\r\n");
        }
        message.push_str("--B--\r\n");
        let file = self.folder.path().join("message.eml");
        fs::write(&file, message).unwrap();
        let mut curl = Command::new("curl");
        curl.args(["-sS", "-k", "--user", &format!("anna@{DOMAIN}:{PASSWORD}")])
            .args(["--mail-from", &format!("anna@{DOMAIN}"), "-T"])
            .arg(&file);
        for to in to {
            curl.args(["--mail-rcpt", to]);
        }
        let port = self.pillarbox.port("submissions").unwrap();
        curl.arg(format!("smtps://127.0.0.1:{port}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        curl.spawn().unwrap()
    }

    /// Status and the rest of what curl printed.
    fn curl(&self, address: &str, args: &[&str]) -> (String, String) {
        let port = self.pillarbox.port("links").unwrap();
        let output = Command::new("curl")
            .args(["-sS", "-k", "-w", "\n%{http_code}", "--resolve"])
            .arg(format!("{HOST}:{port}:127.0.0.1"))
            .args(args)
            .arg(address)
            .output()
            .unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let (body, status) = text.rsplit_once('\n').unwrap_or(("", &text));
        (status.to_owned(), body.to_owned())
    }

    /// curl is killed when it has saved a million octets of the file.
    fn broken_off(&self, address: &str, saved: &Path) {
        let port = self.pillarbox.port("links").unwrap();
        let mut curl = Command::new("curl")
            .args(["-sS", "-k", "--limit-rate", "4M", "--resolve"])
            .arg(format!("{HOST}:{port}:127.0.0.1"))
            .arg("-o")
            .args([saved, Path::new(address)])
            .spawn()
            .unwrap();
        let size = || fs::metadata(saved).map_or(0, |facts| facts.len());
        let deadline = Instant::now() + Duration::from_secs(60);
        while size() < 1_000_000 {
            assert!(Instant::now() < deadline, "nothing comes");
            std::thread::sleep(Duration::from_millis(10));
        }
        curl.kill().unwrap();
        curl.wait().unwrap();
        assert!(size() < 30_000_000, "it was not broken off");
    }

    /// Everything that comes back, but for the time.
    fn answer(&self, address: &str, args: &[&str]) -> String {
        let (_, text) = self.curl(address, &[&["-i"], args].concat());
        let lines = text
            .lines()
            .filter(|line| !line.to_lowercase().starts_with("date:"));
        lines.collect::<Vec<_>>().join("\n")
    }

    /// How often each of anna's links was fetched.
    fn downloads(&self) -> Vec<u64> {
        let listed = self.cli(&["links", "list", &format!("anna@{DOMAIN}")]);
        let count = |link: &Value| link["downloads"].as_u64().unwrap();
        listed.as_array().unwrap().iter().map(count).collect()
    }

    /// The time of this link runs out while the box is off.
    fn expire(&mut self, id: u64) {
        self.pillarbox.stop().unwrap();
        let store = Store::open(self.pillarbox.data(), &Options::default()).unwrap();
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
        let now = Timestamp(i64::try_from(now.as_secs()).unwrap());
        let link = store.snapshot().unwrap().link(LinkId(id)).unwrap().unwrap();
        let event = Event {
            at: now,
            kind: EventKind::LinkChanged {
                link: id,
                account: link.account,
                what: "expired".to_owned(),
                by: "the test".to_owned(),
            },
        };
        let over = LinkChange::Extend(now.plus(-60));
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime
            .block_on(store.change_link(LinkId(id), None, over, event))
            .unwrap();
        drop(store);
        self.pillarbox.restart().unwrap();
    }

    fn attachments(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.pillarbox.data().join("attachments")).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

/// Octets that look like nothing else.
fn content(size: usize, seed: u32) -> Vec<u8> {
    let mut state = seed.wrapping_mul(2_654_435_761) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_le_bytes()
    };
    (0..size.div_ceil(4)).flat_map(|_| next()).take(size).collect()
}

fn link_in(mail: &[u8]) -> String {
    let text = String::from_utf8_lossy(mail);
    let (_, rest) = text.split_once("https://").expect("a link");
    format!("https://{}", rest.split_whitespace().next().unwrap())
}

fn sha256(file: &Path) -> String {
    let output = Command::new("sha256sum").arg(file).output().unwrap();
    String::from_utf8_lossy(&output.stdout)[..64].to_owned()
}

#[test]
fn fifty_megabytes_are_small_outside_whole_inside_and_fetched_with_resume() {
    let bench = Bench::start();
    // What becomes a link may be larger than what other servers take.
    let anna = format!("anna@{DOMAIN}");
    let mut own = Smtp::submissions(bench.pillarbox.port("submissions").unwrap(), &anna, PASSWORD).unwrap();
    assert!(
        own.command("EHLO again", "250")
            .unwrap()
            .contains("SIZE 734003200")
    );
    let mut world = Smtp::connect(bench.pillarbox.port("smtp").unwrap()).unwrap();
    assert!(
        world
            .command("EHLO again", "250")
            .unwrap()
            .contains("SIZE 52428800")
    );

    let film = content(37_000_000, 1);
    let original = bench.folder.path().join("film.mp4");
    fs::write(&original, &film).unwrap();
    let ben = format!("ben@{DOMAIN}");
    let message = bench.folder.path().join("sent.eml");
    let ports = ["submissions", "imaps"].map(|name| bench.pillarbox.port(name).unwrap().to_string());
    let said = Command::new("python3")
        .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("clients/large.py"))
        .args(ports)
        .args([&anna, PASSWORD])
        .args([&original, &message])
        .args([&ben, "x@one.example", "y@two.example"])
        .output()
        .unwrap();
    let words = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "{words}");
    assert_eq!(said.stdout, b"sent\nkept whole in Sent\n");

    let mut imap = Imap::login(bench.pillarbox.port("imaps").unwrap(), &ben, PASSWORD).unwrap();
    imap.ok("SELECT INBOX").unwrap();
    let whole = imap.body(1).unwrap();
    let message = fs::read(message).unwrap();
    assert!(whole.len() > 50_000_000 && whole.ends_with(&message[message.len() - 49_000_000..]));

    let caught = bench.sink.wait_for(2, Duration::from_secs(60)).unwrap();
    let links: Vec<String> = caught.iter().map(|mail| link_in(&mail.data)).collect();
    assert_ne!(links[0], links[1]);
    for (number, (mail, link)) in caught.iter().zip(&links).enumerate() {
        assert!(mail.data.len() < 10_000);
        let (status, page) = bench.curl(link, &[]);
        assert_eq!(status, "200", "{page}");
        assert!(
            page.contains(&sha256(&original))
                && page.contains("Pläne für 東京.mp4")
                && page.contains("37.0 MB")
        );
        let saved = bench.folder.path().join(format!("saved{number}"));
        let saved = saved.to_str().unwrap();
        let address = format!("{link}/file");
        // Neither asking for the size nor a look at the first octets is a download.
        assert_eq!(bench.curl(&address, &["-I", "-o", "/dev/null"]).0, "200");
        assert_eq!(bench.curl(&address, &["-r", "0-0", "-o", "/dev/null"]).0, "206");
        // The line breaks somewhere; the second try takes the rest.
        bench.broken_off(&address, Path::new(saved));
        assert!(bench.downloads().contains(&0));
        assert_eq!(bench.curl(&address, &["-C", "-", "-o", saved]).0, "206");
        assert_eq!(sha256(Path::new(saved)), sha256(&original));
    }
    assert_eq!(bench.attachments().len(), 1);
    assert_eq!(bench.downloads(), [1, 1]);
    assert_eq!(
        bench.curl(&format!("{}/file", links[0]), &["-o", "/dev/null"]).0,
        "200"
    );
    let mut downloads = bench.downloads();
    downloads.sort_unstable();
    assert_eq!(downloads, [1, 2]);
    assert_eq!(bench.cli(&["check"])["attachments"], 1);

    // An octet goes wrong on the disk.
    let file = fs::OpenOptions::new()
        .write(true)
        .open(&bench.attachments()[0])
        .unwrap();
    file.write_all_at(&[film[20_000_000] ^ 1], 20_000_000).unwrap();
    let report = bench.pillarbox.cli(&["check", "--json"], "").unwrap();
    let words = String::from_utf8_lossy(&report.stdout);
    assert!(
        !report.status.success() && words.contains("its content is not what it was"),
        "{words}"
    );
    let saved = bench.folder.path().join("damaged");
    let address = format!("{}/file", links[0]);
    bench.curl(&address, &["-o", saved.to_str().unwrap()]);
    assert!(fs::metadata(saved).unwrap().len() < 37_000_000, "it has no end");
    let (status, page) = bench.curl(&address, &[]);
    assert!(
        status == "410" && page.contains("This file was damaged"),
        "{page}"
    );
    assert_eq!(bench.cli(&["links", "list"])[0]["state"], "damaged");
}

#[test]
fn the_box_finds_itself_at_its_address_and_says_where_it_does_not() {
    let mut bench = Bench::start();
    let found = bench.cli(&["links", "check"]);
    assert_eq!(found["reached"], "unknown", "{found}");
    let why = found["why"].as_str().unwrap();
    assert!(why.contains("the box answers at 127.0.0.1"), "{why}");
    assert_eq!(found["links_are_made"], true);

    // Whoever answers there now, it is another box.
    let other = Pillarbox::office(&["eve"], &[]).unwrap();
    let theirs = format!("https://{HOST}:{}", other.port("links").unwrap());
    let set = bench.cli(&["links", "settings", "--address", &theirs]);
    assert_eq!(set["check"]["reached"], "no", "{set}");
    let why = set["check"]["why"].as_str().unwrap();
    assert!(
        why.contains("somebody else answers at 127.0.0.1, perhaps the router itself (HTTP 404 Not Found)"),
        "{why}"
    );
    assert_eq!(set["check"]["links_are_made"], false);
    let to = &["x@one.example"];
    let film = content(200_000, 3);
    assert!(bench.send(&film, to).wait().unwrap().success());
    assert_eq!(bench.cli(&["links", "list"]).as_array().unwrap().len(), 0);
    // It still knows after a restart, and an admin may know better.
    bench.pillarbox.kill().unwrap();
    bench.pillarbox.restart().unwrap();
    assert_eq!(bench.cli(&["links", "settings"])["check"]["reached"], "no");
    bench.cli(&["links", "settings", "--trusted", "true"]);
    assert!(bench.send(&film, to).wait().unwrap().success());
    assert_eq!(bench.cli(&["links", "list"]).as_array().unwrap().len(), 1);
}

#[test]
fn withdrawn_expired_guessed_and_wrongly_opened_links_are_refused_alike_and_a_frozen_senders_says_why() {
    let mut bench = Bench::start();
    assert!(
        bench
            .send(&content(200_000, 2), &["x@one.example"])
            .wait()
            .unwrap()
            .success()
    );
    let link = link_in(&bench.sink.wait_for(1, Duration::from_secs(60)).unwrap()[0].data);
    let id = bench.cli(&["links", "list"])[0]["id"].to_string();
    let guessed = format!("{}/l/AAAAAAAAAAAAAAAAAAAAAA", bench.address());
    let nothing = bench.answer(&guessed, &[]);
    assert!(
        nothing.contains(" 404 ") && nothing.contains("This link does not work"),
        "{nothing}"
    );
    bench.cli(&["links", "revoke", &id]);
    assert_eq!(bench.answer(&link, &[]), nothing);
    assert_eq!(bench.answer(&format!("{link}/file"), &[]), nothing);
    let token = link.rsplit_once('/').unwrap().1;
    bench.expire(id.parse().unwrap());
    let link = format!("{}/l/{token}", bench.address());
    let guessed = format!("{}/l/AAAAAAAAAAAAAAAAAAAAAA", bench.address());
    assert_eq!(bench.cli(&["links", "list"])[0]["state"], "expired");
    assert_eq!(bench.answer(&guessed, &[]), nothing);
    assert_eq!(bench.answer(&link, &[]), nothing);
    assert_eq!(bench.answer(&format!("{link}/file"), &[]), nothing);
    bench.cli(&["links", "extend", &id, "--days", "3"]);
    assert_eq!(bench.curl(&link, &[]).0, "200");

    bench.cli(&["links", "password", &id]);
    let (status, page) = bench.curl(&link, &[]);
    assert!(status == "200" && !page.contains("film.mp4"));
    assert_eq!(bench.curl(&format!("{link}/file"), &[]).0, "303");
    assert_eq!(bench.answer(&link, &["-d", "password=wrong"]), nothing);
    assert_eq!(bench.answer(&guessed, &["-d", "password=wrong"]), nothing);
    let jar = bench.folder.path().join("jar");
    let jar = jar.to_str().unwrap();
    assert_eq!(bench.curl(&link, &["-c", jar, "-d", "password=sesame"]).0, "303");
    let (status, file) = bench.curl(&format!("{link}/file"), &["-b", jar]);
    assert!(status == "200" && file.len() > 100_000);

    let anna = format!("anna@{DOMAIN}");
    bench
        .pillarbox
        .cli_ok(
            &["account", "create", &format!("chief@{DOMAIN}"), "--admin"],
            "long enough 7\n",
        )
        .unwrap();
    bench.cli(&["account", "freeze", &anna, "--reason", "the laptop was stolen"]);
    let (status, page) = bench.curl(&link, &[]);
    assert!(
        status == "403" && page.contains("the laptop was stolen"),
        "{page}"
    );
}

#[test]
fn a_plug_pulled_at_any_step_leaves_no_link_without_a_file_and_no_file_without_a_link() {
    let mut bench = Bench::start();
    // After each start the ports are others, and the address leads nowhere.
    bench.cli(&["links", "settings", "--trusted", "true"]);
    let mut committed = 0;
    for round in 0..8_u64 {
        let mut sending = bench.send(
            &content(3_000_000, 100 + u32::try_from(round).unwrap()),
            &["x@one.example"],
        );
        std::thread::sleep(Duration::from_millis(80 * round + 60));
        bench.pillarbox.kill().unwrap();
        let taken = sending.wait().unwrap().success();
        committed += usize::from(taken);
        bench.pillarbox.restart().unwrap();
        // The folder is put in order right after the start.
        let deadline = Instant::now() + Duration::from_secs(20);
        loop {
            let needed = bench.cli(&["links", "settings"])["files"].as_u64().unwrap();
            let there = bench.attachments();
            let finished = there
                .iter()
                .all(|file| !file.file_name().unwrap().to_string_lossy().starts_with('.'));
            if there.len() as u64 == needed && finished {
                break;
            }
            assert!(
                Instant::now() < deadline,
                "round {round}: {needed} are needed, there are {there:?}"
            );
            std::thread::sleep(Duration::from_millis(50));
        }
        let links = bench.cli(&["links", "list"]);
        assert!(links.as_array().unwrap().len() >= committed, "round {round}");
        bench.cli(&["check"]);
    }
    assert!(
        bench
            .send(&content(3_000_000, 99), &["x@one.example"])
            .wait()
            .unwrap()
            .success()
    );
    assert!(bench.attachments().len() > committed);
}
