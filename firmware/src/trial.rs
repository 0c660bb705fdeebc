//! A house on trial: real in every room, in a folder of its own that goes with it.

use crate::board_link::Board;
use crate::clock::Clock;
use crate::deliver::sts::Sts;
use crate::deliver::{Kept, Post, SMTP_PORT};
use crate::dns::{Dns, NameServers};
use crate::driver::{Driver, End, Wire};
use crate::facts::{ConnectionFacts, TlsFacts};
use crate::guard;
use crate::house::House;
use crate::judge::bayes::lexicon::Lexicon;
use crate::judge::block_lists::BlockLists;
use crate::opening::Opening;
use crate::settings::{self, Office};
use crate::world::World;
use proto::session::Session;
use proto::types::{AccountId, Address, Domain, Protocol, Secret};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use store::NewAccount;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// Where callers are.
const STRANGER: &str = "192.0.2.9:40000";
/// Long enough for a loaded machine, short enough to notice a hang.
pub const PATIENCE: Duration = Duration::from_secs(20);
pub const PASSWORD: &str = "correct horse";

pub struct Trial {
    pub house: Arc<House>,
    pub anna: AccountId,
    post: Post,
    _folder: TempDir,
}

impl Trial {
    /// A house with the account anna@firm.example.
    pub async fn new() -> Self {
        Self::with(|_| ()).await
    }

    /// The same, changed before anybody comes in.
    pub async fn with(change: impl FnOnce(&mut House)) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let (board, _) = Board::from_environment(clock.clone(), 443).unwrap();
        let (mut house, writer) = House::open(folder.path(), clock.clone(), board).unwrap();
        change(&mut house);
        tokio::spawn(writer.run(house.store.clone()));
        tokio::spawn(guard::watch_accounts(house.store.clone(), house.sessions.clone()));
        let office = Office {
            domain: Domain::parse("firm.example").unwrap(),
            hostname: Domain::parse("mail.firm.example").unwrap(),
        };
        settings::write(&house.store, settings::OFFICE, &office)
            .await
            .unwrap();
        let password = Secret::new(PASSWORD.as_bytes().to_vec());
        let account = NewAccount {
            address: Address::parse("anna@firm.example").unwrap(),
            password_hash: guard::hash(password).await.unwrap(),
            admin: true,
            created: clock.now(),
        };
        // Somebody who could let anna out: the last admin is never frozen.
        let chief = NewAccount {
            address: Address::parse("chief@firm.example").unwrap(),
            ..account.clone()
        };
        let anna = house.store.create_account(account).await.unwrap();
        house.store.create_account(chief).await.unwrap();
        let nowhere = NameServers::Fixed(vec!["127.0.0.1:9".parse().unwrap()]);
        let post = Post {
            store: house.store.clone(),
            dns: Dns::new(nowhere),
            sts: Sts::new().unwrap(),
            block_lists: BlockLists::default(),
            lexicon: Lexicon::default(),
            clock,
            relay_port: SMTP_PORT,
            max_message: house.message_limit(),
            kept: Kept::default(),
            judge_loopback: false,
            ledger: house.ledger.clone(),
            guard: house.guard.clone(),
            links: house.links.clone(),
            traffic: house.traffic.clone(),
        };
        Self {
            house: Arc::new(house),
            anna,
            post,
            _folder: folder,
        }
    }

    pub fn smtp(&self) -> (Caller, JoinHandle<End>) {
        self.connect(STRANGER, Protocol::Smtp, Opening::smtp)
    }

    /// From this machine: what comes from there is not judged.
    pub fn smtp_from_here(&self) -> (Caller, JoinHandle<End>) {
        self.connect("127.0.0.9:40000", Protocol::Smtp, Opening::smtp)
    }

    pub fn imap(&self) -> (Caller, JoinHandle<End>) {
        self.connect(STRANGER, Protocol::Imap, Opening::imap)
    }

    fn connect<S>(
        &self,
        peer: &str,
        protocol: Protocol,
        open: impl Fn(Opening) -> S,
    ) -> (Caller, JoinHandle<End>)
    where
        S: Session + Send + 'static,
    {
        let (near, far) = tokio::io::duplex(256 * 1024);
        let peer: SocketAddr = peer.parse().unwrap();
        let ticket = self.house.sessions.enter();
        let mut facts = ConnectionFacts::new(ticket.number(), peer, peer, protocol);
        // Port 993 in effect: what is inside the TLS is under trial.
        facts.tls = (protocol != Protocol::Smtp).then(|| TlsFacts {
            version: "TLS1.3",
            cipher: "none".to_owned(),
            exporter: None,
        });
        let session = open(Opening::new(&self.house, &facts).unwrap());
        let world = World::new(Arc::clone(&self.house), self.post.clone(), facts, ticket);
        let acceptor = TlsAcceptor::from(Arc::clone(&self.house.tls.mail));
        let driver = Driver::new(Wire::Plain(far), session, world, acceptor);
        (Caller(near), tokio::spawn(driver.run()))
    }
}

/// The other end of a connection.
pub struct Caller(pub DuplexStream);

impl Caller {
    pub async fn say(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads until what was heard ends with `end`.
    pub async fn hear(&mut self, end: &str) -> String {
        let mut heard = Vec::new();
        while !heard.ends_with(end.as_bytes()) {
            let octet = timeout(PATIENCE, self.0.read_u8()).await;
            let Ok(Ok(octet)) = octet else {
                panic!("{octet:?}, having heard {:?}", String::from_utf8_lossy(&heard));
            };
            heard.push(octet);
        }
        String::from_utf8(heard).unwrap()
    }

    /// One line.
    pub async fn line(&mut self) -> String {
        self.hear("\r\n").await
    }

    /// Everything until the other side closes.
    pub async fn rest(&mut self) -> String {
        let mut heard = String::new();
        let read = timeout(PATIENCE, self.0.read_to_string(&mut heard)).await;
        read.unwrap().unwrap();
        heard
    }
}
