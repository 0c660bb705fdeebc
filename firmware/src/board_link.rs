//! The pipe to PID 1: what the panel shows goes there, what the board noticed comes back. Without
//! a board (on a laptop), the same facts are the system's own.

use crate::clock::Clock;
use anyhow::{Context, Result};
use board::screen::Screen;
use board::wire::{BoardEvent, SOCKET_ENV, Stick, ToBoard};
use nix::ifaddrs::getifaddrs;
use proto::types::Timestamp;
use std::net::IpAddr;
use std::os::fd::FromRawFd;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};
use tracing::{info, warn};

/// PID 1 hears of us this often, if all is well.
const ALIVE: Duration = Duration::from_secs(5);
/// How long the panel tells of an end that was not meant, in seconds.
const RECENT: i64 = 3600;
/// How long the system's word on our own addresses is taken: it is asked with every message.
const ADDRESSES_FOR: Duration = Duration::from_secs(2);
/// Longest line from PID 1, in octets.
const LINE: u64 = 64 * 1024;
/// The https port that needs no mention.
const HTTPS: u16 = 443;

/// The board as `serve` sees it. Clones share it.
#[derive(Debug, Clone)]
pub struct Board(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    simulated: bool,
    https: u16,
    clock: Clock,
    known: Mutex<Known>,
    changed: Notify,
    requests: mpsc::Sender<ToBoard>,
}

#[derive(Debug, Default)]
struct Known {
    link: Option<(bool, Vec<IpAddr>)>,
    storage: Option<(u64, u64)>,
    sticks: Vec<Stick>,
    // What the system said last, without a board, and when.
    own: Option<(Instant, Vec<IpAddr>)>,
    last_words: Option<(Timestamp, String)>,
}

/// The socket to PID 1, before the runtime has it.
#[derive(Debug)]
pub struct Pipe {
    socket: std::os::unix::net::UnixStream,
    requests: mpsc::Receiver<ToBoard>,
}

impl Board {
    /// The board whose pipe is named in the environment, or a simulated one.
    ///
    /// # Errors
    /// The variable does not name a socket.
    pub fn from_environment(clock: Clock, https: u16) -> Result<(Self, Option<Pipe>)> {
        let (sender, requests) = mpsc::channel(4);
        let socket = match std::env::var(SOCKET_ENV) {
            Ok(number) => Some(socket(&number).with_context(|| format!("{SOCKET_ENV}={number}"))?),
            Err(_) => None,
        };
        let board = Self(Arc::new(Inner {
            simulated: socket.is_none(),
            https,
            clock,
            known: Mutex::default(),
            changed: Notify::new(),
            requests: sender,
        }));
        Ok((board, socket.map(|socket| Pipe { socket, requests })))
    }

    /// Whether there is no real board.
    #[must_use]
    pub fn is_simulated(&self) -> bool {
        self.0.simulated
    }

    /// The box's own addresses, without loopback and link-local ones; IPv4 first.
    #[must_use]
    pub fn addresses(&self) -> Vec<IpAddr> {
        let mut known = self.known();
        let mut addresses = match (&known.link, &known.own) {
            (Some((_, told)), _) => told.clone(),
            (None, Some((at, own))) if at.elapsed() < ADDRESSES_FOR => own.clone(),
            (None, _) => {
                let own = own_addresses();
                known.own = Some((Instant::now(), own.clone()));
                own
            }
        };
        drop(known);
        addresses.sort_by_key(IpAddr::is_ipv6);
        addresses
    }

    /// The address to show, or nothing.
    #[must_use]
    pub fn address(&self) -> String {
        self.addresses()
            .first()
            .map(IpAddr::to_string)
            .unwrap_or_default()
    }

    /// Where the wizard is found.
    #[must_use]
    pub fn wizard_address(&self) -> String {
        match self.addresses().first() {
            _ if self.0.simulated => format!("127.0.0.1:{}", self.0.https),
            Some(address) if self.0.https == HTTPS => address.to_string(),
            Some(address) => format!("{address}:{}", self.0.https),
            None => "no network".to_owned(),
        }
    }

    /// Whether there is a network, as far as the board says.
    #[must_use]
    pub fn link_up(&self) -> bool {
        self.known().link.as_ref().is_none_or(|(up, _)| *up)
    }

    /// Octets free and in all on the data partition, as far as the board says.
    #[must_use]
    pub fn storage(&self) -> Option<(u64, u64)> {
        self.known().storage
    }

    /// The USB sticks that are plugged in.
    #[must_use]
    pub fn sticks(&self) -> Vec<Stick> {
        self.known().sticks.clone()
    }

    /// Why the last `serve` ended, if it did not end well not long ago.
    #[must_use]
    pub fn last_words(&self) -> Option<String> {
        let (at, text) = self.known().last_words.clone()?;
        (self.0.clock.now() < at.plus(RECENT)).then_some(text)
    }

    /// Waits until the board said something new. For one listener, the panel.
    pub async fn changed(&self) {
        self.0.changed.notified().await;
    }

    /// Asks PID 1 for something; does nothing without a board.
    pub async fn ask(&self, request: ToBoard) {
        if !self.0.simulated && self.0.requests.send(request).await.is_err() {
            warn!("the board does not listen");
        }
    }

    fn hear(&self, event: BoardEvent) {
        info!(?event, "board");
        let mut known = self.known();
        match event {
            BoardEvent::Link { up, addresses } => known.link = Some((up, addresses)),
            BoardEvent::Clock { known } => self.0.clock.set_known(known),
            BoardEvent::Storage { free, total } => known.storage = Some((free, total)),
            BoardEvent::Sticks { sticks } => known.sticks = sticks,
            BoardEvent::LastWords { text } => known.last_words = Some((self.0.clock.now(), text)),
            BoardEvent::Button { .. } => known.last_words = None, // seen and acknowledged
        }
        drop(known);
        self.0.changed.notify_one();
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn socket(number: &str) -> Result<std::os::unix::net::UnixStream> {
    let fd = number.parse()?;
    // SAFETY: PID 1 gave us this descriptor by number; this runs once, at the start, and nothing
    // else in the process takes it.
    #[allow(unsafe_code)]
    let socket = unsafe { std::os::unix::net::UnixStream::from_raw_fd(fd) };
    socket.local_addr().context("this descriptor is no socket")?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn own_addresses() -> Vec<IpAddr> {
    let Ok(interfaces) = getifaddrs() else {
        return Vec::new();
    };
    let addresses = interfaces.filter_map(|interface| {
        let address = interface.address?;
        let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
        v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
    });
    addresses.filter(is_of_use).collect()
}

fn is_of_use(address: &IpAddr) -> bool {
    let link_local = match address {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    };
    !link_local && !address.is_loopback() && !address.is_unspecified()
}

/// Speaks with PID 1 until it closes the pipe. `well` is asked before each sign of life.
///
/// # Errors
/// The socket cannot be used.
pub async fn speak<F>(
    board: Board,
    pipe: Pipe,
    screen: watch::Receiver<Screen>,
    well: impl Fn() -> F + Send,
) -> Result<()>
where
    F: Future<Output = Result<()>> + Send,
{
    let (read, write) = UnixStream::from_std(pipe.socket)?.into_split();
    tokio::select! {
        heard = listen(&board, read) => heard,
        said = say(write, pipe.requests, screen, well) => said,
    }
}

async fn listen(board: &Board, read: OwnedReadHalf) -> Result<()> {
    let mut read = BufReader::new(read);
    let mut line = Vec::new();
    loop {
        line.clear();
        if (&mut read).take(LINE).read_until(b'\n', &mut line).await? == 0 {
            return Ok(());
        }
        match serde_json::from_slice(&line) {
            Ok(event) => board.hear(event),
            Err(error) => warn!(%error, "the board said something that we do not understand"),
        }
    }
}

async fn say<F>(
    mut write: OwnedWriteHalf,
    mut requests: mpsc::Receiver<ToBoard>,
    mut screen: watch::Receiver<Screen>,
    well: impl Fn() -> F + Send,
) -> Result<()>
where
    F: Future<Output = Result<()>> + Send,
{
    let mut alive = interval(ALIVE);
    alive.set_missed_tick_behavior(MissedTickBehavior::Delay);
    screen.mark_changed();
    loop {
        let message = tokio::select! {
            Some(request) = requests.recv() => request,
            Ok(()) = screen.changed() => ToBoard::Screen(screen.borrow_and_update().clone()),
            _ = alive.tick() => match well().await {
                Ok(()) => ToBoard::Alive,
                Err(error) => {
                    warn!(error = format!("{error:#}"), "not well");
                    continue;
                }
            },
        };
        let mut line = serde_json::to_vec(&message)?;
        line.push(b'\n');
        write.write_all(&line).await?;
    }
}
