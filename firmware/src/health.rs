//! Whether the box does what it is for: asked before each sign of life to the watchdog.

use crate::house::House;
use anyhow::{Context, Result, ensure};
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::AsyncReadExt;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long one door may take.
const PATIENCE: Duration = Duration::from_secs(3);

/// Knocks at the doors of mail and web and reads the store.
///
/// # Errors
/// What does not answer.
pub async fn check(house: Arc<House>, doors: Arc<BTreeMap<&'static str, SocketAddr>>) -> Result<()> {
    for (name, greeting) in [("smtp", "220"), ("imap", "* OK"), ("https", "")] {
        if let Some(door) = doors.get(name) {
            timeout(PATIENCE, knock(*door, greeting))
                .await
                .with_context(|| format!("{name} did not answer in time"))?
                .with_context(|| format!("{name} does not answer"))?;
        }
    }
    let office = tokio::task::spawn_blocking(move || house.office());
    timeout(PATIENCE, office)
        .await
        .context("the store did not answer in time")???;
    Ok(())
}

async fn knock(door: SocketAddr, greeting: &str) -> Result<()> {
    let mut stream = TcpStream::connect(reachable(door)).await?;
    let mut heard = vec![0; greeting.len()];
    stream.read_exact(&mut heard).await?;
    ensure!(heard == greeting.as_bytes(), "it greets with something else");
    Ok(())
}

fn reachable(door: SocketAddr) -> SocketAddr {
    if door.ip().is_unspecified() {
        return SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), door.port());
    }
    door
}
