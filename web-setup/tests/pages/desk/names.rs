use crate::desk_state::Desk;
use proto::types::Address;
use web_setup::{Account, AliasRow, AliasWish, Appliance as _, DomainRow, DomainWish, Fault, Names};

impl web_setup::NamesRoom for Desk {
    async fn names(&self) -> Result<Names, Fault> {
        let mut names = self.lock().names.clone();
        let main = self.lock().progress.office.clone().unwrap().domain;
        let dkim = self.dkim().await?;
        names.domains.insert(
            0,
            DomainRow {
                domain: main,
                main: true,
                same_names: false,
                catch_all: None,
                dkim,
            },
        );
        Ok(names)
    }

    async fn add_domain(&self, domain: String, same_names: bool) -> Result<(), Fault> {
        let Ok(parsed) = proto::types::Domain::parse(&domain) else {
            return Err(Fault::Refused(
                "That is no domain, such as example.com.".to_owned(),
            ));
        };
        let dkim = self.dkim().await?;
        self.change("domain").names.domains.push(DomainRow {
            domain: parsed,
            main: false,
            same_names,
            catch_all: None,
            dkim,
        });
        Ok(())
    }

    async fn set_domain(&self, wish: DomainWish) -> Result<(), Fault> {
        let mut inner = self.change("domain rules");
        let row = inner
            .names
            .domains
            .iter_mut()
            .find(|row| row.domain.as_str() == wish.domain);
        if let Some(row) = row {
            row.same_names = wish.same_names;
            row.catch_all = Address::parse(&wish.catch_all).ok();
        }
        Ok(())
    }

    async fn remove_domain(&self, domain: String) -> Result<(), Fault> {
        let mut inner = self.lock();
        let ends = |account: &Account| account.address.domain().as_str() == domain;
        if inner.accounts.iter().any(ends) {
            return Err(Fault::Refused("There are accounts in this domain.".to_owned()));
        }
        inner.changes.push("no domain");
        inner.names.domains.retain(|row| row.domain.as_str() != domain);
        Ok(())
    }

    async fn put_alias(&self, wish: AliasWish) -> Result<(), Fault> {
        let parsed = Address::parse(&wish.address);
        let parsed = parsed.map_err(|error| Fault::Refused(format!("{error}.")))?;
        self.change("alias").names.aliases.push(AliasRow {
            address: parsed,
            targets: vec![Address::parse(&wish.targets).unwrap()],
            send_as: wish.send_as,
        });
        Ok(())
    }

    async fn remove_alias(&self, address: String) -> Result<(), Fault> {
        let mut inner = self.change("no alias");
        inner
            .names
            .aliases
            .retain(|alias| alias.address.to_string() != address);
        Ok(())
    }

    async fn set_plus(&self, separator: String) -> Result<(), Fault> {
        self.change("plus").names.separator = separator;
        Ok(())
    }
}
