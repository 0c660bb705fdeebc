//! A USB stick for attachments at the real binary, which is told of it as by PID 1: chosen in the
//! wizard, pulled out, mistaken for no other, and there again after a restart.

use anyhow::{Context, ensure};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};
use tests::board::Board;
use tests::fake_dns::FakeDns;
use tests::pillarbox::{DOMAIN, PASSWORD, Pillarbox};
use tests::sink::{Behaviour, Sink};
use tests::web::{Browser, LINK_RULES, Wishes, up_to_last_step};

type Outcome = anyhow::Result<()>;

const SIZE: usize = 300_000;
const OURS: &str = "vfat-1111aaaa";
const OTHER: &str = "vfat-2222bbbb";
const WIZARD: &str = "/setup/dns";
const PAGE: &str = "/links/folder";
const AWAY: &str = "<span class=\"stranger\">USB stick PLANS</span> is not there";
const MISSING: &str = "USB stick PLANS missing: attachments stay in the mail";

struct Bench {
    pillarbox: Pillarbox,
    browser: Browser,
    sink: Sink,
    _dns: FakeDns,
    /// Messages that were sent.
    sent: usize,
}

impl Bench {
    /// A box at the wizard's last step.
    fn start() -> anyhow::Result<Self> {
        let (sink, dns) = (Sink::start(Behaviour::Accept)?, FakeDns::start()?);
        dns.mx("far.example", 10, "sink.example");
        dns.host("sink.example", "127.0.0.1".parse()?);
        let port = sink.address().port().to_string();
        let options = ["--dns", &dns.address().to_string(), "--relay-port", &port];
        let pillarbox = Pillarbox::on_board(Board::new()?, &options)?;
        let wishes = Wishes {
            code: pillarbox.claim_code.as_deref().context("no claim code")?,
            admin_password: PASSWORD,
            domain: DOMAIN,
            local: "anna",
            password: PASSWORD,
        };
        let browser = up_to_last_step(&base(&pillarbox)?, &wishes)?;
        Ok(Self {
            pillarbox,
            browser,
            sink,
            _dns: dns,
            sent: 0,
        })
    }

    fn board(&self) -> anyhow::Result<&Board> {
        self.pillarbox.board()
    }

    fn restart(&mut self) -> Outcome {
        self.pillarbox.kill()?;
        self.pillarbox.restart()?;
        self.browser = Browser::new(&base(&self.pillarbox)?)?;
        self.browser.sign_in("admin", PASSWORD)?;
        Ok(())
    }

    /// Waits until a page has these words.
    fn says(&self, page: &str, words: &str) -> Outcome {
        let mut shown = String::new();
        until(words, || {
            shown = self.browser.page(page)?;
            Ok(shown.contains(words))
        })
        .with_context(|| format!("{page}: {shown}"))
    }

    fn choose(&self, at: &str, id: &str) -> anyhow::Result<(u16, String)> {
        let seen = self.browser.post(at, &[("place", &format!("stick:{id}"))])?;
        Ok((seen.status, seen.page))
    }

    /// What arrives outside of a message with an attachment.
    fn send(&mut self) -> anyhow::Result<String> {
        let home = tempfile::tempdir()?;
        let file = home.path().join("message");
        self.sent += 1;
        let subject = format!("Subject: plans {}\r\n", self.sent);
        fs::write(&file, subject.clone() + &message())?;
        let done = Command::new("curl")
            .args(["-sS", "-k", "--user", &format!("anna@{DOMAIN}:{PASSWORD}"), "-T"])
            .arg(&file)
            .args(["--mail-from", &format!("anna@{DOMAIN}")])
            .args(["--mail-rcpt", "x@far.example"])
            .arg(format!(
                "smtps://127.0.0.1:{}",
                self.pillarbox.port("submissions")?
            ))
            .output()?;
        ensure!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        // One before it may arrive twice: the box is killed before it has written that it left.
        let mut arrived = None;
        until("the message", || {
            let caught = self.sink.caught();
            let mails = caught.iter().map(|mail| String::from_utf8_lossy(&mail.data));
            arrived = mails
                .into_iter()
                .find(|mail| mail.contains(&subject))
                .map(|mail| mail.replace("=\r\n", ""));
            Ok(arrived.is_some())
        })?;
        arrived.context("nothing arrived")
    }

    fn leaves(&mut self) -> anyhow::Result<String> {
        let mail = self.send()?;
        let (_, link) = mail.split_once("/l/").context("the attachment is in the mail")?;
        Ok(format!("/l/{}/file", link.get(..22).context("half a link")?))
    }

    fn stays(&mut self) -> Outcome {
        ensure!(self.send()?.len() > SIZE, "the attachment became a link");
        Ok(())
    }

    fn status(&self, file: &str) -> anyhow::Result<u16> {
        Ok(self.browser.get(file)?.status)
    }
}

fn base(pillarbox: &Pillarbox) -> anyhow::Result<String> {
    Ok(format!("https://127.0.0.1:{}", pillarbox.port("https")?))
}

fn message() -> String {
    let mut message = format!(
        "From: anna@{DOMAIN}\r\nTo: x@far.example\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/mixed; boundary=B\r\n\r\n--B\r\n\r\nHello.\r\n--B\r\n\
         Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=a.pdf\r\n\r\n"
    );
    message.extend("plans\r\n".chars().cycle().take(SIZE));
    message.push_str("\r\n--B--\r\n");
    message
}

/// The disks are looked at every few seconds.
fn until(what: &str, mut done: impl FnMut() -> anyhow::Result<bool>) -> Outcome {
    let deadline = Instant::now() + Duration::from_secs(60);
    while !done()? {
        ensure!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(200));
    }
    Ok(())
}

/// Whether anything is in the box's folder of a stick.
fn is_untouched(stick: &Path) -> anyhow::Result<bool> {
    Ok(fs::read_dir(stick.join("pillarbox"))?.next().is_none())
}

#[test]
fn a_stick_is_chosen_in_the_wizard_even_if_it_is_pulled_out_in_between() -> Outcome {
    let mut bench = Bench::start()?;
    bench.says(WIZARD, "No USB stick is plugged in")?;
    bench.board()?.plug(OURS, "PLANS")?;
    bench.says(WIZARD, "PLANS: 32.0 GB, FAT32")?;
    bench.board()?.pull(OURS)?;
    bench.says(WIZARD, "No USB stick is plugged in")?;
    let (status, page) = bench.choose("/setup/folder", OURS)?;
    ensure!(
        status == 422 && page.contains("No such stick is plugged in."),
        "{page}"
    );
    ensure!(is_untouched(&bench.board()?.drawer(OURS))?);

    bench.board()?.plug(OURS, "PLANS")?;
    bench.says(WIZARD, "PLANS: 32.0 GB, FAT32")?;
    ensure!(bench.choose("/setup/folder", OURS)?.0 == 303);
    bench.says(
        WIZARD,
        "New attachments go to <b class=\"stranger\">USB stick PLANS</b>",
    )?;
    bench.board()?.pull(OURS)?;
    bench.says(WIZARD, AWAY)?;
    let to = bench.browser.submit("/setup/finish", &[])?;
    bench.browser.page(&to)?;
    bench.pillarbox.let_main_passwords_open_mail()?;
    bench.browser.submit("/links/rules", LINK_RULES)?;
    bench.says(
        "/links",
        "Not plugged in: <span class=\"stranger\">USB stick PLANS</span>",
    )?;
    bench.stays()?;
    until("the panel", || Ok(bench.board()?.shows(MISSING)))?;

    bench.board()?.plug(OURS, "PLANS")?;
    bench.says(PAGE, "are free there")?;
    let file = bench.leaves()?;
    ensure!(bench.status(&file)? == 200);
    until("the panel", || Ok(!bench.board()?.shows(MISSING)))
}

#[test]
fn another_stick_is_not_taken_for_it_and_after_a_restart_it_is_known_again() -> Outcome {
    let mut bench = Bench::start()?;
    bench.board()?.plug(OURS, "PLANS")?;
    bench.says(WIZARD, "PLANS: 32.0 GB, FAT32")?;
    ensure!(bench.choose("/setup/folder", OURS)?.0 == 303);
    bench.browser.submit("/setup/finish", &[])?;
    bench.pillarbox.let_main_passwords_open_mail()?;
    bench.browser.submit("/links/rules", LINK_RULES)?;
    let file = bench.leaves()?;

    bench.restart()?;
    bench.says(PAGE, "are free there")?;
    ensure!(bench.status(&file)? == 200);
    bench.leaves()?;

    // The label is the same, the id is not; then the id is, and nothing else.
    bench.board()?.pull(OURS)?;
    let ours = bench.board()?.drawer("put-aside");
    fs::rename(bench.board()?.drawer(OURS), &ours)?;
    for other in [OTHER, OURS] {
        bench.board()?.plug(other, "PLANS")?;
        bench.says(PAGE, "PLANS: 32.0 GB, FAT32")?;
        for restarted in [false, true] {
            if restarted {
                bench.restart()?;
            }
            bench.says(
                PAGE,
                "New attachments go to <b class=\"stranger\">USB stick PLANS</b>",
            )?;
            bench.says(PAGE, "It is missing. Attachments stay in their mails")?;
            bench.says(PAGE, "What is plugged in now is another stick")?;
            ensure!(bench.status(&file)? == 503, "{other}");
            bench.stays()?;
        }
        bench.board()?.pull(other)?;
        let stick = bench.board()?.drawer(other);
        ensure!(is_untouched(&stick)?, "{other} was written to");
        fs::remove_dir_all(stick)?;
    }

    fs::rename(&ours, bench.board()?.drawer(OURS))?;
    bench.board()?.plug(OURS, "PLANS")?;
    bench.says(PAGE, "are free there")?;
    ensure!(bench.status(&file)? == 200);
    bench.leaves()?;
    let place = fs::read_dir(bench.board()?.mounted(OURS).join("pillarbox"))?.next();
    let place = place.context("no folder on the stick")??.path();
    ensure!(fs::read_dir(place)?.count() == 2, "a marker and one file");
    Ok(())
}
