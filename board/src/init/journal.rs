//! The log of init and of the processes under it: the kernel's ring, which the kernel prints on the
//! serial port and on HDMI. Nothing is written to the card.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::sync::OnceLock;

/// Octets of one entry; the kernel cuts at about a thousand.
const LONGEST: usize = 900;

static RING: OnceLock<Option<File>> = OnceLock::new();

/// How the kernel ranks an entry (syslog(2)); the console shows those below its log level.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Rank {
    Error = 3,
    Warning = 4,
    Notice = 5,
    /// Kept in the ring, seen on the console only when asked for: printing there is slow.
    Debug = 7,
}

/// Something init did.
pub(crate) fn note(text: impl AsRef<str>) {
    write("init", Rank::Notice, text.as_ref());
}

/// Something is not as it should be.
pub(crate) fn warn(text: impl AsRef<str>) {
    write("init", Rank::Warning, text.as_ref());
}

/// An entry of one line. A log that cannot be written is no reason to stop.
pub(crate) fn write(who: &str, rank: Rank, text: &str) {
    let entry = format!("<{}>pillarbox {who}: {}\n", rank as u8, one_line(text));
    let ring = RING.get_or_init(|| OpenOptions::new().write(true).open("/dev/kmsg").ok());
    let _ = match ring {
        Some(ring) => (&*ring).write_all(entry.as_bytes()),
        None => std::io::stderr().write_all(entry.as_bytes()),
    };
}

/// Control characters would let a log line forge another or move the console's cursor.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(LONGEST));
    for letter in text.chars() {
        if line.len() + letter.len_utf8() > LONGEST {
            break;
        }
        line.push(if letter.is_control() { ' ' } else { letter });
    }
    line
}

/// How a line of `serve` or `link` ranks: they write the level near its start.
pub(crate) fn rank_of(line: &str) -> Rank {
    let start = line.get(..40).unwrap_or(line);
    let level = start.split_whitespace().find_map(|word| match word {
        "ERROR" => Some(Rank::Error),
        "WARN" => Some(Rank::Warning),
        "INFO" | "DEBUG" | "TRACE" => Some(Rank::Debug),
        _ => None,
    });
    match level {
        None if line.contains("panicked at") => Rank::Error,
        level => level.unwrap_or(Rank::Notice),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_is_one_bounded_line() {
        assert_eq!(one_line("a\nb\x1b[2J\tc"), "a b [2J c");
        assert_eq!(one_line(&"é".repeat(1000)).len(), LONGEST);
    }

    #[test]
    fn levels_are_read_from_the_start_of_the_line() {
        for (line, rank) in [
            ("2026-01-01T00:00:00Z ERROR store: full", Rank::Error),
            ("2026-01-01T00:00:00Z  WARN login failed", Rank::Warning),
            ("2026-01-01T00:00:00Z  INFO smtp: subject=WARN", Rank::Debug),
            ("thread 'main' panicked at src/x.rs:1", Rank::Error),
            ("PILLARBOX READY https://192.0.2.1/", Rank::Notice),
        ] {
            assert_eq!(rank_of(line), rank, "{line}");
        }
    }
}
