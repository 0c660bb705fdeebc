//! What was learnt about words, all of it in memory: to take the words of one message out of the store costs
//! many times as much as to find them here.

use super::spread::Spread;
use super::tokens::Tokens;
use crate::blocking::blocking;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use store::{BayesState, Snapshot, StoreError, TokenCount};

/// A token of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word<'a> {
    /// See [`super::tokens::hash`].
    pub hash: u64,
    /// As a person reads it.
    pub text: &'a str,
    /// How often it was learnt.
    pub count: TokenCount,
}

/// The words of one state of what was learnt, some 20 octets each; the store bounds how many there are.
/// Clones share them.
#[derive(Clone, Default)]
pub struct Lexicon(Arc<Mutex<Option<Arc<Known>>>>);

struct Known {
    version: u64,
    words: HashMap<u64, TokenCount, Spread>,
}

impl Lexicon {
    /// How often each of these was learnt, where it ever was. `state`: what `snapshot` says was learnt. Blocks
    /// where that is not what was learnt the last time.
    ///
    /// # Errors
    /// The store failed.
    pub fn look_up<'a>(
        &self,
        snapshot: &Snapshot,
        state: BayesState,
        tokens: &'a Tokens,
    ) -> Result<Vec<Word<'a>>, StoreError> {
        let known = self.known(snapshot, state)?;
        let found = tokens.iter().filter_map(|(hash, text)| {
            let count = *known.words.get(&hash)?;
            Some(Word { hash, text, count })
        });
        Ok(found.collect())
    }

    // Whoever still looks at an older state reads that one for himself.
    fn known(&self, snapshot: &Snapshot, state: BayesState) -> Result<Arc<Known>, StoreError> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(kept) = kept.filter(|kept| kept.version == state.version) {
            return Ok(kept);
        }
        let read = Arc::new(Known {
            version: state.version,
            words: blocking(|| snapshot.learnt_tokens())?,
        });
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.as_ref().is_none_or(|kept| kept.version < state.version) {
            *kept = Some(Arc::clone(&read));
        }
        Ok(read)
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens::{self, hash};
    use super::*;
    use proto::message::scan;
    use proto::types::Timestamp;
    use store::{Lesson, Options, Store};

    fn lesson(number: u8, text: &str, spam: bool) -> Lesson {
        Lesson {
            message: [number; 32],
            tokens: vec![hash(text)],
            spam,
            at: Timestamp(1),
        }
    }

    fn tokens_of(text: &str) -> Tokens {
        let message = format!("\r\n{text}\r\n");
        let octets = |span: proto::types::Span| {
            let (start, end) = (usize::try_from(span.start), usize::try_from(span.end));
            Ok::<_, ()>(message.as_bytes()[start.unwrap()..end.unwrap()].into())
        };
        tokens::of(&scan::structure(message.as_bytes()), octets).unwrap()
    }

    fn counts(lexicon: &Lexicon, snapshot: &Snapshot, tokens: &Tokens) -> Vec<(String, (u32, u32))> {
        let state = snapshot.bayes().unwrap();
        let words = lexicon.look_up(snapshot, state, tokens).unwrap();
        let words = words.iter().filter(|word| !word.text.contains(':'));
        let mut counts: Vec<_> = words
            .map(|word| (word.text.to_owned(), (word.count.spam, word.count.ham)))
            .collect();
        counts.retain(|(_, count)| *count != (0, 0));
        counts.sort();
        counts
    }

    #[tokio::test]
    async fn what_is_known_is_what_was_learnt_at_every_moment() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), &Options::default()).unwrap();
        let lexicon = Lexicon::default();
        let texts = tokens_of("bonus meeting");
        let row = |bonus, meeting: (u32, u32)| {
            let mut rows = vec![("bonus".to_owned(), bonus), ("meeting".to_owned(), meeting)];
            rows.retain(|(_, count)| *count != (0, 0));
            rows
        };
        let nothing = store.snapshot().unwrap();
        assert_eq!(counts(&lexicon, &nothing, &texts), row((0, 0), (0, 0)));
        store.learn(vec![lesson(1, "bonus", true)]).await.unwrap();
        let first = store.snapshot().unwrap();
        for _ in 0..2 {
            assert_eq!(counts(&lexicon, &first, &texts), row((1, 0), (0, 0)));
        }
        // The same numbers of messages and words, the other way round.
        store.learn(vec![lesson(2, "meeting", false)]).await.unwrap();
        let second = store.snapshot().unwrap();
        assert_eq!(counts(&lexicon, &second, &texts), row((1, 0), (0, 1)));
        let swapped = vec![lesson(1, "bonus", false), lesson(2, "meeting", true)];
        store.learn(swapped).await.unwrap();
        let third = store.snapshot().unwrap();
        assert_eq!(counts(&lexicon, &third, &texts), row((0, 1), (1, 0)));
        // Who began before is told what was so then, and whoever comes after him what is so now.
        assert_eq!(counts(&lexicon, &first, &texts), row((1, 0), (0, 0)));
        assert_eq!(counts(&lexicon, &third, &texts), row((0, 1), (1, 0)));
        store.unlearn_everything().await.unwrap();
        let last = store.snapshot().unwrap();
        assert_eq!(counts(&lexicon, &last, &texts), row((0, 0), (0, 0)));
    }
}
