//! Learning which words spam is made of.

use super::Write;
use crate::schema::{LEARNT_HAM, LEARNT_SPAM, LEARNT_VERSION};
use crate::{Lesson, StoreError};
use proto::types::Timestamp;
use redb::{ReadableTable, ReadableTableMetadata};

/// Most tokens remembered: 20 octets each, about 6 MB on the card.
pub(crate) const TOKENS: u64 = 150_000;
/// Most messages remembered as learnt.
pub(crate) const LEARNT: u64 = 20_000;
/// A token in so many messages is as good as one in more when room is made.
const COMMON: u32 = 4;

impl Write<'_> {
    /// See [`crate::Store::learn`].
    pub(crate) fn learn(&mut self, lessons: &[Lesson]) -> Result<u64, StoreError> {
        let mut learnt = 0;
        for lesson in lessons {
            let before = self
                .read()
                .learnt
                .get(&lesson.message)?
                .map(|learnt| learnt.value().0);
            if before == Some(lesson.spam) {
                continue;
            }
            if let Some(spam) = before {
                self.count(&lesson.tokens, spam, |count| count.saturating_sub(1), lesson.at)?;
                self.count_message(spam, |count| count.saturating_sub(1))?;
            }
            self.count(
                &lesson.tokens,
                lesson.spam,
                |count| count.saturating_add(1),
                lesson.at,
            )?;
            self.count_message(lesson.spam, |count| count.saturating_add(1))?;
            self.edit()
                .learnt
                .insert(&lesson.message, (lesson.spam, lesson.at.0))?;
            learnt += 1;
        }
        if learnt > 0 {
            self.count_change()?;
        }
        self.make_room_for_tokens()?;
        self.make_room_for_learnt()?;
        Ok(learnt)
    }

    /// See [`crate::Store::unlearn_everything`].
    pub(crate) fn unlearn_everything(&mut self) -> Result<(), StoreError> {
        let tables = self.edit();
        tables.tokens.retain(|_, _| false)?;
        tables.learnt.retain(|_, _| false)?;
        tables.meta.remove(LEARNT_SPAM)?;
        tables.meta.remove(LEARNT_HAM)?;
        self.count_change()
    }

    fn count_change(&mut self) -> Result<(), StoreError> {
        let before = self
            .read()
            .meta
            .get(LEARNT_VERSION)?
            .map_or(0, |version| version.value());
        self.edit()
            .meta
            .insert(LEARNT_VERSION, before.saturating_add(1))?;
        Ok(())
    }

    fn count(
        &mut self,
        tokens: &[u64],
        spam: bool,
        change: impl Fn(u32) -> u32,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let today = u32::try_from(at.0 / 86_400).unwrap_or(0);
        for token in tokens {
            let before = self.read().tokens.get(token)?.map(|counts| counts.value());
            let (mut as_spam, mut as_ham, _) = before.unwrap_or_default();
            let counted = if spam { &mut as_spam } else { &mut as_ham };
            *counted = change(*counted);
            if as_spam > 0 || as_ham > 0 {
                self.edit().tokens.insert(token, (as_spam, as_ham, today))?;
            } else if before.is_some() {
                self.edit().tokens.remove(token)?;
            }
        }
        Ok(())
    }

    fn count_message(&mut self, spam: bool, change: impl Fn(u64) -> u64) -> Result<(), StoreError> {
        let key = if spam { LEARNT_SPAM } else { LEARNT_HAM };
        let count = self.read().meta.get(key)?.map_or(0, |count| count.value());
        self.edit().meta.insert(key, change(count))?;
        Ok(())
    }

    // The rarest go, of those the ones that were not seen for the longest time.
    fn make_room_for_tokens(&mut self) -> Result<(), StoreError> {
        let worth = |(spam, ham, day): (u32, u32, u32)| (spam.saturating_add(ham).min(COMMON), day);
        if self.read().tokens.len()? <= TOKENS {
            return Ok(());
        }
        let mut all = Vec::new();
        for entry in self.read().tokens.iter()? {
            all.push(worth(entry?.1.value()));
        }
        if let Some(mut cut) = Cut::new(all, TOKENS) {
            self.edit().tokens.retain(|_, counts| cut.keeps(&worth(counts)))?;
        }
        Ok(())
    }

    // What was learnt from the oldest stays learnt, but could be learnt again.
    fn make_room_for_learnt(&mut self) -> Result<(), StoreError> {
        if self.read().learnt.len()? <= LEARNT {
            return Ok(());
        }
        let mut all = Vec::new();
        for entry in self.read().learnt.iter()? {
            all.push(entry?.1.value().1);
        }
        if let Some(mut cut) = Cut::new(all, LEARNT) {
            self.edit().learnt.retain(|_, (_, at)| cut.keeps(&at))?;
        }
        Ok(())
    }
}

/// Chooses what goes from a table that is full, a tenth more than has to, so that it is not full
/// again with the next row.
pub(super) struct Cut<T> {
    last: T,
    to_go: usize,
}

impl<T: Ord + Copy> Cut<T> {
    /// For rows of that worth each, of which `most` may stay; `None`: all may.
    pub(super) fn new(mut all: Vec<T>, most: u64) -> Option<Self> {
        let most = usize::try_from(most).unwrap_or(usize::MAX);
        let to_go = all.len().checked_sub(most - most / 10)?;
        let (_, last, _) = all.select_nth_unstable(to_go.checked_sub(1)?);
        Some(Self { last: *last, to_go })
    }

    /// Whether a row of that worth stays. Asked once for every row.
    pub(super) fn keeps(&mut self, worth: &T) -> bool {
        if self.to_go == 0 || *worth > self.last {
            return true;
        }
        self.to_go -= 1;
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cut_leaves_nine_tenths_and_never_more_than_the_least_of_them(
            all in prop::collection::vec(0u8..20, 0..200), most in 1u64..150,
        ) {
            let mut kept = Vec::new();
            let keep = usize::try_from(most - most / 10).unwrap().min(all.len());
            match Cut::new(all.clone(), most) {
                None => kept.clone_from(&all),
                Some(mut cut) => kept.extend(all.iter().copied().filter(|worth| cut.keeps(worth))),
            }
            prop_assert_eq!(kept.len(), keep);
        }
    }
}
