//! What the pages need from the rest of the box. `firmware` implements it; the pages know no
//! store, no board and no TLS.

use crate::accounts::AccountsRoom;
use crate::clock::ClockRoom;
use crate::devices::DevicesRoom;
use crate::events::EventsRoom;
use crate::filtering::FilterRoom;
use crate::folder::FolderRoom;
use crate::judging::JudgeRoom;
use crate::keys::KeysRoom;
use crate::links::LinksRoom;
use crate::logins::LoginsRoom;
use crate::names::NamesRoom;
use crate::printers::PrintersRoom;
use crate::queue::QueueRoom;
use crate::screening::ScreenRoom;
use crate::sending::SendingRoom;
use crate::sign_in::{Pass, SignInRoom};
use crate::transport::TransportRoom;
use crate::watch::GuardRoom;
use proto::types::{Domain, Secret};
use std::future::Future;
use std::net::IpAddr;

/// Where a request came from. The listener puts it into the request's extensions; a request
/// without it is treated as a stranger of unknown address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer(pub IpAddr);

/// In a request's extensions: whoever sends it may follow links and no more, once the setup is finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outsider;

/// Why the box did not do what a page asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    /// It cannot be done, for a reason the person can act on; shown as it stands.
    #[error("{0}")]
    Refused(String),
    /// There is no such account.
    #[error("it does not exist (any more)")]
    Gone,
    /// The box's own fault. The details are in the log, not on the page.
    #[error("the box could not do that just now")]
    Internal,
}

/// Facts that do not change while the box runs.
#[derive(Debug, Clone)]
pub struct Facts {
    /// SHA-256 of the web certificate, 64 hex digits.
    pub fingerprint: String,
    /// Ports as mail programs see them.
    pub ports: Ports,
    /// The panel is not a real one: its picture may be shown to a browser on the same machine.
    pub simulated_board: bool,
    /// The version of Pillarbox.
    pub version: &'static str,
}

/// Ports that a person has to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)] // the names are the services' own
pub struct Ports {
    pub smtp: u16,
    pub submission: u16,
    pub submissions: u16,
    pub imap: u16,
    pub imaps: u16,
    pub pop3: u16,
    pub pop3s: u16,
    pub https: u16,
    /// Links to attachments, for everybody.
    pub links: u16,
}

impl Ports {
    /// The ports of a real box.
    pub const STANDARD: Self = Self {
        smtp: 25,
        submission: 587,
        submissions: 465,
        imap: 143,
        imaps: 993,
        pop3: 110,
        pop3s: 995,
        https: 443,
        links: 8443,
    };
}

/// Mail domain and host name, both as A-labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Office {
    /// The part after the `@`.
    pub domain: Domain,
    /// The box's own public name.
    pub hostname: Domain,
}

/// How far the setup has come. Every part is kept, so it can be left and resumed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// The admin password is set.
    pub admin: bool,
    /// The office, once named.
    pub office: Option<Office>,
    /// The local part of the first account, once chosen.
    pub first_account: Option<String>,
    /// The box is a mail server; there is no claim code any more.
    pub finished: bool,
}

/// A DKIM key's public half (RFC 6376 3.6.1).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DkimRecord {
    /// Such as `pb1r`: the record stands at `<selector>._domainkey.<domain>`.
    pub selector: String,
    /// `rsa` or `ed25519`.
    pub algorithm: &'static str,
    /// The whole TXT text, unsplit.
    pub text: String,
    /// It signs nothing yet, but will once the record is there.
    pub next: bool,
}

/// What the admin wants done with the board.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// Down, so that the plug may be pulled.
    Off,
    /// Down and up again.
    Restart,
}

/// What one glance should tell; the same numbers as on the panel.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Glance {
    /// Messages received since midnight UTC.
    pub received_today: u64,
    /// Messages sent since midnight UTC.
    pub sent_today: u64,
    /// Messages waiting to leave.
    pub queued: u64,
    /// Failed logins in the last 60 minutes.
    pub failed_last_hour: u64,
    /// Failed logins since midnight UTC.
    pub failed_today: u64,
    /// The address with most failed logins today.
    pub worst_source: Option<String>,
    /// Addresses, networks and accounts that are shut out now.
    pub blocked: u64,
    /// Frozen accounts, by address.
    pub frozen: Vec<String>,
    /// Recipients whose mail is held.
    pub held: u64,
    /// Troubles, worst first, each a few words.
    pub troubles: Vec<String>,
}

/// The panel right now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Panel {
    /// The picture, PNG.
    pub png: Vec<u8>,
    /// Its size on the page, in pixels.
    pub size: (u32, u32),
    /// The same content as lines of text.
    pub lines: Vec<String>,
}

/// The box behind the pages. Cheap to clone. Every method is safe to call twice.
///
/// Who may call is decided by the routes' table before a handler runs; implementations need not
/// check it again.
pub trait Appliance:
    Clone
    + Send
    + Sync
    + 'static
    + AccountsRoom
    + ClockRoom
    + DevicesRoom
    + EventsRoom
    + FilterRoom
    + FolderRoom
    + GuardRoom
    + TransportRoom
    + JudgeRoom
    + KeysRoom
    + LinksRoom
    + LoginsRoom
    + NamesRoom
    + PrintersRoom
    + QueueRoom
    + ScreenRoom
    + SendingRoom
    + SignInRoom
{
    /// The same box, for the session that stands on this pass: what is done through it, the ledger says that
    /// he did. `None`: nobody is signed in.
    #[must_use]
    fn for_session(&self, pass: Option<Pass>) -> Self;

    /// What stays the same.
    fn facts(&self) -> Facts;

    /// The box's own addresses, without loopback and link-local ones.
    fn addresses(&self) -> Vec<IpAddr>;

    /// The code on the panel, as it is shown there; `None` once the setup is finished.
    fn claim_code(&self) -> Option<Secret>;

    /// How far the setup is.
    fn progress(&self) -> impl Future<Output = Result<Progress, Fault>> + Send;

    /// Sets the admin's password (already judged good enough); the pass for who did so.
    fn set_admin_password(&self, password: Secret) -> impl Future<Output = Result<Pass, Fault>> + Send;

    /// Names the office.
    fn set_office(&self, office: Office) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Keeps the first account's local part and password until the setup is finished.
    fn set_first_account(
        &self,
        local: String,
        password: Secret,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// The DKIM records, or `None` while the keys are being made: asking starts the making, which
    /// takes seconds to minutes, in the background.
    fn dkim(&self) -> impl Future<Output = Result<Option<Vec<DkimRecord>>, Fault>> + Send;

    /// Ends the setup: makes the first account, opens the mail ports, forgets the claim code; the
    /// admin's pass for who did so.
    fn finish(&self) -> impl Future<Output = Result<Pass, Fault>> + Send;

    /// The numbers.
    fn glance(&self) -> impl Future<Output = Result<Glance, Fault>> + Send;

    /// The panel.
    fn panel(&self) -> impl Future<Output = Result<Panel, Fault>> + Send;

    /// Has the board switched off or restarted, shortly after this returns.
    fn power(&self, wish: Power) -> impl Future<Output = Result<(), Fault>> + Send;
}
