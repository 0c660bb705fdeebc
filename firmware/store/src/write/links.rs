//! Links to attachments: rows, tokens, and files with counted references.

use super::{Counter, Prepared, Write};
use crate::rows::{LinkRow, Row, get};
use crate::values::link::MOST_LINKS;
use crate::{Change, Delivered, Event, EventKind, FileHash, Link, LinkChange, LinkId, NewLink, StoreError};
use proto::types::{AccountId, Timestamp};
use redb::ReadableTable;

impl Write<'_> {
    /// Makes links, each with a reference to its file.
    pub(super) fn make_links(&mut self, links: &[NewLink]) -> Result<(), StoreError> {
        use redb::ReadableTableMetadata;
        if links.is_empty() {
            return Ok(());
        }
        if self.read().links.len()?.saturating_add(links.len() as u64) > MOST_LINKS {
            return Err(StoreError::CannotChange("there are too many links"));
        }
        for link in links {
            let id = self.next(Counter::Link)?;
            let row = LinkRow::new(link);
            self.edit().links.insert(id, row.encode()?.as_slice())?;
            if self.edit().link_tokens.insert(&link.token, id)?.is_some() {
                return Err(StoreError::Internal("a token was made twice".to_owned()));
            }
            let references = self.references(&link.file)?.saturating_add(1);
            self.edit()
                .link_files
                .insert(&link.file, (references, link.size, &link.sha256))?;
        }
        self.tell(Change::Links);
        Ok(())
    }

    /// See [`crate::Store::deliver_linked`].
    pub(crate) fn deliver_linked(
        &mut self,
        deliveries: &[Prepared],
        links: &[NewLink],
        events: &[Event],
    ) -> Result<Vec<Delivered>, StoreError> {
        let delivered = self.deliver(deliveries)?;
        self.make_links(links)?;
        self.record(events)?;
        Ok(delivered)
    }

    /// See [`crate::Store::change_link`].
    pub(crate) fn change_link(
        &mut self,
        id: LinkId,
        of: Option<AccountId>,
        change: &LinkChange,
        event: &Event,
    ) -> Result<Link, StoreError> {
        let mut row = self.link(id)?;
        if of.is_some_and(|account| account != row.account) {
            return Err(StoreError::NotFound);
        }
        match change {
            LinkChange::Extend(_) if row.gone.is_some() => {
                return Err(StoreError::CannotChange("the file is no longer there"));
            }
            LinkChange::Extend(until) => {
                row.expires = *until;
                row.revoked = None;
            }
            LinkChange::Revoke(at) => row.revoked = row.revoked.or(Some(*at)),
            LinkChange::Password(hash) => row.password_hash.clone_from(hash),
        }
        self.put_link(id, &row)?;
        self.record(std::slice::from_ref(event))?;
        Ok(row.show(id))
    }

    /// Ends the links of mail that was deleted before it left.
    pub(super) fn end_links(&mut self, ids: &[LinkId], at: Timestamp, by: &str) -> Result<(), StoreError> {
        for id in ids {
            let Some(mut row) = get::<LinkRow>(&self.read().links, id.0)? else {
                continue;
            };
            if row.revoked.is_some() || row.gone.is_some() {
                continue;
            }
            row.revoked = Some(at);
            self.put_link(*id, &row)?;
            self.say(
                at,
                EventKind::LinkChanged {
                    link: id.0,
                    account: row.account,
                    what: "withdrawn, because its mail was deleted before it left,".to_owned(),
                    by: by.to_owned(),
                },
            )?;
        }
        Ok(())
    }

    /// See [`crate::Store::count_download`].
    pub(crate) fn count_download(&mut self, id: LinkId, event: &Event) -> Result<(), StoreError> {
        let mut row = self.link(id)?;
        row.downloads = row.downloads.saturating_add(1);
        row.last_download = Some(event.at);
        self.put_link(id, &row)?;
        self.record(std::slice::from_ref(event))
    }

    /// See [`crate::Store::let_files_go`].
    pub(crate) fn let_files_go(
        &mut self,
        links: &[LinkId],
        at: Timestamp,
        event: &Event,
    ) -> Result<Vec<FileHash>, StoreError> {
        let mut unused = Vec::new();
        let mut any = false;
        for id in links {
            let Some(mut row) = get::<LinkRow>(&self.read().links, id.0)? else {
                continue;
            };
            if row.gone.is_some() {
                continue;
            }
            row.gone = Some(at);
            self.put_link(*id, &row)?;
            any = true;
            if self.drop_file(&row.file)? {
                unused.push(row.file);
            }
        }
        if any {
            self.record(std::slice::from_ref(event))?;
        }
        Ok(unused)
    }

    /// See [`crate::Store::forget_links`].
    pub(crate) fn forget_links(&mut self, before: Timestamp) -> Result<usize, StoreError> {
        let mut old = Vec::new();
        for entry in self.read().links.iter()? {
            let (id, bytes) = entry?;
            let row = LinkRow::decode(bytes.value())?;
            if row.gone.is_some_and(|gone| gone < before) {
                old.push((id.value(), row.token));
            }
        }
        for (id, token) in &old {
            self.edit().links.remove(id)?;
            self.edit().link_tokens.remove(token)?;
        }
        if !old.is_empty() {
            self.tell(Change::Links);
        }
        Ok(old.len())
    }

    fn link(&self, id: LinkId) -> Result<LinkRow, StoreError> {
        get(&self.read().links, id.0)?.ok_or(StoreError::NotFound)
    }

    fn put_link(&mut self, id: LinkId, row: &LinkRow) -> Result<(), StoreError> {
        self.edit().links.insert(id.0, row.encode()?.as_slice())?;
        self.tell(Change::Links);
        Ok(())
    }

    fn references(&self, file: &FileHash) -> Result<u32, StoreError> {
        let row = self.read().link_files.get(file)?;
        Ok(row.map_or(0, |row| row.value().0))
    }

    /// Takes one reference away; `true`: it was the last, the file may go from the card.
    fn drop_file(&mut self, file: &FileHash) -> Result<bool, StoreError> {
        let wrong = || StoreError::Internal("a linked file's references are wrong".to_owned());
        let row = self.read().link_files.get(file)?.ok_or_else(wrong)?;
        let (references, size, sha256) = row.value();
        let (left, sha256) = (references.checked_sub(1).ok_or_else(wrong)?, *sha256);
        drop(row);
        if left == 0 {
            self.edit().link_files.remove(file)?;
            return Ok(true);
        }
        self.edit().link_files.insert(file, (left, size, &sha256))?;
        Ok(false)
    }
}
