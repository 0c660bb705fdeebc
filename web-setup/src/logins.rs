//! Logins that came in and logins that failed.

use crate::appliance::Fault;
use proto::types::{AccountId, Mechanism, Protocol, Timestamp};
use std::future::Future;
use std::net::IpAddr;

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

/// A page of failed logins, newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailedLogins {
    /// The rows.
    pub rows: Vec<FailedLogin>,
    /// Ask for what is before this to see older ones; `None` at the end.
    pub older: Option<u64>,
}

/// What the pages ask of this room. See [`crate::Appliance`] for what holds for every method.
pub trait LoginsRoom: Send + Sync {
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

    /// The last `limit` logins of an account and those that failed, newest first.
    fn recent_logins(
        &self,
        id: AccountId,
        limit: usize,
    ) -> impl Future<Output = Result<Vec<RecentLogin>, Fault>> + Send;
}
