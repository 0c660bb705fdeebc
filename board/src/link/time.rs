//! The clock: asks several time servers and believes what they agree on.

use super::report::Report;
use crate::wire::BoardEvent;
use nix::libc;
use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime, clock_settime};
use rsntp::{AsyncSntpClient, Config};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinSet;

/// Public servers by address, so that the clock does not depend on DNS, whose signatures depend on
/// the clock: Cloudflare and Google.
const BY_ADDRESS: [IpAddr; 6] = [
    IpAddr::V4(Ipv4Addr::new(162, 159, 200, 1)),
    IpAddr::V4(Ipv4Addr::new(162, 159, 200, 123)),
    IpAddr::V4(Ipv4Addr::new(216, 239, 35, 0)),
    IpAddr::V4(Ipv4Addr::new(216, 239, 35, 8)),
    IpAddr::V6(Ipv6Addr::new(0x2606, 0x4700, 0xf1, 0, 0, 0, 0, 1)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0x4860, 0x4806, 0, 0, 0, 0, 0)),
];
const BY_NAME: [&str; 3] = ["time.cloudflare.com", "time.google.com", "pool.ntp.org"];
const MOST_OWN: usize = 4;
const PATIENCE: Duration = Duration::from_secs(4);
/// Seconds that two servers may differ and still agree.
const AGREEMENT: f64 = 1.0;
/// Seconds from which the clock is set at once instead of being pulled along.
const STEP: f64 = 0.5;
/// Between two rounds: while the time is unknown, at first and at most; and once it is known.
const RETRY_FIRST: Duration = Duration::from_secs(10);
const RETRY_MOST: Duration = Duration::from_secs(600);
const REFRESH: Duration = Duration::from_secs(3600);
/// Rounds in a row without an answer after which the time is no longer called known: a day.
const STALE: u32 = 24;

/// How far off the clock is, in seconds, by one server.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Sample {
    offset: f64,
    /// The office's own server, named by DHCP.
    own: bool,
}

/// Keeps the clock right; never returns. A change of `own` servers means a new network: ask at once.
pub(super) async fn keep_clock(mut own: watch::Receiver<Vec<Ipv4Addr>>, report: &Report) {
    let mut known = false;
    let mut failures = 0_u32;
    let mut retry = RETRY_FIRST;
    loop {
        let servers = own.borrow_and_update().clone();
        match ask_all(&servers).await {
            Some(offset) => {
                failures = 0;
                retry = RETRY_FIRST;
                match correct(offset) {
                    Ok(()) => {
                        super::note(format_args!("the clock was off by {offset:.3} s"));
                        known = true;
                        report.send(&BoardEvent::Clock { known });
                    }
                    Err(error) => super::warn(format_args!("setting the clock: {error}")),
                }
            }
            None => {
                failures += 1;
                if known && failures >= STALE {
                    known = false;
                    report.send(&BoardEvent::Clock { known });
                }
            }
        }
        let pause = if known { REFRESH } else { retry };
        if !known {
            retry = (retry * 2).min(RETRY_MOST);
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            changed = own.changed() => if changed.is_err() { tokio::time::sleep(pause).await },
        }
    }
}

/// Asks the office's servers and those known by address; names only if these do not agree.
async fn ask_all(own: &[Ipv4Addr]) -> Option<f64> {
    let mut round = JoinSet::new();
    for server in own.iter().take(MOST_OWN) {
        round.spawn(ask(IpAddr::V4(*server).to_string(), true));
    }
    for server in BY_ADDRESS {
        round.spawn(ask(server.to_string(), false));
    }
    let mut samples: Vec<Sample> = round.join_all().await.into_iter().flatten().collect();
    if agreed(&samples).is_none() {
        let mut round = JoinSet::new();
        for server in BY_NAME {
            round.spawn(ask(server.to_owned(), false));
        }
        samples.extend(round.join_all().await.into_iter().flatten());
    }
    agreed(&samples).or_else(|| alone(&samples))
}

async fn ask(server: String, own: bool) -> Option<Sample> {
    let any: IpAddr = match server.parse() {
        Ok(IpAddr::V6(_)) => Ipv6Addr::UNSPECIFIED.into(),
        _ => Ipv4Addr::UNSPECIFIED.into(),
    };
    let config = Config::default()
        .bind_address(SocketAddr::new(any, 0))
        .timeout(PATIENCE);
    let client = AsyncSntpClient::with_config(config);
    let answer = tokio::time::timeout(PATIENCE, client.synchronize(server.as_str()))
        .await
        .ok()?
        .ok()?;
    Some(Sample {
        offset: answer.clock_offset().as_secs_f64(),
        own,
    })
}

/// The middle of the largest group of servers that agree; a group needs two.
fn agreed(samples: &[Sample]) -> Option<f64> {
    let mut offsets: Vec<f64> = samples
        .iter()
        .map(|sample| sample.offset)
        .filter(|o| o.is_finite())
        .collect();
    offsets.sort_by(f64::total_cmp);
    let group = (0..offsets.len())
        .filter_map(|first| {
            let start = offsets.get(first)?;
            let group = offsets.get(first..)?;
            group.get(..group.partition_point(|offset| offset - start <= AGREEMENT))
        })
        .max_by_key(|group| group.len())?;
    // Two groups of one size are no agreement.
    let others = offsets.len() - group.len();
    if group.len() < 2 || others >= group.len() {
        return None;
    }
    group.get(group.len() / 2).copied()
}

/// An office without a way out has only its own server to believe.
fn alone(samples: &[Sample]) -> Option<f64> {
    match samples {
        [one] if one.own => Some(one.offset),
        _ => None,
    }
}

/// Sets the clock, or pulls it along when it is nearly right.
fn correct(offset: f64) -> nix::Result<()> {
    if offset.abs() >= STEP {
        let now = clock_gettime(ClockId::CLOCK_REALTIME)?;
        return clock_settime(ClockId::CLOCK_REALTIME, moved(now, offset)?);
    }
    // SAFETY: an all-zero `timex` is valid, and the kernel only reads and writes that structure.
    #[allow(unsafe_code)] // no safe wrapper of adjtimex(2) exists
    let result = unsafe {
        let mut change: libc::timex = std::mem::zeroed();
        change.modes = libc::ADJ_OFFSET_SINGLESHOT;
        #[allow(clippy::cast_possible_truncation)] // below half a second in microseconds
        let microseconds = (offset * 1e6) as i32;
        change.offset = microseconds.into();
        libc::adjtimex(&raw mut change)
    };
    if result < 0 {
        Err(nix::Error::last())
    } else {
        Ok(())
    }
}

fn moved(now: TimeSpec, offset: f64) -> nix::Result<TimeSpec> {
    // A hundred years: beyond that a server talks nonsense.
    if offset.abs() > 3.2e9 {
        return Err(nix::Error::ERANGE);
    }
    let shift = Duration::from_secs_f64(offset.abs());
    let now = Duration::new(
        now.tv_sec().try_into().unwrap_or(0),
        now.tv_nsec().try_into().unwrap_or(0),
    );
    let then = if offset < 0.0 {
        now.checked_sub(shift)
    } else {
        now.checked_add(shift)
    };
    then.map(TimeSpec::from_duration).ok_or(nix::Error::ERANGE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn samples(offsets: &[f64], own: usize) -> Vec<Sample> {
        offsets
            .iter()
            .enumerate()
            .map(|(n, offset)| Sample {
                offset: *offset,
                own: n < own,
            })
            .collect()
    }

    #[test]
    fn the_largest_group_that_agrees_is_believed() {
        for (offsets, expected) in [
            (&[][..], None),
            (&[5.0], None),
            (&[5.0, 5.2], Some(5.2)),
            (&[5.0, 900.0], None),
            (&[900.0, 5.0, 5.2, 5.1], Some(5.1)),
            (&[5.0, 5.1, 900.0, 900.1], None),
            (&[f64::NAN, 5.0, 5.1], Some(5.1)),
        ] {
            assert_eq!(agreed(&samples(offsets, 0)), expected, "{offsets:?}");
        }
    }

    #[test]
    fn one_server_alone_is_believed_only_if_it_is_the_offices_own() {
        assert_eq!(alone(&samples(&[7.0], 1)), Some(7.0));
        assert_eq!(alone(&samples(&[7.0], 0)), None);
        assert_eq!(alone(&samples(&[7.0, 99.0], 1)), None);
    }

    /// A server whose clock is off by `offset` seconds; answers once. RFC 4330 4.
    fn server(offset: u64) -> String {
        let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap().to_string();
        std::thread::spawn(move || {
            let mut packet = [0; 48];
            let (_, peer) = socket.recv_from(&mut packet).unwrap();
            let since_1900 = |d: Duration| {
                let fraction = (u64::from(d.subsec_nanos()) << 32) / 1_000_000_000;
                ((d.as_secs() + 2_208_988_800 + offset) << 32 | fraction).to_be_bytes()
            };
            let now = since_1900(std::time::UNIX_EPOCH.elapsed().unwrap());
            let asked: [u8; 8] = packet[40..].try_into().unwrap();
            packet[..4].copy_from_slice(&[0x24, 1, 6, 0xec]);
            packet[16..24].copy_from_slice(&now);
            packet[24..32].copy_from_slice(&asked);
            packet[32..40].copy_from_slice(&now);
            packet[40..].copy_from_slice(&now);
            socket.send_to(&packet, peer).unwrap();
        });
        address
    }

    #[tokio::test(flavor = "current_thread")]
    async fn a_server_is_asked_how_far_off_the_clock_is() {
        let sample = ask(server(100), true).await.unwrap();
        assert!((sample.offset - 100.0).abs() < 1.0, "{sample:?}");
        assert!(sample.own);
        assert_eq!(ask("not a name".into(), false).await, None);
    }

    #[test]
    fn the_clock_moves_both_ways_but_not_to_nonsense() {
        let now = TimeSpec::new(1_790_000_000, 500_000_000);
        assert_eq!(moved(now, 1.25), Ok(TimeSpec::new(1_790_000_001, 750_000_000)));
        assert_eq!(moved(now, -0.75), Ok(TimeSpec::new(1_789_999_999, 750_000_000)));
        assert_eq!(moved(now, 1e12), Err(nix::Error::ERANGE));
        assert_eq!(moved(TimeSpec::new(5, 0), -6.0), Err(nix::Error::ERANGE));
    }
}
