//! From the peer to the session: frames, silence, news, and the guard's word.

use super::manners::Manners;
use super::sending::write_out;
use super::trace;
use super::{Driver, End};
use crate::blocking::blocking;
use crate::limits;
use crate::spool::Spool;
use proto::frame::Frame;
use proto::session::{Expect, Input, Output, Session};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::time::{Instant, timeout_at};
use tracing::debug;

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
    /// Gives the session one frame, or whatever else happens while it waits for one.
    pub(super) async fn receive(&mut self, outputs: &mut Vec<Output>) -> Result<(), End> {
        let expect = self.session.expects();
        let fresh = match expect {
            Expect::Dotted { .. } | Expect::Spool { .. } => true,
            Expect::Chunk { first, .. } => first || self.spool.is_none(),
            _ => false,
        };
        if matches!(expect, Expect::Answer | Expect::Tls | Expect::Closed) {
            return Err(End::Confused);
        }
        if fresh {
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
                    Frame::Piece(piece) => failed = failed || !keep(&mut self.spool, piece),
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
                Came::Octets(count) => self.framer.filled(count),
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
        let silence = (Instant::now() + limits::BODY_SILENCE).min(deadline);
        let until = if matches!(expect, Expect::Line { .. }) {
            deadline
        } else {
            silence
        };
        let bell = self.world.bell();
        let room = self.framer.room(room);
        tokio::select! {
            biased;
            () = bell.rung(watch) => Ok(if bell.cut().is_some() { Came::Cut } else { Came::News }),
            read = timeout_at(until, self.wire.read(room)) => match read {
                Err(_) => Ok(Came::Silence),
                Ok(Ok(0)) => Err(End::Gone),
                Ok(Ok(count)) => Ok(Came::Octets(count)),
                Ok(Err(error)) => Err(error.into()),
            },
        }
    }
}

/// Writes a piece into the spool; a large message goes to the card, where it may have to wait.
/// `false`: there is no room for it, and what there was of it is let go.
fn keep(spooled: &mut Option<Spool>, piece: &[u8]) -> bool {
    let Some(spool) = spooled else { return false };
    let written = if spool.blocks(piece.len()) {
        blocking(|| spool.write(piece))
    } else {
        spool.write(piece)
    };
    if let Err(error) = &written {
        tracing::warn!(%error, "cannot spool a message");
        *spooled = Some(spool.another());
    }
    written.is_ok()
}
