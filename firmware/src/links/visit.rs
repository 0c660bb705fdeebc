//! Strangers at a link's address. A link that expired, one that was withdrawn, one that was guessed
//! and a wrong password get the same answer, after the same work.

use super::folder::Missing;
use super::{Links, token};
use crate::guard::Logins;
use crate::guard::screen::{Offence, Screen};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use proto::types::{Secret, Timestamp};
use std::net::IpAddr;
use store::{AccountState, Link, LinkId, StoreError};
use tokio::task::spawn_blocking;

/// How long a password that was given opens the page, in seconds.
const OPEN_FOR: i64 = 3600;

/// What is found at a link's address.
#[derive(Debug)]
pub enum Found {
    /// The link, open.
    Open(Box<Link>),
    /// A link whose file cannot be had at the moment: its disk is missing.
    Away,
    /// A link whose file is damaged.
    Damaged,
    /// A link that asks for a password.
    Locked,
    /// A link whose sender is stopped, and why.
    Stopped(String),
    /// No link that works.
    Nothing,
}

impl Links {
    /// Looks at a link; `key` is what [`Links::unlock`] gave. Who finds nothing is counted.
    ///
    /// # Errors
    /// The store failed.
    pub async fn find(
        &self,
        screen: &Screen,
        ip: IpAddr,
        shown: &str,
        key: Option<&str>,
    ) -> Result<Found, StoreError> {
        let Some(link) = self.working(shown)? else {
            miss(screen, ip).await;
            return Ok(Found::Nothing);
        };
        if let Some(reason) = self.stopped(&link)? {
            return Ok(Found::Stopped(reason));
        }
        let open = match &link.password_hash {
            None => true,
            Some(hash) => key.is_some_and(|key| self.opens(key, link.id, hash)),
        };
        if !open {
            return Ok(Found::Locked);
        }
        let (folder, file, size) = (self.folder.clone(), link.file, link.size);
        Ok(match spawn_blocking(move || folder.open(&file, size)).await {
            Ok(Ok(_)) => Found::Open(Box::new(link)),
            Ok(Err(Missing::Damaged(damage))) => {
                self.note_damage(&link, damage).await;
                Found::Damaged
            }
            Ok(Err(Missing::Away)) | Err(_) => Found::Away, // or the box is going down
        })
    }

    /// Compares the password of a link; the key that opens it for a while, if it is the right one.
    ///
    /// # Errors
    /// The store failed.
    pub async fn unlock(
        &self,
        screen: &Screen,
        logins: &Logins,
        ip: IpAddr,
        shown: &str,
        password: &Secret,
    ) -> Result<Option<String>, StoreError> {
        let link = self.working(shown)?;
        let hash = link.as_ref().and_then(|link| link.password_hash.as_deref());
        // Counted by link, or by what was guessed.
        let target = screen.target(None, &format!("link {shown}"));
        let right =
            screen.may_try(ip, &target).is_ok() && logins.compare_other(ip, &target, hash, password).await;
        match (link.as_ref(), hash) {
            (Some(link), Some(hash)) if right => Ok(Some(self.key(link.id, hash))),
            _ => {
                let _ = screen.wrong(ip, &target, password); // the next request hears of a penalty
                miss(screen, ip).await;
                Ok(None)
            }
        }
    }

    fn working(&self, shown: &str) -> Result<Option<Link>, StoreError> {
        // What is no token is looked for all the same: it takes as long.
        let hash = token::read(shown).map_or([0; 32], |token| token.hash());
        let link = self.store.snapshot()?.link_by_token(&hash)?;
        Ok(link.filter(|link| link.works(self.clock.now())))
    }

    fn stopped(&self, link: &Link) -> Result<Option<String>, StoreError> {
        let account = self.store.snapshot()?.account(link.account)?;
        Ok(match account.map(|account| account.state) {
            Some(AccountState::Frozen { reason, .. }) => Some(reason),
            Some(AccountState::Disabled) | None => Some("it was switched off".to_owned()),
            Some(AccountState::Active | AccountState::Limited { .. }) => None,
        })
    }

    // until "." code: ends with the hour, with the box, and with another password.
    fn key(&self, id: LinkId, hash: &str) -> String {
        let until = self.clock.now().plus(OPEN_FOR);
        format!("{}.{}", until.0, self.code(id, hash, until))
    }

    fn code(&self, id: LinkId, hash: &str, until: Timestamp) -> String {
        let mut hasher = blake3::Hasher::new_keyed(&self.key);
        hasher.update(&id.0.to_le_bytes());
        hasher.update(&until.0.to_le_bytes());
        hasher.update(hash.as_bytes());
        URL_SAFE_NO_PAD.encode(hasher.finalize().as_bytes())
    }

    fn opens(&self, key: &str, id: LinkId, hash: &str) -> bool {
        use subtle::ConstantTimeEq;
        let Some((until, code)) = key.split_once('.') else {
            return false;
        };
        let Ok(until) = until.parse().map(Timestamp) else {
            return false;
        };
        let right = self.code(id, hash, until);
        until > self.clock.now() && bool::from(right.as_bytes().ct_eq(code.as_bytes()))
    }
}

async fn miss(screen: &Screen, ip: IpAddr) {
    // Whoever misses too often is shut out; the next connection is told so.
    let (wait, _) = screen.offence(ip, Offence::Link);
    tokio::time::sleep(wait).await;
}
