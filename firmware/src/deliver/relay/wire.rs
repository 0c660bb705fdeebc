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

    /// Sends octets. `within` begins anew with every octet that leaves: a slow server is one that
    /// reads (RFC 5321 4.5.3.2.5 counts by the send call).
    ///
    /// # Errors
    /// The connection is gone, or the peer does not read.
    pub async fn send(&mut self, mut octets: &[u8], within: Duration) -> Result<(), Problem> {
        let lost = |error: std::io::Error| Problem::host(format!("connection lost: {error}"));
        let stuck = |_| Problem::host("the server stopped reading".to_owned());
        while !octets.is_empty() {
            let writing = timeout(within, self.stream.write(octets)).await;
            let count = writing.map_err(stuck)?.map_err(lost)?;
            if count == 0 {
                return Err(lost(std::io::ErrorKind::WriteZero.into()));
            }
            octets = octets.get(count..).unwrap_or_default();
        }
        let flushing = timeout(within, self.stream.flush()).await;
        flushing.map_err(stuck)?.map_err(lost)
    }

    /// What has come without being asked for; never waits. Whoever sends answers that belong to no
    /// question is out of step, and his next one would be taken for what it is not.
    ///
    /// # Errors
    /// The connection is gone, or that was no reply.
    pub async fn unasked(&mut self) -> Result<Option<Reply>, Problem> {
        if self.read.is_empty() {
            let Ok(read) = timeout(Duration::ZERO, self.stream.read_buf(&mut self.read)).await else {
                return Ok(None);
            };
            match read {
                Ok(0) => return Err(Problem::host(CLOSED.to_owned())),
                Ok(_) => {}
                Err(error) => return Err(Problem::host(format!("connection lost: {error}"))),
            }
        }
        self.reply(limits::GOODBYE).await.map(Some)
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
                Ok(0) => return Err(Problem::host(CLOSED.to_owned())),
                Ok(_) => {}
                Err(error) => return Err(Problem::host(format!("connection lost: {error}"))),
            }
        }
    }
}

const CLOSED: &str = "the server closed the connection";

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

    #[tokio::test(start_paused = true)]
    async fn a_server_that_reads_slowly_is_waited_for_and_one_that_stops_is_not() {
        let (ours, mut theirs) = tokio::io::duplex(512);
        let mut wire = Wire::new(Box::new(ours));
        let reading = tokio::spawn(async move {
            let (mut chunk, mut read) = ([0; 200], 0);
            while read < 100_000 {
                tokio::time::sleep(Duration::from_secs(1)).await;
                read += theirs.read(&mut chunk).await.unwrap();
            }
            theirs
        });
        // 500 seconds, of which none is without progress
        wire.send(&[b'x'; 100_000], limits::PIECE).await.unwrap();
        let _theirs = reading.await.unwrap();
        let problem = wire.send(&[b'x'; 1000], limits::PIECE).await.unwrap_err();
        assert!(problem.words.contains("stopped reading"), "{problem:?}");
    }

    #[tokio::test]
    async fn what_comes_unasked_is_seen_without_waiting() {
        let (ours, mut theirs) = tokio::io::duplex(512);
        let mut wire = Wire::new(Box::new(ours));
        assert_eq!(wire.unasked().await, Ok(None));
        theirs.write_all(b"250 yes\r\n250 and yes\r\n").await.unwrap();
        for words in ["250 yes", "250 and yes"] {
            let reply = wire.unasked().await.unwrap().map(|reply| reply.words());
            assert_eq!(reply.as_deref(), Some(words));
        }
        drop(theirs);
        assert_eq!(wire.unasked().await, Err(Problem::host(CLOSED.to_owned())));
    }
}
