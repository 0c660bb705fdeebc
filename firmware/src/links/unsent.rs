//! Links in mail that is deleted before it left: nobody has them, and they end with it. Each recipient
//! elsewhere has a message and links of his own, so no other mail needs them; files that others need too stay.

use proto::types::QueueId;
use std::collections::HashMap;
use std::io::Read;
use store::{Link, LinkId, QueueItem, Snapshot, StoreError};

/// Octets of a message that its trace field, the first of all, is looked for in.
const TRACE: u64 = 4096;

/// The links in the messages of these rows of the queue, by row. Goes through all links; blocks.
///
/// # Errors
/// The store failed.
pub fn links_of_queued(
    snapshot: &Snapshot,
    rows: &[QueueId],
) -> Result<HashMap<QueueId, Vec<LinkId>>, StoreError> {
    let mut waiting: HashMap<_, Vec<QueueItem>> = HashMap::new();
    for id in rows {
        if let Some(item) = snapshot.queue_item(*id)?
            && let Some(owner) = item.owner
        {
            let key = (owner, item.to.clone(), item.created);
            waiting.entry(key).or_default().push(item);
        }
    }
    let mut found: HashMap<QueueId, Vec<LinkId>> = HashMap::new();
    if waiting.is_empty() {
        return Ok(found);
    }
    let key = |link: &Link| (link.account, link.recipient.clone(), link.created);
    for link in snapshot.oldest_links(usize::MAX, |link| waiting.contains_key(&key(link)))? {
        // Of what was sent in the same second only this message.
        for item in waiting.get(&key(&link)).into_iter().flatten() {
            if is_named(snapshot, item, &link.message)? {
                found.entry(item.id).or_default().push(link.id);
            }
        }
    }
    Ok(found)
}

// Whether the trace field that we put before the message has our name of it.
fn is_named(snapshot: &Snapshot, item: &QueueItem, name: &str) -> Result<bool, StoreError> {
    let Some(body) = snapshot.body(item.blob)? else {
        return Ok(false);
    };
    let mut start = Vec::new();
    let read = body.take(TRACE).read_to_end(&mut start);
    read.map_err(|error| StoreError::Internal(format!("a queued message cannot be read: {error}")))?;
    let start = String::from_utf8_lossy(&start);
    let mut words = start.split(|c: char| c.is_ascii_whitespace() || c == ';');
    Ok(words.any(|word| word == name))
}
