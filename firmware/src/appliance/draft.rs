//! What the wizard was told so far. Nothing of it counts until the setup is finished, so every
//! answer can still be changed.

use crate::settings::Office;
use serde::{Deserialize, Serialize};

/// The answers, as they stand in the setting `setup`.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Draft {
    /// PHC string of the admin's password.
    pub(super) admin_hash: Option<String>,
    /// The names.
    pub(super) office: Option<Office>,
    /// The first account.
    pub(super) account: Option<FirstAccount>,
}

/// The account that the box begins with.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct FirstAccount {
    /// What stands before the `@`; the domain may still change.
    pub(super) local: String,
    /// PHC string.
    pub(super) password_hash: String,
}
