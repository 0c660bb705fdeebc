//! A double of the board: `serve` hears of sticks by the wire as from PID 1, and finds what is on them
//! below a `/media` of its own. A stick is a folder that is moved there when it is mounted.

use crate::children::bound;
use anyhow::{Context, ensure};
use board::layout::STICKS_DIR;
use board::screen::Screen;
use board::wire::{BoardEvent, SOCKET_ENV, Stick, StickState, ToBoard};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tempfile::TempDir;

/// The board, over every start of the box.
pub struct Board(Arc<Shared>);

struct Shared {
    home: TempDir,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    wire: Option<UnixStream>,
    sticks: Vec<Stick>,
    chosen: Vec<String>,
    screen: Option<Screen>,
}

impl Board {
    /// A board with nothing plugged in.
    ///
    /// # Errors
    /// No place for its sticks.
    pub fn new() -> anyhow::Result<Self> {
        let home = tempfile::tempdir()?;
        fs::create_dir(home.path().join("media"))?;
        Ok(Self(Arc::new(Shared {
            home,
            state: Mutex::default(),
        })))
    }

    /// The command that runs `program` on this board, and what has to stay open until it runs.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> anyhow::Result<(Command, UnixStream)> {
        let (ours, theirs) = UnixStream::pair()?;
        fcntl(&theirs, FcntlArg::F_SETFD(FdFlag::empty()))?;
        let mut command = bound("unshare");
        command.arg("--mount");
        if !nix::unistd::geteuid().is_root() {
            command.args(["--user", "--map-root-user"]);
        }
        command.args(["sh", "-c"]);
        command.arg(format!("mount --bind \"$0\" {STICKS_DIR} && exec \"$@\""));
        command.arg(self.0.home.path().join("media")).arg(program);
        command.env(SOCKET_ENV, theirs.as_raw_fd().to_string());
        self.attend(ours)?;
        Ok((command, theirs))
    }

    // As init does it: a start forgets what was chosen before, and what was mounted for it.
    fn attend(&self, wire: UnixStream) -> anyhow::Result<()> {
        let lines = BufReader::new(wire.try_clone()?);
        {
            let mut state = self.0.state();
            state.wire = Some(wire);
            state.chosen.clear();
            state.screen = None;
            self.0.unmount(&mut state, |_| true)?;
            state.tell(BoardEvent::Clock { known: true })?;
            state.tell_of_sticks()?;
        }
        let shared = Arc::clone(&self.0);
        std::thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let heard = serde_json::from_str(&line).map_err(anyhow::Error::from);
                if let Err(error) = heard.and_then(|message| shared.hear(message)) {
                    eprintln!("the board: {line}: {error:#}");
                }
            }
        });
        Ok(())
    }

    /// Plugs a stick in: one that was there before, with what is on it, or a new one.
    ///
    /// # Errors
    /// The box does not listen.
    pub fn plug(&self, id: &str, label: &str) -> anyhow::Result<()> {
        fs::create_dir_all(self.0.drawer(id).join("pillarbox"))?;
        let mut state = self.0.state();
        state.sticks.push(Stick {
            id: id.to_owned(),
            label: label.to_owned(),
            system: "vfat".to_owned(),
            size: 32_000_000_000,
            state: StickState::Seen,
        });
        self.0.mount(&mut state)?;
        state.tell_of_sticks()
    }

    /// Pulls a stick out.
    ///
    /// # Errors
    /// There is no such stick, or the box does not listen.
    pub fn pull(&self, id: &str) -> anyhow::Result<()> {
        let mut state = self.0.state();
        self.0.unmount(&mut state, |stick| stick.id == id)?;
        let before = state.sticks.len();
        state.sticks.retain(|stick| stick.id != id);
        ensure!(state.sticks.len() < before, "no stick {id}");
        state.tell_of_sticks()
    }

    /// What is on a stick that is pulled out.
    #[must_use]
    pub fn drawer(&self, id: &str) -> PathBuf {
        self.0.drawer(id)
    }

    /// What is on a stick that is mounted.
    #[must_use]
    pub fn mounted(&self, id: &str) -> PathBuf {
        self.0.mounted(id)
    }

    /// Whether these words are on the panel.
    #[must_use]
    pub fn shows(&self, words: &str) -> bool {
        format!("{:?}", self.0.state().screen).contains(words)
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn drawer(&self, id: &str) -> PathBuf {
        self.home.path().join(id)
    }

    fn mounted(&self, id: &str) -> PathBuf {
        self.home.path().join("media").join(id)
    }

    fn hear(&self, message: ToBoard) -> anyhow::Result<()> {
        let mut state = self.state();
        match message {
            ToBoard::Screen(screen) => state.screen = Some(screen),
            ToBoard::UseSticks { ids } => {
                state.chosen = ids;
                self.mount(&mut state)?;
                state.tell_of_sticks()?;
            }
            _ => {}
        }
        Ok(())
    }

    fn mount(&self, state: &mut State) -> anyhow::Result<()> {
        for stick in &mut state.sticks {
            if stick.state == StickState::Seen && state.chosen.contains(&stick.id) {
                fs::rename(self.drawer(&stick.id), self.mounted(&stick.id))?;
                stick.state = StickState::Mounted;
            }
        }
        Ok(())
    }

    fn unmount(&self, state: &mut State, which: impl Fn(&Stick) -> bool) -> anyhow::Result<()> {
        for stick in state.sticks.iter_mut().filter(|stick| which(stick)) {
            if stick.state == StickState::Mounted {
                fs::rename(self.mounted(&stick.id), self.drawer(&stick.id))?;
                stick.state = StickState::Seen;
            }
        }
        Ok(())
    }
}

impl State {
    fn tell_of_sticks(&mut self) -> anyhow::Result<()> {
        let sticks = self.sticks.clone();
        self.tell(BoardEvent::Sticks { sticks })
    }

    fn tell(&mut self, event: BoardEvent) -> anyhow::Result<()> {
        let mut line = serde_json::to_vec(&event)?;
        line.push(b'\n');
        let wire = self.wire.as_mut().context("nobody is there")?;
        Ok(wire.write_all(&line)?)
    }
}
