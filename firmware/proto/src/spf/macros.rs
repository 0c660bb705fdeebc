//! Names in a record that depend on the message (RFC 7208 7).

use super::Malformed;
use crate::limits::spf as limits;
use std::net::IpAddr;

/// A name with places to be filled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Macros(Vec<Piece>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Piece {
    Text(String),
    Place(Place),
}

/// A place, such as `%{l1r-}`.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Place {
    letter: Letter,
    /// Parts that count, from the right; 0: all.
    parts: usize,
    reversed: bool,
    /// What is between the parts.
    delimiters: String,
    /// An upper case letter: what has a meaning in a URL is escaped.
    escaped: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Letter {
    Sender,
    Local,
    SenderDomain,
    Domain,
    Ip,
    Validated,
    Version,
    Helo,
}

/// What is filled in.
#[derive(Debug, Clone, Copy)]
pub struct Values<'a> {
    /// The caller's address.
    pub ip: IpAddr,
    /// The part of the sender's address before the @.
    pub local: &'a str,
    /// The part after it.
    pub sender_domain: &'a str,
    /// What the caller called himself.
    pub helo: &'a str,
    /// The domain whose record it is.
    pub domain: &'a str,
    /// The name of the caller's address, `unknown` where it has none.
    pub validated: &'a str,
}

impl Macros {
    /// Reads a `domain-spec`: it ends with a place or with a label that could be a top level domain.
    pub(super) fn domain(text: &str) -> Result<Self, Malformed> {
        let (macros, closed) = Self::read(text, false)?;
        let name = text.strip_suffix('.').unwrap_or(text);
        let label = name.rsplit_once('.').map(|(_, label)| label);
        if (closed && !text.is_empty()) || label.is_some_and(is_top_label) {
            Ok(macros)
        } else {
            Err(Malformed)
        }
    }

    /// Reads the value of a modifier that nobody knows, which only has to be well formed.
    pub(super) fn unknown(text: &str) -> Result<(), Malformed> {
        Self::read(text, true).map(|_| ())
    }

    // Also tells whether a place is the last thing. `any`: the letters of explanations too.
    fn read(text: &str, any: bool) -> Result<(Self, bool), Malformed> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut rest = text;
        let mut closed = false;
        while let Some(next) = rest.chars().next() {
            let mut after = rest.get(next.len_utf8()..).unwrap_or_default();
            closed = false;
            match next {
                '%' => {
                    let (what, behind) = after.split_at_checked(1).ok_or(Malformed)?;
                    after = behind;
                    match what {
                        "%" => plain.push('%'),
                        "_" => plain.push(' '),
                        "-" => plain.push_str("%20"),
                        "{" => {
                            let (inside, behind) = after.split_once('}').ok_or(Malformed)?;
                            after = behind;
                            if !plain.is_empty() {
                                pieces.push(Piece::Text(std::mem::take(&mut plain)));
                            }
                            pieces.extend(place(inside, any)?.map(Piece::Place));
                            closed = true;
                        }
                        _ => return Err(Malformed),
                    }
                }
                '!'..='~' => plain.push(next),
                _ => return Err(Malformed),
            }
            rest = after;
        }
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        Ok((Self(pieces), closed))
    }

    /// Whether the name of the caller's address has to be found out.
    #[must_use]
    pub fn ask_for_a_name(&self) -> bool {
        let asks = |piece: &Piece| matches!(piece, Piece::Place(place) if place.letter == Letter::Validated);
        self.0.iter().any(asks)
    }

    /// The name. One that is too long loses labels on its left (RFC 7208 7.3).
    #[must_use]
    pub fn expand(&self, values: &Values<'_>) -> String {
        let mut name = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Text(text) => name.push_str(text),
                Piece::Place(place) => name.push_str(&place.expand(values)),
            }
        }
        let whole = name.trim_end_matches('.');
        let mut short = whole;
        while short.len() > limits::NAME {
            let Some((_, rest)) = short.split_once('.') else {
                break;
            };
            short = rest;
        }
        short.to_owned()
    }
}

// Nothing for a place that only explanations may have, where that is allowed.
fn place(text: &str, any: bool) -> Result<Option<Place>, Malformed> {
    let mut chars = text.chars();
    let letter = chars.next().ok_or(Malformed)?;
    let rest = chars.as_str();
    let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, rest) = rest.split_at_checked(digits).ok_or(Malformed)?;
    let (reversed, delimiters) = match rest.strip_prefix(['r', 'R']) {
        Some(rest) => (true, rest),
        None => (false, rest),
    };
    if !delimiters.chars().all(|c| ".-+,/_=".contains(c)) {
        return Err(Malformed);
    }
    let parts = match number {
        "" => 0,
        // RFC 7208 7.1: not zero; more parts than a name can have are all of them.
        number => number.parse::<usize>().unwrap_or(usize::MAX),
    };
    if !number.is_empty() && parts == 0 {
        return Err(Malformed);
    }
    let known = match letter.to_ascii_lowercase() {
        's' => Letter::Sender,
        'l' => Letter::Local,
        'o' => Letter::SenderDomain,
        'd' => Letter::Domain,
        'i' => Letter::Ip,
        'p' => Letter::Validated,
        'v' => Letter::Version,
        'h' => Letter::Helo,
        'c' | 'r' | 't' if any => return Ok(None),
        _ => return Err(Malformed),
    };
    Ok(Some(Place {
        letter: known,
        parts,
        reversed,
        delimiters: delimiters.to_owned(),
        escaped: letter.is_ascii_uppercase(),
    }))
}

// RFC 7208 12: letters, digits and hyphens, none at an end, not digits alone.
fn is_top_label(label: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '-';
    !label.is_empty()
        && label.chars().all(fits)
        && !label.starts_with('-')
        && !label.ends_with('-')
        && !label.chars().all(|c| c.is_ascii_digit())
}

impl Place {
    fn expand(&self, values: &Values<'_>) -> String {
        let value = match self.letter {
            Letter::Sender => format!("{}@{}", values.local, values.sender_domain),
            Letter::Local => values.local.to_owned(),
            Letter::SenderDomain => values.sender_domain.to_owned(),
            Letter::Domain => values.domain.to_owned(),
            Letter::Ip => dotted(values.ip),
            Letter::Validated => values.validated.to_owned(),
            Letter::Version => if values.ip.is_ipv4() { "in-addr" } else { "ip6" }.to_owned(),
            Letter::Helo => values.helo.to_owned(),
        };
        let between = |c: char| match self.delimiters.as_str() {
            "" => c == '.',
            set => set.contains(c),
        };
        let mut parts: Vec<&str> = value.split(between).collect();
        if self.reversed {
            parts.reverse();
        }
        let surplus = match self.parts {
            0 => 0,
            most => parts.len().saturating_sub(most),
        };
        let value = parts.get(surplus..).unwrap_or_default().join(".");
        if self.escaped { escape(&value) } else { value }
    }
}

// RFC 7208 7.3: nibbles of IPv6, each a label.
fn dotted(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => {
            let nibbles = v6.octets().into_iter().flat_map(|octet| [octet >> 4, octet & 15]);
            let nibbles: Vec<String> = nibbles.map(|nibble| format!("{nibble:x}")).collect();
            nibbles.join(".")
        }
    }
}

// RFC 3986 2.3: all but what is unreserved.
fn escape(text: &str) -> String {
    let mut escaped = String::new();
    for octet in text.bytes() {
        if octet.is_ascii_alphanumeric() || b"-._~".contains(&octet) {
            escaped.push(char::from(octet));
        } else {
            escaped.push_str(&format!("%{octet:02X}"));
        }
    }
    escaped
}
