//! What is known of a word: its senses, and what the model makes of its letters.
//!
//! A few thousand words are most of what is ever said, so what was found for a word is kept: a table of fixed
//! size, each word in the one place that its hash names, where the next one of that place replaces it. Words
//! are compared whole. It changes how long an annotation takes and nothing else.

use super::features::{self, BUCKETS, GRAM};
use super::lexicon::{self, Entry};
use super::model::Language;
use super::sense::{Kind, MARKS, Sense};
use super::tokens::Word;
use super::word::Key;

/// Bits of a place in the table.
const BITS: u32 = 12;

/// A word as lexicon and model know it.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Known {
    /// Its letters, without what a drawn-out word has too many.
    pub key: Key,
    /// Their hash.
    pub hash: u64,
    /// What it is in the English and in the Portuguese lexicon.
    pub lexicon: [Kind; 2],
    /// Its sense in an English and in a Portuguese text.
    pub senses: [Sense; 2],
    /// What the model has for the word and its letters, positive against negative, in the table's units.
    pub polarity: f32,
    /// The same of neutral.
    pub neutrality: f32,
}

impl Known {
    /// Its sense in a text of this language.
    #[must_use]
    pub const fn sense(&self, language: Language) -> Sense {
        self.senses[language as usize]
    }
}

/// Remembers words.
#[derive(Debug)]
pub struct Memo<'t> {
    table: &'t [[u8; 2]; BUCKETS],
    /// Each with the key that was asked for.
    places: Box<[(Key, Known); 1 << BITS]>,
}

impl<'t> Memo<'t> {
    /// Remembers nothing yet.
    #[must_use]
    pub fn new(table: &'t [[u8; 2]; BUCKETS]) -> Self {
        let places = vec![(Key::default(), Known::default()); 1 << BITS].into_boxed_slice();
        Self { table, places: places.try_into().expect("as many as were made") }
    }

    /// What is known of a word.
    #[inline(always)]
    pub fn know(&mut self, word: &Word) -> &Known {
        let place = &mut self.places[word.key.place::<BITS>()];
        // A drawn-out word is looked up otherwise than the same letters as they stand.
        if place.0 != word.key || word.is_elongated {
            let key = if word.is_elongated { plain(&word.key) } else { word.key };
            let known = look_up(key, self.table);
            // Remembered only where the key says it all.
            *place = (if word.is_elongated { Key::default() } else { key }, known);
        }
        &place.1
    }
}

/// The spelling of a drawn-out word: as it is with two of each letter if a lexicon has that, else with one.
fn plain(key: &Key) -> Key {
    if lexicon::find(key.hash()).is_some() {
        return *key;
    }
    let letters = key.padded();
    let mut single = Vec::with_capacity(letters.len());
    single.extend(letters.into_iter().take_while(|letter| *letter != 0));
    single.dedup();
    Key::new(&single)
}

fn look_up(key: Key, table: &[[u8; 2]; BUCKETS]) -> Known {
    let hash = key.hash();
    let (mut polarity, mut neutrality) = (0_i32, 0_i32);
    features::grams(&key, |bucket| {
        let [of_polarity, of_neutrality] = table[bucket as usize];
        polarity += i32::from(of_polarity.cast_signed());
        neutrality += i32::from(of_neutrality.cast_signed());
    });
    let [word_polarity, word_neutrality] = table[features::word(hash) as usize];
    let entry = lexicon::find(hash).unwrap_or_default();
    Known {
        key,
        hash,
        lexicon: [entry.english.kind(), entry.portuguese.kind()],
        senses: senses(entry),
        polarity: polarity as f32 * GRAM + f32::from(word_polarity.cast_signed()),
        neutrality: neutrality as f32 * GRAM + f32::from(word_neutrality.cast_signed()),
    }
}

/// A word that only the other language's lexicon has counts as there, for people mix them; its part in phrases
/// stays its own.
fn senses(Entry { english, portuguese }: Entry) -> [Sense; 2] {
    let is_known = |sense: Sense| !matches!(sense.kind(), Kind::Unknown | Kind::Prefix);
    let borrowed = |own: Sense, other: Sense| Sense {
        weight: other.weight,
        bits: other.bits & !MARKS | own.bits & MARKS,
    };
    match (is_known(english), is_known(portuguese)) {
        (true, false) => [english, borrowed(portuguese, english)],
        (false, true) => [borrowed(english, portuguese), portuguese],
        _ => [english, portuguese],
    }
}
