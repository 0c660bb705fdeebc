//! What makes a link a secret: 128 random bits. Only their hash is kept.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use std::io;

/// Octets of a token.
const LENGTH: usize = 16;

/// A token. Shows itself only where it is asked to.
pub(super) struct Token([u8; LENGTH]);

/// A token that nobody has.
///
/// # Errors
/// The system gives no random numbers.
pub(super) fn fresh() -> io::Result<Token> {
    let mut octets = [0; LENGTH];
    getrandom::fill(&mut octets).map_err(|error| io::Error::other(error.to_string()))?;
    Ok(Token(octets))
}

/// A token as it stands in an address; `None`: that is none.
pub(super) fn read(shown: &str) -> Option<Token> {
    let octets = URL_SAFE_NO_PAD.decode(shown).ok()?;
    Some(Token(octets.try_into().ok()?))
}

impl Token {
    /// As it stands in an address: 22 letters.
    pub(super) fn shown(&self) -> String {
        URL_SAFE_NO_PAD.encode(self.0)
    }

    /// Under which the store finds the link. So many random bits need no salt.
    pub(super) fn hash(&self) -> [u8; 32] {
        *blake3::hash(&self.0).as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_reads_back_and_nothing_else_is_one() {
        let token = fresh().unwrap();
        assert_eq!(token.shown().len(), 22);
        assert_eq!(read(&token.shown()).unwrap().hash(), token.hash());
        assert_ne!(fresh().unwrap().hash(), token.hash());
        for other in [
            "",
            "a",
            "../../../../etc/passwd",
            &token.shown()[1..],
            "äääääääääää",
        ] {
            assert!(read(other).is_none(), "{other}");
        }
    }
}
