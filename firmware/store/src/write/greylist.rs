//! Who has to come again: a key with the times of its first and last visit, and whether it was
//! let in. Times in the future were written before the clock was set: such a row begins anew.

use super::Write;
use super::bayes::Cut;
use crate::{GreyAnswer, StoreError};
use proto::types::Timestamp;
use redb::{ReadableTable, ReadableTableMetadata};

/// Most rows. Those that never came again go first.
pub(crate) const GREYLIST: u64 = 20_000;
/// Most octets of a key; a longer one is cut.
const KEY: usize = 800;
/// Seeing somebody again within so many seconds is not worth a write.
const SEEN_AGAIN: i64 = 86_400;

type GreyValue = (i64, i64, bool);

/// Whether a row still says something at `at`.
pub(crate) const fn holds((first, last, passed): GreyValue, at: Timestamp) -> bool {
    if first > at.0 || last > at.0 {
        return false;
    }
    if passed {
        at.0 - last <= GreyAnswer::KNOWN
    } else {
        at.0 - first <= GreyAnswer::RETRY
    }
}

impl Write<'_> {
    /// See [`crate::Store::greylist`].
    pub(crate) fn greylist(
        &mut self,
        key: &str,
        at: Timestamp,
        delay: i64,
    ) -> Result<GreyAnswer, StoreError> {
        let key = cut(key);
        match self.grey(key, at)? {
            None => {
                self.put_grey(key, (at.0, at.0, false))?;
                Ok(GreyAnswer::Wait {
                    until: at.plus(delay),
                })
            }
            Some((first, _, false)) if at.0 - first < delay => Ok(GreyAnswer::Wait {
                until: Timestamp(first).plus(delay),
            }),
            Some(row) => {
                self.let_in(key, row, at)?;
                Ok(GreyAnswer::Pass)
            }
        }
    }

    /// See [`crate::Store::never_greylist`].
    pub(crate) fn never_greylist(&mut self, keys: &[String], at: Timestamp) -> Result<(), StoreError> {
        for key in keys {
            let key = cut(key);
            let row = self.grey(key, at)?.unwrap_or((at.0, at.0, false));
            self.let_in(key, row, at)?;
        }
        Ok(())
    }

    /// See [`crate::Store::tidy_senders`].
    pub(crate) fn tidy_greylist(&mut self, at: Timestamp) -> Result<(), StoreError> {
        let mut any = false;
        for entry in self.read().greylist.iter()? {
            any |= !holds(entry?.1.value(), at);
        }
        if any {
            self.edit().greylist.retain(|_, row| holds(row, at))?;
        }
        Ok(())
    }

    fn let_in(
        &mut self,
        key: &str,
        (first, last, passed): GreyValue,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        if passed && at.0 - last < SEEN_AGAIN {
            return Ok(());
        }
        self.put_grey(key, (first, at.0, true))
    }

    fn grey(&self, key: &str, at: Timestamp) -> Result<Option<GreyValue>, StoreError> {
        let row = self.read().greylist.get(key)?.map(|row| row.value());
        Ok(row.filter(|row| holds(*row, at)))
    }

    fn put_grey(&mut self, key: &str, row: GreyValue) -> Result<(), StoreError> {
        self.edit().greylist.insert(key, row)?;
        if self.read().greylist.len()? <= GREYLIST {
            return Ok(());
        }
        let worth = |(_, last, passed): GreyValue| (passed, last);
        let mut all = Vec::new();
        for entry in self.read().greylist.iter()? {
            all.push(worth(entry?.1.value()));
        }
        if let Some(mut cut) = Cut::new(all, GREYLIST) {
            self.edit().greylist.retain(|_, row| cut.keeps(&worth(row)))?;
        }
        Ok(())
    }
}

fn cut(key: &str) -> &str {
    key.get(..key.floor_char_boundary(KEY)).unwrap_or_default()
}
