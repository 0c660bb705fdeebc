//! Address lists of header fields (RFC 5322 3.4), read as leniently as the world writes them.

use super::lexer::Lexer;
use crate::limits::message::ADDRESSES;
use crate::types::{Address, Domain};

/// One member of an address list as IMAP's ENVELOPE shows it (RFC 9051 7.5.2): without quotes,
/// encoded words not decoded. A group starts with only `mailbox` set and ends with nothing set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Entry {
    /// The display name; a trailing comment where there is none (RFC 5322 A.5).
    pub name: Option<Vec<u8>>,
    /// The obsolete source route, `@a,@b`.
    pub adl: Option<Vec<u8>>,
    /// The local part, or the group's name.
    pub mailbox: Option<Vec<u8>>,
    /// The domain; empty where an address has none, absent for the marks of groups.
    pub host: Option<Vec<u8>>,
}

impl Entry {
    /// The address, if it is one that SMTP could carry.
    #[must_use]
    pub fn address(&self) -> Option<Address> {
        let local = std::str::from_utf8(self.mailbox.as_ref()?).ok()?;
        let host = std::str::from_utf8(self.host.as_ref()?).ok()?;
        Address::from_parts(local, Domain::parse(host).ok()?).ok()
    }

    fn group_start(name: Vec<u8>) -> Self {
        Self {
            mailbox: Some(name),
            ..Self::default()
        }
    }
}

/// Reads a From, To, Cc, ... field's value. What is no address is passed over; at most
/// [`ADDRESSES`] entries are read.
#[must_use]
pub fn parse_list(value: &[u8]) -> Vec<Entry> {
    let mut lexer = Lexer::new(value);
    let mut entries = Vec::new();
    let mut in_group = false;
    while entries.len() < ADDRESSES {
        lexer.skip_cfws();
        match lexer.peek() {
            None => break,
            // obs-mbox-list: empty members
            Some(b',') => {
                lexer.bump();
            }
            Some(b';') => {
                lexer.bump();
                if std::mem::take(&mut in_group) {
                    entries.push(Entry::default());
                }
            }
            Some(_) => entries.extend(member(&mut lexer, &mut in_group)),
        }
    }
    if in_group {
        entries.push(Entry::default());
    }
    entries
}

/// The addresses of a field, groups opened, in order.
#[must_use]
pub fn addresses(value: &[u8]) -> Vec<Address> {
    parse_list(value).iter().filter_map(Entry::address).collect()
}

// address = mailbox / group
// mailbox = [display-name] [CFWS] "<" addr-spec ">" [CFWS] / addr-spec
// group   = display-name ":" [group-list] ";" [CFWS]
fn member(lexer: &mut Lexer<'_>, in_group: &mut bool) -> Option<Entry> {
    let words = Words::read(lexer);
    match lexer.peek() {
        Some(b':') if !*in_group => {
            lexer.bump();
            *in_group = true;
            Some(Entry::group_start(words.phrase))
        }
        Some(b'<') => {
            lexer.bump();
            let mut entry = angle(lexer);
            let (_, comment) = lexer.skip_cfws();
            entry.name = some(words.phrase).or(words.comment).or(comment);
            // A second one without a comma before it is another: none may be overlooked.
            lexer.take_until(b",;<");
            Some(entry)
        }
        Some(b'@') => {
            lexer.bump();
            let (host, inner) = domain(lexer);
            let (_, comment) = lexer.skip_cfws();
            lexer.take_until(b",;<");
            let entry = Entry {
                name: comment.or(inner).or(words.comment),
                mailbox: Some(words.joined),
                host: Some(host),
                adl: None,
            };
            Some(named_after_itself(lexer, &entry).unwrap_or(entry))
        }
        Some(b',' | b';') | None => some(words.joined).map(|mailbox| Entry {
            name: words.comment,
            mailbox: Some(mailbox),
            host: Some(Vec::new()),
            adl: None,
        }),
        Some(_) => {
            lexer.bump();
            None
        }
    }
}

// a@b.example <a@b.example>: many write the address as the name, without the quotes that it would need. It
// is one entry if both are the same; another one is not overlooked.
fn named_after_itself(lexer: &mut Lexer<'_>, name: &Entry) -> Option<Entry> {
    let mut after = *lexer;
    let mut entry = after.eat(b'<').then(|| angle(&mut after))?;
    let same = |a: &Option<Vec<u8>>, b: &Option<Vec<u8>>| {
        a.as_ref()
            .zip(b.as_ref())
            .is_some_and(|(a, b)| a.eq_ignore_ascii_case(b))
    };
    if entry.adl.is_some() || !same(&entry.mailbox, &name.mailbox) || !same(&entry.host, &name.host) {
        return None;
    }
    entry.name = Some([name.mailbox.as_deref()?, b"@", name.host.as_deref()?].concat());
    after.take_until(b",;<");
    *lexer = after;
    Some(entry)
}

fn some(text: Vec<u8>) -> Option<Vec<u8>> {
    (!text.is_empty()).then_some(text)
}

/// A run of words: a display name, or a local part, as what follows tells.
struct Words {
    /// With single blanks where there were some.
    phrase: Vec<u8>,
    /// Without any.
    joined: Vec<u8>,
    comment: Option<Vec<u8>>,
}

impl Words {
    // phrase = 1*word / obs-phrase ; local-part = dot-atom / quoted-string / obs-local-part
    fn read(lexer: &mut Lexer<'_>) -> Self {
        let mut words = Self {
            phrase: Vec::new(),
            joined: Vec::new(),
            comment: None,
        };
        loop {
            let (blank, comment) = lexer.skip_cfws();
            words.comment = comment.or(words.comment);
            let quoted;
            let word = match lexer.peek() {
                Some(b'"') => {
                    quoted = lexer.quoted().unwrap_or_default();
                    &quoted[..]
                }
                Some(b'.') => {
                    lexer.bump();
                    b"."
                }
                _ => match lexer.atom() {
                    Some(atom) => atom,
                    None => return words,
                },
            };
            if blank && !words.phrase.is_empty() {
                words.phrase.push(b' ');
            }
            words.phrase.extend_from_slice(word);
            words.joined.extend_from_slice(word);
        }
    }
}

// angle-addr = "<" addr-spec ">" / obs-angle-addr ; obs-route = *("," / "@" domain) ":"
fn angle(lexer: &mut Lexer<'_>) -> Entry {
    let mut entry = Entry {
        mailbox: Some(Vec::new()),
        host: Some(Vec::new()),
        ..Entry::default()
    };
    lexer.skip_cfws();
    let mut route = Vec::new();
    while matches!(lexer.peek(), Some(b'@' | b',')) {
        if lexer.bump() == Some(b'@') {
            if !route.is_empty() {
                route.push(b',');
            }
            route.push(b'@');
            route.extend(domain(lexer).0);
        }
        lexer.skip_cfws();
    }
    if lexer.eat(b':') {
        entry.adl = some(route);
    }
    entry.mailbox = Some(Words::read(lexer).joined);
    if lexer.eat(b'@') {
        entry.host = Some(domain(lexer).0);
    }
    lexer.take_until(b">,;");
    lexer.eat(b'>');
    entry
}

// domain = dot-atom / domain-literal / obs-domain
fn domain(lexer: &mut Lexer<'_>) -> (Vec<u8>, Option<Vec<u8>>) {
    let mut name = Vec::new();
    let mut comment = None;
    loop {
        let before = *lexer;
        let (_, seen) = lexer.skip_cfws();
        let dot = name.last() == Some(&b'.');
        let part = match lexer.peek() {
            Some(b'[') if name.is_empty() => {
                name.extend_from_slice(lexer.take_until(b"],;>"));
                if lexer.eat(b']') {
                    name.push(b']');
                }
                return (name, comment);
            }
            Some(b'.') => {
                lexer.bump();
                Some(&b"."[..])
            }
            // Two atoms without a dot between them are not one domain.
            Some(_) if name.is_empty() || dot => lexer.atom(),
            _ => None,
        };
        let Some(part) = part else {
            if seen.is_some() {
                *lexer = before;
            }
            return (name, comment);
        };
        comment = seen.or(comment);
        name.extend_from_slice(part);
    }
}

#[cfg(test)]
mod tests;
