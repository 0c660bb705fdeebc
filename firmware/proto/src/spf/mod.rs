//! What a domain says about its servers: a record of the Sender Policy Framework, read and taken
//! apart. Asking name servers for what it names is not done here.
//!
//! | RFC 7208 | what | here |
//! |---|---|---|
//! | 4.5 | which text is the record | [`is_record`] |
//! | 4.6, 5, 6, 12 | the record | [`Record::parse`]: any mistake makes all of it void (4.6) |
//! | 6.2 | `exp` | read, never asked for: no stranger's words are passed on in replies |
//! | 7 | macros | [`Macros`], but for `c`, `r` and `t`, which only explanations may have |

mod macros;
#[cfg(test)]
mod tests;

pub use macros::{Macros, Values};

use crate::limits::spf as limits;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why a record says nothing: it breaks the grammar (RFC 7208 12).
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the SPF record cannot be read")]
pub struct Malformed;

/// What becomes of a match (RFC 7208 4.6.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Qualifier {
    Pass,
    Fail,
    SoftFail,
    Neutral,
}

/// How many leading bits of an address count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Widths {
    /// Of IPv4: 0 to 32.
    pub v4: u8,
    /// Of IPv6: 0 to 128.
    pub v6: u8,
}

/// What a server is compared with (RFC 7208 5). Without a name it is the domain's own.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Mechanism {
    All,
    Include(Macros),
    A(Option<Macros>, Widths),
    Mx(Option<Macros>, Widths),
    Ptr(Option<Macros>),
    Ip(IpAddr, u8),
    Exists(Macros),
}

/// A mechanism and what it means.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs)]
pub struct Directive {
    pub qualifier: Qualifier,
    pub mechanism: Mechanism,
}

/// A record.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// In their order.
    pub directives: Vec<Directive>,
    /// Whose record counts if none of them matches (RFC 7208 6.1).
    pub redirect: Option<Macros>,
}

const VERSION: &[u8] = b"v=spf1";

/// Whether a text is a record of this version (RFC 7208 4.5).
#[must_use]
pub fn is_record(text: &[u8]) -> bool {
    match text.split_at_checked(VERSION.len()) {
        Some((version, rest)) => {
            version.eq_ignore_ascii_case(VERSION) && matches!(rest.first(), None | Some(b' '))
        }
        None => false,
    }
}

impl Record {
    /// Reads a record.
    ///
    /// # Errors
    /// It breaks the grammar, or is larger than [`limits`](crate::limits::spf) allow.
    pub fn parse(text: &[u8]) -> Result<Self, Malformed> {
        if !is_record(text) || text.len() > limits::RECORD {
            return Err(Malformed);
        }
        let text = std::str::from_utf8(text).map_err(|_| Malformed)?;
        let mut terms = text.split(' ').filter(|term| !term.is_empty());
        terms.next(); // the version
        let mut record = Self::default();
        let mut explained = false;
        for term in terms {
            match modifier(term) {
                Some(("redirect", value)) if record.redirect.is_none() => {
                    record.redirect = Some(Macros::domain(value)?);
                }
                Some(("exp", value)) if !explained => {
                    Macros::domain(value)?;
                    explained = true;
                }
                // RFC 7208 6: each of them once at most.
                Some(("redirect" | "exp", _)) => return Err(Malformed),
                Some((_, value)) => Macros::unknown(value)?,
                None => record.directives.push(directive(term)?),
            }
        }
        Ok(record)
    }
}

// RFC 7208 12: `name "=" macro-string`. What has a colon or slash before it is no name.
fn modifier(term: &str) -> Option<(&str, &str)> {
    let (name, value) = term.split_once('=')?;
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if !name.starts_with(|c: char| c.is_ascii_alphabetic()) || !name.chars().all(fits) {
        return None;
    }
    let known = ["redirect", "exp"]
        .into_iter()
        .find(|known| known.eq_ignore_ascii_case(name));
    Some((known.unwrap_or(name), value))
}

fn directive(term: &str) -> Result<Directive, Malformed> {
    let (qualifier, rest) = match term.split_at_checked(1) {
        Some(("+", rest)) => (Qualifier::Pass, rest),
        Some(("-", rest)) => (Qualifier::Fail, rest),
        Some(("~", rest)) => (Qualifier::SoftFail, rest),
        Some(("?", rest)) => (Qualifier::Neutral, rest),
        _ => (Qualifier::Pass, term),
    };
    let end = rest.find([':', '/']).unwrap_or(rest.len());
    let (name, rest) = rest.split_at(end);
    let value = rest.strip_prefix(':');
    let mechanism = match (name.to_ascii_lowercase().as_str(), value) {
        ("all", None) if rest.is_empty() => Mechanism::All,
        ("include", Some(value)) => Mechanism::Include(Macros::domain(value)?),
        ("exists", Some(value)) => Mechanism::Exists(Macros::domain(value)?),
        ("ptr", value) if value.is_some() || rest.is_empty() => {
            Mechanism::Ptr(value.map(Macros::domain).transpose()?)
        }
        ("ip4", Some(value)) => {
            let (address, width) = network::<Ipv4Addr>(value, 32)?;
            Mechanism::Ip(address, width)
        }
        ("ip6", Some(value)) => {
            let (address, width) = network::<Ipv6Addr>(value, 128)?;
            Mechanism::Ip(address, width)
        }
        (name @ ("a" | "mx"), _) => {
            let (host, widths) = widths(rest)?;
            // A colon needs a name after it.
            let host = match host.strip_prefix(':') {
                Some(host) => Some(Macros::domain(host)?),
                None if host.is_empty() => None,
                None => return Err(Malformed),
            };
            if name == "a" {
                Mechanism::A(host, widths)
            } else {
                Mechanism::Mx(host, widths)
            }
        }
        _ => return Err(Malformed),
    };
    Ok(Directive { qualifier, mechanism })
}

fn network<T: std::str::FromStr + Into<IpAddr>>(text: &str, most: u8) -> Result<(IpAddr, u8), Malformed> {
    let (address, width) = match text.split_once('/') {
        Some((address, width)) => (address, number(width, most)?),
        None => (text, most),
    };
    let address: T = address.parse().map_err(|_| Malformed)?;
    Ok((address.into(), width))
}

// `/24`, `//64` or `/24//64` at the end of a term (RFC 7208 5.3). A slash may stand in a name, too.
fn widths(text: &str) -> Result<(&str, Widths), Malformed> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
    let mut widths = Widths { v4: 32, v6: 128 };
    let mut rest = text;
    if let Some((before, width)) = rest.rsplit_once("//").filter(|(_, width)| digits(width)) {
        widths.v6 = number(width, 128)?;
        rest = before;
    }
    if let Some((before, width)) = rest.rsplit_once('/').filter(|(_, width)| digits(width)) {
        widths.v4 = number(width, 32)?;
        rest = before;
    }
    Ok((rest, widths))
}

// RFC 7208 12: no zeros before it.
fn number(text: &str, most: u8) -> Result<u8, Malformed> {
    let plain = text.bytes().all(|octet| octet.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    let number = text.parse::<u8>().ok().filter(|number| plain && *number <= most);
    number.ok_or(Malformed)
}

/// Whether two addresses of one kind agree in their first bits. Of two kinds, never.
#[must_use]
pub fn agree(one: IpAddr, other: IpAddr, width: u8) -> bool {
    let differing = match (one, other) {
        (IpAddr::V4(one), IpAddr::V4(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        (IpAddr::V6(one), IpAddr::V6(other)) => (one.to_bits() ^ other.to_bits()).leading_zeros(),
        _ => return false,
    };
    differing >= u32::from(width)
}

impl Widths {
    /// Whether two addresses agree as far as it counts.
    #[must_use]
    pub fn agree(self, one: IpAddr, other: IpAddr) -> bool {
        agree(one, other, if one.is_ipv4() { self.v4 } else { self.v6 })
    }
}
