//! Where a session's script and its driver meet.
//!
//! An IMAP command may need many questions and replies in turn, so the session is written as one
//! plain async script. [`Wire`] is the only thing that script can wait for: it says what it takes
//! next, and goes on when the driver has brought it. No clock, no thread, no socket.

use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use zeroize::Zeroizing;

use crate::ask::{Answer, Question};
use crate::session::{Expect, Output, Spooled};
use crate::types::{BlobId, Span};

/// What the driver brought, owned.
pub(super) enum Event {
    Open,
    Line(Zeroizing<Vec<u8>>),
    LineTooLong,
    LineMalformed,
    Octets(Zeroizing<Vec<u8>>),
    Spooled(Spooled),
    Answer(Answer),
    TlsUp { binding: bool },
    News,
}

/// A line, or what came in its place.
pub(super) enum Heard {
    Line(Zeroizing<Vec<u8>>),
    TooLong,
    Malformed,
    News,
}

struct Slot {
    expect: Expect,
    event: Option<Event>,
    /// Text not yet made an output: many small replies leave as one.
    text: Vec<u8>,
    out: Vec<Output>,
}

/// The shared end. The script holds one, the session the other; only one of them runs at a time.
#[derive(Clone)]
pub(super) struct Wire(Arc<Mutex<Slot>>);

impl Wire {
    pub fn new() -> Self {
        Self(Arc::new(Mutex::new(Slot {
            expect: Expect::Answer,
            event: None,
            text: Vec::new(),
            out: Vec::new(),
        })))
    }

    fn slot(&self) -> MutexGuard<'_, Slot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // The session's side.

    pub fn expects(&self) -> Expect {
        self.slot().expect
    }

    pub fn bring(&self, event: Event) {
        self.slot().event = Some(event);
    }

    pub fn take_outputs(&self, out: &mut Vec<Output>) {
        let mut slot = self.slot();
        slot.flush();
        out.append(&mut slot.out);
    }

    pub fn close(&self) {
        let mut slot = self.slot();
        if slot.expect != Expect::Closed {
            slot.expect = Expect::Closed;
            slot.event = None;
            slot.push(Output::Close);
        }
    }

    // The script's side.

    pub fn send(&self, octets: &[u8]) {
        self.slot().text.extend_from_slice(octets);
    }

    pub fn line(&self, text: &str) {
        let mut slot = self.slot();
        slot.text.extend_from_slice(text.as_bytes());
        slot.text.extend_from_slice(b"\r\n");
    }

    pub fn send_body(&self, blob: BlobId, span: Span) {
        let body = Output::SendBody {
            blob,
            span,
            dotted: false,
        };
        self.slot().push(body);
    }

    pub fn client(&self, name: String) {
        self.slot().push(Output::Client(name));
    }

    pub fn drop_spool(&self) {
        self.slot().push(Output::DropSpool);
    }

    async fn next(&self, expect: Expect) -> Event {
        self.slot().expect = expect;
        poll_fn(|_| match self.slot().event.take() {
            Some(event) => Poll::Ready(event),
            None => Poll::Pending,
        })
        .await
    }

    pub async fn opened(&self) {
        while !matches!(self.next(Expect::Answer).await, Event::Open) {}
    }

    pub async fn ask(&self, question: Question) -> Answer {
        self.slot().push(Output::Ask(question));
        loop {
            if let Event::Answer(answer) = self.next(Expect::Answer).await {
                return answer;
            }
        }
    }

    pub async fn hear(&self, limit: usize, seconds: u32, watch: bool) -> Heard {
        loop {
            match self
                .next(Expect::Line {
                    limit,
                    seconds,
                    watch,
                })
                .await
            {
                Event::Line(line) => return Heard::Line(line),
                Event::LineTooLong => return Heard::TooLong,
                Event::LineMalformed => return Heard::Malformed,
                Event::News if watch => return Heard::News,
                _ => {}
            }
        }
    }

    pub async fn octets(&self, count: usize) -> Zeroizing<Vec<u8>> {
        loop {
            if let Event::Octets(octets) = self.next(Expect::Octets { count }).await {
                return octets;
            }
        }
    }

    pub async fn spool(&self, count: u64, limit: u64) -> Spooled {
        loop {
            if let Event::Spooled(spooled) = self.next(Expect::Spool { count, limit }).await {
                return spooled;
            }
        }
    }

    /// Whether a login can be bound to it.
    pub async fn start_tls(&self) -> bool {
        self.slot().push(Output::StartTls);
        loop {
            if let Event::TlsUp { binding } = self.next(Expect::Tls).await {
                return binding;
            }
        }
    }
}

impl Slot {
    fn flush(&mut self) {
        if !self.text.is_empty() {
            let text = std::mem::take(&mut self.text);
            self.out.push(Output::Send(text));
        }
    }

    fn push(&mut self, output: Output) {
        self.flush();
        self.out.push(output);
    }
}
