//! In which language a text is: as the event says, else as its tenant usually speaks, else by a vote of the
//! words that both lexicons know apart.

use super::memo::Memo;
use super::model::Language;
use super::sense::Kind;
use super::tokens::{Token, Tokens};

/// A vote is over where one language leads by this much.
const LEAD: i32 = 3;

/// Words that vote at most.
const VOTERS: usize = 64;

/// The primary subtag of a language tag (RFC 5646: `pt` of `pt-BR`), two or three letters.
#[must_use]
pub fn primary_subtag(tag: &str) -> Option<&str> {
    let tag = tag.trim_ascii();
    let end = tag.bytes().position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(tag.len());
    let is_apart = matches!(tag.as_bytes().get(end), None | Some(b'-' | b'_'));
    ((2..=3).contains(&end) && is_apart).then(|| &tag[..end])
}

/// The language with this primary subtag, if it is one of the two.
#[must_use]
pub fn known(subtag: &str) -> Option<Language> {
    let is = |name: &str| subtag.eq_ignore_ascii_case(name);
    if is("en") || is("eng") {
        Some(Language::English)
    } else if is("pt") || is("por") {
        Some(Language::Portuguese)
    } else {
        None
    }
}

/// The language that the words of these texts speak for; English where they leave it open.
#[must_use]
pub fn vote<'a>(texts: impl IntoIterator<Item = &'a str>, memo: &mut Memo<'_>) -> Language {
    let mut lead = 0_i32;
    let mut left = VOTERS;
    for text in texts {
        for token in Tokens::new(text) {
            let Token::Word(word) = token else { continue };
            let [english, portuguese] = memo.know(&word).lexicon;
            lead += voice(portuguese) - voice(english);
            left -= 1;
            if lead.abs() >= LEAD || left == 0 {
                return language_of(lead);
            }
        }
    }
    language_of(lead)
}

const fn language_of(lead: i32) -> Language {
    if lead > 0 { Language::Portuguese } else { Language::English }
}

/// A word that binds others together speaks loudest.
const fn voice(kind: Kind) -> i32 {
    match kind {
        Kind::Unknown | Kind::Prefix => 0,
        Kind::Value | Kind::Acknowledgement | Kind::Opening => 1,
        _ => 2,
    }
}
