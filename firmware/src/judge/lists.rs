//! Senders that an admin always takes mail from, or never.
//!
//! A block entry refuses whatever names it: MAIL FROM, From, or the domain of a good signature. An
//! allow entry counts only for a sender who is proven, else it would be an invitation to forgers:
//! a domain, that it signed the message (DKIM), or that From is its own and SPF passes for it; an
//! address, that From is that address and proven (see [`Sender::author_is_proven`]). Of several
//! entries about one message the most exact one holds: an address before a domain, a longer domain
//! before a shorter one, and among equals the block.

use super::sender::{Sender, is_within};
use crate::deliver::people::{ascii, spelt};
use crate::limits::filter::{DAYS, NOTE};
use proto::types::{Address, Domain, Timestamp};
use std::cmp::Reverse;
use std::fmt;
use std::str::FromStr;
use store::{SenderEntry, SenderList, Snapshot, StoreError};

/// Whom an entry is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Who {
    /// `ann@example.com`.
    Address(Address),
    /// `example.com`, and nothing below it.
    Domain(Domain),
    /// `.example.com`: the domain and everything below it.
    Within(Domain),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => f.write_str(&address.key()),
            Self::Domain(domain) => f.write_str(domain.as_str()),
            Self::Within(domain) => write!(f, ".{}", domain.as_str()),
        }
    }
}

impl FromStr for Who {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let text = text.trim();
        let domain = |text: &str| {
            let domain = Domain::parse(text).ok();
            let named = domain.filter(|domain| !domain.as_str().starts_with('['));
            named.map(|domain| ascii(&domain))
        };
        let read = if text.contains('@') {
            let address = Address::parse(text).ok();
            address.map(|address| Self::Address(spelt(&address)))
        } else if let Some(below) = text.strip_prefix('.').or_else(|| text.strip_prefix("*.")) {
            domain(below).map(Self::Within)
        } else {
            domain(text).map(Self::Domain)
        };
        read.ok_or_else(|| {
            "Name an address such as ann@example.com, a domain such as example.com, or .example.com for it \
             and all below it."
                .to_owned()
        })
    }
}

impl Who {
    // How exactly it names somebody: what is larger holds first.
    fn exactness(&self) -> (u8, usize) {
        match self {
            Self::Address(_) => (2, 0),
            Self::Domain(domain) => (1, domain.as_str().len() + 1),
            Self::Within(domain) => (1, domain.as_str().len()),
        }
    }

    fn covers(&self, domain: &Domain) -> bool {
        match self {
            Self::Address(_) => false,
            Self::Domain(own) => own == domain,
            Self::Within(above) => is_within(domain, above),
        }
    }

    // Whether the message names it anywhere.
    fn is_named_by(&self, sender: &Sender) -> bool {
        let mut addresses = sender.envelope.iter().chain(&sender.author);
        match self {
            Self::Address(own) => addresses.any(|address| address.key() == own.key()),
            whole => {
                addresses.any(|address| whole.covers(address.domain()))
                    || sender.signed.iter().any(|domain| whole.covers(domain))
            }
        }
    }

    // Whether the message is proven to be from it.
    fn is_proven_by(&self, sender: &Sender) -> bool {
        let author = sender.author.as_ref();
        match self {
            Self::Address(own) => {
                author.is_some_and(|author| author.key() == own.key()) && sender.author_is_proven()
            }
            whole => {
                sender.signed.iter().any(|domain| whole.covers(domain))
                    || (sender.spf_aligned() && author.is_some_and(|author| whole.covers(author.domain())))
            }
        }
    }
}

/// What the lists say about a sender.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// This holds for him.
    Holds(SenderEntry),
    /// This would allow him, but nothing proves that it is he.
    Unproven(SenderEntry),
}

/// What the lists say about a sender, if they name him.
///
/// # Errors
/// The store failed.
pub fn find(snapshot: &Snapshot, sender: &Sender, now: Timestamp) -> Result<Option<Entry>, StoreError> {
    let sender = &sender.spelt();
    let mut keys = Vec::new();
    for address in sender.envelope.iter().chain(&sender.author) {
        keys.push(address.key());
        keys.extend(keys_of(address.domain()));
    }
    keys.extend(sender.signed.iter().flat_map(keys_of));
    keys.sort_unstable();
    keys.dedup();
    let mut found = snapshot.senders_named(&keys)?;
    found.retain(|entry| entry.holds(now));
    Ok(choose(found, sender))
}

// Every entry that could be about a domain.
fn keys_of(domain: &Domain) -> impl Iterator<Item = String> {
    let whole = domain.as_str();
    let dots = whole.match_indices('.').map(|(at, _)| at);
    let above = dots.filter_map(|at| whole.get(at..)).map(str::to_owned);
    [whole.to_owned(), format!(".{whole}")].into_iter().chain(above)
}

fn choose(entries: Vec<SenderEntry>, sender: &Sender) -> Option<Entry> {
    let (mut holding, mut unproven) = (Vec::new(), Vec::new());
    for entry in entries {
        let Ok(who) = entry.who.parse::<Who>() else {
            continue;
        };
        if !who.is_named_by(sender) {
            continue;
        }
        let place = (Reverse(who.exactness()), Reverse(entry.list));
        match entry.list {
            SenderList::Allow if !who.is_proven_by(sender) => unproven.push((place, entry)),
            SenderList::Allow | SenderList::Block => holding.push((place, entry)),
        }
    }
    let first = |entries: Vec<(_, SenderEntry)>| {
        let first = entries.into_iter().min_by_key(|(place, _)| *place);
        first.map(|(_, entry)| entry)
    };
    first(holding)
        .map(Entry::Holds)
        .or_else(|| first(unproven).map(Entry::Unproven))
}

/// An entry as an admin wrote it.
///
/// # Errors
/// Why not, in words.
pub fn entry(
    who: &str,
    list: SenderList,
    note: &str,
    days: Option<u32>,
    now: Timestamp,
) -> Result<SenderEntry, String> {
    let who: Who = who.parse()?;
    if note.chars().count() > NOTE {
        return Err(format!("A note has at most {NOTE} characters."));
    }
    if days.is_some_and(|days| days == 0 || days > DAYS) {
        return Err(format!("An entry holds for 1 to {DAYS} days, or for ever."));
    }
    Ok(SenderEntry {
        who: who.to_string(),
        list,
        note: note.trim().to_owned(),
        since: now,
        until: days.map(|days| now.plus(i64::from(days) * crate::clock::DAY)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use store::SenderList::{Allow, Block};

    const NOW: Timestamp = Timestamp(1_000_000);

    fn sender(envelope: &str, author: &str, signed: &[&str], spf: bool) -> Sender {
        Sender {
            envelope: Address::parse(envelope).ok(),
            author: Address::parse(author).ok(),
            signed: signed
                .iter()
                .map(|domain| Domain::parse(domain).unwrap())
                .collect(),
            spf,
        }
    }

    fn judged(entries: &[(&str, SenderList)], sender: &Sender) -> Option<(String, SenderList)> {
        let folder = tempfile::tempdir().unwrap();
        let store = store::Store::open(folder.path(), &store::Options::default()).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        for (who, list) in entries {
            let entry = entry(who, *list, "", None, NOW).unwrap();
            runtime.block_on(store.put_sender(entry)).unwrap();
        }
        let found = find(&store.snapshot().unwrap(), sender, NOW).unwrap();
        found.map(|found| match found {
            Entry::Holds(entry) => (entry.who, entry.list),
            Entry::Unproven(entry) => (format!("{} in vain", entry.who), entry.list),
        })
    }

    type Row<'a> = (&'a str, SenderList);

    // What the lists hold, who comes, and what they say of him.
    fn check(table: &[(&[Row<'_>], &Sender, Option<Row<'_>>)]) {
        for (entries, sender, expected) in table {
            let expected = expected.map(|(who, list)| (who.to_owned(), list));
            assert_eq!(judged(entries, sender), expected, "{entries:?} {sender:?}");
        }
    }

    #[test]
    fn a_block_needs_a_name_and_an_allowance_a_proof() {
        let signed = sender(
            "b+1@bounce.list.example",
            "Ann@Shop.Example",
            &["shop.example"],
            false,
        );
        let by_spf = sender("ann@shop.example", "ann@shop.example", &[], true);
        let forged = sender("ann@shop.example", "ann@shop.example", &[], false);
        let other_signer = sender("x@evil.example", "ann@shop.example", &["evil.example"], true);
        let below = sender(
            "x@mail.shop.example",
            "x@mail.shop.example",
            &["mail.shop.example"],
            false,
        );
        let no_author = sender("ann@shop.example", "", &[], true);
        let table: &[(&[Row<'_>], &Sender, Option<Row<'_>>)] = &[
            (&[], &signed, None),
            (&[("shop.example", Allow)], &signed, Some(("shop.example", Allow))),
            (&[("shop.example", Allow)], &by_spf, Some(("shop.example", Allow))),
            (
                &[("shop.example", Allow)],
                &forged,
                Some(("shop.example in vain", Allow)),
            ),
            (
                &[("shop.example", Allow)],
                &other_signer,
                Some(("shop.example in vain", Allow)),
            ),
            (
                &[("evil.example", Allow)],
                &other_signer,
                Some(("evil.example", Allow)),
            ),
            (&[("shop.example", Allow)], &below, None),
            (
                &[(".shop.example", Allow)],
                &below,
                Some((".shop.example", Allow)),
            ),
            (
                &[("shop.example", Allow)],
                &no_author,
                Some(("shop.example in vain", Allow)),
            ),
            (
                &[("ANN@shop.example", Allow)],
                &signed,
                Some(("ann@shop.example", Allow)),
            ),
            (
                &[("ann@shop.example", Allow)],
                &by_spf,
                Some(("ann@shop.example", Allow)),
            ),
            (
                &[("ann@shop.example", Allow)],
                &forged,
                Some(("ann@shop.example in vain", Allow)),
            ),
            (
                &[("ann@shop.example", Allow)],
                &other_signer,
                Some(("ann@shop.example in vain", Allow)),
            ),
            (&[("shop.example", Block)], &forged, Some(("shop.example", Block))),
            (&[("shop.example", Block)], &below, None),
            (
                &[("*.shop.example", Block)],
                &below,
                Some((".shop.example", Block)),
            ),
            (&[("list.example", Block)], &signed, None),
            (
                &[(".list.example", Block)],
                &signed,
                Some((".list.example", Block)),
            ),
            (
                &[("evil.example", Block)],
                &other_signer,
                Some(("evil.example", Block)),
            ),
        ];
        check(table);
    }

    #[test]
    fn of_several_entries_the_most_exact_one_holds() {
        let signed = sender(
            "b+1@bounce.list.example",
            "Ann@Shop.Example",
            &["shop.example"],
            false,
        );
        let forged = sender("ann@shop.example", "ann@shop.example", &[], false);
        let other_signer = sender("x@evil.example", "ann@shop.example", &["evil.example"], true);
        check(&[
            (
                &[("shop.example", Block), ("ann@shop.example", Allow)],
                &signed,
                Some(("ann@shop.example", Allow)),
            ),
            (
                &[("shop.example", Block), ("ann@shop.example", Allow)],
                &forged,
                Some(("shop.example", Block)),
            ),
            (
                &[(".example", Block), ("shop.example", Allow)],
                &signed,
                Some(("shop.example", Allow)),
            ),
            (
                &[(".shop.example", Block), ("shop.example", Allow)],
                &signed,
                Some(("shop.example", Allow)),
            ),
            (
                &[("evil.example", Block), ("shop.example", Block)],
                &other_signer,
                Some(("evil.example", Block)),
            ),
        ]);
    }

    #[test]
    fn a_domain_is_one_however_it_is_spelt() {
        for (who, envelope, shown) in [
            (
                "b\u{fc}cher.example",
                "x@xn--bcher-kva.example",
                "xn--bcher-kva.example",
            ),
            (
                "ann@xn--bcher-kva.example",
                "ann@b\u{fc}cher.example",
                "ann@xn--bcher-kva.example",
            ),
        ] {
            let found = judged(&[(who, Block)], &sender(envelope, "", &[], false));
            assert_eq!(found, Some((shown.to_owned(), Block)));
        }
    }

    #[test]
    fn entries_are_read_as_people_write_them_and_expire() {
        for (text, shown) in [
            (" Ann@Example.COM ", "ann@example.com"),
            ("Example.com", "example.com"),
            ("*.Example.com", ".example.com"),
            (".example.com", ".example.com"),
        ] {
            let who: Who = text.parse().unwrap();
            assert_eq!(who.to_string(), shown);
            assert_eq!(shown.parse::<Who>().unwrap().to_string(), shown);
        }
        for text in ["", "@", "ann@", "[192.0.2.1]", "a b", "..", "@example.com"] {
            assert!(text.parse::<Who>().is_err(), "{text}");
        }
        let short = entry("a.example", Block, " why ", Some(1), NOW).unwrap();
        assert_eq!(short.note, "why");
        assert!(short.holds(NOW.plus(86_399)) && !short.holds(NOW.plus(86_400)));
        assert!(entry("a.example", Block, "", Some(0), NOW).is_err());
        assert!(entry("a.example", Block, &"x".repeat(201), None, NOW).is_err());
    }
}
