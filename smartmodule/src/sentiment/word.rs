//! A word as the engine compares it: its folded letters in a key of fixed size, and a hash of them.
//!
//! Also compiled into the build script.

/// Letters beyond this many are passed over: no word of either language is that long.
pub const LONGEST: usize = 24;

/// The folded letters, zero behind the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Key([u64; 3]);

impl Key {
    /// The key of these bytes, of which the first [`LONGEST`] count.
    #[must_use]
    pub fn new(bytes: &[u8]) -> Self {
        let mut padded = [0; LONGEST];
        let length = bytes.len().min(LONGEST);
        padded[..length].copy_from_slice(&bytes[..length]);
        Self::from_padded(&padded)
    }

    /// The key of letters with zeros behind them.
    #[must_use]
    pub fn from_padded(padded: &[u8; LONGEST]) -> Self {
        let (parts, _) = padded.as_chunks::<8>();
        Self([u64::from_le_bytes(parts[0]), u64::from_le_bytes(parts[1]), u64::from_le_bytes(parts[2])])
    }

    /// The key of letters eight by eight, the first one lowest, with zeros behind them.
    #[must_use]
    pub const fn from_parts(parts: [u64; LONGEST / 8]) -> Self {
        Self(parts)
    }

    /// The letters with zeros behind them.
    #[must_use]
    pub fn padded(&self) -> [u8; LONGEST] {
        let mut padded = [0; LONGEST];
        for (part, number) in padded.chunks_exact_mut(8).zip(self.0) {
            part.copy_from_slice(&number.to_le_bytes());
        }
        padded
    }

    /// A number below `2^BITS` that few words share: quicker than the hash, and worse.
    #[allow(clippy::cast_possible_truncation, reason = "few bits are left")]
    #[inline]
    #[must_use]
    pub const fn place<const BITS: u32>(&self) -> usize {
        let mixed = (self.0[0] ^ self.0[1].rotate_left(29) ^ self.0[2].rotate_left(47))
            .wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> (u64::BITS - BITS)) as usize
    }

    /// A hash, the same on every machine: the lexicon's table and the model's are made with it.
    #[must_use]
    pub const fn hash(&self) -> u64 {
        let mut hash = self.0[0].wrapping_mul(0x9e37_79b9_7f4a_7c15);
        hash = (hash ^ hash >> 32 ^ self.0[1]).wrapping_mul(0xd6e8_feb8_6659_fd93);
        hash = (hash ^ hash >> 29 ^ self.0[2]).wrapping_mul(0xa076_1d64_78bd_642f);
        hash ^ hash >> 32
    }
}

/// The hash of words in a row, from the hash of all but the last, and the last's.
#[must_use]
pub const fn chain(before: u64, word: u64) -> u64 {
    let hash = (before.rotate_left(23) ^ word).wrapping_mul(0x9fb2_1c65_1e98_df25);
    hash ^ hash >> 32
}
