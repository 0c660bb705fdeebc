//! `pillarbox serve`: opens the folder and the doors, and stays until it is told to go.

use crate::appliance::Appliance;
use crate::attend::attend;
use crate::board_link::{self, Board, Pipe};
use crate::clock::Clock;
use crate::control;
use crate::deliver::sts::Sts;
use crate::deliver::{self, Kept, Post};
use crate::dkim::rotation;
use crate::dns::{Dns, NameServers};
use crate::guard::{Callers, notice, screen, watch_accounts};
use crate::health;
use crate::house::House;
use crate::judge::bayes::lexicon::Lexicon;
use crate::judge::block_lists::BlockLists;
use crate::ledger::reports;
use crate::limits;
use crate::links;
use crate::listen::{self, Door};
use crate::memory;
use crate::names;
use crate::panel;
use crate::web;
use anyhow::{Context, Result};
use proto::refusal::Refusal;
use std::collections::BTreeMap;
use std::fs;
use std::io::Write;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::EventKind;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::timeout;
use tracing::{error, info, warn};

/// Threads for work that waits for the card or hashes a password; each has its stack.
const BLOCKING_THREADS: usize = 64;

/// How to serve.
#[derive(Debug, Clone, clap::Args)]
pub struct Options {
    /// Folder with everything that the box keeps
    #[arg(long, value_name = "DIR")]
    pub data: PathBuf,
    /// Addresses to listen on
    #[arg(long, value_name = "IP", default_value = "127.0.0.1")]
    pub listen: Vec<IpAddr>,
    /// Added to the real port numbers (25, 143, ...); 0: the system chooses, see DIR/ports.json
    #[arg(long, value_name = "PORT", default_value_t = 10_000)]
    pub port_base: u16,
    /// Largest message in octets, instead of the setting
    #[arg(long, value_name = "OCTETS")]
    pub max_size: Option<u64>,
    /// Name servers to ask instead of those in /etc/resolv.conf
    #[arg(long, value_name = "IP:PORT")]
    pub dns: Vec<SocketAddr>,
    /// Port of other domains' mail servers
    #[arg(long, value_name = "PORT", default_value_t = deliver::SMTP_PORT)]
    pub relay_port: u16,
    /// Judge mail from this very machine too, as tests need it
    #[arg(long, hide = true)]
    pub judge_loopback: bool,
}

/// Serves until SIGTERM or SIGINT.
///
/// # Errors
/// The folder or a port cannot be used; the message says what to do.
pub fn serve(options: &Options) -> Result<()> {
    memory::be_modest();
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(BLOCKING_THREADS)
        .build()?;
    let served = runtime.block_on(open_and_serve(options));
    runtime.shutdown_timeout(limits::GOODBYE);
    served
}

async fn open_and_serve(options: &Options) -> Result<()> {
    let doors = listen::open(&options.listen, options.port_base)?;
    let ports = listen::ports(&doors)?;
    let clock = Clock::system();
    let https = ports.get("https").copied().unwrap_or_default();
    let (board, pipe) = Board::from_environment(clock.clone(), https)?;
    let (mut house, writer) = House::open(&options.data, clock, board)?;
    house.max_message = options.max_size;
    if !options.dns.is_empty() {
        let servers = NameServers::Fixed(options.dns.clone());
        house.dns = Dns::new(servers).with(house.checking.clone());
    }
    let house = Arc::new(house);
    let control = control::open(&options.data)?;

    let written = tokio::spawn(writer.run(house.store.clone()));
    tokio::spawn(watch_accounts(house.store.clone(), house.sessions.clone()));
    tokio::spawn(screen::keep(house.screen.clone(), house.board.clone()));
    tokio::spawn(keep_tidy(Arc::clone(&house)));
    tokio::spawn(
        house
            .trainer
            .clone()
            .run(house.store.clone(), house.clock.clone()),
    );
    tokio::spawn(house.links.clone().keep_order());
    tokio::spawn(links::watch(Arc::clone(&house)));
    tokio::spawn(notice::watch(Arc::clone(&house)));
    tokio::spawn(reports::watch(Arc::clone(&house)));
    tokio::spawn(rotation::watch(Arc::clone(&house)));
    tokio::spawn(control::serve(Arc::clone(&house), control));
    if house.office()?.is_some() {
        names::make_keys(&house); // of a domain that was added just before the plug was pulled
    }
    if let Some(pipe) = pipe {
        speak_with_board(&house, pipe, addresses(&doors)?)?;
    }
    let (close, closing) = watch::channel(false);
    let post = post(&house, options)?;
    let queue = tokio::spawn(deliver::queue::run(post.clone(), gone(closing.clone())));
    let pages = Appliance::new(Arc::clone(&house), &ports);
    tokio::spawn(house.links.clone().keep_checking(house.dns.clone()));
    let mut open = open_doors(&house, post, &pages, doors, &closing);
    house.ledger.record(EventKind::Started {
        version: env!("CARGO_PKG_VERSION").to_owned(),
    });
    announce(&house, &options.data, &ports, options.listen.first().copied())?;

    until_told_to_go().await?;
    info!("going down");
    let _ = close.send(true); // an error: every door is closed already
    house.sessions.cut_all(&Refusal::Shutdown);
    let drained = timeout(limits::DRAIN, async { while open.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        warn!(
            sessions = house.sessions.count(),
            "some sessions did not end in time"
        );
    }
    let _ = timeout(limits::DRAIN, queue).await; // what is under way stays queued
    if let Err(error) = house.screen.save().await {
        error!(%error, "penalties could not be kept");
    }
    house.ledger.flush().await;
    written.abort();
    let _ = fs::remove_file(control::path(&options.data)); // a stale socket does no harm
    info!("down");
    Ok(())
}

fn speak_with_board(house: &Arc<House>, pipe: Pipe, doors: BTreeMap<&'static str, SocketAddr>) -> Result<()> {
    let board = house.board.clone();
    let (shown, shown_now) = watch::channel(panel::screen(house, &board)?);
    tokio::spawn(panel::keep(Arc::clone(house), board.clone(), shown));
    let (house, doors) = (Arc::clone(house), Arc::new(doors));
    let well = move || health::check(Arc::clone(&house), Arc::clone(&doors));
    tokio::spawn(async move {
        if let Err(error) = board_link::speak(board, pipe, shown_now, well).await {
            warn!(%error, "the pipe to the board broke");
        }
    });
    Ok(())
}

// Once a day everybody forgets what is too old to matter.
async fn keep_tidy(house: Arc<House>) {
    let mut days = tokio::time::interval(std::time::Duration::from_secs(86_400));
    loop {
        days.tick().await;
        house.guard.tidy().await;
        if let Err(error) = house.store.tidy_senders(house.clock.now()).await {
            warn!(%error, "the lists of senders could not be tidied up");
        }
    }
}

fn post(house: &House, options: &Options) -> Result<Post> {
    Ok(Post {
        store: house.store.clone(),
        dns: house.dns.clone(),
        sts: Sts::new().map_err(anyhow::Error::msg)?,
        block_lists: BlockLists::default(),
        lexicon: Lexicon::default(),
        clock: house.clock.clone(),
        relay_port: options.relay_port,
        max_message: house.message_limit(),
        kept: Kept::default(),
        judge_loopback: options.judge_loopback,
        ledger: house.ledger.clone(),
        guard: house.guard.clone(),
        links: house.links.clone(),
        traffic: house.traffic.clone(),
    })
}

fn open_doors(
    house: &Arc<House>,
    post: Post,
    pages: &Appliance,
    doors: Vec<Door>,
    closing: &watch::Receiver<bool>,
) -> JoinSet<()> {
    // One router for all doors of its kind: it holds the sessions.
    let (pages, links, plain) = (
        web_setup::router(pages.clone()),
        web_setup::links_router(pages.clone()),
        web_setup::plain_router(pages.clone()),
    );
    let mut open = JoinSet::new();
    for door in doors {
        let (name, house, post, closing) = (door.name, Arc::clone(house), post.clone(), closing.clone());
        let (pages, links, plain) = (pages.clone(), links.clone(), plain.clone());
        open.spawn(async move {
            let gate = |callers: &Callers| web::Gate {
                callers: callers.clone(),
                screen: house.screen.clone(),
            };
            let (browsers, strangers) = (gate(&house.browsers), gate(&house.strangers));
            let tls = Some(Arc::clone(&house.tls.web));
            let attended = match name {
                "https" => web::serve(door.socket, tls, browsers, pages, closing).await,
                "links" => web::serve(door.socket, tls, strangers, links, closing).await,
                "http" => web::serve(door.socket, None, browsers, plain, closing).await,
                _ => attend(house, post, door, closing).await,
            };
            if let Err(error) = attended {
                error!(door = name, error = format!("{error:#}"), "a door fell shut");
            }
        });
    }
    open
}

fn addresses(doors: &[Door]) -> Result<BTreeMap<&'static str, SocketAddr>> {
    let mut addresses = BTreeMap::new();
    for door in doors {
        addresses.entry(door.name).or_insert(door.socket.local_addr()?);
    }
    Ok(addresses)
}

/// Tells people on the log and scripts on standard output that the box is ready.
fn announce(
    house: &House,
    data: &Path,
    ports: &BTreeMap<&'static str, u16>,
    address: Option<IpAddr>,
) -> Result<()> {
    let draft = data.join("ports.json.new");
    fs::write(&draft, serde_json::to_vec_pretty(ports)?).context("cannot write ports.json")?;
    fs::rename(&draft, data.join("ports.json"))?;
    let https = ports.get("https").copied().unwrap_or_default();
    let host = match address {
        Some(address) if !address.is_unspecified() => SocketAddr::new(address, https).to_string(),
        _ => format!("localhost:{https}"),
    };
    let claim = match house.office()? {
        None => format!(" claim-code {}", house.claim_code),
        Some(_) => String::new(),
    };
    info!(%host, fingerprint = house.tls.short_fingerprint(), "ready");
    if house.board.is_simulated() {
        info!("the panel is at https://{host}/panel");
    }
    // Nobody may be reading: the log has it too.
    let _ = writeln!(std::io::stdout(), "PILLARBOX READY https://{host}/{claim}");
    Ok(())
}

async fn gone(mut closing: watch::Receiver<bool>) {
    let _ = closing.wait_for(|closing| *closing).await; // an error: the box is gone already
}

async fn until_told_to_go() -> Result<()> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(())
}
