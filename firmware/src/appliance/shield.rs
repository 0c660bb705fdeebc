//! The shield as its page sees it.

use super::fault;
use crate::deliver::people;
use crate::guard::shield::Shield;
use crate::house::House;
use proto::types::Domain;
use web_setup::{Fault, ShieldRow};

pub(super) fn rows(house: &House) -> Result<Vec<ShieldRow>, Fault> {
    let Some(office) = house.office().map_err(fault)? else {
        return Ok(Vec::new());
    };
    let snapshot = house.store.snapshot().map_err(fault)?;
    let shield = Shield::read(&snapshot).map_err(fault)?;
    let domains = people::domains(&snapshot, &office).map_err(fault)?;
    let rows = shield.rows(&domains).into_iter().map(|row| ShieldRow {
        domain: row.domain.to_string(),
        networks: row.places.iter().map(ToString::to_string).collect(),
        default: row.default,
    });
    Ok(rows.collect())
}

pub(super) async fn set(house: &House, domain: &str, networks: &str) -> Result<(), Fault> {
    let domain = parse(domain)?;
    house.guard.shield(domain, networks).await.map_err(Fault::Refused)
}

pub(super) async fn remove(house: &House, domain: &str) -> Result<(), Fault> {
    let domain = parse(domain)?;
    house.guard.unshield(&domain).await.map_err(|_| Fault::Gone)
}

fn parse(domain: &str) -> Result<Domain, Fault> {
    let domain = Domain::parse(domain.trim());
    domain.map_err(|_| Fault::Refused("That is no domain, such as example.com.".to_owned()))
}
