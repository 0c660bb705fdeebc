//! The code that the panel shows while nobody has claimed the box.

/// Letters and digits that are not taken for one another, on a small panel or read aloud.
const LETTERS: &[u8; 32] = b"ABCDEFGHJKLMNPQRSTUVWXYZ23456789";
/// How many; 40 random bits.
const LENGTH: usize = 8;

/// A fresh code, such as `K7QD-M2XB`. It holds until the box is claimed or starts again.
///
/// # Errors
/// The random source failed.
pub fn code() -> Result<String, getrandom::Error> {
    let mut random = [0; LENGTH];
    getrandom::fill(&mut random)?;
    let mut code = String::with_capacity(LENGTH + 1);
    for (place, octet) in random.iter().enumerate() {
        if place == LENGTH / 2 {
            code.push('-');
        }
        let letter = LETTERS.get(usize::from(octet & 31)).copied().unwrap_or(b'A');
        code.push(char::from(letter));
    }
    Ok(code)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_differ_and_hold_no_letters_that_are_mistaken() {
        let codes: std::collections::HashSet<String> = (0..100).map(|_| code().unwrap()).collect();
        assert_eq!(codes.len(), 100);
        for code in codes {
            assert_eq!(code.len(), 9);
            assert!(!code.contains(['0', 'O', '1', 'I']), "{code}");
        }
    }
}
