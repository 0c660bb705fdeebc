//! The pages' way to the net: HTTPS, and a plain port that points there.

use crate::guard::screen::{Blocked, Screen, Verdict};
use crate::guard::{Call, Callers};
use crate::limits;
use anyhow::Result;
use axum::Router;
use axum::extract::connect_info::Connected;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::serve::{IncomingStream, Listener};
use rustls::ServerConfig;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::time::{Sleep, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tracing::{debug, warn};
use web_setup::{Outsider, Peer};

/// A browser that says nothing for so long is let go.
const SILENCE: Duration = Duration::from_secs(60);
/// Handshakes that are done and wait to be served.
const WAITING: usize = 16;

/// What decides who comes in.
#[derive(Debug, Clone)]
pub struct Gate {
    /// How many connections there are.
    pub callers: Callers,
    /// Who is shut out.
    pub screen: Screen,
}

/// Serves `router` on `socket` until `closing`; over TLS where there is a configuration.
///
/// # Errors
/// The socket cannot be used.
pub async fn serve(
    socket: std::net::TcpListener,
    tls: Option<Arc<ServerConfig>>,
    gate: Gate,
    router: Router,
    mut closing: watch::Receiver<bool>,
) -> Result<()> {
    let listener = TcpListener::from_std(socket)?;
    let local = listener.local_addr()?;
    let (ready, incoming) = mpsc::channel(WAITING);
    let taking = tokio::spawn(take(listener, tls, gate.clone(), ready));
    let app = router
        .layer(middleware::from_fn_with_state(gate.screen, name_the_peer))
        .into_make_service_with_connect_info::<Caller>();
    let served = axum::serve(Handshaken { incoming, local }, app).with_graceful_shutdown(async move {
        let _ = closing.wait_for(|closing| *closing).await; // an error: the box is gone already
    });
    let ended = served.await;
    taking.abort();
    Ok(ended?)
}

// A slow handshake holds up nobody but its own connection.
async fn take(
    listener: TcpListener,
    tls: Option<Arc<ServerConfig>>,
    gate: Gate,
    ready: mpsc::Sender<(Stream, SocketAddr)>,
) {
    let acceptor = tls.map(TlsAcceptor::from);
    loop {
        let (stream, peer) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "cannot take a web connection");
                sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let ip = peer.ip().to_canonical();
        let Some(call) = gate.callers.admit(ip) else {
            continue;
        };
        // Who is blocked reads why on a page.
        if matches!(gate.screen.connection(ip), Verdict::Dropped) {
            continue;
        }
        let (acceptor, ready) = (acceptor.clone(), ready.clone());
        tokio::spawn(async move {
            let io: Box<dyn Io> = match acceptor {
                None => Box::new(stream),
                Some(acceptor) => match timeout(limits::HANDSHAKE, acceptor.accept(stream)).await {
                    Ok(Ok(stream)) => Box::new(stream),
                    Ok(Err(error)) => return debug!(%peer, %error, "no TLS"),
                    Err(_) => return,
                },
            };
            let stream = Stream {
                io,
                silence: Box::pin(sleep(SILENCE)),
                _call: call,
            };
            let _ = ready.send((stream, peer)).await; // an error: the box is closing
        });
    }
}

async fn name_the_peer(
    State(screen): State<Screen>,
    ConnectInfo(Caller(peer)): ConnectInfo<Caller>,
    mut request: Request,
    next: Next,
) -> Response {
    let ip = peer.ip().to_canonical();
    if let Some(Blocked { why, until }) = screen.blocked(ip) {
        return web_setup::blocked(&why, until);
    }
    request.extensions_mut().insert(Peer(ip));
    if !screen.may_see_pages(ip) {
        request.extensions_mut().insert(Outsider);
    }
    next.run(request).await
}

/// Who called.
#[derive(Debug, Clone, Copy)]
struct Caller(SocketAddr);

impl Connected<IncomingStream<'_, Handshaken>> for Caller {
    fn connect_info(stream: IncomingStream<'_, Handshaken>) -> Self {
        Self(*stream.remote_addr())
    }
}

struct Handshaken {
    incoming: mpsc::Receiver<(Stream, SocketAddr)>,
    local: SocketAddr,
}

impl Listener for Handshaken {
    type Io = Stream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Stream, SocketAddr) {
        match self.incoming.recv().await {
            Some(accepted) => accepted,
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.local)
    }
}

trait Io: AsyncRead + AsyncWrite + Send + Unpin {}
impl Io for TcpStream {}
impl Io for tokio_rustls::server::TlsStream<TcpStream> {}

/// A connection that ends when its peer is silent for too long.
struct Stream {
    io: Box<dyn Io>,
    silence: Pin<Box<Sleep>>,
    _call: Call,
}

impl Stream {
    fn heard(&mut self) {
        self.silence.as_mut().reset(tokio::time::Instant::now() + SILENCE);
    }

    fn too_silent(&mut self, context: &mut Context<'_>) -> bool {
        self.silence.as_mut().poll(context).is_ready()
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match Pin::new(&mut self.io).poll_read(context, into) {
            Poll::Pending if self.too_silent(context) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
            ready => {
                self.heard();
                ready
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        octets: &[u8],
    ) -> Poll<io::Result<usize>> {
        match Pin::new(&mut self.io).poll_write(context, octets) {
            Poll::Pending if self.too_silent(context) => Poll::Ready(Err(io::ErrorKind::TimedOut.into())),
            Poll::Pending => Poll::Pending,
            ready => {
                self.heard();
                ready
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.io).poll_shutdown(context)
    }
}
