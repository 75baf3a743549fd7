//! Sentiment by the rules of the original service: how many positive words occur in the text, minus
//! how many negative ones. Words count once each, as substrings, in lower case, in two languages.
//!
//! The rules are known to be crude (`dissatisfied` has `satisfied` in it); they are kept because people
//! compare with what they had.

use crate::json::Text;

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

/// For a byte at the first, second and third place: the words that have it there. A word is looked at
/// whole only where all three agree, which in running text is seldom.
const STARTS: [[Set; 256]; 3] = {
    let mut starts = [[0; 256]; 3];
    let mut word = 0;
    while word < WORDS.len() {
        let mut place = 0;
        while place < 3 {
            let byte = WORDS[word].as_bytes()[place];
            starts[place][byte as usize] |= 1 << word;
            starts[place][byte.to_ascii_uppercase() as usize] |= 1 << word;
            place += 1;
        }
        word += 1;
    }
    starts
};

/// The score of a transcript's texts: a whole number, `None` where there is no text.
///
/// A word does not span two texts.
#[must_use]
pub fn score(texts: &[Text<'_>]) -> Option<f64> {
    if texts.iter().all(|text| text.raw().is_empty()) {
        return None;
    }
    let found = texts.iter().fold(0, |found, text| found | words_in(&text.decode()));
    let positive = (found & POSITIVE_WORDS).count_ones();
    let negative = (found & !POSITIVE_WORDS).count_ones();
    Some(f64::from(positive) - f64::from(negative))
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
    for (at, window) in text.windows(3).enumerate() {
        let mut candidates = STARTS[0][window[0] as usize]
            & STARTS[1][window[1] as usize]
            & STARTS[2][window[2] as usize]
            & !found;
        while candidates != 0 {
            let word = candidates.trailing_zeros() as usize;
            candidates &= candidates - 1;
            let here = text.get(at..at + WORDS[word].len());
            if here.is_some_and(|here| here.eq_ignore_ascii_case(WORDS[word].as_bytes())) {
                found |= 1 << word;
            }
        }
    }
    found
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
        let found = words_in(text);
        i32::try_from((found & POSITIVE_WORDS).count_ones()).unwrap()
            - i32::try_from((found & !POSITIVE_WORDS).count_ones()).unwrap()
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
