//! What the box in memory knows.

use crate::link_rows::link_row;
use proto::types::{AccountId, Address, Mechanism, Protocol, Secret, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use web_setup::{
    Account, AccountState, Choice, Count, Devices, FailedLogin, FolderDesk, FolderWish, JudgedMail, JunkMail,
    Keys, Knob, LinkCheck, LinkRow, LinkRules, LinkState, LinkWish, Login, Names, Office, Pass, Piece,
    Printers, Progress, QueueDeed, QueuePlace, QueueScope, Rotated, Screening, Shared, ShieldRow, Smarthost,
    Transport, Waiting,
};

pub const CODE: &str = "K7QM-2WXZ";
pub const ADMIN_PASSWORD: &str = "correct horse battery";
/// Of every account.
pub const PERSONS_PASSWORD: &str = "a person's own secret";

/// What every app shows, all the time.
/// Who signs in as this comes from an address that was just shut out.
pub const BLOCKED: &str = "blocked";
pub const CODE_OF_APP: &str = "123456";

pub fn half(inner: &Inner, pass: Pass) -> Login {
    match inner.codes.contains(&pass.account) {
        true => Login::Code(pass),
        false => Login::Welcome(pass),
    }
}

#[derive(Default)]
pub struct Inner {
    pub progress: Progress,
    pub admin_password: Option<Secret>,
    pub admin_stamp: u64,
    pub accounts: Vec<Account>,
    pub passwords: Vec<(String, Secret)>,
    pub failed: Vec<FailedLogin>,
    pub screening: Screening,
    pub shield: Vec<ShieldRow>,
    pub names: Names,
    pub junk: JunkMail,
    pub knobs: Vec<Knob>,
    pub judged: Vec<JudgedMail>,
    pub shared: BTreeMap<String, Shared>,
    pub pieces: Vec<Piece>,
    pub printers: Printers,
    pub links: Vec<LinkRow>,
    pub links_off: bool,
    pub links_incoming: bool,
    pub link_check: Option<LinkCheck>,
    pub link_rules: LinkRules,
    pub link_wishes: Vec<LinkWish>,
    pub folder: FolderDesk,
    pub folder_wishes: Vec<FolderWish>,
    pub outgoing: Vec<Waiting>,
    pub places: Vec<QueuePlace>,
    pub held_domains: Vec<web_setup::HeldDomain>,
    pub orders: Vec<(u64, QueueScope, QueueDeed)>,
    pub smarthost: Option<(Smarthost, Option<Secret>)>,
    pub smarthosts: Vec<(String, Smarthost)>,
    pub transport: Transport,
    /// What somebody set it to.
    pub clock: Option<Timestamp>,
    pub simulated: bool,
    pub keys_missing: bool,
    pub keys: Keys,
    /// What a wish to rotate comes to.
    pub rotated: Option<Rotated>,
    pub held: u64,
    pub devices: Devices,
    pub office_web_only: bool,
    /// Whose login asks for a code.
    pub codes: Vec<Option<AccountId>>,
    pub limits: Vec<Vec<(String, String)>>,
    pub outside: Option<Address>,
    /// Every change, by name: a refused request leaves no trace here.
    pub changes: Vec<&'static str>,
}

impl Inner {
    pub fn pass(&self) -> Pass {
        self.pass_of(None)
    }

    /// Differs with codes and without.
    pub fn pass_of(&self, of: Option<AccountId>) -> Pass {
        let account = self.accounts.iter().find(|account| Some(account.id) == of);
        Pass {
            account: of,
            admin: account.is_none_or(|account| account.admin),
            stamp: 2 * self.admin_stamp + u64::from(self.codes.contains(&of)),
        }
    }
}

#[derive(Clone, Default)]
pub struct Desk {
    pub inner: Arc<Mutex<Inner>>,
    /// Whose session it is.
    pub by: Option<Pass>,
}

impl Desk {
    pub fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    /// A box whose setup is finished, with two accounts.
    pub fn finished() -> Self {
        let desk = Self::default();
        {
            let mut inner = desk.lock();
            inner.progress = Progress {
                admin: true,
                office: Some(Office {
                    domain: domain("example.com"),
                    hostname: domain("mail.example.com"),
                }),
                first_account: Some("ada".to_owned()),
                finished: true,
            };
            inner.admin_password = Some(Secret::new(ADMIN_PASSWORD.into()));
            inner.links = vec![link_row(1, LinkState::Works)];
            for (n, name) in ["ada@example.com", "bob@example.com"].into_iter().enumerate() {
                inner.accounts.push(account(n as u64 + 1, name));
            }
        }
        desk
    }

    pub fn change(&self, name: &'static str) -> MutexGuard<'_, Inner> {
        let mut inner = self.lock();
        inner.changes.push(name);
        inner
    }
}

pub fn choice() -> Choice {
    Choice {
        counts: vec![Count {
            name: "new_messages",
            words: "Messages in an hour from a new network",
            count: 7,
            limit: 15,
            set: None,
        }],
        action: None,
        exempt: false,
    }
}

pub fn domain(text: &str) -> proto::types::Domain {
    proto::types::Domain::parse(text).unwrap()
}

pub fn account(id: u64, address: &str) -> Account {
    Account {
        id: AccountId(id),
        address: Address::parse(address).unwrap(),
        admin: id == 1,
        state: AccountState::Active,
        created: Timestamp(1_764_000_000),
    }
}

pub fn failed(login: &str, count: u64) -> FailedLogin {
    FailedLogin {
        client: "OldPhone 1".to_owned(),
        first: Timestamp(1_763_999_000),
        at: Timestamp(1_764_000_000),
        ip: "203.0.113.7".parse().unwrap(),
        protocol: Protocol::Imap,
        login: login.to_owned(),
        known: false,
        mechanism: Mechanism::Plain,
        tls: true,
        reason: "no such account".to_owned(),
        count,
    }
}
