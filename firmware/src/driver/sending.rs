//! From the session and the store to the peer.

use super::{Driver, End, Wire};
use crate::blocking::blocking;
use crate::limits;
use crate::world::World;
use proto::frame::Stuffer;
use proto::session::Session;
use proto::types::{BlobId, Span};
use std::io;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;
use tracing::debug;

/// Octets whose reading is not worth moving other work off the thread.
const SMALL: u64 = 16 * 1024;

impl<T, S> Driver<T, S>
where
    T: AsyncRead + AsyncWrite + Unpin + Send,
    S: Session + Send,
{
    /// Streams a stored body: never more of it in memory than a piece.
    pub(super) async fn send_body(&mut self, blob: BlobId, span: Span, dotted: bool) -> Result<(), End> {
        let mut stuffer = Stuffer::new();
        let mut at = span.start;
        while at < span.end {
            let end = span.end.min(at + limits::PIECE as u64);
            let piece = Span { start: at, end };
            let octets = if piece.len() > SMALL {
                blocking(|| self.world.octets(blob, piece))?
            } else {
                self.world.octets(blob, piece)?
            };
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

    /// Sends what is left and closes so that the peer can still read it: closing with octets
    /// unread would throw our last reply away.
    pub(super) async fn close(&mut self) -> End {
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
pub(super) async fn write_out<T: AsyncRead + AsyncWrite + Unpin>(
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
