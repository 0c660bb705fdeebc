//! What senders and admins see and change.

use super::{FolderState, LINKS, Links, Rules};
use crate::clock::DAY;
use crate::guard;
use crate::limits::links as limits;
use crate::settings;
use proto::types::{AccountId, Secret};
use store::{EventKind, Link, LinkChange, LinkId, StoreError};

/// What may be done to a link.
#[derive(Debug, Clone)]
pub enum Wish {
    /// It works for so many days from now on.
    Extend(u32),
    /// It works no more.
    Revoke,
    /// It asks for this password; `None`: for none.
    Password(Option<Secret>),
}

/// Why something was not done.
#[derive(Debug, thiserror::Error)]
pub enum WishError {
    /// It cannot be done, for a reason that a person understands.
    #[error("{0}")]
    Refused(String),
    /// There is no such link, or it is somebody else's.
    #[error("there is no such link")]
    Gone,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Links {
    /// The rules.
    ///
    /// # Errors
    /// The store failed.
    pub fn rules(&self) -> Result<Rules, StoreError> {
        Rules::read(&self.store.snapshot()?)
    }

    /// Changes the rules; they are checked first. What somebody else changes meanwhile stays: `edit` may
    /// be asked again. `false`: they are as they were.
    ///
    /// # Errors
    /// What is wrong with the rules then.
    pub async fn change_rules(&self, edit: impl Fn(&mut Rules)) -> Result<bool, WishError> {
        let edit = |mut rules: Rules| {
            edit(&mut rules);
            rules.checked().map_err(WishError::Refused)
        };
        let (before, after) = settings::change(&self.store, LINKS, edit).await?;
        if after != before {
            self.ledger.record(EventKind::SettingChanged {
                key: LINKS.to_owned(),
            });
            self.touch();
        }
        Ok(after != before)
    }

    /// Some links older than `before` (the newest, when `None`), newest first: of one account, or of
    /// all. With where to ask on, if there are more.
    ///
    /// # Errors
    /// The store failed.
    pub fn list(
        &self,
        of: Option<AccountId>,
        before: Option<LinkId>,
    ) -> Result<(Vec<Link>, Option<LinkId>), StoreError> {
        let own = |link: &Link| of.is_none_or(|account| account == link.account);
        let mut links = self.store.snapshot()?.links(before, limits::LISTED + 1, own)?;
        let more = links.len() > limits::LISTED;
        links.truncate(limits::LISTED);
        let last = links.last().map(|link| link.id).filter(|_| more);
        Ok((links, last))
    }

    /// Why attachments stay in the mail just now, if they do.
    ///
    /// # Errors
    /// The store failed.
    pub async fn held_back(&self) -> Result<Option<&'static str>, StoreError> {
        if self.folder().await.state == FolderState::Missing {
            return Ok(Some("the disk for them is missing"));
        }
        let snapshot = self.store.snapshot()?;
        Ok(Rules::read(&snapshot)?.held_back(&snapshot))
    }

    /// Does what is wished with a link, of this account if one is named.
    ///
    /// # Errors
    /// It was not done.
    pub async fn change(
        &self,
        id: LinkId,
        of: Option<AccountId>,
        wish: Wish,
        by: &str,
    ) -> Result<Link, WishError> {
        let link = self.store.snapshot()?.link(id)?.ok_or(WishError::Gone)?;
        let now = self.clock.now();
        let (change, what) = match wish {
            Wish::Extend(days) if !(1..=limits::MOST_DAYS).contains(&days) => {
                let words = format!("A link works for 1 to {} days.", limits::MOST_DAYS);
                return Err(WishError::Refused(words));
            }
            Wish::Extend(days) => {
                let until = now.plus(i64::from(days) * DAY);
                (LinkChange::Extend(until), format!("works for {days} days"))
            }
            Wish::Revoke => (LinkChange::Revoke(now), "withdrawn".to_owned()),
            Wish::Password(None) => (LinkChange::Password(None), "no password".to_owned()),
            Wish::Password(Some(password)) => {
                let hash = guard::hash(password).await;
                let hash = hash.map_err(|error| WishError::Refused(error.to_string()))?;
                (LinkChange::Password(Some(hash)), "new password".to_owned())
            }
        };
        let event = self.ledger.event(EventKind::LinkChanged {
            link: id.0,
            account: link.account,
            what,
            by: by.to_owned(),
        });
        match self.store.change_link(id, of, change, event.clone()).await {
            Ok(link) => {
                self.ledger.count(&event);
                Ok(link)
            }
            Err(StoreError::NotFound) => Err(WishError::Gone),
            Err(StoreError::CannotChange(why)) => Err(WishError::Refused(format!("Not possible: {why}."))),
            Err(error) => Err(error.into()),
        }
    }
}

/// Megabytes as typed, such as `5` or `0.5`, in octets.
///
/// # Errors
/// That is no number.
pub fn megabytes(typed: &str) -> Result<u64, String> {
    let typed = typed.trim();
    let wrong = || format!("“{typed}” is no number of MB.");
    let (whole, part) = typed.split_once(['.', ',']).unwrap_or((typed, "0"));
    let whole: u64 = whole.parse().map_err(|_| wrong())?;
    if part.is_empty() || part.len() > 6 || !part.bytes().all(|digit| digit.is_ascii_digit()) {
        return Err(wrong());
    }
    let part: u64 = format!("{part:0<6}").parse().map_err(|_| wrong())?;
    whole
        .checked_mul(1_000_000)
        .and_then(|octets| octets.checked_add(part))
        .ok_or_else(wrong)
}

/// Octets as megabytes, as they are typed.
#[must_use]
pub fn in_megabytes(octets: u64) -> String {
    let (whole, part) = (octets / 1_000_000, octets % 1_000_000);
    if part == 0 {
        return whole.to_string();
    }
    format!("{whole}.{part:06}").trim_end_matches('0').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn megabytes_are_read_as_they_are_written() {
        for (typed, octets) in [("5", 5_000_000), ("0.5", 500_000), ("1,25", 1_250_000), ("0", 0)] {
            assert_eq!(megabytes(typed).unwrap(), octets);
            assert_eq!(megabytes(&in_megabytes(octets)).unwrap(), octets);
        }
        for typed in ["", "x", "-1", "1.", ".5", "1.2.3", "1e6", "99999999999999999999"] {
            assert!(megabytes(typed).is_err(), "{typed}");
        }
        assert_eq!(in_megabytes(500_000), "0.5");
    }
}
