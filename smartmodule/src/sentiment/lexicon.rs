//! The lexicons of both languages, `lexicon/*.tsv`, as one table that the build script makes of them.

use super::model::Language;
use super::sense::Sense;

/// Slots of eight bytes: the upper half of a word's hash, its senses in English and in Portuguese. A word lies
/// in the slot that the lower half names, or behind it before the next empty one.
static TABLE: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/lexicon.bin"));

/// A word's meaning in both languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Entry {
    /// In English.
    pub english: Sense,
    /// In Portuguese.
    pub portuguese: Sense,
}

impl Entry {
    /// In one of them.
    #[must_use]
    pub const fn sense(&self, language: Language) -> Sense {
        match language {
            Language::English => self.english,
            Language::Portuguese => self.portuguese,
        }
    }
}

/// The entry of the word, or of the words in a row, with this hash.
#[allow(clippy::cast_possible_truncation, reason = "a hash, of which any bits will do")]
#[must_use]
pub fn find(hash: u64) -> Option<Entry> {
    let (slots, _) = TABLE.as_chunks::<8>();
    let mask = slots.len() - 1;
    let fingerprint = ((hash >> 32) as u32).to_le_bytes();
    let mut at = hash as usize & mask;
    loop {
        let slot = slots.get(at)?;
        let [a, b, c, d, english_weight, english_bits, portuguese_weight, portuguese_bits] = *slot;
        if english_bits == 0 && portuguese_bits == 0 {
            return None;
        }
        if [a, b, c, d] == fingerprint {
            let sense = |weight: u8, bits| Sense { weight: weight.cast_signed(), bits };
            return Some(Entry {
                english: sense(english_weight, english_bits),
                portuguese: sense(portuguese_weight, portuguese_bits),
            });
        }
        at = (at + 1) & mask;
    }
}
