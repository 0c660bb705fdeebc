//! Which files were found damaged, and are not given out.

use super::{Folder, name};
use crate::limits::links as limits;
use crate::links::damage::{Damage, Damaged};
use std::sync::{MutexGuard, PoisonError};
use store::FileHash;

impl Folder {
    fn marks(&self) -> MutexGuard<'_, Damaged> {
        self.0.damaged.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What was found wrong with a file when it was wanted last.
    pub(in crate::links) fn damage(&self, hash: &FileHash) -> Option<Damage> {
        let marks = self.marks();
        if marks.is_empty() {
            return None; // as almost always
        }
        marks.get(&name(hash)).copied()
    }

    /// A file is damaged. `false`: that is known, or so many are that nobody counts them.
    pub(in crate::links) fn note_damage(&self, hash: &FileHash, damage: Damage) -> bool {
        let mut marks = self.marks();
        let full = marks.len() >= limits::DAMAGED && !marks.contains_key(&name(hash));
        !full && marks.insert(name(hash), damage).is_none()
    }

    /// A file is what it should be.
    pub(in crate::links) fn is_whole(&self, hash: &FileHash) {
        let mut marks = self.marks();
        if !marks.is_empty() {
            marks.remove(&name(hash));
        }
    }

    /// Every file that is damaged.
    pub(in crate::links) fn damaged(&self) -> Damaged {
        self.marks().clone()
    }

    /// Forgets the damaged files that are not `needed`.
    pub(in crate::links) fn forget_damage(&self, needed: impl Fn(&FileHash) -> bool) {
        let of = |name: &str| blake3::Hash::from_hex(name).ok();
        self.marks()
            .retain(|name, _| of(name).is_some_and(|hash| needed(hash.as_bytes())));
    }
}
