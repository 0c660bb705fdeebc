//! The one driver of all protocols: it owns the socket, the time, TLS and the spool, and carries
//! octets and answers to and from a session that knows nothing of them.

mod manners;
#[cfg(test)]
mod tests;
mod trace;
mod wire;

pub use wire::Wire;

use crate::blocking::blocking;
use crate::limits;
use crate::spool::Spool;
use crate::world::World;
use manners::Manners;
use proto::frame::{Frame, Framer, Stuffer};
use proto::session::{Expect, Input, Output, Session};
use proto::types::{BlobId, Span};
use std::io;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tracing::debug;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub enum End {
    /// The session said goodbye.
    #[error("closed")]
    Closed,
    /// The peer went away.
    #[error("the peer closed the connection")]
    Gone,
    /// It took too long to read what we wrote, or to finish a body or a handshake.
    #[error("the peer was too slow")]
    Slow,
    /// The guard or the shutdown ended it in the middle of a transfer.
    #[error("cut")]
    Cut,
    /// The network or the store failed.
    #[error("{0}")]
    Broken(#[from] io::Error),
    /// A session asked for something it cannot have: a bug.
    #[error("the session and its driver disagree")]
    Confused,
}

/// A connection being driven.
pub struct Driver<T, S> {
    wire: Wire<T>,
    session: S,
    world: World,
    acceptor: TlsAcceptor,
    framer: Framer,
    read: Vec<u8>,
    out: Vec<u8>,
    spool: Option<Spool>,
    // Of the line just read, until its answer is known.
    manners: Option<Manners>,
    opened: Instant,
    saying_goodbye: bool,
}

/// What came while waiting for the peer.
enum Came {
    Octets(usize),
    News,
    Cut,
    Silence,
}

impl<T, S> Driver<T, S>
where
    T: AsyncRead + AsyncWrite + Unpin + Send,
    S: Session + Send,
{
    /// A connection whose TLS, if it begins with TLS, is up.
    pub fn new(wire: Wire<T>, session: S, world: World, acceptor: TlsAcceptor) -> Self {
        Self {
            wire,
            session,
            world,
            acceptor,
            framer: Framer::new(),
            read: Vec::new(),
            out: Vec::new(),
            spool: None,
            manners: None,
            opened: Instant::now(),
            saying_goodbye: false,
        }
    }

    /// Drives it to its end.
    pub async fn run(mut self) -> End {
        let end = match self.talk().await {
            Err(end) => end,
            Ok(()) => End::Closed,
        };
        debug!(connection = self.world.facts().number, %end, "connection ended");
        end
    }

    async fn talk(&mut self) -> Result<(), End> {
        let mut outputs = Vec::new();
        // Who is not let in hears so instead of a greeting.
        let first = self.world.bell().cut().map_or(Input::Open, Input::Cut);
        self.saying_goodbye = matches!(first, Input::Cut(_));
        self.session.handle(first, &mut outputs);
        loop {
            if let Some(offence) = self.manners.take().and_then(|line| line.judge(&outputs)) {
                self.world.misbehaved(offence).await;
            }
            while let Some(input) = self.carry_out(&mut outputs).await? {
                self.session.handle(input, &mut outputs);
            }
            self.receive(&mut outputs).await?;
        }
    }

    /// Carries out what the session wants, in order; the answer it waits for, if it asked.
    async fn carry_out(&mut self, outputs: &mut Vec<Output>) -> Result<Option<Input<'static>>, End> {
        let mut next = None;
        for output in outputs.drain(..) {
            match output {
                Output::Send(octets) => {
                    let connection = self.world.facts().number;
                    debug!(
                        connection,
                        code = trace::code(&octets),
                        octets = octets.len(),
                        "S"
                    );
                    if self.out.is_empty() {
                        self.out = octets;
                    } else {
                        self.out.extend_from_slice(&octets);
                    }
                    if self.out.len() >= limits::PIECE {
                        write_out(&mut self.wire, &mut self.out, &self.world, self.saying_goodbye).await?;
                    }
                }
                Output::SendBody { blob, span, dotted } => self.send_body(blob, span, dotted).await?,
                Output::Ask(question) => {
                    let answer = self.world.answer(question, &mut self.spool).await;
                    next = Some(Input::Answer(answer));
                }
                Output::StartTls => {
                    self.start_tls().await?;
                    next = Some(Input::TlsUp);
                }
                Output::DropSpool => self.spool = None,
                Output::Close => return Err(self.close().await),
            }
        }
        Ok(next)
    }

    /// Gives the session one frame, or whatever else happens while it waits for one.
    async fn receive(&mut self, outputs: &mut Vec<Output>) -> Result<(), End> {
        let expect = self.session.expects();
        let body = matches!(expect, Expect::Dotted { .. } | Expect::Spool { .. });
        if matches!(expect, Expect::Answer | Expect::Tls | Expect::Closed) {
            return Err(End::Confused);
        }
        if body {
            self.spool = Some(self.world.new_spool());
        }
        let deadline = self.deadline(expect);
        let mut failed = false;
        loop {
            if let Some(refusal) = self.world.bell().cut() {
                self.saying_goodbye = true;
                self.spool = None;
                self.session.handle(Input::Cut(refusal), outputs);
                return Ok(());
            }
            while let Some(frame) = self.framer.next(expect) {
                match frame {
                    Frame::Piece(piece) => failed = failed || !keep(self.spool.as_mut(), piece),
                    Frame::Spooled(mut spooled) => {
                        spooled.failed = failed;
                        self.session.handle(Input::Spooled(spooled), outputs);
                        return Ok(());
                    }
                    frame => {
                        if let Frame::Line(line) = &frame {
                            let connection = self.world.facts().number;
                            debug!(connection, verb = trace::verb(line), octets = line.len(), "C");
                        }
                        self.manners = Some(Manners::of(&frame));
                        if let Ok(input) = frame.into_input() {
                            self.session.handle(input, outputs);
                        }
                        return Ok(());
                    }
                }
            }
            match self.wait(expect, deadline).await? {
                Came::Octets(count) => self.framer.push(self.read.get(..count).unwrap_or_default()),
                Came::News => {
                    self.session.handle(Input::News, outputs);
                    return Ok(());
                }
                Came::Silence => {
                    self.saying_goodbye = true;
                    self.session.handle(Input::Timeout, outputs);
                    return Ok(());
                }
                Came::Cut => {}
            }
        }
    }

    /// When the present frame has to be complete, whatever trickles in.
    fn deadline(&self, expect: Expect) -> Instant {
        let whole = match expect {
            Expect::Line { seconds, .. } => Duration::from_secs(seconds.into()),
            Expect::Octets { .. } => limits::BODY_SILENCE,
            _ => limits::BODY,
        };
        let deadline = Instant::now() + whole;
        if self.world.wants_login() {
            deadline.min(self.opened + limits::WITHOUT_LOGIN)
        } else {
            deadline
        }
    }

    /// Waits for the peer, having sent everything and let go of the snapshot.
    async fn wait(&mut self, expect: Expect, deadline: Instant) -> Result<Came, End> {
        write_out(&mut self.wire, &mut self.out, &self.world, self.saying_goodbye).await?;
        self.world.rest();
        let (watch, room) = match expect {
            Expect::Line { watch, .. } => (watch, limits::READ),
            _ => (false, limits::PIECE),
        };
        if self.read.len() != room {
            self.read = vec![0; room]; // an idle connection holds no large buffer
        }
        let silence = (Instant::now() + limits::BODY_SILENCE).min(deadline);
        let until = if matches!(expect, Expect::Line { .. }) {
            deadline
        } else {
            silence
        };
        let bell = self.world.bell();
        tokio::select! {
            biased;
            () = bell.rung(watch) => Ok(if bell.cut().is_some() { Came::Cut } else { Came::News }),
            read = timeout_at(until, self.wire.read(&mut self.read)) => match read {
                Err(_) => Ok(Came::Silence),
                Ok(Ok(0)) => Err(End::Gone),
                Ok(Ok(count)) => Ok(Came::Octets(count)),
                Ok(Err(error)) => Err(error.into()),
            },
        }
    }

    /// Streams a stored body: never more of it in memory than a piece.
    async fn send_body(&mut self, blob: BlobId, span: Span, dotted: bool) -> Result<(), End> {
        let mut stuffer = Stuffer::new();
        let mut at = span.start;
        while at < span.end {
            let end = span.end.min(at + limits::PIECE as u64);
            let piece = Span { start: at, end };
            let octets = blocking(|| self.world.octets(blob, piece))?;
            if octets.is_empty() {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into());
            }
            at += octets.len() as u64;
            if dotted {
                stuffer.piece(&octets, &mut self.out);
            } else {
                self.out.extend_from_slice(&octets);
            }
            if self.out.len() >= limits::PIECE {
                write_out(&mut self.wire, &mut self.out, &self.world, self.saying_goodbye).await?;
            }
        }
        if dotted {
            stuffer.finish(&mut self.out);
        }
        Ok(())
    }

    async fn start_tls(&mut self) -> Result<(), End> {
        write_out(&mut self.wire, &mut self.out, &self.world, self.saying_goodbye).await?;
        self.framer.clear(); // RFC 3207 4.2: nothing said in clear survives
        let facts = timeout(limits::HANDSHAKE, self.wire.start_tls(&self.acceptor))
            .await
            .map_err(|_| End::Slow)??;
        self.world.tls_is_up(facts);
        Ok(())
    }

    /// Sends what is left and closes so that the peer can still read it: closing with octets
    /// unread would throw our last reply away.
    async fn close(&mut self) -> End {
        self.saying_goodbye = true;
        let goodbye = async {
            self.wire.write_all(&self.out).await?;
            self.wire.shutdown().await?;
            let mut left = limits::PIECE;
            let mut scrap = [0; 1024];
            while left > 0 {
                let count = self.wire.read(&mut scrap).await?;
                if count == 0 {
                    break;
                }
                left = left.saturating_sub(count);
            }
            io::Result::Ok(())
        };
        if let Ok(Err(error)) = timeout(limits::GOODBYE, goodbye).await {
            debug!(%error, "the goodbye was not heard");
        }
        End::Closed
    }
}

/// Sends what is buffered, unless the guard ends the connection meanwhile.
async fn write_out<T: AsyncRead + AsyncWrite + Unpin>(
    wire: &mut Wire<T>,
    out: &mut Vec<u8>,
    world: &World,
    saying_goodbye: bool,
) -> Result<(), End> {
    if out.is_empty() {
        return Ok(());
    }
    let write = async {
        let mut left = out.as_slice();
        while !left.is_empty() {
            // A slow line is fine as long as it moves.
            let count = timeout(limits::WRITE, wire.write(left))
                .await
                .map_err(|_| End::Slow)??;
            if count == 0 {
                return Err(End::Gone);
            }
            left = left.get(count..).unwrap_or_default();
        }
        timeout(limits::WRITE, wire.flush())
            .await
            .map_err(|_| End::Slow)??;
        Ok(())
    };
    tokio::select! {
        biased;
        written = write => written?,
        () = world.bell().rung(false), if !saying_goodbye => return Err(End::Cut),
    }
    if out.capacity() > 2 * limits::PIECE {
        *out = Vec::new();
    }
    out.clear();
    Ok(())
}

/// Writes a piece into the spool; a large message goes to the card, where it may have to wait.
fn keep(spool: Option<&mut Spool>, piece: &[u8]) -> bool {
    let Some(spool) = spool else { return false };
    let written = if spool.blocks(piece.len()) {
        blocking(|| spool.write(piece))
    } else {
        spool.write(piece)
    };
    if let Err(error) = &written {
        tracing::warn!(%error, "cannot spool a message");
    }
    written.is_ok()
}
