//! Who is signed in. A session lives in memory: after a restart people sign in again, and a
//! stolen card holds no usable cookie.

use crate::sign_in::Pass;
use axum::http::{HeaderMap, header};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// A session ends this long after it began, whatever happens.
const LIFETIME: Duration = Duration::from_secs(12 * 3600);
/// How long the page for a code stays open.
const HALF: Duration = Duration::from_secs(600);
/// A session ends this long after it was last used.
const IDLE: Duration = Duration::from_secs(3600);
/// Most sessions at once; the one unused for longest makes room.
const MOST: usize = 64;
/// `__Host-` makes the browser insist on TLS, this host and the whole path (RFC 6265bis 4.1.3.2).
const COOKIE: &str = "__Host-pillarbox";

/// What a session may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// Whoever knew the claim code: the wizard, until the setup is finished.
    Setup,
    /// Whoever knew an admin's password.
    Admin(Pass),
    /// Whoever knew the password of an account that is no admin's.
    Person(Pass),
    /// Whoever knew a password and has yet to give a code: opens nothing but the page for it.
    Half(Pass),
}

impl Role {
    /// What this pass opens.
    pub(crate) const fn of(pass: Pass) -> Self {
        if pass.admin {
            Self::Admin(pass)
        } else {
            Self::Person(pass)
        }
    }

    /// What the session stands on; `None` during the setup.
    pub(crate) const fn pass(self) -> Option<Pass> {
        match self {
            Self::Setup => None,
            Self::Admin(pass) | Self::Person(pass) | Self::Half(pass) => Some(pass),
        }
    }
}

struct Session {
    // The token's hash: nothing in memory can be sent as a cookie.
    hash: blake3::Hash,
    role: Role,
    began: Instant,
    used: Instant,
}

impl Session {
    fn over(&self, now: Instant) -> bool {
        let lifetime = match self.role {
            Role::Half(_) => HALF,
            _ => LIFETIME,
        };
        now.duration_since(self.began) >= lifetime || now.duration_since(self.used) >= IDLE
    }
}

/// All sessions.
#[derive(Default)]
pub(crate) struct Sessions(Mutex<Vec<Session>>);

impl Sessions {
    /// Opens a session and returns its `Set-Cookie` value, or nothing when the system has no
    /// randomness to give.
    pub(crate) fn open(&self, role: Role) -> Option<String> {
        let mut token = [0_u8; 32];
        getrandom::fill(&mut token).ok()?;
        let token = blake3::Hash::from_bytes(token).to_hex();
        let now = Instant::now();
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|s| !s.over(now));
        if sessions.len() >= MOST {
            let oldest = sessions
                .iter()
                .enumerate()
                .min_by_key(|(_, s)| s.used)
                .map(|(at, _)| at);
            if let Some(at) = oldest {
                sessions.swap_remove(at);
            }
        }
        sessions.push(Session {
            hash: blake3::hash(token.as_bytes()),
            role,
            began: now,
            used: now,
        });
        Some(format!(
            "{COOKIE}={token}; Path=/; Secure; HttpOnly; SameSite=Strict"
        ))
    }

    /// The role of the request's session, if it has one. `used` says whether a person did this;
    /// a page that refreshes itself must not keep its session alive.
    pub(crate) fn role(&self, headers: &HeaderMap, used: bool) -> Option<Role> {
        let hash = token_hash(headers)?;
        let now = Instant::now();
        let mut sessions = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sessions.retain(|s| !s.over(now));
        // blake3::Hash compares in constant time.
        let session = sessions.iter_mut().find(|s| s.hash == hash)?;
        if used {
            session.used = now;
        }
        Some(session.role)
    }

    /// Ends the request's session and returns the `Set-Cookie` value that makes the browser forget it.
    pub(crate) fn close(&self, headers: &HeaderMap) -> String {
        if let Some(hash) = token_hash(headers) {
            self.0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .retain(|s| s.hash != hash);
        }
        format!("{COOKIE}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict")
    }

    /// Ends every session.
    pub(crate) fn close_all(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

fn token_hash(headers: &HeaderMap) -> Option<blake3::Hash> {
    headers
        .get_all(header::COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE)?.strip_prefix('='))
        .map(|token| blake3::hash(token.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ADMIN: Role = Role::Admin(Pass {
        account: None,
        admin: true,
        stamp: 0,
    });

    fn headers(set_cookie: &str) -> HeaderMap {
        let pair = set_cookie.split(';').next().unwrap();
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, format!("theme=dark; {pair}").parse().unwrap());
        headers
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_ends_after_an_hour_without_use() {
        let sessions = Sessions::default();
        let cookie = headers(&sessions.open(ADMIN).unwrap());
        tokio::time::advance(IDLE - Duration::from_secs(1)).await;
        assert_eq!(sessions.role(&cookie, true), Some(ADMIN));
        tokio::time::advance(IDLE - Duration::from_secs(1)).await;
        assert_eq!(
            sessions.role(&cookie, false),
            Some(ADMIN),
            "used an hour ago, almost"
        );
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(sessions.role(&cookie, true), None, "looking at it was not use");
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_ends_after_twelve_hours_of_use() {
        let sessions = Sessions::default();
        let cookie = headers(&sessions.open(ADMIN).unwrap());
        for _ in 0..23 {
            tokio::time::advance(Duration::from_secs(1800)).await;
            assert_eq!(sessions.role(&cookie, true), Some(ADMIN));
        }
        tokio::time::advance(Duration::from_secs(1800)).await;
        assert_eq!(sessions.role(&cookie, true), None);
    }

    #[tokio::test]
    async fn sessions_are_bounded_and_end_on_request() {
        let sessions = Sessions::default();
        let first = headers(&sessions.open(Role::Setup).unwrap());
        for _ in 1..MOST {
            sessions.open(ADMIN).unwrap();
        }
        assert_eq!(sessions.role(&first, true), Some(Role::Setup));
        let last = headers(&sessions.open(ADMIN).unwrap());
        assert_eq!(sessions.0.lock().unwrap().len(), MOST);
        sessions.close(&last);
        assert_eq!(sessions.role(&last, true), None);
        sessions.close_all();
        assert_eq!(sessions.role(&first, true), None);
        assert_eq!(sessions.role(&headers(&format!("{COOKIE}=; Path=/")), true), None);
    }
}
