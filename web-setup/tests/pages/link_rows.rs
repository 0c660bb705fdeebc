//! Links to test with.

use proto::types::{Address, Timestamp};
use web_setup::{LinkRow, LinkState, SharedFile};

/// What a link leads to.
pub const SHARED: &[u8] = b"0123456789";

pub fn shared_file() -> SharedFile {
    SharedFile {
        link: 1,
        office: "example.com".to_owned(),
        name: "Pl\u{e4}ne <1>.pdf".to_owned(),
        media_type: "application/pdf".to_owned(),
        size: SHARED.len() as u64,
        sha256: "ab".repeat(32),
        until: Timestamp(1_798_070_400),
    }
}

pub fn link_row(id: u64, state: LinkState) -> LinkRow {
    LinkRow {
        id,
        name: "<b>.pdf".to_owned(),
        size: 6_000_000,
        recipient: Address::parse("x@example.net").unwrap(),
        created: Timestamp(1_764_000_000),
        expires: Timestamp(1_766_000_000),
        state,
        locked: false,
        downloads: 2,
        last_download: Some(Timestamp(1_764_100_000)),
    }
}
