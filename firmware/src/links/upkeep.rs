//! What is too old or too much goes, oldest first.

use super::{Links, Rules};
use crate::clock::DAY;
use crate::limits::links as limits;
use std::collections::{HashMap, HashSet};
use std::sync::atomic::Ordering;
use std::time::Duration;
use store::{EventKind, FileHash, Link, LinkId};
use tracing::{error, info};

impl Links {
    /// Keeps the folder in order for as long as the box runs: at once, once an hour, and whenever
    /// links were made.
    pub async fn keep_order(self) {
        let mut hours = tokio::time::interval(Duration::from_secs(3600));
        let mut first = true;
        loop {
            tokio::select! {
                _ = hours.tick() => {}
                () = self.touched.notified() => {}
            }
            if let Err(error) = self.tidy(first).await {
                error!(
                    error = format!("{error:#}"),
                    "the attachment folder cannot be kept in order"
                );
            }
            first = false;
        }
    }

    /// Lets go of what expired and of what is over the budget, forgets what is long gone, and removes
    /// files that no link needs. At the `start` nobody can be writing.
    ///
    /// # Errors
    /// The store or the folder failed.
    pub async fn tidy(&self, start: bool) -> anyhow::Result<()> {
        let now = self.clock.now();
        if self.believes_the_clock().await? {
            let limit = now.plus(-limits::GRACE);
            let over = |link: &Link| {
                let end = link.revoked.map_or(link.expires, |at| at.min(link.expires));
                end <= limit
            };
            let old = self.store.snapshot()?.oldest_links(limits::AT_ONCE, over)?;
            self.let_go(&old, "they had expired or were withdrawn").await?;
            self.store
                .forget_links(now.plus(-limits::REMEMBERED_DAYS * DAY))
                .await?;
        }
        self.make_room().await?;
        let (folder, store) = (self.folder.clone(), self.store.clone());
        let removed = tokio::task::spawn_blocking(move || folder.sweep(&store, start)).await??;
        if removed > 0 {
            info!(removed, "attachments removed from the disk");
        }
        self.forget_empty_places().await?;
        let files = self.store.snapshot()?.link_files()?;
        let needed: HashSet<FileHash> = files.into_iter().map(|(hash, _)| hash).collect();
        self.remember_damage(|hash| needed.contains(hash)).await?;
        Ok(())
    }

    // Oldest first, until the rest fits. A file is as old as its newest link: ending an old one while
    // a newer one needs the file would free nothing.
    async fn make_room(&self) -> anyhow::Result<()> {
        let going = self.too_much()?;
        if going.is_empty() {
            return Ok(());
        }
        loop {
            let of_these = |link: &Link| going.contains(&link.file);
            let oldest = self.store.snapshot()?.oldest_links(limits::AT_ONCE, of_these)?;
            if oldest.is_empty() {
                return Ok(());
            }
            self.let_go(&oldest, "to make room for newer ones").await?;
            let early = oldest.iter().filter(|link| link.works(self.clock.now()));
            self.removed_early
                .fetch_add(early.count() as u64, Ordering::Relaxed);
        }
    }

    // The files that have to go.
    fn too_much(&self) -> anyhow::Result<HashSet<FileHash>> {
        let snapshot = self.store.snapshot()?;
        let budget = Rules::read(&snapshot)?.budget;
        let files = snapshot.link_files()?;
        let used: u64 = files.iter().map(|(_, size)| size).sum();
        let mut excess = used.saturating_sub(budget);
        let mut going = HashSet::new();
        if excess == 0 {
            return Ok(going);
        }
        let mut newest: HashMap<FileHash, LinkId> = HashMap::new();
        let note = |link: &Link| {
            newest.insert(link.file, link.id); // they come oldest first
            false
        };
        snapshot.oldest_links(usize::MAX, note)?;
        let mut by_age: Vec<_> = files
            .into_iter()
            .map(|(file, size)| (newest.get(&file).copied(), file, size))
            .collect();
        by_age.sort_unstable_by_key(|(newest, ..)| newest.map_or(0, |id| id.0));
        for (_, file, size) in by_age {
            if excess == 0 {
                break;
            }
            going.insert(file);
            excess = excess.saturating_sub(size);
        }
        Ok(going)
    }

    async fn let_go(&self, links: &[Link], why: &str) -> anyhow::Result<()> {
        if links.is_empty() {
            return Ok(());
        }
        let ids: Vec<LinkId> = links.iter().map(|link| link.id).collect();
        let event = self.ledger.event(EventKind::AttachmentsRemoved {
            links: ids.len() as u64,
            why: why.to_owned(),
        });
        self.store
            .let_files_go(ids, self.clock.now(), event.clone())
            .await?;
        self.ledger.count(&event);
        Ok(())
    }
}
