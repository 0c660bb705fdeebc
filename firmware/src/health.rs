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
    // A door that says that there are too many callers is well: a flood must not stop the box.
    let greetings: [(&str, &[&str]); 3] = [
        ("smtp", &["220", "421"]),
        ("imap", &["* OK ", "* BYE"]),
        ("https", &[""]),
    ];
    for (name, greetings) in greetings {
        if let Some(door) = doors.get(name) {
            timeout(PATIENCE, knock(*door, greetings))
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

// The greetings of one door are of one length.
async fn knock(door: SocketAddr, greetings: &[&str]) -> Result<()> {
    let mut stream = TcpStream::connect(reachable(door)).await?;
    let mut heard = vec![0; greetings.first().map_or(0, |greeting| greeting.len())];
    stream.read_exact(&mut heard).await?;
    let known = greetings.iter().any(|greeting| heard == greeting.as_bytes());
    ensure!(known, "it greets with something else");
    Ok(())
}

fn reachable(door: SocketAddr) -> SocketAddr {
    if door.ip().is_unspecified() {
        return SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), door.port());
    }
    door
}
