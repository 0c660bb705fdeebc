//! One supervised process: started, listened to, restarted, remembered.

use super::backoff::Backoff;
use super::child::Child;
use super::journal;
use nix::sys::signal::Signal;
use nix::sys::wait::WaitStatus;
use std::io;
use std::time::{Duration, Instant};

/// A process that is kept running.
#[derive(Debug)]
pub(super) struct Service {
    pub name: &'static str,
    state: State,
    backoff: Backoff,
    last_line: String,
    console: Console,
    /// Why init ended it, if it did.
    blame: Option<&'static str>,
}

#[derive(Debug)]
enum State {
    Due(Instant),
    Running(Child),
}

impl Service {
    /// To be started at the next occasion.
    pub fn new(name: &'static str) -> Service {
        Service {
            name,
            state: State::Due(Instant::now()),
            backoff: Backoff::new(),
            last_line: String::new(),
            console: Console::new(Instant::now()),
            blame: None,
        }
    }

    pub fn child(&mut self) -> Option<&mut Child> {
        match &mut self.state {
            State::Running(child) => Some(child),
            State::Due(_) => None,
        }
    }

    pub fn running(&self) -> Option<&Child> {
        match &self.state {
            State::Running(child) => Some(child),
            State::Due(_) => None,
        }
    }

    pub fn is_due(&self) -> bool {
        matches!(self.state, State::Due(at) if Instant::now() >= at)
    }

    /// Starts it; a failure to start counts like an end.
    ///
    /// # Errors
    /// Why it did not start, in words.
    pub fn start(&mut self, start: impl FnOnce() -> io::Result<Child>) -> Result<(), String> {
        match start() {
            Ok(child) => {
                journal::note(format!("{} started as process {}", self.name, child.pid));
                self.state = State::Running(child);
                Ok(())
            }
            Err(error) => {
                let wait = self.backoff.after(Duration::ZERO);
                self.state = State::Due(Instant::now() + wait);
                let words = format!("{} does not start: {error}", self.name);
                journal::warn(&words);
                Err(words)
            }
        }
    }

    /// Ends it for a reason, which its end will then be blamed on.
    pub fn kill(&mut self, blame: &'static str) {
        if let Some(child) = self.running() {
            child.signal(Signal::SIGKILL);
            self.blame = Some(blame);
        }
    }

    /// Passes its log on.
    pub fn log(&mut self) {
        let name = self.name;
        let Some(child) = self.child() else { return };
        for line in child.log_lines().into_iter().filter(|line| !line.is_empty()) {
            let rank = if self.console.allows(Instant::now()) {
                journal::rank_of(&line)
            } else {
                journal::Rank::Debug
            };
            journal::write(name, rank, &line);
            if !line.starts_with("note: ") {
                self.last_line = line;
            }
        }
    }

    /// Takes note of its end, if `status` is of this process; gives the reason in words.
    pub fn ended(&mut self, status: WaitStatus) -> Option<String> {
        let child = self.running()?;
        if status.pid() != Some(child.pid) {
            return None;
        }
        let ran = child.started.elapsed();
        self.log();
        let wait = self.backoff.after(ran);
        self.state = State::Due(Instant::now() + wait);
        let words = match self.blame.take() {
            Some(blame) => blame.to_owned(),
            None => in_words(status, message_of(&self.last_line))?,
        };
        journal::warn(format!("{} ended: {words}", self.name));
        self.last_line.clear();
        Some(words)
    }
}

/// How much of a log the console takes. A serial port prints a hundred lines a second while whoever
/// writes them waits: a stranger who causes log lines must not slow the mail down by it.
#[derive(Debug)]
struct Console {
    second: Instant,
    lines: u32,
}

impl Console {
    const LINES_A_SECOND: u32 = 10;

    fn new(now: Instant) -> Console {
        Console {
            second: now,
            lines: 0,
        }
    }

    fn allows(&mut self, now: Instant) -> bool {
        if now.duration_since(self.second) >= Duration::from_secs(1) {
            *self = Console::new(now);
        }
        self.lines += 1;
        self.lines <= Self::LINES_A_SECOND
    }
}

/// A log line without its time and level, which say nothing on a panel.
fn message_of(line: &str) -> &str {
    match line.split_once(' ') {
        Some((time, rest)) if time.starts_with("20") && time.ends_with('Z') => {
            let rest = rest.trim_start();
            rest.split_once(' ')
                .map_or(rest, |(_level, message)| message.trim_start())
        }
        _ => line,
    }
}

/// Exit status or signal, and the last log line, which usually says why.
fn in_words(status: WaitStatus, last_line: &str) -> Option<String> {
    let how = match status {
        WaitStatus::Exited(_, code) => format!("exit status {code}"),
        WaitStatus::Signaled(_, signal, _) => match signal {
            Signal::SIGKILL => "killed (out of memory?)".into(),
            Signal::SIGSEGV | Signal::SIGBUS | Signal::SIGILL | Signal::SIGABRT => {
                format!("crashed ({signal})")
            }
            other => format!("ended by {other}"),
        },
        _ => return None,
    };
    Some(if last_line.is_empty() {
        how
    } else {
        format!("{how}: {last_line}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::unistd::Pid;

    #[test]
    fn a_flood_of_lines_stays_off_the_console() {
        let start = Instant::now();
        let mut console = Console::new(start);
        let mut shown = |after| {
            (0..100)
                .filter(|_| console.allows(start + Duration::from_millis(after)))
                .count()
        };
        assert_eq!([shown(0), shown(999), shown(1000), shown(5000)], [10, 0, 10, 10]);
    }

    #[test]
    fn a_log_line_is_told_without_time_and_level() {
        for (line, message) in [
            (
                "2026-11-24T07:00:00.000Z ERROR store: it is full",
                "store: it is full",
            ),
            ("2026-11-24T07:00:00.000Z  WARN x", "x"),
            (
                "pillarbox: the data folder is damaged",
                "pillarbox: the data folder is damaged",
            ),
            ("", ""),
        ] {
            assert_eq!(message_of(line), message);
        }
    }

    #[test]
    fn ends_are_told_in_words() {
        let pid = Pid::from_raw(7);
        for (status, last, words) in [
            (
                WaitStatus::Exited(pid, 1),
                "data folder is damaged",
                "exit status 1: data folder is damaged",
            ),
            (
                WaitStatus::Signaled(pid, Signal::SIGABRT, false),
                "",
                "crashed (SIGABRT)",
            ),
            (
                WaitStatus::Signaled(pid, Signal::SIGKILL, false),
                "x",
                "killed (out of memory?): x",
            ),
        ] {
            assert_eq!(in_words(status, last).as_deref(), Some(words));
        }
        assert_eq!(in_words(WaitStatus::StillAlive, ""), None);
    }
}
