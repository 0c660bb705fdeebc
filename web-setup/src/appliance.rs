//! What the pages need from the rest of the box. `firmware` implements it; the pages know no
//! store, no board and no TLS.

use crate::devices::Devices;
use crate::events::{EventFilter, Events};
use crate::filtering::{FilterWish, JunkMail, SenderWish};
use crate::judging::{JudgedMail, JudgedRow, Knob};
use crate::links::{AccountLinks, LinkDesk, LinkRules, LinkWish, Octets, Piece, Shared};
use crate::names::{AliasWish, DomainWish, Names};
use crate::printers::{PrinterDeed, PrinterWish, Printers};
use crate::watch::{Choice, Watch};
use proto::types::{AccountId, Address, Domain, Mechanism, Protocol, Secret, Timestamp};
use std::collections::BTreeMap;
use std::future::Future;
use std::net::IpAddr;

/// Where a request came from. The listener puts it into the request's extensions; a request
/// without it is treated as a stranger of unknown address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Peer(pub IpAddr);

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
}

/// What happened to a login at the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Login {
    /// Name and password are right.
    Welcome(Pass),
    /// Name and password are right, and now a code is asked for.
    Code(Pass),
    /// They are not. Already recorded.
    Wrong,
    /// Too many wrong ones from there: nothing was compared.
    Throttled,
    /// Shut out for a while: why and until when, as a sentence for the page.
    Blocked(String),
    /// They are right, but the account is shut, for this reason.
    Shut(String),
}

/// Whether a login asks for a code after the password.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SecondFactor {
    /// Since when; `None`: it does not.
    pub since: Option<Timestamp>,
    /// Recovery codes that are left.
    pub recovery_left: usize,
    /// The box knows the time, without which no app's code can be judged.
    pub clock_known: bool,
}

/// What a session stands on. It ends when the account is shut or the password changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pass {
    /// The mail account; `None` for the login called admin.
    pub account: Option<AccountId>,
    /// Whether it opens the admin's pages.
    pub admin: bool,
    /// Differs from one password to the next.
    pub stamp: u64,
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

/// One row of the failed logins; equal ones are folded. Texts come from strangers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedLogin {
    /// When the first of them happened.
    pub first: Timestamp,
    /// When the last of them happened.
    pub at: Timestamp,
    /// From where.
    pub ip: IpAddr,
    /// At which door.
    pub protocol: Protocol,
    /// The name as typed.
    pub login: String,
    /// Whether the office has such an account.
    pub known: bool,
    /// How the password came.
    pub mechanism: Mechanism,
    /// Whether it came through TLS.
    pub tls: bool,
    /// Why it failed, in words.
    pub reason: String,
    /// What the program called itself, if it said.
    pub client: String,
    /// How many.
    pub count: u64,
}

/// A login of an account, or one that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub struct RecentLogin {
    pub at: Timestamp,
    pub ip: IpAddr,
    pub protocol: Protocol,
    /// Why it failed, in words; `None`: it came in.
    pub failed: Option<String>,
    /// How many of the same.
    pub count: u64,
}

/// Which failed logins are wanted; what is left empty takes all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoginFilter {
    /// At this door.
    pub protocol: Option<Protocol>,
    /// From this address or network, as typed.
    pub from: String,
    /// The name contains this.
    pub name: String,
    /// Whether the office has such an account.
    pub known: Option<bool>,
    /// On this day, counted from 1970-01-01, UTC.
    pub day: Option<i64>,
}

/// How the admins hear of failed logins by mail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginMail {
    /// `off`, `each`, `threshold` or `digest`.
    pub mode: String,
    /// Failed logins from one address on one day that are worth a letter.
    pub threshold: u32,
}

/// Who is shut out, and by which rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Screening {
    /// Shut out for a while, the latest first.
    pub blocked: Vec<BlockedRow>,
    /// Both lists.
    pub entries: Vec<ListEntry>,
    /// What may be set.
    pub rules: Vec<Rule>,
}

/// Somebody who is shut out.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub struct BlockedRow {
    /// An address, a network or an account.
    pub who: String,
    pub why: String,
    pub since: Timestamp,
    pub until: Timestamp,
}

/// A network that is always let in, or never.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub struct ListEntry {
    /// Always; `false`: never.
    pub allow: bool,
    pub network: String,
    /// `None` for ever.
    pub until: Option<Timestamp>,
    pub note: String,
}

/// An entry to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListWish {
    /// Always let in; `false`: never.
    pub allow: bool,
    /// As typed.
    pub network: String,
    /// For how many hours; `None` for ever.
    pub hours: Option<u32>,
    /// Why.
    pub note: String,
}

/// A number that may be set, or a switch where it is 0 or 1.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)] // the names say it
pub struct Rule {
    pub name: &'static str,
    /// For a person.
    pub label: &'static str,
    pub value: u32,
    pub least: u32,
    pub most: u32,
}

/// A page of failed logins, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailedLogins {
    /// The rows.
    pub rows: Vec<FailedLogin>,
    /// Ask for what is before this to see older ones; `None` at the end.
    pub older: Option<u64>,
}

/// An account as the admin sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// Its number.
    pub id: AccountId,
    /// Its address.
    pub address: Address,
    /// Whether it may use the admin's pages and gets the mail for postmaster.
    pub admin: bool,
    /// What it may do.
    pub state: AccountState,
    /// When it was made.
    pub created: Timestamp,
}

/// From where mail may claim a domain without a login.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShieldRow {
    /// The domain.
    pub domain: String,
    /// Networks, or `lan`.
    pub networks: Vec<String>,
    /// Nobody set it: it is the office's own.
    pub default: bool,
}

/// Mail that waits to leave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outgoing {
    /// The oldest, one for each recipient.
    pub rows: Vec<Waiting>,
    /// How many there are in all.
    pub total: u64,
}

/// A recipient who has not got a message yet. The words come from strangers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Waiting {
    /// Who sent it; `None`: the box itself.
    pub from: Option<Address>,
    /// Whom it is for.
    pub to: Address,
    /// When it was sent.
    pub since: Timestamp,
    /// When it is tried next; `None` while it is held because its sender is frozen.
    pub next: Option<Timestamp>,
    /// How often it was tried.
    pub tries: u32,
    /// What the other side said last.
    pub words: Option<String>,
}

/// A server that takes all outgoing mail. Its password is written, never read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Smarthost {
    /// Name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// How the connection is protected.
    pub protection: Protection,
    /// The login there, if it wants one.
    pub user: Option<String>,
    /// Whether the certificate may be anything.
    pub trust_any_certificate: bool,
}

/// How a connection to a smarthost is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protection {
    /// TLS from the first octet.
    Implicit,
    /// STARTTLS.
    Starttls,
    /// Not at all; never with a password.
    None,
}

/// What an account may do, in the words of the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountState {
    /// Everything.
    Active,
    /// Receive and read; sending is held back for a while.
    Limited,
    /// Receive only.
    Frozen {
        /// Since when.
        since: Timestamp,
        /// Why.
        reason: String,
    },
    /// Nothing.
    Disabled,
}

/// The box behind the pages. Cheap to clone. Every method is safe to call twice.
///
/// Who may call is decided by the routes' table before a handler runs; implementations need not
/// check it again.
pub trait Appliance: Clone + Send + Sync + 'static {
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

    /// Judges a login of the admin or of a person, records it, and waits as long as wrong ones have to.
    fn login(
        &self,
        peer: Peer,
        name: String,
        password: Secret,
    ) -> impl Future<Output = Result<Login, Fault>> + Send;

    /// Judges the code that follows the password; a wrong one is recorded, and waits.
    fn login_code(
        &self,
        peer: Peer,
        pass: Pass,
        code: Secret,
    ) -> impl Future<Output = Result<Login, Fault>> + Send;

    /// Whether a login asks for a code; `None`: the login called admin.
    fn second_factor(
        &self,
        of: Option<AccountId>,
    ) -> impl Future<Output = Result<SecondFactor, Fault>> + Send;

    /// The secret for an app, in Base32. Refused with the reason.
    fn begin_second_factor(
        &self,
        of: Option<AccountId>,
    ) -> impl Future<Output = Result<Secret, Fault>> + Send;

    /// Codes are asked for from now on, if this is the app's; the recovery codes, this once.
    fn confirm_second_factor(
        &self,
        of: Option<AccountId>,
        code: Secret,
    ) -> impl Future<Output = Result<Vec<Secret>, Fault>> + Send;

    /// Codes are asked for no longer, if this is a right one.
    fn end_second_factor(
        &self,
        peer: Peer,
        pass: Pass,
        code: Secret,
    ) -> impl Future<Output = Result<Login, Fault>> + Send;

    /// Codes are asked for no longer, because an admin says so.
    fn reset_second_factor(&self, id: AccountId) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Whether a session that began with this pass may go on.
    fn still_welcome(&self, pass: Pass) -> impl Future<Output = Result<bool, Fault>> + Send;

    /// The numbers.
    fn glance(&self) -> impl Future<Output = Result<Glance, Fault>> + Send;

    /// The panel.
    fn panel(&self) -> impl Future<Output = Result<Panel, Fault>> + Send;

    /// At most `limit` failed logins older than `before` (all, when `None`), newest first.
    fn failed_logins(
        &self,
        filter: LoginFilter,
        before: Option<u64>,
        limit: usize,
    ) -> impl Future<Output = Result<FailedLogins, Fault>> + Send;

    /// How the admins hear of failed logins.
    fn login_mail(&self) -> impl Future<Output = Result<LoginMail, Fault>> + Send;

    /// Sets it.
    fn set_login_mail(&self, mail: LoginMail) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Who is shut out, and by which rules.
    fn screening(&self) -> impl Future<Output = Result<Screening, Fault>> + Send;

    /// Lets somebody in again, by [`BlockedRow::who`].
    fn release(&self, who: String) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Puts a network on a list.
    fn put_on_list(&self, wish: ListWish) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Takes a network off a list.
    fn take_off_list(&self, allow: bool, network: String) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Everything about links.
    fn links(&self) -> impl Future<Output = Result<LinkDesk, Fault>> + Send;

    /// Sets when attachments become links.
    fn set_link_rules(&self, rules: LinkRules) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Sets it for one account.
    fn switch_links(&self, id: AccountId, on: bool) -> impl Future<Output = Result<(), Fault>> + Send;

    /// The links of an account, the newest first.
    fn account_links(&self, id: AccountId) -> impl Future<Output = Result<AccountLinks, Fault>> + Send;

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

    /// Octets of a link's file, which was found just before.
    fn read_link(
        &self,
        peer: Peer,
        link: u64,
        piece: Piece,
    ) -> impl Future<Output = Result<Octets, Fault>> + Send;

    /// At most `limit` events older than `before` (all, when `None`), newest first, in words.
    fn events(
        &self,
        filter: EventFilter,
        before: Option<u64>,
        limit: usize,
    ) -> impl Future<Output = Result<Events, Fault>> + Send;

    /// Printers and scanners, and who would be one.
    fn printers(&self) -> impl Future<Output = Result<Printers, Fault>> + Send;

    /// Lets a printer send without a login.
    fn allow_printer(&self, wish: PrinterWish) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Does something with a printer.
    fn act_on_printer(
        &self,
        id: AccountId,
        deed: PrinterDeed,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Domains and aliases. Asking starts the making of keys that are missing, in the background.
    fn names(&self) -> impl Future<Output = Result<Names, Fault>> + Send;

    /// Takes mail for one more domain.
    fn add_domain(&self, domain: String, same_names: bool) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Sets a domain's rules.
    fn set_domain(&self, wish: DomainWish) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Takes no more mail for a domain; refused while it has accounts or aliases.
    fn remove_domain(&self, domain: String) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Makes an alias, or changes the one with its address.
    fn put_alias(&self, wish: AliasWish) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Removes an alias.
    fn remove_alias(&self, address: String) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Sets what may stand behind a name, as typed: a sign, or `off`.
    fn set_plus(&self, separator: String) -> impl Future<Output = Result<(), Fault>> + Send;

    /// From where mail may claim a domain without a login; the office's own first.
    fn shield(&self) -> impl Future<Output = Result<Vec<ShieldRow>, Fault>> + Send;

    /// Binds a domain to networks, both as typed.
    fn set_shield(&self, domain: String, networks: String) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Takes a domain out of the shield's table.
    fn remove_shield(&self, domain: String) -> impl Future<Output = Result<(), Fault>> + Send;

    /// How mail is judged.
    fn judging(&self) -> impl Future<Output = Result<Vec<Knob>, Fault>> + Send;

    /// Sets how mail is judged: names of knobs with values, all or none.
    fn set_judging(&self, values: Vec<(String, String)>) -> impl Future<Output = Result<(), Fault>> + Send;

    /// The last messages that were judged, the newest first.
    fn judged(&self) -> impl Future<Output = Result<Vec<JudgedRow>, Fault>> + Send;

    /// Why a message is where it is.
    fn explanation(&self, id: String) -> impl Future<Output = Result<JudgedMail, Fault>> + Send;

    /// The filter, the greylist and the lists of senders.
    fn junk_mail(&self) -> impl Future<Output = Result<JunkMail, Fault>> + Send;

    /// Sets how the filter and the greylist work.
    fn set_filtering(&self, wish: FilterWish) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Forgets what the filter learnt.
    fn forget_learnt(&self) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Puts a sender on a list.
    fn put_sender(&self, wish: SenderWish) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Takes a sender off its list.
    fn remove_sender(&self, who: String) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Sets the rules by their names; a switch that is not named is off.
    fn set_screening(
        &self,
        values: BTreeMap<String, String>,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// The oldest `limit` rows of mail that waits to leave.
    fn outgoing(&self, limit: usize) -> impl Future<Output = Result<Outgoing, Fault>> + Send;

    /// The server that takes outgoing mail; `None`: mail goes straight to the recipients' servers.
    fn smarthost(&self) -> impl Future<Output = Result<Option<Smarthost>, Fault>> + Send;

    /// Sends all mail through that server. Without a password the one stored for the same server
    /// and user stays.
    fn send_through(
        &self,
        smarthost: Smarthost,
        password: Option<Secret>,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Sends mail straight to the recipients' servers.
    fn send_directly(&self) -> impl Future<Output = Result<(), Fault>> + Send;

    /// All accounts, by address.
    fn accounts(&self) -> impl Future<Output = Result<Vec<Account>, Fault>> + Send;

    /// Has the board switched off or restarted, shortly after this returns.
    fn power(&self, wish: Power) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Puts a test message into an account's inbox.
    fn send_test(&self, to: AccountId) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Makes an account.
    fn create_account(
        &self,
        address: Address,
        password: Secret,
        admin: bool,
    ) -> impl Future<Output = Result<AccountId, Fault>> + Send;

    /// Changes an account's password; its open sessions end. The pass for who did so, if it is the
    /// account's own.
    fn set_account_password(
        &self,
        id: AccountId,
        password: Secret,
    ) -> impl Future<Output = Result<Pass, Fault>> + Send;

    /// The last `limit` logins of an account and those that failed, newest first.
    fn recent_logins(
        &self,
        id: AccountId,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<RecentLogin>, Fault>> + Send;

    /// An account's device passwords.
    fn devices(&self, id: AccountId) -> impl Future<Output = Result<Devices, Fault>> + Send;

    /// Makes a password for a device of that name; it is never seen again. The account's first makes
    /// the main password the web's alone.
    fn add_device(&self, id: AccountId, name: String) -> impl Future<Output = Result<Secret, Fault>> + Send;

    /// Ends a device's password and its sessions.
    fn revoke_device(&self, id: AccountId, device: u32) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Whether main passwords open the web only, where nobody decided for an account.
    fn office_web_only(&self) -> impl Future<Output = Result<bool, Fault>> + Send;

    /// Sets it.
    fn set_office_web_only(&self, web_only: bool) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Whether the main password opens the web only, or mail programs too.
    fn set_web_only(&self, id: AccountId, web_only: bool) -> impl Future<Output = Result<(), Fault>> + Send;

    /// What the guard knows of an account.
    fn watch(&self, id: AccountId) -> impl Future<Output = Result<Watch, Fault>> + Send;

    /// What the office's accounts may send.
    fn limits(&self) -> impl Future<Output = Result<Choice, Fault>> + Send;

    /// Changes limits, of the office or of one account: all of it or, with the reason, nothing.
    fn set_limits(
        &self,
        id: Option<AccountId>,
        changes: Vec<(String, String)>,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Lets an account's held mail go.
    fn release_held(&self, id: AccountId) -> impl Future<Output = Result<u64, Fault>> + Send;

    /// Drops an account's held mail.
    fn discard_held(&self, id: AccountId) -> impl Future<Output = Result<u64, Fault>> + Send;

    /// Sends an admin's notices to this address outside of the box too; `None`: no longer. Refused
    /// with the reason.
    fn set_outside(
        &self,
        id: AccountId,
        address: Option<Address>,
    ) -> impl Future<Output = Result<(), Fault>> + Send;

    /// The admin has seen that the account is frozen.
    fn acknowledge(&self, id: AccountId) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Freezes an account: no login anywhere, sessions cut, mail to it still accepted.
    fn freeze(&self, id: AccountId, reason: String) -> impl Future<Output = Result<(), Fault>> + Send;

    /// Gives a frozen account back.
    fn unfreeze(&self, id: AccountId) -> impl Future<Output = Result<(), Fault>> + Send;
}
