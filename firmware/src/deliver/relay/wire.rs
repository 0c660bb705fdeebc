//! The connection to another server: lines out, replies in, each with its time.

use super::problem::Problem;
use crate::limits::relay as limits;
use proto::smtp::client::Reply;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Both directions of a connection, whatever protects it.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send {}
impl<T: AsyncRead + AsyncWrite + Unpin + Send> Duplex for T {}

/// A connection with what was read from it and not yet understood.
pub struct Wire {
    stream: Box<dyn Duplex>,
    read: Vec<u8>,
}

impl Wire {
    /// Connects to a server.
    ///
    /// # Errors
    /// Nobody answers there.
    pub async fn connect(address: SocketAddr) -> Result<Self, Problem> {
        match timeout(limits::CONNECT, TcpStream::connect(address)).await {
            Ok(Ok(stream)) => {
                let _ = stream.set_nodelay(true); // a slower connection is still one
                Ok(Self::new(Box::new(stream)))
            }
            Ok(Err(error)) => Err(Problem::host(format!("connect: {error}"))),
            Err(_) => Err(Problem::host("connect: no answer in time".to_owned())),
        }
    }

    /// A connection over anything that carries octets.
    #[must_use]
    pub fn new(stream: Box<dyn Duplex>) -> Self {
        Self {
            stream,
            read: Vec::new(),
        }
    }

    /// The stream for a TLS handshake. What was read in clear and not asked for is thrown away
    /// (RFC 3207 4.2).
    #[must_use]
    pub fn into_stream(self) -> Box<dyn Duplex> {
        self.stream
    }

    /// Sends octets.
    ///
    /// # Errors
    /// The connection is gone, or the peer does not read.
    pub async fn send(&mut self, octets: &[u8], within: Duration) -> Result<(), Problem> {
        let sending = async {
            self.stream.write_all(octets).await?;
            self.stream.flush().await
        };
        match timeout(within, sending).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(Problem::host(format!("connection lost: {error}"))),
            Err(_) => Err(Problem::host("the server stopped reading".to_owned())),
        }
    }

    /// Reads one reply.
    ///
    /// # Errors
    /// The connection is gone, the time is over, or that was no reply.
    pub async fn reply(&mut self, within: Duration) -> Result<Reply, Problem> {
        match timeout(within, self.next_reply()).await {
            Ok(reply) => reply,
            Err(_) => Err(Problem::host("no reply in time".to_owned())),
        }
    }

    async fn next_reply(&mut self) -> Result<Reply, Problem> {
        loop {
            let parsed = Reply::parse(&self.read).map_err(|error| Problem::host(error.to_string()))?;
            if let Some((reply, used)) = parsed {
                self.read.drain(..used);
                return Ok(reply);
            }
            match self.stream.read_buf(&mut self.read).await {
                Ok(0) => return Err(Problem::host("the server closed the connection".to_owned())),
                Ok(_) => {}
                Err(error) => return Err(Problem::host(format!("connection lost: {error}"))),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_silent_or_endless_server_is_a_problem_of_that_host() {
        let (ours, theirs) = tokio::io::duplex(64);
        let mut wire = Wire::new(Box::new(ours));
        assert!(
            wire.reply(limits::COMMAND)
                .await
                .unwrap_err()
                .words
                .contains("in time")
        );
        let endless = tokio::spawn(async move {
            let mut theirs = theirs;
            while theirs.write_all(b"250-more\r\n").await.is_ok() {}
        });
        assert!(
            wire.reply(limits::COMMAND)
                .await
                .unwrap_err()
                .words
                .contains("never ends")
        );
        drop(wire);
        endless.await.unwrap();
    }
}
