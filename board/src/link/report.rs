//! What `link` tells PID 1.

use crate::wire::{BoardEvent, SOCKET_ENV};
use std::io::Write;
use std::os::fd::FromRawFd;
use std::os::unix::net::UnixStream;
use std::sync::Mutex;

/// The socket to PID 1; without one, such as when run by hand, reports go to the log alone.
#[derive(Debug)]
pub(super) struct Report {
    socket: Option<Mutex<UnixStream>>,
}

impl Report {
    /// Takes the socket PID 1 handed over.
    pub fn from_environment() -> Report {
        let number = std::env::var(SOCKET_ENV)
            .ok()
            .and_then(|number| number.parse().ok());
        let socket = number.map(|number| {
            // SAFETY: PID 1 opened this descriptor for us; this is the only place that takes it.
            #[allow(unsafe_code)] // an inherited descriptor has no other way in
            let socket = unsafe { UnixStream::from_raw_fd(number) };
            Mutex::new(socket)
        });
        Report { socket }
    }

    /// Sends an event. PID 1 does not go away while we live.
    pub fn send(&self, event: &BoardEvent) {
        let Ok(mut line) = serde_json::to_vec(event) else {
            return;
        };
        line.push(b'\n');
        if let Some(socket) = &self.socket {
            let mut socket = socket.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            if let Err(error) = socket.write_all(&line) {
                super::warn(format_args!("PID 1 does not listen: {error}"));
            }
        } else {
            super::note(format_args!("{event:?}"));
        }
    }
}
