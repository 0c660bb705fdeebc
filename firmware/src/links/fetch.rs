//! Sending a file to whoever fetches it, and counting that: a download is counted when the file's end
//! goes out, however many pieces it took, and again when as many octets as the file has went to the same
//! client once more. A look at the head, or at an octet, is none.

use super::Links;
use super::damage::Damage;
use super::folder::Missing;
use crate::limits::PIECE;
use crate::limits::links as limits;
use axum::body::{Body, Bytes};
use futures_util::stream;
use std::collections::HashMap;
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::os::unix::fs::FileExt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use store::{EventKind, Link, LinkId};
use tokio::task::spawn_blocking;
use tracing::warn;

/// What each client fetched of each link lately.
#[derive(Debug, Default)]
pub(super) struct Fetches(Mutex<HashMap<(LinkId, IpAddr), Fetch>>);

#[derive(Debug)]
struct Fetch {
    /// Octets that went out.
    sent: u64,
    /// Downloads that were counted of them.
    counted: u64,
    /// The file's end went out since the last one was counted.
    ended: bool,
    at: Instant,
}

impl Fetches {
    /// So many octets of a file of this size go to a client, its end among them or not. `true`: with
    /// them a download is complete.
    fn sent(&self, who: (LinkId, IpAddr), size: u64, octets: u64, end: bool) -> bool {
        let mut fetches = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        if fetches.len() >= limits::FETCHES && !fetches.contains_key(&who) {
            let oldest = fetches.iter().min_by_key(|(_, fetch)| fetch.at);
            if let Some(oldest) = oldest.map(|(who, _)| *who) {
                fetches.remove(&oldest);
            }
        }
        let fetch = fetches.entry(who).or_insert(Fetch {
            sent: 0,
            counted: 0,
            ended: false,
            at: now,
        });
        fetch.at = now;
        fetch.sent = fetch.sent.saturating_add(octets);
        fetch.ended |= end;
        // The first end counts at once: what came before may have gone to another address of the client,
        // or before the box was started.
        let again = fetch.sent >= size.saturating_mul(fetch.counted + 1);
        let complete = fetch.ended && (fetch.counted == 0 || again);
        if complete {
            fetch.counted += 1;
            fetch.ended = false;
            // Pieces that were fetched twice are no part of the next one.
            fetch.sent = fetch.sent.min(size.saturating_mul(fetch.counted));
        }
        complete
    }
}

impl Links {
    /// Octets of a link's file, from the first one on, so many.
    ///
    /// # Errors
    /// The link or its file is gone.
    pub async fn octets(&self, ip: IpAddr, id: LinkId, (start, length): (u64, u64)) -> io::Result<Body> {
        let link = self.store.snapshot().and_then(|snapshot| snapshot.link(id));
        let link = link.map_err(|error| io::Error::other(error.to_string()))?;
        let link = link.ok_or(io::ErrorKind::NotFound)?;
        let (folder, hash, size) = (self.folder.clone(), link.file, link.size);
        let opened = spawn_blocking(move || folder.open(&hash, size));
        let file = opened
            .await
            .map_err(io::Error::other)?
            .map_err(io::Error::other)?;
        let whole = start == 0 && length == size;
        let sending = Sending {
            links: self.clone(),
            link,
            ip,
            file: Arc::new(file),
            at: start,
            left: length,
            hasher: whole.then(|| Box::new(blake3::Hasher::new())),
        };
        Ok(Body::from_stream(stream::try_unfold(sending, Sending::next)))
    }
}

/// A file on its way out.
struct Sending {
    links: Links,
    link: Link,
    ip: IpAddr,
    file: Arc<File>,
    at: u64,
    left: u64,
    /// Of what was sent, where all of it is sent.
    hasher: Option<Box<blake3::Hasher>>,
}

impl Sending {
    // In pieces, each read off the async threads. The last one goes out only when all of it is what the
    // link was made for.
    async fn next(mut self) -> io::Result<Option<(Bytes, Self)>> {
        if self.left == 0 {
            return Ok(None);
        }
        let piece = match self.read().await {
            Ok(piece) => piece,
            Err(error) => {
                self.cannot_read(&error).await;
                return Err(error);
            }
        };
        let count = piece.len() as u64;
        self.at += count;
        self.left = self.left.saturating_sub(count);
        if self.left == 0
            && let Some(hasher) = &self.hasher
        {
            if *hasher.finalize().as_bytes() != self.link.file {
                self.links.note_damage(&self.link, Damage::Changed).await;
                return Err(io::Error::new(io::ErrorKind::InvalidData, "the file is damaged"));
            }
            self.links.folder.is_whole(&self.link.file);
        }
        let who = (self.link.id, self.ip);
        let end = self.at >= self.link.size;
        if self.links.fetches.sent(who, self.link.size, count, end) {
            self.count().await;
        }
        Ok(Some((Bytes::from(piece), self)))
    }

    async fn read(&mut self) -> io::Result<Vec<u8>> {
        let room = usize::try_from(self.left).unwrap_or(PIECE).min(PIECE);
        let (file, at, mut hasher) = (Arc::clone(&self.file), self.at, self.hasher.take());
        let read = spawn_blocking(move || {
            let mut piece = vec![0; room];
            let count = file.read_at(&mut piece, at)?;
            if count == 0 {
                return Err(io::Error::from(io::ErrorKind::UnexpectedEof));
            }
            piece.truncate(count);
            if let Some(hasher) = &mut hasher {
                hasher.update(&piece);
            }
            Ok((piece, hasher))
        });
        let (piece, hasher) = read.await.map_err(io::Error::other)??;
        self.hasher = hasher;
        Ok(piece)
    }

    // A disk that was pulled out is no damage.
    async fn cannot_read(&self, error: &io::Error) {
        warn!(%error, link = self.link.id.0, "a linked file cannot be read");
        let (folder, hash, size) = (self.links.folder.clone(), self.link.file, self.link.size);
        let damage = match spawn_blocking(move || folder.open(&hash, size)).await {
            Ok(Ok(_)) => Damage::Unreadable,
            Ok(Err(Missing::Damaged(damage))) => damage,
            Ok(Err(Missing::Away)) | Err(_) => return,
        };
        self.links.note_damage(&self.link, damage).await;
    }

    async fn count(&self) {
        let event = self.links.ledger.event(EventKind::LinkDownloaded {
            link: self.link.id.0,
            account: self.link.account,
            recipient: self.link.recipient.clone(),
            ip: self.ip,
        });
        match self.links.store.count_download(self.link.id, event.clone()).await {
            Ok(()) => self.links.ledger.count(&event),
            Err(error) => warn!(%error, "a download was not counted"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_download_is_counted_once_however_it_is_fetched() {
        const SIZE: u64 = 100;
        let whole = (0, 100);
        for (what, pieces, counted) in [
            ("whole", &[whole][..], 1),
            ("whole, twice", &[whole, whole], 2),
            ("one octet", &[(0, 1)], 0),
            ("one octet, then whole", &[(0, 1), whole], 1),
            ("the last octet, then whole", &[(99, 100), whole], 1),
            ("the last octet, then whole, twice", &[(99, 100), whole, whole], 2),
            ("broken off", &[(0, 90)], 0),
            ("broken off, then whole", &[(0, 90), whole], 1),
            ("broken off, then whole, twice", &[(0, 90), whole, whole], 2),
            ("resumed", &[(0, 40), (40, 70), (70, 100)], 1),
            ("resumed, twice", &[(0, 40), (40, 100), (0, 40), (40, 100)], 2),
            (
                "in pieces at a time",
                &[(75, 100), (0, 25), (50, 75), (25, 50)],
                1,
            ),
            (
                "in pieces at a time, twice",
                &[(75, 100), (0, 50), (50, 75), (75, 100), (0, 50), (50, 75)],
                2,
            ),
            ("resumed from elsewhere", &[(40, 100)], 1),
        ] {
            let fetches = Fetches::default();
            let who = (LinkId(1), IpAddr::from([192, 0, 2, 1]));
            let mut count = 0;
            for (start, end) in pieces {
                count += u64::from(fetches.sent(who, SIZE, end - start, *end == SIZE));
            }
            assert_eq!(count, counted, "{what}");
        }
    }

    #[test]
    fn only_so_many_clients_are_remembered() {
        let fetches = Fetches::default();
        for number in 0..limits::FETCHES as u64 + 10 {
            fetches.sent((LinkId(number), IpAddr::from([192, 0, 2, 1])), 100, 1, false);
        }
        assert_eq!(fetches.0.lock().unwrap().len(), limits::FETCHES);
    }
}
