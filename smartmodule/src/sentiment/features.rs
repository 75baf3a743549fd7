//! The features of the model: words, pairs of words, and the words' character 3- to 5-grams, each hashed to one
//! of the table's buckets. Training and annotation use the very same ones.

use super::word::{Key, chain};

/// Buckets of the model's table.
pub const BUCKETS: usize = 1 << 16;

/// What a character n-gram counts, where a word or a pair of words counts 1. A word has a dozen of them.
pub const GRAM: f32 = 0.4;

/// The bucket of a word.
#[allow(clippy::cast_possible_truncation, reason = "a hash, of which any bits will do")]
#[must_use]
pub const fn word(hash: u64) -> u16 {
    (hash >> 11) as u16
}

/// The bucket of two words in a row.
#[allow(clippy::cast_possible_truncation, reason = "a hash, of which any bits will do")]
#[must_use]
pub const fn pair(before: u64, word: u64) -> u16 {
    (chain(before, word) >> 17) as u16
}

/// Calls `each` with the bucket of every character n-gram of a word, its beginning and end being characters.
#[inline]
pub fn grams(key: &Key, mut each: impl FnMut(u16)) {
    const FIRST: u32 = 0x811c_9dc5;
    const EDGE: u8 = b'_';
    let letters = key.padded();
    let length = letters.iter().position(|letter| *letter == 0).unwrap_or(letters.len());
    let mut framed = [EDGE; super::word::LONGEST + 2];
    framed[1..=length].copy_from_slice(&letters[..length]);
    let framed = &framed[..length + 2];
    for start in 0..framed.len().saturating_sub(2) {
        let mut hash = FIRST;
        for (index, letter) in framed[start..].iter().take(5).enumerate() {
            // FNV-1a.
            hash = (hash ^ u32::from(*letter)).wrapping_mul(0x0100_0193);
            if index >= 2 {
                each((hash.wrapping_mul(0x9e37_79b1) >> 16) as u16);
            }
        }
    }
}
