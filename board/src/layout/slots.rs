//! Which slot the boot loader starts: a block kept twice in the gap before the first partition, so
//! that a write torn by a power cut always leaves one whole copy. `boot.cmd` reads it and counts
//! tries down; the update writes it. FAT would not do: its writes are not atomic.

/// Octets of one copy: one sector.
pub const BLOCK: usize = 512;
/// Where the two copies are, in octets from the start of the card.
pub const COPIES: [u64; 2] = [1 << 20, 2 << 20];
/// How often a new system is tried before the old one returns.
pub const TRIES: u8 = 3;

const MAGIC: &[u8; 8] = b"PBXSLOT1";
const CRC_AT: usize = BLOCK - 4;

/// One of the two places for a system on the card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slot {
    /// Partition 2.
    A,
    /// Partition 3.
    B,
}

impl Slot {
    /// The partition's number on the card.
    pub fn partition(self) -> u8 {
        match self {
            Slot::A => 2,
            Slot::B => 3,
        }
    }

    /// The slot with this partition number.
    pub fn from_partition(number: u8) -> Option<Slot> {
        [Slot::A, Slot::B]
            .into_iter()
            .find(|slot| slot.partition() == number)
    }
}

/// What the boot loader is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootState {
    /// Rises with every write, so that the newer of two whole copies is known.
    pub sequence: u32,
    /// The slot known to work.
    pub good: Slot,
    /// A new system being tried, and how many tries are left. At 0 the good slot is started.
    pub trying: Option<(Slot, u8)>,
}

impl BootState {
    /// The state of a card as built: slot A works, nothing is tried.
    pub const AS_BUILT: BootState = BootState {
        sequence: 1,
        good: Slot::A,
        trying: None,
    };

    /// One copy of the block. Offsets are `boot.cmd`'s too: 8 sequence (little-endian), 12 good
    /// partition, 13 tried partition or 0, 14 tries left, 508 CRC-32 (little-endian, as U-Boot's
    /// `crc32` command stores it).
    pub fn encode(&self) -> [u8; BLOCK] {
        let (trying, tries) = self
            .trying
            .map_or((0, 0), |(slot, left)| (slot.partition(), left));
        let mut block = [0; BLOCK];
        let fields = MAGIC.iter().copied().chain(self.sequence.to_le_bytes()).chain([
            self.good.partition(),
            trying,
            tries,
        ]);
        block.iter_mut().zip(fields).for_each(|(to, from)| *to = from);
        let crc = crc32(block.get(..CRC_AT).unwrap_or_default()).to_le_bytes();
        block
            .iter_mut()
            .skip(CRC_AT)
            .zip(crc)
            .for_each(|(to, from)| *to = from);
        block
    }

    /// The state in a copy, or nothing when the copy is torn or strange.
    pub fn decode(block: &[u8; BLOCK]) -> Option<BootState> {
        let (body, crc) = block.split_at(CRC_AT);
        if crc != crc32(body).to_le_bytes() || !body.starts_with(MAGIC) {
            return None;
        }
        let sequence = u32::from_le_bytes(body.get(8..12)?.try_into().ok()?);
        let good = Slot::from_partition(*body.get(12)?)?;
        let trying = Slot::from_partition(*body.get(13)?).zip(body.get(14).copied());
        Some(BootState {
            sequence,
            good,
            trying,
        })
    }

    /// The newer of the whole copies.
    pub fn newest(copies: &[[u8; BLOCK]; 2]) -> Option<BootState> {
        copies
            .iter()
            .filter_map(BootState::decode)
            .max_by_key(|state| state.sequence)
    }
}

/// CRC-32 as Ethernet, zlib and U-Boot have it. A bit at a time: 508 octets, once an update.
fn crc32(octets: &[u8]) -> u32 {
    let step = |crc: u32, _| {
        if crc & 1 == 1 {
            (crc >> 1) ^ 0xedb8_8320
        } else {
            crc >> 1
        }
    };
    !octets
        .iter()
        .fold(!0, |crc, octet| (0..8).fold(crc ^ u32::from(*octet), step))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc_is_the_one_boot_loaders_use() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }

    #[test]
    fn what_was_written_is_read_back() {
        for trying in [None, Some((Slot::A, 0)), Some((Slot::B, 3))] {
            let state = BootState {
                sequence: 0x0102_0304,
                good: Slot::B,
                trying,
            };
            assert_eq!(BootState::decode(&state.encode()), Some(state));
        }
    }

    #[test]
    fn a_torn_copy_is_passed_over_for_the_older_whole_one() {
        let old = BootState::AS_BUILT;
        let new = BootState {
            sequence: 2,
            trying: Some((Slot::B, TRIES)),
            ..old
        };
        let mut torn = new.encode();
        assert_eq!(BootState::newest(&[old.encode(), torn]), Some(new));
        torn[13] ^= 1;
        assert_eq!(BootState::newest(&[old.encode(), torn]), Some(old));
        assert_eq!(BootState::newest(&[[0; BLOCK], torn]), None);
    }
}
