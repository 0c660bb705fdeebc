//! What is too old or too much goes, oldest first.

use super::{Links, Rules};
use crate::clock::DAY;
use crate::limits::links as limits;
use std::sync::atomic::Ordering;
use std::time::Duration;
use store::{EventKind, Link, LinkId};
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
        if self.clock.is_known() {
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
        Ok(())
    }

    // Oldest first, until the rest fits.
    async fn make_room(&self) -> anyhow::Result<()> {
        loop {
            let snapshot = self.store.snapshot()?;
            let budget = Rules::read(&snapshot)?.budget;
            let used: u64 = snapshot.link_files()?.iter().map(|(_, size)| size).sum();
            if used <= budget {
                return Ok(());
            }
            let mut freed = 0_u64;
            let enough = |link: &Link| {
                let wanted = freed < used - budget;
                freed = freed.saturating_add(link.size);
                wanted
            };
            let oldest = snapshot.oldest_links(limits::AT_ONCE, enough)?;
            if oldest.is_empty() {
                return Ok(());
            }
            self.let_go(&oldest, "to make room for newer ones").await?;
            let early = oldest.iter().filter(|link| link.works(self.clock.now()));
            self.removed_early
                .fetch_add(early.count() as u64, Ordering::Relaxed);
        }
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
