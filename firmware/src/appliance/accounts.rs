//! The office's accounts.

use super::shown::seen;
use super::{Appliance, fault, hashed};
use crate::guard;
use crate::house::House;
use proto::types::{AccountId, Address, Secret};
use store::{NewAccount, StoreError};
use web_setup::{Account, Fault, Pass};

impl web_setup::AccountsRoom for Appliance {
    async fn accounts(&self) -> Result<Vec<Account>, Fault> {
        let accounts = self
            .house()
            .store
            .snapshot()
            .map_err(fault)?
            .accounts()
            .map_err(fault)?;
        let now = self.house().clock.now();
        let mut accounts: Vec<Account> = accounts.into_iter().map(|account| seen(account, now)).collect();
        accounts.sort_by_key(|account| account.address.key());
        Ok(accounts)
    }

    async fn send_test(&self, id: AccountId) -> Result<(), Fault> {
        let House { store, clock, .. } = self.house();
        let account = store
            .snapshot()
            .map_err(fault)?
            .account(id)
            .map_err(fault)?
            .ok_or(Fault::Gone)?;
        let office = self.house().office().map_err(fault)?.ok_or(Fault::Internal)?;
        let delivery = super::test_mail::to(id, &account.address, &office, clock.now());
        store.deliver(vec![delivery]).await.map_err(fault)?;
        Ok(())
    }

    async fn create_account(
        &self,
        address: Address,
        password: Secret,
        admin: bool,
    ) -> Result<AccountId, Fault> {
        let password_hash = hashed(password.clone()).await?;
        let created = self.house().clock.now();
        let account = NewAccount {
            address,
            password_hash,
            admin,
            created,
        };
        let id = match self.house().store.create_account(account).await {
            Err(StoreError::Exists) => {
                return Err(Fault::Refused(
                    "There is an account or an alias of that name already.".to_owned(),
                ));
            }
            made => made.map_err(fault)?,
        };
        self.house().devices.learn_main(id, &password).await;
        Ok(id)
    }

    async fn set_account_password(&self, id: AccountId, password: Secret) -> Result<Pass, Fault> {
        let hash = hashed(password.clone()).await?;
        guard::change_password(self.house(), id, hash, &password)
            .await
            .map_err(fault)?;
        let account = self
            .house()
            .store
            .snapshot()
            .and_then(|snapshot| snapshot.account(id));
        let account = account.map_err(fault)?.ok_or(Fault::Gone)?;
        self.persons_pass(&account)
    }
}
