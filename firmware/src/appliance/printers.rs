//! Printers and scanners as their page sees them.

use super::{Appliance, fault};
use crate::deliver::people;
use crate::guard::printers;
use crate::house::House;
use proto::types::{AccountId, Address};
use store::Terms;
use web_setup::{Fault, Printer, PrinterDeed, PrinterTerms, PrinterWish, Printers, Tried};

pub(super) async fn all(house: &House) -> Result<Printers, Fault> {
    house.ledger.flush().await;
    let snapshot = house.store.snapshot().map_err(fault)?;
    let domains = match house.office().map_err(fault)? {
        Some(office) => people::domains(&snapshot, &office).map_err(fault)?,
        None => Vec::new(),
    };
    let (mut held, now) = (snapshot.held().map_err(fault)?, house.clock.now());
    let list = snapshot.printers().map_err(fault)?.into_iter();
    let list = list.filter_map(|account| {
        let state = printers::state(&account, now);
        let until = account.state.limited_until(now);
        let printer = account.printer?;
        Some(Printer {
            id: account.id,
            name: printer.terms.name,
            ip: printer.ip,
            from: account.address,
            limit: printer.terms.limit,
            here_only: printer.terms.here_only,
            state,
            until,
            sent: printer.sent,
            used: printer.used,
            held: held.remove(&account.id).unwrap_or_default(),
        })
    });
    let tried = printers::tried(&snapshot).map_err(fault)?.into_iter();
    let tried = tried.map(|tried| Tried {
        ip: tried.ip,
        fits: tried
            .from
            .as_ref()
            .is_some_and(|from| domains.contains(from.domain())),
        from: tried.from,
        others: tried.others,
        to: tried.to,
        count: tried.count,
        first: tried.first,
        last: tried.last,
    });
    Ok(Printers {
        list: list.collect(),
        tried: tried.collect(),
        domain: domains.first().map(ToString::to_string).unwrap_or_default(),
    })
}

pub(super) async fn allow(house: &House, wish: PrinterWish, by: &str) -> Result<(), Fault> {
    let ip = wish.ip.trim().parse();
    let ip = ip.map_err(|_| Fault::Refused("That is no address such as 192.168.1.50.".to_owned()))?;
    let from = Address::parse(wish.from.trim());
    let from = from.map_err(|error| Fault::Refused(format!("Its sender: {error}.")))?;
    let terms = Terms {
        name: wish.name,
        limit: wish.limit.unwrap_or(printers::LIMIT),
        here_only: wish.here_only,
    };
    let allowed = printers::allow(house, ip, from, terms, by).await;
    allowed.map(drop).map_err(fault)
}

pub(super) async fn act(house: &House, id: AccountId, deed: PrinterDeed, by: &str) -> Result<(), Fault> {
    let snapshot = house.store.snapshot().map_err(fault)?;
    printers::find(&snapshot, id).map_err(fault)?;
    drop(snapshot);
    match deed {
        PrinterDeed::Pause => printers::pause(house, id, by).await,
        PrinterDeed::Resume => printers::resume(house, id, by).await,
        PrinterDeed::Release => house.guard.release(id, by.to_owned()).await.map(drop),
        PrinterDeed::Discard => house.guard.discard(id, by.to_owned()).await.map(drop),
        PrinterDeed::Remove => printers::remove(house, id, by).await,
    }
    .map_err(fault)
}

pub(super) async fn set(house: &House, id: AccountId, terms: PrinterTerms, by: &str) -> Result<(), Fault> {
    let terms = Terms {
        name: terms.name,
        limit: terms.limit,
        here_only: terms.here_only,
    };
    printers::set(house, id, terms, by).await.map_err(fault)
}

impl web_setup::PrintersRoom for Appliance {
    async fn printers(&self) -> Result<web_setup::Printers, Fault> {
        all(self.house()).await
    }

    async fn allow_printer(&self, wish: web_setup::PrinterWish) -> Result<(), Fault> {
        allow(self.house(), wish, &self.by()?).await
    }

    async fn set_printer(&self, id: AccountId, terms: PrinterTerms) -> Result<(), Fault> {
        set(self.house(), id, terms, &self.by()?).await
    }

    async fn act_on_printer(&self, id: AccountId, deed: web_setup::PrinterDeed) -> Result<(), Fault> {
        act(self.house(), id, deed, &self.by()?).await
    }
}
