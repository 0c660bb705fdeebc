//! Answers that were had lately, as whoever asks wants them: a message makes a dozen questions, most of
//! them the same as the last one's, and to take an answer out of the resolver's own memory costs many
//! times as much as to find it here.

use super::{Silence, trimmed};
use crate::limits::dns as limits;
use hickory_resolver::proto::rr::{RData, Record, RecordType};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// What the name servers said: records, or that there are none, whether the name exists all the same, and
/// whether that was shown.
type Said = Result<Arc<[RData]>, (bool, bool)>;

/// Answers, each for as long as its owner says (TTL) but not for ever, those that there is nothing included.
#[derive(Default)]
pub(super) struct Memory(Mutex<HashMap<Question, (Instant, Said)>>);

/// A name, spelt in the one way that all are compared in, a kind of record, and whether signatures are
/// looked at.
#[derive(PartialEq, Eq, Hash)]
pub(super) struct Question(String, RecordType, bool);

impl Question {
    pub(super) fn new(name: &str, kind: RecordType, checked: bool) -> Self {
        Self(trimmed(name), kind, checked)
    }
}

impl Memory {
    pub(super) fn get(&self, question: &Question) -> Option<Result<Arc<[RData]>, Silence>> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (until, said) = kept.get(question)?;
        (Instant::now() < *until).then(|| {
            said.clone().map_err(|(exists, shown)| Silence::Nothing {
                exists,
                shown,
                seconds: 0,
            })
        })
    }

    /// Keeps an answer: records for the shortest of their times, unless they are too long. Returns it.
    pub(super) fn keep(
        &self,
        question: Question,
        answer: Result<Vec<Record>, Silence>,
    ) -> Result<Arc<[RData]>, Silence> {
        let records = match answer {
            Ok(records) => records,
            Err(silence) => {
                if let Silence::Nothing {
                    exists,
                    shown,
                    seconds,
                } = silence
                {
                    self.put(question, seconds, Err((exists, shown)));
                }
                return Err(silence);
            }
        };
        let seconds = records.iter().map(|record| record.ttl).min().unwrap_or(0);
        let data: Arc<[RData]> = records.into_iter().map(|record| record.data).collect();
        if data.iter().map(octets).sum::<usize>() <= limits::ANSWER_KEPT {
            self.put(question, seconds, Ok(data.clone()));
        }
        Ok(data)
    }

    fn put(&self, question: Question, seconds: u32, said: Said) {
        let now = Instant::now();
        let lasts = Duration::from_secs(seconds.into()).min(limits::ANSWER_LASTS);
        let Some(until) = now.checked_add(lasts) else {
            return;
        };
        if until == now {
            return;
        }
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= limits::ANSWERS {
            kept.retain(|_, (until, _)| now < *until);
        }
        if kept.len() >= limits::ANSWERS {
            kept.clear(); // the resolver remembers on
        }
        kept.insert(question, (until, said));
    }
}

// What it takes in memory, about.
fn octets(data: &RData) -> usize {
    match data {
        RData::TXT(text) => text.txt_data.iter().map(|part| part.len() + 16).sum(),
        _ => size_of::<RData>(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use hickory_resolver::proto::rr::Name;
    use hickory_resolver::proto::rr::rdata::TXT;

    fn texts(seconds: u32, text: &str) -> Vec<Record> {
        let data = RData::TXT(TXT::new(vec![text.to_owned()]));
        vec![Record::from_rdata(Name::root(), seconds, data)]
    }

    fn nothing(seconds: u32) -> Result<Vec<Record>, Silence> {
        Err(Silence::Nothing {
            exists: true,
            shown: false,
            seconds,
        })
    }

    fn question(name: &str) -> Question {
        Question::new(name, RecordType::TXT, false)
    }

    #[test]
    fn an_answer_is_kept_as_long_as_its_owner_says() {
        let memory = Memory::default();
        for (name, answer, kept) in [
            ("a.example", Ok(texts(600, "v=spf1 -all")), true),
            ("b.example", Ok(texts(0, "v=spf1 -all")), false),
            ("c.example", nothing(600), true),
            ("d.example", nothing(0), false),
            ("e.example", Err(Silence::Forged), false),
            ("f.example", Err(Silence::Failed("no answer".to_owned())), false),
        ] {
            let given = memory.keep(question(name), answer).ok();
            let found = memory.get(&question(&name.to_uppercase()));
            assert_eq!(found.is_some(), kept, "{name}");
            if let Some(found) = found {
                assert_eq!(found.ok(), given, "{name}");
            }
        }
        let other = [
            Question::new("a.example", RecordType::MX, false),
            Question::new("a.example", RecordType::TXT, true),
        ];
        assert!(other.iter().all(|other| memory.get(other).is_none()));
    }

    #[test]
    fn what_should_last_for_years_is_asked_for_again_within_hours() {
        let memory = Memory::default();
        let _ = memory.keep(question("a.example"), Ok(texts(u32::MAX, "v=spf1 -all")));
        let _ = memory.keep(question("b.example"), nothing(u32::MAX));
        let latest = Instant::now() + limits::ANSWER_LASTS;
        let kept = memory.0.lock().unwrap();
        assert_eq!(kept.len(), 2);
        assert!(kept.values().all(|(until, _)| *until <= latest));
    }

    #[test]
    fn strangers_cannot_make_it_large() {
        let memory = Memory::default();
        let long = "x".repeat(250);
        let many = (0..40).flat_map(|_| texts(600, &long)).collect();
        let given = memory.keep(question("long.example"), Ok(many)).ok();
        assert_eq!(given.map(|data| data.len()), Some(40));
        assert!(memory.get(&question("long.example")).is_none());
        for number in 0..3 * limits::ANSWERS {
            let _ = memory.keep(question(&format!("{number}.example")), nothing(600));
            assert!(memory.0.lock().unwrap().len() <= limits::ANSWERS);
        }
    }
}
