//! Links to attachments, as strangers, senders and admins see them.

use crate::appliance::{Fault, Peer};
use axum::body::Body;
use proto::types::{AccountId, Address, Secret, Timestamp};
use std::future::Future;

/// What somebody finds at a link's address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shared {
    /// The file.
    File(SharedFile),
    /// The file, but its disk is missing: not now.
    Away,
    /// The file, but it is damaged.
    Damaged,
    /// A password is asked for first. Nothing else is told.
    Locked,
    /// The sender's account is stopped, for this reason.
    Stopped(String),
    /// Nothing: no such link, or it expired, or it was withdrawn. Nobody is told which.
    Nothing,
}

/// A file that may be fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SharedFile {
    /// The link's number.
    pub link: u64,
    /// Whose mail it came with: the office's domain.
    pub office: String,
    /// Its name, in any script.
    pub name: String,
    /// Such as `application/pdf`.
    pub media_type: String,
    /// In octets.
    pub size: u64,
    /// SHA-256, 64 hex digits.
    pub sha256: String,
    /// Until when the link works.
    pub until: Timestamp,
}

/// Octets of a file that are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// The first.
    pub start: u64,
    /// How many.
    pub length: u64,
}

/// The octets, as they are read.
pub type Octets = Body;

/// A link, as its sender and the admins see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRow {
    /// Its number.
    pub id: u64,
    /// The file's name.
    pub name: String,
    /// The file's octets.
    pub size: u64,
    /// Who got it.
    pub recipient: Address,
    /// When.
    pub created: Timestamp,
    /// Until when it works.
    pub expires: Timestamp,
    /// What it is worth now.
    pub state: LinkState,
    /// Whether it asks for a password.
    pub locked: bool,
    /// How often it was fetched.
    pub downloads: u64,
    /// When last.
    pub last_download: Option<Timestamp>,
}

/// What a link is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkState {
    /// It works.
    Works,
    /// Its time is over; it may be given more.
    Expired,
    /// It was withdrawn; it may be given back.
    Withdrawn,
    /// Its file is gone.
    Gone,
    /// Its file is damaged; it may be sent again.
    Damaged,
}

/// What may be done to a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkWish {
    /// It works for so many days from now.
    Extend(u32),
    /// It works no more.
    Revoke,
    /// It asks for this password; `None`: for none.
    Password(Option<proto::types::Secret>),
}

/// The links of one account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountLinks {
    /// Whose.
    pub address: Address,
    /// Whether its attachments become links.
    pub on: bool,
    /// Whether those of mail that it gets from the world do, too.
    pub incoming: bool,
    /// Why attachments stay in the mail all the same, if they do.
    pub held_back: Option<&'static str>,
    /// The newest first.
    pub rows: Vec<LinkRow>,
    /// Ask for what is before this to see older ones; `None` at the end.
    pub older: Option<u64>,
}

/// When attachments become links, as typed: numbers in MB and days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub struct LinkRules {
    pub on: bool,
    /// Where the world reaches this box.
    pub address: String,
    /// Links are made whatever the check says.
    pub trusted: bool,
    pub part_mb: String,
    pub message_mb: String,
    pub days: String,
    pub budget_mb: String,
    /// Types that stay in the mail, one a line.
    pub exempt: String,
}

/// Which way the mail goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkDirection {
    /// From the account to the world.
    Outgoing,
    /// From the world to the account.
    Incoming,
}

/// Whether the world reaches the links, as far as the box can tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkCheck {
    /// `None`: from here nobody can tell.
    pub reached: Option<bool>,
    /// Why, for a person.
    pub words: String,
    /// When that was found.
    pub at: Timestamp,
}

/// Everything about links, for the admin.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LinkDesk {
    /// What is set.
    pub rules: LinkRules,
    /// What the last check of the address found.
    pub check: Option<LinkCheck>,
    /// Why attachments stay in the mail although they should become links, if they do.
    pub held_back: Option<&'static str>,
    /// Files on the card.
    pub files: u64,
    /// Octets of them.
    pub used: u64,
    /// Octets that they may have.
    pub budget: u64,
    /// Octets that are free on the card.
    pub free: u64,
    /// Each account, and whether its attachments become links.
    pub accounts: Vec<(AccountId, Address, bool)>,
}

/// What the pages ask of this room. See [`crate::Appliance`] for what holds for every method.
pub trait LinksRoom: Send + Sync {
    /// Everything about links.
    fn links(&self) -> impl Future<Output = Result<LinkDesk, Fault>> + Send;

    /// Sets when attachments become links.
    fn set_link_rules(&self, rules: LinkRules) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Sets it for one account.
    fn switch_links(
        &self,
        id: AccountId,
        direction: LinkDirection,
        on: bool,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Checks now whether the world reaches the links; takes some seconds.
    fn check_links(&self) -> impl Future<Output = Result<(), Fault>> + Send;

    /// The answer to a question that the box is just asking itself through the world.
    fn own_answer(&self, question: &str) -> Option<String>;

    /// Some links of an account older than `before` (the newest, when `None`), the newest first.
    fn account_links(
        &self,
        id: AccountId,
        before: Option<u64>,
    ) -> impl Future<Output = Result<AccountLinks, Fault>> + Send;

    /// Changes a link of that account.
    fn change_link(
        &self,
        id: AccountId,
        link: u64,
        wish: LinkWish,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// What a stranger finds under a link's token; `key` says that its password was given. Whoever finds
    /// nothing is counted and waits.
    fn shared_link(
        &self,
        peer: Peer,
        token: String,
        key: Option<String>,
    ) -> impl Future<Output = Result<Shared, Fault>> + Send;

    /// Compares a link's password; the key, if it is right.
    fn unlock_link(
        &self,
        peer: Peer,
        token: String,
        password: Secret,
    ) -> impl Future<Output = Result<Option<String>, Fault>> + Send;

    /// Octets of a link's file, which was found just before. Downloads are counted there.
    fn read_link(
        &self,
        peer: Peer,
        link: u64,
        piece: Piece,
    ) -> impl Future<Output = Result<Octets, Fault>> + Send;
}
