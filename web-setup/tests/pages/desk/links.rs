use crate::desk_state::Desk;
use crate::link_rows::{SHARED, shared_file};
use axum::body::Body;
use proto::types::{AccountId, Secret};
use web_setup::{
    AccountLinks, Fault, LinkDesk, LinkDirection, LinkRules, LinkWish, Octets, Peer, Piece, Shared,
};

impl web_setup::LinksRoom for Desk {
    async fn links(&self) -> Result<LinkDesk, Fault> {
        let inner = self.lock();
        let accounts = inner.accounts.iter();
        let unreached = inner
            .link_check
            .as_ref()
            .is_some_and(|check| check.reached == Some(false));
        Ok(LinkDesk {
            rules: inner.link_rules.clone(),
            check: inner.link_check.clone(),
            held_back: (unreached && !inner.link_rules.trusted)
                .then_some("the world does not reach this box"),
            files: 3,
            used: 1_900_000_000,
            budget: 2_000_000_000,
            free: 5_000_000_000,
            accounts: accounts.map(|one| (one.id, one.address.clone(), true)).collect(),
        })
    }

    async fn set_link_rules(&self, rules: LinkRules) -> Result<(), Fault> {
        if rules.part_mb.parse::<u32>().is_err() {
            return Err(Fault::Refused("That is no number of MB.".to_owned()));
        }
        self.change("link rules").link_rules = rules;
        Ok(())
    }

    async fn switch_links(&self, _id: AccountId, direction: LinkDirection, on: bool) -> Result<(), Fault> {
        let mut inner = self.change("link switch");
        match direction {
            LinkDirection::Outgoing => inner.links_off = !on,
            LinkDirection::Incoming => inner.links_incoming = on,
        }
        Ok(())
    }

    async fn check_links(&self) -> Result<(), Fault> {
        drop(self.change("link check"));
        Ok(())
    }

    fn own_answer(&self, question: &str) -> Option<String> {
        (question == "who-am-i").then(|| "it-is-me".to_owned())
    }

    async fn account_links(&self, id: AccountId, before: Option<u64>) -> Result<AccountLinks, Fault> {
        let inner = self.lock();
        let account = inner
            .accounts
            .iter()
            .find(|one| one.id == id)
            .ok_or(Fault::Gone)?;
        Ok(AccountLinks {
            address: account.address.clone(),
            on: !inner.links_off,
            incoming: inner.links_incoming,
            held_back: inner.links_off.then_some("it is a test"),
            rows: match before {
                None => inner.links.clone(),
                Some(_) => Vec::new(),
            },
            older: (before.is_none() && inner.links.len() > 1).then_some(1),
        })
    }

    async fn change_link(&self, _id: AccountId, link: u64, wish: LinkWish) -> Result<(), Fault> {
        if !self.lock().links.iter().any(|row| row.id == link) {
            return Err(Fault::Gone);
        }
        if wish == LinkWish::Extend(0) {
            return Err(Fault::Refused("A link works for 1 to 365 days.".to_owned()));
        }
        self.change("link").link_wishes.push(wish);
        Ok(())
    }

    async fn shared_link(&self, _peer: Peer, token: String, key: Option<String>) -> Result<Shared, Fault> {
        let inner = self.lock();
        Ok(match (inner.shared.get(&token), key.as_deref()) {
            (None, _) => Shared::Nothing,
            (Some(Shared::Locked), Some("key")) => Shared::File(shared_file()),
            (Some(shared), _) => shared.clone(),
        })
    }

    async fn unlock_link(
        &self,
        _peer: Peer,
        token: String,
        password: Secret,
    ) -> Result<Option<String>, Fault> {
        let locked = self.lock().shared.get(&token) == Some(&Shared::Locked);
        Ok((locked && password == Secret::new(b"sesame".to_vec())).then(|| "key".to_owned()))
    }

    async fn read_link(&self, _peer: Peer, _link: u64, piece: Piece) -> Result<Octets, Fault> {
        self.lock().pieces.push(piece);
        let (start, length) = (piece.start as usize, piece.length as usize);
        Ok(Body::from(SHARED[start..start + length].to_vec()))
    }
}
