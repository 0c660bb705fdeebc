//! Making a fresh box a mail server, in one go. The name of the office is written last: it is what
//! opens the doors, and only then everything else is there.

use crate::deliver::people;
use crate::dkim::{self, ring::Ring};
use crate::house::House;
use crate::settings::{self, Admin, Office, Passwords};
use anyhow::{Context, Result, ensure};
use proto::types::Address;
use store::{NewAccount, StoreError};
use tracing::info;

/// What a fresh box has to know.
pub struct Setup {
    /// Its names.
    pub office: Office,
    /// The hash of the admin's password.
    pub admin_hash: String,
    /// The first account: the admin's own address.
    pub account: Address,
    /// The hash of its password.
    pub account_hash: String,
}

/// Sets the box up. Safe to repeat after a plug was pulled in the middle.
///
/// # Errors
/// It is set up already, the address is not the office's, or the store failed.
pub async fn finish(house: &House, setup: Setup) -> Result<()> {
    ensure!(house.office()?.is_none(), "the box is set up already");
    ensure!(
        *setup.account.domain() == setup.office.domain,
        "the first account must be one of @{}",
        setup.office.domain
    );
    ensure_keys(house).await?;
    let admin = Admin {
        password_hash: setup.admin_hash,
    };
    settings::write(&house.store, settings::ADMIN, &admin).await?;
    let account = NewAccount {
        address: setup.account,
        password_hash: setup.account_hash,
        admin: true,
        created: house.clock.now(),
    };
    match house.store.create_account(account).await {
        Ok(_) | Err(StoreError::Exists) => {}
        Err(error) => return Err(error.into()),
    }
    let passwords = Passwords { web_only: true };
    settings::write(&house.store, settings::PASSWORDS, &passwords).await?;
    settings::write(&house.store, settings::OFFICE, &setup.office).await?;
    info!(domain = %setup.office.domain, "the box is set up");
    Ok(())
}

/// Makes the DKIM keys of every domain that has none. Takes seconds for each, on a small board up to a
/// minute. One call after the other.
///
/// # Errors
/// No random numbers, or the store failed.
pub async fn ensure_keys(house: &House) -> Result<()> {
    let _turn = house.key_making.lock().await;
    let names = || -> Result<Vec<String>> {
        let snapshot = house.store.snapshot()?;
        let Some(office) = house.office()? else {
            return Ok(vec![settings::DKIM.to_owned()]);
        };
        let domains = people::domains(&snapshot, &office)?;
        let keys = domains.iter().map(|domain| settings::dkim_of(&office, domain));
        Ok(keys.collect())
    };
    for name in names()? {
        if house.store.snapshot()?.setting(&name)?.is_some() {
            continue;
        }
        let keys = tokio::task::spawn_blocking(|| dkim::generate(1))
            .await?
            .context("cannot make DKIM keys")?;
        let since = house.clock.is_known().then(|| house.clock.now());
        settings::write(&house.store, &name, &Ring::new(keys, since)).await?;
        info!(%name, "signing keys made");
    }
    Ok(())
}
