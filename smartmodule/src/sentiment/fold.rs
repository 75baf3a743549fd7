//! Folds case and accents: what is written in capitals, with accents, without them (as a speech recogniser
//! does) or in the wide letters of some keyboards is the same word.
//!
//! Also compiled into the build script, which folds the lexicons' words in the very same way.

/// What a character is to the tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folded {
    /// One letter or digit, in ASCII and lower case.
    One(u8),
    /// Two letters, as of `œ`.
    Two(u8, u8),
    /// Nothing: a combining accent, a joiner, a variation selector, a skin tone.
    Nothing,
    /// A pictogram, which is a word by itself.
    Picture,
    /// A quotation mark that stands for an apostrophe.
    Apostrophe,
    /// A letter of another script. No lexicon has it, and the model has seen none.
    Foreign,
    /// White space, punctuation and everything else.
    Separator,
}

/// The letters of U+00C0 to U+017F in their order, without accents; a space where it is no letter, a digit
/// where there are two, found in [`PAIRS`].
const LATIN: &[u8; 192] = b"aaaaaa0ceeeeiiiidnooooo ouuuuyt1aaaaaa0ceeeeiiiidnooooo ouuuuyty\
    aaaaaaccccccccddddeeeeeeeeeegggggggghhhhiiiiiiiiii22jjkkklllllll\
    lllnnnnnnnnnoooooo33rrrrrrssssssssttttttuuuuuuuuuuuuwwyyyzzzzzzs";

const PAIRS: [(u8, u8); 4] = [(b'a', b'e'), (b's', b's'), (b'i', b'j'), (b'o', b'e')];

/// Folds one character.
#[must_use]
pub fn fold(character: char) -> Folded {
    let code = character as u32;
    match code {
        0x30..=0x39 | 0x61..=0x7a => one(code),
        0x41..=0x5a => one(code + 0x20),
        0..=0x7f => Folded::Separator,
        0xaa => Folded::One(b'a'),
        0xba => Folded::One(b'o'),
        0xa9 | 0xae => Folded::Separator,
        0xc0..=0x17f => latin(LATIN[(code - 0xc0) as usize]),
        0x300..=0x36f | 0xad | 0x200b..=0x200d | 0x2060 | 0xfe00..=0xfe0f | 0xfeff => Folded::Nothing,
        // Skin tones, tags of flags.
        0x1f3fb..=0x1f3ff | 0xe0000..=0xe007f => Folded::Nothing,
        0x2bc | 0x2018 | 0x2019 => Folded::Apostrophe,
        0xff10..=0xff19 => one(code - 0xff10 + 0x30),
        0xff21..=0xff3a => one(code - 0xff21 + 0x61),
        0xff41..=0xff5a => one(code - 0xff41 + 0x61),
        // Bold, italic and other letters for formulas, which some use for decoration: 26 capitals, 26 small.
        0x1d400..=0x1d6a3 => one((code - 0x1d400) % 26 + 0x61),
        0x2190..=0x21ff | 0x2600..=0x27bf | 0x2b00..=0x2bff | 0x1f000..=0x1faff => Folded::Picture,
        _ if character.is_alphabetic() => Folded::Foreign,
        _ => Folded::Separator,
    }
}

fn latin(letter: u8) -> Folded {
    match letter {
        b' ' => Folded::Separator,
        b'0'..=b'3' => {
            let (first, second) = PAIRS[(letter - b'0') as usize];
            Folded::Two(first, second)
        }
        letter => Folded::One(letter),
    }
}

fn one(code: u32) -> Folded {
    Folded::One(code.to_le_bytes()[0])
}
