//! Links to attachments as the pages see them.

use super::fault;
use crate::house::House;
use crate::links::Found;
use proto::types::Secret;
use std::fmt::Write as _;
use std::net::IpAddr;
use store::{Link, LinkId};
use web_setup::{Fault, Octets, Piece, Shared, SharedFile};

pub(super) async fn shared(
    house: &House,
    ip: IpAddr,
    token: &str,
    key: Option<&str>,
) -> Result<Shared, Fault> {
    let found = house.links.find(&house.screen, ip, token, key).await;
    Ok(match found.map_err(fault)? {
        Found::Open(link) => Shared::File(file(house, *link)?),
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
    let octets = house.links.octets(ip, LinkId(link), span, piece.counts).await;
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
