//! The one driver of all protocols: it owns the socket, the time, TLS and the spool, and carries
//! octets and answers to and from a session that knows nothing of them.

mod manners;
mod receiving;
mod sending;
#[cfg(test)]
mod tests;
mod trace;
mod wire;

pub use wire::Wire;

use crate::limits;
use crate::spool::Spool;
use crate::world::World;
use manners::Manners;
use proto::frame::Framer;
use proto::session::{Input, Output, Session};
use sending::write_out;
use std::io;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, timeout};
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
    out: Vec<u8>,
    spool: Option<Spool>,
    // Of the line just read, until its answer is known.
    manners: Option<Manners>,
    opened: Instant,
    saying_goodbye: bool,
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
                    let binding = self.world.facts().binding();
                    next = Some(Input::TlsUp { binding });
                }
                Output::Client(name) => self.world.client_is(name),
                Output::DropSpool => self.spool = None,
                Output::Close => return Err(self.close().await),
            }
        }
        Ok(next)
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
}
