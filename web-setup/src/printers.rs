//! What the pages show of printers and scanners that send without a login.

use crate::appliance::Fault;
use proto::types::{AccountId, Address, Timestamp};
use std::future::Future;
use std::net::IpAddr;

/// Printers, and who would be one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Printers {
    /// Allowed, oldest first.
    pub list: Vec<Printer>,
    /// In the office's network and refused for want of a login, the latest first.
    pub tried: Vec<Tried>,
    /// The domain that a sender has to be of.
    pub domain: String,
}

/// A printer or scanner.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub struct Printer {
    pub id: AccountId,
    pub name: String,
    pub ip: IpAddr,
    /// The only sender that it may name.
    pub from: Address,
    /// Messages in an hour.
    pub limit: u32,
    /// It writes to people of the office only.
    pub here_only: bool,
    /// `active`, `limited`, `paused` or `frozen`.
    pub state: &'static str,
    /// When a limited one may send again.
    pub until: Option<Timestamp>,
    pub sent: u64,
    pub used: Option<Timestamp>,
    /// Recipients whose mail is held.
    pub held: u64,
}

/// A device that was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub struct Tried {
    pub ip: IpAddr,
    /// `None`: it named none.
    pub from: Option<Address>,
    /// And as so many others that they are not told apart.
    pub others: bool,
    /// The sender is of the office: it can be allowed as it is.
    pub fits: bool,
    pub to: Option<Address>,
    pub count: u64,
    pub first: Timestamp,
    pub last: Timestamp,
}

/// A printer to be allowed, as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub struct PrinterWish {
    pub name: String,
    pub ip: String,
    pub from: String,
    /// `None`: as many as a printer is given.
    pub limit: Option<u32>,
    pub here_only: bool,
}

/// What a printer may do, as typed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub struct PrinterTerms {
    pub name: String,
    /// Messages in an hour.
    pub limit: u32,
    pub here_only: bool,
}

/// What is to be done with a printer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrinterDeed {
    /// It sends nothing for a while; its mail that waits is held.
    Pause,
    /// It may send again.
    Resume,
    /// Its held mail goes on its way.
    Release,
    /// Its held mail is dropped.
    Discard,
    /// It is forgotten.
    Remove,
}

/// What the pages ask of this room. See [`crate::Appliance`] for what holds for every method.
pub trait PrintersRoom: Send + Sync {
    /// Printers and scanners, and who would be one.
    fn printers(&self) -> impl Future<Output = Result<Printers, Fault>> + Send;

    /// Lets a printer send without a login.
    fn allow_printer(&self, wish: PrinterWish) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Sets what a printer may do.
    fn set_printer(
        &self,
        id: AccountId,
        terms: PrinterTerms,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Does something with a printer.
    fn act_on_printer(
        &self,
        id: AccountId,
        deed: PrinterDeed,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
}
