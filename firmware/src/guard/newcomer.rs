//! A person is told when somebody comes in with the password from where that person never was.

use super::Network;
use crate::house::House;
use crate::notify::{self, Letter};
use proto::message::date;
use proto::types::Protocol;
use std::net::IpAddr;
use std::sync::Arc;
use store::{Account, Acquaintance, StoreError};
use tracing::error;

/// Tells the account's owner of a login from `ip`, if the account never met that network. To be
/// called before the network is met.
pub fn tell(house: &Arc<House>, account: &Account, ip: IpAddr, protocol: Protocol) {
    match is_new(house, account, ip) {
        Ok(false) => return,
        Ok(true) => {}
        Err(error) => return error!(%error, "cannot see whether a network is new"),
    }
    let (house, account) = (Arc::clone(house), account.clone());
    tokio::spawn(async move {
        let text = format!(
            "Somebody logged in to {} from a network where it was never used before:\n\n\
             {}  {ip}  {protocol}\n\n\
             If that was you, all is well, and you will not hear of this network again.\n\
             If not, change the password now and tell your administrator.\n",
            account.address,
            date::format(house.clock.now()),
        );
        let letter = Letter {
            subject: "A login from a new network",
            text: &text,
            reply_to: None,
        };
        let told = notify::to_account(&house, (account.id, &account.address), &letter);
        if let Err(error) = told.await {
            error!(account = %account.id, %error, "nobody was told of a new network");
        }
    });
}

fn is_new(house: &House, account: &Account, ip: IpAddr) -> Result<bool, StoreError> {
    // Several connections of one mail program come at the same moment.
    if house.screen.is_home(ip) || !house.screen.is_first(account.id, ip) {
        return Ok(false);
    }
    let network = Acquaintance::Network(Network::household(ip).to_string());
    Ok(house.store.snapshot()?.met(account.id, &network)?.is_none())
}

#[cfg(test)]
mod tests {
    use crate::trial::{PASSWORD, Trial};
    use std::time::Duration;

    async fn letters(trial: &Trial) -> usize {
        let snapshot = trial.house.store.snapshot().unwrap();
        let inbox = snapshot.mailbox(trial.anna, "INBOX").unwrap().unwrap();
        snapshot.open(inbox.id).unwrap().uids.len()
    }

    async fn log_in(trial: &Trial) {
        let (mut caller, _driven) = trial.imap();
        caller.line().await;
        caller.say(&format!("a1 LOGIN anna \"{PASSWORD}\"\r\n")).await;
        assert!(caller.line().await.starts_with("a1 OK"));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_login_from_a_new_network_is_told_once() {
        let trial = Trial::new().await;
        for _ in 0..3 {
            log_in(&trial).await;
        }
        for _ in 0..100 {
            if letters(&trial).await > 0 {
                break;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        assert_eq!(letters(&trial).await, 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_network_that_the_account_met_before_the_start_is_not_new() {
        let trial = Trial::new().await;
        let met = vec![store::Acquaintance::Network("192.0.2.0/24".to_owned())];
        let now = trial.house.clock.now();
        trial.house.store.meet(trial.anna, met, now).await.unwrap();
        log_in(&trial).await;
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(letters(&trial).await, 0);
    }
}
