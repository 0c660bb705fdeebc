//! What the judges of inbound mail remember.

use super::Snapshot;
use crate::rows::from_json;
use crate::schema::{
    BLOBS, GREYLIST, LEARNT, LEARNT_HAM, LEARNT_SPAM, LEARNT_VERSION, META, SENDERS, TOKENS,
};
use crate::write::grey_holds;
use crate::{BayesState, GreyRow, GreyState, SenderEntry, StoreError, TokenCount};
use proto::types::{BlobId, Timestamp};
use redb::{ReadableTable, ReadableTableMetadata};
use std::collections::HashMap;
use std::hash::BuildHasher;

#[allow(clippy::missing_errors_doc)] // said at `Snapshot`
impl Snapshot {
    /// How often each token was seen that ever was: all of them, into memory.
    pub fn learnt_tokens<S: BuildHasher + Default>(&self) -> Result<HashMap<u64, TokenCount, S>, StoreError> {
        let table = self.transaction.open_table(TOKENS)?;
        let count = usize::try_from(table.len()?).unwrap_or(0);
        let mut tokens = HashMap::with_capacity_and_hasher(count, S::default());
        for row in table.iter()? {
            let (token, counts) = row?;
            let (spam, ham, _) = counts.value();
            tokens.insert(token.value(), TokenCount { spam, ham });
        }
        Ok(tokens)
    }

    /// How much was learnt.
    pub fn bayes(&self) -> Result<BayesState, StoreError> {
        let meta = self.transaction.open_table(META)?;
        let number = |key| Ok::<_, StoreError>(meta.get(key)?.map_or(0, |count| count.value()));
        Ok(BayesState {
            spam: number(LEARNT_SPAM)?,
            ham: number(LEARNT_HAM)?,
            tokens: self.transaction.open_table(TOKENS)?.len()?,
            version: number(LEARNT_VERSION)?,
        })
    }

    /// As what a message was learnt: spam, or not.
    pub fn learnt(&self, message: &[u8; 32]) -> Result<Option<bool>, StoreError> {
        let row = self.transaction.open_table(LEARNT)?.get(message)?;
        Ok(row.map(|row| row.value().0))
    }

    /// BLAKE3 of a body.
    pub fn body_hash(&self, blob: BlobId) -> Result<Option<[u8; 32]>, StoreError> {
        let row = self.transaction.open_table(BLOBS)?.get(blob.0)?;
        Ok(row.map(|row| *row.value().3))
    }

    /// Whether somebody on the greylist was let in before.
    pub fn was_let_in(&self, key: &str, at: Timestamp) -> Result<bool, StoreError> {
        let row = self.transaction.open_table(GREYLIST)?.get(key)?;
        let row = row.map(|row| row.value());
        Ok(row.is_some_and(|row| row.2 && grey_holds(row, at)))
    }

    /// The greylist, with the newest of those that wait.
    pub fn greylist(&self, at: Timestamp, newest: usize) -> Result<GreyState, StoreError> {
        let mut state = GreyState::default();
        for entry in self.transaction.open_table(GREYLIST)?.iter()? {
            let (key, row) = entry?;
            let (first, last, passed) = row.value();
            if !grey_holds((first, last, passed), at) {
                continue;
            }
            if passed {
                state.known += 1;
                continue;
            }
            state.waiting += 1;
            state.newest.push(GreyRow {
                key: key.value().to_owned(),
                first: Timestamp(first),
                last: Timestamp(last),
            });
            if state.newest.len() > newest.saturating_mul(2) {
                newest_first(&mut state.newest, newest);
            }
        }
        newest_first(&mut state.newest, newest);
        Ok(state)
    }

    /// What stands about any of these on a list, expired or not.
    pub fn senders_named(&self, names: &[String]) -> Result<Vec<SenderEntry>, StoreError> {
        let table = self.transaction.open_table(SENDERS)?;
        let mut entries = Vec::new();
        for name in names {
            if let Some(row) = table.get(name.as_str())? {
                entries.push(from_json(row.value())?);
            }
        }
        Ok(entries)
    }

    /// Every sender on a list, by name.
    pub fn senders(&self) -> Result<Vec<SenderEntry>, StoreError> {
        let table = self.transaction.open_table(SENDERS)?;
        let entries = table.iter()?.map(|entry| from_json(entry?.1.value()));
        entries.collect()
    }
}

fn newest_first(rows: &mut Vec<GreyRow>, most: usize) {
    rows.sort_by_key(|row| std::cmp::Reverse(row.first));
    rows.truncate(most);
}
