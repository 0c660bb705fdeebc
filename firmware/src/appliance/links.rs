//! Links to attachments as the pages see them.

use super::{Appliance, fault};
use crate::house::House;
use crate::links::{Checked, Found, Reach, Rules, Wish, WishError, in_megabytes, megabytes};
use proto::types::{AccountId, Secret};
use std::fmt::Write as _;
use std::net::IpAddr;
use store::{Link, LinkId};
use web_setup::Peer;
use web_setup::{
    AccountLinks, Fault, LinkCheck, LinkDesk, LinkDirection, LinkRow, LinkRules, LinkWish, Octets, Piece,
    Shared, SharedFile,
};

pub(super) async fn shared(
    house: &House,
    ip: IpAddr,
    token: &str,
    key: Option<&str>,
) -> Result<Shared, Fault> {
    let found = house.links.find(&house.screen, ip, token, key).await;
    Ok(match found.map_err(fault)? {
        Found::Open(link) => Shared::File(file(house, *link)?),
        Found::Away => Shared::Away,
        Found::Damaged => Shared::Damaged,
        Found::Locked => Shared::Locked,
        Found::Stopped(reason) => Shared::Stopped(reason),
        Found::Nothing => Shared::Nothing,
    })
}

pub(super) async fn unlock(
    house: &House,
    ip: IpAddr,
    token: &str,
    password: &Secret,
) -> Result<Option<String>, Fault> {
    let unlocked = house
        .links
        .unlock(&house.screen, &house.logins, ip, token, password);
    unlocked.await.map_err(fault)
}

pub(super) async fn read(house: &House, ip: IpAddr, link: u64, piece: Piece) -> Result<Octets, Fault> {
    let span = (piece.start, piece.length);
    let octets = house.links.octets(ip, LinkId(link), span).await;
    octets.map_err(|error| {
        tracing::error!(%error, link, "a linked file cannot be read");
        Fault::Internal
    })
}

fn file(house: &House, link: Link) -> Result<SharedFile, Fault> {
    let office = house.office().map_err(fault)?;
    Ok(SharedFile {
        link: link.id.0,
        office: office.map_or_else(String::new, |office| office.domain.to_string()),
        name: link.name,
        media_type: link.media_type,
        size: link.size,
        sha256: hex(&link.sha256),
        until: link.expires,
    })
}

pub(super) fn hex(octets: &[u8]) -> String {
    octets.iter().fold(String::new(), |mut text, octet| {
        let _ = write!(text, "{octet:02x}"); // writing to a String cannot fail
        text
    })
}

pub(super) async fn desk(house: &House, port: u16) -> Result<LinkDesk, Fault> {
    let rules = house.links.rules().map_err(fault)?;
    let room = house.links.room().map_err(fault)?;
    let accounts = house.store.snapshot().and_then(|snapshot| snapshot.accounts());
    let accounts = accounts.map_err(fault)?.into_iter().map(|account| {
        let on = rules.on && rules.is_for(account.id);
        (account.id, account.address, on)
    });
    Ok(LinkDesk {
        accounts: accounts.collect(),
        check: house.links.checked().map_err(fault)?.map(check_row),
        files: room.files,
        used: room.used,
        budget: room.budget,
        free: house.links.folder().await.free,
        held_back: match rules.on {
            true => house.links.held_back().await.map_err(fault)?,
            false => None,
        },
        rules: LinkRules {
            on: rules.on,
            trusted: rules.trusted,
            part_mb: in_megabytes(rules.part),
            message_mb: in_megabytes(rules.message),
            days: rules.days.to_string(),
            budget_mb: in_megabytes(rules.budget),
            exempt: rules.exempt.join("\n"),
            address: match rules.address {
                Some(address) => address,
                // What it most likely is.
                None => likely(house, port)?,
            },
        },
    })
}

fn likely(house: &House, port: u16) -> Result<String, Fault> {
    let office = house.office().map_err(fault)?;
    Ok(office.map_or_else(String::new, |office| {
        format!("https://{}:{port}", office.hostname)
    }))
}

pub(super) async fn set(house: &House, typed: LinkRules) -> Result<(), Fault> {
    let octets = |typed: &str| megabytes(typed).map_err(Fault::Refused);
    let (part, message) = (octets(&typed.part_mb)?, octets(&typed.message_mb)?);
    let budget = octets(&typed.budget_mb)?;
    let days = typed.days.trim().parse();
    let days = days.map_err(|_| Fault::Refused("Write the days as a number.".to_owned()))?;
    let exempt: Vec<String> = typed.exempt.lines().map(str::to_owned).collect();
    let edit = |rules: &mut Rules| {
        *rules = Rules {
            on: typed.on,
            address: Some(typed.address.clone()),
            trusted: typed.trusted,
            part,
            message,
            days,
            budget,
            exempt: exempt.clone(),
            // They are switched one by one.
            accounts: std::mem::take(&mut rules.accounts),
            incoming: std::mem::take(&mut rules.incoming),
        };
    };
    house.links.change_rules(edit).await.map_err(refused)?;
    house.links.check(&house.dns).await.map(drop).map_err(fault)
}

async fn check(house: &House) -> Result<(), Fault> {
    match house.links.check(&house.dns).await.map_err(fault)? {
        Some(_) => Ok(()),
        None => Err(Fault::Refused(
            "Say first at which address the world reaches this box.".to_owned(),
        )),
    }
}

pub(super) async fn switch(
    house: &House,
    account: AccountId,
    direction: LinkDirection,
    on: bool,
) -> Result<(), Fault> {
    let edit = |rules: &mut Rules| match direction {
        LinkDirection::Outgoing => drop(rules.accounts.insert(account, on)),
        LinkDirection::Incoming if on => drop(rules.incoming.insert(account)),
        LinkDirection::Incoming => drop(rules.incoming.remove(&account)),
    };
    house.links.change_rules(edit).await.map(drop).map_err(refused)
}

pub(super) async fn of_account(
    house: &House,
    id: AccountId,
    before: Option<u64>,
) -> Result<AccountLinks, Fault> {
    let account = house.store.snapshot().and_then(|snapshot| snapshot.account(id));
    let account = account.map_err(fault)?.ok_or(Fault::Gone)?;
    let (links, older) = house.links.list(Some(id), before.map(LinkId)).map_err(fault)?;
    let rules = house.links.rules().map_err(fault)?;
    Ok(AccountLinks {
        address: account.address,
        on: rules.is_for(id),
        held_back: house.links.held_back().await.map_err(fault)?,
        incoming: rules.incoming.contains(&id),
        rows: links.into_iter().map(|link| row(house, link)).collect(),
        older: older.map(|id| id.0),
    })
}

pub(super) async fn change(
    house: &House,
    account: AccountId,
    link: u64,
    wish: LinkWish,
    by: &str,
) -> Result<(), Fault> {
    let wish = match wish {
        LinkWish::Extend(days) => Wish::Extend(days),
        LinkWish::Revoke => Wish::Revoke,
        LinkWish::Password(password) => Wish::Password(password),
    };
    let changed = house.links.change(LinkId(link), Some(account), wish, by).await;
    changed.map(drop).map_err(refused)
}

fn refused(error: WishError) -> Fault {
    match error {
        WishError::Refused(words) => Fault::Refused(words),
        WishError::Gone => Fault::Gone,
        WishError::Store(error) => fault(error),
    }
}

fn check_row(checked: Checked) -> LinkCheck {
    LinkCheck {
        reached: match checked.reach {
            Reach::Yes => Some(true),
            Reach::No => Some(false),
            Reach::Unknown => None,
        },
        words: checked.words,
        at: checked.at,
    }
}

fn row(house: &House, link: Link) -> LinkRow {
    LinkRow {
        id: link.id.0,
        state: house.links.state_of(&link),
        name: link.name,
        size: link.size,
        recipient: link.recipient,
        created: link.created,
        expires: link.expires,
        locked: link.password_hash.is_some(),
        downloads: link.downloads,
        last_download: link.last_download,
    }
}

impl web_setup::LinksRoom for Appliance {
    async fn links(&self) -> Result<LinkDesk, Fault> {
        desk(self.house(), self.inner.ports.links).await
    }

    async fn set_link_rules(&self, rules: LinkRules) -> Result<(), Fault> {
        set(self.house(), rules).await
    }

    async fn switch_links(&self, id: AccountId, direction: LinkDirection, on: bool) -> Result<(), Fault> {
        switch(self.house(), id, direction, on).await
    }

    async fn check_links(&self) -> Result<(), Fault> {
        check(self.house()).await
    }

    fn own_answer(&self, question: &str) -> Option<String> {
        self.house().links.answer(question)
    }

    async fn account_links(&self, id: AccountId, before: Option<u64>) -> Result<AccountLinks, Fault> {
        of_account(self.house(), id, before).await
    }

    async fn change_link(&self, id: AccountId, link: u64, wish: LinkWish) -> Result<(), Fault> {
        change(self.house(), id, link, wish, &self.by()?).await
    }

    async fn shared_link(&self, peer: Peer, token: String, key: Option<String>) -> Result<Shared, Fault> {
        shared(self.house(), peer.0, &token, key.as_deref()).await
    }

    async fn unlock_link(
        &self,
        peer: Peer,
        token: String,
        password: Secret,
    ) -> Result<Option<String>, Fault> {
        unlock(self.house(), peer.0, &token, &password).await
    }

    async fn read_link(&self, peer: Peer, link: u64, piece: Piece) -> Result<Octets, Fault> {
        read(self.house(), peer.0, link, piece).await
    }
}
