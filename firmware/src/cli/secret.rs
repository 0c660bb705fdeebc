//! Passwords, typed by whoever sits there or read from a pipe.

use anyhow::{Context, Result, ensure};
use nix::sys::termios::{LocalFlags, SetArg, Termios, tcgetattr, tcsetattr};
use std::io::{BufRead, IsTerminal, Write, stdin, stdout};

/// One line, its line end removed. Who types it is asked for it and does not see it; else nothing is
/// asked.
///
/// # Errors
/// Standard input ends or cannot be read.
pub(super) fn secret_line(input: &mut impl BufRead, question: &str) -> Result<String> {
    let unseen = stdin().is_terminal().then(Unseen::begin).flatten();
    if stdin().is_terminal() {
        write!(stdout(), "{question}")?;
        stdout().flush()?;
    }
    let mut line = String::new();
    let read = input.read_line(&mut line);
    if unseen.is_some() {
        writeln!(stdout())?; // the typed one was not shown
    }
    read.context("cannot read the password from standard input")?;
    let end = line.trim_end_matches(['\r', '\n']).len();
    line.truncate(end);
    ensure!(!line.is_empty(), "the password is expected on standard input");
    Ok(line)
}

/// As long as it is there, the terminal does not show what is typed.
struct Unseen(Termios);

impl Unseen {
    // A terminal that cannot do it shows the password: better than none.
    fn begin() -> Option<Self> {
        let before = tcgetattr(stdin()).ok()?;
        let mut now = before.clone();
        now.local_flags.remove(LocalFlags::ECHO);
        tcsetattr(stdin(), SetArg::TCSANOW, &now).ok()?;
        Some(Self(before))
    }
}

impl Drop for Unseen {
    fn drop(&mut self) {
        let _ = tcsetattr(stdin(), SetArg::TCSANOW, &self.0); // the shell sets it right, too
    }
}
