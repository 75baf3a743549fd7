//! The letters of a plain word, eight bytes at a time in one register: nearly every word is ASCII and short, and
//! the engine counts every step of a loop.

use super::word::{Key, LONGEST};

const ONES: u64 = 0x0101_0101_0101_0101;
/// The highest bit of each byte, which no ASCII character has.
const HIGHS: u64 = ONES << 7;
/// Every small letter and every digit has this bit, and no capital.
const SMALLS: u64 = ONES << 5;

/// A word of ASCII letters and digits, with no letter three times in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Plain {
    /// Its letters in lower case.
    pub key: Key,
    /// How many there are: up to [`LONGEST`].
    pub length: usize,
    /// Whether it has neither small letters nor digits.
    pub is_capital: bool,
    /// Whether it has a letter: digits alone say nothing.
    pub has_letter: bool,
}

/// The letters and digits from `start` on; `None` where they are more than a key holds or one is drawn out.
#[inline(always)]
#[must_use]
pub fn plain(bytes: &[u8], start: usize) -> Option<Plain> {
    let first = Part::read(bytes, start, Part::NONE);
    if first.count == 8 {
        return longer(bytes, start, first);
    }
    (!first.is_drawn_out).then_some(Plain {
        key: Key::from_parts([first.letters, 0, 0]),
        length: first.count as usize,
        is_capital: first.smalls == 0,
        has_letter: first.is_letter != 0,
    })
}

/// The same, of a word whose first eight bytes are read.
fn longer(bytes: &[u8], start: usize, first: Part) -> Option<Plain> {
    let second = Part::read(bytes, start + 8, first);
    let third = if second.count == 8 { Part::read(bytes, start + 16, second) } else { Part::NONE };
    let length = (first.count + second.count + third.count) as usize;
    let is_longer = length == LONGEST && bytes.get(start + LONGEST).is_some_and(u8::is_ascii_alphanumeric);
    let is_plain = !(is_longer || first.is_drawn_out || second.is_drawn_out || third.is_drawn_out);
    is_plain.then_some(Plain {
        key: Key::from_parts([first.letters, second.letters, third.letters]),
        length,
        is_capital: (first.smalls | second.smalls | third.smalls) == 0,
        has_letter: (first.is_letter | second.is_letter | third.is_letter) != 0,
    })
}

/// What eight bytes have of a word: up to the first that belongs to none.
#[derive(Clone, Copy)]
struct Part {
    /// In lower case, zero behind the last.
    letters: u64,
    /// How many.
    count: u32,
    /// A bit of each byte that is a small letter or a digit.
    smalls: u64,
    /// The highest bit of each byte that is a letter.
    is_letter: u64,
    /// The highest bit of each byte that is as the one before it.
    is_same: u64,
    /// Whether a letter stands there three times in a row.
    is_drawn_out: bool,
}

impl Part {
    const NONE: Self =
        Self { letters: 0, count: 0, smalls: 0, is_letter: 0, is_same: 0, is_drawn_out: false };

    #[inline(always)]
    fn read(bytes: &[u8], start: usize, before: Self) -> Self {
        let eight = load(bytes, start);
        let lower = eight | SMALLS;
        let is_letter = within(lower, b'a', b'z') & !eight;
        let is_word = is_letter | within(eight, b'0', b'9') & !eight;
        let stop = !is_word & HIGHS;
        let count = stop.trailing_zeros() / 8;
        // Everything below the first byte that is none; everything, where all are some.
        let kept = ((stop & stop.wrapping_neg()) >> 7).wrapping_sub(1);
        let letters = lower & kept;
        let is_letter = is_letter & kept;
        let is_same = zeros(letters ^ (letters << 8 | before.letters >> 56));
        let is_drawn_out = is_same & (is_same << 8 | before.is_same >> 56) & is_letter != 0;
        Self { letters, count, smalls: eight & SMALLS & kept, is_letter, is_same, is_drawn_out }
    }
}

/// Eight bytes, the first one lowest; zeros behind the last.
#[inline(always)]
fn load(bytes: &[u8], at: usize) -> u64 {
    if let Some(eight) = bytes.get(at..).and_then(<[u8]>::first_chunk) {
        return u64::from_le_bytes(*eight);
    }
    let rest = bytes.len().saturating_sub(at);
    match bytes.last_chunk() {
        Some(last) if rest > 0 => u64::from_le_bytes(*last) >> (8 * (8 - rest)),
        _ => bytes.iter().skip(at).rev().fold(0, |eight, byte| eight << 8 | u64::from(*byte)),
    }
}

/// The highest bit of each byte that lies in this range; of bytes beyond ASCII any.
const fn within(eight: u64, first: u8, last: u8) -> u64 {
    let low = eight & !HIGHS;
    let reaches = low + ONES * (0x80 - first as u64);
    let exceeds = low + ONES * (0x7f - last as u64);
    reaches & !exceeds & HIGHS
}

/// The highest bit of each byte that is zero, where all are ASCII.
const fn zeros(eight: u64) -> u64 {
    !(eight + ONES * 0x7f) & HIGHS
}
