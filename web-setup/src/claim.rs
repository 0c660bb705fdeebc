//! The claim code: whoever can read the panel owns the box. 40 bits are plenty as long as
//! guessing is slow, so wrong tries are counted, for one address and for everybody together.

use proto::types::Secret;
use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use subtle::ConstantTimeEq;
use tokio::time::Instant;

/// Wrong tries that one address has in a [`MINUTE`].
const FROM_ONE: usize = 5;
/// Wrong tries that all have together in an [`HOUR`].
const FROM_ALL: usize = 20;
const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3600);

/// What became of a try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Try {
    Right,
    Wrong,
    /// That address has to wait; nothing was compared.
    Wait(Duration),
    /// Everybody has to wait; nothing was compared.
    AllWait(Duration),
}

/// The wrong tries of the last hour, at most [`FROM_ALL`].
#[derive(Default)]
pub(crate) struct Tries(Mutex<VecDeque<(Instant, Option<IpAddr>)>>);

impl Tries {
    /// Compares `typed` with `code`, unless there were too many wrong tries.
    pub(crate) fn attempt(&self, from: Option<IpAddr>, typed: &str, code: &Secret) -> Try {
        let now = Instant::now();
        let from = from.map(network);
        // Held over the comparison: tries sent all at once are counted one by one.
        let mut wrong = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.retain(|(at, _)| now.duration_since(*at) < HOUR);
        if wrong.len() >= FROM_ALL {
            let oldest = wrong.front().map_or(now, |(at, _)| *at);
            return Try::AllWait((oldest + HOUR).duration_since(now));
        }
        let mut recent = wrong
            .iter()
            .filter(|(at, ip)| *ip == from && now.duration_since(*at) < MINUTE)
            .map(|(at, _)| *at);
        let oldest = recent.next();
        if let Some(oldest) = oldest.filter(|_| recent.count() + 1 >= FROM_ONE) {
            return Try::Wait((oldest + MINUTE).duration_since(now));
        }
        if bool::from(plain(typed.as_bytes()).ct_eq(&plain(code.expose()))) {
            return Try::Right;
        }
        wrong.push_back((now, from));
        Try::Wrong
    }
}

// Dashes, blanks and case do not count.
fn plain(code: &[u8]) -> Vec<u8> {
    code.iter()
        .filter(|c| c.is_ascii_alphanumeric())
        .map(u8::to_ascii_uppercase)
        .collect()
}

// One person has a whole /64 of IPv6 addresses.
fn network(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(v6) => IpAddr::V6((v6.to_bits() >> 64 << 64).into()),
        v4 => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code() -> Secret {
        Secret::new(b"ABCD-EFGH".to_vec())
    }

    #[tokio::test]
    async fn the_code_is_taken_in_any_case_with_or_without_dash() {
        for typed in ["ABCD-EFGH", "abcdefgh", " AbCd efGH ", "A-B-C-D-E-F-G-H"] {
            assert_eq!(
                Tries::default().attempt(None, typed, &code()),
                Try::Right,
                "{typed}"
            );
        }
        for typed in ["", "ABCD-EFG", "ABCD-EFGHJ", "ABCD-EFGK", "ÄBCD-EFGH"] {
            assert_eq!(
                Tries::default().attempt(None, typed, &code()),
                Try::Wrong,
                "{typed}"
            );
        }
    }

    #[tokio::test(start_paused = true)]
    async fn one_address_has_five_wrong_tries_a_minute() {
        let tries = Tries::default();
        let here = Some("2001:db8::1".parse().unwrap());
        let same_network = Some("2001:db8::ffff".parse().unwrap());
        let elsewhere = Some("2001:db8:0:1::1".parse().unwrap());
        for _ in 0..FROM_ONE {
            assert_eq!(tries.attempt(here, "WRONG", &code()), Try::Wrong);
        }
        assert!(
            matches!(tries.attempt(here, "ABCD-EFGH", &code()), Try::Wait(_)),
            "even with the right code"
        );
        assert!(matches!(
            tries.attempt(same_network, "ABCD-EFGH", &code()),
            Try::Wait(_)
        ));
        assert_eq!(tries.attempt(elsewhere, "ABCD-EFGH", &code()), Try::Right);
        tokio::time::advance(MINUTE).await;
        assert_eq!(tries.attempt(here, "ABCD-EFGH", &code()), Try::Right);
    }

    #[tokio::test(start_paused = true)]
    async fn all_together_have_twenty_wrong_tries_an_hour() {
        let tries = Tries::default();
        for n in 0..20_u8 {
            let ip = Some(IpAddr::from([192, 0, 2, n]));
            assert_eq!(tries.attempt(ip, "WRONG", &code()), Try::Wrong);
        }
        let fresh = Some(IpAddr::from([198, 51, 100, 1]));
        assert_eq!(tries.attempt(fresh, "ABCD-EFGH", &code()), Try::AllWait(HOUR));
        tokio::time::advance(HOUR).await;
        assert_eq!(tries.attempt(fresh, "ABCD-EFGH", &code()), Try::Right);
    }
}
