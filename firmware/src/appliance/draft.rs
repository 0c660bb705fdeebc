//! What the wizard was told so far. Nothing of it counts until the setup is finished, so every
//! answer can still be changed.

use super::{Appliance, fault};
use crate::settings::{self, Office};
use serde::{Deserialize, Serialize};
use web_setup::Fault;

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

impl Appliance {
    /// As it stands; empty before the first answer.
    pub(super) fn draft(&self) -> Result<Draft, Fault> {
        let snapshot = self.house().store.snapshot().map_err(fault)?;
        Ok(settings::read(&snapshot, settings::SETUP)
            .map_err(fault)?
            .unwrap_or_default())
    }

    /// Changes it, unless the setup is finished.
    pub(super) async fn change_draft(&self, change: impl FnOnce(&mut Draft) + Send) -> Result<(), Fault> {
        let _turn = self.inner.drafting.lock().await;
        if self.house().office().map_err(fault)?.is_some() {
            return Err(Fault::Refused("The setup is finished already.".to_owned()));
        }
        let mut draft = self.draft()?;
        change(&mut draft);
        settings::write(&self.house().store, settings::SETUP, &draft)
            .await
            .map_err(fault)
    }
}
