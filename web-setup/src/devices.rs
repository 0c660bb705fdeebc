//! What the pages show of an account's device passwords.

use crate::appliance::Fault;
use proto::types::{AccountId, Secret, Timestamp};
use std::future::Future;

/// An account's device passwords.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Devices {
    /// The main password opens the web only.
    pub web_only: bool,
    /// What an admin decided for this account; `None`: it is as the office says.
    pub decided: Option<bool>,
    /// Oldest first.
    pub list: Vec<Device>,
}

/// One phone or PC.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device {
    /// Names it in forms.
    pub id: u32,
    /// What its owner calls it.
    pub name: String,
    /// When its password was made.
    pub created: Timestamp,
    /// When its password was used last, to the hour, and from which network.
    pub used: Option<(Timestamp, String)>,
}

/// What the pages ask of this room. See [`crate::Appliance`] for what holds for every method.
pub trait DevicesRoom: Send + Sync {
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

    /// Whether the main password opens the web only, or mail programs too; `None`: as the office says.
    fn set_web_only(
        &self,
        id: AccountId,
        decided: Option<bool>,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
}
