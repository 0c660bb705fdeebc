//! Links to attachments.

use super::Snapshot;
use crate::rows::{LinkRow, Row, get};
use crate::schema::{LINK_FILES, LINK_TOKENS, LINKS};
use crate::values::link::MOST_LINKS;
use crate::{FileHash, Link, LinkId, StoreError};
use redb::{ReadableTable, ReadableTableMetadata};

#[allow(clippy::missing_errors_doc)] // said at `Snapshot`
impl Snapshot {
    /// The link with this token, given as its BLAKE3.
    pub fn link_by_token(&self, token: &[u8; 32]) -> Result<Option<Link>, StoreError> {
        let id = self.transaction.open_table(LINK_TOKENS)?.get(token)?;
        match id.map(|id| LinkId(id.value())) {
            Some(id) => self.link(id),
            None => Ok(None),
        }
    }

    /// One link.
    pub fn link(&self, id: LinkId) -> Result<Option<Link>, StoreError> {
        let row = get::<LinkRow>(&self.transaction.open_table(LINKS)?, id.0)?;
        Ok(row.map(|row| row.show(id)))
    }

    /// Links, newest first, older than `before`, that `filter` takes.
    pub fn links(
        &self,
        before: Option<LinkId>,
        limit: usize,
        mut filter: impl FnMut(&Link) -> bool,
    ) -> Result<Vec<Link>, StoreError> {
        let table = self.transaction.open_table(LINKS)?;
        let mut links = Vec::new();
        for entry in table.range(..before.map_or(u64::MAX, |id| id.0))?.rev() {
            if links.len() >= limit {
                break;
            }
            let (id, bytes) = entry?;
            let link = LinkRow::decode(bytes.value())?.show(LinkId(id.value()));
            if filter(&link) {
                links.push(link);
            }
        }
        Ok(links)
    }

    /// Links whose files are there, oldest first, that `filter` takes.
    pub fn oldest_links(
        &self,
        limit: usize,
        mut filter: impl FnMut(&Link) -> bool,
    ) -> Result<Vec<Link>, StoreError> {
        let table = self.transaction.open_table(LINKS)?;
        let mut links = Vec::new();
        for entry in table.iter()? {
            if links.len() >= limit {
                break;
            }
            let (id, bytes) = entry?;
            let link = LinkRow::decode(bytes.value())?.show(LinkId(id.value()));
            if link.gone.is_none() && filter(&link) {
                links.push(link);
            }
        }
        Ok(links)
    }

    /// Whether a link needs this file.
    pub fn has_link_file(&self, file: &FileHash) -> Result<bool, StoreError> {
        Ok(self.transaction.open_table(LINK_FILES)?.get(file)?.is_some())
    }

    /// Whether so many more links may be made.
    pub fn has_room_for_links(&self, more: u64) -> Result<bool, StoreError> {
        let there = self.transaction.open_table(LINKS)?.len()?;
        Ok(there.saturating_add(more) <= MOST_LINKS)
    }

    /// Every file that a link needs, with its size in octets.
    pub fn link_files(&self) -> Result<Vec<(FileHash, u64)>, StoreError> {
        let table = self.transaction.open_table(LINK_FILES)?;
        let files = table.iter()?.map(|entry| {
            let (hash, row) = entry?;
            Ok((*hash.value(), row.value().1))
        });
        files.collect()
    }
}
