//! Sentiment by the rules of the original service: how many positive words occur in the text, minus
//! how many negative ones. Words count once each, as substrings, in lower case, in two languages.
//!
//! The rules are known to be crude (`dissatisfied` has `satisfied` in it); they are kept because people
//! compare with what they had.

use crate::json::Text;

/// Version of the annotation that the original service's rules make, which stays as it is.
pub const KEYWORDS_VERSION: u32 = 1;

const POSITIVE: [&str; 8] = ["bom", "ótimo", "obrigado", "satisfeito", "good", "great", "thank", "satisfied"];
const NEGATIVE: [&str; 10] =
    ["ruim", "irritado", "odeio", "não feliz", "frustrad", "bad", "angry", "hate", "not happy", "frustrat"];

const WORDS: [&str; POSITIVE.len() + NEGATIVE.len()] = {
    let mut words = [""; POSITIVE.len() + NEGATIVE.len()];
    let mut at = 0;
    while at < words.len() {
        words[at] = if at < POSITIVE.len() { POSITIVE[at] } else { NEGATIVE[at - POSITIVE.len()] };
        at += 1;
    }
    words
};

/// A set of words, one bit each in the order of [`WORDS`].
type Set = u32;

const POSITIVE_WORDS: Set = (1 << POSITIVE.len()) - 1;

/// For each byte three sets: the words that have it at the first, the second and the third place. A word is looked
/// at whole only where all three agree with the text, which in running text is seldom.
const STARTS: [u64; 256] = {
    let mut starts = [0; 256];
    let mut word = 0;
    while word < WORDS.len() {
        let mut place = 0;
        while place < PLACES {
            let byte = WORDS[word].as_bytes()[place];
            let bit = 1 << (place * WORDS.len() + word);
            starts[byte as usize] |= bit;
            if byte.is_ascii_lowercase() {
                starts[byte.to_ascii_uppercase() as usize] |= bit;
            }
            place += 1;
        }
        word += 1;
    }
    starts
};

/// Places that are looked at together.
const PLACES: usize = 3;

/// Where the set of the last place begins.
const THIRD: usize = (PLACES - 1) * WORDS.len();

/// The set of all words, at the first place.
const ANY: u64 = (1 << WORDS.len()) - 1;

/// The score of a transcript's texts: a whole number, `None` where there is no text.
///
/// A word does not span two texts.
#[must_use]
pub fn score<'a>(texts: impl Iterator<Item = Text<'a>> + Clone) -> Option<i32> {
    if texts.clone().all(|text| text.raw().is_empty()) {
        return None;
    }
    let found = texts.fold(0, |found, text| found | words_in(&text.decode()));
    Some(balance(found))
}

/// Positive words minus negative ones.
fn balance(found: Set) -> i32 {
    let count = |words: Set| (found & words).count_ones().cast_signed();
    count(POSITIVE_WORDS) - count(!POSITIVE_WORDS)
}

fn words_in(text: &str) -> Set {
    // In ASCII the tables fold case themselves; beyond it, Unicode's rules are needed.
    if text.is_ascii() {
        lower_case_words_in(text.as_bytes())
    } else {
        lower_case_words_in(text.to_lowercase().as_bytes())
    }
}

fn lower_case_words_in(text: &[u8]) -> Set {
    let mut found = 0;
    // The words that the last bytes may be the beginning of: of one byte, of two, of three.
    let mut begun = 0;
    let (fours, rest) = text.as_chunks::<4>();
    for (index, four) in fours.iter().enumerate() {
        let before = begun;
        let mut candidates = 0;
        for byte in four {
            begun = next(begun, *byte);
            candidates |= begun;
        }
        // Four bytes for one question, which nearly always has the same answer.
        if candidates >> THIRD != 0 {
            whole_words(text, 4 * index, four, before, &mut found);
        }
    }
    whole_words(text, text.len() - rest.len(), rest, begun, &mut found);
    found
}

/// What is begun behind one more byte.
#[inline(always)]
const fn next(begun: u64, byte: u8) -> u64 {
    (begun << WORDS.len() | ANY) & STARTS[byte as usize]
}

/// Adds the words of which one of these bytes, the first at `start`, is the third, and that stand there whole.
fn whole_words(text: &[u8], start: usize, bytes: &[u8], mut begun: u64, found: &mut Set) {
    for (third, byte) in (start..).zip(bytes) {
        begun = next(begun, *byte);
        let mut candidates = begun >> THIRD;
        while candidates != 0 {
            let word = candidates.trailing_zeros() as usize;
            candidates &= candidates - 1;
            let first = third + 1 - PLACES;
            let here = text.get(first..first + WORDS[word].len());
            if here.is_some_and(|here| here.eq_ignore_ascii_case(WORDS[word].as_bytes())) {
                *found |= 1 << word;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rules in the words of their description.
    fn by_the_book(text: &str) -> i32 {
        let text = text.to_lowercase();
        let count = |words: &[&str]| i32::try_from(words.iter().filter(|word| text.contains(**word)).count());
        count(&POSITIVE).unwrap() - count(&NEGATIVE).unwrap()
    }

    fn score_of(text: &str) -> i32 {
        balance(words_in(text))
    }

    #[test]
    fn follows_the_rules_on_every_pair_of_words() {
        for first in WORDS {
            for second in WORDS {
                for text in [
                    format!("{first}{second}"),
                    format!("in{first} {second}!"),
                    format!("{first} {}", second.to_uppercase()),
                    format!("{}{}", &first[..first.len() - 1], second),
                ] {
                    assert_eq!(score_of(&text), by_the_book(&text), "{text}");
                }
            }
        }
    }

    #[test]
    fn follows_the_rules_beyond_ascii() {
        for text in
            ["ÓTIMO", "NÃO FELIZ", "Tha\u{212a} you", "\u{130}RRITADO bom", "naõ feliz", "ó", "好bad好"]
        {
            assert_eq!(score_of(text), by_the_book(text), "{text}");
        }
    }
}
