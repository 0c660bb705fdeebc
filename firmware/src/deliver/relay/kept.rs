//! Connections over which a message has just left, kept for a moment for the next one: a new one
//! costs both sides a TLS handshake and several round trips.
//!
//! Only who would open the very same connection gets it, with the same demands on its certificate and
//! the same login. A server may close it at any time; whoever meets that opens another.

use super::client::Client;
use super::manner::Manner;
use crate::limits::relay::{KEPT, KEPT_FOR};
use proto::types::Domain;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a connection was opened for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purpose {
    /// The server.
    pub server: SocketAddr,
    /// Its name.
    pub host: String,
    /// Ours.
    pub helo: Domain,
    /// How it is treated.
    pub manner: Manner,
}

/// The kept connections. Clones share them.
#[derive(Clone, Default)]
pub struct Kept(Arc<Mutex<Shelf>>);

#[derive(Default)]
struct Shelf {
    // How many were ever put there.
    last: u64,
    clients: Vec<(u64, Purpose, Client)>,
}

impl Kept {
    /// A connection for this purpose that is still open.
    pub async fn take(&self, purpose: &Purpose) -> Option<Client> {
        loop {
            let mut client = {
                let mut shelf = self.shelf();
                let place = shelf.clients.iter().rposition(|(_, other, _)| other == purpose)?;
                shelf.clients.remove(place).2
            };
            if client.is_ready().await {
                return Some(client);
            }
        }
    }

    /// Keeps a connection for a moment; says goodbye when nobody took it by then, or when there are
    /// too many, or when it has done its share.
    pub fn keep(&self, purpose: Purpose, client: Client) {
        let mut shelf = self.shelf();
        if shelf.clients.len() >= KEPT || !client.may_go_on() {
            drop(shelf);
            tokio::spawn(client.quit());
            return;
        }
        shelf.last = shelf.last.wrapping_add(1);
        let number = shelf.last;
        shelf.clients.push((number, purpose, client));
        drop(shelf);
        let kept = self.clone();
        tokio::spawn(async move {
            tokio::time::sleep(KEPT_FOR).await;
            if let Some(client) = kept.remove(number) {
                client.quit().await;
            }
        });
    }

    fn remove(&self, number: u64) -> Option<Client> {
        let mut shelf = self.shelf();
        let place = shelf.clients.iter().position(|(other, ..)| *other == number)?;
        Some(shelf.clients.remove(place).2)
    }

    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
