//! What the screen remembers over a restart, and the settings that it hears of.

use super::Screen;
use super::penalties::PENALTIES;
use crate::board_link::Board;
use crate::settings;
use std::time::Duration;
use store::{Change, StoreError};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{MissedTickBehavior, interval, sleep};
use tracing::error;

/// Penalties are written at most this often: in an attack they come by the second.
const PACE: Duration = Duration::from_secs(10);
/// The box's own addresses are looked at this often.
const LOOK: Duration = Duration::from_secs(60);

/// Keeps the screen in step with the settings, and its penalties in the store, as long as the box
/// runs.
pub async fn keep(screen: Screen, board: Board) {
    tokio::join!(follow(&screen, &board), write(&screen));
}

async fn follow(screen: &Screen, board: &Board) {
    let mut changes = screen.0.store.subscribe();
    let mut look = interval(LOOK);
    look.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = look.tick() => screen.set_own(board.addresses()),
            change = changes.recv() => match change {
                Ok(Change::Settings) | Err(RecvError::Lagged(_)) => screen.read_again(),
                Ok(_) => {}
                Err(RecvError::Closed) => return,
            },
        }
    }
}

async fn write(screen: &Screen) {
    loop {
        screen.0.changed.notified().await;
        if let Err(error) = screen.save().await {
            error!(%error, "penalties could not be kept");
        }
        sleep(PACE).await;
    }
}

impl Screen {
    /// Writes the penalties down.
    ///
    /// # Errors
    /// The store failed.
    pub async fn save(&self) -> Result<(), StoreError> {
        let now = self.now();
        let kept = self.state().penalties.to_keep(now);
        settings::write(&self.0.store, PENALTIES, &kept).await
    }

    /// The box's own addresses: the network around each is the office's.
    pub fn set_own(&self, own: Vec<std::net::IpAddr>) {
        self.state().own = own;
    }

    // A setting that cannot be read changes nothing.
    fn read_again(&self) {
        let read = self.0.store.snapshot().and_then(|snapshot| self.read(&snapshot));
        if let Err(error) = read {
            error!(%error, "the screening's settings cannot be read");
        }
    }
}
