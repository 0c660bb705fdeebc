//! Words that mail here is made of, with what was learnt about them: most words of a message were in
//! the last ones too, and to take one out of the store costs many times as much as to find it here.

use super::spread::Spread;
use super::tokens::Tokens;
use crate::blocking::blocking_if;
use crate::limits::filter::{AT_ONCE_READ, KNOWN};
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

/// The words of one state of what was learnt. Clones share them.
#[derive(Clone, Default)]
pub struct Lexicon(Arc<Mutex<Known>>);

#[derive(Default)]
struct Known {
    version: u64,
    words: HashMap<u64, TokenCount, Spread>,
}

impl Lexicon {
    /// How often each of these was learnt, in no order. `state`: what `snapshot` says was learnt. Blocks
    /// where many are not known yet.
    ///
    /// # Errors
    /// The store failed.
    pub fn look_up<'a>(
        &self,
        snapshot: &Snapshot,
        state: BayesState,
        tokens: &'a Tokens,
    ) -> Result<Vec<Word<'a>>, StoreError> {
        let (mut words, strange) = self.find(state, tokens);
        if strange.is_empty() {
            return Ok(words);
        }
        let hashes: Vec<u64> = strange.iter().map(|(hash, _)| *hash).collect();
        let counts = blocking_if(hashes.len() > AT_ONCE_READ, || snapshot.tokens(&hashes))?;
        self.learn(state, hashes.into_iter().zip(counts.iter().copied()));
        let read = strange.into_iter().zip(counts);
        words.extend(read.map(|((hash, text), count)| Word { hash, text, count }));
        Ok(words)
    }

    // Words that are known, and those that are not.
    fn find<'a>(&self, state: BayesState, tokens: &'a Tokens) -> (Vec<Word<'a>>, Vec<(u64, &'a str)>) {
        let (mut words, mut strange) = (Vec::with_capacity(tokens.len()), Vec::new());
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let is_current = known.version == state.version;
        for (hash, text) in tokens.iter() {
            match known.words.get(&hash) {
                Some(&count) if is_current => words.push(Word { hash, text, count }),
                _ => strange.push((hash, text)),
            }
        }
        (words, strange)
    }

    // Whoever still looks at an older state changes nothing.
    fn learn(&self, state: BayesState, words: impl ExactSizeIterator<Item = (u64, TokenCount)>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.version > state.version {
            return;
        }
        if known.version < state.version || known.words.len().saturating_add(words.len()) > KNOWN {
            known.words.clear();
            known.version = state.version;
        }
        known.words.extend(words);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tokens::{self, hash};
    use super::*;
    use crate::limits::filter::TOKENS;
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

    fn counts(lexicon: &Lexicon, snapshot: &Snapshot, tokens: &Tokens) -> Vec<(String, u32, u32)> {
        let state = snapshot.bayes().unwrap();
        let words = lexicon.look_up(snapshot, state, tokens).unwrap();
        let words = words.iter().filter(|word| !word.text.contains(':'));
        let mut counts: Vec<_> = words
            .map(|word| (word.text.to_owned(), word.count.spam, word.count.ham))
            .collect();
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
            let bonus: (u32, u32) = bonus;
            vec![
                ("bonus".to_owned(), bonus.0, bonus.1),
                ("meeting".to_owned(), meeting.0, meeting.1),
            ]
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

    #[tokio::test]
    async fn strangers_cannot_make_it_large() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), &Options::default()).unwrap();
        let snapshot = store.snapshot().unwrap();
        let lexicon = Lexicon::default();
        for message in 0..3 * KNOWN / TOKENS {
            let words: String = (0..TOKENS - 10).map(|n| format!("{message}x{n:04} ")).collect();
            assert_eq!(counts(&lexicon, &snapshot, &tokens_of(&words)).len(), TOKENS - 10);
            assert!(lexicon.0.lock().unwrap().words.len() <= KNOWN);
        }
    }
}
