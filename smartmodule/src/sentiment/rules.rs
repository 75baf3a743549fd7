//! The rules: what a word counts where it stands. Negation, degree, contrast, politeness, questions.
//!
//! They go over a text once and hand every word with its factors to a [`Ledger`], which adds up; so what
//! annotates, what explains and what trains see the same.

use super::memo::{Known, Memo};
use super::model::Language;
use super::sense::{Kind, Sense};
use super::tokens::{Token, Tokens, Word};

/// A word as the rules leave it.
#[derive(Debug, Clone, Copy)]
pub struct Step<'k> {
    /// Where it begins in its text, in bytes; of a phrase, where that begins.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// What the rules give it, in points of the lexicons' weight.
    pub points: f32,
    /// By what the model's polarity of the word counts: 1, or less than zero behind a negation.
    pub turn: f32,
    /// The word.
    pub known: &'k Known,
    /// Whether it has letters, or is a pictogram: digits alone say nothing.
    pub has_meaning: bool,
    /// The word before it in its sentence, zero where there is none.
    pub before: u64,
    /// Where the word ends a phrase of the lexicon: how many words of it came before.
    pub covered: usize,
    /// What the model's polarity of those words is to be changed by, in the table's units.
    pub taken_back: f32,
}

/// What takes the words of a text.
pub trait Ledger {
    /// Takes the next word of the sentence.
    fn add(&mut self, step: &Step<'_>);
    /// Everything that the sentence has so far counts so much less.
    fn fade(&mut self, factor: f32);
    /// The sentence is at its end, and counts with this factor.
    fn end(&mut self, factor: f32);
    /// Something was asked.
    fn question(&mut self);
    /// What sounded kind was merely polite.
    fn polite(&mut self);
}

/// Words that a negation reaches.
const REACH: u8 = 4;
/// What remains of a good word behind a negation, and of a bad one: "not good" is worse than "not bad" is good.
const NOT_GOOD: f32 = -0.75;
const NOT_BAD: f32 = -0.45;
/// What the model knows of any other word there.
const NOT_ANY: f32 = 0.3;
/// Words between a degree and what it is of.
const DEGREE_REACH: u8 = 2;
/// What was said before "but", and after it.
const BEFORE_CONTRAST: f32 = 0.45;
const AFTER_CONTRAST: f32 = 1.25;
/// What is said after "although", up to the clause's end.
const CONCEDED: f32 = 0.5;
const LOUD: f32 = 1.15;
const ELONGATED: f32 = 1.15;
const QUESTION: f32 = 0.6;
const EXCLAMATION: f32 = 0.12;
/// What remains of "great" where it acknowledges, of "thanks" where it is all that is said.
const MERELY_POLITE: f32 = 0.3;
/// What the model has to say of the words of a phrase, and of those that merely open a text or are polite: the
/// lexicon knows better.
pub const SPOKEN_FOR: f32 = 0.3;
/// Longest phrase of the lexicons, in words.
const PHRASE: u8 = 6;
/// Phrases that are followed at once.
const PHRASES: usize = 3;

/// What is under way in a text.
struct State {
    before: u64,
    negation: u8,
    degree: f32,
    degree_left: u8,
    weight: f32,
    exclamations: u8,
    is_question: bool,
    is_over: bool,
    opening: Opening,
    /// The last words, for phrases and for degrees behind their word.
    recent: [Said; RING],
    /// Words so far; the last one lies at this place of the ring.
    at: usize,
    /// The phrases of the lexicons that may be under way: the hash of their words so far, and how many those are.
    phrases: [(u64, u8); PHRASES],
    /// How many of them are.
    under_way: usize,
}

/// A word that was said shortly before.
#[derive(Clone, Copy)]
struct Said {
    points: f32,
    start: usize,
    is_negated: bool,
    /// What the model gave, in the table's units.
    polarity: f32,
}

/// Places for them: a power of two that holds a phrase.
const RING: usize = 8;

/// How a text opens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Opening {
    /// Nothing was said but "ok" and the like.
    Silent,
    /// And something kind; the mark that then came, if one did, sets it apart from what follows.
    Kind {
        is_apart: bool,
        is_thanks: bool,
    },
    Over,
}

/// Goes over a text: what stands between a JSON string's quotes.
pub fn read<L: Ledger>(text: &str, language: Language, memo: &mut Memo<'_>, ledger: &mut L) {
    let mut state = State {
        before: 0,
        negation: 0,
        degree: 1.0,
        degree_left: 0,
        weight: 1.0,
        exclamations: 0,
        is_question: false,
        is_over: false,
        opening: Opening::Silent,
        recent: [Said { points: 0.0, start: 0, is_negated: false, polarity: 0.0 }; RING],
        at: 0,
        phrases: [(0, 0); PHRASES],
        under_way: 0,
    };
    for token in Tokens::new(text) {
        match token {
            Token::Word(word) => {
                if state.is_over && state.opening == Opening::Over {
                    state.end_sentence(ledger);
                }
                state.word(&word, language, memo.know(&word), ledger);
            }
            Token::Clause => state.clause(),
            Token::Stop => state.is_over = true,
            Token::Exclamation => {
                state.exclamations = state.exclamations.saturating_add(1);
                state.is_over = true;
            }
            Token::Question => {
                state.is_question = true;
                state.is_over = true;
            }
        }
        if let (Opening::Kind { is_thanks, .. }, false) = (state.opening, matches!(token, Token::Word(_))) {
            state.opening = Opening::Kind { is_apart: true, is_thanks };
        }
    }
    if let Opening::Kind { is_thanks: true, .. } = state.opening {
        ledger.fade(MERELY_POLITE);
        ledger.polite();
    }
    state.end_sentence(ledger);
}

impl State {
    fn end_sentence<L: Ledger>(&mut self, ledger: &mut L) {
        let loud = 1.0 + EXCLAMATION * f32::from(self.exclamations.min(3));
        if self.is_question {
            ledger.question();
        }
        ledger.end(if self.is_question { QUESTION } else { loud });
        self.clause();
        (self.before, self.exclamations, self.is_question, self.is_over) = (0, 0, false, false);
        (self.weight, self.degree, self.degree_left) = (1.0, 1.0, 0);
        self.under_way = 0;
    }

    fn clause(&mut self) {
        self.negation = 0;
        if self.weight < 1.0 {
            self.weight = AFTER_CONTRAST;
        }
    }

    #[inline(always)]
    fn word<L: Ledger>(&mut self, word: &Word, language: Language, known: &Known, ledger: &mut L) {
        let sense = known.sense(language);
        let kind = sense.kind();
        self.open(kind, sense, ledger);
        let emphasis =
            if word.is_loud { LOUD } else { 1.0 } * if word.is_elongated { ELONGATED } else { 1.0 };
        let weight = f32::from(sense.weight) * 0.1;
        let is_negated = self.negation > 0;
        let mut points = 0.0;
        let mut turn = if is_negated { NOT_ANY } else { 1.0 };
        match kind {
            Kind::Value | Kind::Acknowledgement | Kind::Polite => {
                points = weight * self.degree * emphasis * self.weight;
                if is_negated && sense.weight != 0 {
                    turn = if sense.weight > 0 { NOT_GOOD } else { NOT_BAD };
                    points *= turn;
                }
                (self.degree, self.degree_left) = (1.0, 0);
            }
            Kind::Negator | Kind::Concord => {
                points = weight * self.weight;
                turn = 1.0;
                self.negation = match (kind, self.negation) {
                    // "Not without": turned around twice.
                    (Kind::Negator, 1..) if sense.weight == 0 => 0,
                    // "Não gostei de nada": still once.
                    _ => REACH + 1,
                };
            }
            Kind::Intensifier | Kind::Diminisher => {
                let factor = 1.0 + f32::from(sense.weight) * 0.01;
                // "Gostei muito": the degree stands behind its word.
                points = self.recent[self.at % RING].points * (factor - 1.0);
                self.degree = factor * if self.degree_left > 0 { self.degree } else { 1.0 };
                self.degree_left = DEGREE_REACH + 1;
                turn = 1.0;
            }
            Kind::Contrast => {
                ledger.fade(BEFORE_CONTRAST);
                (self.weight, self.negation) = (AFTER_CONTRAST, 0);
            }
            Kind::Concession => (self.weight, self.negation) = (CONCEDED, 0),
            Kind::Opening => turn = SPOKEN_FOR,
            Kind::Request | Kind::Function | Kind::Prefix | Kind::Unknown => {}
        }
        if kind == Kind::Polite {
            turn *= SPOKEN_FOR;
        }
        self.negation = self.negation.saturating_sub(1);
        self.degree_left = self.degree_left.saturating_sub(1);
        if self.degree_left == 0 {
            self.degree = 1.0;
        }
        self.at += 1;
        self.recent[self.at % RING] = Said { points, start: word.start, is_negated, polarity: 0.0 };
        let mut start = word.start;
        let (mut before, mut taken_back) = (0, 0.0);
        let phrase = self.phrase(known, sense, language);
        if let Some((covered, sense)) = phrase {
            let first = self.recent[(self.at + 1 - covered) % RING];
            let mut whole = f32::from(sense.weight) * 0.1 * self.weight * emphasis;
            if first.is_negated {
                whole *= if whole > 0.0 { NOT_GOOD } else { NOT_BAD };
            }
            // It stands for its words, whose points are taken back.
            start = first.start;
            points += whole;
            turn *= SPOKEN_FOR;
            before = covered - 1;
            for back in 0..covered {
                let said = &mut self.recent[(self.at - back) % RING];
                points -= said.points;
                said.points = 0.0;
                taken_back -= said.polarity * (1.0 - SPOKEN_FOR);
                said.polarity *= SPOKEN_FOR;
            }
            self.recent[self.at % RING].points = whole;
            self.negation = 0;
        }
        self.recent[self.at % RING].polarity = turn * known.polarity;
        let (end, covered) = (word.end, before);
        let (has_meaning, before) = (word.has_meaning, self.before);
        ledger.add(&Step { start, end, points, turn, known, has_meaning, before, covered, taken_back });
        self.before = known.hash;
    }

    /// Whether the word ends a phrase of the lexicon: how many words that has, and what it means.
    #[inline(always)]
    fn phrase(&mut self, known: &Known, sense: Sense, language: Language) -> Option<(usize, Sense)> {
        let found = if self.under_way > 0 && sense.continues() {
            self.go_on(known, language)
        } else {
            // Nearly always there is nothing to look up.
            self.under_way = 0;
            None
        };
        if sense.begins() {
            let place = self.under_way % PHRASES;
            self.phrases[place] = (known.hash, 1);
            self.under_way = place + 1;
        }
        found
    }

    /// Follows the phrases that are under way through one more word; the longest that it ends.
    fn go_on(&mut self, known: &Known, language: Language) -> Option<(usize, Sense)> {
        let mut found: Option<(u8, Sense)> = None;
        let mut kept = 0;
        for place in 0..self.under_way {
            let (hash, words) = self.phrases[place];
            let (hash, words) = (super::word::chain(hash, known.hash), words + 1);
            let sense = super::lexicon::find(hash).map(|entry| entry.sense(language)).unwrap_or_default();
            if sense.begins() && words < PHRASE {
                self.phrases[kept] = (hash, words);
                kept += 1;
            }
            let is_longer = found.is_none_or(|(longest, _)| words > longest);
            if is_longer && !matches!(sense.kind(), Kind::Prefix | Kind::Unknown) {
                found = Some((words, sense));
            }
        }
        self.under_way = kept;
        found.map(|(words, sense)| (usize::from(words), sense))
    }

    /// Minds how a text opens: "great, and my order?" is no praise.
    #[inline(always)]
    fn open<L: Ledger>(&mut self, kind: Kind, sense: Sense, ledger: &mut L) {
        match (self.opening, kind) {
            (Opening::Over, _) | (_, Kind::Opening | Kind::Intensifier) => {}
            (Opening::Silent, Kind::Acknowledgement) => {
                self.opening = Opening::Kind { is_apart: false, is_thanks: false };
            }
            (_, Kind::Polite) => self.opening = Opening::Kind { is_apart: false, is_thanks: true },
            (Opening::Kind { .. }, Kind::Acknowledgement) => {}
            (Opening::Silent, _) => {
                self.opening = Opening::Over;
                if self.is_over {
                    self.end_sentence(ledger);
                }
            }
            (Opening::Kind { is_apart, is_thanks }, _) => {
                let goes_on = matches!(kind, Kind::Request | Kind::Function | Kind::Contrast | Kind::Negator);
                if is_apart || is_thanks || (goes_on && sense.weight == 0) {
                    ledger.fade(MERELY_POLITE);
                    ledger.polite();
                }
                self.opening = Opening::Over;
                if self.is_over {
                    self.end_sentence(ledger);
                }
            }
        }
    }
}
