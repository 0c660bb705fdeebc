use crate::desk_state::{Desk, account};
use proto::types::{AccountId, Address, Secret};
use web_setup::{Account, Fault, Pass};

impl web_setup::AccountsRoom for Desk {
    async fn accounts(&self) -> Result<Vec<Account>, Fault> {
        Ok(self.lock().accounts.clone())
    }

    async fn send_test(&self, _: AccountId) -> Result<(), Fault> {
        drop(self.change("test message"));
        Ok(())
    }

    async fn create_account(
        &self,
        address: Address,
        password: Secret,
        admin: bool,
    ) -> Result<AccountId, Fault> {
        if self.lock().accounts.iter().any(|a| a.address == address) {
            return Err(Fault::Refused("There is such an account already.".to_owned()));
        }
        let mut inner = self.change("create account");
        let id = inner.accounts.len() as u64 + 1;
        inner.passwords.push((address.to_string(), password));
        inner.accounts.push(Account {
            admin,
            ..account(id, &address.to_string())
        });
        Ok(AccountId(id))
    }

    async fn set_account_password(&self, id: AccountId, password: Secret) -> Result<Pass, Fault> {
        let mut inner = self.change("account password");
        inner.passwords.push((id.to_string(), password));
        inner.accounts.iter().find(|a| a.id == id).ok_or(Fault::Gone)?;
        Ok(inner.pass_of(Some(id)))
    }
}
