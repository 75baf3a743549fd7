//! The same answer with every word's share: for people who ask why, and for the training.

use super::calibration::{self, Label, Rating};
use super::memo::Memo;
use super::model::{Language, Model};
use super::rules::{self, Ledger, SPOKEN_FOR, Step};
use super::tally::{Counter, Tally, share};
use super::word::Key;

/// A word of a text with all that bears on its share.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trace {
    /// Where it begins, in bytes.
    pub start: usize,
    /// Where it ends.
    pub end: usize,
    /// What the rules give it, in points, before the sentence's factors.
    pub points: f32,
    /// By what the model's polarity of the word counts.
    pub turn: f32,
    /// What contrast, question and exclamation make of all of it.
    pub scale: f32,
    /// Its share of the logit of positive against negative, before `scale`.
    pub share: f32,
    /// Its letters.
    pub key: Key,
    /// Their hash.
    pub hash: u64,
    /// The word before it, zero where there is none.
    pub before: u64,
}

/// Every word of a text as the rules leave it, and the text's sums.
#[must_use]
pub fn trace(text: &str, language: Language, model: &Model<'_>, memo: &mut Memo<'_>) -> (Vec<Trace>, Tally) {
    let mut tally = Tally::default();
    let counter = Counter::new(text, language, model, &mut tally, None);
    let numbers = model.numbers[language as usize];
    let share_of = |step: &Step<'_>| share(step, model, &numbers)[0];
    let mut recorder = Recorder { counter, share_of, traces: Vec::new(), sentence: 0 };
    rules::read(text, language, memo, &mut recorder);
    (recorder.traces, tally)
}

struct Recorder<'a, 'm, F> {
    counter: Counter<'a, 'm>,
    share_of: F,
    traces: Vec<Trace>,
    /// Where the sentence under way begins.
    sentence: usize,
}

impl<F: Fn(&Step<'_>) -> f32> Ledger for Recorder<'_, '_, F> {
    fn add(&mut self, step: &Step<'_>) {
        let &Step { start, end, points, turn, known, before, covered, .. } = step;
        let share = (self.share_of)(step);
        let (key, hash) = (known.key, known.hash);
        let reach = self.traces.len() - covered.min(self.traces.len() - self.sentence);
        for trace in &mut self.traces[reach..] {
            trace.turn *= SPOKEN_FOR;
        }
        self.traces.push(Trace { start, end, points, turn, scale: 1.0, share, key, hash, before });
        self.counter.add(step);
    }

    fn fade(&mut self, factor: f32) {
        for trace in &mut self.traces[self.sentence..] {
            trace.scale *= factor;
        }
        self.counter.fade(factor);
    }

    fn end(&mut self, factor: f32) {
        for trace in &mut self.traces[self.sentence..] {
            trace.scale *= factor;
        }
        self.sentence = self.traces.len();
        self.counter.end(factor);
    }

    fn question(&mut self) {
        self.counter.question();
    }

    fn polite(&mut self) {
        self.counter.polite();
    }
}

/// An answer with its reasons.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// The class.
    pub label: Label,
    /// The probabilities, `None` where there are no words.
    pub rating: Option<Rating>,
    /// Every word as it is spelled, and its share of [`Rating::logit`]; the last one, `(bias)`, is no word's.
    pub contributions: Vec<(String, f32)>,
}

/// Explains a text, which is plain text and no JSON, by the model that is built in.
#[must_use]
pub fn explain(text: &str, language: Language) -> Explanation {
    let model = &super::model::BUILT_IN;
    let numbers = &model.numbers[language as usize];
    let text = escaped(text);
    let (traces, tally) = trace(&text, language, model, &mut Memo::new(model.table));
    let rating = Rating::of(&tally, numbers);
    let factor = calibration::factor(&tally, numbers);
    let words = traces.iter().map(|trace| {
        let spelling = text.get(trace.start..trace.end).unwrap_or_default();
        (spelling.to_owned(), trace.share * trace.scale * factor)
    });
    let bias = ("(bias)".to_owned(), numbers.bias * numbers.sharpness);
    let contributions = words.chain(std::iter::once(bias)).collect();
    let label = rating.map_or(Label::NoSignal, |rating| rating.label(numbers));
    Explanation { label, rating, contributions }
}

/// Plain text as it stands between the quotes of a JSON string.
#[must_use]
pub fn escaped(text: &str) -> String {
    let quoted = serde_json::Value::from(text).to_string();
    quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned()
}
