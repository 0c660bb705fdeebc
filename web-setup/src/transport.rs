//! How mail to other domains is protected on its way, as its page shows it.

use crate::appliance::Fault;
use proto::types::Timestamp;
use std::future::Future;

/// What is known about it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Transport {
    /// Whether signatures of names are to be checked (DNSSEC).
    pub checked: bool,
    /// What became of that.
    pub words: &'static str,
    /// What other domains demand (MTA-STS), by domain.
    pub policies: Vec<PolicyRow>,
}

/// A policy of another domain. All but the dates comes from strangers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyRow {
    /// Whose.
    pub domain: String,
    /// `enforce`, `testing` or `none`.
    pub mode: &'static str,
    /// The mail hosts it names.
    pub hosts: Vec<String>,
    /// When it is over, if it is not renewed.
    pub until: Timestamp,
}

/// What the pages ask of this room. See [`crate::Appliance`] for what holds for every method.
pub trait TransportRoom: Send + Sync {
    /// What is known.
    fn transport(&self) -> impl Future<Output = Result<Transport, Fault>> + Send;

    /// Checks signatures of names from now on, or not.
    fn check_signatures(&self, check: bool) -> impl Future<Output = Result<(), Fault>> + Send;
}
