use crate::desk_state::{Desk, choice};
use proto::types::{AccountId, Address, Timestamp};
use web_setup::{AccountState, Choice, Fault, Left, Watch};

impl web_setup::GuardRoom for Desk {
    async fn watch(&self, _: AccountId) -> Result<Watch, Fault> {
        let inner = self.lock();
        Ok(Watch {
            held: inner.held,
            left: vec![Left {
                at: Timestamp(1_764_000_000),
                to: Address::parse("victim@example.net").unwrap(),
                host: "<mx.example.net>".to_owned(),
            }],
            choice: choice(),
            outside: inner.outside.clone(),
            ..Watch::default()
        })
    }

    async fn limits(&self) -> Result<Choice, Fault> {
        Ok(choice())
    }

    async fn set_limits(&self, _: Option<AccountId>, changes: Vec<(String, String)>) -> Result<(), Fault> {
        if changes.iter().any(|(_, value)| value == "0") {
            return Err(Fault::Refused("new_messages is a number from 1".to_owned()));
        }
        self.change("limits").limits.push(changes);
        Ok(())
    }

    async fn release_held(&self, _: AccountId) -> Result<u64, Fault> {
        Ok(std::mem::take(&mut self.change("release").held))
    }

    async fn discard_held(&self, _: AccountId) -> Result<u64, Fault> {
        Ok(std::mem::take(&mut self.change("discard").held))
    }

    async fn set_outside(&self, _: AccountId, address: Option<Address>) -> Result<(), Fault> {
        if address
            .as_ref()
            .is_some_and(|a| a.domain().as_str() == "firm.example")
        {
            return Err(Fault::Refused("inside the box".to_owned()));
        }
        self.change("notices").outside = address;
        Ok(())
    }

    async fn acknowledge(&self, _: AccountId) -> Result<(), Fault> {
        drop(self.change("acknowledge"));
        Ok(())
    }

    async fn freeze(&self, id: AccountId, reason: String) -> Result<(), Fault> {
        let mut inner = self.change("freeze");
        let account = inner
            .accounts
            .iter_mut()
            .find(|a| a.id == id)
            .ok_or(Fault::Gone)?;
        account.state = AccountState::Frozen {
            since: Timestamp(1_764_000_000),
            reason,
        };
        Ok(())
    }

    async fn unfreeze(&self, id: AccountId) -> Result<(), Fault> {
        let mut inner = self.change("unfreeze");
        let account = inner
            .accounts
            .iter_mut()
            .find(|a| a.id == id)
            .ok_or(Fault::Gone)?;
        account.state = AccountState::Active;
        Ok(())
    }
}
