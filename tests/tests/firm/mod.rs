//! A whole house in one process: every room is real, the clock and the name server are the test's.

#![allow(dead_code)] // no test needs all of it

use anyhow::{Context, Result};
use firmware::attend::attend;
use firmware::board_link::Board;
use firmware::clock::Clock;
use firmware::deliver::sts::Sts;
use firmware::deliver::{Kept, Post, SMTP_PORT};
use firmware::dns::{Dns, NameServers};
use firmware::facts::{ConnectionFacts, TlsFacts};
use firmware::guard::{self, notice};
use firmware::house::House;
use firmware::judge::bayes::lexicon::Lexicon;
use firmware::judge::block_lists::BlockLists;
use firmware::judge::rules::{JUDGING, Judging};
use firmware::listen;
use firmware::settings::{self, Office};
use firmware::world::World;
use proto::ask::{Answer, Envelope, Identity, Question, Want};
use proto::refusal::Refusal;
use proto::types::{
    AccountId, Address, Domain, Notify, Protocol, RecipientWishes, Secret, Timestamp, Wishes,
};
use std::collections::BTreeMap;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use store::{Account, AccountState, EventKind, NewAccount};
use tests::fake_dns::FakeDns;
use tokio::sync::watch;

/// 2026-01-01T00:00:00Z: where the clock stands first.
pub const START: Timestamp = Timestamp(1_767_225_600);
/// A network that nobody was ever seen in.
pub const THIEF: &str = "203.0.113.7";
/// Where the firm's own mail may come from by its SPF record, in its own network.
pub const OFFICE: &str = "192.168.7.10";
/// Another machine there, which may not send the firm's mail.
pub const INTRUDER: &str = "192.168.7.66";

/// `firm.example` with the admins anna and alma, and with ben.
pub struct Firm {
    pub house: Arc<House>,
    pub clock: Clock,
    pub dns: FakeDns,
    pub post: Post,
    _folder: tempfile::TempDir,
}

impl Firm {
    pub async fn open() -> Result<Self> {
        Self::relaying(SMTP_PORT).await
    }

    /// The same; other servers listen on this port.
    pub async fn relaying(port: u16) -> Result<Self> {
        let mut firm = Self::empty().await?;
        firm.post.relay_port = port;
        for (name, admin) in [("anna", true), ("alma", true), ("ben", false)] {
            firm.hire(name, admin).await?;
        }
        Ok(firm)
    }

    /// The firm without anybody.
    pub async fn empty() -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let clock = Clock::standing(START);
        let (board, _) = Board::from_environment(clock.clone(), 443)?;
        let (mut house, writer) = House::open(folder.path(), clock.clone(), board)?;
        tokio::spawn(writer.run(house.store.clone()));
        tokio::spawn(guard::watch_accounts(house.store.clone(), house.sessions.clone()));
        let office = Office {
            domain: Domain::parse("firm.example")?,
            hostname: Domain::parse("mail.firm.example")?,
        };
        settings::write(&house.store, settings::OFFICE, &office).await?;
        // Nothing here is about how mail is judged: only tests that are ask about its surroundings.
        settings::write(&house.store, JUDGING, &Judging::unasking()).await?;
        let dns = FakeDns::start()?;
        dns.txt("firm.example", &format!("v=spf1 ip4:{OFFICE} -all"));
        dns.txt("_dmarc.firm.example", "v=DMARC1; p=reject");
        house.dns = Dns::new(NameServers::Fixed(vec![dns.address()]));
        let post = Post {
            traffic: house.traffic.clone(),
            store: house.store.clone(),
            dns: house.dns.clone(),
            sts: Sts::new().map_err(anyhow::Error::msg)?,
            clock: clock.clone(),
            relay_port: SMTP_PORT,
            max_message: house.message_limit(),
            kept: Kept::default(),
            judge_loopback: false,
            block_lists: BlockLists::default(),
            lexicon: Lexicon::default(),
            ledger: house.ledger.clone(),
            guard: house.guard.clone(),
            links: house.links.clone(),
        };
        Ok(Self {
            house: Arc::new(house),
            clock,
            dns,
            post,
            _folder: folder,
        })
    }

    pub async fn hire(&self, name: &str, admin: bool) -> Result<AccountId> {
        let account = NewAccount {
            address: Address::parse(&format!("{name}@firm.example"))?,
            password_hash: String::new(),
            admin,
            created: START,
        };
        Ok(self.house.store.create_account(account).await?)
    }

    /// Somebody who is logged in as `name` submits a message.
    pub async fn submit(&self, name: &str, ip: &str, to: &[&str], message: &[u8]) -> Result<(), Refusal> {
        let account = self.account(name).unwrap();
        let mut facts = facts(ip, Protocol::Submission);
        facts.tls = Some(TlsFacts {
            version: "TLS1.3",
            cipher: "none".to_owned(),
            exporter: None,
        });
        facts.identity = Some(Identity {
            account: account.id,
            address: account.address.clone(),
        });
        let from = account.address.to_string();
        self.send(facts, Some(&from), to, message).await
    }

    /// A server delivers a message on port 25.
    pub async fn receive(
        &self,
        ip: &str,
        from: Option<&str>,
        to: &[&str],
        message: &[u8],
    ) -> Result<(), Refusal> {
        self.send(facts(ip, Protocol::Smtp), from, to, message).await
    }

    /// The same; the sender wants to be told as `notify` says (RFC 3461 4.1).
    pub async fn receive_asking(
        &self,
        ip: &str,
        from: &str,
        to: &str,
        message: &[u8],
        notify: Notify,
    ) -> Result<(), Refusal> {
        let asked = RecipientWishes {
            notify,
            ..RecipientWishes::default()
        };
        let asked = BTreeMap::from([(Address::parse(to).unwrap(), asked)]);
        self.send_asking(facts(ip, Protocol::Smtp), Some(from), &[to], message, asked)
            .await
    }

    async fn send(
        &self,
        facts: ConnectionFacts,
        from: Option<&str>,
        to: &[&str],
        message: &[u8],
    ) -> Result<(), Refusal> {
        self.send_asking(facts, from, to, message, BTreeMap::new()).await
    }

    async fn send_asking(
        &self,
        facts: ConnectionFacts,
        from: Option<&str>,
        to: &[&str],
        message: &[u8],
        asked: BTreeMap<Address, RecipientWishes>,
    ) -> Result<(), Refusal> {
        let ticket = self.house.sessions.enter();
        let mut world = World::new(Arc::clone(&self.house), self.post.clone(), facts, ticket);
        let to: Vec<Address> = to.iter().map(|to| Address::parse(to).unwrap()).collect();
        let from = from.map(|from| Address::parse(from).unwrap());
        let mut questions = vec![Question::Sender {
            from: from.clone(),
            size: None,
        }];
        questions.extend(to.iter().map(|address| Question::Recipient {
            address: address.clone(),
        }));
        for question in questions {
            if let Answer::Refused(refusal) = world.answer(question, &mut None).await {
                return Err(refusal);
            }
        }
        let mut spool = world.new_spool();
        spool.write(message).unwrap();
        let envelope = Envelope {
            helo: "client.example".to_owned(),
            esmtp: true,
            from,
            to,
            wishes: Wishes::default(),
            asked,
        };
        match world.answer(Question::Accept(envelope), &mut Some(spool)).await {
            Answer::Refused(refusal) => Err(refusal),
            _ => Ok(()),
        }
    }

    /// Ben gets this password, and a real door for mail programs is opened: its port.
    pub async fn let_in(&self, password: &str) -> Result<u16> {
        let hash = guard::hash(Secret::new(password.as_bytes().to_vec())).await?;
        let ben = self.account("ben")?.id;
        self.house.store.set_password(ben, hash).await?;
        let doors = listen::open(&[IpAddr::from([127, 0, 0, 1])], 0)?;
        let door = doors.into_iter().find(|door| door.name == "imaps");
        let door = door.context("no door for IMAP")?;
        let port = door.socket.local_addr()?.port();
        let (house, post) = (Arc::clone(&self.house), self.post.clone());
        let (open, closing) = watch::channel(false);
        tokio::spawn(async move {
            let _open = open;
            attend(house, post, door, closing).await
        });
        Ok(port)
    }

    /// Whoever stole `name`'s password sends until he is stopped; how many messages were taken.
    pub async fn steal(&self, name: &str, tries: u32) -> u32 {
        let mut taken = 0;
        for number in 0..tries {
            let to = format!("victim{number}@elsewhere.example");
            let spam = format!("From: {name}@firm.example\r\nSubject: Win {number}\r\n\r\nBuy\r\n");
            let sent = self.submit(name, THIEF, &[&to], spam.as_bytes()).await;
            taken += u32::from(sent.is_ok());
        }
        taken
    }

    /// The guard's watch over the ledger looks once.
    pub async fn tell(&self) -> Result<()> {
        self.house.ledger.flush().await;
        Ok(notice::turn(&self.house).await?)
    }

    /// Time passes.
    pub fn wait(&self, seconds: i64) {
        self.clock.set(self.clock.now().plus(seconds));
    }

    pub fn account(&self, name: &str) -> Result<Account> {
        let address = Address::parse(&format!("{name}@firm.example"))?;
        let account = self.house.store.snapshot()?.account_by_address(&address)?;
        account.context("no such account")
    }

    pub fn is_frozen(&self, name: &str) -> bool {
        matches!(self.account(name).unwrap().state, AccountState::Frozen { .. })
    }

    /// Recipients whose mail is held, and all that are queued.
    pub fn queue(&self) -> (usize, usize) {
        let queue = self.house.store.snapshot().unwrap().queue(None, 1000).unwrap();
        (queue.iter().filter(|item| item.held).count(), queue.len())
    }

    /// Every message in the inbox, oldest first.
    pub fn inbox(&self, name: &str) -> Result<Vec<String>> {
        let snapshot = self.house.store.snapshot()?;
        let inbox = snapshot
            .mailbox(self.account(name)?.id, "INBOX")?
            .context("no inbox")?;
        let uids = snapshot.open(inbox.id)?.uids;
        let mut messages = Vec::new();
        for row in snapshot.rows(inbox.id, &uids, Want::default())? {
            let mut octets = Vec::new();
            let mut body = snapshot.body(row.blob)?.context("no body")?;
            body.read_to_end(&mut octets)?;
            messages.push(String::from_utf8(octets)?);
        }
        Ok(messages)
    }

    /// The newest message in the inbox.
    pub fn last(&self, name: &str) -> Result<String> {
        self.inbox(name)?.pop().context("the inbox is empty")
    }

    /// Everything that was recorded, newest first.
    pub async fn events(&self) -> Result<Vec<EventKind>> {
        self.house.ledger.flush().await;
        let events = self.house.store.snapshot()?.events(None, 1000, |_| true)?;
        Ok(events.into_iter().map(|(_, event)| event.kind).collect())
    }

    /// What the newest reply came to, in words.
    pub async fn verdict(&self) -> Result<String> {
        let mut events = self.events().await?.into_iter();
        let words = events.find_map(|event| match event {
            EventKind::Reply { words, .. } => Some(words),
            _ => None,
        });
        words.context("no reply was recorded")
    }
}

/// Where a reply to this message goes.
pub fn reply_to(message: &str) -> String {
    let field = message.lines().find_map(|line| line.strip_prefix("Reply-To: <"));
    field.unwrap().trim_end_matches('>').to_owned()
}

/// A reply as a program writes it.
pub fn reply(from: &str, fields: &str, own: &str) -> Vec<u8> {
    format!(
        "From: {from}\r\nTo: Pillarbox\r\nSubject: Re: ben@firm.example was frozen\r\n{fields}\r\n{own}\r\n\r\n\
         On Thu, Jan 1, 2026 at 0:00 Pillarbox <postmaster@firm.example> wrote:\r\n> release\r\n"
    )
    .into_bytes()
}

fn facts(ip: &str, protocol: Protocol) -> ConnectionFacts {
    let peer = SocketAddr::new(ip.parse::<IpAddr>().unwrap(), 40_000);
    ConnectionFacts::new(1, peer, SocketAddr::from(([192, 0, 2, 1], 25)), protocol)
}
