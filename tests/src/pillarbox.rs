//! The real binary, started in a folder of its own on free ports.

use crate::board::Board;
use crate::children::{self, bound};
use crate::fake_dns::FakeDns;
use crate::sink::{Behaviour, Sink};
use anyhow::{Context, bail};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};
use tempfile::TempDir;

/// The domain that [`Pillarbox::office`] sets up.
pub const DOMAIN: &str = "firm.example";
/// The password of every account that [`Pillarbox::office`] makes.
pub const PASSWORD: &str = "correct-horse-7";

/// A running box. Killed without warning when dropped, and when the test is killed.
pub struct Pillarbox {
    folder: TempDir,
    child: Child,
    /// Ports by the names of `board::wire::LISTENERS`.
    pub ports: BTreeMap<String, u16>,
    /// The claim code, while nobody has claimed the box.
    pub claim_code: Option<String>,
    options: Vec<String>,
    board: Option<Board>,
}

/// Where cargo put the binary: beside the test's own folder, or where `PILLARBOX_BIN` says.
#[must_use]
pub fn binary() -> PathBuf {
    if let Some(path) = std::env::var_os("PILLARBOX_BIN") {
        return path.into();
    }
    let test = std::env::current_exe().unwrap_or_default();
    let profile = test.parent().and_then(Path::parent).unwrap_or(Path::new("."));
    profile.join("pillarbox")
}

impl Pillarbox {
    /// Starts an unclaimed box in a new folder.
    ///
    /// # Errors
    /// The binary does not start or is not ready within 30 seconds.
    pub fn start(options: &[&str]) -> anyhow::Result<Self> {
        Self::start_on(None, options)
    }

    /// The same on a board, which is there at every later start too.
    ///
    /// # Errors
    /// As [`Pillarbox::start`], or this user may not mount.
    pub fn on_board(board: Board, options: &[&str]) -> anyhow::Result<Self> {
        Self::start_on(Some(board), options)
    }

    fn start_on(board: Option<Board>, options: &[&str]) -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let options: Vec<String> = options.iter().map(|&o| o.to_owned()).collect();
        let (child, ports, claim_code) = launch(folder.path(), &options, board.as_ref())?;
        Ok(Self {
            folder,
            child,
            ports,
            claim_code,
            options,
            board,
        })
    }

    /// As [`Pillarbox::new_office`], with main passwords that open mail programs too, so that tests
    /// about other things need no device passwords.
    ///
    /// # Errors
    /// As [`Pillarbox::start`], or a set-up command failed.
    pub fn office(accounts: &[&str], options: &[&str]) -> anyhow::Result<Self> {
        Self::establish(accounts, options, true)
    }

    /// The office of anna and ben, whose mail for third.example goes to a server that behaves so.
    ///
    /// # Errors
    /// As [`Pillarbox::office`], or there is no port.
    pub fn with_sink(behaviour: Behaviour) -> anyhow::Result<(Self, Sink, FakeDns)> {
        let (sink, dns) = (Sink::start(behaviour)?, FakeDns::start()?);
        dns.mx("third.example", 10, "mx.third.example");
        dns.host("mx.third.example", sink.address().ip());
        let server = dns.address().to_string();
        let port = sink.address().port().to_string();
        let office = Self::office(&["anna", "ben"], &["--dns", &server, "--relay-port", &port])?;
        Ok((office, sink, dns))
    }

    /// Mail programs may use main passwords.
    ///
    /// # Errors
    /// The command failed.
    pub fn let_main_passwords_open_mail(&self) -> anyhow::Result<()> {
        self.cli_ok(&["account", "device", "office", "everywhere"], "")?;
        Ok(())
    }

    /// Starts a box that is set up for [`DOMAIN`] with these accounts, the first one the admin's.
    ///
    /// # Errors
    /// As [`Pillarbox::start`], or a set-up command failed.
    pub fn new_office(accounts: &[&str], options: &[&str]) -> anyhow::Result<Self> {
        Self::establish(accounts, options, false)
    }

    fn establish(accounts: &[&str], options: &[&str], main_opens_mail: bool) -> anyhow::Result<Self> {
        let mut pillarbox = Self::start(options)?;
        let (first, others) = accounts
            .split_first()
            .context("an office has at least one account")?;
        let secrets = format!("{PASSWORD}\n{PASSWORD}\n");
        let host = format!("mail.{DOMAIN}");
        pillarbox.cli_ok(
            &[
                "setup",
                "--domain",
                DOMAIN,
                "--hostname",
                &host,
                "--account",
                first,
            ],
            &secrets,
        )?;
        pillarbox.claim_code = None;
        if main_opens_mail {
            pillarbox.let_main_passwords_open_mail()?;
        }
        for name in others {
            let address = format!("{name}@{DOMAIN}");
            pillarbox.cli_ok(&["account", "create", &address], &format!("{PASSWORD}\n"))?;
        }
        Ok(pillarbox)
    }

    /// The port of a listener.
    ///
    /// # Errors
    /// No listener has that name.
    pub fn port(&self, name: &str) -> anyhow::Result<u16> {
        self.ports
            .get(name)
            .copied()
            .with_context(|| format!("no listener {name}"))
    }

    /// The board it runs on.
    ///
    /// # Errors
    /// It runs on none.
    pub fn board(&self) -> anyhow::Result<&Board> {
        self.board.as_ref().context("there is no board")
    }

    /// The data folder.
    #[must_use]
    pub fn data(&self) -> &Path {
        self.folder.path()
    }

    /// The process id of `serve`.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Octets of memory that are the process's own: what it read from files is not counted.
    ///
    /// # Errors
    /// It is gone.
    pub fn own_memory(&self) -> anyhow::Result<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid()))?;
        let line = status.lines().find(|line| line.starts_with("RssAnon:"));
        let number = line.and_then(|line| line.split_whitespace().nth(1));
        Ok(number.context("no RssAnon")?.parse::<u64>()? * 1024)
    }

    /// Runs `pillarbox ARGS --data FOLDER` with this standard input.
    ///
    /// # Errors
    /// The command could not be run at all.
    pub fn cli(&self, args: &[&str], input: &str) -> anyhow::Result<Output> {
        let mut child = Command::new(binary())
            .args(args)
            .arg("--data")
            .arg(self.data())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // A command that needs no input may be gone before it is written.
            let _ = stdin.write_all(input.as_bytes());
        }
        Ok(child.wait_with_output()?)
    }

    /// As [`Pillarbox::cli`], returning what it printed.
    ///
    /// # Errors
    /// It exited with a failure; its words are in the error.
    pub fn cli_ok(&self, args: &[&str], input: &str) -> anyhow::Result<String> {
        let output = self.cli(args, input)?;
        if !output.status.success() {
            bail!("pillarbox {args:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// `kill -9`, as a plug pulled out.
    ///
    /// # Errors
    /// It was gone already.
    pub fn kill(&mut self) -> anyhow::Result<()> {
        self.child.kill()?;
        self.child.wait()?;
        Ok(())
    }

    /// SIGSTOP: what is sent to it from now on, it never sees before it is killed.
    ///
    /// # Errors
    /// It is gone.
    pub fn freeze(&self) -> anyhow::Result<()> {
        self.signal(nix::sys::signal::Signal::SIGSTOP)
    }

    fn signal(&self, signal: nix::sys::signal::Signal) -> anyhow::Result<()> {
        let pid = nix::unistd::Pid::from_raw(i32::try_from(self.child.id())?);
        Ok(nix::sys::signal::kill(pid, signal)?)
    }

    /// SIGTERM; returns the exit code.
    ///
    /// # Errors
    /// It does not stop within 20 seconds.
    pub fn stop(&mut self) -> anyhow::Result<Option<i32>> {
        self.signal(nix::sys::signal::Signal::SIGTERM)?;
        let deadline = Instant::now() + Duration::from_secs(20);
        while Instant::now() < deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status.code());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        bail!("did not stop within 20 seconds")
    }

    /// Starts again on the same folder, on new ports.
    ///
    /// # Errors
    /// As [`Pillarbox::start`].
    pub fn restart(&mut self) -> anyhow::Result<()> {
        (self.child, self.ports, self.claim_code) =
            launch(self.folder.path(), &self.options, self.board.as_ref())?;
        Ok(())
    }
}

impl Drop for Pillarbox {
    fn drop(&mut self) {
        let _ = self.kill();
    }
}

type Launched = (Child, BTreeMap<String, u16>, Option<String>);

fn launch(folder: &Path, options: &[String], board: Option<&Board>) -> anyhow::Result<Launched> {
    let (mut serve, _wire) = match board {
        None => (bound(binary()), None),
        Some(board) => board.command(binary()).map(|(serve, wire)| (serve, Some(wire)))?,
    };
    serve
        .args(["serve", "--listen", "127.0.0.1", "--port-base", "0", "--data"])
        .arg(folder)
        .args(options)
        .stdout(Stdio::piped())
        .stderr(
            std::fs::OpenOptions::new()
                .create(true)
                .append(true)
                .open(folder.join("serve.log"))?,
        );
    let mut child = children::spawn(serve).with_context(|| format!("cannot start {}", binary().display()))?;
    let stdout = child.stdout.take().context("no stdout")?;
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        for line in BufReader::new(stdout).lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let deadline = Instant::now() + Duration::from_secs(30);
    while let Ok(line) = receiver.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
        if let Some(rest) = line.strip_prefix("PILLARBOX READY ") {
            let claim_code = rest
                .split_once("claim-code ")
                .map(|(_, code)| code.trim().to_owned());
            let ports = serde_json::from_slice(&std::fs::read(folder.join("ports.json"))?)?;
            return Ok((child, ports, claim_code));
        }
    }
    let _ = child.kill();
    let log = std::fs::read_to_string(folder.join("serve.log")).unwrap_or_default();
    bail!("pillarbox did not become ready: {log}")
}
