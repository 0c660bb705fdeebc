//! What a sender asks for beside the addresses: the parameters of MAIL and RCPT that travel on with
//! the message.

use super::Timestamp;
use crate::limits::smtp::{ENVELOPE_ID, ORIGINAL};
use serde::{Deserialize, Serialize};
use std::fmt::{self, Write as _};

/// For a whole message (parameters of MAIL).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Wishes {
    /// BODY= (RFC 6152, RFC 3030).
    pub body: BodyKind,
    /// SMTPUTF8 (RFC 6531): the envelope or the header may go beyond ASCII.
    pub utf8: bool,
    /// RET= (RFC 3461 4.3).
    pub returned: Option<Returned>,
    /// ENVID= (RFC 3461 4.4).
    pub envelope_id: Option<EnvelopeId>,
    /// What TLS it has to have on its way (RFC 8689).
    pub tls: TlsWish,
    /// HOLDFOR= or HOLDUNTIL= (RFC 4865).
    pub hold: Option<Hold>,
}

impl Wishes {
    /// Whether it is rather not delivered than in clear.
    #[must_use]
    pub fn requires_tls(&self) -> bool {
        self.tls == TlsWish::Required
    }
}

/// What TLS a message has to have on its way (RFC 8689).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum TlsWish {
    /// What the recipients' domains and our own settings say.
    #[default]
    AsUsual,
    /// REQUIRETLS: rather not delivered than in clear.
    Required,
    /// `TLS-Required: No`: rather in clear than not delivered, whatever the recipients' domains say.
    NotRequired,
}

/// For one recipient (parameters of RCPT, RFC 3461 4.1 and 4.2).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RecipientWishes {
    /// NOTIFY=.
    pub notify: Notify,
    /// ORCPT=.
    pub original: Option<OriginalRecipient>,
}

/// What a message's body is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub enum BodyKind {
    /// Lines of ASCII; what is not said is taken for it.
    #[default]
    SevenBit,
    /// Lines of any octets (RFC 6152).
    EightBit,
    /// Any octets (RFC 3030).
    Binary,
}

/// How much of a message goes back with a notice of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Returned {
    /// RET=HDRS.
    Header,
    /// RET=FULL.
    Full,
}

/// When a sender wants a notice about a recipient.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Notify {
    /// The parameter was not there: of failure, and of delay where we like (RFC 3461 4.1).
    #[default]
    Unsaid,
    /// Under no circumstances.
    Never,
    /// In these cases; at least one.
    When {
        /// It was delivered.
        success: bool,
        /// It failed.
        failure: bool,
        /// It is late.
        delay: bool,
    },
}

impl Notify {
    /// Reads the parameter's value.
    // notify-esmtp-value = "NEVER" / 1#notify-list-element
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        if value.eq_ignore_ascii_case("NEVER") {
            return Some(Self::Never);
        }
        let (mut success, mut failure, mut delay) = (false, false, false);
        for word in value.split(',') {
            match word.to_ascii_uppercase().as_str() {
                "SUCCESS" => success = true,
                "FAILURE" => failure = true,
                "DELAY" => delay = true,
                _ => return None,
            }
        }
        Some(Self::When {
            success,
            failure,
            delay,
        })
    }

    /// Whether to tell that it was delivered.
    #[must_use]
    pub const fn of_success(self) -> bool {
        matches!(self, Self::When { success: true, .. })
    }

    /// Whether to tell that it failed.
    #[must_use]
    pub const fn of_failure(self) -> bool {
        matches!(self, Self::Unsaid | Self::When { failure: true, .. })
    }

    /// Whether to tell that it is late.
    #[must_use]
    pub const fn of_delay(self) -> bool {
        matches!(self, Self::Unsaid | Self::When { delay: true, .. })
    }
}

/// The parameter's value; empty where it was not there.
impl fmt::Display for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unsaid => Ok(()),
            Self::Never => f.write_str("NEVER"),
            Self::When {
                success,
                failure,
                delay,
            } => {
                let words = [(success, "SUCCESS"), (failure, "FAILURE"), (delay, "DELAY")];
                let said = words.iter().filter(|(on, _)| **on).map(|(_, word)| *word);
                f.write_str(&said.collect::<Vec<_>>().join(","))
            }
        }
    }
}

/// What a sender calls his transaction, decoded: printable ASCII.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct EnvelopeId(String);

impl EnvelopeId {
    /// Reads the parameter's value, which is xtext.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        let id = from_xtext(value)?;
        (!id.is_empty() && id.len() <= ENVELOPE_ID).then_some(Self(id))
    }

    /// As the sender meant it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The parameter's value.
    #[must_use]
    pub fn xtext(&self) -> String {
        to_xtext(&self.0)
    }
}

/// The recipient that the sender named first, whatever address it became on its way. Decoded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OriginalRecipient {
    kind: String,
    address: String,
}

impl OriginalRecipient {
    /// Reads the parameter's value.
    // original-recipient-address = addr-type ";" xtext (RFC 3461 4.2), or utf-8-type-addr (RFC 6533 3)
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        if value.len() > ORIGINAL {
            return None;
        }
        let (kind, address) = value.split_once(';')?;
        let atom = |c: char| c.is_ascii_alphanumeric() || "!#$%&'*-/?^_`{|}~".contains(c);
        if kind.is_empty() || !kind.chars().all(atom) {
            return None;
        }
        let address = if kind.eq_ignore_ascii_case("utf-8") {
            from_unitext(address)?
        } else {
            from_xtext(address)?
        };
        let kind = kind.to_owned();
        (!address.is_empty()).then_some(Self { kind, address })
    }

    /// The kind of the address, `rfc822` as a rule.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The address.
    #[must_use]
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The parameter's value, in ASCII.
    #[must_use]
    pub fn encoded(&self) -> String {
        let address = if self.kind.eq_ignore_ascii_case("utf-8") {
            to_unitext(&self.address)
        } else {
            to_xtext(&self.address)
        };
        format!("{};{address}", self.kind)
    }
}

/// Until when a message is kept back before it goes anywhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Hold {
    /// So many seconds.
    For(u32),
    /// Until then.
    Until(Timestamp),
}

impl Hold {
    /// When a message taken at `now` may go.
    #[must_use]
    pub fn ends(self, now: Timestamp) -> Timestamp {
        match self {
            Self::For(seconds) => now.plus(seconds.into()),
            Self::Until(then) => then.max(now),
        }
    }
}

// xtext = *( xchar / hexchar ) ; hexchar = "+" 2HEXDIG, upper case (RFC 3461 4). What it says has to
// be printable: it stands in the fields of a report.
fn from_xtext(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let (c, used) = match c {
            '+' => {
                let hex = rest.get(1..3)?;
                let upper = |o: u8| matches!(o, b'0'..=b'9' | b'A'..=b'F');
                if !hex.bytes().all(upper) {
                    return None;
                }
                (char::from(u8::from_str_radix(hex, 16).ok()?), 3)
            }
            '!'..='~' if c != '=' => (c, 1),
            _ => return None,
        };
        if !matches!(c, ' '..='~') {
            return None;
        }
        plain.push(c);
        rest = rest.get(used..)?;
    }
    Some(plain)
}

fn to_xtext(plain: &str) -> String {
    let mut text = String::with_capacity(plain.len());
    for octet in plain.bytes() {
        match octet {
            b'+' | b'=' | ..b'!' | 0x7f.. => {
                let _ = write!(text, "+{octet:02X}"); // writing to a String cannot fail
            }
            octet => text.push(char::from(octet)),
        }
    }
    text
}

// utf-8-enc-addr = utf-8-addr-xtext / utf-8-addr-unitext / utf-8-address (RFC 6533 3)
fn from_unitext(text: &str) -> Option<String> {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if c == '\\' {
            let (hex, after) = rest.strip_prefix("\\x{")?.split_once('}')?;
            if !(2..=6).contains(&hex.len()) || !hex.bytes().all(|o| o.is_ascii_hexdigit()) {
                return None;
            }
            let c = char::from_u32(u32::from_str_radix(hex, 16).ok()?)?;
            if c.is_control() {
                return None;
            }
            plain.push(c);
            rest = after;
        } else if c.is_control() || c == ' ' || c == '=' || c == '+' {
            return None;
        } else {
            plain.push(c);
            rest = rest.get(c.len_utf8()..)?;
        }
    }
    Some(plain)
}

/// The seven-bit form of an address of kind `utf-8` (RFC 6533 3).
#[must_use]
pub fn to_unitext(plain: &str) -> String {
    let mut text = String::with_capacity(plain.len());
    for c in plain.chars() {
        if matches!(c, '!'..='~') && !"\\+=".contains(c) {
            text.push(c);
        } else {
            let _ = write!(text, "\\x{{{:02X}}}", u32::from(c)); // writing to a String cannot fail
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn notify_is_read_as_rfc_3461_4_1_has_it() {
        let when = |success, failure, delay| {
            Some(Notify::When {
                success,
                failure,
                delay,
            })
        };
        let cases = [
            ("never", Some(Notify::Never)),
            ("SUCCESS", when(true, false, false)),
            ("Failure,delay", when(false, true, true)),
            ("SUCCESS,FAILURE,DELAY", when(true, true, true)),
            ("", None),
            ("NEVER,DELAY", None),
            ("SUCCESS,", None),
            ("SOMETIMES", None),
        ];
        for (text, expected) in cases {
            assert_eq!(Notify::parse(text), expected, "{text}");
            if let Some(notify) = expected {
                assert_eq!(Notify::parse(&notify.to_string()), Some(notify));
            }
        }
        let facts = |notify: Notify| (notify.of_success(), notify.of_failure(), notify.of_delay());
        assert_eq!(facts(Notify::Unsaid), (false, true, true));
        assert_eq!(facts(Notify::Never), (false, false, false));
    }

    #[test]
    fn ids_and_original_recipients_are_decoded_and_stay_on_their_line() {
        let id = |text| EnvelopeId::parse(text).map(|id| id.as_str().to_owned());
        assert_eq!(id("QQ314159+2B"), Some("QQ314159+".to_owned()));
        for wrong in ["", "a+2b", "a+0A", "a=b", "a b", "a+2", "a\u{e4}"] {
            assert_eq!(id(wrong), None, "{wrong}");
        }
        assert_eq!(id(&"x".repeat(ENVELOPE_ID + 1)), None);

        let original = |text: &str| {
            let original = OriginalRecipient::parse(text)?;
            Some((original.address().to_owned(), original.encoded()))
        };
        let pair = |a: &str, b: &str| Some((a.to_owned(), b.to_owned()));
        assert_eq!(
            original("rfc822;a+2Bb@x.example"),
            pair("a+b@x.example", "rfc822;a+2Bb@x.example")
        );
        assert_eq!(
            original("utf-8;j\\x{F6}rg@x.example"),
            pair("j\u{f6}rg@x.example", "utf-8;j\\x{F6}rg@x.example")
        );
        assert_eq!(
            original("UTF-8;j\u{f6}rg@x.example"),
            pair("j\u{f6}rg@x.example", "UTF-8;j\\x{F6}rg@x.example")
        );
        let wrong = [
            "rfc822",
            ";a@b",
            "rfc822;",
            "rfc822;a+0D+0Ab",
            "rfc 822;a",
            "rfc822;j\u{f6}rg@x",
            "utf-8;a\\x{D}b",
            "utf-8;a\\x{D800}b",
            "utf-8;a\\y",
        ];
        for wrong in wrong {
            assert_eq!(original(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_hold_never_ends_before_it_began() {
        let now = Timestamp(1000);
        assert_eq!(Hold::For(60).ends(now), Timestamp(1060));
        assert_eq!(Hold::Until(Timestamp(2000)).ends(now), Timestamp(2000));
        assert_eq!(Hold::Until(Timestamp(5)).ends(now), now);
    }

    proptest! {
        #[test]
        fn encoding_and_decoding_are_inverse(plain in "[ -~]{1,60}", wide in "[ -~\u{a1}-\u{ffff}]{1,60}") {
            prop_assert_eq!(from_xtext(&to_xtext(&plain)), Some(plain));
            let encoded = to_unitext(&wide);
            prop_assert!(encoded.is_ascii() && !encoded.contains(' '));
            prop_assert_eq!(from_unitext(&encoded), Some(wide));
        }

        #[test]
        fn any_text_is_read_without_panic(text: String) {
            let _ = (EnvelopeId::parse(&text), OriginalRecipient::parse(&text), Notify::parse(&text));
        }
    }
}
