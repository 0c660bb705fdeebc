//! A stream that may turn into TLS halfway.

use crate::facts::TlsFacts;
use proto::types::Secret;
use rustls::{ProtocolVersion, ServerConnection};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// The octets of a connection, in clear or through TLS.
#[derive(Debug)]
pub enum Wire<T> {
    /// In clear.
    Plain(T),
    /// Through TLS.
    Tls(Box<TlsStream<T>>),
    /// A handshake took the stream and failed.
    Broken,
}

impl<T: AsyncRead + AsyncWrite + Unpin> Wire<T> {
    /// Does the handshake. Octets that were read before it are the caller's to throw away.
    ///
    /// # Errors
    /// The handshake failed, or TLS is up already; the wire is broken then.
    pub async fn start_tls(&mut self, acceptor: &TlsAcceptor) -> io::Result<TlsFacts> {
        let Self::Plain(stream) = std::mem::replace(self, Self::Broken) else {
            return Err(io::Error::other("TLS is up already"));
        };
        let stream = acceptor.accept(stream).await?;
        let connection = stream.get_ref().1;
        let facts = TlsFacts {
            version: match connection.protocol_version() {
                Some(ProtocolVersion::TLSv1_3) => "TLS1.3",
                _ => "TLS1.2",
            },
            cipher: connection
                .negotiated_cipher_suite()
                .and_then(|suite| suite.suite().as_str())
                .unwrap_or_default()
                .to_owned(),
            exporter: exporter(connection),
        };
        *self = Self::Tls(Box::new(stream));
        Ok(facts)
    }
}

// RFC 9266 2; with an empty context, which in TLS 1.3 is as none.
fn exporter(connection: &ServerConnection) -> Option<Secret> {
    if connection.protocol_version() != Some(ProtocolVersion::TLSv1_3) {
        return None;
    }
    let exported = connection.export_keying_material(vec![0; 32], b"EXPORTER-Channel-Binding", Some(b""));
    exported.ok().map(Secret::new)
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncRead for Wire<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_read(context, into),
            Self::Tls(stream) => Pin::new(stream).poll_read(context, into),
            Self::Broken => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Wire<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_write(context, octets),
            Self::Tls(stream) => Pin::new(stream).poll_write(context, octets),
            Self::Broken => Poll::Ready(Err(io::ErrorKind::NotConnected.into())),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_flush(context),
            Self::Tls(stream) => Pin::new(stream).poll_flush(context),
            Self::Broken => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut *self {
            Self::Plain(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Tls(stream) => Pin::new(stream).poll_shutdown(context),
            Self::Broken => Poll::Ready(Ok(())),
        }
    }
}
