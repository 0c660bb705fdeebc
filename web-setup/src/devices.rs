//! What the pages show of an account's device passwords.

use proto::types::Timestamp;

/// An account's device passwords.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Devices {
    /// The main password opens the web only.
    pub web_only: bool,
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
