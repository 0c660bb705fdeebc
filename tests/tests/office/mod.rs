//! A small office in one process: a store, two people, delivery; no listeners.

#![allow(dead_code)] // no test needs all of it

use anyhow::{Context, Result};
use firmware::clock::Clock;
use firmware::deliver::sts::Sts;
use firmware::deliver::{Authorities, Kept, Post, Traffic, inbound, queue, submit};
use firmware::dkim;
use firmware::dns::{Checking, Dns, NameServers};
use firmware::facts::{ConnectionFacts, TlsFacts};
use firmware::guard::{Guard, LAN, Lan};
use firmware::judge::bayes::lexicon::Lexicon;
use firmware::judge::block_lists::BlockLists;
use firmware::judge::rules::{JUDGING, Judging};
use firmware::ledger::Ledger;
use firmware::links::Links;
use firmware::settings::{self, Smarthost};
use firmware::spool::{Shelf, Spool};
use proto::ask::{Envelope, Identity, Row, Want};
use proto::refusal::Refusal;
use proto::types::{Address, BlobId, Domain, Protocol, Timestamp, Wishes};
use std::io::Read;
use std::net::SocketAddr;
use std::sync::LazyLock;
use store::{AccountState, EventKind, NewAccount, Options, QueueItem, Store};
use tests::fake_dns::FakeDns;
use tests::tls::Authority;

/// 2026-01-01T00:00:00Z: where the office's clock stands first.
const START: Timestamp = Timestamp(1_767_225_600);

static KEYS: LazyLock<dkim::Keys> = LazyLock::new(|| dkim::generate(1).unwrap());

/// `example.com` with ann (an admin) and ben.
pub struct Office {
    pub store: Store,
    pub clock: Clock,
    pub dns: FakeDns,
    pub post: Post,
    pub checking: Checking,
    folder: tempfile::TempDir,
}

impl Office {
    /// An office whose relay connects to this port.
    pub async fn open(relay_port: u16) -> Result<Self> {
        let dns = FakeDns::start()?;
        let asked = Dns::new(NameServers::Fixed(vec![dns.address()]));
        Self::open_with(relay_port, dns, asked, Sts::new().map_err(anyhow::Error::msg)?).await
    }

    /// An office in a world whose zones are signed, and where only this authority vouches for web
    /// servers, which are at `web_port`.
    pub async fn open_secure(relay_port: u16, web_port: u16, authority: &Authority) -> Result<Self> {
        let dns = FakeDns::start_signed()?;
        let servers = NameServers::Fixed(vec![dns.address()]);
        let asked = Dns::trusting(servers, dns.anchors());
        let authorities = Authorities::only(authority.roots()?).map_err(anyhow::Error::msg)?;
        Self::open_with(relay_port, dns, asked, Sts::with(authorities, web_port)).await
    }

    async fn open_with(relay_port: u16, dns: FakeDns, asked: Dns, sts: Sts) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let store = Store::open(folder.path(), &Options::default())?;
        let clock = Clock::standing(START);
        let domain = Domain::parse("example.com")?;
        let office = settings::Office {
            domain: domain.clone(),
            hostname: Domain::parse("mail.example.com")?,
        };
        settings::write(&store, settings::OFFICE, &office).await?;
        // The people here sit at 192.0.2.x: the guard lets them send much.
        let lan = Lan {
            networks: vec!["192.0.2.0/24".parse()?],
        };
        settings::write(&store, LAN, &lan).await?;
        settings::write(&store, settings::DKIM, &*KEYS).await?;
        for (name, admin) in [("ann", true), ("ben", false)] {
            let account = NewAccount {
                address: Address::parse(&format!("{name}@example.com"))?,
                password_hash: String::new(),
                admin,
                created: START,
            };
            store.create_account(account).await?;
        }
        // Nothing here is about how mail is judged.
        settings::write(&store, JUDGING, &Judging::unasking()).await?;
        for record in dkim::dns_records(&KEYS, &domain) {
            dns.txt(&record.name, &record.text);
        }
        let (ledger, writer) = Ledger::open(clock.clone(), &store.snapshot()?)?;
        tokio::spawn(writer.run(store.clone()));
        let links = Links::open(folder.path(), store.clone(), ledger.clone(), clock.clone())?;
        let checking = Checking::default();
        let post = Post {
            traffic: Traffic::default(),
            links,
            store: store.clone(),
            dns: asked.with(checking.clone()),
            sts,
            clock: clock.clone(),
            guard: Guard::open(store.clone(), ledger.clone(), clock.clone(), Box::new(Vec::new))?,
            ledger,
            relay_port,
            kept: Kept::default(),
            judge_loopback: false,
            max_message: firmware::limits::MESSAGE,
            block_lists: BlockLists::default(),
            lexicon: Lexicon::default(),
        };
        Ok(Self {
            store,
            clock,
            dns,
            post,
            checking,
            folder,
        })
    }

    /// Gives the domain mail servers at these addresses, best first.
    pub fn domain_at(&self, domain: &str, addresses: &[&str]) {
        for (number, address) in (1..).zip(addresses) {
            let host = format!("sink{number}.{domain}");
            self.dns.mx(domain, number * 10, &host);
            self.dns.host(&host, address.parse().unwrap());
        }
    }

    /// A message comes in on port 25.
    pub async fn receive(&self, from: Option<&str>, to: &[&str], message: &[u8]) -> Result<String, Refusal> {
        let facts = facts(Protocol::Smtp);
        inbound(&self.post, &facts, &envelope(from, to), self.spool(message)).await
    }

    /// A message comes in on port 25 with this envelope.
    pub async fn receive_envelope(&self, envelope: &Envelope, message: &[u8]) -> Result<String, Refusal> {
        inbound(&self.post, &facts(Protocol::Smtp), envelope, self.spool(message)).await
    }

    /// A message is submitted, with the account's own address as sender.
    pub async fn submit(&self, account: &str, to: &[&str], message: &[u8]) -> Result<String, Refusal> {
        self.submit_as(account, Some(account), to, message).await
    }

    /// A message is submitted with this sender.
    pub async fn submit_as(
        &self,
        account: &str,
        from: Option<&str>,
        to: &[&str],
        message: &[u8],
    ) -> Result<String, Refusal> {
        self.submit_envelope(account, &envelope(from, to), message).await
    }

    /// A message is submitted with this envelope.
    pub async fn submit_envelope(
        &self,
        account: &str,
        envelope: &Envelope,
        message: &[u8],
    ) -> Result<String, Refusal> {
        let address = Address::parse(account).unwrap();
        let account = self.store.snapshot().unwrap().account_by_address(&address);
        let identity = Identity {
            account: account.unwrap().unwrap().id,
            address,
        };
        let mut facts = facts(Protocol::Submission);
        facts.tls = Some(TlsFacts {
            version: "TLS1.3",
            cipher: "TLS13_AES_128_GCM_SHA256".to_owned(),
            exporter: None,
        });
        submit(&self.post, &facts, &identity, envelope, self.spool(message)).await
    }

    /// Ann submits a small message.
    pub async fn submit_plain(&self, to: &[&str]) {
        let sent = message("ann@example.com", "Plain", "text\r\n");
        self.submit("ann@example.com", to, &sent).await.unwrap();
    }

    /// The queue does what is due.
    pub async fn turn(&self) {
        queue::turn(&self.post).await;
    }

    /// Time passes.
    pub fn wait(&self, seconds: i64) {
        self.clock.set(self.clock.now().plus(seconds));
    }

    /// Everything queued.
    pub fn queue(&self) -> Result<Vec<QueueItem>> {
        Ok(self.store.snapshot()?.queue(None, 1000)?)
    }

    /// Everything in the inbox.
    pub fn inbox(&self, account: &str) -> Result<Vec<Row>> {
        let snapshot = self.store.snapshot()?;
        let account = snapshot.account_by_address(&Address::parse(account)?)?;
        let account = account.context("no such account")?;
        let inbox = snapshot.mailbox(account.id, "INBOX")?.context("no inbox")?;
        let uids = snapshot.open(inbox.id)?.uids;
        Ok(snapshot.rows(inbox.id, &uids, Want::default())?)
    }

    /// A stored message.
    pub fn body(&self, blob: BlobId) -> Result<Vec<u8>> {
        let mut body = self.store.snapshot()?.body(blob)?.context("no such body")?;
        let mut octets = Vec::new();
        body.read_to_end(&mut octets)?;
        Ok(octets)
    }

    /// The only message in the inbox.
    pub fn notice(&self, account: &str) -> Result<String> {
        let inbox = self.inbox(account)?;
        anyhow::ensure!(inbox.len() == 1, "{} messages in the inbox", inbox.len());
        Ok(String::from_utf8(self.body(inbox[0].blob)?)?)
    }

    /// The newest message in the inbox.
    pub fn last_notice(&self, account: &str) -> Result<String> {
        let inbox = self.inbox(account)?;
        let last = inbox.last().context("the inbox is empty")?;
        Ok(String::from_utf8(self.body(last.blob)?)?)
    }

    /// Everything that was recorded.
    pub async fn events(&self) -> Result<Vec<EventKind>> {
        self.post.ledger.flush().await;
        let events = self.store.snapshot()?.events(None, 1000, |_| true)?;
        Ok(events.into_iter().map(|(_, event)| event.kind).collect())
    }

    /// How the messages that left were protected on their way.
    pub async fn protections(&self) -> Result<Vec<String>> {
        let events = self.events().await?.into_iter();
        let found = events.filter_map(|event| match event {
            EventKind::Relayed { protection, .. } => protection,
            _ => None,
        });
        Ok(found.collect())
    }

    /// Sends everything to this server from now on.
    pub async fn set_smarthost(&self, smarthost: &Smarthost) -> Result<()> {
        Ok(settings::write(&self.store, settings::SMARTHOST, smarthost).await?)
    }

    /// Freezes an account, or gives it back.
    pub async fn set_state(&self, account: &str, state: AccountState) -> Result<()> {
        let account = self
            .store
            .snapshot()?
            .account_by_address(&Address::parse(account)?)?;
        let account = account.context("no such account")?;
        Ok(self.store.set_account_state(account.id, state).await?)
    }

    /// The data folder.
    pub fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    fn spool(&self, message: &[u8]) -> Spool {
        let mut spool = Shelf::new(self.folder.path()).spool();
        spool.write(message).unwrap();
        spool
    }
}

/// A message with the usual header.
pub fn message(from: &str, subject: &str, body: &str) -> Vec<u8> {
    format!("From: {from}\r\nTo: somebody@example.net\r\nSubject: {subject}\r\n\r\n{body}").into_bytes()
}

/// About so many octets of lines.
pub fn noise(octets: usize) -> String {
    let line = "The quick brown fox jumps over the lazy dog. 0123456789\r\n";
    line.repeat(octets / line.len())
}

fn facts(protocol: Protocol) -> ConnectionFacts {
    let peer = SocketAddr::from(([192, 0, 2, 9], 40_000));
    ConnectionFacts::new(1, peer, SocketAddr::from(([192, 0, 2, 1], 25)), protocol)
}

/// An envelope of which nothing is asked.
pub fn envelope(from: Option<&str>, to: &[&str]) -> Envelope {
    Envelope {
        helo: "mx.example.net".to_owned(),
        esmtp: true,
        from: from.map(|from| Address::parse(from).unwrap()),
        to: to.iter().map(|to| Address::parse(to).unwrap()).collect(),
        wishes: Wishes::default(),
        asked: std::collections::BTreeMap::new(),
    }
}
