//! The house: what every room of the running appliance shares.

use crate::board_link::Board;
use crate::claim;
use crate::clock::Clock;
use crate::deliver::Traffic;
use crate::dns::{Checking, Dns, Dnssec, NameServers};
use crate::guard::screen::Screen;
use crate::guard::{Callers, DevicePasswords, Guard, Logins, SecondFactors, Sessions, notice, reply};
use crate::judge::bayes::trainer::Trainer;
use crate::ledger::{Ledger, Writer};
use crate::limits;
use crate::links::Links;
use crate::settings::{self, Office};
use crate::spool::{Shelf, Spool};
use crate::tls::Tls;
use crate::world::Maildrops;
use anyhow::{Context, Result, anyhow};
use proto::types::Domain;
use std::fs::{self, DirBuilder};
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::{Options, Store, StoreError};

/// The data folder, open, and everything that works on it. Shared as `Arc<House>`.
pub struct House {
    /// The data folder.
    pub data: PathBuf,
    /// Mail, accounts, settings, queue, ledger.
    pub store: Store,
    /// The time.
    pub clock: Clock,
    /// The certificate.
    pub tls: Tls,
    /// The board.
    pub board: Board,
    /// What the panel shows while nobody has claimed the box.
    pub claim_code: String,
    /// Where everything that happens is recorded.
    pub ledger: Ledger,
    /// Who is shut out.
    pub screen: Screen,
    /// The door for passwords.
    pub logins: Logins,
    /// The passwords of phones and PCs.
    pub devices: DevicePasswords,
    /// Codes asked for after a password at the pages.
    pub second_factors: SecondFactors,
    /// Who may send how much.
    pub guard: Guard,
    /// What people show the filter.
    pub trainer: Trainer,
    /// Every open mail session.
    pub sessions: Sessions,
    /// Connections of other servers.
    pub servers: Callers,
    /// Connections of mail programs.
    pub programs: Callers,
    /// Connections of browsers.
    pub browsers: Callers,
    /// Connections at the door for links, apart from the office's browsers.
    pub strangers: Callers,
    /// How far the admins were told of what the guard did.
    pub notices: notice::Seen,
    /// How many replies to that came lately.
    pub replies: reply::Rates,
    /// Attachments that stayed here.
    pub links: Links,
    /// What the queue is doing.
    pub traffic: Traffic,
    /// Whether signatures of names are checked.
    pub checking: Checking,
    /// Where the names of the world are asked about.
    pub dns: Dns,
    /// One change of DKIM keys after the other.
    pub key_making: tokio::sync::Mutex<()>,
    /// One change of a domain's rules after the other.
    pub naming: tokio::sync::Mutex<()>,
    /// Which inboxes are locked by POP3.
    pub maildrops: Maildrops,
    /// Largest message in octets from the world, where the command line says so.
    pub max_message: Option<u64>,
    /// Where messages wait while they come in.
    pub shelf: Arc<Shelf>,
}

impl House {
    /// Opens the data folder. The ledger's writer is the caller's to run.
    ///
    /// # Errors
    /// The folder is damaged, in use or newer than this program: it is left untouched, and the
    /// error says what to do.
    pub fn open(data: &Path, clock: Clock, board: Board) -> Result<(Self, Writer)> {
        let store = Store::open(data, &Options::default())?;
        let (ledger, writer) = Ledger::open(clock.clone(), &store.snapshot()?)?;
        let spool = data.join("spool");
        private_folder(&spool).with_context(|| format!("cannot make {}", spool.display()))?;
        let screen = Screen::open(clock.clone(), ledger.clone(), store.clone())?;
        let sessions = Sessions::default();
        let devices = DevicePasswords::new(store.clone(), clock.clone(), sessions.clone(), ledger.clone());
        let second_factors = SecondFactors::new(store.clone(), clock.clone(), ledger.clone());
        let logins = Logins::new(
            store.clone(),
            ledger.clone(),
            clock.clone(),
            screen.clone(),
            devices.clone(),
            second_factors.clone(),
        )
        .map_err(|error| anyhow!("no random numbers: {error}"))?;
        let own = board.clone();
        let guard = Guard::open(
            store.clone(),
            ledger.clone(),
            clock.clone(),
            Box::new(move || own.addresses()),
        )?;
        let links = Links::open(data, store.clone(), ledger.clone(), clock.clone())?;
        let checking = Checking::default();
        checking.set(Dnssec::read(&store.snapshot()?)?);
        let house = Self {
            guard,
            links,
            traffic: Traffic::default(),
            dns: Dns::new(NameServers::default()).with(checking.clone()),
            checking,
            data: data.to_owned(),
            tls: Tls::open(&data.join("tls"), &names(), &certified(&board))?,
            board,
            claim_code: claim::code().map_err(|error| anyhow!("no random numbers: {error}"))?,
            store,
            clock,
            ledger,
            screen,
            logins,
            devices,
            second_factors,
            trainer: Trainer::default(),
            sessions,
            servers: Callers::new(limits::SERVERS, limits::SERVERS_PER_IP),
            programs: Callers::new(limits::PROGRAMS, limits::PROGRAMS_PER_IP),
            browsers: Callers::new(limits::BROWSERS, limits::BROWSERS_PER_IP),
            strangers: Callers::new(limits::STRANGERS, limits::STRANGERS_PER_IP),
            notices: notice::Seen::default(),
            replies: reply::Rates::default(),
            key_making: tokio::sync::Mutex::default(),
            naming: tokio::sync::Mutex::default(),
            maildrops: Maildrops::default(),
            max_message: None,
            shelf: Shelf::new(spool),
        };
        Ok((house, writer))
    }

    /// An empty spool.
    #[must_use]
    pub fn new_spool(&self) -> Spool {
        self.shelf.spool()
    }

    /// The office's names; `None` before the setup is finished.
    ///
    /// # Errors
    /// The store failed.
    pub fn office(&self) -> Result<Option<Office>, StoreError> {
        settings::read(&self.store.snapshot()?, settings::OFFICE)
    }

    /// Largest message from the world in octets.
    #[must_use]
    pub fn message_limit(&self) -> u64 {
        self.max_message.unwrap_or(limits::MESSAGE)
    }

    /// Largest message in octets that people of ours may hand in: while attachments become links, they
    /// need not fit into other people's mailboxes.
    #[must_use]
    pub fn own_message_limit(&self) -> u64 {
        match self.links.rules() {
            Ok(rules) if rules.on => self.message_limit().max(limits::links::MESSAGE),
            _ => self.message_limit(),
        }
    }
}

impl std::fmt::Debug for House {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("House")
            .field("data", &self.data)
            .finish_non_exhaustive()
    }
}

// Names and addresses in the box's own certificate.
fn names() -> Vec<String> {
    let own = nix::unistd::gethostname()
        .ok()
        .and_then(|name| name.into_string().ok());
    let mut names = vec!["pillarbox.local".to_owned(), "localhost".to_owned()];
    names.extend(own.filter(|name| Domain::parse(name).is_ok()));
    names.dedup();
    names
}

fn certified(board: &Board) -> Vec<IpAddr> {
    let mut addresses = board.addresses();
    addresses.extend([
        IpAddr::from(Ipv4Addr::LOCALHOST),
        IpAddr::from(Ipv6Addr::LOCALHOST),
    ]);
    addresses
}

/// Makes a folder that only its owner may look into, unless it is there.
///
/// # Errors
/// It can neither be made nor used.
pub fn private_folder(folder: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && fs::metadata(folder)?.is_dir() => {
            Ok(())
        }
        made => made,
    }
}
