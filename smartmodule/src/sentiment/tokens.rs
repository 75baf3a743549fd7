//! Cuts a text into words, pictograms, emoticons and marks, in one pass and without a copy.
//!
//! A text is what stands between the quotes of a JSON string: escapes are resolved on the way, and a token's
//! place is that of its own spelling, which is valid JSON between quotes again.

use super::fold::{Folded, fold};
use super::letters::plain;
use super::word::{Key, LONGEST};

/// A piece of a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// A word, a pictogram or an emoticon.
    Word(Word),
    /// A full stop, a line's end.
    Stop,
    /// `!`
    Exclamation,
    /// `?`
    Question,
    /// A comma, a bracket, a dash: the clause ends.
    Clause,
}

/// A word with its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Word {
    /// Its folded letters. A letter that stands three times or more in a row is there twice.
    pub key: Key,
    /// Where it begins, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// Whether a letter stood there three times or more in a row.
    pub is_elongated: bool,
    /// Whether all its letters are capitals, and there are at least three.
    pub is_loud: bool,
    /// Whether it is made of letters, or is a pictogram or an emoticon: digits alone say nothing.
    pub has_meaning: bool,
}

/// The tokens of a text.
#[derive(Debug)]
pub struct Tokens<'a> {
    bytes: &'a [u8],
    at: usize,
}

const SEPARATOR: u8 = 0;
const STOP: u8 = 1;
const EXCLAMATION: u8 = 2;
const QUESTION: u8 = 3;
const CLAUSE: u8 = 4;
const APOSTROPHE: u8 = 5;
const BACKSLASH: u8 = 6;
const WIDE: u8 = 7;
const EYES: u8 = 8;
const HANDLE: u8 = 9;

/// For each byte its letter in lower case, its digit, or what else it is.
#[allow(clippy::cast_possible_truncation, reason = "below 256")]
const CLASSES: [u8; 256] = {
    let mut classes = [SEPARATOR; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            letter @ (b'a'..=b'z' | b'0'..=b'9') => letter,
            capital @ b'A'..=b'Z' => capital + 32,
            b'.' => STOP,
            b'!' => EXCLAMATION,
            b'?' => QUESTION,
            b',' | b'(' | b')' | b'[' | b']' => CLAUSE,
            b'\'' | b'`' => APOSTROPHE,
            b'\\' => BACKSLASH,
            0x80..=0xff => WIDE,
            b':' | b';' | b'=' | b'<' => EYES,
            b'@' => HANDLE,
            _ => SEPARATOR,
        };
        byte += 1;
    }
    classes
};

/// A word while its letters are read.
struct Draft {
    letters: [u8; LONGEST],
    length: usize,
    /// The last letter, and the one before it.
    last: u8,
    before: u8,
    /// All bytes in one: which bits any of them has tells capitals, small letters and digits apart.
    seen: u8,
    is_elongated: bool,
}

/// In ASCII, every letter has this bit and no digit has it.
const LETTER: u8 = 0x40;
/// Every small letter and every digit has this one, and no capital.
const SMALL: u8 = 0x20;

impl Draft {
    const EMPTY: Self =
        Self { letters: [0; LONGEST], length: 0, last: 0, before: 0, seen: 0, is_elongated: false };

    #[inline(always)]
    fn push(&mut self, letter: u8) {
        // Of digits every one counts.
        if letter == self.last && letter == self.before && letter > b'9' {
            self.is_elongated = true;
            return;
        }
        (self.before, self.last) = (self.last, letter);
        if let Some(place) = self.letters.get_mut(self.length) {
            *place = letter;
            self.length += 1;
        }
    }

    fn finish(&self, start: usize, end: usize) -> Word {
        Word {
            key: Key::from_padded(&self.letters),
            start,
            end,
            is_elongated: self.is_elongated,
            is_loud: self.seen & SMALL == 0 && self.length >= 3,
            has_meaning: self.seen & LETTER != 0,
        }
    }
}

impl<'a> Tokens<'a> {
    /// The tokens of what stands between a JSON string's quotes.
    #[must_use]
    pub fn new(text: &'a str) -> Self {
        Self { bytes: text.as_bytes(), at: 0 }
    }

    fn class(&self, at: usize) -> u8 {
        self.bytes.get(at).map_or(SEPARATOR, |byte| CLASSES[*byte as usize])
    }

    /// The character at a place beyond ASCII or behind a backslash, and how many bytes it takes.
    fn character(&self, at: usize) -> (char, usize) {
        let bytes = &self.bytes[at..];
        let low = |index: usize| bytes.get(index).map_or(0, |byte| u32::from(byte & 0x3f));
        let (code, length) = match bytes.first().copied().unwrap_or_default() {
            b'\\' => return escaped(bytes),
            first @ ..=0xdf => (u32::from(first & 0x1f) << 6 | low(1), 2),
            first @ ..=0xef => (u32::from(first & 0x0f) << 12 | low(1) << 6 | low(2), 3),
            first => (u32::from(first & 0x07) << 18 | low(1) << 12 | low(2) << 6 | low(3), 4),
        };
        (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), length.min(bytes.len()))
    }

    /// Reads a word from its first letter on.
    #[inline(always)]
    fn word(&mut self, start: usize) -> Word {
        if let Some(plain) = plain(self.bytes, start) {
            let end = start + plain.length;
            if !matches!(self.class(end), APOSTROPHE | WIDE | BACKSLASH) {
                self.at = end;
                let is_loud = plain.is_capital && plain.length >= 3;
                let (key, has_meaning) = (plain.key, plain.has_letter);
                return Word { key, start, end, is_elongated: false, is_loud, has_meaning };
            }
        }
        self.spelled(start)
    }

    /// Reads a word letter by letter: with accents, escapes, drawn-out letters, of any length.
    fn spelled(&mut self, start: usize) -> Word {
        let mut draft = Draft::EMPTY;
        let mut end = start;
        self.at = start;
        loop {
            while let Some(&byte) = self.bytes.get(self.at) {
                let letter = CLASSES[byte as usize];
                if letter < b'0' {
                    break;
                }
                draft.seen |= byte;
                draft.push(letter);
                self.at += 1;
                end = self.at;
            }
            match self.class(self.at) {
                // Of the apostrophes only that of "n't" belongs to the word: "I'll" is not ill.
                APOSTROPHE if self.is_not(self.at + 1, draft.last) => self.at += 1,
                WIDE | BACKSLASH => {
                    let (character, length) = self.character(self.at);
                    match fold(character) {
                        Folded::One(letter) => {
                            draft.seen |= LETTER | if character.is_uppercase() { 0 } else { SMALL };
                            draft.push(letter);
                        }
                        Folded::Two(first, second) => {
                            draft.seen |= LETTER | SMALL;
                            draft.push(first);
                            draft.push(second);
                        }
                        Folded::Nothing => {}
                        Folded::Apostrophe if self.is_not(self.at + length, draft.last) => {}
                        _ => break,
                    }
                    self.at += length;
                }
                _ => break,
            }
            end = self.at;
        }
        draft.finish(start, end)
    }

    /// Whether `t` alone follows an apostrophe behind an `n`.
    fn is_not(&self, at: usize, before: u8) -> bool {
        before == b'n' && self.class(at) == b't' && !self.class(at + 1).is_ascii_alphanumeric()
    }

    /// The emoticon whose eyes are here, in its plainest spelling, and how many bytes it takes.
    fn emoticon(&self, at: usize) -> Option<(&'static [u8], usize)> {
        let byte = |offset: usize| self.bytes.get(at + offset).copied().unwrap_or(b' ');
        let eyes = byte(0);
        if eyes == b'<' {
            return match (byte(1), byte(2)) {
                (b'3', _) => Some((b"<3", 2)),
                (b'/', b'3') => Some((b"</3", 3)),
                _ => None,
            };
        }
        if eyes == b':' && byte(1) == b'\'' && byte(2) == b'(' {
            return Some((b":'(", 3));
        }
        let nose = usize::from(byte(1) == b'-' || byte(1) == b'^');
        let length = 2 + nose;
        let is_letter_alone = !byte(length).is_ascii_alphanumeric();
        let found: &'static [u8] = match byte(1 + nose) {
            b')' | b']' if eyes == b';' => b";)",
            b')' | b']' | b'}' | b'*' => b":)",
            b'D' if is_letter_alone => b":D",
            b'P' | b'p' | b'3' if is_letter_alone && eyes != b'=' => b":P",
            b'(' | b'[' | b'{' => b":(",
            b'/' if byte(length) != b'/' => b":/",
            b'|' => b":/",
            _ => return None,
        };
        Some((found, length))
    }

    /// Passes over what belongs to a handle or an address.
    fn skip_to_space(&mut self) {
        while self.bytes.get(self.at).is_some_and(|byte| !matches!(byte, b' ' | b'\\')) {
            self.at += 1;
        }
    }
}

impl Iterator for Tokens<'_> {
    type Item = Token;

    #[inline(always)]
    fn next(&mut self) -> Option<Token> {
        loop {
            let start = self.at;
            let &byte = self.bytes.get(start)?;
            self.at += 1;
            match CLASSES[byte as usize] {
                b'0'..=b'z' => {
                    let word = self.word(start);
                    if byte | 0x20 == b'h' && self.bytes[self.at..].starts_with(b"://") {
                        self.skip_to_space();
                        continue;
                    }
                    return Some(Token::Word(word));
                }
                // Not that of a number.
                STOP if !self.class(self.at).is_ascii_digit() => return Some(Token::Stop),
                EXCLAMATION => return Some(Token::Exclamation),
                QUESTION => return Some(Token::Question),
                CLAUSE => return Some(Token::Clause),
                EYES => {
                    if let Some((key, length)) = self.emoticon(start) {
                        self.at = start + length;
                        return Some(Token::Word(picture(key, start, self.at)));
                    }
                    return Some(Token::Clause);
                }
                HANDLE => self.skip_to_space(),
                WIDE | BACKSLASH => {
                    let (character, length) = self.character(start);
                    self.at = start + length;
                    match fold(character) {
                        Folded::One(_) | Folded::Two(..) => return Some(Token::Word(self.word(start))),
                        Folded::Picture => {
                            let mut utf8 = [0; 4];
                            let key = character.encode_utf8(&mut utf8).as_bytes();
                            return Some(Token::Word(picture(key, start, self.at)));
                        }
                        Folded::Separator => match character {
                            '\n' | '…' => return Some(Token::Stop),
                            '¡' => return Some(Token::Exclamation),
                            '–' | '—' => return Some(Token::Clause),
                            _ => {}
                        },
                        _ => {}
                    }
                }
                _ => {}
            }
        }
    }
}

fn picture(key: &[u8], start: usize, end: usize) -> Word {
    Word { key: Key::new(key), start, end, is_elongated: false, is_loud: false, has_meaning: true }
}

/// The character that an escape stands for, and how many bytes the escape has.
fn escaped(bytes: &[u8]) -> (char, usize) {
    let unit = |at: usize| {
        let digits = bytes.get(at..at + 4).and_then(|digits| std::str::from_utf8(digits).ok());
        digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()).unwrap_or(0xfffd)
    };
    match bytes.get(1) {
        Some(b'u') => match unit(2) {
            high @ 0xd800..0xdc00 if bytes.get(6..8) == Some(b"\\u") => match unit(8) {
                low @ 0xdc00..0xe000 => {
                    let code = 0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00);
                    (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 12)
                }
                _ => (char::REPLACEMENT_CHARACTER, 6),
            },
            code => (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), 6.min(bytes.len())),
        },
        Some(b'n' | b'r') => ('\n', 2),
        _ => (' ', 2.min(bytes.len())),
    }
}

#[cfg(all(test, not(target_arch = "wasm32")))]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]

        #[test]
        fn a_word_that_is_read_by_eight_is_the_one_that_is_spelled(
            // What lies beside the letters and digits in ASCII, and few letters, so that they repeat.
            text in "[abzABZ019/:@`\\[{'nt é \u{301}]{0,12}[a-cA-C0-2]{0,30}[abzAZ09@é' ]{0,9}",
        ) {
            let mut tokens = Tokens::new(&text);
            for start in (0..text.len()).filter(|start| CLASSES[text.as_bytes()[*start] as usize] >= b'0') {
                let spelled = (tokens.spelled(start), tokens.at);
                prop_assert_eq!((tokens.word(start), tokens.at), spelled, "{:?} from {}", text, start);
            }
        }
    }
}
