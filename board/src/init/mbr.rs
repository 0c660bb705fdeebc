//! The card's partition table: growing the data partition to the card's end.

/// The data partition's number.
pub(super) const DATA: usize = 4;

const ENTRY: usize = 446 + (DATA - 1) * 16;
const SECTOR: u64 = 512;
const ALIGN: u64 = crate::layout::card::ALIGN / SECTOR;

/// Where the data partition is, in sectors of 512 octets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub start: u64,
    pub length: u64,
}

/// The data partition's entry, if the table is one and has it.
pub(super) fn data(table: &[u8; 512]) -> Option<Extent> {
    if table.get(510..) != Some(&[0x55, 0xaa]) {
        return None;
    }
    let number = |at: usize| {
        let octets: [u8; 4] = table.get(ENTRY + at..ENTRY + at + 4)?.try_into().ok()?;
        Some(u64::from(u32::from_le_bytes(octets)))
    };
    let extent = Extent {
        start: number(8)?,
        length: number(12)?,
    };
    (extent.start > 0 && extent.length > 0).then_some(extent)
}

/// The table with the data partition up to the end of a card of `card` sectors, or none when there
/// is nothing to gain. Only the length changes.
pub(super) fn grown(table: &[u8; 512], card: u64) -> Option<([u8; 512], Extent)> {
    let now = data(table)?;
    // The table counts in 32 bits: 2 TiB.
    let end = card.min(u64::from(u32::MAX)) / ALIGN * ALIGN;
    let length = end.checked_sub(now.start)?;
    if length < now.length + ALIGN {
        return None;
    }
    let mut table = *table;
    table
        .get_mut(ENTRY + 12..ENTRY + 16)?
        .copy_from_slice(&u32::try_from(length).ok()?.to_le_bytes());
    Some((
        table,
        Extent {
            start: now.start,
            length,
        },
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(start: u32, length: u32) -> [u8; 512] {
        let mut table = [0x11; 512];
        table[ENTRY + 8..ENTRY + 12].copy_from_slice(&start.to_le_bytes());
        table[ENTRY + 12..ENTRY + 16].copy_from_slice(&length.to_le_bytes());
        table[510..].copy_from_slice(&[0x55, 0xaa]);
        table
    }

    #[test]
    fn data_grows_to_the_aligned_end_and_nothing_else_changes() {
        let old = table(532_480, 131_072);
        let card = 62_333_953; // odd, as real cards are
        let (new, extent) = grown(&old, card).unwrap();
        assert_eq!(
            extent,
            Extent {
                start: 532_480,
                length: 62_332_928 - 532_480
            }
        );
        assert_eq!((extent.start + extent.length) % ALIGN, 0);
        assert_eq!(data(&new), Some(extent));
        let differ: Vec<usize> = (0..512).filter(|at| old[*at] != new[*at]).collect();
        assert!(
            differ.iter().all(|at| (ENTRY + 12..ENTRY + 16).contains(at)),
            "{differ:?}"
        );
    }

    #[test]
    fn full_or_strange_tables_are_left_alone() {
        let full = table(532_480, 131_072);
        assert_eq!(grown(&full, 532_480 + 131_072), None);
        assert_eq!(
            grown(&full, 532_480 + 131_072 + ALIGN - 1),
            None,
            "less than a step"
        );
        assert_eq!(grown(&full, 1000), None, "card shorter than its table");
        assert_eq!(grown(&table(0, 0), 62_333_952), None);
        let mut unsigned = full;
        unsigned[511] = 0;
        assert_eq!(grown(&unsigned, 62_333_952), None);
    }

    #[test]
    fn cards_beyond_two_tebibytes_are_used_up_to_there() {
        let (_, extent) = grown(&table(532_480, 131_072), 1 << 40).unwrap();
        assert!(u32::try_from(extent.start + extent.length).is_ok());
    }
}
