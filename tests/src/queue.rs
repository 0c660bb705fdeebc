//! Mail put straight into the queue of a folder, where a test is about the way out only.

use anyhow::Result;
use proto::types::{AccountId, Address, RecipientWishes, Timestamp, Wishes};
use store::{Body, Delivery, Outgoing, Store};

/// A message of ours on its way to these recipients, due at `at`.
///
/// # Errors
/// That is no address.
pub fn outgoing(
    owner: Option<AccountId>,
    from: &str,
    to: &[&str],
    message: &[u8],
    at: Timestamp,
) -> Result<Delivery> {
    let row = |to: &&str| -> Result<Outgoing> {
        Ok(Outgoing {
            owner,
            from: Some(Address::parse(from)?),
            to: Address::parse(to)?,
            next_attempt: at,
            wishes: Wishes::default(),
            asked: RecipientWishes::default(),
        })
    };
    Ok(Delivery {
        structure: proto::message::scan::structure(message),
        body: Body::from_bytes(message.to_vec()),
        copies: Vec::new(),
        outgoing: to.iter().map(row).collect::<Result<_>>()?,
        received_at: at,
    })
}

/// How many rows wait.
///
/// # Errors
/// The store failed.
pub fn len(store: &Store) -> Result<u64> {
    Ok(store.snapshot()?.queue_len()?)
}
