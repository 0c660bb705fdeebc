//! The running box: two processes, the panel, the watchdog, and what passes between them.

use super::listeners::{self, Listener};
use super::panel_thread::Panel;
use super::power::End;
use super::service::Service;
use super::sticks::Sticks;
use super::watchdog::Watchdog;
use super::{clock, journal, roles};
use crate::layout;
use crate::panel;
use crate::screen::{Screen, Status};
use crate::wire::{BoardEvent, ToBoard};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use std::os::fd::AsFd;
use std::time::{Duration, Instant};

const TICK: u16 = 500;
/// `serve` says that it is alive every ten seconds; silent for so long, it hangs.
const SILENCE: Duration = Duration::from_secs(60);
/// The first word may take longer: the store is opened and checked first.
const FIRST_WORD: Duration = Duration::from_secs(300);
/// Hung so often in a row, the fault is not in `serve`: the watchdog may reset the board.
const MOST_HANGS: u32 = 3;
/// Time for `serve` and `link` to end by themselves.
const GRACE: Duration = Duration::from_secs(10);
const SAVE_CLOCK: Duration = Duration::from_secs(3600);
const LOOK_AT_DISK: Duration = Duration::from_secs(600);

/// The signals init acts on. They are blocked before the first thread starts: a thread that does not
/// block one would take it and, as the default of PID 1 is, forget it. SIGUSR1 is a press of the
/// button, for boxes without one.
pub(super) fn signals() -> SigSet {
    [
        Signal::SIGCHLD,
        Signal::SIGTERM,
        Signal::SIGINT,
        Signal::SIGPWR,
        Signal::SIGUSR1,
    ]
    .into_iter()
    .collect()
}

/// Everything init keeps in mind.
pub(super) struct House {
    serve: Service,
    link: Service,
    listeners: Vec<Listener>,
    signals: SignalFd,
    panel: Panel,
    watchdog: Option<Watchdog>,
    /// Why there is no data partition to serve from, if so.
    no_data: Option<String>,
    /// When `serve` last said that it is alive, or was started.
    heard: Instant,
    spoken: bool,
    hangs: u32,
    link_state: Option<BoardEvent>,
    clock_state: Option<BoardEvent>,
    sticks: Sticks,
    sticks_state: Option<BoardEvent>,
    last_words: Option<String>,
    console: Vec<String>,
    clock_saved: Instant,
    disk_seen: Option<Instant>,
    end: Option<End>,
}

impl House {
    pub fn new(panel: Panel, watchdog: Option<Watchdog>, no_data: Option<String>) -> nix::Result<House> {
        let now = Instant::now();
        Ok(House {
            serve: Service::new("serve"),
            link: Service::new("link"),
            listeners: listeners::open_all(),
            signals: SignalFd::with_flags(&signals(), SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?,
            panel,
            watchdog,
            no_data,
            heard: now,
            spoken: false,
            hangs: 0,
            link_state: None,
            // Without a battery it is not, until time servers agree.
            clock_state: Some(BoardEvent::Clock { known: false }),
            sticks: Sticks::start(),
            sticks_state: None,
            last_words: None,
            console: Vec::new(),
            clock_saved: now,
            disk_seen: None,
            end: None,
        })
    }

    /// Runs until someone asks for the end.
    pub fn run(&mut self) -> End {
        if let Some(reason) = self.no_data.clone() {
            self.show(&Screen::Stopped { reason });
        }
        loop {
            self.start_what_is_due();
            self.wait();
            self.take_signals();
            self.reap();
            self.listen_to_serve();
            self.listen_to_link();
            self.listen_to_sticks();
            self.look_after();
            if let Some(end) = self.end {
                return end;
            }
        }
    }

    /// Ends both processes, kindly first, and shows that it is over.
    pub fn close(mut self, end: End) {
        journal::note("stopping");
        self.show(&Screen::Starting {
            step: "stopping, please wait".into(),
        });
        self.signal_all(Signal::SIGTERM);
        let limit = Instant::now() + GRACE;
        while (self.serve.running().is_some() || self.link.running().is_some()) && Instant::now() < limit {
            self.wait();
            self.take_signals();
            self.serve.log();
            self.link.log();
            self.reap();
            self.feed();
        }
        self.signal_all(Signal::SIGKILL);
        if end == End::PowerOff
            && let Some(watchdog) = self.watchdog.take()
        {
            // A reset that is still armed would start the box again, or cut the last writes short.
            watchdog.stop();
        }
        self.feed();
        if self.no_data.is_none() {
            if self.clock_state == Some(BoardEvent::Clock { known: true }) {
                clock::save();
            }
            super::power::release_card();
        }
        self.panel.finish(match end {
            End::PowerOff => Screen::Off,
            End::Reboot => Screen::Starting {
                step: "starting again".into(),
            },
        });
    }

    fn signal_all(&self, signal: Signal) {
        for child in [&self.serve, &self.link].into_iter().filter_map(Service::running) {
            child.signal(signal);
        }
    }

    fn start_what_is_due(&mut self) {
        if self.link.is_due() {
            let _ = self.link.start(roles::start_link);
        }
        if !self.serve.is_due() || self.no_data.is_some() {
            return;
        }
        self.heard = Instant::now();
        self.spoken = false;
        let listeners = &self.listeners;
        if let Err(reason) = self.serve.start(|| roles::start_serve(listeners)) {
            return self.show(&Screen::Stopped { reason });
        }
        self.disk_seen = None;
        let known = [
            self.link_state.clone(),
            self.clock_state.clone(),
            self.sticks_state.clone(),
        ];
        let words = self.last_words.take().map(|text| BoardEvent::LastWords { text });
        for event in known.into_iter().flatten().chain(words) {
            self.tell_serve(&event);
        }
    }

    /// Sleeps until something happens, half a second at most.
    fn wait(&self) {
        let mut interest = vec![PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        for child in [&self.serve, &self.link].into_iter().filter_map(Service::running) {
            let mut flags = PollFlags::POLLIN;
            flags.set(PollFlags::POLLOUT, child.has_unsent());
            interest.push(PollFd::new(child.socket(), flags));
            interest.push(PollFd::new(child.output(), PollFlags::POLLIN));
        }
        let begun = Instant::now();
        let _ = poll(&mut interest, PollTimeout::from(TICK));
        // A pipe whose other end is closed is always ready; its process is about to be reaped.
        if begun.elapsed() < Duration::from_millis(1) && self.only_hang_ups(&interest) {
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    fn only_hang_ups(&self, interest: &[PollFd<'_>]) -> bool {
        interest.iter().filter_map(PollFd::revents).all(|events| {
            !events.intersects(PollFlags::POLLOUT)
                && (events.is_empty() || events.contains(PollFlags::POLLHUP))
        })
    }

    fn take_signals(&mut self) {
        while let Ok(Some(info)) = self.signals.read_signal() {
            let signal = i32::try_from(info.ssi_signo)
                .ok()
                .and_then(|n| Signal::try_from(n).ok());
            match signal {
                // The kernel turns Ctrl-Alt-Del into SIGINT for PID 1.
                Some(Signal::SIGTERM | Signal::SIGPWR) => self.end = self.end.or(Some(End::PowerOff)),
                Some(Signal::SIGUSR1) => self.panel.press(),
                _ => {}
            }
        }
    }

    /// Buries the dead, ours and those of others that PID 1 inherits.
    fn reap(&mut self) {
        loop {
            let status = match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
                Ok(WaitStatus::StillAlive) | Err(_) => return,
                Ok(status) => status,
            };
            if self.link.ended(status).is_some() {
                self.link_state = None;
            } else if let Some(words) = self.serve.ended(status) {
                if self.end.is_none() {
                    self.show(&Screen::Stopped {
                        reason: words.clone(),
                    });
                }
                self.last_words = Some(words);
            }
        }
    }

    fn listen_to_serve(&mut self) {
        self.serve.log();
        let Some(child) = self.serve.child() else { return };
        child.flush();
        for line in child.messages() {
            match serde_json::from_str::<ToBoard>(&line) {
                Ok(ToBoard::Screen(screen)) => self.show(&screen),
                Ok(ToBoard::Alive) => {
                    self.heard = Instant::now();
                    self.spoken = true;
                    self.hangs = 0;
                }
                Ok(ToBoard::PowerOff) => self.end = Some(End::PowerOff),
                Ok(ToBoard::SetClock { at }) => self.set_clock(at),
                Ok(ToBoard::UseSticks { ids }) => self.sticks.use_these(ids),
                Ok(ToBoard::Reboot) => self.end = Some(End::Reboot),
                Err(error) => journal::warn(format!("a message of serve is not understood: {error}")),
            }
        }
    }

    fn set_clock(&mut self, at: i64) {
        match clock::set(at) {
            Ok(()) => {
                journal::note("the admin has set the clock");
                self.take_event(BoardEvent::Clock { known: true });
            }
            Err(words) => journal::warn(format!("setting the clock: {words}")),
        }
    }

    fn listen_to_link(&mut self) {
        self.link.log();
        let Some(child) = self.link.child() else { return };
        child.flush();
        for line in child.messages() {
            match serde_json::from_str::<BoardEvent>(&line) {
                Ok(event) => self.take_event(event),
                Err(error) => journal::warn(format!("a message of link is not understood: {error}")),
            }
        }
    }

    fn listen_to_sticks(&mut self) {
        if let Some(sticks) = self.sticks.news() {
            let event = BoardEvent::Sticks { sticks };
            self.tell_serve(&event);
            self.sticks_state = Some(event);
        }
    }

    fn take_event(&mut self, event: BoardEvent) {
        match &event {
            BoardEvent::Link { up, addresses } => {
                journal::note(format!(
                    "network {}: {addresses:?}",
                    if *up { "up" } else { "down" }
                ));
                self.link_state = Some(event.clone());
            }
            BoardEvent::Clock { known } => {
                let newly = self.clock_state.as_ref() != Some(&event);
                self.clock_state = Some(event.clone());
                if *known && newly && self.no_data.is_none() {
                    clock::save();
                    self.clock_saved = Instant::now();
                }
            }
            _ => return,
        }
        self.tell_serve(&event);
    }

    fn tell_serve(&mut self, event: &BoardEvent) {
        if let Some(child) = self.serve.child()
            && !child.send(event)
        {
            journal::warn("serve does not read what it is told");
        }
    }

    /// What is done by the clock.
    fn look_after(&mut self) {
        let limit = if self.spoken { SILENCE } else { FIRST_WORD };
        if self.heard.elapsed() > limit && self.serve.running().is_some() {
            self.hangs += 1;
            journal::warn(format!(
                "serve has been silent for {} s and is ended",
                limit.as_secs()
            ));
            self.serve.kill("it stopped answering");
            self.heard = Instant::now();
        }
        if self.hangs <= MOST_HANGS {
            self.feed();
        }
        if self.no_data.is_some() {
            return;
        }
        if self.clock_saved.elapsed() > SAVE_CLOCK
            && self.clock_state == Some(BoardEvent::Clock { known: true })
        {
            self.clock_saved = Instant::now();
            clock::save();
        }
        if self.disk_seen.is_none_or(|at| at.elapsed() > LOOK_AT_DISK) {
            self.disk_seen = Some(Instant::now());
            if let Ok(disk) = nix::sys::statvfs::statvfs(layout::DATA_DIR) {
                let unit = disk.fragment_size();
                let free = disk.blocks_available() * unit;
                self.tell_serve(&BoardEvent::Storage {
                    free,
                    total: disk.blocks() * unit,
                });
            }
        }
    }

    fn feed(&mut self) {
        if let Some(watchdog) = &mut self.watchdog {
            watchdog.feed();
        }
    }

    fn show(&mut self, screen: &Screen) {
        self.panel.show(screen);
        // The console says it too, but not every count: serial ports are slow.
        let lines = match screen {
            Screen::Running(status) => panel::text_lines(&Screen::Running(without_counts(status))),
            other => panel::text_lines(other),
        };
        if lines != self.console {
            for line in &lines {
                journal::write("panel", journal::Rank::Notice, line);
            }
            self.console = lines;
        }
    }
}

/// The same with numbers that come and go made equal.
fn without_counts(status: &Status) -> Status {
    Status {
        received_today: 0,
        sent_today: 0,
        queued: 0,
        failed_last_hour: status.failed_last_hour.min(1),
        failed_today: status.failed_today.min(1),
        worst_source: None,
        blocked: status.blocked.min(1),
        ..status.clone()
    }
}
