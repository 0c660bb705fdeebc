//! Sequence sets (RFC 9051 9, `sequence-set`): sets of sequence numbers or of UIDs.

use super::cursor::{Cursor, Parse, Syntax};

/// A set as the client wrote it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SequenceSet {
    /// Numbers and ranges, in any order; `None` stands for `*`.
    Ranges(Vec<(Option<u32>, Option<u32>)>),
    /// `$`: the result of the last SEARCH RETURN (SAVE).
    Saved,
}

/// A number over the last message was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OutOfRange;

/// Inclusive ranges, ascending, not touching each other.
pub type Ranges = Vec<(u32, u32)>;

impl SequenceSet {
    /// sequence-set = (seq-number / seq-range) ["," sequence-set] / "$"
    pub fn parse(cursor: &mut Cursor<'_>) -> Parse<Self> {
        if cursor.eat(b"$") {
            return Ok(Self::Saved);
        }
        let mut ranges = Vec::new();
        loop {
            let first = seq_number(cursor)?;
            let last = if cursor.eat(b":") {
                seq_number(cursor)?
            } else {
                first
            };
            ranges.push((first, last));
            if !cursor.eat(b",") {
                return Ok(Self::Ranges(ranges));
            }
        }
    }

    /// The sequence numbers meant in a mailbox of `count` messages. `*` in an empty mailbox means
    /// nothing, because `1:*` is how clients say "all".
    pub fn in_mailbox(&self, count: u32) -> Result<Ranges, OutOfRange> {
        let Self::Ranges(ranges) = self else {
            return Ok(Vec::new());
        };
        let mut numbers = Vec::with_capacity(ranges.len());
        for &(first, last) in ranges {
            let has_star = first.is_none() || last.is_none();
            if count == 0 && has_star {
                continue;
            }
            let (first, last) = (first.unwrap_or(count), last.unwrap_or(count));
            if first > count || last > count {
                return Err(OutOfRange);
            }
            numbers.push((first.min(last), first.max(last)));
        }
        Ok(merge(numbers))
    }

    /// The UIDs meant where `highest` is the last UID in use. Unknown UIDs are no error.
    pub fn in_uids(&self, highest: u32) -> Ranges {
        let Self::Ranges(ranges) = self else {
            return Vec::new();
        };
        let ends = ranges.iter().map(|&(first, last)| {
            let (first, last) = (first.unwrap_or(highest), last.unwrap_or(highest));
            (first.min(last), first.max(last))
        });
        merge(ends.collect())
    }
}

// seq-number = nz-number / "*"
fn seq_number(cursor: &mut Cursor<'_>) -> Parse<Option<u32>> {
    if cursor.eat(b"*") {
        return Ok(None);
    }
    cursor
        .nz_number()
        .map(Some)
        .map_err(|_| Syntax("a sequence set is malformed"))
}

fn merge(mut ranges: Ranges) -> Ranges {
    ranges.sort_unstable();
    let mut merged: Ranges = Vec::with_capacity(ranges.len());
    for (first, last) in ranges {
        match merged.last_mut() {
            Some(before) if first <= before.1.saturating_add(1) => before.1 = before.1.max(last),
            _ => merged.push((first, last)),
        }
    }
    merged
}

/// Prints ascending numbers as a set, `1:3,5`. Nothing prints as nothing.
pub fn print(numbers: impl IntoIterator<Item = u32>) -> String {
    use std::fmt::Write as _;
    let mut text = String::new();
    let mut numbers = numbers.into_iter().peekable();
    while let Some(first) = numbers.next() {
        let mut last = first;
        while let Some(next) = numbers.next_if(|&n| Some(n) == last.checked_add(1)) {
            last = next;
        }
        if !text.is_empty() {
            text.push(',');
        }
        // Writing to a String cannot fail.
        let _ = if first == last {
            write!(text, "{first}")
        } else {
            write!(text, "{first}:{last}")
        };
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    fn parse(text: &str) -> Parse<SequenceSet> {
        let mut cursor = Cursor::new(text.as_bytes(), false);
        let set = SequenceSet::parse(&mut cursor)?;
        cursor.end()?;
        Ok(set)
    }

    #[test]
    fn sets_of_rfc_9051_section_9_mean_what_it_says() {
        for (text, count, meant) in [
            ("2,4:7,9,12:*", 15, "2,4:7,9,12:15"),
            ("*:4,5:7", 10, "4:10"),
            ("4:2", 4, "2:4"),
            ("*", 3, "3"),
            ("1:*", 0, ""),
            ("3,2,1", 3, "1:3"),
        ] {
            let ranges = parse(text).unwrap().in_mailbox(count).unwrap();
            let printed = print(ranges.into_iter().flat_map(|(a, b)| a..=b));
            assert_eq!(printed, meant, "{text} of {count}");
        }
    }

    #[test]
    fn a_star_in_uids_means_the_last_one_even_below_the_range() {
        assert_eq!(parse("3291:*").unwrap().in_uids(100), [(100, 3291)]);
    }

    #[test]
    fn numbers_over_the_last_message_are_out_of_range() {
        assert_eq!(parse("1:5").unwrap().in_mailbox(4), Err(OutOfRange));
        assert_eq!(parse("1").unwrap().in_mailbox(0), Err(OutOfRange));
    }

    #[test]
    fn malformed_sets_are_refused() {
        for text in ["", "0", "1:", ":1", "1,,2", "4294967296", "a", "1:*:2", "$,1"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn printing_is_the_inverse_of_parsing(numbers in proptest::collection::btree_set(1_u32..300, 1..80)) {
            let text = print(numbers.iter().copied());
            let back: BTreeSet<u32> =
                parse(&text).unwrap().in_uids(1000).into_iter().flat_map(|(a, b)| a..=b).collect();
            prop_assert_eq!(back, numbers);
        }
    }
}
