//! Many senders at once: each on its own connection, each remembering what was answered 250.

use crate::smtp::Smtp;
use anyhow::{Result, ensure};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

/// What to send.
#[derive(Debug, Clone)]
pub struct Load {
    /// The server's port.
    pub port: u16,
    /// To whom.
    pub to: String,
    /// How many connections at once.
    pub connections: u32,
    /// How many messages in all.
    pub messages: u32,
    /// Octets of each message, about.
    pub size: usize,
}

impl Load {
    /// Sends until all are sent, a connection fails, or `stop` is set. Returns the Message-IDs
    /// (without brackets) of those answered 250. Each message has its own body text.
    #[must_use]
    pub fn run(&self, prefix: &str, stop: &AtomicBool) -> Vec<String> {
        let next = AtomicU32::new(0);
        let accepted = Mutex::new(Vec::new());
        std::thread::scope(|scope| {
            for _ in 0..self.connections {
                scope.spawn(|| self.sender(prefix, &next, stop, &accepted));
            }
        });
        accepted.into_inner().unwrap_or_default()
    }

    fn sender(&self, prefix: &str, next: &AtomicU32, stop: &AtomicBool, accepted: &Mutex<Vec<String>>) {
        let Ok(mut smtp) = Smtp::connect(self.port) else {
            return;
        };
        while !stop.load(Ordering::Relaxed) {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= self.messages {
                let _ = smtp.command("QUIT", "221");
                return;
            }
            let id = format!("{prefix}.{number}@load.example");
            let from = "sender@load.example";
            let message = message(&id, from, &self.to, self.size);
            if smtp.deliver(from, &self.to, &message).is_err() {
                return;
            }
            if let Ok(mut ids) = accepted.lock() {
                ids.push(id);
            }
        }
    }
}

/// A message on its way.
#[derive(Debug, Clone)]
pub struct Letter {
    /// MAIL FROM.
    pub from: String,
    /// RCPT TO.
    pub to: String,
    /// Header and body.
    pub octets: Vec<u8>,
}

impl Letter {
    /// One of about `size` octets whose every line is its own.
    #[must_use]
    pub fn new(id: &str, from: &str, to: &str, size: usize) -> Self {
        Self {
            octets: message(id, from, to, size),
            from: from.to_owned(),
            to: to.to_owned(),
        }
    }

    /// One with that text.
    #[must_use]
    pub fn saying(id: &str, from: &str, to: &str, text: &str) -> Self {
        Self {
            octets: (header(id, from, to) + text).into_bytes(),
            from: from.to_owned(),
            to: to.to_owned(),
        }
    }
}

/// Sends them all on so many connections at once, each taking the next one that is left, until it has
/// sent `most`: another one takes its place then.
///
/// # Errors
/// Not every one was taken; what was said to the first that was not.
pub fn send(
    letters: &[Letter],
    connections: u32,
    most: usize,
    connect: impl Fn() -> Result<Smtp> + Sync,
) -> Result<()> {
    let next = AtomicUsize::new(0);
    let take = || letters.get(next.fetch_add(1, Ordering::Relaxed));
    let sender = || -> Result<()> {
        let mut letter = take();
        while letter.is_some() {
            let mut smtp = connect()?;
            for _ in 0..most {
                let Some(one) = letter else { break };
                smtp.deliver(&one.from, &one.to, &one.octets)?;
                letter = take();
            }
            smtp.command("QUIT", "221")?;
        }
        Ok(())
    };
    std::thread::scope(|scope| {
        let senders: Vec<_> = (0..connections).map(|_| scope.spawn(sender)).collect();
        senders.into_iter().try_for_each(|sender| {
            let ended = sender.join();
            ensure!(ended.is_ok(), "a sender panicked");
            ended.unwrap_or(Ok(()))
        })
    })
}

/// A message of about `size` octets whose every line is its own.
fn message(id: &str, from: &str, to: &str, size: usize) -> Vec<u8> {
    let mut text = header(id, from, to);
    let mut line = 0_u32;
    while text.len() < size {
        line += 1;
        text.push_str(&format!(
            "{line:08} {id} the quick brown fox jumps over the lazy dog\r\n"
        ));
    }
    text.into_bytes()
}

fn header(id: &str, from: &str, to: &str) -> String {
    format!(
        "From: <{from}>\r\nTo: <{to}>\r\nSubject: load {id}\r\n\
         Date: Tue, 24 Nov 2026 10:00:00 +0000\r\nMessage-ID: <{id}>\r\n\r\n"
    )
}
