//! One-time codes of an authenticator app (RFC 6238): SHA-1, 30 seconds, six digits, which is what
//! every app can do.

use crate::types::Timestamp;
use ring::hmac;
use subtle::ConstantTimeEq;

/// Seconds of a step.
const STEP: i64 = 30;
/// Octets of a secret: RFC 4226 4 asks for 160 bits.
pub const SECRET: usize = 20;
/// Digits of a code.
pub const DIGITS: usize = 6;
/// Base32 (RFC 4648 6).
const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The step in which a code was shown, if it is right: now, one before or one after (RFC 6238 5.2),
/// and later than `last`, so that no code counts twice.
#[must_use]
pub fn step_of(secret: &[u8], code: &str, now: Timestamp, last: i64) -> Option<i64> {
    let step = now.0.div_euclid(STEP);
    // All three are compared, whichever is right.
    let mut found = None;
    for step in [step - 1, step, step + 1] {
        let right: bool = self::code(secret, step).as_bytes().ct_eq(code.as_bytes()).into();
        if right && step > last {
            found = Some(step);
        }
    }
    found
}

/// The code of a step (RFC 4226 5.3).
#[must_use]
pub fn code(secret: &[u8], step: i64) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret);
    let tag = hmac::sign(&key, &step.to_be_bytes());
    let tag = tag.as_ref();
    let offset = usize::from(tag.last().copied().unwrap_or_default() & 15);
    let number = tag
        .iter()
        .skip(offset)
        .take(4)
        .fold(0_u32, |number, octet| number << 8 | u32::from(*octet));
    format!("{:0DIGITS$}", (number & 0x7fff_ffff) % 1_000_000)
}

/// A secret as apps take it.
#[must_use]
pub fn base32(secret: &[u8]) -> String {
    let mut text = String::with_capacity(secret.len().div_ceil(5) * 8);
    let (mut bits, mut held) = (0_u32, 0_u32);
    let mut push = |five: u32| {
        let letter = LETTERS.get((five & 31) as usize).copied().unwrap_or(b'A');
        text.push(char::from(letter));
    };
    for octet in secret {
        (bits, held) = (bits << 8 | u32::from(*octet), held + 8);
        while held >= 5 {
            held -= 5;
            push(bits >> held);
        }
        bits &= 0xff;
    }
    if held > 0 {
        push(bits << (5 - held));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const RFC: &[u8] = b"12345678901234567890";

    #[test]
    fn the_codes_of_rfc_6238_appendix_b() {
        // There with eight digits; the last six are the same.
        for (at, shown) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(code(RFC, at / STEP), shown[2..], "{at}");
        }
    }

    #[test]
    fn a_code_counts_for_three_steps_and_once() {
        let now = Timestamp(1_111_111_111);
        let step = now.0 / STEP;
        for (shown_at, counts) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
            let code = code(RFC, step + shown_at);
            let found = step_of(RFC, &code, now, 0);
            assert_eq!(found, counts.then_some(step + shown_at), "{shown_at}");
        }
        assert_eq!(step_of(RFC, &code(RFC, step), now, step), None, "again");
        assert_eq!(
            step_of(RFC, &code(RFC, step - 1), now, step),
            None,
            "an older one"
        );
        for wrong in ["", "05047", "0050471", "14050471", "abcdef"] {
            assert_eq!(step_of(RFC, wrong, now, 0), None, "{wrong}");
        }
    }

    #[test]
    fn base32_of_rfc_4648_section_10() {
        for (octets, text) in [
            ("", ""),
            ("f", "MY"),
            ("fo", "MZXQ"),
            ("foo", "MZXW6"),
            ("foob", "MZXW6YQ"),
            ("fooba", "MZXW6YTB"),
            ("foobar", "MZXW6YTBOI"),
        ] {
            assert_eq!(base32(octets.as_bytes()), text, "{octets}");
        }
    }
}
