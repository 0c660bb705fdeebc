//! Mail addresses (RFC 5321 4.1.2, RFC 6531 3.3).

use crate::limits::smtp as limits;
use serde::{Deserialize, Serialize};
use unicode_normalization::UnicodeNormalization as _;

/// Why a text is not an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AddressError {
    /// No `@`, or nothing on one side of it.
    #[error("an address looks like name@example.com")]
    Shape,
    /// Local part over 64 or domain over 255 octets (RFC 5321 4.5.3.1).
    #[error("the address is too long")]
    TooLong,
    /// A character that may not stand there.
    #[error("the address has a character that is not allowed")]
    Character,
}

/// A domain name in ASCII, lower case, without trailing dot: `bücher.example` is kept as
/// `xn--bcher-kva.example`, so that the two are one name everywhere. Address literals keep their
/// brackets.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Domain(String);

impl Domain {
    /// Parses `example.com`, `bücher.example` (RFC 6531) or `[192.0.2.1]`.
    ///
    /// # Errors
    /// Empty labels, labels over 63 octets, other characters.
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let text = text.strip_suffix('.').unwrap_or(text);
        if text.len() > limits::DOMAIN {
            return Err(AddressError::TooLong);
        }
        if let Some(literal) = text.strip_prefix('[').and_then(|t| t.strip_suffix(']')) {
            let address = literal.strip_prefix("IPv6:").unwrap_or(literal);
            return match address.parse::<std::net::IpAddr>() {
                Ok(_) => Ok(Self(text.to_owned())),
                Err(_) => Err(AddressError::Character),
            };
        }
        // RFC 6531 3.2: U-labels and A-labels are the same domain.
        let text = if text.is_ascii() {
            text.to_ascii_lowercase()
        } else {
            idna::domain_to_ascii(text).map_err(|_| AddressError::Character)?
        };
        if text.len() > limits::DOMAIN {
            return Err(AddressError::TooLong);
        }
        for label in text.split('.') {
            if label.is_empty() {
                return Err(AddressError::Shape);
            }
            if label.len() > 63 {
                return Err(AddressError::TooLong);
            }
            let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
            if !label.chars().all(fits) || label.starts_with('-') || label.ends_with('-') {
                return Err(AddressError::Character);
            }
        }
        Ok(Self(text))
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name as people read it, its labels in their own scripts (RFC 5890 2.3.2.1). For the office's own
    /// domains: a stranger's may look like another.
    #[must_use]
    pub fn readable(&self) -> String {
        match idna::domain_to_unicode(&self.0) {
            (text, Ok(())) => text,
            (_, Err(_)) => self.0.clone(),
        }
    }
}

impl TryFrom<String> for Domain {
    type Error = AddressError;
    fn try_from(text: String) -> Result<Self, AddressError> {
        Self::parse(&text)
    }
}

impl From<Domain> for String {
    fn from(domain: Domain) -> Self {
        domain.0
    }
}

impl std::fmt::Display for Domain {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// `local@domain`. The local part keeps its case (RFC 5321 2.4); [`Address::key`] folds it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Address {
    local: String,
    domain: Domain,
}

impl Address {
    /// Parses `local@domain`; the local part is a dot-string or a quoted string, and is kept
    /// unquoted.
    ///
    /// # Errors
    /// See [`AddressError`].
    pub fn parse(text: &str) -> Result<Self, AddressError> {
        let (local, domain) = text.rsplit_once('@').ok_or(AddressError::Shape)?;
        let domain = Domain::parse(domain)?;
        let local = match local.strip_prefix('"').and_then(|l| l.strip_suffix('"')) {
            Some(quoted) => unquote(quoted)?,
            None if is_dot_string(local) => local.to_owned(),
            None if local.is_empty() => return Err(AddressError::Shape),
            None => return Err(AddressError::Character),
        };
        Self::from_parts(&local, domain)
    }

    /// An address from its parts, the local part without quotes.
    ///
    /// # Errors
    /// See [`AddressError`].
    pub fn from_parts(local: &str, domain: Domain) -> Result<Self, AddressError> {
        if local.is_empty() {
            return Err(AddressError::Shape);
        }
        if local.len() > limits::LOCAL_PART {
            return Err(AddressError::TooLong);
        }
        if local.chars().any(char::is_control) {
            return Err(AddressError::Character);
        }
        let local = local.to_owned();
        Ok(Self { local, domain })
    }

    /// The part before the `@`, unquoted.
    #[must_use]
    pub fn local(&self) -> &str {
        &self.local
    }

    /// The part after the `@`.
    #[must_use]
    pub const fn domain(&self) -> &Domain {
        &self.domain
    }

    /// The form under which this office looks addresses up: all lower case, and letters with accents in one
    /// piece (NFC, RFC 6532 3.1), whichever way a keyboard makes them.
    #[must_use]
    pub fn key(&self) -> String {
        let local: String = self.local.to_lowercase().nfc().collect();
        format!("{local}@{}", self.domain)
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if is_dot_string(&self.local) {
            return write!(f, "{}@{}", self.local, self.domain);
        }
        f.write_str("\"")?;
        for c in self.local.chars() {
            if c == '"' || c == '\\' {
                f.write_str("\\")?;
            }
            write!(f, "{c}")?;
        }
        write!(f, "\"@{}", self.domain)
    }
}

impl TryFrom<String> for Address {
    type Error = AddressError;
    fn try_from(text: String) -> Result<Self, AddressError> {
        Self::parse(&text)
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

/// MAIL FROM: an address, or `<>` for mail that must never be answered (RFC 5321 4.5.5).
pub type ReversePath = Option<Address>;

// Dot-string = Atom *("." Atom), with RFC 6531's UTF-8.
fn is_dot_string(local: &str) -> bool {
    let atext = |c: char| {
        c.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c) || (!c.is_ascii() && !c.is_control())
    };
    local
        .split('.')
        .all(|atom| !atom.is_empty() && atom.chars().all(atext))
}

// Quoted-string's content: qtextSMTP / quoted-pairSMTP, printable only.
fn unquote(quoted: &str) -> Result<String, AddressError> {
    let mut plain = String::new();
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        let c = match c {
            '\\' => chars.next().ok_or(AddressError::Character)?,
            '"' => return Err(AddressError::Character),
            c => c,
        };
        if c.is_control() {
            return Err(AddressError::Character);
        }
        plain.push(c);
    }
    if plain.is_empty() {
        Err(AddressError::Shape)
    } else {
        Ok(plain)
    }
}
