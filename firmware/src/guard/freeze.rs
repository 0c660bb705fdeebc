//! What a session notices of its account: mail that came, a new password, a freeze.

use super::login::shut;
use super::sessions::Sessions;
use crate::house::House;
use proto::refusal::Refusal;
use proto::types::{AccountId, Secret};
use store::{Change, Store, StoreError};
use tokio::sync::broadcast::error::RecvError;
use tracing::{error, info};

/// Changes an account's password ; its sessions, opened with the old one, end.
///
/// # Errors
/// `NotFound`: no such account.
pub async fn change_password(
    house: &House,
    account: AccountId,
    hash: String,
    password: &Secret,
) -> Result<(), StoreError> {
    house.store.set_password(account, hash).await?;
    info!(%account, "password changed");
    house.sessions.cut(account, &Refusal::BadCredentials);
    house.devices.learn_main(account, password).await;
    Ok(())
}

/// Carries the store's news to the sessions: rings where mail came, ends the sessions of accounts
/// that may no longer come in. Runs as long as the box.
pub async fn watch_accounts(store: Store, sessions: Sessions) {
    let mut changes = store.subscribe();
    loop {
        match changes.recv().await {
            Ok(Change::Mailbox { mailbox, .. }) => sessions.ring(mailbox),
            Ok(Change::Account(account)) => judge(&store, &sessions, account),
            Ok(_) => {}
            Err(RecvError::Lagged(_)) => {
                sessions.ring_all();
                for account in sessions.accounts() {
                    judge(&store, &sessions, account);
                }
            }
            Err(RecvError::Closed) => return,
        }
    }
}

fn judge(store: &Store, sessions: &Sessions, account: AccountId) {
    let found = store.snapshot().and_then(|snapshot| snapshot.account(account));
    match found {
        Ok(Some(found)) => {
            if let Some((_, refusal)) = shut(&found.state) {
                sessions.cut(account, &refusal);
            }
        }
        Ok(None) => sessions.cut(account, &Refusal::Disabled),
        Err(error) => error!(%account, %error, "cannot see whether an account is shut"),
    }
}
