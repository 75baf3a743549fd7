//! What a word means in a language, in the two bytes that the table has for it.
//!
//! Also compiled into the build script.

/// What a word does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[repr(u8)]
pub enum Kind {
    /// The language's lexicon does not have it.
    #[default]
    Unknown,
    /// Has a value, its weight; zero for a word that only looks as if it had one.
    Value,
    /// Has a value, and may merely acknowledge: "great, and my order?"
    Acknowledgement,
    /// Has a value, and may merely be polite: "thanks".
    Polite,
    /// Opens a turn and says nothing yet: "ok", "hello".
    Opening,
    /// Turns what follows around: "not".
    Negator,
    /// Turns around unless something before it did: "nada".
    Concord,
    /// Strengthens its neighbour: "very".
    Intensifier,
    /// Weakens its neighbour: "a little".
    Diminisher,
    /// What follows weighs more than what was before: "but".
    Contrast,
    /// What follows weighs less than what comes then: "although".
    Concession,
    /// Begins a question or a request: "can", "when".
    Request,
    /// Says nothing, but in which language.
    Function,
    /// Only the beginning of a phrase in the lexicon.
    Prefix,
}

/// Every kind by the name that it has in the lexicons.
pub const KINDS: [(&str, Kind); 12] = [
    ("value", Kind::Value),
    ("acknowledgement", Kind::Acknowledgement),
    ("polite", Kind::Polite),
    ("opening", Kind::Opening),
    ("negator", Kind::Negator),
    ("concord", Kind::Concord),
    ("intensifier", Kind::Intensifier),
    ("diminisher", Kind::Diminisher),
    ("contrast", Kind::Contrast),
    ("concession", Kind::Concession),
    ("request", Kind::Request),
    ("function", Kind::Function),
];

/// Every kind by its number in [`Sense::bits`].
const BY_NUMBER: [Kind; 1 + !MARKS as usize] = {
    let mut kinds = [Kind::Unknown; 1 + !MARKS as usize];
    let mut at = 0;
    while at < KINDS.len() {
        kinds[KINDS[at].1 as usize] = KINDS[at].1;
        at += 1;
    }
    kinds[Kind::Prefix as usize] = Kind::Prefix;
    kinds
};

/// A word's meaning in one language.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Sense {
    /// In tenths, from -50 (worst) to 50 (best); of an intensifier or diminisher in hundredths of a factor.
    pub weight: i8,
    /// A [`Kind`], and in the two highest bits its part in the lexicon's phrases.
    pub bits: u8,
}

/// In [`Sense::bits`]: a phrase of the lexicon begins so.
pub const BEGINS: u8 = 0x80;

/// In [`Sense::bits`]: a phrase of the lexicon has the word behind its first.
pub const CONTINUES: u8 = 0x40;

/// What [`Sense::bits`] has besides the kind.
pub const MARKS: u8 = BEGINS | CONTINUES;

impl Sense {
    /// What the word does.
    #[must_use]
    pub fn kind(self) -> Kind {
        BY_NUMBER[usize::from(self.bits & !MARKS)]
    }

    /// Whether a phrase of the lexicon has the word behind its first.
    #[must_use]
    pub const fn continues(self) -> bool {
        self.bits & CONTINUES != 0
    }

    /// Whether a phrase of the lexicon begins with the word.
    #[must_use]
    pub const fn begins(self) -> bool {
        self.bits & BEGINS != 0
    }
}
