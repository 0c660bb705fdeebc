//! A person is told when somebody comes in with the password from where that person never was.

use super::allowance::household;
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
    let network = Acquaintance::Network(household(ip).to_string());
    Ok(house.store.snapshot()?.met(account.id, &network)?.is_none())
}
