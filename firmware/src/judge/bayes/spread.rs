//! Where a token stands in a table: its hash is mixed with a number of this run, so that nobody who picks
//! his words can have them meet in one place.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

/// For tables whose keys are [`super::tokens::hash`]es: many times as fast as hashing them once more. It is no
/// cryptography: it keeps whoever does not know the number from slowing a table down, and nothing else.
#[derive(Debug, Clone, Copy)]
pub struct Spread(u64);

static OF_THIS_RUN: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(0));

impl Default for Spread {
    fn default() -> Self {
        Self(*OF_THIS_RUN)
    }
}

impl BuildHasher for Spread {
    type Hasher = Mixed;

    fn build_hasher(&self) -> Mixed {
        Mixed(self.0)
    }
}

/// A number on its way through the mixer.
#[derive(Debug)]
pub struct Mixed(u64);

impl Hasher for Mixed {
    // Both halves of the long product: each of its bits depends on all of the number's.
    #[allow(clippy::cast_possible_truncation)] // the halves are meant
    fn write_u64(&mut self, number: u64) {
        let product = u128::from(self.0 ^ number) * 0x9e37_79b9_7f4a_7c15;
        self.0 = (product as u64) ^ ((product >> 64) as u64);
    }

    fn write(&mut self, octets: &[u8]) {
        for octet in octets {
            self.write_u64(u64::from(*octet));
        }
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
