//! The model's table and the numbers by which rules and table add up to logits, as `cargo xtask train` wrote
//! them.
//!
//! Of the three classes' logits only their distances matter, so a bucket has two weights: of positive against
//! negative, and of neutral against the mean of the two.

use super::features::BUCKETS;

/// The file begins with these bytes; the last is the version of what follows.
pub const MAGIC: [u8; 8] = *b"VOCSENT\x02";

/// Numbers of each language, four bytes each.
pub const NUMBERS: usize = 9;

/// Length of the file: magic, scale, the numbers of both languages, two bytes a bucket.
pub const LENGTH: usize = 8 + 4 + 2 * 4 * NUMBERS + 2 * BUCKETS;

static FILE: &[u8; LENGTH] = include_bytes!("../../model/sentiment.bin");

/// The language that lexicon, rules and calibration are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Portuguese, above all as in Brazil.
    Portuguese,
}

impl Language {
    /// As in `language`: an ISO 639-1 code.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Portuguese => "pt",
        }
    }
}

/// How rules and model add up in one language. Logits are natural.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Numbers {
    /// Logit of positive against negative for one point of a word's weight.
    pub per_point: f32,
    /// Logit of positive against negative before anything is said.
    pub bias: f32,
    /// Logit of neutral before anything is said.
    pub neutral: f32,
    /// Logit of neutral for one point of the rules' strength, whatever its sign.
    pub neutral_per_point: f32,
    /// Logit of neutral where something is asked.
    pub neutral_question: f32,
    /// Logit of neutral where a turn is merely polite.
    pub neutral_polite: f32,
    /// Factor of all logits: the inverse temperature.
    pub sharpness: f32,
    /// Below this probability of the likeliest class a text is `unclear`.
    pub clear: f32,
    /// Logit of neutral where the lexicon has no word of the text.
    pub neutral_unknown: f32,
}

impl Numbers {
    /// In the order of the file.
    #[must_use]
    pub const fn to_array(self) -> [f32; NUMBERS] {
        [
            self.per_point,
            self.bias,
            self.neutral,
            self.neutral_per_point,
            self.neutral_question,
            self.neutral_polite,
            self.sharpness,
            self.clear,
            self.neutral_unknown,
        ]
    }

    /// From the order of the file.
    #[must_use]
    pub const fn from_array(numbers: [f32; NUMBERS]) -> Self {
        let [
            per_point,
            bias,
            neutral,
            neutral_per_point,
            neutral_question,
            neutral_polite,
            sharpness,
            clear,
            neutral_unknown,
        ] = numbers;
        Self {
            per_point,
            bias,
            neutral,
            neutral_per_point,
            neutral_question,
            neutral_polite,
            sharpness,
            clear,
            neutral_unknown,
        }
    }
}

/// A model: the one that is built in, or one that is being trained.
#[derive(Debug, Clone, Copy)]
pub struct Model<'a> {
    /// Logit of one unit of the table.
    pub scale: f32,
    /// Of English, then of Portuguese.
    pub numbers: [Numbers; 2],
    /// A bucket's weights as signed bytes: positive against negative, neutral.
    pub table: &'a [[u8; 2]; BUCKETS],
}

/// The model that is built in.
pub static BUILT_IN: Model<'static> = match Model::parse(FILE) {
    Some(model) => model,
    None => panic!("model/sentiment.bin is none: cargo xtask train writes it"),
};

impl<'a> Model<'a> {
    /// Reads a model; `None` where the bytes are none, or of another version.
    #[must_use]
    pub const fn parse(file: &'a [u8; LENGTH]) -> Option<Self> {
        let mut at = 0;
        while at < MAGIC.len() {
            if file[at] != MAGIC[at] {
                return None;
            }
            at += 1;
        }
        let numbers = [numbers_at(file, 12), numbers_at(file, 12 + 4 * NUMBERS)];
        let (_, table) = file.split_at(LENGTH - 2 * BUCKETS);
        let (buckets, _) = table.as_chunks::<2>();
        match buckets.first_chunk::<BUCKETS>() {
            Some(table) => Some(Self { scale: number_at(file, 8), numbers, table }),
            None => None,
        }
    }

    /// The bytes that [`Model::parse`] reads.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let numbers = self.numbers.iter().flat_map(|numbers| numbers.to_array());
        let numbers = std::iter::once(self.scale).chain(numbers).flat_map(f32::to_le_bytes);
        MAGIC.into_iter().chain(numbers).chain(self.table.iter().flatten().copied()).collect()
    }
}

const fn numbers_at(file: &[u8; LENGTH], start: usize) -> Numbers {
    let mut numbers = [0.0; NUMBERS];
    let mut index = 0;
    while index < NUMBERS {
        numbers[index] = number_at(file, start + 4 * index);
        index += 1;
    }
    Numbers::from_array(numbers)
}

const fn number_at(file: &[u8; LENGTH], at: usize) -> f32 {
    f32::from_le_bytes([file[at], file[at + 1], file[at + 2], file[at + 3]])
}
